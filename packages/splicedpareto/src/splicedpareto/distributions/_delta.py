"""All probability on one value."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_tensors,
    interval,
)
from splicedpareto.distributions._checks import (
    require_finite,
    require_tensor,
    resolve_validation,
)
from splicedpareto.distributions._quadrature import Rule


class Delta(ScalarDistribution):
    r"""Distribution with all its probability on one value, an atom.

    `log_prob` is the log of a mass, with respect to the counting measure: 0 at the value, ``-inf``
    elsewhere. A component of a `Mixture`.

    Args:
        loc: The value, finite, shape ``(*B,)``, in units of the outcome.
        validate_args: As in torch.

    Raises:
        ValueError: If `loc` is not finite.
        TypeError: If `loc` is a tensor of whole numbers, or no tensor and no number.

    Example:
        >>> Delta(2.0).cdf(torch.tensor([1.9, 2.0]))
        tensor([0., 1.])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"loc": constraints.real}
    has_rsample = True
    is_continuous = False

    def __init__(self, loc: Tensor | float, *, validate_args: bool | None = None) -> None:
        validating = resolve_validation(validate_args)
        require_tensor("loc", loc, or_number=True)
        self.loc = loc if isinstance(loc, Tensor) else torch.tensor(float(loc))
        if not self.loc.is_floating_point():
            raise TypeError(f"loc must be floating-point, got {self.loc.dtype}.")
        super().__init__(self.loc.shape, validate_args=False)
        self.validating = validating
        if validating:
            require_finite("loc", self.loc)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The value alone."""
        return interval(self.loc, self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-mass: 0 at `loc`, ``-inf`` elsewhere, NaN at NaN."""
        value = self._value(value)
        log_mass = torch.where(value == self.loc, 0, -math.inf).to(self.loc.dtype)
        return torch.where(value.isnan(), math.nan, log_mass)

    def log_mass(self, value: Tensor) -> Tensor:
        """Log-probability of `value`, as `log_prob`."""
        return self.log_prob(value)

    @property
    def breakpoints(self) -> Tensor:
        """The value, shape ``(*B, 1)``."""
        return self.loc[..., None]

    def _indicator(self, value: Tensor, holds: Tensor) -> Tensor:
        return torch.where(value.isnan(), math.nan, holds.to(self.loc.dtype))

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`, 0 or 1."""
        value = self._value(value)
        return self._indicator(value, value >= self.loc)

    def cdf_below(self, value: Tensor) -> Tensor:
        """Probability of less than `value`, 0 or 1."""
        value = self._value(value)
        return self._indicator(value, value > self.loc)

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`, 0 or 1."""
        value = self._value(value)
        return self._indicator(value, value < self.loc)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self.cdf(value).log()

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self.sf(value).log()

    def log_prob_interval(
        self,
        lower: Tensor,
        upper: Tensor,
        *,
        width: Tensor | None = None,  # noqa: ARG002  # the ends decide
    ) -> Tensor:
        """Log-probability of (lower, upper]; the value counts on `upper`, not on `lower`."""
        lower, upper = self._value(lower, "lower"), self._value(upper, "upper")
        holds = (lower < self.loc) & (upper >= self.loc)
        return self._indicator(torch.where(lower.isnan(), lower, upper), holds).log()

    def icdf(self, value: Tensor) -> Tensor:
        """The value, at any level."""
        level = self._level(value)
        loc, level = broadcast_tensors(self.loc, level)
        return torch.where(level.isnan(), math.nan, loc)

    def isf(self, value: Tensor) -> Tensor:
        """The value, at any level."""
        return self.icdf(value)

    @property
    def mean(self) -> Tensor:
        """Mean, `loc`."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """Mode, `loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Variance, 0."""
        return torch.zeros_like(self.loc)

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, 0."""
        return torch.zeros_like(self.loc)

    def entropy(self) -> Tensor:
        """Entropy of the masses, 0."""
        return torch.zeros_like(self.loc)

    def quadrature(self, knots: Tensor | None = None) -> Rule:  # noqa: ARG002  # one value
        """The value, with probability 1."""
        prob = torch.ones_like(self.loc)[None]
        return Rule(self.loc[None], prob, prob > 0, torch.zeros_like(prob, dtype=torch.long), 0)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Absolute error, of it what lies within [low, high]."""
        value, (low, high) = self._value(value), self._range(low, high)
        at, loc = (torch.minimum(torch.maximum(v, low), high) for v in (value, self.loc))
        return (at - loc).abs()

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Return ``min(max(loc, low), high)``."""
        low, high = self._bounds(low, high)
        return torch.minimum(torch.maximum(self.loc, low), high)

    def _draw(
        self,
        sample_shape: torch.Size,
        generator: torch.Generator | None,  # noqa: ARG002  # nothing is random
    ) -> Tensor:
        return self.loc.expand(sample_shape + self.batch_shape)

    def _expanded(self, batch_shape: torch.Size) -> Delta:
        return Delta(self.loc.expand(batch_shape), validate_args=False)
