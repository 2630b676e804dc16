"""The Gaussian distribution, with both tails accurate: the usual baseline of heavy tails."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import tensor_options
from splicedpareto.distributions._location_scale import LocationScale
from splicedpareto.distributions._special import (
    area_of_ndtr,
    area_of_squared_ndtr,
    log_ndtr,
    ndtr,
    ndtri,
)


class Gaussian(LocationScale):
    r"""Gaussian distribution, with survival functions, interval masses and CRPS.

    `torch.distributions.Normal` forms its cdf as :math:`(1 + \operatorname{erf}) / 2`, which is 0
    in float32 from 5.5 standard deviations below the mean on, and has no log_cdf.

    Args:
        loc: Mean, shape ``(*B,)``, in units of the outcome.
        scale: Standard deviation above 0, broadcastable with `loc`.
        validate_args: As in torch.

    Raises:
        ValueError: If `loc` is not finite or `scale` not positive and finite.

    Example:
        >>> Gaussian(0.0, 1.0).log_sf(torch.tensor(40.0))
        tensor(-804.6085)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
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
    def mean(self) -> Tensor:
        """Mean, `loc`."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Variance, `scale` squared."""
        return self.scale.square()

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, `scale`."""
        return self.scale

    def entropy(self) -> Tensor:
        r"""Differential entropy :math:`\tfrac12 \log(2 \pi e \sigma^2)` in nats."""
        return self.scale.log() + (1 + math.log(2 * math.pi)) / 2

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        z = self._standardized(value)
        return -z.square() / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return ndtr(self._standardized(value))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return ndtr(-self._standardized(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return log_ndtr(self._standardized(value))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return log_ndtr(-self._standardized(value))

    def _is_narrow(self, lower: Tensor, upper: Tensor, width: Tensor) -> Tensor:
        with torch.no_grad():
            furthest = torch.maximum(lower.abs(), upper.abs())
            z = ((lower - self.loc) / self.scale).abs(), ((upper - self.loc) / self.scale).abs()
            return furthest.isfinite() & (width / self.scale * (1 + torch.maximum(*z)) < 6)

    def _inner(self) -> Tensor:
        return self.loc

    def icdf(self, value: Tensor) -> Tensor:
        """Outcome whose `cdf` is `value`."""
        return self.loc + self.scale * ndtri(self._level(value))

    def isf(self, value: Tensor) -> Tensor:
        """Outcome whose `sf` is `value`."""
        return self.loc - self.scale * ndtri(self._level(value))

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high], in units of the outcome.

        With :math:`A(z) = \int_{-\infty}^z \Phi^2 = z \Phi(z)^2 + 2 \varphi(z) \Phi(z) -
        \Phi(\sqrt2 z) / \sqrt\pi` it is :math:`\sigma (A(y) - A(l) + A(-y) - A(-h))`; over the
        whole line Gneiting and Raftery (2007), eq. 21.
        """
        value, (low, high) = self._value(value), self._range(low, high)
        z = self._standardized(torch.minimum(torch.maximum(value, low), high))
        start, stop = self._standardized(low), self._standardized(high)
        outside = area_of_squared_ndtr(start) + area_of_squared_ndtr(-stop)
        return self.scale * (area_of_squared_ndtr(z) + area_of_squared_ndtr(-z) - outside)

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""Mean of ``min(max(X, low), high)``: :math:`\mu + \sigma (B(l) - B(-h))`.

        :math:`B(z) = \int_{-\infty}^z \Phi = z \Phi(z) + \varphi(z)`.
        """
        low, high = self._bounds(low, high)
        start, stop = self._standardized(low), self._standardized(high)
        return self.loc + self.scale * (area_of_ndtr(start) - area_of_ndtr(-stop))

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        shape = sample_shape + self.batch_shape
        noise = torch.randn(shape, generator=generator, **tensor_options(self))
        return self.loc + self.scale * noise
