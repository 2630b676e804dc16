"""Formulas of the spliced binned-Pareto distribution, on values laid out as columns.

Everything here takes and gives tensors of shape ``(*B, S)``: `S` values beside each of the
batch's parameters. `SplicedBinnedPareto` is the torch distribution around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._bins import Bins, Cell, bin_share, log_mass_between
from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._lookup import gather
from splicedpareto.distributions._tails import Tail, Tails

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._parameters import SplicedParameters


@dataclass(frozen=True, eq=False)
class SplicedDistribution:
    """Bins between two generalized Pareto tails.

    Where the tails start is found first, without gradient. Thresholds, scales and the bins that
    a method needs then come from one look-up in the softmax, whose gradient is one table.

    Args:
        parameters: The parameters, checked.
    """

    parameters: SplicedParameters

    @lazy
    def bins(self) -> Bins:
        """The binned distribution before splicing."""
        is_edge = self.parameters.splice == "edge"
        return Bins(self.parameters.logits, self.parameters.edges, int(is_edge))

    @lazy
    def splice(self) -> tuple[Tensor, Tensor]:
        """Indices of the bins that hold the lower and the upper threshold, each ``(*B, 1)``.

        With the quantile splice the sums from the left, and from the right, exceed the masses in
        them, so that they have probability, also where a mass is zero.
        """
        shape, last_bin = (*self.parameters.batch_shape, 1), self.bins.count - 1
        if self.parameters.splice == "edge":
            index = torch.arange(0, last_bin + 1, max(last_bin, 1), device=self.bins.edges.device)
            return index[:1].expand(shape), index[-1:].expand(shape)
        lower, upper = (mass[..., None].expand(shape) for mass in self.parameters.masses)
        first = self.bins.sums.first_reaching(lower, from_right=False, exceed=True)
        last = self.bins.sums.first_reaching(upper, from_right=True, exceed=True)
        first = first.clamp(max=last_bin)
        # Masses that nearly meet are rounded past each other.
        return first, torch.maximum(last, first).clamp(max=last_bin)

    @lazy
    def tails(self) -> Tails:
        """The lower and the upper tail, entries of shape ``(*B, 1)``."""
        # Of another distribution, with which the tables of its sums are freed.
        other = SplicedDistribution(self.parameters)
        return other.look_up(other.splice[0][..., :0])[0]

    @property
    def lower(self) -> Tail:
        """The lower tail, entries of shape ``(*B, 1)``."""
        return self.tails.lower

    @property
    def upper(self) -> Tail:
        """The upper tail."""
        return self.tails.upper

    def look_up(self, index: Tensor, *, with_sums: bool = True) -> tuple[Tails, Cell]:
        """Both tails, and bins by their indices ``(*B, S)``.

        Args:
            index: Indices of bins.
            with_sums: Whether the probabilities on either side of the bins are needed.
        """
        parameters, bins = self.parameters, self.bins
        # Values may widen the batch.
        first, last = (entry.expand((*index.shape[:-1], 1)) for entry in self.splice)
        count = index.shape[-1]
        columns = count if with_sums else 0
        if parameters.splice == "edge":
            at = torch.cat([index + 1, first, last + 2, first + 1, last + 1], -1)
            log_prob, below, above = bins.sums.look_up(at, columns)
            prob = log_prob.exp()[..., :count]
            log_prob, log_mass, beside = torch.split(log_prob, [count, 2, 2], -1)
            low, high = gather(bins.edges, first), gather(bins.edges, last + 1)
        else:
            at = torch.cat([first, last, index], -1)
            log_prob, below, above = bins.sums.look_up(at, 2 + columns)
            prob = log_prob.exp()
            beside, log_prob = log_prob[..., :2], log_prob[..., 2:]
            masses, log_mass = parameters.mass_columns
            outside = torch.cat([below[..., :1], above[..., 1:2]], -1)
            step = gather(bins.widths, at[..., :2]) * bin_share(masses - outside, prob[..., :2])
            low = gather(bins.edges, first) + step[..., :1]
            high = torch.maximum(low, gather(bins.edges, last + 1) - step[..., 1:])
            prob, below, above = prob[..., 2:], below[..., 2:], above[..., 2:]
        tied = None
        if parameters.has_tied_scale:
            both = torch.cat([first, last], -1)
            log_scale = log_mass - beside + gather(bins.widths, both).log()
            # A tail without mass has no scale; any positive number keeps its formulas finite.
            tied = torch.where(log_mass.isneginf(), 0, log_scale).exp()
        entries = zip(
            (low, high),
            parameters.concentration_columns,
            parameters.scale_columns(tied),
            log_mass.chunk(2, -1),
            strict=True,
        )
        lower, upper = (Tail(*entry) for entry in entries)
        return Tails(lower, upper), Cell(
            bins.edges, bins.widths, index, log_prob, prob, below, above
        )

    def place(self, value: Tensor) -> Place:
        """Values with all that areas from or up to them need, from one look-up."""
        index = self.bin_index(value)
        ends = (entry.expand((*index.shape[:-1], 1)) for entry in self.splice)
        tails, cell = self.look_up(torch.cat([index, *ends], -1))
        return Place(self.bins, value, tails, *cell.split(index.shape[-1], 1, 1))

    def bin_index(self, value: Tensor) -> Tensor:
        """Indices of the bins that hold values once clamped to the body."""
        # A threshold on an edge belongs to the bin on the side of the body.
        return self.bins.locate(value).clamp(*self.splice)

    def clip(self, value: Tensor) -> Tensor:
        """Clamp values to the body."""
        return self.tails.clip(value)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        return log_density(*self.look_up(self.bin_index(value), with_sums=False), value)

    def cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities on either side of values, the smaller with all its digits."""
        return sides(*self.look_up(self.bin_index(value)), value)

    def log_cdf_and_log_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities on either side of values."""
        found = self.look_up(self.bin_index(value))
        is_below, accurate, in_body, log_beyond = _lesser_side(*found, value)
        small = accurate < 0.5
        near_one = safe_log(torch.where(small, 1, 1 - accurate))
        rest = torch.where(small, torch.log1p(-torch.where(small, accurate, 0)), near_one)
        in_bins = safe_log(torch.where(in_body, accurate, 1))
        log_accurate = torch.where(in_body, in_bins, log_beyond)
        return torch.where(is_below, log_accurate, rest), torch.where(is_below, rest, log_accurate)

    def log_prob_interval(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Log-probability of (lower, upper]: the sum of its parts in both tails and the body.

        Where the interval holds most of the mass, one minus the mass outside it.
        """
        ends = torch.cat([lower, upper], -1)
        tails, cell = self.look_up(self.bin_index(ends))
        low, high = tails
        start, stop = tails.clip(ends).chunk(2, -1)
        pieces = [
            low.log_mass_between(
                (low.threshold - upper).clamp(min=0), (low.threshold - lower).clamp(min=0)
            ),
            log_mass_between(start, stop, *cell.split(lower.shape[-1], upper.shape[-1])),
            high.log_mass_between(
                (lower - high.threshold).clamp(min=0), (upper - high.threshold).clamp(min=0)
            ),
        ]
        cdf, sf = sides(tails, cell, ends)
        outside = cdf[..., : lower.shape[-1]] + sf[..., lower.shape[-1] :]
        mostly = outside < 0.5
        complement = torch.log1p(-torch.where(mostly, outside, 0))
        return torch.where(mostly, complement, log_sum_exp(torch.stack(pieces)))

    def quantile(self, cdf: Tensor, sf: Tensor, logs: tuple[Tensor, Tensor] | None) -> Tensor:
        """Smallest value at a level given by both sides, and their logarithms where known."""
        from_left = cdf < sf
        index = self.bins.locate_mass(torch.minimum(cdf, sf), ~from_left)
        tails, cell = self.look_up(index.clamp(*self.splice))
        low, high = tails
        body = tails.clip(cell.quantile(cdf, sf, from_left))
        if logs is None:
            is_upper = sf < high.log_mass.exp()
            in_tail = is_upper | (cdf < low.log_mass.exp())
            log_beyond = safe_log(torch.where(is_upper, sf, cdf))
        else:
            is_upper = logs[1] < high.log_mass
            in_tail = is_upper | (logs[0] < low.log_mass)
            log_beyond = torch.where(is_upper, logs[1], logs[0])
        tail = tails.select(is_upper)
        excess = tail.excess_at(torch.where(in_tail, log_beyond, tail.log_mass))
        outer = torch.where(is_upper, high.threshold + excess, low.threshold - excess)
        return torch.where(in_tail, outer, body)

    @property
    def body_edges(self) -> Tensor:
        """Bin edges clamped to the body, ``(*B, K + 1)``; a bin outside it has width zero."""
        return self.clip(self.bins.edges)

    @property
    def body_mass(self) -> Tensor:
        """Probabilities of the clamped bins."""
        return self.bins.probs * (self.body_edges.diff() / self.bins.widths)


@dataclass(frozen=True, eq=False)
class Place:
    """Values, the tails, and the bins that hold the values and both thresholds.

    Args:
        bins: The bins.
        value: Values, shape ``(*B, S)``.
        tails: Both tails.
        cell: The bins that hold the values once clamped to the body.
        first: The bin that holds the lower threshold.
        last: The bin that holds the upper threshold.
    """

    bins: Bins
    value: Tensor
    tails: Tails
    cell: Cell
    first: Cell
    last: Cell


def log_density(tails: Tails, cell: Cell, value: Tensor) -> Tensor:
    """Log-density at values, from both tails and the bins that hold the values."""
    _, excess, is_upper = tails.excess(value)
    tail = tails.select(is_upper)
    in_tail = tail.log_mass + tail.log_density(excess)
    return torch.where(excess == 0, cell.log_density, in_tail)


def sides(tails: Tails, cell: Cell, value: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities on either side of values, from both tails and the bins that hold them."""
    is_below, accurate, _, _ = _lesser_side(tails, cell, value)
    rest = 1 - accurate
    return torch.where(is_below, accurate, rest), torch.where(is_below, rest, accurate)


def _lesser_side(tails: Tails, cell: Cell, value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Whether the side that has all its digits is below values, and its probability.

    Beyond the body it is the side away from it, whose logarithm comes last, after the mark of
    values in the body.
    """
    inside, excess, is_upper = tails.excess(value)
    below, above = cell.sides(inside)
    is_lower_half, in_body = below < above, excess == 0
    log_beyond = tails.select(is_upper).log_beyond(excess)
    in_bins = torch.where(is_lower_half, below, above)
    # Written without `where`, which ONNX Runtime lacks for truth values.
    is_below = (in_body & is_lower_half) | ~(in_body | is_upper)
    return is_below, torch.where(in_body, in_bins, log_beyond.exp()), in_body, log_beyond
