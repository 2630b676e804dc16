"""Open zip files that are cut off, whose list of members, which stands last, is lost."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.9, 4.3.12 and 4.3.16.
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_SIZES_FOLLOW: Final = 8
_DESCRIPTOR_MARK: Final = b"PK\x07\x08"
_BLOCK_BYTES: Final = 1 << 20


class _Member(NamedTuple):
    """What a local header says, and where it is."""

    header: tuple[int, ...]
    name: bytes
    place: int
    check: int
    packed: int
    size: int


def open_zip(archive: Path) -> tuple[zipfile.ZipFile, bool]:
    """An archive, and whether it is cut off; then it holds the members that begin in it.

    Reading a member that is cut raises as for one that is damaged. Names have slashes where some
    tools of Windows write backslashes.

    Raises:
        zipfile.BadZipFile: It is no zip file.
        OSError: It cannot be read.
    """
    try:
        return _with_slashes(zipfile.ZipFile(archive)), False
    except zipfile.BadZipFile:
        with archive.open("rb") as file:
            members = list(_members(file))
        if not members:
            raise
        return _with_slashes(zipfile.ZipFile(_WithList(archive, members))), True


def _with_slashes(packed: zipfile.ZipFile) -> zipfile.ZipFile:
    for member in packed.infolist():
        member.filename = member.filename.replace("\\", "/")
    return packed


def _members(file: BinaryIO) -> Iterator[_Member]:
    """The members that begin in a file, by their own headers."""
    place = 0
    end = file.seek(0, os.SEEK_END)
    while place + _LOCAL.size <= end:
        file.seek(place)
        mark, *header, names, extra = _LOCAL.unpack(file.read(_LOCAL.size))
        if mark != _LOCAL_MARK:
            return
        name = file.read(names)
        start = place + _LOCAL.size + names + extra
        check, packed, size = header[5:8]
        follow = header[1] & _SIZES_FOLLOW
        if follow:
            if header[2] != zipfile.ZIP_DEFLATED:
                return
            file.seek(start)
            check, packed, size = _deflated(file)
        yield _Member(tuple(header), name, place, check, packed, size)
        place = start + packed
        if follow:
            file.seek(place)
            marked = file.read(len(_DESCRIPTOR_MARK)) == _DESCRIPTOR_MARK
            place += 16 if marked else 12


def _deflated(file: BinaryIO) -> tuple[int, int, int]:
    """Check, packed size and size of the deflated bytes that begin here."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    check = packed = size = 0
    while not unpack.eof and (block := file.read(_BLOCK_BYTES)):
        try:
            content = unpack.decompress(block)
        except zlib.error:
            break
        check, size = zlib.crc32(content, check), size + len(content)
        packed += len(block) - len(unpack.unused_data)
    # Of a member without its end the check is none's.
    return check if unpack.eof else check ^ 1, packed, size


class _WithList(io.RawIOBase):
    """An archive's bytes and, behind them, the list of its members."""

    def __init__(self, archive: Path, members: list[_Member]) -> None:
        super().__init__()
        self._file = archive.open("rb")
        self._size, self._place = archive.stat().st_size, 0
        entries = [
            _CENTRAL.pack(
                _CENTRAL_MARK, m.header[0], *m.header[:5], m.check, m.packed, m.size, len(m.name),
                0, 0, 0, 0, 0, m.place,
            )
            + m.name
            for m in members
        ]  # fmt: skip
        table = b"".join(entries)
        count = len(members)
        self._list = table + _END.pack(_END_MARK, 0, 0, count, count, len(table), self._size, 0)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = (0, self._place, self._size + len(self._list))[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size + len(self._list) - self._place)
        size = left if size is None or size < 0 else min(size, left)
        content = b""
        if self._place < self._size:
            self._file.seek(self._place)
            content = self._file.read(min(size, self._size - self._place))
        behind = self._place + len(content) - self._size
        content += self._list[behind : behind + size - len(content)] if behind >= 0 else b""
        self._place += len(content)
        return content

    def close(self) -> None:
        self._file.close()
        super().close()
