"""Machine code for the hazard of the generalized Pareto distribution, its inverse and their slopes.

The formulas of `_kernels`, number by number and in double precision. All arrays are flat and of one
length; gradients come in by the name ``to_`` what they are of.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from splicedpareto.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Booleans = NDArray[np.bool_]

__all__ = [
    "SERIES_BELOW",
    "SINH",
    "TWO_ARTANH",
    "excess_of",
    "excess_slopes",
    "excesses",
    "hazard_of",
    "hazard_slopes",
    "hazards",
]

# Below this size of the argument a series replaces the quotient, whose slope subtracts two terms of
# order 1/t. The truncation error of either series is below 1e-17.
SERIES_BELOW = 0.15
TWO_ARTANH = tuple(2 / odd for odd in range(1, 16, 2))
SINH = tuple(1 / math.factorial(odd) for odd in range(1, 14, 2))


@compiled
def _power_series(coefficients: tuple[float, ...], argument: float) -> tuple[float, float]:
    """Sum coefficients times rising powers of the argument, and the slope of the sum."""
    series, slope = 0.0, 0.0
    for i in range(len(coefficients) - 1, -1, -1):
        slope = slope * argument + series
        series = series * argument + coefficients[i]
    return series, slope


@compiled
def _log1p_over_argument(argument: float) -> tuple[float, float]:
    """Return log(1 + t) / t for small t, and its slope."""
    longer = 2 + argument
    ratio = argument / longer
    series, slope = _power_series(TWO_ARTANH, ratio * ratio)
    return series / longer, (4 * ratio * slope / longer - series) / (longer * longer)


@compiled
def _expm1_over_argument(argument: float) -> tuple[float, float]:
    """Return (exp(t) - 1) / t for small t, and its slope."""
    half = argument / 2
    series, slope = _power_series(SINH, half * half)
    return math.exp(half) * series, math.exp(half) * (series / 2 + half * slope)


@compiled
def hazard_of(units: float, concentration: float) -> tuple[float, bool]:
    """Cumulative hazard of an excess in units of the scale, 0 past the end, and whether it is."""
    argument = np.float64(concentration * units)
    if argument <= -1 or units == math.inf:
        return 0.0, True
    if abs(argument) < SERIES_BELOW:
        return units * _log1p_over_argument(argument)[0], False
    return math.log1p(argument) / concentration, False


@compiled
def hazards(
    excess: Floats, scale: Floats, concentration: Floats, hazard: Floats, past_end: Booleans
) -> None:
    """Write the cumulative hazard, 0 past the end, and where that is."""
    for i in range(len(excess)):
        hazard[i], past_end[i] = hazard_of(excess[i] / scale[i], concentration[i])


@compiled
def hazard_slopes(
    excess: Floats,
    scale: Floats,
    concentration: Floats,
    past_end: Booleans,
    to_hazard: Floats,
    to_excess: Floats,
    to_scale: Floats,
    to_concentration: Floats,
) -> None:
    """Write the gradients in excess, scale and concentration, 0 past the end."""
    for i in range(len(excess)):
        if past_end[i]:
            to_excess[i] = to_scale[i] = to_concentration[i] = 0
            continue
        units = excess[i] / scale[i]
        argument, u = np.float64(concentration[i] * units), np.float64(units)
        if abs(argument) < SERIES_BELOW:
            slope = u * (u * _log1p_over_argument(argument)[1])
        else:
            slope = u / (1 + argument) - math.log1p(argument) / concentration[i]
            slope /= concentration[i]
        to_concentration[i] = to_hazard[i] * slope
        per_unit = to_hazard[i] / (1 + argument) / scale[i]
        to_excess[i], to_scale[i] = per_unit, -per_unit * u


@compiled
def excess_of(hazard: float, concentration: float) -> float:
    """Excess, in units of the scale, of a hazard that may be infinite."""
    argument = np.float64(concentration * hazard)
    if hazard == math.inf:
        return -1 / concentration if concentration < 0 else math.inf
    if abs(argument) < SERIES_BELOW:
        return hazard * _expm1_over_argument(argument)[0]
    return math.expm1(argument) / concentration


@compiled
def excesses(hazard: Floats, concentration: Floats, excess: Floats) -> None:
    """Write the excesses of hazards."""
    for i in range(len(hazard)):
        excess[i] = excess_of(hazard[i], concentration[i])


@compiled
def excess_slopes(
    hazard: Floats,
    concentration: Floats,
    to_excess: Floats,
    to_hazard: Floats,
    to_concentration: Floats,
) -> None:
    """Write the gradients in hazard and concentration; an infinite excess has none."""
    for i in range(len(hazard)):
        argument, h = np.float64(concentration[i] * hazard[i]), np.float64(hazard[i])
        shape = np.float64(concentration[i])
        if h == math.inf:
            to_hazard[i] = 0
            to_concentration[i] = to_excess[i] / (shape * shape) if shape < 0 else 0
            continue
        if abs(argument) < SERIES_BELOW:
            slope = h * (h * _expm1_over_argument(argument)[1])
        else:
            slope = (h * math.exp(argument) - math.expm1(argument) / shape) / shape
        to_hazard[i] = to_excess[i] * math.exp(argument)
        to_concentration[i] = to_excess[i] * slope
