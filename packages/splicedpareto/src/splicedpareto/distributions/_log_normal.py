"""The log-normal distribution, with both tails' digits."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import broadcast_tensors
from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._kernels import width_of
from splicedpareto.distributions._location_scale import LocationScale
from splicedpareto.distributions._special import ndtr

# Pieces of ten standard deviations on either side, and nodes in each: the integrals of the CRPS
# between bounds err by less than 1e-13 of the scale.
_REACH, _PIECES = 10.0, 20
# Standard deviations beyond which every probability is 0 or 1, and whose square is finite.
_FARTHEST = 1e4
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)


class LogNormal(LocationScale):
    r"""Distribution of :math:`e^Z` with :math:`Z` Gaussian, of location and scale of the logarithm.

    Args:
        loc: Mean :math:`\mu` of the logarithm, shape ``(*B,)``.
        scale: Standard deviation :math:`\sigma > 0` of the logarithm, broadcastable.
        validate_args: As in torch.

    Raises:
        ValueError: If `loc` is not finite or `scale` not positive and finite.

    References:
        Baran and Lerch (2015), "Log-normal distribution based Ensemble Model Output Statistics
        models for probabilistic wind-speed forecasting", QJRMS 141, for the CRPS.

    Example:
        >>> LogNormal(0.0, 1.0).log_sf(torch.tensor(1e20))
        tensor(-1065.1287)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(validate_args, loc=loc, scale=scale)

    @property
    def _gaussian(self) -> Gaussian:
        return Gaussian(self.loc, self.scale, validate_args=False)

    def _log(self, value: Tensor | float, name: str = "value") -> Tensor:
        """Logarithm of values, minus infinity without gradient up to 0."""
        value = self._value(value, name)
        positive = ~(value <= 0)
        return torch.where(positive, torch.where(positive, value, 1).log(), -math.inf)

    @property
    def mean(self) -> Tensor:
        r"""Mean :math:`e^{\mu + \sigma^2 / 2}`."""
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def variance(self) -> Tensor:
        """Variance, the square of `stddev`."""
        return self.stddev.square()

    @property
    def stddev(self) -> Tensor:
        r"""Standard deviation :math:`e^{\mu + \sigma^2 / 2} \sqrt{e^{\sigma^2} - 1}`."""
        return self.mean * self.scale.square().expm1().sqrt()

    @property
    def mode(self) -> Tensor:
        r"""Mode :math:`e^{\mu - \sigma^2}`."""
        return (self.loc - self.scale.square()).exp()

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        return self._gaussian.entropy() + self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; ``-inf`` up to 0."""
        log_value = self._log(value)
        possible = log_value.isfinite()
        at = torch.where(possible, log_value, 0)
        log_density = torch.where(possible, self._gaussian.log_prob(at) - at, -math.inf)
        return torch.where(log_value.isnan(), math.nan, log_density)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self._gaussian.cdf(self._log(value))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self._gaussian.sf(self._log(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self._gaussian.log_cdf(self._log(value))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self._gaussian.log_sf(self._log(value))

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite."""
        lower, upper = broadcast_tensors(*self._interval(lower, upper))
        known = width_of(lower, upper) if width is None else self._value(width, "width")
        positive = lower > 0
        # The difference of two logarithms, with the digits of the width.
        ratio = torch.where(positive, known, 1) / torch.where(positive, lower, 1)
        log_width = torch.where(positive, ratio.log1p(), math.inf)
        ends = self._log(lower, "lower"), self._log(upper, "upper")
        return self._gaussian.log_prob_interval(*ends, width=log_width)

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        log_quantile = self._gaussian.icdf(torch.minimum(cdf, sf)) - self.loc
        return (self.loc + torch.where(cdf < sf, log_quantile, -log_quantile)).exp()

    def crps(self, value: Tensor) -> Tensor:
        r"""Continuous ranked probability score, in units of the outcome.

        .. math:: y (2 \Phi(z) - 1) - 2 e^{\mu + \sigma^2 / 2} \left(\Phi(z - \sigma)
            + \Phi(\sigma / \sqrt 2) - 1\right), \qquad z = (\log y - \mu) / \sigma
        """
        value = self._value(value)
        z = self._standardized(self._log(value))
        inner = ndtr(z - self.scale) - ndtr(-self.scale / math.sqrt(2))
        return value * (2 * ndtr(z) - 1) - 2 * self.mean * inner

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high], in units of the outcome, by quadrature."""
        value, (low, high) = self._value(value), self._range(low, high)
        at = torch.minimum(torch.maximum(value, low), high)
        start, middle, stop = (self._standardized(self._log(end)) for end in (low, at, high))
        missed = (torch.minimum(high, torch.zeros_like(high)) - at).clamp(min=0)
        area = self._area_of_square(start, middle, is_upper=False)
        return missed + area + self._area_of_square(middle, stop, is_upper=True)

    def _area_of_square(self, start: Tensor, stop: Tensor, *, is_upper: bool) -> Tensor:
        """Integral of a squared side of the standardized logarithm, in units of the outcome."""
        # Of the upper side the integrand peaks near 2 / 3 of a shift by the scale.
        top = _REACH + self.scale
        first, last = (
            self._unlogged(torch.minimum(end, -top) if is_upper else torch.maximum(end, top))
            for end in (start, stop)
        )
        start, stop = (torch.minimum(torch.maximum(end, -top), top) for end in (start, stop))
        width = (stop - start) / _PIECES
        total = torch.zeros_like(width)
        for piece in range(_PIECES):
            for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
                z = start + width * (piece + float(node))
                side = ndtr(-z if is_upper else z).square()
                total = total + float(weight) * side * (self.loc + self.scale * z).exp()
        # Further down the upper side is one and the lower zero, further up the other way round.
        sure = torch.where(first == last, 0, last - first)
        return total * width * self.scale + sure

    def _unlogged(self, z: Tensor) -> Tensor:
        """The value of a standardized logarithm; 0 and infinity without gradient."""
        finite = z.isfinite()
        value = (self.loc + self.scale * torch.where(finite, z, 0)).exp()
        return torch.where(finite, value, z.exp().detach())

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite."""
        low, high = self._bounds(low, high)
        # Without the second derivative of the normal distribution function at infinity, 0 * inf.
        start, stop = (
            torch.where(z.isinf(), z.sign() * _FARTHEST, z)
            for z in (self._standardized(self._log(end)) for end in (low, high))
        )
        inner = self.mean * (ndtr(stop - self.scale) - ndtr(start - self.scale))
        at_low, at_high = (torch.where(end.isinf(), 0, end) for end in (low, high))
        mean = at_low * ndtr(start) + inner + at_high * ndtr(-stop)
        return torch.where(low == high, low, mean)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        if torch.is_grad_enabled():
            return self._gaussian.rsample(sample_shape, generator=generator).exp()
        return self._gaussian.sample(sample_shape, generator=generator).exp()
