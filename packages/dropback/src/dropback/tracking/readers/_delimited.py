"""Tell the rows of delimited text apart, and name those that are broken.

A row with a field too many or too few would be read shifted, a quote that is never closed would
swallow the rows after it, and a byte that is no text would lose the whole file. Each is one row's
fault: it is blanked, named, and the rest is read.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.errors import ReaderError
from dropback.tracking.readers._cells import shown

if TYPE_CHECKING:
    import mmap
    from collections.abc import Sequence
    from pathlib import Path

    from dropback._arrays import Flags, Integers

_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
# In the processor's nearer cache: 0.15 s for 100 MB, whose parsing takes 0.63.
_CHUNK_BYTES: Final = 1 << 16
# A field holds few line ends.
_MOST_LINES: Final = 30
# Of a broken row as much is looked at as a field may hold.
_MOST_SHOWN: Final = 1 << 16

BROKEN: Final = "broken row"
"""Why a play is set aside whose row cannot be told apart into its columns."""


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be told apart into the columns of its header.

    Attributes:
        row: Its place below the header, from 1.
        what: What is wrong with it, in words that follow "row 5 below the header".
        fields: Its fields as far as they can be told.
    """

    row: int
    what: str
    fields: tuple[str, ...]

    def sentence(self, path: Path) -> str:
        """What is wrong, with file and row."""
        return f"{path.name}: row {self.row} below the header {self.what}"

    def keys(self, names: Sequence[str], columns: Sequence[str]) -> list[tuple[int | None, ...]]:
        """What the row may hold in columns of whole numbers, told from its start and its end.

        Args:
            names: The header.
            columns: Names in it.
        """
        places = [names.index(column) for column in columns]
        late = len(self.fields) - len(names)
        return [
            tuple(_whole(self.fields, place + shift) for place in places)
            for shift in ((0, late) if late else (0,))
        ]


@dataclass(frozen=True)
class Delimited:
    """Text whose rows all have the header's fields.

    Attributes:
        content: The text; broken rows are blank or gone.
        rows: Place below the header of each row of the content, from 1.
        broken: The rows that were not.
        names: The header.
        delimiter: Comma or tab.
    """

    content: bytes
    rows: Integers
    broken: tuple[BrokenRow, ...]
    names: tuple[str, ...]
    delimiter: str


def split_header(path: Path, line: bytes) -> tuple[tuple[str, ...], str]:
    """The column names of a header line and the delimiter between them.

    Raises:
        ReaderError: If it is empty, not UTF-8, separated otherwise, or names a column twice.
    """
    _require_utf8(path, line)
    try:
        text = line.removeprefix(_BOM).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ReaderError(
            f"{path} must be UTF-8 text, but its header has the byte {line[error.start]:#04x} at "
            f"place {error.start + 1}: save it as UTF-8."
        ) from error
    if not text.strip():
        what = "begins with an empty line" if line.endswith((b"\n", b"\r")) else "is empty"
        raise ReaderError(f"{path} {what}; a header line must come first.")
    delimiter = max(_DELIMITERS, key=text.count)
    if delimiter not in ",\t":
        raise ReaderError(
            f"{path}: fields must be separated by comma or tab, but the header has "
            f"{_DELIMITERS[delimiter]}: {text.strip()[:60]!r}; save it so, decimals with points."
        )
    names = column_names(text.split(delimiter))
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise ReaderError(
            f"{path}: each column must be named once, but the header has {shown(twice[0])} twice."
        )
    return tuple(names), delimiter


def column_names(fields: Sequence[str]) -> list[str]:
    """The names in a header's fields: without quotes, and without blanks around them."""
    return [name.strip().strip('"').strip() for name in fields]


def _require_utf8(path: Path, start: bytes) -> None:
    """Refuse text of two bytes a letter.

    Raises:
        ReaderError: It is.
    """
    if start.startswith(_UTF16) or 3 * start.count(0) > len(start) > 0:
        raise ReaderError(
            f"{path} must be UTF-8 text, but is UTF-16, two bytes a letter: save it as UTF-8 "
            "(CSV UTF-8 in a spreadsheet)."
        )


def is_padded(content: bytes | mmap.mmap, delimiter: str) -> bool:
    """Whether a cell of text ends in a blank."""
    return any(content.find(f" {end}".encode()) >= 0 for end in (delimiter, "\n", "\r", '"'))


def has_broken_rows(content: bytes | mmap.mmap) -> bool:
    """Whether text may have a broken row, by counts in its bytes.

    A doubt is settled by `told_apart`. The last line, if it is cut off, is none.
    """
    return bool(content) and not _is_sound(content)


def _is_sound(content: bytes | mmap.mmap) -> bool:
    """Whether each line has as many delimiters as the header, and whole pairs of quotes."""
    end = content.find(b"\n") + 1
    if not end:
        return True
    header = bytes(content[:end])
    delimiter = max(_DELIMITERS, key=lambda mark: header.count(mark.encode()))
    fields = header.count(delimiter.encode())
    start, size = end, len(content)
    while start < size:
        end = min(start + _CHUNK_BYTES, size)
        end = content.rfind(b"\n", start, end) + 1
        if not end:
            end = content.find(b"\n", start) + 1
            if not end:
                break  # a last line without end
        chunk = np.frombuffer(content[start:end], np.uint8)
        starts = np.flatnonzero(chunk == _NEWLINE) + 1
        starts[1:], starts[0] = starts[:-1], 0
        # Bytes as counts: no layout has as many as 256 columns.
        counts = np.add.reduceat((chunk == ord(delimiter)).view(np.uint8), starts)
        quotes = (chunk == _QUOTE).view(np.uint8)
        if (
            (counts != fields).any()
            or (quotes.any() and (np.add.reduceat(quotes, starts) % 2).any())
            or (int(chunk.max()) >= 0x80 and not _is_text(chunk.tobytes()))
        ):
            return False
        start = end
    return True


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def told_apart(path: Path, content: bytes, *, blanked: bool = False) -> Delimited:
    """The rows of delimited text, without those that are broken.

    Args:
        path: For messages.
        content: The text.
        blanked: Whether broken rows stay as rows without any value, so that others keep their
            place, and a last line that is cut off stays as it is.

    Raises:
        ReaderError: As for `split_header`, or no row is left.
    """
    head = content.find(b"\n") + 1 or len(content)
    names, delimiter = split_header(path, content[:head])
    body = content[head:]
    if b" " in content[:head]:  # of which a parser would make part of the names
        content = delimiter.join(f'"{name}"' for name in names).encode() + b"\n" + body
        head = len(content) - len(body)
    starts, ends, good, broken = _records(body, delimiter, len(names), keep_last=blanked)
    if len(broken) and not good.any():
        said = broken[0].sentence(path).partition(": ")[2]
        hint = ""
        if f"has {len(names) + 1} of" in said:
            hint = "; are there decimal commas, or commas in text without quotes"
        raise ReaderError(
            f"{path}: each row must have the {len(names)} fields of the header; {said} "
            f"({len(broken)} such rows): none is left{hint}."
        )
    rows = np.arange(1, len(good) + 1)
    if good.all() and len(good) == body.count(b"\n") + (not body.endswith(b"\n")):
        return Delimited(content, rows, (), names, delimiter)
    blank = delimiter.encode() * (len(names) - 1)
    parts = [
        body[start:end] if fit else blank
        for start, end, fit in zip(starts.tolist(), ends.tolist(), good.tolist(), strict=True)
        if fit or blanked
    ]
    text = b"\n".join([content[:head].rstrip(b"\r\n"), *parts])
    last = b"" if blanked and not content.endswith(b"\n") else b"\n"
    return Delimited(text + last, rows if blanked else rows[good], broken, names, delimiter)


def _records(
    body: bytes, delimiter: str, fields: int, *, keep_last: bool
) -> tuple[Integers, Integers, Flags, tuple[BrokenRow, ...]]:
    """Bounds of the records below a header, which of them are whole, and those that are not."""
    ends, quotes, marks = (
        np.flatnonzero(np.frombuffer(body, np.uint8) == value)
        for value in (_NEWLINE, _QUOTE, ord(delimiter))
    )
    if not body.endswith(b"\n"):
        ends = np.append(ends, len(body))
    starts = np.concatenate([[0], ends[:-1] + 1])
    first_quote = np.searchsorted(quotes, starts)
    odd = (np.searchsorted(quotes, ends) - first_quote) % 2 == 1
    # Two such lines would else be one record, the rows between them within its quotes.
    stray = np.zeros(len(ends), bool)
    stray[np.searchsorted(ends, _within_cells(body, quotes, delimiter))] = True
    line = np.searchsorted(ends, marks)
    outside = (np.searchsorted(quotes, marks) - first_quote[line]) % 2 == 0
    count = np.bincount(line[outside], minlength=len(ends)) + 1
    good = (count == fields) & ~odd
    text = np.ones(len(ends), bool)
    unread = _not_text(body, starts, ends)
    text[list(unread)] = False
    good &= text
    stays = np.array(
        [bool(body[start:end].strip(b"\r")) for start, end in _few(starts, ends, ~good)]
    )
    kept = np.ones(len(ends), bool)
    kept[~good] = stays if len(stays) else True
    # A field in quotes may hold line ends: lines that are whole only together are one record.
    last_of = ends.copy()
    for first in np.flatnonzero(odd & text & kept & ~stray).tolist():
        if not kept[first]:
            continue
        for last in range(first + 1, min(first + _MOST_LINES, len(ends))):
            joined = body[starts[first] : ends[last]]
            if joined.count(b'"') % 2 == 0 and _count_fields(joined, delimiter) == fields:
                good[first] = text[first:last].all() and text[last]
                last_of[first] = ends[last]
                kept[first + 1 : last + 1] = False
                break
    if keep_last and not body.endswith(b"\n") and count[-1] < fields:
        good[-1] = True  # which is told otherwise
    numbers = np.cumsum(kept)
    broken = []
    for place in np.flatnonzero(kept & ~good).tolist():
        line_text = body[starts[place] : ends[place]].replace(b"\r", b"").decode("utf-8", "replace")
        parts = tuple(next(csv.reader([line_text[:_MOST_SHOWN]], delimiter=delimiter), []))
        if place in unread:
            what = f"has the byte {body[unread[place]]:#04x}, which is no UTF-8 text"
        elif odd[place]:
            where = "in the middle of a cell" if stray[place] else "that is not closed"
            what = f"has a quote {where}"
        else:
            what = f"has {count[place]} of {fields} fields"
        broken.append(BrokenRow(int(numbers[place]), what, parts))
    return starts[kept], last_of[kept], good[kept], tuple(broken)


def _within_cells(body: bytes, quotes: Integers, delimiter: str) -> Integers:
    """Places of quotes that neither open nor close a cell, nor stand for one beside them."""
    content = np.frombuffer(body, np.uint8)
    edges = [ord(delimiter), _NEWLINE, _RETURN, _QUOTE]
    opens = (quotes == 0) | np.isin(content[quotes - 1], edges)
    closes = (quotes == len(body) - 1) | np.isin(content[(quotes + 1) % len(body)], edges)
    return np.asarray(quotes[~(opens | closes)])


def _few(starts: Integers, ends: Integers, where: Flags) -> list[tuple[int, int]]:
    return list(zip(starts[where].tolist(), ends[where].tolist(), strict=True))


def _count_fields(record: bytes, delimiter: str) -> int:
    """Fields of one record: text outside quotes is every other part between them."""
    return sum(part.count(delimiter.encode()) for part in record.split(b'"')[::2]) + 1


def _not_text(body: bytes, starts: Integers, ends: Integers) -> dict[int, int]:
    """Lines that are no UTF-8, by place, and where in the text each first is not."""
    if _is_text(body):
        return {}
    high = np.flatnonzero(np.frombuffer(body, np.uint8) >= 0x80)
    found = {}
    for place in np.unique(np.searchsorted(ends, high)).tolist():
        try:
            body[starts[place] : ends[place]].decode("utf-8")
        except UnicodeDecodeError as error:
            found[place] = int(starts[place]) + error.start
    return found


def _whole(fields: Sequence[str], place: int) -> int | None:
    text = fields[place].strip() if 0 <= place < len(fields) else ""
    text = text.removesuffix(".0")
    return int(text) if text.isdecimal() and len(text) <= 18 else None
