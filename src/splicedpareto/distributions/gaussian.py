"""The Gaussian distribution, with both tails accurate: the usual rival of heavy tails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import ScalarDistribution, broadcast_tensors, tensor_options
from splicedpareto.distributions._checks import require, require_finite, resolve_validation
from splicedpareto.distributions._kernels import log_between

if TYPE_CHECKING:
    from torch.types import _size

__all__ = ["Gaussian"]


class Gaussian(ScalarDistribution):
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
        validating = resolve_validation(validate_args)
        loc, scale = broadcast_tensors(*_promoted(loc, scale))
        self.loc, self.scale = loc, scale
        super().__init__(loc.shape, validate_args=False)
        self._validate_args = validating
        if validating:
            require_finite("loc", loc)
            require((scale > 0) & scale.isfinite(), "scale", "positive and finite", scale)

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
        """Variance, `scale` squared."""
        return self.scale.square()

    def entropy(self) -> Tensor:
        r"""Differential entropy :math:`\tfrac12 \log(2 \pi e \sigma^2)` in nats."""
        return self.scale.log() + (1 + math.log(2 * math.pi)) / 2

    def _standardized(self, value: Tensor) -> Tensor:
        value = torch.as_tensor(value, dtype=self.loc.dtype, device=self.loc.device)
        # An infinite value must not reach the quotient: its gradient would be 0 * inf.
        infinite = value.isinf()
        standardized = (torch.where(infinite, 0, value) - self.loc) / self.scale
        return torch.where(infinite, value, standardized)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        z = self._standardized(value)
        return -z.square() / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return _ndtr(self._standardized(value))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return _ndtr(-self._standardized(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return _log_ndtr(self._standardized(value))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return _log_ndtr(-self._standardized(value))

    def icdf(self, value: Tensor) -> Tensor:
        """Outcome whose `cdf` is `value`."""
        self._check_level(value)
        return self.loc + self.scale * _ndtri(value)

    def isf(self, value: Tensor) -> Tensor:
        """Outcome whose `sf` is `value`."""
        self._check_level(value)
        return self.loc - self.scale * _ndtri(value)

    def _check_level(self, level: Tensor) -> None:
        if self._validate_args:
            require(~((level < 0) | (level > 1)), "quantile levels", "in [0, 1]", level)

    def log_prob_interval(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite."""
        return log_between(
            self.log_cdf(lower), self.log_cdf(upper), self.log_sf(lower), self.log_sf(upper)
        )

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high], in units of the outcome.

        With :math:`A(z) = \int_{-\infty}^z \Phi^2 = z \Phi(z)^2 + 2 \varphi(z) \Phi(z) -
        \Phi(\sqrt2 z) / \sqrt\pi` it is :math:`\sigma (A(y) - A(l) + A(-y) - A(-h))`; over the
        whole line Gneiting and Raftery (2007), eq. 21.
        """
        low, high = (torch.as_tensor(v, **tensor_options(self)) for v in (low, high))
        z = self._standardized(torch.minimum(torch.maximum(value, low), high))
        start, stop = self._standardized(low), self._standardized(high)
        outside = _area_of_square(start) + _area_of_square(-stop)
        return self.scale * (_area_of_square(z) + _area_of_square(-z) - outside)

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""Mean of ``min(max(X, low), high)``: :math:`\mu + \sigma (B(l) - B(-h))`.

        :math:`B(z) = \int_{-\infty}^z \Phi = z \Phi(z) + \varphi(z)`.
        """
        low, high = (torch.as_tensor(v, **tensor_options(self)) for v in (low, high))
        start, stop = self._standardized(low), self._standardized(high)
        return self.loc + self.scale * (_area(start) - _area(-stop))

    def rsample(
        self, sample_shape: _size = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw with pathwise gradients, shape ``(*sample_shape, *B)``."""
        shape = torch.Size(sample_shape) + self.batch_shape
        noise = torch.randn(shape, generator=generator, **tensor_options(self))
        return self.loc + self.scale * noise

    def _expanded(self, batch_shape: torch.Size) -> Gaussian:
        loc, scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return Gaussian(loc, scale, validate_args=False)


def _promoted(loc: Tensor | float, scale: Tensor | float) -> tuple[Tensor, Tensor]:
    """Both as tensors; a number takes the type and place of the tensor beside it."""
    if isinstance(loc, Tensor):
        return loc, torch.as_tensor(scale, dtype=loc.dtype, device=loc.device)
    scale = torch.as_tensor(scale)
    return torch.as_tensor(loc, dtype=scale.dtype, device=scale.device), scale


def _ndtr(value: Tensor) -> Tensor:
    """Return the standard normal cdf; `torch.special.ndtr` has no digits left below -8."""
    doubled: Tensor = torch.special.erfc(-value / math.sqrt(2))
    return doubled / 2


def _ndtri(level: Tensor) -> Tensor:
    """Standard normal quantile."""
    ndtri: Tensor = torch.special.ndtri(level)
    return ndtri


def _log_ndtr(value: Tensor) -> Tensor:
    """Log of the standard normal cdf; 0 or -inf, with gradient zero, at infinite values."""
    infinite = value.isinf()
    finite = torch.special.log_ndtr(torch.where(infinite, 0, value))
    return torch.where(infinite, torch.where(value > 0, 0, -math.inf), finite)


def _density(z: Tensor) -> Tensor:
    return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


def _area(z: Tensor) -> Tensor:
    """Integral of the standard normal cdf up to `z`."""
    finite = torch.where(z.isneginf(), 0, z)
    return torch.where(z.isneginf(), 0, finite * _ndtr(finite) + _density(finite))


def _area_of_square(z: Tensor) -> Tensor:
    """Integral of the squared standard normal cdf up to `z`."""
    finite = torch.where(z.isneginf(), 0, z)
    below = _ndtr(finite)
    whole = _ndtr(math.sqrt(2) * finite) / math.sqrt(math.pi)
    area = finite * below.square() + 2 * _density(finite) * below - whole
    return torch.where(z.isneginf(), 0, area)
