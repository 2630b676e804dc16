"""Read one file into canonical blocks, and report what was kept and left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from dropback._files import POLARS_ERRORS
from dropback.data._columns import MISSING_WORDS
from dropback.data._field import RATE_HZ
from dropback.errors import ReaderError
from dropback.tracking._blocks import DROPBACKS
from dropback.tracking._schema import LeftOut
from dropback.tracking._splits import play_splits
from dropback.tracking.ingest._assemble import assemble
from dropback.tracking.ingest._canonical import canonicalize
from dropback.tracking.ingest._clocks import parsed_stamps
from dropback.tracking.ingest._conventions import Check, Decision, count_incomplete, decide
from dropback.tracking.ingest._entities import SideTables
from dropback.tracking.ingest._quality import checks_of_splits, deep_defenders, quality_checks
from dropback.tracking.readers._files import SourceFile, SourceFolder, truncation
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._plays import read_plays
from dropback.tracking.readers._rows import InterleavedPlaysError, read_batches, scan_rows
from dropback.tracking.readers._tables import read_players, read_recorded_roles

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock, Wanted


# Some thirty plays: their stamps tell how a file writes time for a hundredth of its reading.
_TIMED_ROWS: Final = 30_000


# Few are in no table; where most are not, the tables are of another set or count players otherwise.
_LEAST_KNOWN: Final = 0.5


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
    found = read_recorded_roles(layout, folder.path)
    roles = found.drop_nulls([*SOURCE_KEY, "player_id"])
    return SideTables(
        plays=read_plays(layout, folder.path) if layout.plays_file else pl.DataFrame(),
        players=read_players(layout, folder.path),
        roles=roles,
        untargeted=_without_target(roles),
        lost_roles=found.height - roles.height,
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


def _check_time(source: SourceFile, rows: pl.LazyFrame, among: str) -> Check:
    """Whether the time stamps run with the frame numbers; these are what is used in any case."""
    name = "time jumps"
    if not {"time", "frame"} <= set(source.layout.rows):
        return Check(name, "not measurable", None, "the set lacks time or frame number")
    play = SOURCE_KEY
    stamp = parsed_stamps("time")
    garbled = pl.col("time").is_not_null() & ~pl.col("time").is_in(MISSING_WORDS)
    steps = (
        rows.select(*play, "frame", time=stamp, garbled=garbled & stamp.is_null())
        .with_columns(garbled=pl.col("garbled").sum())
        .drop_nulls()
        .unique([*play, "frame"], keep="first", maintain_order=True)
        .sort(*play, "frame")
        .select(
            step=pl.col("time").diff().over(play) - pl.col("frame").diff().over(play) / RATE_HZ,
            whole=pl.col("time") % 1 == 0,
            garbled="garbled",
        )
        .select(
            steps=pl.col("step").count(),
            # Stamps cut to whole seconds stay within 1 s of the frames' clock.
            back=(pl.col("step") < -1.05).sum(),
            ahead=(pl.col("step") > 1.05).sum(),
            whole=pl.col("whole").all(),
            garbled=pl.col("garbled").max().fill_null(0),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    jumps = steps["back"] + steps["ahead"]
    cut = ", all cut to whole seconds" if steps["whole"] else ""
    evidence = (
        f"{steps['back']} of {steps['steps']} steps{among} go back by a second or more, "
        f"{steps['ahead']} ahead{cut}; frame numbers are used instead"
    )
    garbled = steps["garbled"]
    if garbled:
        column = source.layout.rows["time"]
        evidence += f"; {garbled} rows{among} have a {column!r} that is no time"
    wrong = jumps or steps["whole"] or garbled
    decision: Decision = "wrong, not corrected" if wrong else "ok"
    return Check(name, decision, float(jumps), evidence)


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
    corrections = first = None
    cut_off = truncation(source)
    broken = [] if cut_off is None else [_file_row(source, "file cut off", *cut_off)]
    try:
        for batch in read_batches(source, whole=whole):
            fit = batch if cut_off is None else _without_play(batch, *cut_off[1:])
            assembled_batch = assemble(fit, source.layout, tables, source.path, wanted)
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
        if all_times:
            checks.append(_check_time(source, scan_rows(source), ""))
        elif first is not None:
            among = f" among the first {first.height:,} rows"
            checks.append(_check_time(source, first.lazy(), among))
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
    rows = LeftOut.validate(pl.concat([LeftOut.create_empty(), *named, *broken]), cast=True)
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
            *(_check_of_ids(pl.concat(people), tables, source) if people else ()),
            *(
                Check(name, "ok", float(count), f"{count} in {assembled} plays")
                for name, count in incomplete.items()
            ),
            *_counted(rows),
            _check_of_rows(unreadable),
            *(_check_of_roles(pl.concat(keys), people, tables, source) if keys else ()),
        ],
        flagged=pl.concat(flagged),
        selection=source.layout.selection,
    )


def _check_of_ids(people: pl.DataFrame, tables: SideTables, source: SourceFile) -> list[Check]:
    """Whether players of the frames are those of the table beside them."""
    ids = people["player_id"].drop_nulls().unique()
    known = tables.players["player_id"].drop_nulls().unique()
    if known.is_empty() or ids.is_empty():
        return []
    absent = ids.filter(~ids.is_in(known.implode())).sort()
    share = 1 - len(absent) / len(ids)
    evidence = f"{len(ids) - len(absent)} of {len(ids)} players are in {source.layout.players_file}"
    decision: Decision = "ok"
    if len(absent):
        decision = "wrong, not corrected" if share < _LEAST_KNOWN else "flagged"
        column = source.layout.rows["player_id"]
        evidence += f", which lacks {absent[0]} of the column {column!r}, for one"
    return [Check("ids of the table of players", decision, share, evidence)]


def _check_of_rows(unreadable: int) -> Check:
    """Whether rows were passed over: one without a game or play belongs to none that is named."""
    decision: Decision = "wrong, not corrected" if unreadable else "ok"
    evidence = f"{unreadable} rows lack a game, play or frame, or have no place on earth"
    return Check("unreadable rows", decision, float(unreadable), evidence)


def _check_of_roles(
    keys: pl.DataFrame, people: list[pl.DataFrame], tables: SideTables, source: SourceFile
) -> list[Check]:
    """Whether the set's table of roles is of these plays, and says of whom all are."""
    if tables.roles.is_empty() and not tables.lost_roles:
        return []
    found = keys.join(tables.roles, on=SOURCE_KEY, how="semi").height
    share = found / keys.height
    evidence = f"{found} of {keys.height} plays have a player with a recorded role"
    decision: Decision = "ok"
    if share < _LEAST_KNOWN:
        decision = "wrong, not corrected"
        columns = [source.layout.rows[name] for name in SOURCE_KEY]
        evidence += f"; are that table's {' and '.join(columns)} those of the frames?"
    on = [*SOURCE_KEY, "player_id"]
    there = pl.concat(people) if people else tables.roles.clear()
    of_these = tables.roles.join(there, on=SOURCE_KEY, how="semi")
    absent = of_these.join(there, on=on, how="anti")
    if absent.height:
        decision = "flagged" if decision == "ok" else decision
        game, play, player = absent.select(on).row(0)
        evidence += (
            f"; {absent.height} roles are of players who are not in the frames of their play, the "
            f"first of game {game}, play {play}, {source.layout.rows['player_id']} {player}"
        )
    if tables.lost_roles:
        decision = "wrong, not corrected"
        columns = [source.layout.rows[name] for name in on]
        evidence += f"; {tables.lost_roles} roles lack a readable {', '.join(columns)}"
    return [Check("plays of the recorded roles", decision, share, evidence)]


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


# Reasons that are findings about the data, and their name as a check.
_FINDINGS = {
    "not 11 against 11": "missing or extra players",
    "release not after the snap": "event order",
    "frames missing": "frames missing",
    "no snap": "events missing: snap",
    "no release": "events missing: release",
    "snap away from the line of scrimmage": "snap at the line of scrimmage",
}


def _counted(left_out: pl.DataFrame) -> list[Check]:
    counts = dict(left_out.group_by("reason").len().iter_rows())
    return [
        Check(
            name,
            "wrong, not corrected" if counts.get(reason) else "ok",
            float(counts.get(reason, 0)),
            f"{counts.get(reason, 0)} plays set aside: {reason}",
        )
        for reason, name in _FINDINGS.items()
    ]
