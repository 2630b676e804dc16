"""Read plain delimited text: no quotes, whole lines, and numbers that are numbers.

Nearly all tracking is of this kind, and is read in less time than a parser of any text takes. What
is not is left to that parser and to the checks of each row, from the file's start.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from dropback.tracking.readers._coded import coded
from dropback.tracking.readers._delimited import split_header
from dropback.tracking.readers._packed import is_gzip, mapped_text, open_text
from dropback.tracking.readers._plain_kernel import (
    DECIMAL,
    FULL,
    NO_NUMBER,
    SKIPPED,
    STRANGE,
    TEXT,
    WHOLE,
    parse_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

# In the processor's nearer cache.
_BLOCK_BYTES: Final = 1 << 20
_LOOK_BYTES: Final = 1 << 16
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


def read_plain(
    path: Path, columns: Sequence[PlainColumn], most_rows: int
) -> Iterator[pl.DataFrame]:
    """Batches of a file's rows in order, of `most_rows` rows and a last one of fewer.

    Whole numbers are `Int64`, decimals `Float32`, texts `coded`. Empty cells are null, and in
    columns of numbers NA is; there blanks around a number do not count.

    Args:
        path: Text, or text in gzip.
        columns: What to read.
        most_rows: Rows of a batch; a batch with very many different texts ends earlier.

    Raises:
        NotPlainError: At the first line that is not plain.
        ReaderError: As for `split_header` and `open_text`.
    """
    with open_text(path) as file:
        names, delimiter = split_header(path, file.readline())
        # Each field takes a byte at least.
        most = most_rows if is_gzip(path) else path.stat().st_size // len(names) + 1
        batch = _Batch(names, columns, min(most, most_rows))
        lines = _Lines(file)
        while lines.fill():
            while lines.whole:
                used, full = batch.parse(lines.text, lines.whole, ord(delimiter))
                if batch.beyond_ascii[0]:
                    lines.require_text(used)
                    batch.beyond_ascii[0] = False
                lines.drop(used)
                if full:
                    yield batch.frame()
                    batch.clear()
        if batch.row:
            yield batch.frame()


def lines_at(path: Path, rows: Sequence[int]) -> bytes:
    """The header of a plain file and some of its rows, lines that end.

    Args:
        path: As for `read_plain`.
        rows: Their places below the header from 1, in order.
    """
    with mapped_text(path) as content:
        end = content.find(b"\n")
        found, wanted, ended = [bytes(content[:end])], iter(rows), 0
        place = next(wanted, None)
        for start in range(0, len(content), _LOOK_BYTES):
            if place is None:
                break
            ends = np.frombuffer(content[start : start + _LOOK_BYTES], np.uint8) == _NEWLINE
            before, ended = ended, ended + int(np.count_nonzero(ends))
            # As many lines end before a row as its place says, the header among them.
            while place is not None and place <= ended:
                begin = start + int(np.flatnonzero(ends)[place - before - 1]) + 1
                end = content.find(b"\n", begin)
                found.append(bytes(content[begin : end if end >= 0 else len(content)]))
                place = next(wanted, None)
    return b"\n".join([*(line.rstrip(b"\r") for line in found), b""])


class _Lines:
    """Whole lines of a file, block by block."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._held, self._ended = file, 0, False
        self._block = bytearray(_BLOCK_BYTES)
        self.text = np.frombuffer(self._block, np.uint8)
        self.whole = 0
        """Bytes of `text` that are whole lines."""

    def fill(self) -> bool:
        """Read on; whether any line is there."""
        if self._ended:
            return False
        got = self._file.readinto(memoryview(self._block)[self._held : -1])  # type: ignore[attr-defined]
        self._held += got
        if not got:
            self._ended = True
            if self._held:  # a last line without its end
                self._block[self._held] = _NEWLINE
                self._held += 1
        self.whole = self._block.rfind(b"\n", 0, self._held) + 1
        if self._held and not self.whole and self._held == len(self.text) - 1:
            raise NotPlainError
        return bool(self._held)

    def require_text(self, size: int) -> None:
        """Require UTF-8 of so many bytes."""
        try:
            self.text[:size].tobytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotPlainError from error

    def drop(self, size: int) -> None:
        """Forget as many bytes at the start."""
        rest = self._held - size
        self.text[:rest] = self.text[size : self._held].copy()
        self._held, self.whole = rest, self.whole - size


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
            for kind in (WHOLE, DECIMAL, TEXT)
        }
        self._columns = columns
        self._place = {name: n for read in of_kind.values() for n, name in enumerate(read)}
        self._kinds = np.array([kind_of.get(name, SKIPPED) for name in names])
        self._places = np.array([self._place.get(name, 0) for name in names])
        self._shapes = [(len(of_kind[kind]), most_rows) for kind in (WHOLE, DECIMAL, TEXT)]
        texts = len(of_kind[TEXT])
        size = 1 << (2 * min(most_rows + 1, _MOST_TEXTS) - 1).bit_length()
        self._letters = np.empty((texts, _MOST_LETTERS), np.uint8)
        self._bounds = np.zeros((texts, size // 2 + 1), np.int64)
        self._tables = np.empty((texts, size), np.int32)
        self._counts = np.empty(texts, np.int64)
        self._categories = [pl.Categories.random() for _ in range(texts)]
        self.beyond_ascii = np.zeros(1, bool)
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

    def parse(self, text: Any, size: int, delimiter: int) -> tuple[int, bool]:  # noqa: ANN401
        """Bytes parsed, and whether no more rows fit."""
        self.row, used, state = parse_lines(
            text, size, delimiter, self._kinds, self._places, self.row, self._wholes,
            self._decimals, self._codes, self._letters, self._bounds, self._tables, self._counts,
            self.beyond_ascii,
        )  # fmt: skip
        if state == STRANGE or (state == FULL and not self.row):
            raise NotPlainError
        return used, state == FULL

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
        bounds = self._bounds[place, : self._counts[place] + 1].tolist()
        letters = self._letters[place, : bounds[-1]].tobytes()
        texts = [letters[start:end].decode("utf-8") or None for start, end in pairwise(bounds)]
        codes = self._codes[place, : self.row].view(np.uint32)  # as which polars takes places
        return coded(codes, texts, self._categories[place])
