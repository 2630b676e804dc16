"""Parameters of a spliced binned-Pareto distribution: their rules and what they define."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from splicedpareto.distributions._base import broadcast_shapes, widened
from splicedpareto.distributions._checks import (
    lie_within,
    require,
    require_choice,
    require_finite,
)
from splicedpareto.distributions._lazy import lazy

if TYPE_CHECKING:
    from torch import Tensor

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
        require_choice("splice", self.splice, "quantile", "edge")
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
        _ = self.batch_shape

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
        (lower, upper), (left, right) = self.masses, self.concentrations
        scales = [scale for scale in self.scales if scale is not None]
        # A finite sum has neither NaN nor infinity in it, and takes a third of the time.
        sums = left.sum() + right.sum(), self.logits.sum()
        if not (
            lie_within(-math.ulp(0), 1, lower, upper, lower + upper)
            and lie_within(0, math.inf, self.edges.diff(), *scales)
        ):
            return False
        if lie_within(-math.inf, math.inf, *sums):
            return True
        # NaN where any entry of a row is, and infinite where one or all are.
        bins = self.logits if self.splice == "quantile" else self.logits[..., 1:-1]
        largest = self.logits.amax(-1), bins.amax(-1)
        return lie_within(-math.inf, math.inf, sums[0], *largest)

    @property
    def has_tied_scale(self) -> bool:
        """Whether a scale is left out."""
        # Not `None in`: torch compares a tensor with it in 0.1 ms.
        return any(scale is None for scale in self.scales)

    def check_tied_scales(self, *both: Tensor) -> None:
        """Raise unless a tied scale is finite: the bin beside an edge splice may be empty.

        Args:
            both: Scales of the lower and of the upper tail, given or tied, ``(*B, 1)``.
        """
        for side, given, scale in zip(_SIDES, self.scales, both, strict=True):
            if given is None:
                rule = "finite: the bin beside the splice must not be empty, or give the scale"
                require((scale > 0) & scale.isfinite(), f"the tied {side}_scale", rule, scale)

    def column(self, parameter: Tensor) -> Tensor:
        """A parameter of the tails as a column beside the batch, shape ``(*B, 1)``."""
        return widened(parameter, self.batch_shape).unsqueeze(-1)


_SIDES = ("lower", "upper")


def _are_default(masses: Pair) -> bool:
    default = masses[0].new_tensor(DEFAULT_MASS)
    return all(mass.is_meta or torch.equal(mass, default) for mass in masses)
