"""Parameters of a spliced binned-Pareto distribution: their rules and what they define."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from splicedpareto.distributions._base import broadcast_shapes, broadcast_tensors
from splicedpareto.distributions._bins import Bins, bin_share
from splicedpareto.distributions._checks import are_all, require, require_finite
from splicedpareto.distributions._distribution import SplicedDistribution
from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._lookup import gather
from splicedpareto.distributions._tails import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["DEFAULT_MASS", "Splice", "SplicedParameters"]

Splice = Literal["quantile", "edge"]
Pair = tuple["Tensor", "Tensor"]

# Ehrlich, Callot and Aubet (2021), section 4: the 5th and the 95th percentile.
DEFAULT_MASS = 0.05


@dataclass(frozen=True, eq=False)
class SplicedParameters:
    """Parameters as given, of one dtype and device, before they are broadcast.

    Pairs hold the lower and the upper tail's. Their meaning is `SplicedBinnedPareto`'s.
    """

    logits: Tensor
    edges: Tensor
    concentrations: Pair
    scales: tuple[Tensor | None, Tensor | None]
    masses: Pair
    splice: Splice

    @property
    def _tensors(self) -> list[Tensor]:
        scales = [scale for scale in self.scales if scale is not None]
        return [self.logits, self.edges, *self.concentrations, *scales, *self.masses]

    @lazy
    def batch_shape(self) -> torch.Size:
        """Shape to which all parameters broadcast, without the bins' dimension."""
        with_bins, scalars = self._tensors[:2], self._tensors[2:]
        return broadcast_shapes(
            *(tensor.shape[:-1] for tensor in with_bins), *(tensor.shape for tensor in scalars)
        )

    def check_structure(self) -> None:
        """Raise unless types and shapes fit each other and the splice."""
        if self.splice not in {"quantile", "edge"}:
            raise ValueError(f"splice must be 'quantile' or 'edge', got {self.splice!r}.")
        if self.splice == "edge" and not _are_default(self.masses):
            raise ValueError(
                "lower_mass and upper_mass must be left out with splice='edge', got "
                f"{self.masses[0].tolist()} and {self.masses[1].tolist()}: the first and last "
                "logits hold the tails' probabilities there, and -inf switches a tail off."
            )
        if self.edges.dim() == 0 or self.edges.shape[-1] < 2:
            raise ValueError(
                f"edges must hold at least 2 edges, got shape {tuple(self.edges.shape)}."
            )
        bins = self.edges.shape[-1] - 1
        entries = bins + 2 * (self.splice == "edge")
        if self.logits.dim() == 0 or self.logits.shape[-1] != entries:
            raise ValueError(
                f"logits must end in {entries} entries for {bins} bins and "
                f"splice={self.splice!r}, got shape {tuple(self.logits.shape)}."
            )
        try:
            _ = self.batch_shape
        except RuntimeError as error:
            raise ValueError(f"The parameters' shapes must broadcast: {error}.") from error

    @torch.no_grad()
    def check_values(self) -> None:
        """Raise unless every parameter keeps its rule."""
        if self._are_surely_sound():
            return
        require_finite("edges", self.edges)
        steps = self.edges.diff()
        require(steps > 0, "edges", "strictly increasing, with steps above 0", steps)
        bins = self.logits if self.splice == "quantile" else self.logits[..., 1:-1]
        usable = ~self.logits.isnan() & (self.logits != math.inf)
        require(usable, "logits", "finite or -inf", self.logits)
        largest = bins.amax(-1)
        require(largest > -math.inf, "logits", "finite for at least one bin", largest)
        for side, concentration in zip(_SIDES, self.concentrations, strict=True):
            require_finite(f"{side}_concentration", concentration)
        for side, mass in zip(_SIDES, self.masses, strict=True):
            require((mass >= 0) & (mass < 1), f"{side}_mass", "in [0, 1)", mass)
        both = self.masses[0] + self.masses[1]
        rule = "below 1, to leave a body between the tails"
        require(both < 1, "lower_mass + upper_mass", rule, both)
        for side, scale in zip(_SIDES, self.scales, strict=True):
            if scale is not None:
                rule = "positive and finite"
                require((scale > 0) & (scale < math.inf), f"{side}_scale", rule, scale)

    def _are_surely_sound(self) -> bool:
        """Whether every rule is surely kept, in few passes; if not, the single checks decide."""
        lower, upper = self.masses
        scales = [scale for scale in self.scales if scale is not None]
        positive = _joined([self.edges.diff(), *scales, 1 - (lower + upper)])
        # NaN where any entry of a row is, and infinite where one or all are.
        largest = [self.logits.amax(-1)]
        if self.splice == "edge":
            largest.append(self.logits[..., 1:-1].amax(-1))
        total = _joined([positive, *self.concentrations, *largest]).sum()
        least = torch.minimum(lower.amin(), upper.amin())
        return are_all((total - total == 0) & (positive.amin() > 0) & (least >= 0))

    @torch.no_grad()
    def check_tied_scales(self) -> None:
        """Raise unless a tied scale is finite: the bin beside an edge splice may be empty."""
        # Not `None in`: torch compares a tensor with it in 0.1 ms.
        if all(scale is not None for scale in self.scales):
            return
        scales = self.distribution().tails.scale.unbind(-1)
        for side, free, scale in zip(_SIDES, self.scales, scales, strict=True):
            if free is None:
                rule = "finite: the bin beside the splice must not be empty, or give the scale"
                require((scale > 0) & scale.isfinite(), f"the tied {side}_scale", rule, scale)

    def distribution(self) -> SplicedDistribution:
        """Find the thresholds, tie the scales that are left out, and splice."""
        bins = Bins(self.logits, self.edges, int(self.splice == "edge"))
        splice = self._splice_at_edges if self.splice == "edge" else self._splice_at_quantiles
        both, threshold, log_prob, log_mass = splice(bins)
        scale = self._scale(log_mass, log_prob - gather(bins.widths, both).log())
        tails = Tail(threshold, self._columns(self.concentrations), scale, log_mass)
        return SplicedDistribution(bins, both[..., :1], both[..., 1:], tails)

    def _splice_at_edges(self, bins: Bins) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Outermost bins and edges; log-probabilities of those bins and of what is outside."""
        shape = (*self.batch_shape, 4)
        last = bins.count - 1
        entries = torch.tensor([1, last + 1, 0, last + 2], device=self.edges.device).expand(shape)
        log_prob, log_mass = bins.log_prob_of_entries(entries).chunk(2, -1)
        both = entries[..., :2] - 1
        threshold = gather(self.edges, both + entries.new_tensor([0, 1]))
        return both, threshold, log_prob, log_mass

    def _splice_at_quantiles(self, bins: Bins) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The bins within which the masses are exceeded, the quantiles, and log-probabilities."""
        # Logarithms before the batch: masses are mostly single numbers.
        masses = torch.stack(broadcast_tensors(*self.masses), -1)
        log_mass = safe_log(masses).expand((*self.batch_shape, 2))
        masses = masses.expand((*self.batch_shape, 2))
        first = bins.sums.first_reaching(masses[..., :1], from_right=False, exceed=True)
        last = bins.sums.first_reaching(masses[..., 1:], from_right=True, exceed=True)
        both = torch.cat([first, last], -1).clamp(0, bins.count - 1)
        first, last = both[..., :1], both[..., 1:]
        log_prob, below, above = bins.sums.look_up(both, first, last)
        step = gather(bins.widths, both) * bin_share(
            masses - torch.cat([below, above], -1), log_prob
        )
        lower = gather(self.edges, first) + step[..., :1]
        upper = gather(self.edges, last + 1) - step[..., 1:]
        # Masses that nearly meet are rounded past each other.
        threshold = torch.cat([lower, torch.maximum(lower, upper)], -1)
        return torch.cat([first, torch.maximum(first, last)], -1), threshold, log_prob, log_mass

    def _scale(self, log_mass: Tensor, log_density: Tensor) -> Tensor:
        """Scales as given, or tied: the mass over the density of the bin at the splice."""
        free = [scale for scale in self.scales if scale is not None]
        if len(free) == 2:
            return self._columns(free)
        # A tail without mass has no scale; any positive number keeps its formulas finite.
        tied = torch.where(log_mass.isneginf(), 0, log_mass - log_density).exp()
        return self._columns(
            [t if s is None else s for s, t in zip(self.scales, tied.unbind(-1), strict=True)]
        )

    def _columns(self, both: Sequence[Tensor]) -> Tensor:
        """Parameters of the lower and of the upper tail in two columns, ``(*B, 2)``."""
        return torch.stack([parameter.expand(self.batch_shape) for parameter in both], -1)


_SIDES = ("lower", "upper")


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _are_default(masses: Pair) -> bool:
    default = masses[0].new_tensor(DEFAULT_MASS)
    return all(mass.is_meta or torch.equal(mass, default) for mass in masses)
