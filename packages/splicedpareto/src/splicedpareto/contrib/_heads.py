"""Output layers for the baseline distributions of this package.

Bins without tails need no head of their own: `SplicedBinnedParetoHead` with both masses 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.contrib._hybrid_pareto import HybridPareto
from splicedpareto.contrib._student_t import StudentT
from splicedpareto.distributions import Gaussian, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._checks import require_real, require_whole
from splicedpareto.nn._head_checks import check_raw
from splicedpareto.nn._heads import (
    SOFTPLUS_ONE,
    DistributionHead,
    LocationScaleHead,
    initial_concentration,
    logit,
    positive,
)

if TYPE_CHECKING:
    from splicedpareto.distributions._base import ScalarDistribution

# Largest concentration of any tail, so that the mean exists.
_HEAVIEST = 0.9


class StudentTHead(LocationScaleHead):
    r"""State to `StudentT`.

    :math:`\nu = 1 / 0.9 + \operatorname{softplus}(r)`, so that neither tail is heavier than
    :math:`\xi = 0.9`, the heaviest of `SplicedBinnedParetoHead`.

    Args:
        in_features: Width ``C`` of the state.
        location: Initial location, in units of the outcome.
        scale: Initial scale, and the unit in which both are learned.

    Raises:
        ValueError: `scale` is not positive.
    """

    def __init__(self, in_features: int, *, location: float = 0.0, scale: float = 1.0) -> None:
        super().__init__(in_features, 3, location, scale)
        with torch.no_grad():
            self.linear.bias[1] = SOFTPLUS_ONE
            self.linear.bias[2] = 3.0  # df of 4.2

    def distribution(self, raw: Tensor) -> StudentT:
        """The distribution for raw parameters ``(*B, 3)``: location, scale, degrees of freedom."""
        check_raw(raw, self.raw_features)
        return StudentT(
            1 / _HEAVIEST + nn.functional.softplus(raw[..., 2]),
            *self.parameters_of(raw[..., 0], raw[..., 1]),
            validate_args=False,
        )


class GaussianMixtureHead(LocationScaleHead):
    """State to a `Mixture` of Gaussians: a mixture density network (Bishop 1994).

    Args:
        in_features: Width ``C`` of the state.
        components: Number ``K`` of components, at least 1.
        location: Center of the initial means, which are evenly spaced within one `scale` of it.
        scale: Initial spread, and the unit in which means and deviations are learned.

    Raises:
        ValueError: No component, or `scale` is not positive.
    """

    def __init__(
        self, in_features: int, *, components: int = 3, location: float = 0.0, scale: float = 1.0
    ) -> None:
        _check_components(components)
        super().__init__(in_features, 3 * components, location, scale)
        self.components = components
        with torch.no_grad():
            self.linear.bias[components : 2 * components] = _spread(components)
            self.linear.bias[2 * components :] = SOFTPLUS_ONE

    def distribution(self, raw: Tensor) -> Mixture:
        """The distribution for raw parameters ``(*B, 3 K)``: logits, means, deviations."""
        check_raw(raw, self.raw_features)
        logits, mean, deviation = raw.chunk(3, dim=-1)
        each = zip(*(p.unbind(-1) for p in self.parameters_of(mean, deviation)), strict=True)
        parts = [Gaussian(*parameters, validate_args=False) for parameters in each]
        return Mixture(logits, parts, validate_args=False)


class HybridParetoHead(LocationScaleHead):
    r"""State to a `HybridPareto`, or to a `Mixture` of them.

    With one component it is the published univariate distribution; with more, the conditional
    mixture of Carreau and Bengio (2009), "A hybrid Pareto mixture for conditional asymmetric
    fat-tailed distributions", IEEE Transactions on Neural Networks 20(7), whose network has the
    same outputs. :math:`\xi` stays in (0, 0.9).

    Args:
        in_features: Width ``C`` of the state.
        components: Number ``K`` of components, at least 1.
        location: Center of the initial modes.
        scale: Initial spread, and the unit in which modes and scales are learned.

    Raises:
        ValueError: No component, or `scale` is not positive.
    """

    def __init__(
        self, in_features: int, *, components: int = 1, location: float = 0.0, scale: float = 1.0
    ) -> None:
        _check_components(components)
        weights = components if components > 1 else 0
        super().__init__(in_features, weights + 3 * components, location, scale)
        self.components = components
        with torch.no_grad():
            mode, spread, concentration = self.linear.bias[weights:].chunk(3)
            mode.copy_(_spread(components))
            spread.fill_(SOFTPLUS_ONE)
            concentration.fill_(logit(0.1 / _HEAVIEST))

    def distribution(self, raw: Tensor) -> ScalarDistribution:
        """Distribution of raw parameters: logits unless `K` is 1, modes, scales, concentrations."""
        check_raw(raw, self.raw_features)
        mode, scale, concentration = raw[..., -3 * self.components :].chunk(3, dim=-1)
        parameters = *self.parameters_of(mode, scale), _HEAVIEST * concentration.sigmoid()
        each = zip(*(p.unbind(-1) for p in parameters), strict=True)
        parts = [HybridPareto(*of_one, validate_args=False) for of_one in each]
        if self.components == 1:
            return parts[0]
        return Mixture(raw[..., : self.components], parts, validate_args=False)


class QuantileParetoHead(DistributionHead):
    r"""State to non-crossing quantiles, linear between them, with generalized Pareto tails.

    The outermost level is the lower threshold; every other quantile adds a positive increment.
    The distribution function is linear between the quantiles, so the distribution is a
    `SplicedBinnedPareto` whose bins have fixed probabilities and learned edges.

    Args:
        in_features: Width ``C`` of the state.
        levels: Increasing quantile levels within (0, 1), at least 2; the tails start at the
            outermost.
        quantiles: Initial quantiles at the levels, increasing, in units of the outcome.
        concentration_range: Open interval in which both concentrations stay.

    Raises:
        ValueError: Levels or quantiles that do not increase or do not match, or an empty range.

    References:
        Park, Maddix, Aubet, Kan, Gasthaus and Wang (2022), "Learning Quantile Functions without
        Quantile Crossing for Distribution-free Time Series Forecasting", AISTATS, section 4: the
        increments and the generalized Pareto tails, trained by the CRPS. The linear pieces are
        those of Gasthaus et al. (2019), AISTATS.
    """

    log_masses: Tensor
    unit: Tensor
    start: Tensor

    def __init__(
        self,
        in_features: int,
        levels: Tensor,
        quantiles: Tensor,
        *,
        concentration_range: tuple[float, float] = (0.0, _HEAVIEST),
    ) -> None:
        for name, given in (("levels", levels), ("quantiles", quantiles)):
            require_real(name, given)
            if given.dim() != 1:
                raise ValueError(f"{name} must have shape (Q,), got {tuple(given.shape)}.")
        count = levels.shape[-1]
        super().__init__(in_features, count + 4)
        masses = torch.cat([levels[:1], levels.diff(), 1 - levels[-1:]])
        if count < 2 or not bool((masses > 0).all()):
            raise ValueError(
                f"levels must be at least 2, increasing within (0, 1), got {levels.tolist()}."
            )
        if quantiles.shape != levels.shape or not bool((quantiles.diff() > 0).all()):
            raise ValueError(
                f"quantiles must be {count} increasing numbers, one for each level, got "
                f"{quantiles.tolist()}."
            )
        start = initial_concentration(concentration_range)
        self.concentration_range = concentration_range
        self.count = count
        self.register_buffer("log_masses", masses.log())
        self.register_buffer("start", quantiles[:1].clone())
        self.register_buffer("unit", quantiles.diff())
        with torch.no_grad():
            self.linear.bias[1 : count + 2] = SOFTPLUS_ONE
            self.linear.bias[count + 2 :] = start

    def distribution(self, raw: Tensor) -> SplicedBinnedPareto:
        """Distribution of raw ``(*B, K + 4)``: start, increments, scales, concentrations."""
        check_raw(raw, self.raw_features)
        count = self.count
        # The start is learned in units of the whole range.
        first = self.start + self.unit.sum() * raw[..., :1]
        steps = self.unit * positive(raw[..., 1:count])
        edges = torch.cat([first, first + steps.cumsum(-1)], -1)
        # Initially the density is continuous at the outermost quantiles.
        outer = (self.log_masses[[0, -1]] - self.log_masses[[1, -2]]).exp() * self.unit[[0, -1]]
        scales = outer * positive(raw[..., count : count + 2])
        lowest, highest = self.concentration_range
        concentration = lowest + (highest - lowest) * raw[..., count + 2 :].sigmoid()
        return SplicedBinnedPareto(
            self.log_masses.expand(*raw.shape[:-1], -1),
            edges,
            concentration[..., 0],
            concentration[..., 1],
            scales[..., 0],
            scales[..., 1],
            splice="edge",
            validate_args=False,
        )


def _spread(components: int) -> Tensor:
    """Evenly spaced locations from -1 to 1; a single one at 0."""
    return torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1)


def _check_components(components: int) -> None:
    require_whole("components", components, 1)
