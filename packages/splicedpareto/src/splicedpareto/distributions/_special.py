"""Functions that torch lacks, or has without both tails: normal, incomplete beta, Lambert W."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Pairs of terms of the continued fraction. It needs most where `df` is large and the argument at
# the switch: up to a `df` of 1e4 the relative error is below 2e-11 with 30 pairs, and below 4e-7,
# a few roundings of float32, with 12.
_PAIRS, _PAIRS_FLOAT32 = 30, 12


def log_gamma_step(value: Tensor) -> Tensor:
    r"""Return :math:`\log \Gamma(a + 1/2) - \log \Gamma(a)` without the loss of the difference.

    Above 16 by the asymptotic series, whose first omitted term is below 1e-13 there; at
    :math:`a = 5000` the difference of two float32 logarithms has no digit after the point.

    References:
        Abramowitz and Stegun (1964), eq. 6.1.41 at both arguments.
    """
    large = value > 16
    far = torch.where(large, value, 16)
    inverse = 1 / far
    square = inverse.square()
    correction = -1 / 8 + square * (1 / 192 + square * (-1 / 640 + square * (17 / 14336)))
    near = torch.where(large, 1, value)
    difference = torch.lgamma(near + 0.5) - torch.lgamma(near)
    return torch.where(large, far.log() / 2 + inverse * correction, difference)


def digamma_step(value: Tensor) -> Tensor:
    r"""Return :math:`\psi(a + 1/2) - \psi(a)`, the slope of `log_gamma_step`, by its series."""
    large = value > 16
    far = torch.where(large, value, 16)
    square = far.square().reciprocal()
    correction = 1 / 8 + square * (-1 / 64 + square * (1 / 128 + square * (-17 / 2048)))
    near = torch.where(large, 1, value)
    difference = torch.digamma(near + 0.5) - torch.digamma(near)
    return torch.where(large, 1 / (2 * far) + square * correction, difference)


def half_beta_fraction(first: Tensor, second: Tensor, argument: Tensor) -> Tensor:
    r"""Continued fraction :math:`c` of the regularized incomplete beta function.

    .. math:: I_x(a, b) = \frac{x^a (1 - x)^b}{a B(a, b)} c(a, b, x)

    evaluated from its end, which is differentiable and needs no guard against zero.

    Args:
        first: :math:`a > 0`.
        second: :math:`b > 0`.
        argument: :math:`x` in [0, 1], best below :math:`(a + 1) / (a + b + 2)`.

    References:
        DLMF, eq. 8.17.22.
    """
    rest = torch.zeros_like(argument)
    pairs = _PAIRS_FLOAT32 if argument.dtype == torch.float32 else _PAIRS
    for m in range(pairs, -1, -1):
        even = first + 2 * m
        odd = -(first + m) * (first + second + m) * argument / (even * (even + 1))
        rest = odd / (1 + rest)
        if m > 0:
            rest = m * (second - m) * argument / ((even - 1) * even) / (1 + rest)
    return 1 / (1 + rest)


def lambert_w(value: Tensor) -> Tensor:
    r"""Principal branch of the solution of :math:`w e^w = z` for :math:`z \ge 0`.

    Halley's iteration from :math:`\log(1 + z)`; six steps reach float64 for every float64.

    References:
        Corless et al. (1996), "On the Lambert W function", eq. 5.9.
    """
    with torch.no_grad():
        root = value.log1p()
        for _ in range(6):
            exponential = root.exp()
            error = root * exponential - value
            slope = exponential * (root + 1)
            root = root - error / (slope - (root + 2) * error / (2 * root + 2))
    # One differentiable Newton step: its derivative is the implicit function's.
    exponential = root.exp()
    return root - (root * exponential - value) / (exponential * (root + 1))


def ndtr(value: Tensor) -> Tensor:
    """Return the standard normal cdf; `torch.special.ndtr` has no digits left below -8."""
    doubled: Tensor = torch.special.erfc(-value / math.sqrt(2))
    return doubled / 2


def ndtri(level: Tensor) -> Tensor:
    """Standard normal quantile."""
    quantile: Tensor = torch.special.ndtri(_at_least_single(level))
    return quantile.to(level.dtype)


def _at_least_single(value: Tensor) -> Tensor:
    """Numbers of a type that torch's special functions take: on a CPU no half precision."""
    return value.float() if torch.finfo(value.dtype).bits < 32 else value


def log_ndtr(value: Tensor) -> Tensor:
    r"""Log of the standard normal cdf; 0 or -inf, with gradient zero, at infinite values.

    torch's gradient, :math:`\varphi / \Phi` as the exponential of a difference of two numbers of
    order :math:`z^2`, has no float32 digit left at -10,000 and overflows at -1e15. Below -5 the
    square is split off first, far out by the asymptotic series (DLMF, eq. 7.12.1), whose first
    omitted term is 2e-14 of the whole at -30 and 4e-9 at -12.
    """
    dtype, value = value.dtype, _at_least_single(value)
    start = -12 if value.dtype == torch.float32 else -30
    infinite = value.isinf()
    far, left = (value < start) & ~infinite, (value < -5) & ~infinite
    z = torch.where(far, value, start)
    inverse = z.square().reciprocal()
    series = inverse * (-1 + inverse * (3 + inverse * (-15 + inverse * (105 - 945 * inverse))))
    outer = -(z / 2 * z) - (-z).log() - math.log(2 * math.pi) / 2 + series.log1p()
    z = torch.where(left & ~far, value, -5)
    middle = (torch.special.erfcx(-z / math.sqrt(2)) / 2).log() - z.square() / 2
    inner = torch.special.log_ndtr(torch.where(infinite | left, 0, value))
    limit = torch.where(value > 0, 0, -math.inf)
    finite = torch.where(far, outer, torch.where(left, middle, inner))
    return torch.where(infinite, limit, finite).to(dtype)


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
