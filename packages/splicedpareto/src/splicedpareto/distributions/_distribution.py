"""Formulas of the spliced binned-Pareto distribution, on values laid out as columns.

Everything here takes and gives tensors of shape ``(*B, S)``: `S` values beside each of the
batch's parameters. `SplicedBinnedPareto` is the torch distribution around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._bins import log_mass_between
from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._bins import Bins
    from splicedpareto.distributions._tails import Tail

__all__ = ["SplicedDistribution"]


@dataclass(frozen=True, eq=False)
class SplicedDistribution:
    """Bins between two generalized Pareto tails.

    Args:
        bins: The binned distribution before splicing.
        first: Index of the bin that holds the lower threshold, shape ``(*B, 1)``.
        last: Index of the bin that holds the upper threshold.
        tails: The lower and the upper tail in two columns, entries of shape ``(*B, 2)``.
    """

    bins: Bins
    first: Tensor
    last: Tensor
    tails: Tail

    @lazy
    def lower(self) -> Tail:
        """The lower tail, entries of shape ``(*B, 1)``."""
        return self.tails.columns(slice(0, 1))

    @lazy
    def upper(self) -> Tail:
        """The upper tail."""
        return self.tails.columns(slice(1, 2))

    @property
    def body_edges(self) -> Tensor:
        """Bin edges clamped to the body, ``(*B, K + 1)``; a bin outside it has width zero."""
        return self.bins.edges.clamp(self.lower.threshold, self.upper.threshold)

    @property
    def body_cdf(self) -> Tensor:
        """Distribution function at the clamped edges."""
        lower_mass, upper_mass = self.lower.log_mass.exp(), self.upper.log_mass.exp()
        return self.bins.cdf_at_edges.clamp(lower_mass, 1 - upper_mass)

    @property
    def body_sf(self) -> Tensor:
        """Survival function at the clamped edges, from the last to the first."""
        lower_mass, upper_mass = self.lower.log_mass.exp(), self.upper.log_mass.exp()
        return self.bins.sf_at_edges.clamp(upper_mass, 1 - lower_mass)

    def clip(self, value: Tensor) -> Tensor:
        """Clamp values to the body."""
        return value.clamp(self.lower.threshold, self.upper.threshold)

    def bin_index(self, value: Tensor) -> Tensor:
        """Indices of the bins that hold values once clamped to the body."""
        # A threshold on an edge belongs to the bin on the side of the body.
        return self.bins.locate(value).clamp(self.first, self.last)

    def excess(self, value: Tensor) -> tuple[Tensor, Tensor, Tail]:
        """Excess of each value in its tail (zero in the body), whether upper, and that tail."""
        above, below = value - self.upper.threshold, self.lower.threshold - value
        is_upper = above > 0
        # In the body both are negative, and neither has a gradient.
        return torch.maximum(above, below).clamp(min=0), is_upper, self.tails.select(is_upper)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        excess, _, tail = self.excess(value)
        in_tail = tail.log_mass + tail.log_density(excess)
        in_body = self.bins.log_density(self.bin_index(value))
        return torch.where(excess == 0, in_body, in_tail)

    def cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities on either side of values, the smaller with all its digits."""
        below, above = self.bins.cell(self.bin_index(value)).sides(self.clip(value))
        is_lower_half = below < above
        excess, is_upper, tail = self.excess(value)
        in_body = excess == 0
        beyond = tail.log_beyond(excess).exp()
        accurate = torch.where(in_body, torch.where(is_lower_half, below, above), beyond)
        # Written without `where`, which ONNX Runtime lacks for truth values.
        is_below = (in_body & is_lower_half) | ~(in_body | is_upper)
        rest = 1 - accurate
        return torch.where(is_below, accurate, rest), torch.where(is_below, rest, accurate)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Log-probability of at most a value."""
        cdf, sf = self.cdf_and_sf(value)
        excess, is_upper, tail = self.excess(value)
        in_tail = (excess != 0) & ~is_upper
        return torch.where(in_tail, tail.log_beyond(excess), _log_of_smaller(cdf, sf))

    def log_sf(self, value: Tensor) -> Tensor:
        """Log-probability of more than a value."""
        cdf, sf = self.cdf_and_sf(value)
        excess, is_upper, tail = self.excess(value)
        in_tail = (excess != 0) & is_upper
        return torch.where(in_tail, tail.log_beyond(excess), _log_of_smaller(sf, cdf))

    def log_prob_interval(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Log-probability of (lower, upper]: the sum of its parts in both tails and the body.

        Where the interval holds most of the mass, one minus the mass outside it.
        """
        ends = torch.cat([lower, upper], -1)
        start, stop = self.clip(ends).chunk(2, -1)
        first, last = self.bins.cell(self.bin_index(ends)).chunk()
        low, high = self.lower, self.upper
        pieces = [
            low.log_mass_between(
                (low.threshold - upper).clamp(min=0), (low.threshold - lower).clamp(min=0)
            ),
            log_mass_between(start, first, stop, last),
            high.log_mass_between(
                (lower - high.threshold).clamp(min=0), (upper - high.threshold).clamp(min=0)
            ),
        ]
        cdf, sf = self.cdf_and_sf(ends)
        outside = cdf[..., : lower.shape[-1]] + sf[..., lower.shape[-1] :]
        mostly = outside < 0.5
        complement = torch.log1p(-torch.where(mostly, outside, 0))
        return torch.where(mostly, complement, log_sum_exp(torch.stack(pieces)))

    def quantile(self, cdf: Tensor, sf: Tensor, log_cdf: Tensor, log_sf: Tensor) -> Tensor:
        """Smallest value at a level given four ways, each accurate where it is used."""
        from_left = cdf < sf
        index = self.bins.locate_mass(torch.minimum(cdf, sf), ~from_left)
        cell = self.bins.cell(index.clamp(self.first, self.last))
        body = self.clip(torch.where(from_left, cell.quantile(cdf), cell.upper_quantile(sf)))
        is_upper = log_sf < self.upper.log_mass
        in_tail = is_upper | (log_cdf < self.lower.log_mass)
        tail = self.tails.select(is_upper)
        log_beyond = torch.where(is_upper, log_sf, log_cdf)
        excess = tail.excess_at(torch.where(in_tail, log_beyond, tail.log_mass))
        outer = torch.where(is_upper, tail.threshold + excess, tail.threshold - excess)
        return torch.where(in_tail, outer, body)


def _log_of_smaller(probability: Tensor, complement: Tensor) -> Tensor:
    """Log of a probability, from its complement where that is smaller."""
    small = probability < complement
    log1p = torch.log1p(-torch.where(small, 0, complement))
    return torch.where(small, safe_log(torch.where(small, probability, 0)), log1p)
