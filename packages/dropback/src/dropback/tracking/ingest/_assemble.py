"""Turn a batch of source rows into plays as arrays, and set bad plays aside.

Rows are never sorted: the two dozen entities of a play are, and rows are scattered to where they
belong. Nothing is corrected or rotated here; see `dropback.tracking.ingest._canonical`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.tracking._blocks import DROPBACKS, PlayBlock, WideFrames, X, Y, empty_frames
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS, X_RANGE_YD, Y_RANGE_YD
from dropback.tracking._windows import find_windows
from dropback.tracking.ingest._clocks import align_by_seconds, align_tracks
from dropback.tracking.ingest._entities import (
    PlayerRuns,
    SideTables,
    WindowRows,
    find_entities,
    find_player_runs,
    rows_inside,
)
from dropback.tracking.ingest._event_words import (
    NO_NEAR_EVENT,
    all_event_rows,
    event_rows,
    near_events,
)
from dropback.tracking.ingest._gaps import MAX_GAP_FRAMES, fill_gaps
from dropback.tracking.ingest._joined_plays import joined_plays
from dropback.tracking.ingest._lost_rows import flags_of_lost_rows, lost_cell
from dropback.tracking.ingest._moments import moments
from dropback.tracking.ingest._passes import find_inside, scatter
from dropback.tracking.ingest._people import held_against
from dropback.tracking.ingest._placing import place_entities
from dropback.tracking.ingest._problems import (
    MOST_APART_YD,
    NO_PROBLEM,
    doubled,
    gap_sentences,
    player_problems,
    window_problems,
)
from dropback.tracking.ingest._quality import frame_rates, speeds_around_snap
from dropback.tracking.ingest._rates import resampled
from dropback.tracking.ingest._repeats import NO_TIES, settle_repeats
from dropback.tracking.ingest._snap_marker import flags_of_markers
from dropback.tracking.ingest._stamps import flags_of_stamps, read_all_stamps
from dropback.tracking.ingest._track_cells import (
    changing_cells,
    flags_of_changes,
    nameless_players,
    team_changes,
)
from dropback.tracking.ingest._units import with_units
from dropback.tracking.readers._cells import UNREAD
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._plays import MORE, with_more
from dropback.tracking.readers._row_faults import with_frames
from dropback.tracking.readers._rows import play_heads

if TYPE_CHECKING:
    from pathlib import Path

    from dropback._arrays import Integers, Singles
    from dropback.tracking._blocks import Around, Wanted
    from dropback.tracking.ingest._people import Held
    from dropback.tracking.ingest._stamps import Stamps
    from dropback.tracking.readers._format import Format

_NAMED: Final = ("game_id", "play_id", "reason", "detail")


@dataclass(frozen=True)
class Assembled:
    """A batch as arrays.

    Args:
        block: The plays that are fit; their frames as the source has them, not yet rotated.
        left_out: Rows of (game_id, play_id, reason, detail).
        plays_seen: Plays in the batch, fit or not.
        unreadable_rows: Rows without a key, a frame or coordinates, with text for a number, or
            with coordinates out of all bounds (`X_RANGE_YD`, `Y_RANGE_YD`).
        stamps: What the time stamps of its rows say.
        held: What its rows say of the table of players; None without one.
    """

    block: PlayBlock
    left_out: pl.DataFrame
    plays_seen: int
    unreadable_rows: int
    stamps: Stamps
    held: Held | None


def assemble(
    batch: pl.DataFrame,
    layout: Format,
    tables: SideTables,
    path: Path,
    wanted: Wanted = DROPBACKS,
    faults: pl.DataFrame | None = None,
) -> Assembled:
    """Arrays of the dropbacks in a batch of whole plays.

    Args:
        batch: Source rows in the columns of `ROW_COLUMNS`.
        layout: Their layout.
        tables: The set's tables; plays come from the rows where the layout has no table.
        path: The file, for messages.
        wanted: What is read beyond dropbacks to the release.
        faults: Rows of (source_game_id, source_play_id, reason, detail) for plays to set aside.
    """
    readable = _readable(batch)
    rows, rate = resampled(readable)
    runs = find_player_runs(rows)
    plays_seen = len(runs.first_of_play)
    faults = with_units(faults, batch, readable.height, layout)
    if readable.height < batch.height or rate is not None:
        plays_seen = batch.select(SOURCE_KEY)[play_heads(batch)].n_unique()
    plays = joined_plays(rows, runs.first_of_play, layout, tables, path)
    tables, held = held_against(rows, runs, plays, tables)
    at, names = event_rows(rows, layout)
    clocks = align_tracks(rows, runs, at, names)
    rows = clocks.rows
    windows, ties = _windows(rows, runs, plays, layout, tables, at, names)
    for found in (windows, clocks.shifted, ties):
        plays = left_join(plays, found, on="play")
    unbound = plays["end_frame"].null_count() > 0
    near = near_events(rows, runs, layout) if unbound else NO_NEAR_EVENT
    plays = left_join(plays, near, on="play")
    plays = plays.with_columns(
        resampled=pl.lit(
            None if rate is None else f"rate: resampled from {rate:g} to 10 frames a second",
            dtype=pl.String,
        )
    )
    keys = plays.select("play", "game_id", "play_id")
    changes = changing_cells(rows, runs)
    stamps, off_frames = read_all_stamps(rows, runs, layout)
    rows, plays, off_frames = align_by_seconds(
        rows, runs, at, plays, off_frames, whole=stamps.whole
    )
    problems = _in_order(
        _of_faults(plays, faults),
        window_problems(plays, layout, runs=wanted.runs),
        clocks.problems,
        nameless_players(rows, runs, layout),
        team_changes(changes, layout),
    )
    plays = _without(plays, problems)
    window = rows_inside(rows, runs, plays)
    for found in (speeds_around_snap(window, runs), frame_rates(window, runs)):
        plays = left_join(plays, found, on="play")
    entities, unread = find_entities(window, plays, layout, tables)
    for found in (
        unread,
        flags_of_changes(changes, layout),
        flags_of_stamps(stamps, off_frames, window, runs, layout),
        flags_of_markers(window, plays, runs, at[(names == "snap_marker").to_numpy()], layout),
        flags_of_lost_rows(batch, readable, plays, layout, resampled=rate is not None),
    ):
        plays = with_more(left_join(plays, found.rename({UNREAD: MORE}), on="play"))
    miscounted = player_problems(plays, entities, layout)
    plays = _without(plays, miscounted)
    entities = entities.join(plays.select("play"), on="play", how="semi", maintain_order="left")
    entities, plays = place_entities(entities, plays, window)
    frames, offsets, duplicates, apart = _scattered(window, plays, entities)
    used = np.zeros((plays.height, SLOTS), bool)
    used[entities["n"].to_numpy(), entities["slot"].to_numpy()] = True
    gaps = fill_gaps(frames, offsets, used)
    plays = plays.with_columns(
        *moments(rows, runs, plays, entities),
        duplicate_rows=pl.Series(duplicates, dtype=pl.Int32),
        filled_positions=pl.Series(gaps.filled, dtype=pl.Int32),
        filled_share=pl.Series(gaps.share),
    )
    holes = (
        plays.select("play")
        .filter(pl.Series(gaps.too_long))
        .with_columns(
            reason=pl.lit("frames missing"), detail=gap_sentences(gaps, plays, entities, layout)
        )
    )
    twice = doubled(plays, entities, apart, layout)
    fit = ~gaps.too_long & ~plays["play"].is_in(twice["play"].implode()).to_numpy()
    holes = _without(holes, twice)
    arrival_xy = _arrivals(rows, runs, plays, entities)
    wide = None
    if wanted.around is not None:
        events = _events(rows, runs, *all_event_rows(rows, layout))
        wide = _wide_frames(rows, runs, plays, entities, wanted.around, events)
    block = PlayBlock(plays, entities, frames, offsets, arrival_xy, wide).keep(fit)
    left_out = left_join(pl.concat([problems, miscounted, twice, holes]), keys, on="play").select(
        list(_NAMED)
    )
    left_out = pl.concat([_unreadable(batch, readable, faults, layout, tables), left_out])
    return Assembled(block, left_out, plays_seen, batch.height - readable.height, stamps, held)


def _of_faults(plays: pl.DataFrame, faults: pl.DataFrame | None) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays with a fault that is known of their rows."""
    if faults is None:
        return NO_PROBLEM
    faulty = plays.join(faults, on=SOURCE_KEY, maintain_order="left")
    return faulty.select("play", "reason", "detail")


def _in_order(*problems: pl.DataFrame) -> pl.DataFrame:
    """The first problem of each play."""
    return pl.concat(problems).unique("play", keep="first", maintain_order=True)


def _readable(batch: pl.DataFrame) -> pl.DataFrame:
    batch = with_frames(batch)
    needed = pl.col(*SOURCE_KEY, "frame", "x_yd", "y_yd")
    on_earth = pl.col("x_yd").is_between(*X_RANGE_YD) & pl.col("y_yd").is_between(*Y_RANGE_YD)
    all_readable = batch.select(pl.all_horizontal(needed.null_count() == 0) & on_earth.all()).item()
    # A copy of every column is saved where, as nearly always, all rows are fit.
    if all_readable:
        return batch
    return batch.filter(pl.all_horizontal(needed.is_not_null()), on_earth)


def _unreadable(
    batch: pl.DataFrame,
    readable: pl.DataFrame,
    faults: pl.DataFrame | None,
    layout: Format,
    tables: SideTables,
) -> pl.DataFrame:
    """Rows of `_NAMED` for plays of which no row can be read, by the league's keys if known."""
    columns = ", ".join(
        layout.rows[name]
        for name in ("frame", "time", "x_yd", "y_yd")
        if name in layout.rows
        if name != "time" or "frame" not in layout.rows
    )
    game, play = SOURCE_KEY
    lost = batch.clear().with_columns(frame=pl.lit(None, pl.Int64))
    if readable.height < batch.height:
        seen = (
            with_frames(batch)
            .unique(SOURCE_KEY, keep="first", maintain_order=True)
            .drop_nulls(SOURCE_KEY)
        )
        lost = seen.join(readable.select(SOURCE_KEY), on=SOURCE_KEY, how="anti")
    if faults is None:
        known = lost.with_columns(reason=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
    else:
        first = faults.unique(SOURCE_KEY, keep="first", maintain_order=True)
        known = left_join(lost, first, on=SOURCE_KEY)
    none = f"each row lacks a frame or coordinates (columns {columns})"
    if layout.plays_file:
        of_league = tables.plays.select(*SOURCE_KEY, "game_id", "play_id")
        known = left_join(known, of_league, on=SOURCE_KEY)
    else:
        known = known.with_columns(game_id=game, play_id=play)
    return known.select(
        pl.col("reason").fill_null("no readable row"),
        pl.col("detail").fill_null(pl.format(f"{none}: {{}}", lost_cell(layout))),
        game_id=pl.coalesce("game_id", game),
        play_id=pl.coalesce("play_id", play),
    ).select(_NAMED)


def _windows(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    layout: Format,
    tables: SideTables,
    at: Integers,
    names: pl.Series,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plays' windows, and their repeated events (see `settle_repeats`)."""
    if "events" in layout.lacks:
        frame = rows["frame"].to_numpy()
        windows = (
            pl.DataFrame(
                {
                    "play": runs.play,
                    "first": np.minimum.reduceat(frame, runs.head),
                    "last": np.maximum.reduceat(frame, runs.head),
                }
            )
            .group_by("play")
            .agg(
                snap_frame=pl.col("first").min(),
                snap_event=pl.lit(None, dtype=pl.String),
                end_frame=pl.col("last").max(),
                end_event=pl.lit(None, dtype=pl.String),
                early_end_frame=pl.lit(None, dtype=pl.Int64),
                arrival_frame=pl.lit(None, dtype=pl.Int64),
                early_arrival_frame=pl.lit(None, dtype=pl.Int64),
                outcomes=pl.lit(None, dtype=pl.List(pl.String)),
                sack_frame=pl.lit(None, dtype=pl.Int64),
            )
        )
        return windows, NO_TIES
    events = _events(rows, runs, at, names)
    events, ties = settle_repeats(events, rows, runs, plays, tables, layout)
    return find_windows(events), ties


def _events(rows: pl.DataFrame, runs: PlayerRuns, at: Integers, names: pl.Series) -> pl.DataFrame:
    """``play``, ``frame`` and ``event``, each once, of rows that hold an event."""
    events = pl.DataFrame(
        {"play": runs.play_of(at), "frame": rows["frame"].to_numpy()[at], "event": names}
    )
    # An event that fewer than half of the tracks have where most have it is one track's own.
    counted = events.group_by("play", "event", "frame").len()
    shared = pl.col("len") * 2 >= pl.col("len").max().over("play", "event")
    return counted.filter(shared).select("play", "frame", "event")


def _without(plays: pl.DataFrame, problems: pl.DataFrame) -> pl.DataFrame:
    return plays.join(problems.select("play"), on="play", how="anti", maintain_order="left")


def _scattered(
    window: WindowRows, plays: pl.DataFrame, entities: pl.DataFrame
) -> tuple[Singles, Integers, Integers, Singles]:
    """The frames array, the bounds of its plays and the repeated rows of each play.

    Last, how far apart two tracks of one player are at most, yards, 0 for one, ``[N, 23]``.
    """
    lengths = (plays["end_frame"] - plays["snap_frame"] + 1).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    frames = empty_frames(int(offsets[-1]))
    # Cell of an entity at its snap; -1 drops a play set aside.
    base = np.full(len(window.first_row), -1, np.int64)
    base[entities["entity"].to_numpy()] = (
        offsets[entities["n"].to_numpy()] * SLOTS + entities["slot"].to_numpy()
    )
    _write(frames, window, base, first_stays=False)
    present = np.isfinite(frames[:, :, X]).sum(axis=1)
    filled = np.add.reduceat(present, offsets[:-1]) if len(lengths) else present
    written = np.zeros(int(window.play.max(initial=0)) + 1, np.int64)
    np.add.at(written, window.play[window.entity], window.length)
    duplicates = written[plays["play"].to_numpy()] - filled
    apart = np.zeros((len(lengths), SLOTS), np.float32)
    if duplicates.any():
        last = frames[..., [X, Y]].copy()
        # Written again from the last row to the first.
        _write(frames, window, base, first_stays=True)
        moved = np.nan_to_num(np.abs(frames[..., [X, Y]] - last).max(axis=-1))
        far = np.add.reduceat(moved > MOST_APART_YD, offsets[:-1])
        # A slip in a frame or two is no track of its own.
        apart = np.where(far > MAX_GAP_FRAMES, np.maximum.reduceat(moved, offsets[:-1]), 0)
    return frames, offsets, duplicates, apart


def _wide_frames(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    entities: pl.DataFrame,
    around: Around,
    events: pl.DataFrame,
) -> WideFrames:
    """The frames of the plays' players from before the snap to after the end, as far as there."""
    frame = rows["frame"].to_numpy()
    there = (
        pl.DataFrame(
            {
                "play": runs.play,
                "first": np.minimum.reduceat(frame, runs.head),
                "last": np.maximum.reduceat(frame, runs.head),
            }
        )
        .group_by("play")
        .agg(pl.col("first").min(), pl.col("last").max())
    )
    asked = left_join(plays.select("play", "snap_frame", "end_frame"), there, on="play")
    snap, end = pl.col("snap_frame"), pl.col("end_frame")
    last = pl.col("last") if around.after is None else end + around.after
    wider = asked.with_columns(
        snap_frame=pl.max_horizontal(pl.min_horizontal("first", snap), snap - around.before),
        end_frame=pl.min_horizontal(pl.max_horizontal("last", end), pl.max_horizontal(last, end)),
    )
    window = rows_inside(rows, runs, wider)
    who = pl.DataFrame(
        {"play": window.play, "player_id": rows["player_id"].gather(window.first_row)}
    ).with_row_index("entity")
    placed = who.join(
        entities.select("play", "player_id", "n", "slot"),
        on=["play", "player_id"],
        nulls_equal=True,
    )
    frames, offsets, _, _ = _scattered(window, wider, placed)
    before = asked["snap_frame"] - wider["snap_frame"]
    named = (
        events.join(wider.with_columns(before=before).with_row_index("n"), on="play")
        .filter(pl.col("frame").is_between("snap_frame", "end_frame"))
        .group_by(
            pl.col("n").cast(pl.Int64),
            frame=pl.col("frame") - pl.col("snap_frame") - pl.col("before"),
            maintain_order=True,
        )
        .agg(pl.col("event").sort().str.join("; "))
    )
    return WideFrames(frames, offsets, before.to_numpy(), named)


def _write(frames: Singles, window: WindowRows, base: Integers, *, first_stays: bool) -> None:
    runs = window.row, window.frame, window.length, window.entity
    for column, name in enumerate(FRAME_QUANTITIES):
        if name in window.rows.columns:
            # A view: each quantity is contiguous.
            cells = frames[:, :, column].reshape(-1)
            scatter(window.rows[name].to_numpy(), *runs, base, cells, first_stays)


def _arrivals(
    rows: pl.DataFrame, runs: PlayerRuns, plays: pl.DataFrame, entities: pl.DataFrame
) -> Singles:
    arrival_xy = np.full((plays.height, SLOTS, 2), np.nan, np.float32)
    arrives = plays.drop_nulls("arrival_frame")
    at = np.full(len(runs.first_of_play), -(2**31))
    at[arrives["play"].to_numpy()] = arrives["arrival_frame"].to_numpy()
    row, *_ = find_inside(
        rows["frame"].to_numpy(), runs.head, runs.length, runs.play, at, np.zeros_like(at),
        np.zeros(0, bool), 0,
    )  # fmt: skip
    found = (
        rows.select("player_id", "x_yd", "y_yd")[row]
        .with_columns(play=pl.Series(runs.play_of(row)))
        .join(
            entities.select("play", "player_id", "n", "slot"),
            on=["play", "player_id"],
            how="inner",
            nulls_equal=True,
        )
    )
    arrival_xy[found["n"].to_numpy(), found["slot"].to_numpy()] = found.select(
        "x_yd", "y_yd"
    ).to_numpy()
    return arrival_xy
