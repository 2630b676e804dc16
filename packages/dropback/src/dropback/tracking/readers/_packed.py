"""Tell what a file is by its first bytes, and unpack gzip no further than data grows."""

from __future__ import annotations

import gzip
import mmap
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Tracking packs to a sixth; what grows a thousandfold is made to fill a disk.
MOST_GROWTH: Final = 200
"""How many times its size a packed file may grow."""

SMALL_BYTES: Final = 1 << 20
"""What any file may grow to."""

GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_TAR: Final = b"ustar"
_TAR_PLACE: Final = 257
# Of other kinds of files, and what to do with them.
_OTHERS: Final = {
    GZIP: "packed twice by gzip: unpack it once",
    b"PK\x03\x04": "a zip file or a spreadsheet: name it .zip, or save the sheet as CSV",
    b"BZh": "packed by bzip2: unpack it",
    b"\xfd7zXZ": "packed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"%PDF": "a PDF: its tables are none",
}
_BLOCK_BYTES: Final = 1 << 20
_SHOWN_BYTES: Final = 24

DAMAGED_GZIP: Final = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading raises on a gzip file that is cut off or changed."""


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file, as many as it has."""
    with path.open("rb") as file:
        return file.read(count)


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip by its first bytes, whatever its name."""
    return first_bytes(path, len(GZIP)) == GZIP


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet by its name or its first bytes."""
    return path.name.lower().endswith(".parquet") or first_bytes(path, 4) == _PARQUET


def unreadable_parquet(path: Path, error: BaseException) -> str:
    """A sentence about a Parquet file that cannot be read."""
    start = first_bytes(path, _SHOWN_BYTES)
    with path.open("rb") as file:
        file.seek(-min(len(_PARQUET), file.seek(0, os.SEEK_END)), os.SEEK_END)
        end = file.read()
    if not start.startswith(_PARQUET):
        begins = start.decode("utf-8", "replace")
        why = f"it begins with {begins!r}: name it by what it is, as .csv"
    elif end != _PARQUET:
        why = "it is cut off, for it does not end as one: get it anew"
    else:
        why = why_not(error)
    return f"{path} is not a readable Parquet file: {why}."


def why_not(error: BaseException) -> str:
    """What an error says, without a point at its end; of one that says nothing what it means."""
    return str(error).strip().rstrip(".") or "its bytes end too early"


def require_text(path: Path, start: bytes) -> None:
    """Refuse what is another kind of file by its first bytes, unpacked, or ends lines otherwise.

    Raises:
        ReaderError: It is one; the sentence says which, and what to do.
    """
    if start[_TAR_PLACE:].startswith(_TAR):
        raise ReaderError(f"{path} must be a table, but is a tar archive: unpack it.")
    for mark, what in _OTHERS.items():
        if start.startswith(mark):
            raise ReaderError(f"{path} must be a table of text, but is {what}.")
    if b"\r" in start.removesuffix(b"\r") and b"\n" not in start:
        raise ReaderError(
            f"{path}: lines must end in a line feed, but end in a carriage return alone, as old "
            "spreadsheets write them: save it as CSV UTF-8."
        )


def open_text(path: Path) -> BinaryIO:
    """A text file's bytes, unpacked where it is gzip.

    Reading raises `ReaderError` where it grows beyond all measure, and `DAMAGED_GZIP`.
    """
    if is_gzip(path):
        return cast("BinaryIO", _BoundedGzip(path))
    return path.open("rb")


def read_text(path: Path) -> bytes:
    """The content of a text file, unpacked.

    Raises:
        ReaderError: As `open_text`, or its gzip is damaged.
    """
    try:
        with open_text(path) as file:
            return file.read()
    except DAMAGED_GZIP as error:
        raise ReaderError(damaged_gzip(path, error)) from error


@contextmanager
def mapped_text(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Yield the content of a text file: of gzip and of nothing as bytes, else where it lies.

    Raises:
        ReaderError: As for `read_text`.
    """
    if is_gzip(path) or not path.stat().st_size:
        yield read_text(path)
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def damaged_gzip(path: Path, error: BaseException) -> str:
    """A sentence about a gzip file that cannot be unpacked to its end."""
    return f"{path} is a damaged gzip file: {why_not(error)}: get it anew, or pack it again."


class _BoundedGzip(gzip.GzipFile):
    """A gzip file that is read no further than `MOST_GROWTH` times its size."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._most = max(SMALL_BYTES, MOST_GROWTH * path.stat().st_size)

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, all that follow where the size is negative."""
        if size is not None and size >= 0:
            content = super().read(size)
            self._require_size()
            return content
        blocks = []
        while block := self.read(_BLOCK_BYTES):
            blocks.append(block)
        return b"".join(blocks)

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as the io module has it
        """Read into a buffer; the number of bytes."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _require_size(self) -> None:
        if self.tell() > self._most:
            raise ReaderError(
                f"{self._path} grows to more than {self._most / 1e6:.0f} MB, {MOST_GROWTH} times "
                "its size, as no data does: it is not read."
            )
