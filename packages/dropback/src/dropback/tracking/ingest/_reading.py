"""Read one file into canonical blocks, and report what was kept and left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from dropback._files import POLARS_ERRORS
from dropback._frames import validated
from dropback.errors import ReaderError
from dropback.tracking._blocks import DROPBACKS
from dropback.tracking._schema import LeftOut
from dropback.tracking._splits import play_splits
from dropback.tracking.ingest._assemble import assemble
from dropback.tracking.ingest._canonical import canonicalize
from dropback.tracking.ingest._conventions import Check, count_incomplete, decide
from dropback.tracking.ingest._entities import SideTables
from dropback.tracking.ingest._file_checks import (
    check_of_ids,
    check_of_roles,
    check_of_rows,
    check_of_tables,
    check_times,
    counted,
    known_faults,
    of_no_play,
)
from dropback.tracking.ingest._quality import checks_of_splits, deep_defenders, quality_checks
from dropback.tracking.readers._files import SourceFile, SourceFolder, truncation
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._plays import read_plays
from dropback.tracking.readers._rows import (
    InterleavedPlaysError,
    read_batches,
    scan_rows,
)
from dropback.tracking.readers._tables import read_players, read_recorded

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock, Wanted


# Some thirty plays: their stamps tell how a file writes time for a hundredth of its reading.
_TIMED_ROWS: Final = 30_000


class BlockSink(Protocol):
    """Where the blocks of a file go."""

    def restart(self) -> None:
        """Forget the blocks so far: the file is read again from its start."""

    def take(self, block: PlayBlock) -> None:
        """Take the next block."""

    def close(self) -> None:
        """Finish: no block follows."""


@dataclass
class Blocks:
    """A sink that keeps the blocks in memory."""

    blocks: list[PlayBlock] = field(default_factory=list)

    def restart(self) -> None:
        """Forget the blocks so far."""
        self.blocks.clear()

    def take(self, block: PlayBlock) -> None:
        """Keep the next block."""
        self.blocks.append(block)

    def close(self) -> None:
        """Do nothing: the blocks stay in memory."""


@dataclass(frozen=True)
class FileReport:
    """Counts, reasons and checks of a tracking file.

    Args:
        source_file: Its path.
        source_format: Its layout.
        plays_read: Plays in the file.
        plays_kept: Plays that are fit.
        unreadable_rows: Rows without a key, a frame or coordinates.
        left_out: Rows of `LeftOut`.
        checks: The self-check.
        flagged: ``game_id``, ``play_id`` and ``flags``, as one text, of kept plays that have any.
        selection: A warning about the set, where it is no fair sample.
    """

    source_file: str
    source_format: str
    plays_read: int
    plays_kept: int
    unreadable_rows: int
    left_out: pl.DataFrame
    checks: list[Check]
    flagged: pl.DataFrame
    selection: str

    @property
    def failed(self) -> list[Check]:
        """The checks that found something wrong, corrected or not."""
        return [check for check in self.checks if check.decision in _FAILED]


_KEY: Final = ["game_id", "play_id"]
_FAILED: Final = ("corrected", "flagged", "wrong, not corrected")
FLAGGED: Final = {"game_id": pl.Int64, "play_id": pl.Int64, "flags": pl.String}


def short_name(path: Path) -> str:
    """A file's name with its folder's: what plays record as their source."""
    return f"{path.parent.name}/{path.name}"


def read_side_tables(folder: SourceFolder) -> SideTables:
    """The small tables beside a folder's tracking files."""
    layout = folder.files[0].layout
    recorded = read_recorded(layout, folder.path)
    plays, of_plays = pl.DataFrame(), list[str]()
    if layout.plays_file:
        plays, of_plays = read_plays(layout, folder.path, recorded.plays)
    players, of_players = read_players(layout, folder.path)
    return SideTables(
        plays=plays,
        players=players,
        roles=recorded.roles,
        untargeted=_without_target(recorded.roles),
        notes=(*of_plays, *of_players, *recorded.notes),
    )


def _without_target(roles: pl.DataFrame) -> pl.DataFrame:
    """Plays whose roles are recorded, a target's not, in a set that records targets."""
    targeted = roles.filter(role="target")
    others = roles if targeted.height else roles.clear()
    return others.select(SOURCE_KEY).unique().join(targeted, on=SOURCE_KEY, how="anti")


def holds_play(source: SourceFile, tables: SideTables, game_id: int, play_id: int) -> bool:
    """Whether a file has rows of a play, by its key columns alone; true where it is broken."""
    keys = {(game_id, play_id)}
    if tables.plays.height:
        known = tables.plays.filter(game_id=game_id, play_id=play_id)
        keys |= set(known.select(SOURCE_KEY).iter_rows())
    is_play = pl.any_horizontal(
        (pl.col("source_game_id") == game) & (pl.col("source_play_id") == play)
        for game, play in keys
    )
    try:
        rows = scan_rows(source).select(SOURCE_KEY).filter(is_play).head(1)
        return rows.collect(engine="streaming").height > 0
    except POLARS_ERRORS:
        return True


def read_file(
    source: SourceFile,
    tables: SideTables,
    sink: BlockSink,
    *,
    all_times: bool = False,
    wanted: Wanted = DROPBACKS,
) -> FileReport:
    """Read a file into a sink, block by block.

    The first block's evidence settles the file's conventions.

    Returns:
        The report. A file that breaks off, or cannot be read at all, is reported, not raised.
    """
    try:
        return _read(source, tables, sink, whole=False, all_times=all_times, wanted=wanted)
    except InterleavedPlaysError:
        sink.restart()
        return _read(source, tables, sink, whole=True, all_times=all_times, wanted=wanted)


def _read(
    source: SourceFile,
    tables: SideTables,
    sink: BlockSink,
    *,
    whole: bool,
    all_times: bool,
    wanted: Wanted,
) -> FileReport:
    plays_read = plays_kept = unreadable = assembled = 0
    left_out: list[pl.DataFrame] = []
    checks: list[Check] = []
    measured: list[pl.DataFrame] = []
    charted: list[pl.DataFrame] = []
    people: list[pl.DataFrame] = []
    keys: list[pl.DataFrame] = []
    flagged = [pl.DataFrame(schema=FLAGGED)]
    incomplete: Counter[str] = Counter()
    corrections = first = faults = None
    cut_off = truncation(source)
    broken = [] if cut_off is None else [_file_row(source, "file cut off", *cut_off)]
    try:
        for batch in read_batches(source, whole=whole):
            fit = batch if cut_off is None else _without_play(batch, *cut_off[1:])
            faults = known_faults(source, fit, faults)
            assembled_batch = assemble(fit, source.layout, tables, source.path, wanted, faults)
            plays_read += assembled_batch.plays_seen
            unreadable += assembled_batch.unreadable_rows
            left_out.append(assembled_batch.left_out)
            first = batch.head(_TIMED_ROWS) if first is None else first
            if not assembled_batch.block.plays.height:
                continue
            if corrections is None:
                corrections, checks = decide(assembled_batch.block)
            keys.append(assembled_batch.block.plays.select(SOURCE_KEY))
            incomplete.update(count_incomplete(assembled_batch.block))
            assembled += assembled_batch.block.plays.height
            block, contradictions, measures = canonicalize(
                assembled_batch.block, source.layout, corrections, short_name(source.path)
            )
            left_out.append(contradictions)
            measured.append(measures)
            plays_kept += block.plays.height
            if block.plays.height:
                charted.append(_charted(block))
                known = assembled_batch.block.plays.select(*SOURCE_KEY, *_KEY)
                people.append(block.players.select(*_KEY, "player_id").join(known, on=_KEY))
                sink.take(block)
            unusual = block.plays.filter(pl.col("flags").list.len() > 0)
            flagged.append(unusual.select("game_id", "play_id", pl.col("flags").list.join("; ")))
        checks += check_times(source, None if all_times else first)
    except InterleavedPlaysError:
        raise
    except ReaderError as error:
        broken.append(_file_row(source, "file cannot be read", str(error)))
    named = [
        table.select(
            pl.lit(str(source.path)).alias("source_file"), "game_id", "play_id", "reason", "detail"
        )
        for table in left_out
    ]
    named += [LeftOut.create_empty(), of_no_play(source, faults), *broken]
    rows = validated(LeftOut, pl.concat(named))
    return FileReport(
        source_file=str(source.path),
        source_format=source.layout.name,
        plays_read=plays_read,
        plays_kept=plays_kept,
        unreadable_rows=unreadable,
        left_out=rows,
        checks=[
            *checks,
            *(quality_checks(pl.concat(measured)) if measured else ()),
            *(checks_of_splits(pl.concat(charted)) if charted else ()),
            *(check_of_ids(pl.concat(people), tables, source) if people else ()),
            *(
                Check(name, "ok", float(count), f"{count} in {assembled} plays")
                for name, count in incomplete.items()
            ),
            *counted(rows),
            check_of_rows(unreadable, source),
            *(check_of_roles(pl.concat(keys), people, tables, source) if keys else ()),
            *check_of_tables(tables),
        ],
        flagged=pl.concat(flagged),
        selection=source.layout.selection,
    )


def _charted(block: PlayBlock) -> pl.DataFrame:
    """What `checks_of_splits` takes of a block."""
    names = ("recorded_pressure", "coverage", "target_route", "target_slot")
    plays = block.plays.select(names).with_columns(deep_defenders=pl.Series(deep_defenders(block)))
    if plays["recorded_pressure"].null_count() == plays.height:
        return plays.with_columns(pressured_any_time=pl.lit(None, dtype=pl.Boolean))
    return plays.with_columns(play_splits(block)["pressured_any_time"])


def _file_row(
    source: SourceFile,
    reason: str,
    detail: str,
    game_id: int | None = None,
    play_id: int | None = None,
) -> pl.DataFrame:
    return pl.DataFrame(
        [(str(source.path), game_id, play_id, reason, detail)],
        schema=LeftOut.column_names(),
        orient="row",
    ).cast({"game_id": pl.Int64, "play_id": pl.Int64})


def _without_play(batch: pl.DataFrame, game: int | None, play: int | None) -> pl.DataFrame:
    is_play = (pl.col("source_game_id") == game) & (pl.col("source_play_id") == play)
    return batch.filter(~is_play.fill_null(value=False))
