"""Read tracking files into memory, for a look at a few plays or a check of all."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from dropback.errors import TrackingError
from dropback.tracking._blocks import Wanted
from dropback.tracking._schema import LeftOut
from dropback.tracking._storage import chunk_files, read_chunk
from dropback.tracking.ingest._reading import (
    Blocks,
    FileReport,
    holds_play,
    read_file,
    read_side_tables,
)
from dropback.tracking.ingest._report import (
    IngestReport,
    repeated_as_left_out,
    require_rows,
    with_repeated,
    without_repeated,
)
from dropback.tracking.readers import FORMATS, choose_formats
from dropback.tracking.readers._archives import as_given, unpacked
from dropback.tracking.readers._files import find_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from dropback.tracking._blocks import Around, PlayBlock
    from dropback.tracking.readers._files import SourceFolder


def read_tracking(
    path: str | PathLike[str],
    *,
    layout: str = "auto",
    around: Around | None = None,
    runs: bool = False,
) -> tuple[list[PlayBlock], IngestReport]:
    """Read tracking files into memory, for a look or a check; large sets want `ingest`.

    Args:
        path: A tracking file or a folder of them.
        layout: As for `ingest`.
        around: As for `ingest`; the frames are in `PlayBlock.wide`.
        runs: As for `ingest`.

    Raises:
        ReaderError: If nothing can be read, or no file holds a play.
    """
    with TemporaryDirectory() as scratch, unpacked(Path(path), Path(scratch) / "set") as source:
        folders = find_folders(source, choose_formats(layout))
        blocks, reports = _read_into_memory(folders, wanted=Wanted(around, runs))
        left_out = pl.concat([_unread_files(folders), *(report.left_out for report in reports)])
        given = partial(as_given, path=Path(path), folder=source)
        if source != Path(path):
            reports = [_named(report, given) for report in reports]
            left_out = _renamed(left_out, given)
    kept, repeated = without_repeated(blocks)
    report = IngestReport(reports, left_out, 0)
    require_rows(report, path)
    return kept, with_repeated(report, repeated_as_left_out([repeated], report))


def _named(report: FileReport, given: Callable[[str], str]) -> FileReport:
    """The report of an unpacked file, each file under the name that the user knows."""
    return replace(
        report,
        source_file=given(report.source_file),
        left_out=_renamed(report.left_out, given),
        checks=[replace(check, evidence=given(check.evidence)) for check in report.checks],
        flagged=_renamed(report.flagged, given),
    )


def _renamed(table: pl.DataFrame, given: Callable[[str], str]) -> pl.DataFrame:
    texts = pl.col([n for n in ("source_file", "detail", "details") if n in table.columns])
    return table.with_columns(texts.map_elements(given, return_dtype=pl.String))


def find_play(
    path: Path, game_id: int, play_id: int, *, around: Around | None = None
) -> tuple[PlayBlock, int, str]:
    """A play by its keys: its block, its index there, and its set's note.

    Frames `around` the window are read from source files alone.

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
            wanted = Wanted(around, runs=True)
            blocks, reports = _read_into_memory(folders, holding=(game_id, play_id), wanted=wanted)
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
    wanted: Wanted,
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
                reports.append(read_file(file, tables, sink, wanted=wanted))
                blocks += sink.blocks
    return blocks, reports


def _unread_files(folders: Sequence[SourceFolder]) -> pl.DataFrame:
    rows = [
        (str(path), None, None, "file not read", reason)
        for folder in folders
        for path, reason in folder.left_out
    ]
    return pl.DataFrame(rows, schema=LeftOut.create_empty().schema, orient="row")
