"""Read plain delimited text: no quotes, whole lines, and numbers that are numbers.

Nearly all tracking is of this kind, and is read in less time than a parser of any text takes. What
is not is left to that parser and to the checks of each row, from the file's start.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from dropback.tracking.readers._coded import coded
from dropback.tracking.readers._delimited import split_header
from dropback.tracking.readers._packed import is_gzip, mapped_text, open_text
from dropback.tracking.readers._plain_kernel import (
    BLOCK,
    DECIMAL,
    NO_NUMBER,
    TEXT,
    WHOLE,
    WORD,
    find_cells,
    parse_decimals,
    parse_texts,
    parse_wholes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

# In the processor's nearer cache.
_BLOCK_BYTES: Final = 1 << 20
_MARK_ROWS: Final = 512
_NEWLINE: Final = 10
# Texts of a column in one batch, such as the time stamps of 250,000 moments, and their letters.
_MOST_TEXTS: Final = 1 << 18
_MOST_LETTERS: Final = 1 << 23

KINDS: Final[dict[type[pl.DataType], int]] = {
    pl.Float64: WHOLE,
    pl.Float32: DECIMAL,
    pl.String: TEXT,
}
"""What columns of a type in `ROW_COLUMNS` are read as."""


class NotPlainError(Exception):
    """A file that has to be read by the parser of any text."""


class PlainColumn(NamedTuple):
    """A column to read: our name of it, its name in the file, and one of `KINDS`."""

    name: str
    column: str
    kind: int


class Mark(NamedTuple):
    """Where a row of a file begins: its place below the header from 1, and its first byte."""

    row: int
    start: int


def read_plain(
    path: Path, columns: Sequence[PlainColumn], most_rows: int, marks: list[Mark] | None = None
) -> Iterator[pl.DataFrame]:
    """Batches of a file's rows in order, of `most_rows` rows and a last one of fewer.

    Whole numbers are `Int64`, decimals `Float32`, texts `coded`. Empty cells are null, and in
    columns of numbers NA is; there blanks around a number do not count.

    Args:
        path: Text, or text in gzip.
        columns: What to read.
        most_rows: Rows of a batch; a batch with very many different texts ends earlier.
        marks: Where some of the rows begin is added to it, so that `lines_at` finds others.

    Raises:
        NotPlainError: At the first line that is not plain.
        ReaderError: As for `split_header` and `open_text`.
    """
    with open_text(path) as file:
        header = file.readline()
        names, delimiter = split_header(path, header)
        # Each field takes a byte at least.
        most = most_rows if is_gzip(path) else path.stat().st_size // len(names) + 1
        batch = _Batch(names, columns, min(most, most_rows))
        lines, row, start = _Lines(file), 1, len(header) - WORD
        while lines.fill():
            cells = lines.cells(len(names), ord(delimiter))
            if marks is not None:
                begins = start + 1 + cells[::_MARK_ROWS, 0]
                marks += [Mark(row + n * _MARK_ROWS, at) for n, at in enumerate(begins.tolist())]
            row, start = row + len(cells), start + lines.whole - WORD
            while len(cells):
                fit = batch.parse(lines, cells)
                cells = cells[fit:]
                if len(cells):
                    yield batch.frame()
                    batch.clear()
            lines.drop(lines.whole)
        if batch.row:
            yield batch.frame()


def lines_at(path: Path, rows: Sequence[int], marks: Sequence[Mark]) -> bytes:
    """The header of a plain file and some of its rows, lines that end.

    Args:
        path: As for `read_plain`.
        rows: Their places below the header from 1, in order.
        marks: As `read_plain` found them.
    """
    places, starts = [mark.row for mark in marks], [mark.start for mark in marks]
    with mapped_text(path) as content:
        found = [bytes(content[: content.find(b"\n")])]
        ends = [*starts[1:], len(content)]
        for mark, near in groupby(rows, lambda row: bisect_right(places, row) - 1):
            lines = bytes(content[starts[mark] : ends[mark]]).split(b"\n")
            found += [lines[row - places[mark]] for row in near]
    return b"\n".join([*(line.rstrip(b"\r") for line in found), b""])


class _Lines:
    """Whole lines of a file, block by block, with the room around them that its parser needs."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._end, self._ended = file, WORD, False
        self._block = bytearray(WORD + _BLOCK_BYTES + BLOCK)
        self.text = np.frombuffer(self._block, np.uint8)
        self._ends = np.empty(len(self._block), np.int32)
        self.whole = WORD
        """Where the whole lines in `text` end; the first begins at `WORD`."""

    def fill(self) -> bool:
        """Read on; whether any line is there."""
        if self._ended:
            return False
        got = self._file.readinto(memoryview(self._block)[self._end : -BLOCK - 1])  # type: ignore[attr-defined]
        self._end += got
        if not got:
            self._ended = True
            if self._end > WORD:  # a last line without its end
                self._block[self._end] = _NEWLINE
                self._end += 1
        self.whole = max(self._block.rfind(b"\n", WORD, self._end) + 1, WORD)
        if self._end == len(self._block) - BLOCK - 1 and self.whole == WORD:
            raise NotPlainError
        return self._end > WORD

    def cells(self, fields: int, delimiter: int) -> NDArray[np.int32]:
        """Where the cells of the whole lines end, each after the one before it, ``[N, C + 1]``.

        Raises:
            NotPlainError: A line has another number of cells, or a quote, or is no text.
        """
        lines, is_ascii = find_cells(self.text, WORD, self.whole, delimiter, fields, self._ends)
        if lines < 0:
            raise NotPlainError
        if not is_ascii:
            try:
                self._block[WORD : self.whole].decode("utf-8")
            except UnicodeDecodeError as error:
                raise NotPlainError from error
        step = self._ends.itemsize
        return np.ndarray(
            (lines, fields + 1), np.int32, self._ends.data, strides=(fields * step, step)
        )

    def drop(self, until: int) -> None:
        """Forget all before a byte."""
        rest = self._end - until
        self.text[WORD : WORD + rest] = self.text[until : self._end].copy()
        self._end, self.whole = WORD + rest, WORD + self.whole - until


class _Batch:
    """The arrays that lines are parsed into."""

    def __init__(
        self, names: Sequence[str], columns: Sequence[PlainColumn], most_rows: int
    ) -> None:
        kind_of: dict[str, int] = {}
        for _, column, kind in columns:
            if kind_of.setdefault(column, kind) != kind:
                raise NotPlainError
        of_kind = {
            kind: [column for column, own in kind_of.items() if own == kind]
            for kind in (TEXT, WHOLE, DECIMAL)
        }
        self._columns, self._most_rows = columns, most_rows
        self._place = {name: n for read in of_kind.values() for n, name in enumerate(read)}
        # Texts first: where no more fit, the lines from there on are left to the next batch.
        self._read = [
            (kind, self._place[name], names.index(name))
            for kind, read in of_kind.items()
            for name in read
        ]
        self._shapes = [(len(of_kind[kind]), most_rows) for kind in (WHOLE, DECIMAL, TEXT)]
        texts = len(of_kind[TEXT])
        size = 1 << (2 * min(most_rows + 1, _MOST_TEXTS) - 1).bit_length()
        self._letters = np.empty((texts, _MOST_LETTERS + WORD), np.uint8)
        self._bounds = np.zeros((texts, size // 2 + 1), np.int64)
        self._tables = np.empty((texts, size), np.int32)
        self._counts = np.empty((texts, 1), np.int64)
        self._categories = [pl.Categories.random() for _ in range(texts)]
        self.clear()

    def clear(self) -> None:
        """Begin the next batch, in arrays of its own: a frame keeps those of the one before."""
        wholes, decimals, texts = self._shapes
        self._wholes = np.empty(wholes, np.int64)
        self._decimals = np.empty(decimals, np.float32)
        self._codes = np.empty(texts, np.int32)
        self._tables[:] = -1
        self._counts[:] = 0
        self.row = 0

    def parse(self, lines: _Lines, cells: NDArray[np.int32]) -> int:
        """Parse lines by where their cells end; how many fit.

        Raises:
            NotPlainError: A number is none, or not even one line fits.
        """
        text, row = lines.text, self.row
        cells = cells[: self._most_rows - row]
        for kind, place, field in self._read:
            at = text, cells[:, field], cells[:, field + 1]
            if kind == TEXT:
                fit = parse_texts(
                    *at, self._codes[place], row, self._letters[place],
                    self._bounds[place], self._tables[place], self._counts[place],
                )  # fmt: skip
                cells = cells[:fit]
                continue
            now = slice(row, row + len(cells))
            if kind == WHOLE:
                good = parse_wholes(*at, self._wholes[place, now])
            else:
                good = parse_decimals(*at, self._decimals[place, now])
            if not good:
                raise NotPlainError
        self.row += len(cells)
        if not self.row:
            raise NotPlainError
        return len(cells)

    def frame(self) -> pl.DataFrame:
        """The rows so far."""
        return pl.DataFrame(
            [self._series(kind, self._place[own]).alias(name) for name, own, kind in self._columns]
        )

    def _series(self, kind: int, place: int) -> pl.Series:
        if kind == DECIMAL:
            return pl.Series(self._decimals[place, : self.row], nan_to_null=True)
        if kind == WHOLE:
            numbers = pl.Series(self._wholes[place, : self.row])
            missing = numbers == NO_NUMBER
            return numbers.set(missing, None) if missing.any() else numbers
        bounds = self._bounds[place, : self._counts[place, 0] + 1].tolist()
        letters = self._letters[place, : bounds[-1]].tobytes()
        texts = [letters[start:end].decode("utf-8") or None for start, end in pairwise(bounds)]
        codes = self._codes[place, : self.row].view(np.uint32)  # as which polars takes places
        return coded(codes, texts, self._categories[place])
