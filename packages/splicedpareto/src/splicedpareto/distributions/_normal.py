"""The standard normal distribution, accurate in both tails, and areas under its CDF."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ndtr(value: Tensor) -> Tensor:
    """Return the standard normal cdf; `torch.special.ndtr` has no digits left below -8."""
    doubled: Tensor = torch.special.erfc(-value / math.sqrt(2))
    return doubled / 2


def ndtri(level: Tensor) -> Tensor:
    """Standard normal quantile."""
    quantile: Tensor = torch.special.ndtri(level)
    return quantile


def log_ndtr(value: Tensor) -> Tensor:
    """Log of the standard normal cdf; 0 or -inf, with gradient zero, at infinite values."""
    infinite = value.isinf()
    # torch's gradient overflows from -1e15 down. At -1e4 the asymptotic formula lacks 1 / z**2,
    # 2e-16 of the whole.
    far = (value < -1e4) & ~infinite
    z = torch.where(far, value, -1e4)
    outer = -z.square() / 2 - (-z).log() - math.log(2 * math.pi) / 2
    inner = torch.special.log_ndtr(torch.where(infinite | far, 0, value))
    limit = torch.where(value > 0, 0, -math.inf)
    return torch.where(infinite, limit, torch.where(far, outer, inner))


def normal_density(z: Tensor) -> Tensor:
    """Standard normal density."""
    return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


def area_of_ndtr(z: Tensor) -> Tensor:
    """Integral of the standard normal cdf up to `z`."""
    finite = torch.where(z.isneginf(), 0, z)
    return torch.where(z.isneginf(), 0, finite * ndtr(finite) + normal_density(finite))


def area_of_squared_ndtr(z: Tensor) -> Tensor:
    """Integral of the squared standard normal cdf up to `z`."""
    finite = torch.where(z.isneginf(), 0, z)
    below = ndtr(finite)
    whole = ndtr(math.sqrt(2) * finite) / math.sqrt(math.pi)
    area = finite * below.square() + 2 * normal_density(finite) * below - whole
    return torch.where(z.isneginf(), 0, area)
