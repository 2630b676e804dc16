"""What a sample of the outcome says of location, scale and tails, few far values in it or not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from splicedpareto.distributions import GeneralizedPareto
from splicedpareto.distributions._checks import require_tensor
from splicedpareto.distributions._parameters import DEFAULT_MASS

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where tails may go whose concentrations the sample does not ask to be larger: every mean is
# finite. Where it does, short of 2, from which on every CRPS is infinite.
USUAL_RANGE = (0.0, 0.9)
WIDEST_RANGE = (0.0, 1.9)
# Central ranges by which a spread is measured: that of the quartiles, unless ties fill it.
_RANGES = (0.25, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)
# Coefficients of variation of excesses that end: 1 is that of an exponential tail, .77 that of a
# concentration of -.35, .58 that of a uniform density.
_BOUNDED_VARIATION = 0.8
# Share of the values up to which some may lie apart, the least gap before them in distances from
# the median, and the square of a thousand.
_APART_SHARE, _LEAST_GAP, _FALSE_ALARM = 0.1, 10.0, 1e6


class TailFit(NamedTuple):
    """Concentration and scale of a generalized Pareto tail."""

    concentration: float
    scale: float


def check_sample(values: Tensor, weight: Tensor | None = None) -> None:
    """Raise unless values are finite numbers in one dimension, and weights usable beside them."""
    require_tensor("values", values)
    if not values.is_floating_point():
        raise TypeError(f"values must be floating-point, got {values.dtype}: convert them.")
    if values.dim() != 1 or not len(values) or not values.isfinite().all():
        raise ValueError(
            f"values must be finite, of shape (N,) with N at least 1, got {tuple(values.shape)} "
            f"with {int((~values.isfinite()).sum())} that are not finite."
        )
    if weight is None:
        return
    require_tensor("weight", weight)
    if weight.shape != values.shape:
        raise ValueError(
            f"weight must have the shape of values, {tuple(values.shape)}, got "
            f"{tuple(weight.shape)}."
        )
    usable = weight.isfinite() & (weight >= 0)
    if not usable.all() or not weight.any():
        raise ValueError(
            f"weight must be finite, at least 0 and not 0 throughout, got "
            f"{int((~usable).sum())} that are not, and {float(weight[usable].sum()):g} in all."
        )


def distinct_shares(values: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Distinct values with weight, increasing, and the share of the weight up to each."""
    if weight is None:
        weight = torch.ones_like(values)
    kept = weight > 0
    distinct, index = torch.unique(values[kept].double(), return_inverse=True)
    share = torch.zeros_like(distinct).index_add_(0, index, weight[kept].double()).cumsum(0)
    return distinct, share / share[-1]


def sample_quantiles(
    values: Tensor, levels: Sequence[float], weight: Tensor | None = None
) -> list[float]:
    """Quantiles of a sample: where a level falls between two values, their middle.

    A weight of 2 is two values, and the quantiles of ``-values`` are those at one minus the level.

    Args:
        values: Finite, shape ``(N,)``.
        levels: In [0, 1].
        weight: Weights at least 0, shape ``(N,)``; None where all count the same.
    """
    distinct, share = distinct_shares(values, weight)
    level = torch.tensor(levels, dtype=torch.float64)
    # A share is a sum of weights and so is rounded.
    low = torch.searchsorted(share, level - 1e-12).clamp(max=len(distinct) - 1)
    high = torch.searchsorted(share, level + 1e-12, right=True).clamp(max=len(distinct) - 1)
    # The sum of two of the largest numbers is none, and half of the smallest is 0.
    return (distinct[low] + (distinct[high] / 2 - distinct[low] / 2)).tolist()


def location_and_scale(values: Tensor, weight: Tensor | None = None) -> tuple[float, float]:
    """Median, and the width of the range between the quartiles.

    Where more than half of the values are one, the narrowest wider range that holds others; where
    all are, 0.
    """
    levels = [0.5, *_RANGES, *(1 - level for level in _RANGES), 0.0, 1.0]
    median, *ends = sample_quantiles(values, levels, weight)
    count = len(_RANGES)
    low, high = [*ends[:count], ends[-2]], [*ends[count:-2], ends[-1]]
    spreads = [b - a for a, b in zip(low, high, strict=True)]
    return median, next((spread for spread in spreads if spread > 0), 0.0)


def is_bulk(values: Tensor, weight: Tensor) -> Tensor:
    """Which values do not lie apart from all others, shape ``(N,)``.

    Beyond the quartiles by more than their range, up to a tenth of the values lie apart where they
    are so many times as far from the median as the next that no Pareto tail of concentration 2 has
    such a gap above its `k` largest values more than once in a thousand samples: a million times
    for one, thousand for two, at least ten.
    """
    middle, scale = location_and_scale(values, weight)
    bulk = torch.ones_like(values, dtype=torch.bool)
    for sign in (-1.0, 1.0):
        far = sign * (values.double() - middle)
        order = far.argsort()
        distance, total = far[order], weight.double()[order].cumsum(0)
        beyond = total[-1] - total[:-1]
        allowed = (_FALSE_ALARM ** (1 / beyond.clamp(min=1e-3))).clamp(min=_LEAST_GAP)
        apart = (distance[1:] > allowed * distance[:-1]) & (distance[:-1] > scale)
        apart &= (beyond > 0) & (beyond <= _APART_SHARE * total[-1])
        if scale > 0 and apart.any():
            bulk &= far <= distance[int(apart.int().argmax())]
    return bulk


def fitted_tail(
    excess: Tensor, weight: Tensor, concentration_range: tuple[float, float]
) -> TailFit:
    r"""Likeliest generalized Pareto tail of excesses, of a concentration at least 0 in a range.

    A search over :math:`\xi / \sigma`, given which the likeliest concentration is the mean of
    :math:`\log(1 + \xi y / \sigma)`; at concentration 0 the likeliest scale is the mean excess.

    Args:
        excess: Excesses above 0, shape ``(N,)``, N at least 1.
        weight: Their weights, shape ``(N,)``.
        concentration_range: Lowest and highest concentration.

    References:
        Grimshaw (1993), "Computing maximum likelihood estimates for the generalized Pareto
        distribution", Technometrics 35.
    """
    excess, share = excess.double(), weight.double() / weight.double().sum()
    lowest, highest = (max(bound, 0.0) for bound in concentration_range)
    middle = sample_quantiles(excess, [0.5], weight)[0]
    rates = torch.logspace(-3, 4, 281, dtype=torch.float64) / middle
    hazard = torch.log1p(rates[:, None] * excess) @ share
    concentration = hazard.clamp(max(lowest, 1e-6), max(highest, 1e-6))
    scale = concentration / rates
    loss = scale.log() + (1 + 1 / concentration) * hazard
    best = int(loss.argmin())
    mean = float(excess @ share)
    if lowest == 0 and 1 + math.log(mean) <= loss[best]:
        return TailFit(0.0, mean)
    return TailFit(float(concentration[best]), float(scale[best]))


def has_end(excess: Tensor, weight: Tensor) -> bool:
    """Whether excesses vary too little for a tail without an end, beyond doubt.

    A whole weight is a number of rows; of other weights only their ratios count.
    """
    share = weight.double() / weight.double().sum()
    mean = excess.double() @ share
    deviation = ((excess.double() - mean).square() @ share).sqrt()
    # Twice the standard error of an exponential sample's coefficient of variation is 2 / sqrt(N).
    return float(deviation / mean) + 1 / math.sqrt(_row_count(excess, weight)) < _BOUNDED_VARIATION


def _row_count(values: Tensor, weight: Tensor) -> float:
    """Number of equally weighted rows that tell as much, the same of a weight and of repeats.

    References:
        Kish (1965), Survey Sampling, for the effective number of weighted observations.
    """
    if bool((weight == weight.round()).all()):
        return float(weight.double().sum())
    distinct, row = torch.unique(values, return_inverse=True)
    total = torch.zeros(len(distinct), dtype=torch.float64).index_add_(0, row, weight.double())
    return float(total.sum().square() / total.square().sum())


def _excesses(values: Tensor, weight: Tensor, mass: float) -> tuple[Tensor, Tensor]:
    """Excesses over the upper quantile that leaves a mass above, and their weights."""
    threshold = sample_quantiles(values, [1 - mass], weight)[0]
    excess = values.double() - threshold
    exceeds = (excess > 0) & (weight > 0)
    return excess[exceeds], weight[exceeds]


def shares_above(values: Tensor, weight: Tensor, edges: Tensor) -> Tensor:
    """What the likeliest tail of a sample has in each bin above the sample, at least 1e-20."""
    above = edges[edges >= values[weight > 0].max()]
    tail = sample_tail(values, weight, DEFAULT_MASS, WIDEST_RANGE)
    if len(above) < 2 or tail is None:
        return above[:0]
    threshold = sample_quantiles(values, [1 - DEFAULT_MASS], weight)[0]
    beyond = GeneralizedPareto(above.new_tensor(threshold), tail.scale, tail.concentration)
    return -DEFAULT_MASS * beyond.sf(above).diff().clamp(max=-1e-20)


def tail_mass(
    values: Tensor,
    weight: Tensor,
    bulk: Tensor,
    mass: float | None,
    is_bounded: bool,
    outside: float,
) -> float:
    """Probability of the upper tail: as given, else of the default unless the sample ends there."""
    if is_bounded:
        if mass:
            raise ValueError(
                f"a tail's mass must be 0, or left out, on a side where support ends, got {mass}."
            )
        return 0.0
    if mass is not None:
        return mass
    apart = ~bulk & (values > values[bulk].max())
    if apart.any():
        # A tail of which most is the bulk's would be heavy for the sake of a few, and its quantiles
        # too far out for all others.
        twice = 2 * float(weight[apart].sum() / weight.sum())
        return min(max(twice, outside), DEFAULT_MASS)
    excess, share = _excesses(values[bulk], weight[bulk], DEFAULT_MASS)
    return min(outside, DEFAULT_MASS) if len(excess) and has_end(excess, share) else DEFAULT_MASS


def sample_tail(
    values: Tensor, weight: Tensor, mass: float, concentration_range: tuple[float, float]
) -> TailFit | None:
    """Likeliest upper tail of a sample; None where no value exceeds its threshold."""
    excess, share = _excesses(values, weight, mass)
    return fitted_tail(excess, share, concentration_range) if mass > 0 and len(excess) else None
