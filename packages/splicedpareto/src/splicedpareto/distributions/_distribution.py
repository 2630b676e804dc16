"""The distribution of a spliced binned-Pareto distribution, on values laid out as columns.

Everything here takes and gives tensors of shape ``(*B, S)``: `S` values beside each of the
batch's parameters. `SplicedBinnedPareto` is the torch distribution around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from splicedpareto.distributions._bins import log_mass_between
from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._tails import select

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._bins import Bins
    from splicedpareto.distributions._tails import Tail

__all__ = ["Body", "SplicedDistribution", "between"]


class Body(NamedTuple):
    """The bins cut to the body, each of shape ``(*B, K)``; a bin outside it has width zero.

    Attributes:
        left: Left ends of what remains of the bins.
        right: Right ends.
        density: Densities within the bins.
        cdf_left: Distribution function at the left ends.
        cdf_right: Distribution function at the right ends.
        sf_left: Survival function at the left ends.
        sf_right: Survival function at the right ends.
    """

    left: Tensor
    right: Tensor
    density: Tensor
    cdf_left: Tensor
    cdf_right: Tensor
    sf_left: Tensor
    sf_right: Tensor


@dataclass(frozen=True, eq=False)
class SplicedDistribution:
    """Bins between two generalized Pareto tails.

    Args:
        bins: The binned distribution before splicing.
        first: Number of the bin that holds the lower threshold, shape ``(*B, 1)``.
        last: Number of the bin that holds the upper threshold.
        lower: The lower tail, entries of shape ``(*B, 1)``.
        upper: The upper tail.
    """

    bins: Bins
    first: Tensor
    last: Tensor
    lower: Tail
    upper: Tail

    @lazy
    def body(self) -> Body:
        """All bins, cut to the body."""
        bins, low, high = self.bins, self.lower.threshold, self.upper.threshold
        probs, below, above = bins.probs, bins.below, bins.above
        lower_mass, upper_mass = self.lower.log_mass.exp(), self.upper.log_mass.exp()
        return Body(
            left=between(bins.edges[..., :-1], low, high),
            right=between(bins.edges[..., 1:], low, high),
            density=probs / bins.edges.diff(),
            cdf_left=torch.maximum(below, lower_mass),
            cdf_right=torch.minimum(below + probs, 1 - upper_mass),
            sf_left=torch.minimum(above + probs, 1 - lower_mass),
            sf_right=torch.maximum(above, upper_mass),
        )

    def clip(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Clip values to the body and number their bins."""
        return between(value, self.lower.threshold, self.upper.threshold), self.bin(value)

    def bin(self, value: Tensor) -> Tensor:
        """Numbers of the bins that hold values once clipped to the body."""
        # A threshold on an edge belongs to the bin on the side of the body.
        return between(self.bins.locate(value), self.first, self.last)

    def excess(self, value: Tensor) -> tuple[Tensor, Tensor, Tail]:
        """Excess of each value in its tail (zero in the body), whether upper, and that tail."""
        above, below = value - self.upper.threshold, self.lower.threshold - value
        is_upper = above > 0
        # In the body both are negative, and neither has a gradient.
        return torch.maximum(above, below).clamp(min=0), is_upper, self.tail(is_upper)

    def tail(self, is_upper: Tensor) -> Tail:
        """The upper tail where asked for, else the lower."""
        return select(is_upper, self.upper, self.lower)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        number = self.bin(value)
        excess, _, tail = self.excess(value)
        in_tail = tail.log_mass + tail.log_density(excess)
        return torch.where(excess == 0, self.bins.log_density(number), in_tail)

    def cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities on either side of values, the smaller with all its digits."""
        inside, number = self.clip(value)
        below, above = self.bins.cell(number).sides(inside)
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
        (start, first), (stop, last) = self.clip(lower), self.clip(upper)
        low, high = self.lower, self.upper
        pieces = [
            low.log_mass_between(
                (low.threshold - upper).clamp(min=0), (low.threshold - lower).clamp(min=0)
            ),
            log_mass_between(start, self.bins.cell(first), stop, self.bins.cell(last)),
            high.log_mass_between(
                (lower - high.threshold).clamp(min=0), (upper - high.threshold).clamp(min=0)
            ),
        ]
        outside = self.cdf_and_sf(lower)[0] + self.cdf_and_sf(upper)[1]
        mostly = outside < 0.5
        complement = torch.log1p(-torch.where(mostly, outside, 0))
        return torch.where(mostly, complement, log_sum_exp(torch.stack(pieces)))

    def quantile(self, cdf: Tensor, sf: Tensor, log_cdf: Tensor, log_sf: Tensor) -> Tensor:
        """Smallest value at a level given four ways, each accurate where it is used."""
        from_left = cdf < sf
        number = self.bins.locate_mass(torch.where(from_left, cdf, sf), ~from_left)
        cell = self.bins.cell(between(number, self.first, self.last))
        body = torch.where(from_left, cell.quantile(cdf), cell.upper_quantile(sf))
        body = between(body, self.lower.threshold, self.upper.threshold)
        is_upper = log_sf < self.upper.log_mass
        in_tail = is_upper | (log_cdf < self.lower.log_mass)
        tail = self.tail(is_upper)
        log_beyond = torch.where(is_upper, log_sf, log_cdf)
        excess = tail.excess_at(torch.where(in_tail, log_beyond, tail.log_mass))
        outer = torch.where(is_upper, tail.threshold + excess, tail.threshold - excess)
        return torch.where(in_tail, outer, body)


def between(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Clip values to [low, high], bounds broadcast."""
    return torch.clamp(value, low, high)


def _log_of_smaller(probability: Tensor, complement: Tensor) -> Tensor:
    """Log of a probability, from its complement where that is smaller."""
    small = probability < complement
    log1p = torch.log1p(-torch.where(small, 0, complement))
    return torch.where(small, safe_log(torch.where(small, probability, 0)), log1p)
