r"""Closed-form integrals: moments, entropy, scores and expected excesses.

Everything rests on the areas under powers of the distribution function :math:`F` and of the
survival function :math:`S`. In the body both are straight within each bin; in the tails powers
of a generalized Pareto survival function are again of that form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._areas import mean_power
from splicedpareto.distributions._distribution import sides

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._distribution import Place, SplicedDistribution
    from splicedpareto.distributions._tails import Tails


def mean(distribution: SplicedDistribution) -> Tensor:
    r"""Mean; infinite where one tail has :math:`\xi \ge 1`, NaN where both have."""
    tails = distribution.tails
    return _mean(tails, distribution.body_mass, distribution.body_edges)


def _mean(tails: Tails, mass: Tensor, edges: Tensor) -> Tensor:
    lower, upper = tails
    # Two products, one after the other: that with a sum of edges would be one more table.
    total = (mass * edges[..., :-1]).sum(-1, keepdim=True) / 2
    total = total + (mass * edges[..., 1:]).sum(-1, keepdim=True) / 2
    zero = torch.zeros_like(lower.threshold)
    total = total + upper.log_mass.exp() * upper.threshold + lower.log_mass.exp() * lower.threshold
    return total + upper.integral_beyond(zero, 1) - lower.integral_beyond(zero, 1)


def variance(distribution: SplicedDistribution) -> Tensor:
    r"""Variance; infinite from :math:`\xi = 1/2` on, NaN where the mean is not finite."""
    unit, squares = _variance_in_units(distribution)
    return unit.square() * squares


def stddev(distribution: SplicedDistribution) -> Tensor:
    """Standard deviation, a number also where its square overflows."""
    unit, squares = _variance_in_units(distribution)
    return unit * squares.sqrt()


def _variance_in_units(distribution: SplicedDistribution) -> tuple[Tensor, Tensor]:
    """A length of the distribution, without gradient, and the variance in its square."""
    lower, upper = distribution.tails
    unit = upper.threshold - lower.threshold
    for tail in distribution.tails:
        unit = unit + torch.where(tail.log_mass.isneginf(), 0, tail.scale)
    unit = unit.detach()
    mass, edges = distribution.body_mass, distribution.body_edges
    exact_center = _mean(distribution.tails, mass, edges)
    center = torch.where(exact_center.isfinite(), exact_center, 0)
    edges = edges - center
    edges = edges / unit
    left, right = edges[..., :-1], edges[..., 1:]
    # Three sums of products, for which no further tables are held.
    moment = mass * left
    total = _dot(moment, left) + _dot(moment, right)
    total = (total + _dot(mass * right, right)) / 3
    for tail, sign in ((lower, -1), (upper, 1)):
        in_units = tail._replace(scale=tail.scale / unit)
        total = total + in_units.second_moment(sign * (tail.threshold - center) / unit)
    return unit, torch.where(exact_center.isfinite(), total, math.nan)


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Sums of products along the last dimension, ``(*B, 1)``, without a table of them."""
    return (first[..., None, :] @ second[..., :, None]).squeeze(-1)


def entropy(distribution: SplicedDistribution) -> Tensor:
    r"""Differential entropy in nats.

    .. math:: -\sum_k m_k \log\rho_k + \sum_{L, U} p (\log\sigma + 1 + \xi - \log p)
    """
    bins, mass = distribution.bins, distribution.body_mass
    # Not the logarithm of the density: that may be zero where its mass is not.
    log_density = torch.where(mass > 0, bins.log_probs, 0) - bins.widths.log()
    total = -(mass * log_density).sum(-1, keepdim=True)
    for tail in distribution.tails:
        log_mass = torch.where(tail.log_mass.isneginf(), 0, tail.log_mass)
        spread = tail.scale.log() + 1 + tail.concentration - log_mass
        total = total + tail.log_mass.exp() * spread
    return total


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
        end = tail.threshold + sign * tail.excess_at(torch.full_like(tail.threshold, -math.inf))
        places.append(torch.where(endless, end, tail.threshold))
        height = torch.where(endless, math.inf, (tail.log_mass - tail.scale.log()).exp())
        heights.append(torch.where(tail.log_mass.isneginf(), -1, height))
    index = torch.cat(heights, -1).argmax(-1, keepdim=True)
    return torch.cat(places, -1).gather(-1, index)


def _body_above(place: Place, inside: Tensor, power: int, between: Tensor | None = None) -> Tensor:
    r"""Integral of :math:`S^m` from values in the body to the upper threshold.

    That over whole bins may be given.
    """
    upper, cell, last = place.tails.upper, place.cell, place.last
    mass = upper.log_mass.exp()
    right = torch.minimum(cell.right, upper.threshold)
    sf = cell.sides(inside)[1]
    own = (right - inside) * mean_power(torch.maximum(cell.above, mass), sf, power)
    beside = (upper.threshold - last.left) * mean_power(mass, last.above + last.prob, power)
    if between is None:
        _, between = place.bins.areas_beside(None, cell.index, last.index, power)
    return own + torch.where(cell.index < last.index, between + beside, 0)


def _body_below(place: Place, inside: Tensor, power: int, between: Tensor | None = None) -> Tensor:
    r"""Integral of :math:`F^m` from the lower threshold to values in the body, likewise."""
    lower, cell, first = place.tails.lower, place.cell, place.first
    mass = lower.log_mass.exp()
    left = torch.maximum(cell.left, lower.threshold)
    cdf = cell.sides(inside)[0]
    own = (inside - left) * mean_power(torch.maximum(cell.below, mass), cdf, power)
    beside = (first.right - lower.threshold) * mean_power(mass, first.below + first.prob, power)
    if between is None:
        between, _ = place.bins.areas_beside(first.index, cell.index, None, power)
    return own + torch.where(cell.index > first.index, between + beside, 0)


def area_to_upper_threshold(place: Place, power: int) -> Tensor:
    r"""Integral of :math:`S^m` from values to the upper threshold, negative beyond it."""
    (lower, upper), value = place.tails, place.value
    body = _body_above(place, place.tails.clip(value), power)
    below = lower.integral_of_rest((lower.threshold - value).clamp(min=0), power)
    return body + below - upper.integral_within((value - upper.threshold).clamp(min=0), power)


def area_to_lower_threshold(place: Place, power: int) -> Tensor:
    r"""Integral of :math:`F^m` from the lower threshold to values, negative below it."""
    (lower, upper), value = place.tails, place.value
    body = _body_below(place, place.tails.clip(value), power)
    above = upper.integral_of_rest((value - upper.threshold).clamp(min=0), power)
    return body + above - lower.integral_within((lower.threshold - value).clamp(min=0), power)


def area_above(place: Place, power: int) -> Tensor:
    r"""Integral of :math:`S^m` from values on; infinite where :math:`\xi_U \ge m`."""
    (lower, upper), endless = place.tails, place.value.isneginf()
    value = torch.where(endless, upper.threshold, place.value)
    area = _body_above(place, place.tails.clip(value), power)
    area = area + lower.integral_of_rest((lower.threshold - value).clamp(min=0), power)
    area = area + upper.integral_beyond((value - upper.threshold).clamp(min=0), power)
    return torch.where(endless, math.inf, area)


def area_below(place: Place, power: int) -> Tensor:
    r"""Integral of :math:`F^m` up to values; infinite where :math:`\xi_L \ge m`."""
    (lower, upper), endless = place.tails, place.value.isposinf()
    value = torch.where(endless, lower.threshold, place.value)
    area = _body_below(place, place.tails.clip(value), power)
    area = area + upper.integral_of_rest((value - upper.threshold).clamp(min=0), power)
    area = area + lower.integral_beyond((lower.threshold - value).clamp(min=0), power)
    return torch.where(endless, math.inf, area)


def crps(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Integral of :math:`(F(x) - 1\{y \le x\})^2`: the areas on either side of the value.

    Only the tail nearer to a value is cut by it; the other one counts as a whole.
    """
    place, endless = distribution.place(value), value.isinf()
    inside, excess, is_upper = place.tails.excess(torch.where(endless, 0, value))
    near, far = place.tails.select(is_upper), place.tails.select(~is_upper)
    # Both at once, of which the gradient is one table.
    bins, entries = place.bins, (place.first.index, place.cell.index, place.last.index)
    below, above = bins.areas_beside(*entries, 2)
    body = _body_below(place, inside, 2, below) + _body_above(place, inside, 2, above)
    beyond = near.integral_beyond(excess, 2) + far.integral_beyond(torch.zeros_like(excess), 2)
    return torch.where(endless, math.inf, body + near.integral_of_rest(excess, 2) + beyond)


def crps_between(
    distribution: SplicedDistribution, value: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    r"""Integral over [low, high] of :math:`(F(x) - 1\{y \le x\})^2`; bounds may be infinite."""
    # In this form its gradient at equal bounds is that of one of them: `clamp` drops it there.
    at = torch.where(value < low, low, torch.where(value > high, high, value))
    return _area_from(distribution, low, at) + _area_until(distribution, at, high)


def _area_from(distribution: SplicedDistribution, low: Tensor, value: Tensor) -> Tensor:
    r"""Integral of :math:`F^2` from `low`, which may be ``-inf``, to values."""
    endless, place = low.isneginf(), distribution.place(value)
    threshold = place.tails.lower.threshold
    start, stop = torch.where(endless, threshold, low), torch.where(endless, threshold, value)
    bounded = _to_lower(distribution, stop, 2) - _to_lower(distribution, start, 2)
    return torch.where(endless, area_below(place, 2), bounded)


def _area_until(distribution: SplicedDistribution, value: Tensor, high: Tensor) -> Tensor:
    r"""Integral of :math:`S^2` from values to `high`, which may be ``inf``."""
    endless, place = high.isposinf(), distribution.place(value)
    threshold = place.tails.upper.threshold
    start, stop = torch.where(endless, threshold, value), torch.where(endless, threshold, high)
    bounded = _to_upper(distribution, start, 2) - _to_upper(distribution, stop, 2)
    return torch.where(endless, area_above(place, 2), bounded)


def _to_lower(distribution: SplicedDistribution, value: Tensor, power: int) -> Tensor:
    return area_to_lower_threshold(distribution.place(value), power)


def _to_upper(distribution: SplicedDistribution, value: Tensor, power: int) -> Tensor:
    return area_to_upper_threshold(distribution.place(value), power)


def stop_loss(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Stop-loss :math:`E[(X - t)^+]`, the area under the survival function from values on."""
    return area_above(distribution.place(value), 1)


def mean_excess(distribution: SplicedDistribution, value: Tensor) -> Tensor:
    r"""Mean excess :math:`E[X - t \mid X > t]`; at and past the end its limit, zero."""
    place = distribution.place(value)
    excess = value - place.tails.upper.threshold
    in_tail = place.tails.upper.mean_excess(excess.clamp(min=0))
    _, sf = sides(place.tails, place.cell, value)
    positive = sf > 0
    ratio = area_above(place, 1) / torch.where(positive, sf, 1)
    outside = torch.where(excess.isnan(), excess, 0)
    return torch.where(excess >= 0, in_tail, torch.where(positive, ratio, outside))


def expected_shortfall(
    distribution: SplicedDistribution, level: Tensor, rest: Tensor, *, upper: bool
) -> Tensor:
    r"""Mean beyond the quantile of a level, given with one minus the level.

    In the body it is :math:`Q + \int_Q^\infty S / (1 - q)`. With the known level in place of
    :math:`S(Q)` its slope in :math:`Q` is zero, so that the rounding of the quantile is lost.

    A quantile in the far tail leaves nearly everything beyond it. The quantile plus its mean
    excess would then be the difference of two large numbers, and :math:`Q + \infty` at level 0:
    what the tail keeps within the quantile is added to the threshold instead.
    """
    # First, while no other tables are held.
    lower, upper_tail = distribution.tails
    quantile = distribution.quantile(level, rest, None)
    low, high = lower.threshold, upper_tail.threshold
    if upper:
        far, near, threshold, sign = lower, upper_tail, low, 1
        start, area = torch.maximum(quantile, low), area_above(distribution.place(low), 1)
        beyond = area_above(distribution.place(start), 1)
    else:
        level, rest = rest, level
        far, near, threshold, sign = upper_tail, lower, high, -1
        start, area = torch.minimum(quantile, high), area_below(distribution.place(high), 1)
        beyond = area_below(distribution.place(start), 1)
    excess = sign * (start - near.threshold)
    share = torch.where(rest > 0, beyond / torch.where(rest > 0, rest, 1), 0)
    share = torch.where(excess >= 0, near.mean_excess(excess.clamp(min=0)), share)
    excess = sign * (threshold - quantile)
    in_far = excess > 0
    excess = torch.where(in_far, excess, 0)
    rectangle = torch.where(level > 0, level * torch.where(level > 0, excess, 0), 0)
    kept = area - far.integral_within(excess, 1) + rectangle
    inner = threshold + sign * kept / torch.where(in_far, rest, 1)
    return torch.where(in_far, inner, start + sign * share)


def clamped_mean(distribution: SplicedDistribution, low: Tensor, high: Tensor) -> Tensor:
    r"""Mean of the outcome clipped to [low, high], either of which may be infinite.

    .. math:: s - \int_{\mathrm{low}}^s F + \int_s^{\mathrm{high}} S

    from the lower threshold :math:`s`, or the bound next to it: the sum of a bound and of the area
    from there on has no digit left at a bound of -1e20.
    """
    end = torch.minimum(torch.maximum(distribution.lower.threshold, low), high)
    endless = end.isinf()
    start = torch.where(endless, distribution.lower.threshold, end)
    no_low, no_high = low.isneginf() | endless, high.isposinf() | endless
    place = distribution.place(start)
    below = area_to_lower_threshold(place, 1)
    below = below - _to_lower(distribution, torch.where(no_low, start, low), 1)
    above = area_to_upper_threshold(place, 1)
    above = above - _to_upper(distribution, torch.where(no_high, start, high), 1)
    below = torch.where(no_low, area_below(place, 1), below)
    above = torch.where(no_high, area_above(place, 1), above)
    return torch.where(endless, end, start - below + above)
