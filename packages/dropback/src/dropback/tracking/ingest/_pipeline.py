"""Read a folder of tracking files into canonical Parquet or play tensors.

Files are read one by one and several at once; each leaves a finished part behind, so that an
interrupted run goes on where it stopped. What is not fit is in ``left_out.csv`` with its reason.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeVar

import polars as pl

from dropback._files import working_folder
from dropback.errors import TrackingError
from dropback.tracking._schema import LeftOut
from dropback.tracking._storage import chunk_files, drop_plays, read_chunk, read_splits, write_chunk
from dropback.tracking.ingest._reading import (
    Blocks,
    BlockSink,
    FileReport,
    holds_play,
    read_file,
    read_side_tables,
)
from dropback.tracking.ingest._report import (
    IngestReport,
    finished_report,
    keys_twice,
    part_name,
    repeated_as_left_out,
    save_report,
    with_repeated,
    without_repeated,
    write_report,
)
from dropback.tracking.readers import FORMATS, choose_formats
from dropback.tracking.readers._archives import unpacked
from dropback.tracking.readers._files import SourceFile, SourceFolder, find_folders
from dropback.tracking.tensors._play_tensors import PlayTensors, TensorPart, join_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from os import PathLike

    from dropback.tracking._blocks import PlayBlock

_PARTS: Final = "parts"
_UNZIPPED: Final = "unzipped"

_Job = TypeVar("_Job", bound="tuple[object, ...]")
_Result = TypeVar("_Result")


def ingest(
    path: str | PathLike[str],
    out: str | PathLike[str],
    *,
    layout: str = "auto",
    workers: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
) -> IngestReport:
    """Read tracking files into canonical Parquet.

    Args:
        path: A tracking file or a folder of them, any depth; also zips, as Kaggle hands them out.
        out: Folder for ``plays``, ``players``, ``frames``, ``splits``, ``left_out.csv`` and
            ``ingest.json``. Files that it already holds from the same source are not read again.
        layout: ``auto``, a layout's name, or the path of a column map ending in ``.toml``.
        workers: Files read at once.
        progress: Called with files done, files in all, and the file's name.

    Raises:
        ReaderError: If nothing can be read.

    Example:
        >>> report = dropback.ingest(tracking, f"{folder}/plays")
        >>> report.counts().select("kept", "left_out").row(0)
        (60, 0)
    """
    out = Path(out)
    with unpacked(Path(path), out / _UNZIPPED) as source:
        return _ingest(source, out, layout, workers, progress)


def _ingest(
    path: Path,
    out: Path,
    layout: str,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> IngestReport:
    folders = find_folders(path, choose_formats(layout))
    out.mkdir(parents=True, exist_ok=True)

    def sink(name: str) -> _ParquetSink:
        return _ParquetSink(out, name)

    report = _read_all(folders, out / _PARTS, sink, workers=workers, progress=progress)
    repeated = keys_twice(chunk_files(out)) if (out / "plays").is_dir() else []
    for plays_file, keys in repeated:
        drop_plays(plays_file, keys)
    dropped = repeated_as_left_out([keys for _, keys in repeated], report)
    # Plays dropped by an earlier run are gone from the chunks, so their rows are kept here.
    record = out / _PARTS / "repeated.parquet"
    if record.is_file():
        dropped = pl.concat([pl.read_parquet(record), dropped]).unique(maintain_order=True)
    dropped.write_parquet(record)
    report = with_repeated(report, dropped)
    write_report(report, out)
    return report


def build_tensors(
    path: Path,
    out: Path,
    *,
    layout: str = "auto",
    workers: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[PlayTensors, IngestReport | None]:
    """Features of all plays as `PlayTensors`.

    Args:
        path: Tracking files of any layout, or a folder that `ingest` wrote.
        out: Folder to make. Parts stay beside it until it is whole, so that a run can go on.
        layout: As for `ingest`; of no effect on canonical plays.
        workers: Files read at once.
        progress: As for `ingest`.

    Returns:
        The tensors, and the report of the files where they were read from source.

    Raises:
        ReaderError: If nothing can be read.
        TrackingError: If the set lacks players, or no play is left.
    """
    with working_folder(out, "what was read") as parts:
        if (path / "plays").is_dir():
            return _tensors_from_chunks(path, out, parts, workers=workers, progress=progress), None

        def sink(name: str) -> TensorPart:
            return TensorPart(parts / name)

        with unpacked(path, parts / _UNZIPPED) as source:
            folders = find_folders(source, choose_formats(layout))
            report = _read_all(folders, parts / _PARTS, sink, workers=workers, progress=progress)
        names = [part_name(file) for folder in folders for file in folder.files]
        selections = sorted({file.selection for file in report.files if file.selection})
        tensors = join_parts([parts / name for name in names], out, {"selection": selections})
        repeated = keys_twice([parts / name / "plays.parquet" for name in names])
        report = with_repeated(report, repeated_as_left_out([keys for _, keys in repeated], report))
        write_report(report, out)
        return tensors, report


def read_tracking(
    path: str | PathLike[str], *, layout: str = "auto", all_times: bool = False
) -> tuple[list[PlayBlock], IngestReport]:
    """Read tracking files into memory, for a look or a check; large sets want `ingest`.

    Args:
        path: A tracking file or a folder of them.
        layout: As for `ingest`.
        all_times: Whether to check all time stamps, which costs a second reading, and not only
            those of each file's first rows.
    """
    with TemporaryDirectory() as scratch, unpacked(Path(path), Path(scratch) / "set") as source:
        folders = find_folders(source, choose_formats(layout))
        blocks, reports = _read_into_memory(folders, all_times=all_times)
    left_out = pl.concat([_unread_files(folders), *(report.left_out for report in reports)])
    kept, repeated = without_repeated(blocks)
    report = IngestReport(reports, left_out, 0)
    return kept, with_repeated(report, repeated_as_left_out([repeated], report))


def find_play(path: Path, game_id: int, play_id: int) -> tuple[PlayBlock, int, str]:
    """A play by its keys: its block, its index there, and its set's note.

    Raises:
        TrackingError: If the play is not there, with the reason where it was set aside.
    """
    key = (pl.col("game_id") == game_id) & (pl.col("play_id") == play_id)
    if (path / "plays").is_dir():
        chunks = (file for file in chunk_files(path) if pl.read_parquet(file).filter(key).height)
        blocks = [read_chunk(file) for file in chunks]
        tables = [_left_out_of(path)]
    else:
        with TemporaryDirectory() as scratch, unpacked(path, Path(scratch) / "set") as source:
            folders = find_folders(source, choose_formats("auto"))
            blocks, reports = _read_into_memory(folders, holding=(game_id, play_id))
        tables = [report.left_out for report in reports]
    for block in blocks:
        places = block.plays.select(pl.arg_where(key)).to_series()
        if places.len():
            index = int(places[0])
            layout = FORMATS.get(block.plays["source_format"][index])
            return block, index, layout.selection if layout else ""
    why = ""
    for table in tables:
        for reason, detail in table.filter(key).select("reason", "detail").iter_rows():
            why = why or f" It was set aside: {reason}: {detail}."
    raise TrackingError(f"{path} has no game {game_id}, play {play_id} among its plays.{why}")


def _left_out_of(folder: Path) -> pl.DataFrame:
    """The plays that `ingest` left out of a folder; empty where it lacks the table."""
    path, schema = folder / "left_out.csv", LeftOut.create_empty().schema
    return pl.read_csv(path, schema=schema) if path.is_file() else pl.DataFrame(schema=schema)


def _read_into_memory(
    folders: Sequence[SourceFolder],
    *,
    all_times: bool = False,
    holding: tuple[int, int] | None = None,
) -> tuple[list[PlayBlock], list[FileReport]]:
    """Blocks and reports of the files, of all or of those that may hold a play."""
    blocks: list[PlayBlock] = []
    reports = []
    for folder in folders:
        if not folder.files:
            continue
        tables = read_side_tables(folder)
        for file in folder.files:
            if holding is None or holds_play(file, tables, *holding):
                sink = Blocks()
                reports.append(read_file(file, tables, sink, all_times=all_times))
                blocks += sink.blocks
    return blocks, reports


class _ParquetSink:
    """Writes blocks as chunks of a canonical folder."""

    def __init__(self, out: Path, name: str) -> None:
        self._out, self._name = out, name
        self.restart()

    def restart(self) -> None:
        for path in self._out.glob(f"*/season=*/{self._name}-*.parquet"):
            path.unlink()
        self._chunks = 0

    def take(self, block: PlayBlock) -> None:
        write_chunk(block, self._out, f"{self._name}-{self._chunks:03d}")
        self._chunks += 1

    def close(self) -> None:
        pass


def _read_all(
    folders: Sequence[SourceFolder],
    reports: Path,
    sink: Callable[[str], BlockSink],
    *,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> IngestReport:
    """Read all files that have no finished report yet."""
    reports.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, file) for folder in folders for file in folder.files]
    done: dict[Path, FileReport] = {}
    for _, file in jobs:
        earlier = finished_report(reports, file)
        if earlier is not None:
            done[file.path] = earlier
    resumed = len(done)
    tables = {
        folder.path: read_side_tables(folder)
        for folder in folders
        if any(file.path not in done for file in folder.files)
    }

    def work(folder: SourceFolder, file: SourceFile) -> FileReport:
        target = sink(part_name(file))
        report = read_file(file, tables[folder.path], target)
        target.close()
        save_report(reports, file, report)
        return report

    waiting = [(folder, file) for folder, file in jobs if file.path not in done]
    for (_, file), report in _as_done(work, waiting, workers):
        done[file.path] = report
        if progress is not None:
            progress(len(done), len(jobs), file.path.name)
    ordered = [done[file.path] for _, file in jobs]
    left_out = pl.concat([_unread_files(folders), *(report.left_out for report in ordered)])
    return IngestReport(ordered, left_out, resumed)


def _tensors_from_chunks(
    path: Path,
    out: Path,
    parts: Path,
    *,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> PlayTensors:
    chunks = chunk_files(path)

    def work(index: int, plays_file: Path) -> None:
        part = TensorPart(parts / f"{index:06d}")
        part.take(read_chunk(plays_file), read_splits(plays_file))
        part.close()

    for count, (job, _) in enumerate(_as_done(work, enumerate(chunks), workers), start=1):
        if progress is not None:
            progress(count, len(chunks), job[1].name)
    summary = path / "ingest.json"
    notes = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {"files": []}
    selections = sorted({file["selection"] for file in notes["files"] if file["selection"]})
    return join_parts(
        [parts / f"{index:06d}" for index in range(len(chunks))], out, {"selection": selections}
    )


def _as_done(
    work: Callable[..., _Result], jobs: Iterable[_Job], workers: int
) -> Iterator[tuple[_Job, _Result]]:
    """Do the jobs in threads and yield each with its result; after an error none begins."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending = {pool.submit(work, *job): job for job in jobs}
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _unread_files(folders: Sequence[SourceFolder]) -> pl.DataFrame:
    rows = [
        (str(path), None, None, "file not read", reason)
        for folder in folders
        for path, reason in folder.left_out
    ]
    return pl.DataFrame(rows, schema=LeftOut.create_empty().schema, orient="row")
