"""Parse columns of plain delimited text into arrays, and stop at whatever is not plain.

A block of lines is read in two steps: where its cells end, then a column at a time. So each loop
does one thing, and the processor foresees its branches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._compiled import compiled, lowest_bit, places_of, word_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Integers, Singles

SKIPPED, WHOLE, DECIMAL, TEXT = 0, 1, 2, 3
"""What a column is read as."""

NO_NUMBER: Final = -(2**63)
"""What stands for a missing whole number; a missing decimal is NaN."""

WORD: Final = 8
"""Bytes that are read at once: as many must be there before the first cell."""

BLOCK: Final = 64
"""Bytes in which cells' ends are looked for at once: as many must be there after the last cell."""

_NEWLINE, _RETURN, _SPACE, _QUOTE, _MINUS, _POINT, _ZERO, _NINE = 10, 13, 32, 34, 45, 46, 48, 57
_N, _A = 78, 65
_NAN: Final = np.float32(np.nan)
# Exact in float64, as every whole number of 15 digits is: a quotient of both is rounded once.
_TENS: Final = 10.0 ** np.arange(19)
_MOST_DIGITS: Final = 18
_MOST_WHOLE_DIGITS: Final = 15
# FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
_OFFSET: Final = np.uint64(14695981039346656037)
_PRIME: Final = np.uint64(1099511628211)
_HALF_BITS: Final = np.uint64(32)

# Eight bytes as one number whose lowest byte comes first:
# https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord finds a byte, and
# https://johnnylee-sde.github.io/Fast-numeric-string-to-int/ adds up eight digits in three steps.
_ONES: Final = np.uint64(0x0101010101010101)
_HIGHS: Final = np.uint64(0x8080808080808080)
_ZEROS: Final = np.uint64(0x3030303030303030)
_OVER_NINE: Final = np.uint64(0x7676767676767676)
_POINTS: Final = np.uint64(0x2E2E2E2E2E2E2E2E)
_PAIRS: Final = np.uint64(0x00FF00FF00FF00FF)
_FOURS: Final = np.uint64(0x0000FFFF0000FFFF)
_ADD_ONES: Final = np.uint64(10 * 2**8 + 1)
_ADD_PAIRS: Final = np.uint64(100 * 2**16 + 1)
_ADD_FOURS: Final = np.uint64(10_000 * 2**32 + 1)
_BITS_OF_1, _BITS_OF_2, _BITS_OF_7 = np.uint64(8), np.uint64(16), np.uint64(56)
_SIGN_BITS: Final = np.uint64(7)
_0, _1 = np.uint64(0), np.uint64(1)
# The first and the last of eight bytes, by their number.
_FIRST: Final = np.array([2 ** (8 * n) - 1 for n in range(WORD + 1)], np.uint64)
_LAST: Final = np.array([2**64 - 2 ** (8 * (WORD - n)) for n in range(WORD + 1)], np.uint64)


@compiled
def find_cells(
    text: NDArray[np.uint8],
    begin: int,
    end: int,
    delimiter: int,
    fields: int,
    ends: NDArray[np.int32],
) -> tuple[int, bool]:
    """Where the cells of whole lines end.

    Args:
        text: The lines.
        begin: First byte of the first line.
        end: Where the last line ends.
        delimiter: The byte between cells.
        fields: Cells of each line.
        ends: Where each cell ends, from place 1; at 0 the byte before the first cell.

    Returns:
        The lines, -1 where one has more or fewer cells or there is a quote; and whether all bytes
        are of ASCII text.
    """
    count, lines = 0, 0
    seen, quotes = _0, _0
    ends[0] = begin - 1
    for at in range(begin, end, BLOCK):
        newlines = places_of(text, at, np.uint8(_NEWLINE))
        found = newlines | places_of(text, at, np.uint8(delimiter))
        quoted = places_of(text, at, np.uint8(_QUOTE))
        if end - at < BLOCK:
            inside = (_1 << np.uint64(end - at)) - _1
            newlines, found, quoted = newlines & inside, found & inside, quoted & inside
        quotes |= quoted
        for word in range(0, BLOCK, WORD):
            seen |= word_at(text, at + word)
        while newlines != _0:
            newlines &= newlines - _1
            lines += 1
        while found != _0:
            count += 1
            ends[count] = at + lowest_bit(found)
            found &= found - _1
    good = quotes == _0 and count == lines * fields
    for line in range(lines):
        good = good and text[ends[(line + 1) * fields]] == _NEWLINE
    return (lines if good else -1), (seen & _HIGHS) == _0


@compiled
def _whole_word(word: np.uint64) -> np.int64:
    """The number that eight bytes are, digits less `_ZEROS`; -1 where one is no digit."""
    if ((word | (word + _OVER_NINE)) & _HIGHS) != _0:
        return np.int64(-1)
    word = (word * _ADD_ONES) >> _BITS_OF_1
    word = ((word & _PAIRS) * _ADD_PAIRS) >> _BITS_OF_2
    return np.int64(((word & _FOURS) * _ADD_FOURS) >> _HALF_BITS)


@compiled
def _number(text: NDArray[np.uint8], at: int, end: int) -> tuple[bool, bool, int, int, int]:
    """Any plain number: whether it is one, and negative; its digits, their number and decimals."""
    letter = text[at]
    while letter == _SPACE:
        at += 1
        letter = text[at]
    negative = letter == _MINUS
    if negative:
        at += 1
        letter = text[at]
    number, digits, scale, pointed = 0, 0, 0, False
    while _ZERO <= letter <= _NINE or (letter == _POINT and not pointed):
        if letter == _POINT:
            pointed = True
        else:
            number = number * 10 + int(letter - _ZERO)
            digits += 1
            scale += pointed
        at += 1
        letter = text[at]
    if digits == 0:
        if negative or pointed:
            return False, False, 0, 0, 0
        if letter == _N and text[at + 1] == _A:
            at += 2
            letter = text[at]
    while letter == _SPACE or (letter == _RETURN and text[end] == _NEWLINE):
        at += 1
        letter = text[at]
    return at == end and digits <= _MOST_DIGITS, negative, number, digits, scale


@compiled
def parse_decimals(
    text: NDArray[np.uint8],
    before: NDArray[np.int32],
    ends: NDArray[np.int32],
    values: Singles,
) -> bool:
    """Parse a column of decimals; whether all are plain.

    A number is plain without an exponent, with blanks around it at most; nothing and NA are NaN.

    Args:
        text: The lines.
        before: The byte before each cell, shape ``[N]``.
        ends: The byte after it, shape ``[N]``.
        values: What is written, shape ``[N]``.
    """
    for line in range(len(ends)):
        at, end = before[line] + 1, ends[line]
        size = end - at
        if 0 < size <= WORD:
            negative = text[at] == _MINUS
            length = size - negative
            word = word_at(text, end - WORD) & _LAST[length]
            other = word ^ _POINTS
            point = (other - _ONES) & ~other & _HIGHS
            point = (point & (~point + _1)) >> _SIGN_BITS
            scale = np.int64(0)
            if point != _0:
                after = ~((point << _BITS_OF_1) - _1)
                scale = np.int64(((after & _ONES) * _ONES) >> _BITS_OF_7)
                word = (word & after) | ((word & (point - _1)) << _BITS_OF_1)
                length -= 1
            number = _whole_word(word ^ (_ZEROS & _LAST[length]))
            if length > 0 and number >= 0:
                value = np.float64(number) / _TENS[scale]
                values[line] = np.float32(-value if negative else value)
                continue
        good, negative, whole, digits, places = _number(text, at, end)
        if not good:
            return False
        value = np.float64(whole) / _TENS[places]
        values[line] = np.float32(-value if negative else value) if digits else _NAN
    return True


@compiled
def parse_wholes(
    text: NDArray[np.uint8],
    before: NDArray[np.int32],
    ends: NDArray[np.int32],
    values: NDArray[np.int64],
) -> bool:
    """As `parse_decimals`, of whole numbers, which may end in a point and zeros."""
    was, long = 0, -1
    for line in range(len(ends)):
        at, end = before[line] + 1, ends[line]
        size = end - at
        if size == long:
            # Most are those of the row before.
            same = 0
            while same + WORD <= size and word_at(text, at + same) == word_at(text, was + same):
                same += WORD
            rest = size - same
            if (
                rest < WORD
                and (word_at(text, at + same) ^ word_at(text, was + same)) & _FIRST[rest] == _0
            ):
                values[line] = values[line - 1]
                continue
        was, long = at, size
        if 0 < size <= WORD:
            number = _whole_word((word_at(text, end - WORD) ^ _ZEROS) & _LAST[size])
            if number >= 0:
                values[line] = number
                continue
        good, negative, whole, digits, places = _number(text, at, end)
        if not good or digits - places > _MOST_WHOLE_DIGITS:
            return False
        ten = int(_TENS[places])
        if whole % ten:
            return False
        whole //= ten
        values[line] = (-whole if negative else whole) if digits else NO_NUMBER
    return True


@compiled
def _code_of(
    text: NDArray[np.uint8],
    start: int,
    stop: int,
    letters: NDArray[np.uint8],
    bounds: Integers,
    table: NDArray[np.int32],
    count: Integers,
) -> int:
    """The code of a cell among those of its column, a new one if it is not there; -1: no room."""
    key = _OFFSET
    for at in range(start, stop):
        key = (key ^ np.uint64(text[at])) * _PRIME
    size, last = stop - start, len(table) - 1
    slot = np.int64(key ^ (key >> _HALF_BITS)) & last
    while table[slot] >= 0:
        code = table[slot]
        known = bounds[code]
        if bounds[code + 1] - known == size:
            same = 0
            while same < size and letters[known + same] == text[start + same]:
                same += 1
            if same == size:
                return int(code)
        slot = (slot + 1) & last
    new = count[0]
    free = bounds[new]
    if 2 * (new + 1) >= len(table) or free + size > len(letters) - WORD:
        return -1
    for at in range(size):
        letters[free + at] = text[start + at]
    bounds[new + 1] = free + size
    table[slot] = new
    count[0] = new + 1
    return int(new)


@compiled
def _without_returns(text: NDArray[np.uint8], at: int, end: int) -> int:
    """Where a cell ends, less the carriage returns before a line feed.

    A file that was converted twice has two of them.
    """
    if text[end] == _NEWLINE:
        while end > at and text[end - 1] == _RETURN:
            end -= 1
    return end


@compiled
def parse_texts(
    text: NDArray[np.uint8],
    before: NDArray[np.int32],
    ends: NDArray[np.int32],
    codes: NDArray[np.int32],
    row: int,
    letters: NDArray[np.uint8],
    bounds: Integers,
    table: NDArray[np.int32],
    count: Integers,
) -> int:
    """Parse a column of texts; how many fit.

    Args:
        text: The lines.
        before: The byte before each cell, shape ``[N]``.
        ends: The byte after it, shape ``[N]``.
        codes: Codes of all rows, shape ``[R]``; a code counts the texts of a column in order of
            first row.
        row: First row to write.
        letters: The texts of the column one after the other, shape ``[L]``.
        bounds: Where each text begins and ends, shape ``[M / 2 + 1]``.
        table: Codes by hash, -1 where none is, shape ``[M]``, M a power of two.
        count: Texts so far, shape ``[1]``.
    """
    # Most cells are those of the row before, or follow it as they did before: the moments of a
    # play come again for each of its players.
    likely, follows = np.int64(0), False
    if row:
        likely = np.int64(codes[row - 1])
    known, long = np.int64(0), np.int64(-1)
    if count[0]:
        known, long = bounds[likely], bounds[likely + 1] - bounds[likely]
    for line in range(len(ends)):
        at = before[line] + 1
        end = _without_returns(text, at, ends[line])
        size = end - at
        found = False
        if size == long:
            same = 0
            while same + WORD <= size and word_at(text, at + same) == word_at(
                letters, known + same
            ):
                same += WORD
            rest = size - same
            odd = word_at(text, at + same) ^ word_at(letters, known + same)
            found = rest < WORD and odd & _FIRST[rest] == _0
        code = likely
        if not found:
            last = np.int64(codes[row + line - 1]) if row + line else np.int64(-1)
            code = np.int64(_code_of(text, at, end, letters, bounds, table, count))
            if code < 0:
                return line
            follows = code == last + 1
        codes[row + line] = code
        if follows or not found:
            likely = min(code + 1, count[0] - 1) if follows else code
            known, long = bounds[likely], bounds[likely + 1] - bounds[likely]
    return len(ends)
