"""Parse rows of plain delimited text into arrays, and stop at whatever is not plain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers, Singles

SKIPPED, WHOLE, DECIMAL, TEXT = 0, 1, 2, 3
"""What a column is read as."""

NO_NUMBER: Final = -(2**63)
"""What stands for a missing whole number; a missing decimal is NaN."""

GOOD, FULL, STRANGE = 0, 1, 2
"""All lines were read; no more fit; the next line is not plain."""

_NEWLINE, _RETURN, _SPACE, _QUOTE, _MINUS, _POINT, _ZERO, _NINE = 10, 13, 32, 34, 45, 46, 48, 57
_N, _A, _BEYOND_ASCII = 78, 65, 128
_NAN: Final = np.float32(np.nan)
# Exact in float64, as every whole number of 15 digits is: a quotient of both is rounded once.
_TENS: Final = 10.0 ** np.arange(19)
_MOST_DIGITS: Final = 18
_MOST_WHOLE_DIGITS: Final = 15
# FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
_OFFSET: Final = np.uint64(14695981039346656037)
_PRIME: Final = np.uint64(1099511628211)
_HALF_BITS: Final = np.uint64(32)


@compiled
def _code_of(
    text: NDArray[np.uint8],
    start: int,
    stop: int,
    place: int,
    letters: NDArray[np.uint8],
    bounds: Integers,
    tables: NDArray[np.int32],
    counts: Integers,
) -> int:
    """The code of a cell among those of its column, a new one if it is not there; -1: no room."""
    key = _OFFSET
    for at in range(start, stop):
        key = (key ^ np.uint64(text[at])) * _PRIME
    size, last = stop - start, tables.shape[1] - 1
    slot = np.int64(key ^ (key >> _HALF_BITS)) & last
    while tables[place, slot] >= 0:
        code = tables[place, slot]
        known = bounds[place, code]
        if bounds[place, code + 1] - known == size:
            same = 0
            while same < size and letters[place, known + same] == text[start + same]:
                same += 1
            if same == size:
                return int(code)
        slot = (slot + 1) & last
    count = counts[place]
    free = bounds[place, count]
    if 2 * (count + 1) >= tables.shape[1] or free + size > letters.shape[1]:
        return -1
    for at in range(size):
        letters[place, free + at] = text[start + at]
    bounds[place, count + 1] = free + size
    tables[place, slot] = count
    counts[place] = count + 1
    return int(count)


# One function, for a call for each cell takes twice the time.
@compiled
def parse_lines(  # noqa: C901, PLR0911, PLR0912, PLR0915
    text: NDArray[np.uint8],
    end: int,
    delimiter: int,
    kinds: Integers,
    places: Integers,
    row: int,
    wholes: NDArray[np.int64],
    decimals: Singles,
    codes: NDArray[np.int32],
    letters: NDArray[np.uint8],
    bounds: Integers,
    tables: NDArray[np.int32],
    counts: Integers,
    beyond_ascii: Flags,
) -> tuple[int, int, int]:
    """Parse lines of ``C`` fields into rows from `row` on.

    A cell is plain if it is text without a quote, a number without an exponent and with blanks
    around it at most, or, of a number, nothing or NA. A whole number may end in a point and zeros.

    Args:
        text: Whole lines; the last byte before `end` ends a line.
        end: Bytes to read.
        delimiter: The byte between fields.
        kinds: What each field is read as, shape ``[C]``.
        places: Its row in the array of its kind, shape ``[C]``.
        row: First row to write.
        wholes: Whole numbers, shape ``[W, R]``.
        decimals: Decimals, shape ``[D, R]``.
        codes: Codes of texts, shape ``[T, R]``; a code counts the texts of a column in order of
            first row.
        letters: The texts of each column one after the other, shape ``[T, L]``.
        bounds: Where each text begins and ends, shape ``[T, M / 2 + 1]``.
        tables: Codes by hash, -1 where none is, shape ``[T, M]``, M a power of two.
        counts: Texts of each column so far, shape ``[T]``.
        beyond_ascii: Set where a byte is of no ASCII text, shape ``[1]``.

    Returns:
        The row after the last, the bytes read, and `GOOD`, `FULL` or `STRANGE`.
    """
    fields = len(kinds)
    follows = np.zeros(codes.shape[0], np.int64)
    at = 0
    while at < end:
        begin = at
        if row == codes.shape[1]:
            return row, begin, FULL
        for field in range(fields):
            ending = field == fields - 1
            stop = _NEWLINE if ending else delimiter
            kind, place = kinds[field], places[field]
            if kind in (TEXT, SKIPPED):
                first = at
                if kind == TEXT and row:
                    # Most cells are those of the row before, or follow it as they did before: the
                    # moments of a play come again for each of its players.
                    code = min(int(codes[place, row - 1]) + follows[place], counts[place] - 1)
                    known, known_end = bounds[place, code], bounds[place, code + 1]
                    while known < known_end and text[at] == letters[place, known]:
                        if text[at] >= _BEYOND_ASCII:
                            beyond_ascii[0] = True
                        at += 1
                        known += 1
                    if known == known_end and text[at] == stop:
                        codes[place, row] = code
                        at += 1
                        continue
                letter = text[at]
                while letter not in (delimiter, _NEWLINE):
                    if letter == _QUOTE:
                        return row, begin, STRANGE
                    if letter >= _BEYOND_ASCII:
                        beyond_ascii[0] = True
                    at += 1
                    letter = text[at]
                if letter != stop:
                    return row, begin, STRANGE
                if kind == TEXT:
                    last = at
                    if ending and last > first and text[last - 1] == _RETURN:
                        last -= 1
                    code = _code_of(text, first, last, place, letters, bounds, tables, counts)
                    if code < 0:
                        return row, begin, FULL
                    codes[place, row] = code
                    if row:
                        follows[place] = code == codes[place, row - 1] + 1
                at += 1
                continue
            letter = text[at]
            while letter == _SPACE:
                at += 1
                letter = text[at]
            negative = letter == _MINUS
            if negative:
                at += 1
                letter = text[at]
            number, first = 0, at
            while letter >= _ZERO and letter <= _NINE:
                number = number * 10 + int(letter - _ZERO)
                at += 1
                letter = text[at]
            digits, scale = at - first, 0
            pointed = letter == _POINT
            if pointed:
                at += 1
                letter = text[at]
                first = at
                while letter >= _ZERO and letter <= _NINE:
                    number = number * 10 + int(letter - _ZERO)
                    at += 1
                    letter = text[at]
                scale = at - first
                digits += scale
            missing = digits == 0
            if missing:
                if negative or pointed:
                    return row, begin, STRANGE
                if letter == _N and text[at + 1] == _A:
                    at += 2
                    letter = text[at]
            while letter == _SPACE or (letter == _RETURN and ending):
                at += 1
                letter = text[at]
            if letter != stop or digits > _MOST_DIGITS:
                return row, begin, STRANGE
            at += 1
            if kind == DECIMAL:
                value = np.float64(number)
                if scale:
                    value /= _TENS[scale]
                value = -value if negative else value
                decimals[place, row] = _NAN if missing else np.float32(value)
            else:
                if digits - scale > _MOST_WHOLE_DIGITS:
                    return row, begin, STRANGE
                if scale:
                    ten = int(_TENS[scale])
                    if number % ten:
                        return row, begin, STRANGE
                    number //= ten
                wholes[place, row] = NO_NUMBER if missing else (-number if negative else number)
        row += 1
    return row, at, GOOD
