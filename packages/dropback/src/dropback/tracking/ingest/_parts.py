"""Read tracking files as tasks: each takes one file, on disk or by URL, and leaves its part."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from dropback import __version__
from dropback.errors import ReaderError, RequestError
from dropback.execution import Task
from dropback.storage import (
    copy_of_file,
    folder_of_url,
    is_url,
    local_copy,
    remote_files,
    side_by_side,
    split_url,
)
from dropback.tracking._blocks import DROPBACKS
from dropback.tracking._compiled import load_beside
from dropback.tracking._storage import AROUND, TABLES, read_chunk, read_splits, write_chunk
from dropback.tracking.ingest._heads import fetch_head
from dropback.tracking.ingest._reading import read_file, read_side_tables
from dropback.tracking.ingest._report import part_name, report_to_record
from dropback.tracking.readers._files import (
    SIDE_TABLES,
    SUFFIXES,
    SourceFile,
    SourceFolder,
    find_folders,
    matching_files,
)
from dropback.tracking.tensors._play_tensors import TensorPart, schema_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dropback.tracking._blocks import PlayBlock, Wanted
    from dropback.tracking.ingest._entities import SideTables
    from dropback.tracking.readers._format import Format
    from dropback.tracking.readers._ids import IdKind

PART: Final = "part"
REPORTS: Final = "parts"


@dataclass(frozen=True)
class PartSource:
    """One tracking file with the tables beside it, as a task takes it.

    Attributes:
        root: Path, as the user wrote it, or URL of its folder or set; reports name it so.
        place: The same as every process of this machine finds it.
        relative: The file below it.
        stamp: Changes with the file.
        side: Tables beside it below the root, where the set is named by URL.
        side_stamp: Changes with them.
        delimiter: As in `SourceFile`.
        ids: As in `SourceFile`.
        layout: As in `SourceFile`.
        wanted: What is read beyond dropbacks to the release.
    """

    root: str
    place: str
    relative: str
    stamp: str
    side: tuple[str, ...]
    side_stamp: str
    delimiter: str
    ids: Mapping[str, IdKind] = field(compare=False)
    layout: Format = field(compare=False, repr=False)
    wanted: Wanted = DROPBACKS

    @property
    def name(self) -> str:
        """Path or URL of the file."""
        return f"{self.place}/{self.relative}"

    @property
    def part(self) -> str:
        """Name of its part."""
        return part_name(self.name)

    def task(self, function: TaskFunction, place: str | None) -> Task:
        """The task that reads it."""
        rows = sorted(self.layout.rows.items())
        key = (self, self.layout.name, rows, schema_hash(), function.__name__)
        label = self.relative.rpartition("/")[2]
        return Task(label, function, (self,), key=key, place=place)


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    TaskFunction: TypeAlias = Callable[[Path, str, PartSource], None]


def find_parts(
    path: str | Path, formats: Sequence[Format]
) -> tuple[list[PartSource], list[tuple[str, str]]]:
    """All tracking files of a set on disk or in a store, in order, and those set aside.

    Returns:
        The files, and path and reason of each file that is not read.

    Raises:
        ReaderError: Nothing is there to read.
        RequestError: A zip file in a store.
    """
    if is_url(path):
        return _remote_parts(str(path), formats)
    load_beside()
    folders = find_folders(Path(path), formats)
    parts = []
    for folder in folders:
        beside = sorted(
            file
            for place in (folder.path, folder.path.parent)
            for file in place.iterdir()
            if file.is_file() and SIDE_TABLES.match(file.name)
        )
        side_stamp = repr([(file.name, *_stamp(file)) for file in beside])
        parts += [
            PartSource(
                root=str(file.path.parent),
                place=str(file.path.parent.resolve()),
                relative=file.path.name,
                stamp=repr((str(file.path.resolve()), *_stamp(file.path))),
                side=(),
                side_stamp=side_stamp,
                delimiter=file.delimiter,
                ids=dict(file.ids),
                layout=file.layout,
            )
            for file in folder.files
        ]
    return parts, [(str(path), why) for folder in folders for path, why in folder.left_out]


def source_stamp(path: Path, layout: str) -> str:
    """A mark that changes with the files of a set on disk, and with how this version reads them."""
    files = sorted(path.rglob("*")) if path.is_dir() else matching_files(path)
    content = [
        (str(file.resolve()), *_stamp(file))
        for file in files
        if file.is_file() and file.name.lower().endswith((*SUFFIXES, ".zip"))
    ]
    key = repr((content, layout, schema_hash(), __version__))
    return hashlib.sha256(key.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _remote_parts(
    url: str, formats: Sequence[Format]
) -> tuple[list[PartSource], list[tuple[str, str]]]:
    """Parts of a set in a store; of each file only the head is fetched, to tell its layout."""
    found = remote_files(url)
    root = split_url(url)[0] if list(found) == [url] else folder_of_url(url)
    if root != url.rstrip("/"):  # one file, or a glob: the tables beside are not among them
        found |= {name: entry for name, entry in remote_files(root).items() if _is_side(name)}
    with tempfile.TemporaryDirectory(prefix="dropback-heads-") as scratch:
        mirror = Path(scratch) / root.rpartition("/")[2]
        mirror.mkdir()
        marks = {}
        for address, (_, size, mark) in found.items():
            relative = address[len(root) + 1 :]
            if address.lower().endswith(".zip") and not _is_side(address):
                raise RequestError(
                    f"{address}: a zip file in a store is not read: unpack it first."
                )
            if _is_side(address) or not address.lower().endswith(SUFFIXES):
                continue
            marks[relative] = f"{size}-{mark}"
        if not marks:
            raise ReaderError(f"{url} holds no tracking file; looked for {', '.join(SUFFIXES)}.")
        side_by_side(
            lambda name: fetch_head(
                f"{root}/{name}", mirror / name, found[f"{root}/{name}"][1], formats
            ),
            marks,
        )
        try:
            folders = find_folders(mirror, formats)
        except ReaderError as error:
            raise ReaderError(str(error).replace(str(mirror), root)) from error
        side = sorted(name[len(root) + 1 :] for name in found if _is_side(name))
        parts, left_out = [], []
        for folder in folders:
            below = folder.path.relative_to(mirror).as_posix()
            near = tuple(name for name in side if _folder_of(name) in {below, _folder_of(below)})
            stamp = repr([(name, found[f"{root}/{name}"][1:]) for name in near])
            left_out += [
                (str(path).replace(str(mirror), root), why.replace(str(mirror), root))
                for path, why in folder.left_out
            ]
            for file in folder.files:
                relative = file.path.relative_to(mirror).as_posix()
                parts.append(
                    PartSource(
                        root, root, relative, marks[relative], near, stamp,
                        file.delimiter, dict(file.ids), file.layout,
                    )
                )  # fmt: skip
    return parts, left_out


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0] or "."


def _is_side(name: str) -> bool:
    return SIDE_TABLES.match(name.rpartition("/")[2]) is not None


@dataclass(frozen=True)
class _Side:
    """Tables beside files; equal where their stamps are."""

    root: str
    side: tuple[str, ...]
    stamp: str
    source: PartSource = field(compare=False)


_reading_tables: Final = Lock()


def _side_tables(side: _Side) -> SideTables:
    """The tables beside a file; those of one folder are read once, whatever threads ask."""
    with _reading_tables:
        return _read_side_tables(side)


# Several files of a folder are read by one worker one after the other.
@lru_cache(maxsize=4)
def _read_side_tables(side: _Side) -> SideTables:
    part = side.source
    if not is_url(part.root):
        return _tables_in(Path(part.name), part)
    with tempfile.TemporaryDirectory(prefix="dropback-tables-") as scratch:
        base = Path(scratch) / part.root.rpartition("/")[2]
        for name in part.side:
            copy_of_file(f"{part.root}/{name}", base / name)
        (base / part.relative).parent.mkdir(parents=True, exist_ok=True)
        return _tables_in(base / part.relative, part)


def _tables_in(path: Path, part: PartSource) -> SideTables:
    file = SourceFile(path, part.layout, part.delimiter, part.ids)
    return read_side_tables(SourceFolder(path.parent, (file,), ()))


@contextmanager
def _opened(part: PartSource) -> Iterator[tuple[SourceFile, str]]:
    """Yield the file on this machine's disk, and the folder that stands for its root there."""
    if not is_url(part.root):
        yield SourceFile(Path(part.name), part.layout, part.delimiter, part.ids), part.place
        return
    with tempfile.TemporaryDirectory(prefix="dropback-file-") as scratch:
        base = Path(scratch) / part.root.rpartition("/")[2]
        path = copy_of_file(part.name, base / part.relative)
        yield SourceFile(path, part.layout, part.delimiter, part.ids), str(base)


def _read_part(folder: Path, part: PartSource, sink: ParquetSink | TensorPart) -> None:
    load_beside()  # in a worker's process
    key = _Side(f"{part.place}/{_folder_of(part.relative)}", part.side, part.side_stamp, part)
    with _opened(part) as (file, base):
        report = read_file(file, _side_tables(key), sink, wanted=part.wanted)
        sink.close()
    record = json.dumps(report_to_record(report))
    (folder / REPORTS).mkdir(exist_ok=True)
    # Reports name the place as the user does, not this machine's copy.
    if part.root == ".":
        record = record.replace(f"{base}/", "")
    (folder / REPORTS / f"{part.part}.json").write_text(
        record.replace(base, part.root), encoding="utf-8"
    )


def read_into_chunks(folder: Path, store: str, part: PartSource) -> None:  # noqa: ARG001  # a task
    """Write the canonical chunks of one file, and its report, into `folder`."""
    _read_part(folder, part, ParquetSink(folder, part.part))


def read_into_tensors(folder: Path, store: str, part: PartSource) -> None:  # noqa: ARG001  # a task
    """Write the tensors of one file, and its report, into `folder`."""
    _read_part(folder, part, TensorPart(folder / PART))


def chunk_into_tensors(folder: Path, store: str, source: str, chunk: str, stamp: str) -> None:  # noqa: ARG001  # a task
    """Write the tensors of a chunk of canonical plays into `folder`."""
    plays_file = Path(local_copy(source)) / chunk
    part = TensorPart(folder / PART)
    part.take(read_chunk(plays_file), read_splits(plays_file))
    part.close()


class ParquetSink:
    """Writes blocks as chunks of a canonical folder."""

    def __init__(self, out: Path, name: str) -> None:
        self._out, self._name, self._chunks = out, name, 0

    def restart(self) -> None:
        """Forget everything written."""
        self.remove_all_but(())
        self._chunks = 0

    def remove_all_but(self, kept: Collection[Path]) -> None:
        """Remove the chunks of this name that are not among some files."""
        for table in (*TABLES, AROUND):
            for path in self._out.glob(f"{table}/season=*/{self._name}-*.parquet"):
                if path not in kept:
                    path.unlink()

    def take(self, block: PlayBlock) -> None:
        """Write the next block."""
        write_chunk(block, self._out, f"{self._name}-{self._chunks:03d}")
        self._chunks += 1

    def close(self) -> None:
        """Do nothing: each block is written when it is taken."""
