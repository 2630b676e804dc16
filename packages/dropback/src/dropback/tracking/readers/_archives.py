"""Unpack the zip files that a set comes in, such as Kaggle's whole download or its single files."""

from __future__ import annotations

import lzma
import os
import shutil
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from dropback.errors import ReaderError
from dropback.tracking.readers._cut_zips import open_zip
from dropback.tracking.readers._files import SIDE_TABLES, SUFFIXES, UNREADABLE, is_hidden
from dropback.tracking.readers._packed import MOST_GROWTH, SMALL_BYTES, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES: Final = 1 << 20
# PKWARE's APPNOTE 6.3.10, section 4.4.4.
_ENCRYPTED: Final = 1
# What a member of other bytes than its archive was given raises.
DAMAGED: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)


def zip_files(path: Path) -> list[Path]:
    """The zip files that hold tracking: the path itself, or those in a folder but its tables."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return [
        file
        for file in found
        if file.name.lower().endswith(".zip")
        and file.is_file()
        and not (SIDE_TABLES.match(file.name) and _is_table(file))
    ]


def _is_table(archive: Path) -> bool:
    """Whether a zip with the name of a table is one, and no set of that name."""
    if "." in archive.stem:  # plays.csv.zip
        return True
    try:
        with open_zip(archive)[0] as packed:
            names = [Path(member.filename) for member in packed.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError):
        return True  # read as a table, it is named
    return sum(not is_hidden(name) for name in names) == 1 and all(
        SIDE_TABLES.match(name.name) for name in names if not is_hidden(name)
    )


@contextmanager
def unpacked(path: Path, into: Path) -> Iterator[Path]:
    """Yield a folder in which every file of `path` lies unpacked; `path` itself without zips.

    Args:
        path: A zip file, or any path that tracking is read from.
        into: Folder to unpack into, which goes afterwards. Files keep the time that the archive
            gives them, so that an interrupted reading goes on.

    Raises:
        ReaderError: An archive that is none, is damaged, is larger than the disk, grows beyond
            all measure, or holds a path outside itself.
    """
    archives = zip_files(path)
    if not archives:
        yield path
        return
    try:
        into.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            for other in path.iterdir():
                if other not in archives and not (into / other.name).exists():
                    (into / other.name).symlink_to(other.resolve())
        for archive in archives:
            _unpack(archive, into / archive.name[: -len(".zip")])
        yield into
    except ReaderError as error:
        raise ReaderError(as_given(str(error), path, into)) from error
    finally:
        shutil.rmtree(into, ignore_errors=True)


def as_given(text: str, path: Path, folder: Path) -> str:
    """A text about unpacked files, each named by its place in the archive.

    Args:
        text: Names files in `folder`.
        path: What the user named.
        folder: What `unpacked` yielded for it.
    """
    if path == folder:
        return text
    for archive in zip_files(path):
        note = folder / archive.name[: -len(".zip")] / _cut_note(archive)
        text = text.replace(str(note), str(archive))
        text = text.replace(str(folder / archive.name[: -len(".zip")]), str(archive))
    return text.replace(str(folder), str(path))


def _unpack(archive: Path, into: Path) -> None:
    try:
        packed, is_cut = open_zip(archive)
        with packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            for member in members:
                require_safe(archive, member)
            members = [m for m in members if not is_hidden(PurePosixPath(m.filename))]
            wanted = [m for m in members if m.filename.lower().endswith(SUFFIXES)]
            inner = [m.filename for m in members if m.filename.lower().endswith(".zip")]
            if inner and not any(not SIDE_TABLES.match(Path(m.filename).name) for m in wanted):
                raise ReaderError(
                    f"{archive} holds other zip files ({inner[0]}) and no tracking file: unpack "
                    "it, and name the folder."
                )
            size = sum(member.file_size for member in wanted)
            into.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(into).free
            if size > free:
                raise ReaderError(
                    f"{archive} holds {size / 1e9:.1f} GB, and {into} has {free / 1e9:.1f} GB "
                    "free: make room, or unpack it elsewhere."
                )
            # A file alone in an archive of its own name lies beside the others.
            alone = len(wanted) == 1 and wanted[0].filename == into.name and not is_cut
            for member in wanted:
                target = into.parent / f".{into.name}" if alone else into / member.filename
                try:
                    _write(packed, member, archive, target)
                except DAMAGED as error:
                    said = damaged_zip(archive, member.filename, error, is_cut=is_cut)
                    if SIDE_TABLES.match(target.name):  # without which no file may be read
                        raise ReaderError(said) from error
                    target.write_bytes(UNREADABLE + said.encode())
                    _dated(target, member)
            if is_cut:
                said = (
                    f"{archive} is cut off: {len(members)} of its files begin before that, the "
                    f"last is {members[-1].filename}, and what follows is lost: get it anew."
                )
                (into / _cut_note(archive)).write_bytes(UNREADABLE + said.encode())
            elif alone:
                into.rmdir()
                target.rename(into)
    except (
        *DAMAGED,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ReaderError(f"{archive} is not a readable zip file: {why_not(error)}.") from error


def _cut_note(archive: Path) -> str:
    """The name of the file that stands for what is lost of an archive that is cut off."""
    return f"{archive.name} (cut off).csv"


def damaged_zip(archive: Path, member: str, error: BaseException, *, is_cut: bool = False) -> str:
    """A sentence about a file in an archive that cannot be unpacked."""
    if is_cut:
        return f"{archive} is cut off within {member}: get it anew."
    return f"{archive} is not a readable zip file at {member}: {why_not(error)}."


def require_safe(archive: Path, member: zipfile.ZipInfo) -> None:
    """Refuse a member that would leave its folder, grows beyond all measure or is encrypted.

    Raises:
        ReaderError: It is one of these.
    """
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or ":" in member.filename:
        raise ReaderError(
            f"{archive} holds {member.orig_filename!r}, a path outside itself: it is not unpacked."
        )
    if member.flag_bits & _ENCRYPTED:
        raise ReaderError(
            f"{archive}: {member.filename} is encrypted, which needs a password: unpack it, and "
            "name the folder."
        )
    if member.file_size > max(SMALL_BYTES, MOST_GROWTH * member.compress_size):
        raise ReaderError(
            f"{archive}: {member.filename} grows from {member.compress_size} to "
            f"{member.file_size} bytes, more than {MOST_GROWTH} times, as no data does: it is not "
            "unpacked."
        )


def _write(packed: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with packed.open(member) as source, target.open("wb") as out:
        while chunk := _unpacked_bytes(source):
            written += len(chunk)
            # What the archive says of itself need not be so.
            if written > member.file_size:
                raise ReaderError(f"{archive}: {member.filename} is longer than it says.")
            out.write(chunk)
    _dated(target, member)


def _unpacked_bytes(source: IO[bytes]) -> bytes:
    """The next bytes of a member.

    Raises:
        zipfile.BadZipFile: It is damaged, as which some methods raise an error of the system's.
    """
    try:
        return source.read(_CHUNK_BYTES)
    except OSError as error:
        if error.errno is not None:
            raise
        raise zipfile.BadZipFile(str(error)) from error


def _dated(target: Path, member: zipfile.ZipInfo) -> None:
    """Give a file the time that its archive does."""
    stamp = time.mktime((*member.date_time, 0, 0, -1))
    os.utime(target, (stamp, stamp))
