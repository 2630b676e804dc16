"""Cut the first plays out of a set's files, to plan the reading of the whole by."""

from __future__ import annotations

import gzip
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Final

import polars as pl

from dropback.errors import ReaderError
from dropback.tracking.readers._archives import DAMAGED, damaged_zip, require_safe, zip_files
from dropback.tracking.readers._cut_zips import open_zip
from dropback.tracking.readers._files import (
    SIDE_TABLES,
    SUFFIXES,
    UNREADABLE,
    is_hidden,
    matching_files,
)
from dropback.tracking.readers._packed import GZIP, why_not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEAD_BYTES: Final = 16 << 20
_HEAD_ROWS: Final = 150_000
# Of the files of a kind these many, evenly spaced, tell what there is.
_SAMPLED_FILES: Final = 4
# Sizes are sums of floating-point numbers.
_WHOLE: Final = 1 - 1e-9


@dataclass(frozen=True)
class Heads:
    """What was cut out of a set.

    Attributes:
        files: Tracking files of the set.
        megabytes: Their size, unpacked; of ``.gz`` as the head packs.
        share: Share of their rows that was cut out.
        sampled: Files of which a part was cut out, or all.
    """

    files: int
    megabytes: float
    share: float
    sampled: int

    @property
    def whole(self) -> bool:
        """Whether the whole set was cut out."""
        return self.sampled == self.files and self.share >= _WHOLE


@dataclass(frozen=True)
class _Member:
    """A file of the set: its place below the set, its size, and how to open it."""

    place: Path
    size: int
    open: Callable[[], IO[bytes]]
    path: Path | None = None  # where it lies unpacked


@dataclass(frozen=True)
class _Cut:
    """What was cut out of a file: rows, of how many, and the size of the whole, unpacked."""

    rows: float
    all_rows: float
    all_bytes: float


def cut_heads(path: Path, into: Path) -> Heads:
    """Write the heads of a few tracking files, and the tables beside them, into a folder.

    Args:
        path: A file, a folder, a glob, a zip or a folder of zips, as `read_tracking` takes it.
        into: The folder to write.

    Raises:
        ReaderError: If nothing is there to read.
    """
    members = list(_members(path))
    tracking = [m for m in members if not SIDE_TABLES.match(m.place.name)]
    if not tracking:
        raise ReaderError(f"{path} holds no tracking file; looked for {', '.join(SUFFIXES)}.")
    for member in members:
        if member not in tracking:
            try:
                _write(into / member.place, member, None)
            except DAMAGED as error:
                raise ReaderError(damaged_zip(path, str(member.place), error)) from error
    by_kind: dict[str, list[_Member]] = {}
    for member in tracking:
        by_kind.setdefault(_kind_of(member), []).append(member)
    cut_rows = all_rows = all_bytes = 0.0
    sampled = 0
    for of_kind in by_kind.values():
        step = max(1, len(of_kind) // _SAMPLED_FILES)
        opened = of_kind[::step][:_SAMPLED_FILES]
        cuts = [_cut(path, into, member) for member in opened]
        # Files that are not opened have as many rows a byte as those of their kind.
        there = sum(member.size for member in of_kind)
        share = sum(member.size for member in opened) / there if there else 1.0
        cut_rows += sum(cut.rows for cut in cuts)
        all_rows += sum(cut.all_rows for cut in cuts) / share
        all_bytes += sum(cut.all_bytes for cut in cuts) / share
        sampled += len(opened)
    share = cut_rows / all_rows if all_rows else 1.0
    return Heads(len(tracking), all_bytes / 1e6, share, sampled)


def _kind_of(member: _Member) -> str:
    """The ending of a file: rows of one kind are packed alike."""
    name = member.place.name.lower()
    return max((end for end in SUFFIXES if name.endswith(end)), key=len)


def _cut(path: Path, into: Path, member: _Member) -> _Cut:
    """Write the head of a file; a broken one as it is, for the reader to name as passed over."""
    target = into / member.place
    try:
        return _write(target, member, _HEAD_BYTES)
    except (pl.exceptions.PolarsError, OSError, ReaderError, *DAMAGED):
        try:
            _write(target, member, None)
        except (OSError, *DAMAGED) as error:  # nothing of it can be unpacked
            target.write_bytes(UNREADABLE + damaged_zip(path, str(member.place), error).encode())
    return _Cut(0, 0, member.size)


def _members(path: Path) -> Iterator[_Member]:
    archives = zip_files(path) if path.exists() else []
    for archive in archives:
        try:
            packed, _ = open_zip(archive)
        except (zipfile.BadZipFile, OSError) as error:
            raise ReaderError(f"{archive} is not a readable zip file: {why_not(error)}.") from error
        with packed:
            for number, member in enumerate(packed.infolist()):
                hidden = member.is_dir() or is_hidden(PurePath(member.filename))
                if not hidden and member.filename.lower().endswith(SUFFIXES):
                    require_safe(archive, member)
                    opened = _from_zip(archive, number)
                    yield _Member(Path(member.filename), member.file_size, opened)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file not in archives)
    else:
        files = [] if archives else matching_files(path)
        # The tables beside a file.
        places = {place for file in files for place in (file.parent, file.parent.parent)}
        beside = (file for place in sorted(places) for file in sorted(place.iterdir()))
        files += [file for file in beside if SIDE_TABLES.match(file.name)]
    root = path if path.is_dir() else Path(path).parent
    for file in files:
        name = file.name.lower()
        if file.is_file() and (name.endswith(SUFFIXES) or SIDE_TABLES.match(file.name)):
            place = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
            if is_hidden(place):
                continue
            yield _Member(place, file.stat().st_size, _on_disk(file), file)


def _on_disk(file: Path) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        return file.open("rb")

    return opened


def _from_zip(archive: Path, number: int) -> Callable[[], IO[bytes]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with open_zip(archive)[0] as packed, packed.open(packed.infolist()[number]) as member:
            yield member

    return opened  # type: ignore[return-value]  # used in a with statement alone


def _write(target: Path, member: _Member, most: int | None) -> _Cut:
    """Write a file or its head; without a bound nothing is counted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if most is None:
        with member.open() as source:
            target.write_bytes(source.read())
        return _Cut(0, 0, member.size)
    if target.suffix.lower() == ".parquet":
        with member.open() as source:
            # A member of a zip has no place to seek to: it is taken whole.
            lazy = pl.scan_parquet(member.path or source.read())
            rows = int(lazy.select(pl.len()).collect().item())
            head = _whole_plays(lazy.head(_HEAD_ROWS).collect(), cut=rows > _HEAD_ROWS)
        head.write_parquet(target)
        return _Cut(head.height, rows, member.size)
    with member.open() as source:
        packed = source.peek(2)[:2] == GZIP  # type: ignore[attr-defined]  # of files and members
        stream = gzip.GzipFile(fileobj=source) if packed else source
        content = stream.read(most)
        if packed:
            target = target.with_name(re.sub(r"\.gz$", "", target.name, flags=re.IGNORECASE))
            read = max(source.tell(), 1)
            size = max(member.size * len(content) / read, len(content))
        else:
            size = member.size
    cut = len(content) < size and len(content) == most
    if cut:
        content = content[: content.rfind(b"\n") + 1]
        content = _without_last_play(content, b"\t" if ".tsv" in target.name else b",")
    target.write_bytes(content)
    rows = max(content.count(b"\n") - 1, 0)  # below the header
    whole = size if cut else len(content)
    return _Cut(rows, rows * whole / max(len(content), 1), whole)


def _whole_plays(rows: pl.DataFrame, *, cut: bool) -> pl.DataFrame:
    """The rows without those of the last play, which is cut."""
    play = next((name for name in rows.columns if _is_play(name)), None)
    if play is None or not cut:
        return rows
    heads = rows[play].rle_id()
    kept = rows.filter(heads < heads.max())
    return kept if kept.height else rows


def _without_last_play(content: bytes, separator: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    names = [name.strip(b'\xef\xbb\xbf" \r\n').decode() for name in lines[0].split(separator)]
    play = next((place for place, name in enumerate(names) if _is_play(name)), None)
    if play is None:
        return content
    last = lines[-1].split(separator)[play]
    end = len(lines)
    while end > 1 and lines[end - 1].split(separator)[play] == last:
        end -= 1
    return b"".join(lines[:end]) if end > 1 else content


def _is_play(name: str) -> bool:
    return name.lower().replace("_", "") in ("playid", "play", "gsisplayid")
