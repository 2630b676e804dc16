"""Read a folder of tracking files into canonical Parquet or play tensors.

Files are read one by one and several at once; each leaves a finished part behind, so that an
interrupted run goes on where it stopped. What is not fit is in ``left_out.csv`` with its reason.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._files import working_folder
from dropback.errors import RequestError, TrackingError
from dropback.execution import Task, open_executor, opened, run_tasks, stored_results
from dropback.storage import (
    MANIFEST,
    StoredFile,
    digest_of,
    fetched,
    is_url,
    keep_folder,
    local_copy,
    open_store,
    put_output,
    read_folder,
    read_folders,
    require_own_place,
    side_by_side,
    work_area,
    write_manifest,
)
from dropback.tracking._blocks import Wanted
from dropback.tracking._schema import LeftOut
from dropback.tracking._storage import AROUND, TABLES, chunk_files, drop_plays
from dropback.tracking.ingest._parts import (
    PART,
    REPORTS,
    ParquetSink,
    chunk_into_tensors,
    find_parts,
    read_into_chunks,
    read_into_tensors,
    source_stamp,
)
from dropback.tracking.ingest._report import (
    IngestReport,
    keys_twice,
    repeated_as_left_out,
    report_from_record,
    require_rows,
    with_repeated,
    write_report,
)
from dropback.tracking.readers import choose_formats
from dropback.tracking.readers._archives import as_given, unpacked, zip_files
from dropback.tracking.tensors._play_tensors import (
    SCHEMA,
    PartJoiner,
    PlayTensors,
    require_tensors_or_nothing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from os import PathLike
    from typing import TypeAlias

    from dropback.execution import Done, ExecutorChoice
    from dropback.storage import Store, WorkArea
    from dropback.tracking._blocks import Around
    from dropback.tracking.ingest._parts import PartSource, TaskFunction
    from dropback.tracking.readers._format import Format

    Progress: TypeAlias = Callable[[int, int, str], None]

_UNZIPPED: Final = "unzipped"


def ingest(
    path: str | PathLike[str],
    out: str | PathLike[str],
    *,
    layout: str = "auto",
    around: Around | None = None,
    runs: bool = False,
    executor: ExecutorChoice = "threads:3",
    progress: Progress | None = None,
) -> IngestReport:
    """Read tracking files into canonical Parquet.

    Args:
        path: A tracking file or a folder of them, any depth, or their URL; on disk also zips, as
            Kaggle hands them out.
        out: Folder or URL for ``plays``, ``players``, ``frames``, ``splits``, ``left_out.csv`` and
            ``ingest.json``. Files that it already holds from the same source are not read again.
        layout: ``auto``, a layout's name, or the path of a column map ending in ``.toml``.
        around: Frames to write beyond the window, to a further table ``around``; None for none.
        runs: Whether designed runs are read too, from the snap to the handoff; their
            ``pass_result`` is null.
        executor: Where files are read, one a task: see `dropback.execution.ExecutorChoice`. The
            tables are the same everywhere.
        progress: Called with files done, files in all, and the file's name.

    Raises:
        ReaderError: If nothing can be read.
        RequestError: If another process writes `out`, or it holds plays of other files.
        TrackingError: If `out` is a file.
        StoreError: If a URL cannot be read or written.
        TaskError: If files were lost with their workers; all others are read.

    Example:
        >>> report = dropback.ingest(tracking, f"{folder}/plays")
        >>> report.counts().select("kept", "left_out").row(0)
        (60, 0)
    """
    formats, wanted = choose_formats(layout), Wanted(around, runs)
    with opened(executor, threads=True) as runner:
        return _ingest(path, out, formats, wanted, runner, progress)


def _ingest(
    path: str | PathLike[str],
    out: str | PathLike[str],
    formats: Sequence[Format],
    wanted: Wanted,
    executor: ExecutorChoice,
    progress: Progress | None,
) -> IngestReport:
    if is_url(out):
        require_own_place(str(out), "ingest.json")
        with tempfile.TemporaryDirectory(prefix="dropback-ingest-") as scratch:
            source = str(path) if is_url(path) else _require_plain(Path(path))
            parts, unread = find_parts(source, formats)
            parts = [replace(part, wanted=wanted) for part in parts]
            report, tasks = _read_all(
                parts, unread, read_into_chunks, str(out), executor, None, progress
            )
            return _finish_remote(report, tasks, str(out), Path(scratch))
    out = Path(out)
    if out.is_file():
        raise TrackingError(f"{out} exists and is no folder of canonical tables; name another.")
    # Its lock keeps two processes from one folder.
    with working_folder(out, "what was read", within=out) as work:
        if is_url(path):
            return _ingest_here(str(path), out, formats, wanted, executor, progress)
        with unpacked(Path(path), work / _UNZIPPED) as folder:
            return _ingest_here(folder, out, formats, wanted, executor, progress, given=Path(path))


def _require_plain(path: Path) -> Path:
    """Refuse zips where workers of other machines read.

    Raises:
        RequestError: There is one.
    """
    if zip_files(path):
        raise RequestError(f"{path}: zip files are read into a folder of this disk: unpack first.")
    return path


def _ingest_here(
    path: str | Path,
    out: Path,
    formats: Sequence[Format],
    wanted: Wanted,
    executor: ExecutorChoice,
    progress: Progress | None,
    given: Path | None = None,
) -> IngestReport:
    parts, unread = _parts_as_given(path, formats, given)
    parts = [replace(part, wanted=wanted) for part in parts]
    for left in out.glob(".scratch-*"):  # of killed workers
        shutil.rmtree(left, ignore_errors=True)
    store, place = open_store(out), ""
    _require_same_files(out, parts)
    names = [part.task(read_into_chunks, place).name for part in parts]
    there = read_folders(store, names)
    for part, name in zip(parts, names, strict=True):
        # What a former content of the file left, or an ingest of it with other frames or plays.
        kept = there[name].files.values() if name in there else ()
        ParquetSink(out, part.part).remove_all_but({out / file.key for file in kept})
    report, tasks = _read_all(
        parts, unread, read_into_chunks, str(out.resolve()), executor, place, progress
    )
    require_rows(report, path if given is None else given)
    out.mkdir(parents=True, exist_ok=True)  # not before: an engine that is not there leaves nothing
    repeated = keys_twice(chunk_files(out)) if (out / "plays").is_dir() else []
    for plays_file, keys in repeated:
        drop_plays(plays_file, keys)
    if repeated:
        for task in tasks:
            _note_dropped(store, out, task)
    dropped = repeated_as_left_out([keys for _, keys in repeated], report)
    # Plays dropped by an earlier run are gone from the chunks, so their rows are kept here.
    record = out / REPORTS / "repeated.parquet"
    if record.is_file():
        dropped = pl.concat([pl.read_parquet(record), dropped]).unique(maintain_order=True)
    dropped.write_parquet(record)
    report = with_repeated(report, dropped)
    write_report(report, out)
    return report


def _require_same_files(out: Path, parts: Sequence[PartSource]) -> None:
    """Refuse a folder that holds plays of other files, which would stay among those that are read.

    What it holds of the same files from before set and folder were moved is removed.

    Raises:
        RequestError: It is one.
    """
    names = {part.part for part in parts}
    files = {Path(part.name).resolve() for part in parts}
    for chunk in sorted(out.glob("plays/season=*/*.parquet")):
        name = chunk.stem.rpartition("-")[0]
        if name in names or not chunk.is_file():
            continue
        record = out / REPORTS / f"{name}.json"
        file = name
        if record.is_file():
            file = json.loads(record.read_text(encoding="utf-8"))["source_file"]
        if Path(file).resolve() not in files:
            raise RequestError(
                f"{out} holds plays of another file, {file}, which would stay among those that "
                "are read: name another folder, or remove this one first."
            )
        ParquetSink(out, name).remove_all_but(())


def _parts_as_given(
    path: str | Path, formats: Sequence[Format], given: Path | None
) -> tuple[list[PartSource], list[tuple[str, str]]]:
    """As `find_parts`, with unpacked files named by their archive; `given` None for a URL."""
    parts, unread = find_parts(path, formats)
    if given is None:
        return parts, unread
    folder = Path(path)
    named = [replace(part, root=as_given(part.root, given, folder)) for part in parts]
    return named, [
        (as_given(file, given, folder), as_given(why, given, folder)) for file, why in unread
    ]


def _note_dropped(store: Store, out: Path, task: Task) -> None:
    """Describe a part as it is after plays of an earlier file were dropped from it."""
    manifest = store.read(f"{task.name}.json")
    files = {}
    for name, file in json.loads(manifest)["files"].items():
        path = out / file["key"]
        if path.is_file():
            files[name] = StoredFile(file["key"], digest_of(path), path.stat().st_size)
    write_manifest(store, task.name, files)


def _finish_remote(
    report: IngestReport, tasks: Sequence[Task], url: str, scratch: Path
) -> IngestReport:
    """Drop repeated plays of parts in a store, and write the manifest of all that are kept."""
    store = open_store(url)
    files = {
        name: file
        for result in stored_results(url, tasks)
        for name, file in result.files.items()
        if not name.startswith(f"{REPORTS}/")
    }
    plays = [name for name in files if name.startswith("plays/")]
    side_by_side(lambda name: store.fetch(files[name].key, scratch / name), plays)
    changed = Path("changed")
    repeated = keys_twice(chunk_files(scratch)) if (scratch / "plays").is_dir() else []
    for plays_file, keys in repeated:
        place = plays_file.relative_to(scratch / "plays")
        names = [(Path(table) / place).as_posix() for table in (*TABLES, AROUND)]
        names = [name for name in names if name in files]
        for name in names:
            store.fetch(files[name].key, scratch / changed / name)
        drop_plays(scratch / changed / "plays" / place, keys)
        for name in names:
            del files[name]
    report = with_repeated(report, repeated_as_left_out([keys for _, keys in repeated], report))
    kept = scratch / changed
    kept.mkdir(exist_ok=True)
    write_report(report, kept)
    files |= keep_folder(store, "tasks/report", kept).files
    write_manifest(store, MANIFEST, files)
    return report


def build_tensors(
    path: str | Path,
    out: str | Path,
    *,
    layout: str = "auto",
    executor: ExecutorChoice = "threads:3",
    progress: Progress | None = None,
) -> tuple[PlayTensors, IngestReport | None]:
    """Features of all plays as `PlayTensors`.

    Args:
        path: Tracking files of any layout, or a folder that `ingest` wrote, or their URL.
        out: Folder or URL to make. Parts stay beside it until it is whole, so that a run can go on.
        layout: As for `ingest`; of no effect on canonical plays.
        executor: As for `ingest`.
        progress: As for `ingest`.

    Returns:
        The tensors, and the report of the files where they were read from source.

    Raises:
        ReaderError: If nothing can be read.
        TrackingError: If the set lacks players, or no play is left, or `out` is something else.
        StoreError: If a URL cannot be read or written.
        TaskError: As for `ingest`.
    """
    if is_url(out):
        require_own_place(str(out), SCHEMA)
    else:
        require_tensors_or_nothing(Path(out))
    with ExitStack() as held:
        executor = held.enter_context(opened(executor, threads=True))
        area = held.enter_context(work_area(out, "what was read"))
        scratch = tempfile.TemporaryDirectory(dir=area.folder, prefix="joined-")
        joined = Path(held.enter_context(scratch)) / "joined"
        joined.mkdir()
        joiner, tables = held.enter_context(PartJoiner(joined)), list[Path]()

        def join(task: Task) -> None:
            """Append a part while others are read and the report is written."""
            part = held.enter_context(fetched(area.store, task.name)) / PART
            tables.append(part / "plays.parquet")
            joiner.join_part(part)

        # Before reading: what changes meanwhile is read again.
        stamp = "" if is_url(path) else source_stamp(Path(path), layout)
        report = given = None
        if is_canonical(path):
            selections = _tensors_from_chunks(path, area, executor, progress, join)
        else:
            source = path
            if not is_url(path):
                given = Path(path)
                source = held.enter_context(unpacked(given, area.folder / _UNZIPPED))
            parts, unread = _parts_as_given(source, choose_formats(layout), given)
            report, _ = _read_all(
                parts, unread, read_into_tensors, area.store, executor, None, progress, join
            )
            selections = sorted({file.selection for file in report.files if file.selection})
        notes: dict[str, object] = {"selection": selections}
        if not is_url(path):
            notes["source_stamp"] = stamp
        if report is not None:
            require_rows(report, path if given is None else given)
            if why := report.why_none():
                raise TrackingError(f"{path}: no play is left: {why}.")
            repeated = [keys for _, keys in keys_twice(tables)]
            report = with_repeated(report, repeated_as_left_out(repeated, report))
            write_report(report, joined)
        joiner.finish(notes)
        put_output(joined, out, overwrite=True)
        return PlayTensors.open(Path(local_copy(str(out)))), report


def is_canonical(path: str | Path) -> bool:
    """Whether `ingest` wrote a folder or URL."""
    if not is_url(path):
        return (Path(path) / "plays").is_dir()
    stored = read_folder(open_store(path), MANIFEST)
    return stored is not None and any(name.startswith("plays/") for name in stored.files)


def _read_all(
    parts: Sequence[PartSource],
    left_out: Sequence[tuple[str, str]],
    function: TaskFunction,
    store: str,
    executor: ExecutorChoice,
    place: str | None,
    progress: Progress | None,
    take: Callable[[Task], None] | None = None,
) -> tuple[IngestReport, list[Task]]:
    """Read all files that have no finished part yet, and hand each part to `take` in order."""
    tasks = [part.task(function, place) for part in parts]
    finished = resumed = 0
    with open_executor(executor, threads=True) as (runner, needs):
        for task, done in _in_order(run_tasks(runner, tasks, store, needs=needs), tasks, take):
            finished += 1
            resumed += not done.fresh
            if progress is not None:
                progress(finished, len(tasks), task.label)
    opened = open_store(store)
    keys = [
        result.files[f"{REPORTS}/{part.part}.json"].key
        for part, result in zip(parts, stored_results(store, tasks), strict=True)
    ]
    reports = [report_from_record(json.loads(record)) for record in side_by_side(opened.read, keys)]
    unread = pl.DataFrame(
        [(path, None, None, "file not read", why) for path, why in left_out],
        schema=LeftOut.create_empty().schema,
        orient="row",
    )
    rows = pl.concat([unread, *(report.left_out for report in reports)])
    return IngestReport(reports, rows, resumed), tasks


def _in_order(
    done: Iterable[tuple[Task, Done]], tasks: Sequence[Task], take: Callable[[Task], None] | None
) -> Iterator[tuple[Task, Done]]:
    """Pass on what is done, and hand each task to `take` once it and all before it are."""
    waiting, there = deque(tasks), set[str]()
    for task, result in done:
        yield task, result
        there.add(task.name)
        while take and waiting and waiting[0].name in there:
            take(waiting.popleft())


def _tensors_from_chunks(
    path: str | Path,
    area: WorkArea,
    executor: ExecutorChoice,
    progress: Progress | None,
    take: Callable[[Task], None],
) -> list[str]:
    """Make tensors of each chunk, handed to `take` in order; the warnings about the set."""
    folder = Path(local_copy(path))
    # By URL where it has one: a worker elsewhere does not see this machine's copy.
    source = path if is_url(path) else str(folder.resolve())
    tasks = []
    for chunk in chunk_files(folder):
        relative = chunk.relative_to(folder).as_posix()
        arguments = (source, relative, digest_of(chunk))
        tasks.append(Task(chunk.name, chunk_into_tensors, arguments, key=(relative, *arguments)))
    with open_executor(executor, threads=True) as (runner, needs):
        done = _in_order(run_tasks(runner, tasks, area.store, needs=needs), tasks, take)
        for count, (task, _) in enumerate(done, start=1):
            if progress is not None:
                progress(count, len(tasks), task.label)
    summary = folder / "ingest.json"
    notes = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {"files": []}
    return sorted({file["selection"] for file in notes["files"] if file["selection"]})
