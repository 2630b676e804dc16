"""Elementary functions of the generalized Pareto distribution, smooth at zero concentration.

Every function here is elementwise, differentiable twice, and free of NaN in the value and in the
gradient of whichever branch `torch.where` does not take: the inputs of the branch not taken are
replaced before the operation, not after it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = [
    "finite_hazard",
    "hazard_inverse",
    "log1mexp",
    "log_between",
    "log_sum_exp",
    "safe_log",
]

# Below this size of the argument a series replaces the quotient, whose slope subtracts two terms of
# order 1/t. The truncation error of either series is below 1e-17.
SERIES_BELOW = 0.15
TWO_ARTANH = tuple(2 / odd for odd in range(1, 16, 2))
SINH = tuple(1 / math.factorial(odd) for odd in range(1, 14, 2))
# With the first four terms, which single precision and less make do with, the truncation error of
# either series is below 1e-9.
_SHORT_SERIES = 4


def _power_series(coefficients: tuple[float, ...], argument: Tensor) -> Tensor:
    """Sum coefficients times rising powers of the argument, by Horner's rule."""
    if torch.finfo(argument.dtype).eps > 1e-8:
        coefficients = coefficients[:_SHORT_SERIES]
    *rest, before, last = coefficients
    series = last * argument + before
    for coefficient in reversed(rest):
        series = series * argument + coefficient
    return series


def _log1p_over_argument(argument: Tensor) -> Tensor:
    """Return log(1 + t) / t for small t by the series of 2 artanh(t / (2 + t)) / t."""
    longer = 2 + argument
    return _power_series(TWO_ARTANH, (argument / longer).square()) / longer


def _expm1_over_argument(argument: Tensor) -> Tensor:
    """Return (exp(t) - 1) / t for small t, as exp(t / 2) sinh(t / 2) / (t / 2)."""
    half = argument / 2
    return half.exp() * _power_series(SINH, half.square())


def finite_hazard(excess: Tensor, scale: Tensor, concentration: Tensor) -> tuple[Tensor, Tensor]:
    r"""Cumulative hazard :math:`-\log S(z)` of the generalized Pareto distribution.

    .. math:: L = \frac{\log(1 + \xi u)}{\xi}, \qquad u = \frac{z}{\sigma}

    and :math:`L = u` at :math:`\xi = 0`.

    Args:
        excess: :math:`z \ge 0`, the excess over the threshold, may be infinite.
        scale: :math:`\sigma > 0`, broadcastable with `excess`, as is `concentration`.
        concentration: :math:`\xi`, any sign.

    Returns:
        Values in :math:`[0, \infty)`, and where they should be infinite: at and past the end of
        the support, :math:`\xi u \le -1`, and at infinity. A constant without gradient
        stands there.

    References:
        Coles (2001), *An Introduction to Statistical Modeling of Extreme Values*, eq. 4.2.
    """
    # An infinite ratio must not enter the graph: its gradient would be 0 * inf.
    endless = excess.detach() / scale.detach() == math.inf
    units = excess.masked_fill(endless, 0) / scale
    argument = concentration * units
    past_end = argument <= -1
    small = argument.abs() < SERIES_BELOW
    series = units * _log1p_over_argument(argument.clamp(-SERIES_BELOW, SERIES_BELOW))
    replaced = small | past_end
    quotient = argument.masked_fill(replaced, 1).log1p() / concentration.masked_fill(replaced, 1)
    return torch.where(small, series, quotient), past_end | endless


def hazard_inverse(hazard: Tensor, concentration: Tensor) -> Tensor:
    r"""Excess at which the standard generalized Pareto distribution has a cumulative hazard.

    .. math:: E(\xi, h) = \frac{e^{\xi h} - 1}{\xi}, \qquad E(0, h) = h

    Args:
        hazard: :math:`h \ge 0`, may be infinite.
        concentration: :math:`\xi`, any sign, broadcastable with `hazard`.

    Returns:
        The inverse of `finite_hazard` in its first argument. At infinite `hazard` the end of
        the support: :math:`-1 / \xi` below zero concentration, infinity otherwise.
    """
    endless = hazard == math.inf
    finite = hazard.masked_fill(endless, 0)
    argument = concentration * finite
    small = argument.abs() < SERIES_BELOW
    series = finite * _expm1_over_argument(argument.clamp(-SERIES_BELOW, SERIES_BELOW))
    quotient = argument.expm1() / concentration.masked_fill(small, 1)
    unbounded = concentration >= 0
    end = (-1 / concentration.masked_fill(unbounded, -1)).masked_fill(unbounded, math.inf)
    return torch.where(endless, end, torch.where(small, series, quotient))


def log1mexp(value: Tensor) -> Tensor:
    r"""Return :math:`\log(1 - e^{-v})` for :math:`v \ge 0`, accurate at both ends.

    References:
        Mächler (2012), "Accurately computing log(1 - exp(-|a|))", eq. 7.
    """
    small = value < math.log(2)
    positive = value > 0
    near = safe_log(-torch.expm1(-torch.where(small & positive, value, 1)))
    far = torch.log1p(-torch.exp(-torch.where(small, 1, value)))
    return torch.where(positive, torch.where(small, near, far), value.log().detach())


def safe_log(value: Tensor) -> Tensor:
    """Return log(value), with gradient zero instead of infinite where `value` is zero."""
    empty = value == 0
    return value.masked_fill(empty, 1).log().masked_fill(empty, -math.inf)


def log_sum_exp(terms: Tensor) -> Tensor:
    """Sum over the first dimension in logarithms; all minus infinity gives gradient zero."""
    empty = terms.isneginf().all(0)
    return torch.where(empty, -math.inf, torch.where(empty, 0, terms).logsumexp(0))


def log_between(
    log_cdf_lower: Tensor, log_cdf_upper: Tensor, log_sf_lower: Tensor, log_sf_upper: Tensor
) -> Tensor:
    r"""Log-probability of (a, b] from the logarithms of both tails at a and at b.

    The complement :math:`1 - F(a) - S(b)` where that is most of the mass, else the difference on
    the side where both terms are small, :math:`\log F(b) + \log(1 - F(a) / F(b))` or the same
    in :math:`S`.
    """
    outside = log_cdf_lower.exp() + log_sf_upper.exp()
    mostly = outside < 0.5
    complement = torch.log1p(-torch.where(mostly, outside, 0))
    in_upper = log_sf_lower < log_cdf_upper
    larger = torch.where(in_upper, log_sf_lower, log_cdf_upper)
    smaller = torch.where(in_upper, log_sf_upper, log_cdf_lower)
    ratio = torch.where(mostly | larger.isneginf(), math.inf, larger - smaller)
    return torch.where(mostly, complement, larger + log1mexp(ratio))
