r"""Closed-form integrals: moments, entropy, scores and expected excesses.

Everything rests on the areas under powers of the distribution function :math:`F` and of the
survival function :math:`S`. In the body both are straight within each bin; in the tails powers
of a generalized Pareto survival function are again of that form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from splicedpareto.distributions._kernels import safe_log
from splicedpareto.distributions._lookup import gather

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._bins import Cell
    from splicedpareto.distributions._distribution import SplicedDistribution


def mean(distribution: SplicedDistribution) -> Tensor:
    r"""Mean; infinite where one tail has :math:`\xi \ge 1`, NaN where both have."""
    lower, upper = distribution.lower, distribution.upper
    mass = distribution.body_mass
    edges = distribution.body_edges
    # Two products, one after the other: that with a sum of edges would be one more table.
    total = (mass * edges[..., :-1]).sum(-1, keepdim=True) / 2
    total = total + (mass * edges[..., 1:]).sum(-1, keepdim=True) / 2
    zero = torch.zeros_like(lower.threshold)
    total = total + upper.log_mass.exp() * upper.threshold + lower.log_mass.exp() * lower.threshold
    return total + upper.integral_beyond(zero, 1) - lower.integral_beyond(zero, 1)


def variance(distribution: SplicedDistribution) -> Tensor:
    r"""Variance; infinite from :math:`\xi = 1/2` on, NaN where the mean is not finite."""
    exact_center = mean(distribution)
    center = torch.where(exact_center.isfinite(), exact_center, 0)
    squares = _mean_power(distribution.body_edges - center, 2)
    total = (distribution.body_mass * squares).sum(-1, keepdim=True)
    total = total + distribution.upper.second_moment(distribution.upper.threshold - center)
    total = total + distribution.lower.second_moment(center - distribution.lower.threshold)
    return torch.where(exact_center.isfinite(), total, math.nan)


def entropy(distribution: SplicedDistribution) -> Tensor:
    r"""Differential entropy in nats.

    .. math:: -\sum_k m_k \log\rho_k + \sum_{L, U} p (\log\sigma + 1 + \xi - \log p)
    """
    density, mass = distribution.bins.probs / distribution.bins.widths, distribution.body_mass
    total = -(mass * safe_log(torch.where(mass > 0, density, 1))).sum(-1, keepdim=True)
    tails = distribution.tails
    log_mass = torch.where(tails.log_mass.isneginf(), 0, tails.log_mass)
    spread = tails.scale.log() + 1 + tails.concentration - log_mass
    return total + (tails.log_mass.exp() * spread).sum(-1, keepdim=True)


def mode(distribution: SplicedDistribution) -> Tensor:
    r"""Middle of the densest bin, or a threshold where a tail is denser; of equals, the first.

    Below :math:`\xi = -1` the density of a tail grows to infinity at its end, which is the mode.
    """
    edges = distribution.body_edges
    density = distribution.bins.probs / distribution.bins.widths
    density = torch.where(edges.diff() > 0, density, -1)
    places, heights = [(edges[..., :-1] + edges[..., 1:]) / 2], [density]
    for tail, sign in ((distribution.lower, -1), (distribution.upper, 1)):
        endless = tail.concentration < -1
        end = tail.threshold + sign * tail.excess_at(torch.full_like(tail.log_mass, -math.inf))
        places.append(torch.where(endless, end, tail.threshold))
        height = torch.where(endless, math.inf, (tail.log_mass - tail.scale.log()).exp())
        heights.append(torch.where(tail.log_mass.isneginf(), -1, height))
    index = torch.cat(heights, -1).argmax(-1, keepdim=True)
    return torch.cat(places, -1).gather(-1, index)


def area_to_upper_threshold(
    distribution: SplicedDistribution, value: Tensor, power: int, cell: Cell | None = None
) -> Tensor:
    r"""Integral of :math:`S^m` from values to the upper threshold, negative beyond it."""
    lower, upper = distribution.lower, distribution.upper
    widths = distribution.body_edges.diff().flip(-1)
    from_right = _running_sum(widths * _mean_power(distribution.body_sf, power))
    cell = distribution.cell(value) if cell is None else cell
    after = gather(from_right, widths.shape[-1] - 1 - cell.index)
    inside = distribution.clip(value)
    right = torch.minimum(cell.right, upper.threshold)
    sf = torch.stack([cell.sides(inside)[1], torch.maximum(cell.above, upper.log_mass.exp())], -1)
    own = (right - inside) * _mean_power(sf, power).squeeze(-1)
    below = lower.integral_of_rest((lower.threshold - value).clamp(min=0), power)
    above = upper.integral_within((value - upper.threshold).clamp(min=0), power)
    return own + after + below - above


def area_to_lower_threshold(
    distribution: SplicedDistribution, value: Tensor, power: int, cell: Cell | None = None
) -> Tensor:
    r"""Integral of :math:`F^m` from the lower threshold to values, negative below it."""
    lower, upper = distribution.lower, distribution.upper
    widths = distribution.body_edges.diff()
    from_left = _running_sum(widths * _mean_power(distribution.body_cdf, power))
    cell = distribution.cell(value) if cell is None else cell
    before = gather(from_left, cell.index)
    inside = distribution.clip(value)
    left = torch.maximum(cell.left, lower.threshold)
    cdf = torch.stack([torch.maximum(cell.below, lower.log_mass.exp()), cell.sides(inside)[0]], -1)
    own = (inside - left) * _mean_power(cdf, power).squeeze(-1)
    above = upper.integral_of_rest((value - upper.threshold).clamp(min=0), power)
    below = lower.integral_within((lower.threshold - value).clamp(min=0), power)
    return own + before + above - below


def area_above(
    distribution: SplicedDistribution, value: Tensor, power: int, cell: Cell | None = None
) -> Tensor:
    r"""Integral of :math:`S^m` from values on; infinite where :math:`\xi_U \ge m`."""
    endless, threshold = value.isneginf(), distribution.upper.threshold
    excess = (value - threshold).clamp(min=0)
    inside = torch.where((excess > 0) | endless, threshold, value)
    area = area_to_upper_threshold(distribution, inside, power, cell)
    area = area + distribution.upper.integral_beyond(excess, power)
    return torch.where(endless, math.inf, area)


def area_below(
    distribution: SplicedDistribution, value: Tensor, power: int, cell: Cell | None = None
) -> Tensor:
    r"""Integral of :math:`F^m` up to values; infinite where :math:`\xi_L \ge m`."""
    endless, threshold = value.isposinf(), distribution.lower.threshold
    excess = (threshold - value).clamp(min=0)
    inside = torch.where((excess > 0) | endless, threshold, value)
    area = area_to_lower_threshold(distribution, inside, power, cell)
    area = area + distribution.lower.integral_beyond(excess, power)
    return torch.where(endless, math.inf, area)


def crps(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Integral of :math:`(F(x) - 1\{y \le x\})^2`: the areas on either side of the value."""
    # A value beyond a threshold has the cell of the threshold: both areas read the same one.
    cell = distribution.cell(value)
    return area_below(distribution, value, 2, cell) + area_above(distribution, value, 2, cell)


def crps_between(
    distribution: SplicedDistribution, value: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    r"""Integral over [low, high] of :math:`(F(x) - 1\{y \le x\})^2`; bounds may be infinite."""
    at = value.clamp(low, high)
    return _area_from(distribution, low, at) + _area_until(distribution, at, high)


def _area_from(distribution: SplicedDistribution, low: Tensor, value: Tensor) -> Tensor:
    r"""Integral of :math:`F^2` from `low`, which may be ``-inf``, to values."""
    endless = low.isneginf()
    start = torch.where(endless, distribution.lower.threshold, low)
    stop = torch.where(endless, distribution.lower.threshold, value)
    bounded = area_to_lower_threshold(distribution, stop, 2) - area_to_lower_threshold(
        distribution, start, 2
    )
    return torch.where(endless, area_below(distribution, value, 2), bounded)


def _area_until(distribution: SplicedDistribution, value: Tensor, high: Tensor) -> Tensor:
    r"""Integral of :math:`S^2` from values to `high`, which may be ``inf``."""
    endless = high.isposinf()
    stop = torch.where(endless, distribution.upper.threshold, high)
    start = torch.where(endless, distribution.upper.threshold, value)
    bounded = area_to_upper_threshold(distribution, start, 2) - area_to_upper_threshold(
        distribution, stop, 2
    )
    return torch.where(endless, area_above(distribution, value, 2), bounded)


def mean_excess(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Mean excess :math:`E[X - t \mid X > t]`; at and past the end its limit, zero."""
    excess = value - distribution.upper.threshold
    in_tail = distribution.upper.mean_excess(excess.clamp(min=0))
    _, sf = distribution.cdf_and_sf(value)
    positive = sf > 0
    ratio = area_above(distribution, value, 1) / torch.where(positive, sf, 1)
    return torch.where(excess >= 0, in_tail, torch.where(positive, ratio, 0))


def mean_shortfall(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Mean shortfall :math:`E[t - X \mid X < t]`; at and past the lower end its limit, zero."""
    excess = distribution.lower.threshold - value
    in_tail = distribution.lower.mean_excess(excess.clamp(min=0))
    cdf, _ = distribution.cdf_and_sf(value)
    positive = cdf > 0
    ratio = area_below(distribution, value, 1) / torch.where(positive, cdf, 1)
    return torch.where(excess >= 0, in_tail, torch.where(positive, ratio, 0))


def expected_shortfall(distribution: SplicedDistribution, level: Tensor, *, upper: bool) -> Tensor:
    r"""Mean beyond the quantile of a level.

    A quantile in the far tail leaves nearly everything beyond it. The quantile plus its mean
    excess would then be the difference of two large numbers, and :math:`Q + \infty` at level 0:
    what the tail keeps within the quantile is added to the threshold instead.
    """
    rest = 1 - level
    quantile = distribution.quantile(level, rest, None)
    low, high = distribution.lower.threshold, distribution.upper.threshold
    if upper:
        far, excess, threshold, sign = distribution.lower, low - quantile, low, 1
        start, area = torch.maximum(quantile, low), area_above(distribution, low, 1)
        beyond = start + mean_excess(distribution, start)
    else:
        level, rest = rest, level
        far, excess, threshold, sign = distribution.upper, quantile - high, high, -1
        start, area = torch.minimum(quantile, high), area_below(distribution, high, 1)
        beyond = start - mean_shortfall(distribution, start)
    in_far = excess > 0
    excess = torch.where(in_far, excess, 0)
    rectangle = torch.where(level > 0, level * torch.where(level > 0, excess, 0), 0)
    kept = area - far.integral_within(excess, 1) + rectangle
    return torch.where(in_far, threshold + sign * kept / torch.where(in_far, rest, 1), beyond)


def clamped_mean(distribution: SplicedDistribution, low: Tensor, high: Tensor) -> Tensor:
    """Mean of the outcome clipped to [low, high], either of which may be infinite."""
    lower, upper = distribution.lower.threshold, distribution.upper.threshold
    no_low, no_high = low.isneginf(), high.isposinf()
    start, stop = torch.where(no_low, lower, low), torch.where(no_high, upper, high)
    total = (
        start
        + area_to_upper_threshold(distribution, start, 1)
        - area_to_upper_threshold(distribution, stop, 1)
    )
    total = total - torch.where(no_low, area_below(distribution, lower, 1), 0)
    return total + torch.where(no_high, area_above(distribution, upper, 1), 0)


def _running_sum(areas: Tensor) -> Tensor:
    """Sums before each of the areas, and of all."""
    return functional.pad(areas, (1, 0)).cumsum(-1)


def _mean_power(ends: Tensor, power: int) -> Tensor:
    """Mean powers, 1 or 2, of a function that is straight between values ``(..., N + 1)``."""
    start, stop = ends[..., :-1], ends[..., 1:]
    if power == 1:
        return (start + stop) / 2
    return torch.addcmul(torch.addcmul(start.square(), start, stop), stop, stop) / 3
