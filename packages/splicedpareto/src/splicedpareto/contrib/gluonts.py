"""Distribution output for GluonTS's PyTorch models. Needs the extra ``gluonts``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from splicedpareto.contrib._scaled import check_scaled, scaled_head
from splicedpareto.distributions import Delta, Mixture
from splicedpareto.distributions._checks import require, require_finite, require_real
from splicedpareto.nn import MixtureHead
from splicedpareto.nn._edges import check_support
from splicedpareto.nn._head_checks import check_masses
from splicedpareto.nn._heads import initial_concentration
from splicedpareto.objectives import composite_nll

try:
    from gluonts.core.component import validated
    from gluonts.torch.distributions import DistributionOutput
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "splicedpareto.contrib.gluonts needs GluonTS and its PyTorch models: pip install "
        "'splicedpareto[gluonts]'."
    ) from missing

if TYPE_CHECKING:
    from splicedpareto.distributions import SplicedBinnedPareto
    from splicedpareto.nn import DistributionHead, MovingBinsHead, SplicedBinnedParetoHead

__all__ = ["SplicedBinnedParetoOutput"]


class SplicedBinnedParetoOutput(DistributionOutput):  # type: ignore[misc]  # untyped
    r"""A `SplicedBinnedPareto` at every step, for DeepAR, SimpleFeedForward and their like.

    These models divide each series by its scale. The bins lie in those units and are transformed
    back with the series' location and scale, so that the forecast does not depend on the units of
    a series. Bins are narrow near 0 and widen outwards, with edges at
    :math:`r \sinh(4 t) / \sinh(4)` for even :math:`t` in :math:`[-1, 1]`. Trained by
    `composite_nll`.

    Series that are never below, or above, a bound have bins from that bound on, and no tail there;
    between two bounds they are even. A value that occurs often, such as 0 in intermittent demand,
    may be an atom: the distribution is then a `Mixture`.

    Args:
        bins: Number of bins.
        reach: Outermost edge :math:`r > 0`, in scales of the series.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        highest_concentration: Upper bound of both tails' concentrations; the lower bound is 0.
        support: Lowest and highest possible value, in units of the series, None for no end.
        atoms: Values with a probability of their own, in units of the series.
        moving: Whether the bins move by a location and a scale which the network gives beside them,
            as in `MovingBinsHead`; otherwise they are the same at every step of a series.

    Raises:
        ValueError: An argument breaks its rule: `reach` is not positive, the masses leave no body,
            bins are no whole number, or an atom lies outside the support.

    Example:
        >>> from gluonts.torch import DeepAREstimator
        >>> output = SplicedBinnedParetoOutput(bins=50)
        >>> estimator = DeepAREstimator(freq="D", prediction_length=7, distr_output=output)
    """

    # GluonTS records and checks the arguments, to store a trained predictor.
    @validated()  # type: ignore[no-untyped-call,untyped-decorator]
    def __init__(
        self,
        # GluonTS would make a whole number of 1.5 before it could be refused.
        bins: object = 100,
        reach: float = 20.0,
        lower_mass: float = 0.05,
        upper_mass: float = 0.05,
        highest_concentration: float = 0.9,
        # Spelled out: GluonTS evaluates it where only built-in names are known.
        support: tuple[float | None, float | None] = (None, None),
        atoms: tuple[float, ...] = (),
        moving: bool = True,
    ) -> None:
        super().__init__()
        whole = cast("int", bins)
        check_scaled(whole, reach, support)
        check_masses(lower_mass, upper_mass)
        initial_concentration((0.0, highest_concentration))
        places = torch.tensor(atoms, dtype=torch.float64)
        if not places.isfinite().all():
            raise ValueError(f"atoms must be finite, got {atoms}.")
        check_support(support, places)
        self.bins = whole
        self.reach = reach
        self.lower_mass = lower_mass
        self.upper_mass = upper_mass
        self.highest_concentration = highest_concentration
        self.support = support
        self.atoms = atoms
        self.moving = moving

    def _head(self, in_features: int) -> SplicedBinnedParetoHead | MovingBinsHead:
        return scaled_head(
            in_features,
            bins=self.bins,
            reach=self.reach,
            lower_mass=self.lower_mass,
            upper_mass=self.upper_mass,
            highest_concentration=self.highest_concentration,
            support=self.support,
            moving=self.moving,
        )

    @cached_property
    def _links(self) -> SplicedBinnedParetoHead | MovingBinsHead:
        """The map from raw parameters, whatever the width of the state."""
        # Its initial weights, which nothing reads, must not take numbers from a seeded forecast.
        with torch.random.fork_rng(devices=()):
            return self._head(1)

    @property
    def value_in_support(self) -> float:
        """What GluonTS pads series with: 0, or an end of a support without it."""
        low, high = self.support
        if (low is None or low <= 0) and (high is None or high >= 0):
            return 0.0
        return float(low if low is not None and low > 0 else cast("float", high))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Outcomes are scalars."""
        return ()

    def get_args_proj(self, in_features: int) -> nn.Module:
        """Layer from a state to the raw parameters, a tuple of one tensor."""
        head = self._head(in_features)
        if not self.atoms:
            return _RawParameters(head)
        return _RawParameters(MixtureHead(in_features, [*self.atoms, head]))

    def distribution(
        self,
        distr_args: tuple[Tensor],
        loc: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> SplicedBinnedPareto | Mixture:
        """Distribution of raw parameters ``(*B, P)``, transformed by location and scale.

        Raises:
            ValueError: A location is not finite, or a scale not positive and finite.
        """
        for name, entry in (("loc", loc), ("scale", scale)):
            if entry is not None:
                require_real(name, entry)
                require_finite(f"{name} of a series", entry)
        if scale is not None:
            require(scale > 0, "scale of a series", "positive", scale)
        weights = len(self.atoms) + 1 if self.atoms else 0
        logits, raw = distr_args[0][..., :weights], distr_args[0][..., weights:]
        low, high = self.support
        location: Tensor | float = 0.0 if loc is None else loc
        spread: Tensor | float = 1.0 if scale is None else scale
        if low is not None or high is not None:
            # Bins count from the bound, which a series' location does not move.
            location = cast("float", low if low is not None else high)
        if low is not None and high is not None:
            location, spread = 0.0, 1.0
        base = self._links.to(raw.device).distribution(raw).affine(location, spread)
        if not self.atoms:
            return base
        places = [Delta(logits.new_tensor(atom), validate_args=False) for atom in self.atoms]
        return Mixture(logits, [*places, base], validate_args=False)

    def loss(
        self,
        target: Tensor,
        distr_args: tuple[Tensor],
        loc: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> Tensor:
        """Composite negative log-likelihood of each target, in nats.

        Raises:
            ValueError: A target is NaN, infinite or outside the support.
        """
        require_real("target", target)
        low, high = self.support
        inside = target.isfinite()
        if low is not None:
            inside = inside & (target >= low)
        if high is not None:
            inside = inside & (target <= high)
        # With which some models fill gaps; their losses do not count.
        possible = inside | (target == 0)
        require(possible, "target", f"finite and within support {self.support}", target)
        return composite_nll(self.distribution(distr_args, loc, scale), target)


class _RawParameters(nn.Module):
    """Linear part of a head, in the form that GluonTS expects."""

    def __init__(self, head: DistributionHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, state: Tensor) -> tuple[Any, ...]:
        """Raw parameters, shape ``(*B, P)``, as a tuple of one tensor."""
        return (self.head.raw_parameters(state),)
