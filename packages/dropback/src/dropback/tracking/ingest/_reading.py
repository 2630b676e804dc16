"""Read one file into canonical blocks, and report what was kept and left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from dropback._files import POLARS_ERRORS
from dropback._frames import left_join, validated
from dropback.errors import ReaderError
from dropback.tracking._blocks import DROPBACKS
from dropback.tracking._schema import LeftOut
from dropback.tracking._splits import play_splits
from dropback.tracking.ingest._assemble import assemble
from dropback.tracking.ingest._canonical import canonicalize
from dropback.tracking.ingest._conventions import Check, Corrections, count_incomplete, decide
from dropback.tracking.ingest._entities import SideTables
from dropback.tracking.ingest._file_checks import (
    check_of_ball,
    check_of_ids,
    check_of_roles,
    check_of_rows,
    check_of_tables,
    counted,
    known_faults,
    of_no_play,
)
from dropback.tracking.ingest._id_words import checks_with_ids, ids_of, with_ids
from dropback.tracking.ingest._motion_cells import flagged_cells
from dropback.tracking.ingest._people import check_of_people
from dropback.tracking.ingest._quality import checks_of_splits, deep_defenders, quality_checks
from dropback.tracking.ingest._sides import misread_plays
from dropback.tracking.ingest._stamps import check_of_stamps
from dropback.tracking.readers._cells import ROW
from dropback.tracking.readers._files import SourceFile, SourceFolder, last_row, truncation
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._plain import NotPlainError
from dropback.tracking.readers._plays import PlayTable, read_plays
from dropback.tracking.readers._row_faults import NO_FAULT, with_cells, without_broken
from dropback.tracking.readers._rows import (
    InterleavedPlaysError,
    may_be_plain,
    plays_apart,
    read_batches,
    scan_rows,
)
from dropback.tracking.readers._tables import BROKEN_PLAYS, read_players, read_recorded

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock, Wanted
    from dropback.tracking.ingest._assemble import Assembled
    from dropback.tracking.ingest._people import Held
    from dropback.tracking.ingest._stamps import Stamps
    from dropback.tracking.readers._format import Format


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
        flagged: ``game_id``, ``play_id``, ``flags``, as one text, and ``details``, the cells and
            measures that they are about, of kept plays that have any.
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
FLAGGED: Final = {
    "game_id": pl.Int64,
    "play_id": pl.Int64,
    "flags": pl.String,
    "details": pl.String,
}


def short_name(path: Path) -> str:
    """A file's name with its folder's: what plays record as their source."""
    return f"{path.parent.name}/{path.name}"


def read_side_tables(folder: SourceFolder) -> SideTables:
    """The small tables beside a folder's tracking files."""
    layout = folder.files[0].layout
    recorded = read_recorded(layout, folder.path)
    of_plays = PlayTable(pl.DataFrame())
    if layout.plays_file:
        of_plays = read_plays(layout, folder.path, recorded.plays)
    of_players = read_players(layout, folder.path)
    broken = pl.concat(
        [pl.DataFrame(schema=BROKEN_PLAYS)]
        + [table for table in (of_plays.broken, recorded.broken) if table is not None]
    )
    return SideTables(
        plays=of_plays.plays,
        players=of_players.players,
        roles=recorded.roles,
        untargeted=_without_target(recorded.roles),
        notes=(
            *of_plays.notes,
            *of_players.notes,
            *recorded.notes,
            *_of_no_play(recorded.roles, of_plays.plays, broken, layout),
        ),
        broken=broken.unique(SOURCE_KEY, keep="first", maintain_order=True),
        lacking=(*of_plays.lacking, *of_players.lacking, *recorded.lacking),
        absent=(*of_plays.absent, *of_players.absent, *recorded.absent),
    )


def _of_no_play(
    roles: pl.DataFrame, plays: pl.DataFrame, broken: pl.DataFrame, layout: Format
) -> list[str]:
    """A sentence about recorded roles of plays that the table of plays lacks."""
    if roles.is_empty() or plays.is_empty():
        return []
    lost = roles.join(plays, on=SOURCE_KEY, how="anti").join(broken, on=SOURCE_KEY, how="anti")
    if lost.is_empty():
        return []
    game, play = lost.select(SOURCE_KEY).row(0)
    columns = " and ".join(layout.plays[key][0] for key in SOURCE_KEY)
    return [
        f"{lost.height} recorded roles are of plays that {layout.plays_file} has not (columns "
        f"{columns}), the first of game {game}, play {play}"
    ]


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
    wanted: Wanted = DROPBACKS,
) -> FileReport:
    """Read a file into a sink, block by block.

    The first block's evidence settles the file's conventions.

    Returns:
        The report. A file that breaks off, or cannot be read at all, is reported, not raised.
    """
    plain, together = may_be_plain(source) and truncation(source) is None, True
    while True:
        try:
            return _read(source, tables, sink, together=together, plain=plain, wanted=wanted)
        except NotPlainError:
            plain = False
        except InterleavedPlaysError:
            together = False
        sink.restart()


def _read(
    source: SourceFile,
    tables: SideTables,
    sink: BlockSink,
    *,
    together: bool,
    plain: bool,
    wanted: Wanted,
) -> FileReport:
    found = _Found()
    fractions, source = None, replace(source, plain=plain, marks=[])
    broken, of_rows, blank, lost = list[pl.DataFrame](), NO_FAULT, list[int](), 0
    if tables.players.is_empty():
        source = replace(source, layout=source.layout.without_players())
    try:
        if not plain:
            source, of_rows, blank = without_broken(source)
        cut_off = truncation(source)
        cut_row = 0 if cut_off is None else last_row(source)
        apart = None if together else plays_apart(source, plain=plain)
        for batch in read_batches(source, apart=apart, plain=plain):
            whole = batch if cut_off is None else batch.filter(pl.col(ROW) != cut_row)
            fit = whole if cut_off is None else _without_play(whole, *cut_off[1:])
            lost += whole.height - fit.height
            fit = fit.filter(~pl.col(ROW).is_in(blank)) if blank else fit
            fractions = known_faults(source, fit, fractions)
            faults = pl.concat([of_rows, *([] if fractions is None else [fractions])])
            assembled = assemble(fit, source.layout, tables, source.path, wanted, faults)
            found.take(assembled, fit, source, sink)
        if cut_off is not None:
            broken.append(_cut_off(source, cut_off, lost))
            found.plays_read += None not in cut_off
    except InterleavedPlaysError:
        raise
    except ReaderError as error:
        broken.append(_file_row(source, "file cannot be read", str(error)))
    if not found.plays_read and not broken:
        broken = [_file_row(source, "file not read", "it holds no row below its header")]
    named = [
        table.select(
            pl.lit(str(source.path)).alias("source_file"), "game_id", "play_id", "reason", "detail"
        )
        for table in found.left_out
    ]
    named += [LeftOut.create_empty(), of_no_play(source, fractions), of_no_play(source, of_rows)]
    rows = with_cells(source, pl.concat([*named, *broken]), "detail")
    return found.report(source, tables, validated(LeftOut, rows), blank)


@dataclass
class _Found:
    """What the batches of a file hold, gathered for its report."""

    plays_read: int = 0
    plays_kept: int = 0
    unreadable: int = 0
    assembled: int = 0
    corrections: Corrections | None = None
    checks: list[Check] = field(default_factory=list)
    left_out: list[pl.DataFrame] = field(default_factory=list)
    measured: list[pl.DataFrame] = field(default_factory=list)
    charted: list[pl.DataFrame] = field(default_factory=list)
    people: list[pl.DataFrame] = field(default_factory=list)
    keys: list[pl.DataFrame] = field(default_factory=list)
    flagged: list[pl.DataFrame] = field(default_factory=list)
    details: list[pl.DataFrame] = field(default_factory=list)
    stamps: list[Stamps] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    incomplete: Counter[str] = field(default_factory=Counter)

    def decide(self, block: PlayBlock) -> Corrections:
        """The file's conventions, by its first block, and those of a later season by its own.

        Args:
            block: Plays of which sides and axes are right: the others tell nothing.
        """
        if not block.plays.height:
            return self.corrections or Corrections()
        known = set() if self.corrections is None else set(self.corrections.direction)
        new = ~block.plays["season"].is_in(list(known))
        if self.corrections is None:
            self.corrections, self.checks = decide(block)
        elif new.any():
            corrections, checks = decide(block.keep(new.to_numpy()))
            self.corrections = self.corrections.with_seasons_of(corrections)
            self.checks += [check for check in checks if check.season]
        return self.corrections

    def take(
        self, assembled: Assembled, rows: pl.DataFrame, source: SourceFile, sink: BlockSink
    ) -> None:
        """Bring a batch into canonical form, hand it on, and keep what the report says of it."""
        self.plays_read += assembled.plays_seen
        self.unreadable += assembled.unreadable_rows
        self.stamps.append(assembled.stamps)
        self.held += [] if assembled.held is None else [assembled.held]
        self.left_out.append(assembled.left_out)
        self.ids |= ids_of(rows)
        if not assembled.block.plays.height:
            return
        misread = misread_plays(assembled.block, source.layout)
        read = ~assembled.block.plays["play"].is_in(misread["play"].implode()).to_numpy()
        corrections = self.decide(assembled.block.keep(read))
        of_source = assembled.block.plays.select(*SOURCE_KEY, *_KEY)
        self.keys.append(of_source.select(SOURCE_KEY))
        self.incomplete.update(count_incomplete(assembled.block))
        self.assembled += assembled.block.plays.height
        block, contradictions, measures, details = canonicalize(
            assembled.block, source.layout, corrections, short_name(source.path), misread
        )
        self.left_out.append(contradictions)
        self.measured.append(measures)
        self.plays_kept += block.plays.height
        if block.plays.height:
            self.charted.append(_charted(block))
            self.people.append(block.players.select(*_KEY, "player_id").join(of_source, on=_KEY))
            sink.take(block)
        unusual = block.plays.filter(pl.col("flags").list.len() > 0).select(*_KEY, "flags")
        named = unusual.join(of_source, on=_KEY, maintain_order="left")
        self.details += [details, flagged_cells(rows, named, source.layout)]
        self.flagged.append(unusual.with_columns(pl.col("flags").list.join("; ")))

    def report(
        self, source: SourceFile, tables: SideTables, left_out: pl.DataFrame, blank: list[int]
    ) -> FileReport:
        """The file's report; `blank` are the rows that `left_out` names."""
        keys, people, ids = self.keys, self.people, self.ids
        return FileReport(
            source_file=str(source.path),
            source_format=source.layout.name,
            plays_read=self.plays_read,
            plays_kept=self.plays_kept,
            unreadable_rows=self.unreadable,
            left_out=with_ids(left_out, ids),
            checks=checks_with_ids(
                [
                    *self.checks,
                    *((check_of_stamps(self.stamps, source.layout),) if self.stamps else ()),
                    *(quality_checks(pl.concat(self.measured)) if self.measured else ()),
                    *(check_of_ball(pl.concat(self.measured), source) if self.measured else ()),
                    *(checks_of_splits(pl.concat(self.charted)) if self.charted else ()),
                    *(check_of_ids(pl.concat(people), tables, source) if people else ()),
                    *check_of_people(self.held, source.layout),
                    *(
                        Check(name, "ok", float(count), f"{count} in {self.assembled} plays")
                        for name, count in self.incomplete.items()
                    ),
                    *counted(left_out),
                    check_of_rows(self.unreadable, source, blank),
                    *(check_of_roles(pl.concat(keys), people, tables, source) if keys else ()),
                    *check_of_tables(tables, source),
                ],
                ids,
            ),
            flagged=with_ids(_with_details(source, self.flagged, self.details), ids),
            selection=source.layout.selection,
        )


def _with_details(
    source: SourceFile, flagged: list[pl.DataFrame], details: list[pl.DataFrame]
) -> pl.DataFrame:
    """The flagged plays with the cells and measures that their flags are about."""
    if not flagged:
        return pl.DataFrame(schema=FLAGGED)
    said = (
        pl.concat(details).group_by(_KEY, maintain_order=True).agg(pl.col("details").str.join("; "))
    )
    joined = left_join(pl.concat(flagged), said, on=_KEY)
    return with_cells(source, joined, "details").select(list(FLAGGED))


def _charted(block: PlayBlock) -> pl.DataFrame:
    """What `checks_of_splits` takes of a block."""
    names = ("recorded_pressure", "coverage", "target_route", "target_slot")
    plays = block.plays.select(names).with_columns(deep_defenders=pl.Series(deep_defenders(block)))
    if plays["recorded_pressure"].null_count() == plays.height:
        return plays.with_columns(pressured_any_time=pl.lit(None, dtype=pl.Boolean))
    return plays.with_columns(play_splits(block)["pressured_any_time"])


def _cut_off(
    source: SourceFile, cut_off: tuple[str, int | None, int | None], lost: int
) -> pl.DataFrame:
    """A row for a file that is cut off, with how many rows of its last play are not read."""
    said, game, play = cut_off
    if lost:
        said += f"; of its last play, which is not read, it has {lost} whole rows"
    return _file_row(source, "file cut off", said, game, play)


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
    if game is None or play is None:
        return batch
    is_play = (pl.col("source_game_id") == game) & (pl.col("source_play_id") == play)
    return batch.filter(~is_play.fill_null(value=False))
