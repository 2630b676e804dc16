"""Formulas of the spliced binned-Pareto distribution, on values laid out as columns.

Everything here takes and gives tensors of shape ``(*B, S)``: `S` values beside each of the
batch's parameters. `SplicedBinnedPareto` is the torch distribution around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._base import widened
from splicedpareto.distributions._bins import Bins, Cell, bin_share, log_mass_between
from splicedpareto.distributions._kernels import log_sum_exp, safe_log, width_of
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._lookup import rank
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
        lower, upper = (mass.unsqueeze(-1) for mass in self.parameters.masses)
        first = self.bins.sums.first_reaching(lower, from_right=False, exceed=True)
        last = self.bins.sums.first_reaching(upper, from_right=True, exceed=True)
        first = first.clamp(max=last_bin)
        # Masses that nearly meet are rounded past each other.
        return widened(first, shape), widened(torch.maximum(last, first), shape)

    @lazy
    def tails(self) -> Tails:
        """The lower and the upper tail, entries of shape ``(*B, 1)``."""
        # Of another distribution, with which the tables of its sums are freed.
        other = SplicedDistribution(self.parameters)
        return other.look_up()[0]

    @property
    def lower(self) -> Tail:
        """The lower tail, entries of shape ``(*B, 1)``."""
        return self.tails.lower

    @property
    def upper(self) -> Tail:
        """The upper tail."""
        return self.tails.upper

    def look_up(self, *index: Tensor, with_sums: bool = True) -> tuple[Tails, tuple[Cell, ...]]:
        """Both tails, the bins that hold their thresholds, and bins by their indices.

        Args:
            index: Indices of bins, each of shape ``(*B, S)`` with an `S` of its own.
            with_sums: Whether the probabilities on either side of the bins are needed.

        Returns:
            The tails, and the bins of the lower threshold, of the upper one and of each index.
        """
        parameters, bins = self.parameters, self.bins
        # Values may widen the batch.
        batch = index[0].shape[:-1] if index else parameters.batch_shape
        at = [*(widened(entry, (*batch, 1)) for entry in self.splice), *index]
        summed = len(at) if with_sums else 2 - 2 * bins.offset
        if bins.offset:
            first, last, *cells, below, above = bins.cells(*at, at[0] - 1, at[1] + 1, summed=summed)
            log_lower, log_upper = below.log_prob, above.log_prob
            low, high = first.left, last.right
        else:
            first, last, *cells = bins.cells(*at, summed=summed)
            lower, upper = (mass.unsqueeze(-1) for mass in parameters.masses)
            log_lower, log_upper = safe_log(lower), safe_log(upper)
            low = first.left + first.width * bin_share(lower - first.below, first.prob)
            high = last.right - last.width * bin_share(upper - last.above, last.prob)
            high = torch.maximum(low, high)
        # A tail without mass has no scale; any positive number keeps its formulas finite.
        scales = (
            torch.where(log_mass.isneginf(), 0, log_mass - cell.log_density).exp()
            if scale is None
            else parameters.column(scale)
            for scale, log_mass, cell in zip(
                parameters.scales, (log_lower, log_upper), (first, last), strict=True
            )
        )
        concentrations = (parameters.column(entry) for entry in parameters.concentrations)
        entries = zip((low, high), concentrations, scales, (log_lower, log_upper), strict=True)
        return Tails(*(Tail(*entry) for entry in entries)), (first, last, *cells)

    def place(self, value: Tensor) -> Place:
        """Values with all that areas from or up to them need, from one look-up."""
        tails, (first, last, cell) = self.look_up(self.bin_index(value))
        return Place(self.bins, value, tails, cell, first, last)

    def bin_index(self, value: Tensor) -> Tensor:
        """Indices of the bins that hold values once clamped to the body."""
        # A threshold on an edge belongs to the bin on the side of the body.
        return (rank(self.bins.edges, value, right=True) - 1).clamp(*self.splice)

    def clip(self, value: Tensor) -> Tensor:
        """Clamp values to the body."""
        return self.tails.clip(value)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        tails, (*_, cell) = self.look_up(self.bin_index(value), with_sums=False)
        return log_density(tails, cell, value)

    def cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities on either side of values, the smaller with all its digits."""
        tails, (*_, cell) = self.look_up(self.bin_index(value))
        return sides(tails, cell, value)

    def log_cdf_and_log_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities on either side of values."""
        tails, (*_, cell) = self.look_up(self.bin_index(value))
        is_below, accurate, in_body, log_beyond = _lesser_side(tails, cell, value)
        small = accurate < 0.5
        near_one = safe_log(torch.where(small, 1, 1 - accurate))
        rest = torch.where(small, torch.log1p(-torch.where(small, accurate, 0)), near_one)
        in_bins = safe_log(torch.where(in_body, accurate, 1))
        log_accurate = torch.where(in_body, in_bins, log_beyond)
        return torch.where(is_below, log_accurate, rest), torch.where(is_below, rest, log_accurate)

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]: the sum of its parts in both tails and the body.

        Where the interval holds most of the mass, one minus the mass outside it. The width of each
        part is a difference of its own ends, or given: that of two excesses is rounded to the size
        of the excess.
        """
        tails, (*_, first, last) = self.look_up(self.bin_index(lower), self.bin_index(upper))
        low, high = tails
        start, stop = tails.clip(lower), tails.clip(upper)
        below, above = torch.minimum(upper, low.threshold), torch.maximum(lower, high.threshold)
        in_low, in_body = width_of(lower, below), width_of(start, stop)
        in_high = width_of(above, upper)
        if width is not None:
            in_low = torch.where(upper <= low.threshold, width, in_low)
            in_body = torch.where((start == lower) & (stop == upper), width, in_body)
            in_high = torch.where(lower >= high.threshold, width, in_high)
        pieces = [
            low.log_mass_between((low.threshold - upper).clamp(min=0), in_low.clamp(min=0)),
            log_mass_between(start, stop, in_body, first, last),
            high.log_mass_between((lower - high.threshold).clamp(min=0), in_high.clamp(min=0)),
        ]
        outside = sides(tails, first, lower)[0] + sides(tails, last, upper)[1]
        mostly = outside < 0.5
        complement = torch.log1p(-torch.where(mostly, outside, 0))
        return torch.where(mostly, complement, log_sum_exp(torch.stack(pieces)))

    def quantile(self, cdf: Tensor, sf: Tensor, logs: tuple[Tensor, Tensor] | None) -> Tensor:
        """Smallest value at a level given by both sides, and their logarithms where known."""
        from_left = cdf < sf
        index = self.bins.locate_mass(torch.minimum(cdf, sf), ~from_left)
        tails, (*_, cell) = self.look_up(index.clamp(*self.splice))
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
        hazard = torch.where(in_tail, tail.log_mass - log_beyond, 0).clamp(min=0)
        excess = tail.excess_of(hazard)
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
