"""Elementary functions of the generalized Pareto distribution, smooth at zero concentration.

Every function here is elementwise, differentiable twice, and free of NaN in the value and in the
gradient of whichever branch `torch.where` does not take: the inputs of the branch not taken are
replaced before the operation, not after it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from splicedpareto.distributions._base import are_plain, broadcast_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

# Below this size of the argument a series replaces a difference of two terms of order 1/a. Its
# truncation error is below 1e-16, or below 1e-8 with the five terms that single precision and less
# make do with.
SERIES_BELOW = 0.02
_LOG_SERIES = tuple((-1) ** (n + 1) * (n + 1) / (n + 2) for n in range(10))
_EXP_SERIES = tuple((n + 1) / math.factorial(n + 2) for n in range(10))
_SHORT_SERIES = 5


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
        the support, :math:`\xi u \le -1`, and at infinity. Zero without gradient stands there.

    References:
        Coles (2001), *An Introduction to Statistical Modeling of Extreme Values*, eq. 4.2.
    """
    # An infinite ratio must not enter the graph: its gradient would be 0 * inf.
    endless = excess >= scale.detach() * (torch.finfo(excess.dtype).max / 4)
    units = torch.where(endless, 0, excess) / scale
    past_end = endless | (concentration.detach() * units.detach() <= -1)
    return hazard_of_units(torch.where(past_end, 0, units), concentration), past_end


def hazard_of_units(units: Tensor, concentration: Tensor) -> Tensor:
    """`finite_hazard` of excesses in units of the scale, which lie before the end."""
    return _ratio(units, concentration, is_log=True)


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
    if are_plain(hazard, concentration):
        # Without a gradient the quotient is right at infinity too.
        hazard, concentration = broadcast_tensors(hazard, concentration)
        return _Ratio.forward(hazard, concentration, is_log=False)
    endless = hazard == math.inf
    excess = _ratio(torch.where(endless, 0, hazard), concentration, is_log=False)
    unbounded = concentration >= 0
    end = torch.where(unbounded, math.inf, -1 / torch.where(unbounded, -1, concentration))
    return torch.where(endless, end, excess)


def _ratio(x: Tensor, concentration: Tensor, *, is_log: bool) -> Tensor:
    x, concentration = both = broadcast_tensors(x, concentration)
    # A traced graph takes no function with a forward-mode rule, and an exported one takes none.
    compiling = torch.compiler.is_compiling()
    if not any(tensor.requires_grad for tensor in both) if compiling else are_plain(*both):
        return _Ratio.forward(x, concentration, is_log)
    function = _Ratio if compiling else _RatioInAllModes
    result: Tensor = function.apply(*both, is_log)  # type: ignore[no-untyped-call]  # of torch
    return result


class _Ratio(torch.autograd.Function):
    r"""The quotient :math:`y = f(\xi x) / \xi`, or x at zero, with f either log1p or expm1.

    With :math:`a = \xi x` the slope in x is :math:`f'(a)`. That in :math:`\xi` is :math:`(x f'(a) -
    y) / \xi`, or :math:`x^2 g'(a)` with the series of :math:`g(a) = f(a) / a` near zero.
    """

    @staticmethod
    def forward(x: Tensor, concentration: Tensor, is_log: bool) -> Tensor:
        argument = concentration * x
        # The result rounds to x here, and with numbers below the normal ones torch's is zero. At
        # zero concentration it is x, infinite or not.
        is_one = (argument.abs() < torch.finfo(argument.dtype).eps / 4) | (concentration == 0)
        result = (argument.log1p() if is_log else argument.expm1()) / concentration
        return torch.where(is_one, x, result)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: Tensor) -> None:  # noqa: ANN401
        x, concentration, ctx.is_log = inputs
        ctx.save_for_backward(x, concentration, output)
        ctx.save_for_forward(x, concentration, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        in_x, in_concentration = _slopes(*ctx.saved_tensors, is_log=ctx.is_log)
        return gradient * in_x, gradient * in_concentration, None


class _RatioInAllModes(_Ratio):
    """`_Ratio`, which forward-mode differentiation and `torch.vmap` can take too."""

    generate_vmap_rule = True

    @staticmethod
    def jvp(ctx: Any, x: Tensor, concentration: Tensor, _: None) -> Tensor:  # noqa: ANN401
        in_x, in_concentration = _slopes(*ctx.saved_tensors, is_log=ctx.is_log)
        return x * in_x + concentration * in_concentration


def _slopes(x: Tensor, concentration: Tensor, y: Tensor, *, is_log: bool) -> tuple[Tensor, Tensor]:
    """Slopes of `_Ratio` in both arguments."""
    argument = concentration * x
    in_x = 1 / (1 + argument) if is_log else argument.exp()
    small = argument.abs() < SERIES_BELOW
    near = torch.where(small, argument, 0)
    series = _power_series(_LOG_SERIES if is_log else _EXP_SERIES, near)
    series = torch.where(small, x, 0).square() * series
    quotient = (x * in_x - y) / torch.where(small, 1, concentration)
    return in_x, torch.where(small, series, quotient)


def _power_series(coefficients: tuple[float, ...], argument: Tensor) -> Tensor:
    """Sum coefficients times rising powers of the argument, by Horner's rule."""
    if torch.finfo(argument.dtype).eps > 1e-8:
        coefficients = coefficients[:_SHORT_SERIES]
    *rest, before, last = coefficients
    series = last * argument + before
    for coefficient in reversed(rest):
        series = series * argument + coefficient
    return series


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


def weighted(weight: Tensor | float, value: Tensor) -> Tensor:
    """Product, 0 where the weight is, however large the value; NaN at NaN."""
    nothing = (torch.as_tensor(weight, device=value.device) == 0) & ~value.isnan()
    return weight * torch.where(nothing, 0, value)


def safe_log(value: Tensor) -> Tensor:
    """Return log(value), with gradient zero instead of infinite where `value` is zero."""
    if are_plain(value):
        return value.log()  # no gradient to keep
    empty = value == 0
    return torch.where(empty, -math.inf, torch.where(empty, 1, value).log())


def log_sum_exp(terms: Tensor) -> Tensor:
    """Sum over the first dimension in logarithms; all minus infinity gives gradient zero.

    torch's gradient, the exponential of a term less the rounded sum, is off by any factor where
    the terms are in the millions.
    """
    empty = terms.isneginf().all(0)
    terms = torch.where(empty, 0, terms)
    largest = terms.detach().amax(0)
    largest = torch.where(largest.isfinite(), largest, 0)
    total = largest + (terms - largest).exp().sum(0).log()
    return torch.where(empty, -math.inf, total)


def width_of(lower: Tensor, upper: Tensor) -> Tensor:
    """Length of intervals; infinite, without gradient, where an end is."""
    endless = lower.isinf() | upper.isinf()
    return torch.where(endless, math.inf, torch.where(endless, 0, upper - lower))


# Nodes between 0 and 1 and the logarithms of their weights. Over a density that falls or rises by a
# factor of e**3 on either side of the middle ten nodes err by 1e-13, six by less than single
# precision.
_NODES, _SINGLE_NODES = (
    [
        ((x + 1) / 2, math.log(w / 2))
        for x, w in zip(*np.polynomial.legendre.leggauss(n), strict=True)
    ]
    for n in (10, 6)
)


def log_mass_of_narrow(
    log_density: Callable[[Tensor], Tensor], start: Tensor, width: Tensor
) -> Tensor:
    r"""Log-probability of an interval over which a smooth density changes little.

    :math:`\log w + \log\sum_i \omega_i f(a + t_i w)` by Gauss and Legendre's rule: a sum of
    positive terms, which loses no digits where a difference of two tails does, nor does its
    gradient, a weighted mean.
    """
    nodes = _SINGLE_NODES if start.dtype == torch.float32 else _NODES
    terms = [log_density(start + width * share) + log_weight for share, log_weight in nodes]
    return safe_log(width) + log_sum_exp(torch.stack(terms))


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
