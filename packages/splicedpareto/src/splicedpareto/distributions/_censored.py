"""A variable whose values beyond a bound are reported as the bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._accurate import as_accurate
from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_shapes,
    heaviest_atom,
    interval,
    tensor_options,
)
from splicedpareto.distributions._checks import as_tensor, require, resolve_validation
from splicedpareto.distributions._kernels import log_sum_exp, width_of
from splicedpareto.distributions._mixture import Mixture
from splicedpareto.distributions._quadrature import Rule

if TYPE_CHECKING:
    from torch.distributions import Distribution


class Censored(ScalarDistribution):
    r"""Distribution of a base variable reported as ``min(max(X, low), high)``.

    A mixed distribution: the mass beyond each bound sits on the bound as an atom, and the density
    between is the base's. `log_prob` at a bound is the log of the atom's mass, between the bounds
    the log-density of the base, outside ``-inf``.

    Args:
        base: Scalar distribution with the methods `cdf`, `sf`, `log_cdf` and `log_sf`, continuous
            or a `Mixture`; one of torch's `Normal`, `LogNormal` or `GeneralizedPareto` is taken as
            ours. A family that is not this package's needs `icdf` for moments, and gives no CRPS.
        low: Lower bound in units of the outcome, broadcastable to ``(*B,)``; may be ``-inf``.
        high: Upper bound above `low`; may be ``inf``.
        validate_args: As in `SplicedBinnedPareto`.

    Raises:
        ValueError: If a bound is NaN, `low` is not below `high`, the base has events, or has
            atoms and is no `Mixture`.
        TypeError: If the base gives no accurate tails.

    Example:
        >>> dist = Censored(torch.distributions.Normal(0.0, 1.0), -math.inf, 0.0)
        >>> dist.log_prob(torch.tensor([0.0, 1.0])).exp()
        tensor([0.5000, 0.0000])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "low": constraints.dependent,
        "high": constraints.dependent,
    }
    has_rsample = True
    is_continuous = False

    def __init__(
        self,
        base: Distribution,
        low: Tensor | float,
        high: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        validating = resolve_validation(validate_args)
        accurate = as_accurate(base)
        if not (accurate.is_continuous or isinstance(accurate, Mixture)):
            raise ValueError(
                f"base must be continuous, got {base!r}: censor first, then discretize."
            )
        options = tensor_options(accurate)
        low, high = as_tensor("low", low, **options), as_tensor("high", high, **options)
        batch_shape = broadcast_shapes(
            accurate.batch_shape, low.shape, high.shape, what="The base's batch, low and high"
        )
        expands = accurate.batch_shape != batch_shape
        self.base = accurate.expand(batch_shape) if expands else accurate
        self.low, self.high = low.expand(batch_shape), high.expand(batch_shape)
        super().__init__(batch_shape, validate_args=False)
        self.has_rsample = accurate.has_rsample
        self.validating = validating
        if validating:
            require(self.low < self.high, "low", "below high", self.low)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The closed interval between the bounds."""
        return interval(self.low, self.high)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density between the bounds, log mass of the atom at a bound, ``-inf`` outside."""
        value = self._value(value)
        between = self._outside(value)
        between = between + self.base.log_prob(value.clamp(self.low, self.high))
        return self._with_bounds(value, between)

    def log_mass(self, value: Tensor) -> Tensor:
        """Log-probability of `value` itself, as `log_prob` at a bound and at the base's atoms."""
        value = self._value(value)
        between = self._outside(value)
        if getattr(self.base, "is_continuous", True):
            between = torch.full_like(between, -math.inf)
        else:
            between = between + self.base.log_mass(value.clamp(self.low, self.high))
        return self._with_bounds(value, between)

    def _outside(self, value: Tensor) -> Tensor:
        """Minus infinity outside the bounds, 0 between them."""
        outside = (value < self.low) | (value > self.high)
        return torch.where(outside, -math.inf, 0).to(value.dtype)

    def _with_bounds(self, value: Tensor, between: Tensor) -> Tensor:
        """Put the logs of the masses on both bounds beside those of values between them."""
        at_low, at_high = self.base.log_cdf(self.low), self.base.log_sf(self.high)
        if not getattr(self.base, "is_continuous", True):
            at_high = log_sum_exp(torch.stack([at_high, self.base.log_mass(self.high)]))
        log_prob = torch.where(value == self.high, at_high, between)
        return torch.where(value == self.low, at_low, log_prob)

    @property
    def breakpoints(self) -> Tensor:
        """The bounds, where finite, and the base's within them, shape ``(*B, N)``."""
        low, high = self.low[..., None], self.high[..., None]
        if not hasattr(self.base, "breakpoints"):
            return torch.cat([low, high], -1)
        inner = torch.minimum(torch.maximum(self.base.breakpoints, low), high)
        return torch.cat([low, inner, high], -1)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`; jumps at the bounds."""
        value = self._value(value)
        cdf = torch.where(value < self.low, 0, self.base.cdf(value))
        return torch.where(value >= self.high, 1, cdf)

    def cdf_below(self, value: Tensor) -> Tensor:
        """Probability of less than `value`: `cdf` without the atom on `value`."""
        value = self._value(value)
        below = getattr(self.base, "cdf_below", self.base.cdf)
        cdf = torch.where(value <= self.low, 0, below(value))
        return torch.where(value > self.high, 1, cdf)

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        value = self._value(value)
        sf = torch.where(value < self.low, 1, self.base.sf(value))
        return torch.where(value >= self.high, 0, sf)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        value = self._value(value)
        log_cdf = torch.where(value < self.low, -math.inf, self.base.log_cdf(value))
        return torch.where(value >= self.high, 0, log_cdf)

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        value = self._value(value)
        log_sf = torch.where(value < self.low, 0, self.base.log_sf(value))
        return torch.where(value >= self.high, -math.inf, log_sf)

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; an atom on `upper` counts, on `lower` does not."""
        lower, upper = self._value(lower, "lower"), self._value(upper, "upper")
        empty = (upper < self.low) | (lower >= self.high)
        start = torch.where(empty | (lower < self.low), -math.inf, lower)
        stop = torch.where(empty | (upper >= self.high), math.inf, upper)
        if width is not None:
            is_whole = (start == lower) & (stop == upper)
            width = torch.where(is_whole, self._value(width, "width"), width_of(start, stop))
        mass = self.base.log_prob_interval(start, stop, width=width)
        return torch.where(empty, -math.inf, mass)

    def icdf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `cdf` reaches `value`."""
        return self.base.icdf(self._level(value)).clamp(self.low, self.high)

    def isf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `sf` falls to `value`."""
        return self.base.isf(self._level(value)).clamp(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """Mean; finite where both bounds are."""
        return self.base.clamped_mean(self.low, self.high)

    @property
    def mode(self) -> Tensor:
        """The heaviest atom, or the base's mode where the bounds hold no mass."""
        atom, has_atom = heaviest_atom(self)
        if bool(has_atom.all()):
            return atom
        return torch.where(has_atom, atom, self.base.mode)

    @property
    def peaks(self) -> Tensor:
        """The base's, which between the bounds has the same density."""
        return self.base.peaks

    @property
    def knots(self) -> Tensor:
        """The bounds, where finite, and the base's within them."""
        low, high = self.low[..., None], self.high[..., None]
        inner = torch.minimum(torch.maximum(self.base.knots, low), high)
        return torch.cat([low, inner, high], -1)

    def quadrature(self, knots: Tensor | None = None) -> Rule:
        """The base's between the bounds, and the atoms on them."""
        ends = torch.stack([self.low, self.high], -1)
        # An infinite bound cuts nothing: any value of the base stands for it.
        ends = torch.where(ends.isfinite(), ends, self.base.median.detach()[..., None])
        cuts = ends if knots is None else torch.cat([ends, knots.expand(*self.batch_shape, -1)], -1)
        rule = self.base.quadrature(cuts)
        inside = (rule.value > self.low) & (rule.value < self.high)
        prob = torch.where(inside, rule.prob, 0)
        value = torch.where(inside, rule.value, ends[..., 0])
        at_low, at_high = self.log_mass(self.low), self.log_mass(self.high)
        atoms = torch.where(
            torch.stack([self.low, self.high]).isfinite(), torch.stack([at_low, at_high]).exp(), 0
        )
        # Nothing lies beyond a bound, however far out it cuts a tail.
        bound = torch.where(rule.value > self.base.median, self.high, self.low)
        piece = torch.where(bound.isfinite(), 0, rule.piece)
        return Rule(
            torch.cat([value, ends.movedim(-1, 0)]),
            torch.cat([prob, atoms]),
            torch.cat([rule.is_atom & inside, torch.ones_like(atoms, dtype=torch.bool)]),
            torch.cat([piece, torch.zeros_like(atoms, dtype=torch.long)]),
            rule.tails,
        )

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``, within the nearer of both pairs of bounds."""
        low, high = self._bounds(low, high)
        ends = (torch.minimum(torch.maximum(end, low), high) for end in (self.low, self.high))
        return self.base.clamped_mean(*ends)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high]; nothing is uncertain beyond the bounds."""
        value, (low, high) = self._value(value), self._range(low, high)
        start, stop = (
            torch.minimum(torch.maximum(end, self.low), self.high) for end in (low, high)
        )
        at = torch.minimum(torch.maximum(value, low), high)
        missed = (at - torch.maximum(low, self.high)).clamp(min=0)
        missed = missed + (torch.minimum(high, self.low) - at).clamp(min=0)
        return self.base.crps_between(value, start, stop) + missed

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draw, with pathwise gradients where the base has them, zero at the bounds."""
        draw = self.base.rsample if self.has_rsample else self.base.sample
        return draw(sample_shape, generator=generator).clamp(self.low, self.high)

    def _expanded(self, batch_shape: torch.Size) -> Censored:
        low, high = self.low.expand(batch_shape), self.high.expand(batch_shape)
        return Censored(self.base.expand(batch_shape), low, high, validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base!r})"
