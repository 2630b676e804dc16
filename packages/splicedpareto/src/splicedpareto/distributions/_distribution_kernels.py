"""Kernels of the spliced distribution without gradients, row by row.

The formulas of `_bins`, `_tails` and `_distribution`, number by number; tails in double precision.

Shapes: `R` rows of `N` logits, `S` values beside each. Shared by all, besides what `_row_kernels`
names:

- ``log_total``, logarithms of the sums of the logits' exponentials, ``(R,)``;
- ``edges``, bin edges, ``(1, K + 1)`` for all rows or ``(R, K + 1)``; the first bin is a row's
  first entry, or its second where ``N = K + 2``;
- ``number``, ``threshold``, ``concentration``, ``scale`` and ``log_mass``, of the lower and the
  upper tail, ``(2, R)``; the number is that of the bin beside the splice.

All arrays are C-contiguous. The kept machine code does not notice a change of a function that it
calls from the two other files: save this one too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from splicedpareto.compiled import compiled, inlined
from splicedpareto.distributions._hazard_kernels import excess_of, hazard_of
from splicedpareto.distributions._row_kernels import beside_entry, entry_at

if TYPE_CHECKING:
    from splicedpareto.distributions._row_kernels import Booleans, Floats, Integers

__all__ = ["log_densities", "probabilities", "quantiles", "splice_at_edges", "splice_at_quantiles"]

LOWER, UPPER = 0, 1


@compiled
def _share(mass: float, prob: float) -> float:
    """Mass taken of a bin, as a share of the bin's probability; NaN of NaN."""
    share = mass / (math.inf if prob == 0 else prob)
    share = 0.0 if share < 0 else share
    return 1.0 if share > 1 else share


@compiled
def _between(value: Any, low: Any, high: Any) -> Any:  # noqa: ANN401 - numbers of either type
    """Clip a value to [low, high]; NaN stays."""
    value = low if value < low else value
    return high if value > high else value


@compiled
def _tied_scale(log_mass: float, log_density: float) -> float:
    """Scale that makes the density continuous; a tail without mass has any."""
    return math.exp(log_mass - log_density) if log_mass > -math.inf else 1.0


@compiled
def splice_at_edges(
    rows: Floats,
    log_total: Floats,
    edges: Floats,
    is_tied: Booleans,
    number: Integers,
    threshold: Floats,
    scale: Floats,
    log_mass: Floats,
) -> None:
    """Write the splices at the outermost edges.

    Args:
        rows: Logits, ``(R, K + 2)``.
        log_total: See the module's head, as `edges`, `number`, `threshold` and `log_mass`.
        edges: Likewise.
        is_tied: Whether the scales of the lower and the upper tail are, ``(2,)``.
        number: Written here, as are `threshold` and `log_mass`.
        threshold: Likewise.
        scale: Likewise, where it is tied.
        log_mass: Likewise.
    """
    bins = edges.shape[1] - 1
    for r in range(len(rows)):
        e = r if len(edges) > 1 else 0
        for side in range(2):
            bin_, outside = (bins - 1, bins + 1) if side else (0, 0)
            number[side, r] = bin_
            threshold[side, r] = edges[e, bins] if side else edges[e, 0]
            log_mass[side, r] = rows[r, outside] - log_total[r]
            if is_tied[side]:
                log_prob = rows[r, bin_ + 1] - log_total[r]
                log_density = log_prob - math.log(edges[e, bin_ + 1] - edges[e, bin_])
                scale[side, r] = _tied_scale(log_mass[side, r], log_density)


@compiled
def splice_at_quantiles(
    rows: Floats,
    log_total: Floats,
    edges: Floats,
    is_tied: Booleans,
    mass: Floats,
    beside: Floats,
    log_mass: Floats,
    number: Integers,
    threshold: Floats,
    scale: Floats,
) -> None:
    """Write the splices at the bins' quantiles.

    Args:
        rows: Logits, ``(R, K)``.
        log_total: See the module's head, as `edges`, `number` and `threshold`.
        edges: Likewise.
        is_tied: Whether the scales of the lower and the upper tail are, ``(2,)``.
        mass: Masses of the tails, ``(2, R)``.
        beside: Probabilities beyond the bins that hold them, ``(R, 2)``.
        log_mass: Logarithms of the masses.
        number: Those bins; at the upper one at least that at the lower is written.
        threshold: Written here.
        scale: Likewise, where it is tied.
    """
    for r in range(len(rows)):
        e = r if len(edges) > 1 else 0
        for side in range(2):
            bin_ = number[side, r]
            width = edges[e, bin_ + 1] - edges[e, bin_]
            log_prob = rows[r, bin_] - log_total[r]
            step = width * _share(mass[side, r] - beside[r, side], math.exp(log_prob))
            threshold[side, r] = edges[e, bin_ + 1] - step if side else edges[e, bin_] + step
            if is_tied[side]:
                scale[side, r] = _tied_scale(log_mass[side, r], log_prob - math.log(width))
        # Masses that nearly meet are rounded past each other.
        number[UPPER, r] = max(number[LOWER, r], number[UPPER, r])
        threshold[UPPER, r] = max(threshold[LOWER, r], threshold[UPPER, r])


@inlined
def _bin_of(edges: Floats, e: int, value: float, first: int, last: int) -> int:
    """Bin of a value, from the first to the last; a value on an edge belongs to its right."""
    found, count = first, last - first + 1
    while count > 1:
        half = count // 2
        found = found + half if edges[e, found + half] <= value else found
        count -= half
    return found


@inlined
def _is_in_body(value: float, threshold: Floats, r: int) -> Any:  # noqa: ANN401 - NumPy's truth
    return (threshold[LOWER, r] <= value) & (value <= threshold[UPPER, r])


@inlined
def _hazard_at(
    value: float, r: int, side: int, threshold: Floats, concentration: Floats, scale: Floats
) -> tuple[float, bool]:
    """Cumulative hazard of a value in a tail, 0 past the end, and whether it is."""
    excess = value - threshold[UPPER, r] if side else threshold[LOWER, r] - value
    return hazard_of(excess / scale[side, r], concentration[side, r])


@compiled
def log_densities(
    rows: Floats,
    log_total: Floats,
    edges: Floats,
    number: Integers,
    threshold: Floats,
    concentration: Floats,
    scale: Floats,
    log_mass: Floats,
    value: Floats,
    log_density: Floats,
) -> None:
    """Write the log-densities at values ``(R, S)``; see the module's head."""
    offset = 1 if rows.shape[1] > edges.shape[1] else 0
    for r in range(len(rows)):
        e = r if len(edges) > 1 else 0
        for s in range(value.shape[1]):
            if _is_in_body(value[r, s], threshold, r):
                bin_ = _bin_of(edges, e, value[r, s], number[LOWER, r], number[UPPER, r])
                log_width = math.log(edges[e, bin_ + 1] - edges[e, bin_])
                log_density[r, s] = rows[r, bin_ + offset] - log_total[r] - log_width
                continue
            side = int(value[r, s] > threshold[UPPER, r])
            hazard, past_end = _hazard_at(value[r, s], r, side, threshold, concentration, scale)
            inside = math.log(scale[side, r]) + (1 + np.float64(concentration[side, r])) * hazard
            log_density[r, s] = -math.inf if past_end else log_mass[side, r] - inside


@compiled
def probabilities(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    log_total: Floats,
    edges: Floats,
    number: Integers,
    threshold: Floats,
    concentration: Floats,
    scale: Floats,
    log_mass: Floats,
    value: Floats,
    cdf: Floats,
    sf: Floats,
) -> None:
    """Write the probabilities on either side of values ``(R, S)``; see the module's head."""
    offset = 1 if rows.shape[1] > edges.shape[1] else 0
    for r in range(len(rows)):
        e = r if len(edges) > 1 else 0
        for s in range(value.shape[1]):
            if _is_in_body(value[r, s], threshold, r):
                bin_ = _bin_of(edges, e, value[r, s], number[LOWER, r], number[UPPER, r])
                entry = bin_ + offset
                below, above = beside_entry(rows, largest, total, sums, weights, r, entry)
                left, right = edges[e, bin_], edges[e, bin_ + 1]
                density = math.exp(rows[r, entry] - log_total[r]) / (right - left)
                below += density * (value[r, s] - left)
                above += density * (right - value[r, s])
                is_below, smaller = below < above, min(below, above)
            else:
                side = int(value[r, s] > threshold[UPPER, r])
                hazard, past_end = _hazard_at(value[r, s], r, side, threshold, concentration, scale)
                is_below = side == LOWER
                smaller = 0.0 if past_end else math.exp(log_mass[side, r] - hazard)
            # The smaller has all its digits; the other needs none of them.
            cdf[r, s] = smaller if is_below else 1 - smaller
            sf[r, s] = 1 - smaller if is_below else smaller


@compiled
def quantiles(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    log_total: Floats,
    edges: Floats,
    number: Integers,
    threshold: Floats,
    concentration: Floats,
    scale: Floats,
    log_mass: Floats,
    cdf: Floats,
    sf: Floats,
    log_cdf: Floats,
    log_sf: Floats,
    quantile: Floats,
) -> None:
    """Write the smallest values at levels given four ways, ``(R, S)``; see the module's head."""
    offset = 1 if rows.shape[1] > edges.shape[1] else 0
    for r in range(len(rows)):
        e = r if len(edges) > 1 else 0
        for s in range(cdf.shape[1]):
            in_upper = log_sf[r, s] < log_mass[UPPER, r]
            if in_upper or log_cdf[r, s] < log_mass[LOWER, r]:
                side = UPPER if in_upper else LOWER
                log_beyond = np.float64(log_sf[r, s] if in_upper else log_cdf[r, s])
                hazard = log_mass[side, r] - log_beyond
                excess = scale[side, r] * excess_of(hazard, concentration[side, r])
                quantile[r, s] = threshold[side, r] + (excess if in_upper else -excess)
                continue
            side = LOWER if cdf[r, s] < sf[r, s] else UPPER
            mass = sf[r, s] if side else cdf[r, s]
            entry = entry_at(rows, largest, total, sums, weights, r, mass, side)
            bin_ = _between(entry - offset, number[LOWER, r], number[UPPER, r])
            entry = bin_ + offset
            below, above = beside_entry(rows, largest, total, sums, weights, r, entry)
            left, right = edges[e, bin_], edges[e, bin_ + 1]
            prob = math.exp(rows[r, entry] - log_total[r])
            step = (right - left) * _share(mass - (above if side else below), prob)
            value = right - step if side else left + step
            quantile[r, s] = _between(value, threshold[LOWER, r], threshold[UPPER, r])
