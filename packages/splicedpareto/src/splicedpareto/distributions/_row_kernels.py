"""Machine code for the softmax of each row of a table: its sums, lookups in them, gradients.

A row of logits fits the innermost cache, a table does not: every loop takes one row, works out its
weights there, the exponentials of the logits less the row's largest, and writes a few numbers. A
row's running sums are kept at the ends of blocks of entries alone, and worked out again within a
block, so that a lookup reads one block.

Shapes: `R` rows of `N` logits in `M` blocks, with `S` or `T` lookups a row. Shared by all:

- ``largest`` and ``total``, the rows' largest logits and the sums of their weights, ``(R,)``;
- ``sums``, those of the weights before each block, and after it, ``(2, R, M)``, from either end;
- ``weights``, room for those of a block, ``(BLOCK,)``.

All arrays are C-contiguous.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import overload

from splicedpareto.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Integers = NDArray[np.int64]
    Booleans = NDArray[np.bool_]

__all__ = ["BLOCK", "beside_entry", "entry_at", "find", "look_up", "pull_back", "sum_rows"]

BLOCK = 8

# Exponents of two, and its logarithm in two parts: the product with the first is rounded once,
# together with the sum that it enters.
_LOG2_E, _LN_2 = np.float32(1 / math.log(2)), np.float32(math.log(2))
_LN_2_REST = np.float32(math.log(2) - float(_LN_2))
_HALF, _LEAST_EXPONENT = np.float32(0.5), np.float32(-126)
# Below 2^-126 single precision has no normal number.
_LOWEST, _NOTHING = np.float32(-126 * math.log(2)), np.float32(0)
# Taylor's coefficients: for arguments up to log(2) / 2 the first omitted term is below 6e-9.
_1, _2, _3, _4, _5, _6, _7 = (np.float32(1 / math.factorial(n)) for n in range(1, 8))


def exponential(argument: Any) -> Any:  # noqa: ANN401 - a number of either precision
    """Return exp(x) for x up to 0, in the precision of x; zero for what is not normal in float32.

    Written out for single precision, so that eight are worked out at once; the C library's
    otherwise.
    """
    raise NotImplementedError  # what is compiled is chosen below, by type


def _single_exponential(argument: Any) -> Any:  # noqa: ANN401 - as `exponential`
    """2^n times a series in the rest of the argument."""
    exponent = np.floor(argument * _LOG2_E + _HALF)
    # Also for NaN, which no whole number stands for.
    exponent = exponent if exponent > _LEAST_EXPONENT else _LEAST_EXPONENT
    x = argument - exponent * _LN_2
    series = ((((((_7 * x + _6) * x + _5) * x + _4) * x + _3) * x + _2) * x + _1) * x + _1
    series -= series * (exponent * _LN_2_REST)
    # A float32 holds its exponent, plus 127, above 23 bits.
    power = np.int32((np.int32(exponent) + np.int32(127)) << np.int32(23)).view(np.float32)
    return _NOTHING if argument < _LOWEST else series * power


def _double_exponential(argument: Any) -> Any:  # noqa: ANN401 - as `exponential`
    return np.exp(argument)


@overload(exponential)
def _choose_exponential(argument: Any) -> Any:  # noqa: ANN401 - Numba's types
    return _single_exponential if argument == types.float32 else _double_exponential


def _ordered(number: Any) -> Any:  # noqa: ANN401 - a number of either precision
    """Return an integer that orders as the number does, and back again.

    Of a row's integers the largest is found eight at once, but not of its numbers, for a
    comparison with NaN depends on the order. NaN comes first or last.
    """
    raise NotImplementedError  # as `exponential`


@overload(_ordered)
def _choose_ordered(number: Any) -> Any:  # noqa: ANN401 - Numba's types
    real, whole = _WORDS[number.bitwidth]
    given, wanted = (real, whole) if isinstance(number, types.Float) else (whole, real)
    sign, magnitude = number.bitwidth - 1, np.iinfo(whole).max

    def reorder(number: Any) -> Any:  # noqa: ANN401 - as `_ordered`
        # The larger a negative number's bits, but for its sign, the smaller it is.
        bits = given(number).view(whole)
        return whole(bits ^ whole(whole(bits >> whole(sign)) & whole(magnitude))).view(wanted)

    return reorder


_WORDS: dict[int, tuple[Any, Any]] = {32: (np.float32, np.int32), 64: (np.float64, np.int64)}


@inlined
def _largest(rows: Floats, r: int) -> Any:  # noqa: ANN401 - of the rows' type
    """Largest entry of a row; where one is NaN, that or another entry."""
    largest = _ordered(rows[r, 0])
    for i in range(rows.shape[1]):
        number = _ordered(rows[r, i])
        largest = number if number > largest else largest
    return _ordered(largest)


# No row is cut out of a table below: each cut would count references, for 20 ns.


# Nor does a search leave its loop early: the branch would be mispredicted, for 5 to 10 ns, while
# all ends are counted at once.


@inlined
def _block_of(sums: Floats, r: int, level: float, side: int, exceed: bool) -> int:
    """Block of a row, from one side, within which the running sum reaches a level."""
    blocks, passed = sums.shape[2], 0
    first = 0 if side else 1
    for block in range(first, first + blocks - 1):
        there = sums[side, r, block]
        passed += (there < level) | (exceed & (there == level))
    return blocks - 1 - passed if side else passed


@inlined
def _entry_of(
    weights: Floats,
    first: int,
    before: float,
    level: float,
    total: float,
    side: int,
    exceed: bool,
) -> tuple[int, float]:
    """Of a block's entries, the one at which the running sum reaches a level; the sum before it.

    Past the far end where all weights of the row do not reach it.
    """
    step, near = (-1, BLOCK - 1) if side else (1, 0)
    running, before_found, passed = before, before, 0
    for i in range(BLOCK):
        running += weights[first + near + step * i]
        reached = (running > level) | ((running == level) & (not exceed))
        before_found = before_found if reached else running
        passed += not reached
    if passed < BLOCK:
        return near + step * passed, before_found
    # The sum of a block, taken in another order than its entries', may reach the level where
    # theirs does not: then the last entry that has weight stands for it.
    reachable = level < total or (level == total and not exceed)
    found, running, before_found = near + step * BLOCK, before, before
    for i in range(BLOCK):
        at = near + step * i
        if reachable and weights[first + at] > 0:
            found, before_found = at, running
        running += weights[first + at]
    return found, before_found


@inlined
def _weigh(rows: Floats, largest: Floats, r: int, block: int, weights: Floats) -> None:
    """Write the weights of a row's block, and zeros after the row's end."""
    # The array's own length, `BLOCK`, which the compiler does not know: it would take a loop that
    # is surely short entry by entry, for 110 ns instead of 16.
    first = block * BLOCK
    count = min(len(weights), rows.shape[1] - first)
    for i in range(count):
        weights[i] = exponential(rows[r, first + i] - largest[r])
    for i in range(count, len(weights)):
        weights[i] = 0


@inlined
def entry_at(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    r: int,
    mass: float,
    side: int,
) -> int:
    """Entry of a row, from one side, at whose end the summed probability reaches a mass.

    See `find`.
    """
    level = mass * total[r]
    block = _block_of(sums, r, level, side, side == 1)
    _weigh(rows, largest, r, block, weights)
    found, _ = _entry_of(weights, 0, sums[side, r, block], level, total[r], side, side == 1)
    return int(min(block * BLOCK + found, rows.shape[1]))


@inlined
def beside_entry(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    r: int,
    entry: int,
) -> tuple[float, float]:
    """Probabilities before an entry of a row, and after it."""
    block = entry // BLOCK
    _weigh(rows, largest, r, block, weights)
    at, none = entry - block * BLOCK, rows.dtype.type(0)
    below, above = sums[0, r, block], sums[1, r, block]
    for i in range(BLOCK):
        below += weights[i] if i < at else none
        above += weights[i] if i > at else none
    return below / total[r], above / total[r]


@compiled
def sum_rows(
    rows: Floats,
    masses: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    entry: Integers,
    beside: Floats,
) -> None:
    """Write the sums of rows, and the entries within which masses from either end are exceeded.

    A total is NaN where a logit is NaN or infinity, or all are minus infinity.

    Args:
        rows: Logits, ``(R, N)``.
        masses: Probabilities, ``(R, 2)``, from the left and from the right; or ``(R, 0)``.
        largest: See the module's head, as `total` and `sums`: they are written here.
        total: Likewise.
        sums: Likewise.
        entry: The entries that hold the masses, of the shape of `masses`.
        beside: Probabilities before the first, and after the second.
    """
    length, blocks = rows.shape[1], sums.shape[2]
    weights = np.zeros(blocks * BLOCK, rows.dtype)
    for r in range(len(rows)):
        most = _largest(rows, r)
        for i in range(length):
            weights[i] = exponential(rows[r, i] - most)
        running = rows.dtype.type(0)
        for block in range(blocks):
            of_block = weights[block * BLOCK]
            for i in range(1, BLOCK):
                of_block += weights[block * BLOCK + i]
            sums[0, r, block], sums[1, r, block] = running, of_block
            running += of_block
        largest[r], total[r] = most, running
        running = rows.dtype.type(0)
        for block in range(blocks - 1, -1, -1):
            of_block = sums[1, r, block]
            sums[1, r, block] = running
            running += of_block
        for side in range(masses.shape[1]):
            level = masses[r, side] * total[r]
            block = _block_of(sums, r, level, side, True)
            first, before = block * BLOCK, sums[side, r, block]
            found, before = _entry_of(weights, first, before, level, total[r], side, True)
            entry[r, side] = min(max(first + found, 0), length - 1)
            beside[r, side] = before / total[r]


@compiled
def find(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    mass: Floats,
    from_right: Booleans,
    entry: Integers,
) -> None:
    """Write the entries, from one side, at whose ends the summed probability reaches masses.

    From the right it must exceed them.

    Args:
        rows: Logits, ``(R, N)``.
        largest: See the module's head, as all up to `weights`.
        total: Likewise.
        sums: Likewise.
        weights: Likewise.
        mass: Probabilities, ``(R, S)``.
        from_right: Whether to sum from the right.
        entry: Where to write; -1 or `N` where all entries together do not reach the mass.
    """
    for r in range(len(rows)):
        for s in range(mass.shape[1]):
            side = int(from_right[r, s])
            entry[r, s] = entry_at(rows, largest, total, sums, weights, r, mass[r, s], side)


@compiled
def look_up(
    rows: Floats,
    largest: Floats,
    total: Floats,
    sums: Floats,
    weights: Floats,
    entry: Integers,
    below: Floats,
    above: Floats,
) -> None:
    """Write the probabilities before entries and after entries, each ``(R, T)``."""
    for r in range(len(rows)):
        for s in range(entry.shape[1]):
            below[r, s], above[r, s] = beside_entry(
                rows, largest, total, sums, weights, r, entry[r, s]
            )


@compiled
def pull_back(
    rows: Floats,
    largest: Floats,
    total: Floats,
    at: Integers,
    before: Integers,
    after: Integers,
    below: Floats,
    above: Floats,
    to_log_prob: Floats,
    to_below: Floats,
    to_above: Floats,
    gradient: Floats,
) -> None:
    """Write the gradient in the logits of log-probabilities ``(R, S)`` and of sums ``(R, T)``."""
    length = rows.shape[1]
    steps = np.zeros(length + 1, rows.dtype)
    for r in range(len(rows)):
        height, pulled = rows.dtype.type(0), False
        for s in range(at.shape[1]):
            height -= to_log_prob[r, s]
            pulled |= to_log_prob[r, s] != 0
        for s in range(before.shape[1]):
            height += to_below[r, s] - to_below[r, s] * below[r, s] - to_above[r, s] * above[r, s]
            steps[before[r, s]] -= to_below[r, s] / total[r]
            steps[after[r, s] + 1] += to_above[r, s] / total[r]
            pulled |= to_below[r, s] != 0 or to_above[r, s] != 0
        height /= total[r]
        if not pulled:
            # Most rows pull on no threshold, or have their value beyond one.
            gradient[r] = 0
            continue
        for i in range(length):
            gradient[r, i] = exponential(rows[r, i] - largest[r])
        if before.shape[1] == 0:
            for i in range(length):
                gradient[r, i] *= height
        else:
            for i in range(length):
                height += steps[i]
                gradient[r, i] *= height
            steps[:] = 0
        for s in range(at.shape[1]):
            gradient[r, at[r, s]] += to_log_prob[r, s]
