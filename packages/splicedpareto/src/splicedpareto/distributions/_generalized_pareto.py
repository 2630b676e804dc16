"""The generalized Pareto distribution of excesses over a threshold, with both tails' digits."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import interval, tensor_options
from splicedpareto.distributions._checks import require_finite
from splicedpareto.distributions._kernels import log1mexp, safe_log, width_of
from splicedpareto.distributions._location_scale import LocationScale
from splicedpareto.distributions._tails import Tail


class GeneralizedPareto(LocationScale):
    r"""Generalized Pareto distribution (GPD), the limit of excesses over a high threshold.

    .. math:: S(x) = \left(1 + \xi \frac{x - \mu}{\sigma}\right)^{-1/\xi}

    Smooth at :math:`\xi = 0`, the exponential distribution. The concentration is SciPy's
    ``genpareto(c=concentration)`` and the shape :math:`\xi` of the literature, of the same sign:
    above 0 the tail is heavy, with tail index :math:`1 / \xi`, below it ends at
    :math:`\mu - \sigma / \xi`.

    `torch.distributions.GeneralizedPareto` takes no float64, has a zero gradient in the
    concentration at 0 and a positive density outside the support (torch 2.13).

    Args:
        loc: Threshold :math:`\mu`, shape ``(*B,)``, in units of the outcome.
        scale: :math:`\sigma > 0`, broadcastable.
        concentration: :math:`\xi`, any sign, broadcastable.
        validate_args: As in torch.

    Raises:
        ValueError: If a parameter breaks its rule.

    References:
        Coles (2001), *An Introduction to Statistical Modeling of Extreme Values*, eq. 4.2. The CRPS
        as in Friederichs and Thorarinsdottir (2012), eq. 8.

    Example:
        >>> GeneralizedPareto(0.0, 1.0, 0.5).sf(torch.tensor([2.0, 1e10]))
        tensor([2.5000e-01, 4.0000e-20])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    concentration: Tensor

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        concentration: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(validate_args, loc=loc, scale=scale, concentration=concentration)
        if self.validating:
            require_finite("concentration", self.concentration)

    @property
    def _tail(self) -> Tail:
        return Tail(self.loc, self.concentration, self.scale, torch.zeros_like(self.loc))

    def _excess(self, value: Tensor | float) -> Tensor:
        return (self._value(value) - self.loc).clamp(min=0)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """From the threshold to the end of the tail, infinite from zero concentration on."""
        end = self._tail.excess_at(torch.full_like(self.loc, -math.inf))
        return interval(self.loc, self.loc + end)

    @property
    def breakpoints(self) -> Tensor:
        """The threshold, and a finite end without gradient, shape ``(*B, 2)``."""
        end = self.support.upper_bound.detach()
        return torch.stack([self.loc, torch.where(end.isfinite(), end, self.loc)], -1)

    @property
    def mean(self) -> Tensor:
        r"""Mean, infinite from :math:`\xi = 1` on."""
        return self.loc + self._tail.integral_beyond(torch.zeros_like(self.loc), 1)

    @property
    def variance(self) -> Tensor:
        r"""Variance; infinite from :math:`\xi = 1/2` on, NaN where the mean is not finite."""
        return self.stddev.square()

    @property
    def stddev(self) -> Tensor:
        r"""Standard deviation :math:`\sigma / ((1 - \xi) \sqrt{1 - 2 \xi})`."""
        finite = self.concentration < 0.5
        xi = torch.where(finite, self.concentration, 0)
        spread = torch.where(finite, self.scale / ((1 - xi) * (1 - 2 * xi).sqrt()), math.inf)
        return torch.where(self.concentration < 1, spread, math.nan)

    @property
    def mode(self) -> Tensor:
        r"""The threshold; below :math:`\xi = -1` the end of the tail."""
        return torch.where(self.concentration < -1, self.support.upper_bound, self.loc)

    def entropy(self) -> Tensor:
        r"""Differential entropy :math:`\log\sigma + 1 + \xi` in nats."""
        return self.scale.log() + 1 + self.concentration

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; ``-inf`` outside the support."""
        value = self._value(value)
        log_density = self._tail.log_density(self._excess(value))
        return torch.where(value < self.loc, -math.inf, log_density)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`, accurate near the threshold."""
        return -torch.expm1(-self._tail.hazard(self._excess(value)))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self.log_sf(value).exp()

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return log1mexp(self._tail.hazard(self._excess(value)))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self._tail.log_beyond(self._excess(value))

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite."""
        lower, upper = self._interval(lower, upper)
        start = torch.maximum(lower, self.loc)
        inside = width_of(start, upper).clamp(min=0)
        if width is not None:
            inside = torch.where(lower >= self.loc, self._value(width, "width"), inside)
        return self._tail.log_share_between(self._excess(lower), inside)

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        # The hazard -log(sf) from whichever side is small.
        small = cdf < sf
        near = (-torch.where(small, cdf, 0)).log1p()
        log_beyond = torch.where(small, near, safe_log(torch.where(small, 1, sf)))
        return self.loc + self._tail.excess_at(log_beyond)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high]; infinite from :math:`\xi = 2` on."""
        value, (low, high) = self._value(value), self._range(low, high)
        at = torch.minimum(torch.maximum(value, low), high)
        tail, start, middle = self._tail, self._excess(low), self._excess(at)
        below = tail.integral_of_rest(middle, 2) - tail.integral_of_rest(start, 2)
        # Below the threshold the survival function is one.
        missed = (torch.minimum(high, self.loc) - at).clamp(min=0)
        endless = high.isposinf()
        bounded = tail.integral_within(self._excess(torch.where(endless, at, high)), 2)
        bounded = bounded - tail.integral_within(middle, 2)
        above = torch.where(endless, tail.integral_beyond(middle, 2), bounded)
        return below + missed + above

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite."""
        low, high = self._bounds(low, high)
        endless = high.isposinf()
        start = torch.maximum(low, torch.minimum(high, self.loc))
        bounded = self._tail.integral_within(self._excess(torch.where(endless, start, high)), 1)
        bounded = bounded - self._tail.integral_within(self._excess(start), 1)
        return start + torch.where(
            endless, self._tail.integral_beyond(self._excess(start), 1), bounded
        )

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        shape = sample_shape + self.batch_shape
        hazard = torch.empty(shape, **tensor_options(self)).exponential_(generator=generator)
        return self.loc + self._tail.excess_at(-hazard)
