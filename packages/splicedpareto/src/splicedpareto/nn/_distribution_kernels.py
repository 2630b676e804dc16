"""Distributions at fixed points as machine code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from splicedpareto.compiled import compiled

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from splicedpareto.nn._stream_weights import DistributionTable

    _Floats: TypeAlias = NDArray[np.float32]
    _Doubles: TypeAlias = NDArray[np.float64]

__all__ = ["evaluate_distributions"]


@compiled
def _survival(excess: float, concentration: float) -> float:
    """Probability that a standard generalized Pareto excess is larger (Coles 2001, eq. 4.2)."""
    argument = concentration * excess
    if argument <= -1:
        return 0.0
    if abs(argument) < 1e-6:
        return math.exp(-excess * (1 - argument / 2))
    return math.exp(-math.log1p(argument) / concentration)


@compiled
def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@compiled
def _softplus(value: float) -> float:
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


@compiled
def _softmax(logits: _Floats, factor: float, probs: _Doubles) -> None:
    """Softmax of the first logits times a factor."""
    largest, total = logits[0], 0.0
    for number in range(len(probs)):
        largest = max(largest, logits[number])
    for number in range(len(probs)):
        probs[number] = math.exp(factor * (logits[number] - largest))
        total += probs[number]
    for number in range(len(probs)):
        probs[number] /= total


@compiled
def _threshold(
    probs: _Doubles, edges: _Floats, mass: float, first: int, step: int
) -> tuple[float, float]:
    """Distance from the edge of the first bin at which `mass` lies outside, and the density there.

    Bins are taken from the first on, one `step`, 1 or -1, at a time.
    """
    distance, density, outside = 0.0, 0.0, 0.0
    for place in range(len(probs)):
        number = first + step * place
        width = edges[number + 1] - edges[number]
        part = (mass - outside) / max(probs[number], 1e-38)
        distance += min(max(part, 0.0), 1.0) * width
        if 0 <= part < 1:
            density = max(density, probs[number] / width)
        outside += probs[number]
    return distance, density


@compiled
def evaluate_distributions(
    raw: _Floats,
    factor: float,
    distribution: DistributionTable,
    cdf: _Floats,
    lower_threshold: _Floats,
    upper_threshold: _Floats,
) -> None:
    """Distributions of `factor` times the raw parameters ``(B, P)``; see `GridDistribution`."""
    bins = len(distribution.edges) - 1
    probs, below = np.empty(bins), np.zeros(bins)
    span = distribution.highest_concentration - distribution.lowest_concentration
    for row in range(len(raw)):
        given = raw[row]
        _softmax(given, factor, probs)
        for number in range(1, bins):
            below[number] = below[number - 1] + probs[number - 1]
        lower, lower_density = _threshold(probs, distribution.edges, distribution.lower_mass, 0, 1)
        upper, upper_density = _threshold(
            probs, distribution.edges, distribution.upper_mass, bins - 1, -1
        )
        lower += distribution.edges[0]
        upper = max(lower, distribution.edges[bins] - upper)
        lower_shape = distribution.lowest_concentration + span * _sigmoid(factor * given[bins])
        upper_shape = distribution.lowest_concentration + span * _sigmoid(factor * given[bins + 1])
        if distribution.tied:
            lower_scale = distribution.lower_mass / lower_density
            upper_scale = distribution.upper_mass / upper_density
        else:
            lower_scale = distribution.lower_unit * (_softplus(factor * given[bins + 2]) + 1e-3)
            upper_scale = distribution.upper_unit * (_softplus(factor * given[bins + 3]) + 1e-3)
        for number in range(len(distribution.points)):
            point = distribution.points[number]
            if point < lower:
                value = distribution.lower_mass * _survival(
                    (lower - point) / lower_scale, lower_shape
                )
            elif point > upper:
                value = 1 - distribution.upper_mass * _survival(
                    (point - upper) / upper_scale, upper_shape
                )
            else:
                value = (
                    below[distribution.bins[number]]
                    + probs[distribution.bins[number]] * distribution.shares[number]
                )
            cdf[row, number] = value
        lower_threshold[row] = lower
        upper_threshold[row] = upper
