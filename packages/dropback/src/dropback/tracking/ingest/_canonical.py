"""Bring assembled plays into the one canonical form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import collected, left_join, validated
from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, GOAL_LINE_X_YD
from dropback.tracking._blocks import ACCELERATION, DIRECTION, ORIENTATION, SPEED, PlayBlock, X, Y
from dropback.tracking._roles import infer_rushers, infer_target, named_targets
from dropback.tracking._schema import PLAYERS, Players, Plays
from dropback.tracking.ingest._axes import METERS_PER_YARD, Y_IN_DOUBT
from dropback.tracking.ingest._contradictions import AGAINST_SIDES, BY_SIDES, ONE_HOME, ONE_TEAM
from dropback.tracking.ingest._hash_marks import off_the_marks
from dropback.tracking.ingest._line import with_line
from dropback.tracking.ingest._mirrored import LEFT_IS_RIGHT
from dropback.tracking.ingest._motion_cells import (
    absent_motion,
    all_derived,
    blank_impossible,
    cell_flags,
    fill_motion,
)
from dropback.tracking.ingest._passes import turn_plane
from dropback.tracking.ingest._quality import (
    MEASURES,
    implausible,
    speed_errors,
    steps_between,
    with_quality,
)
from dropback.tracking.ingest._tracks import unlike_tracks
from dropback.tracking.readers._cells import yes_or_no
from dropback.tracking.readers._plays import CLOCK, PASS_RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers, Singles
    from dropback.tracking._blocks import WideFrames
    from dropback.tracking.ingest._conventions import Corrections
    from dropback.tracking.readers._format import Format


def canonicalize(
    block: PlayBlock,
    layout: Format,
    corrections: Corrections,
    source_file: str,
    misread: pl.DataFrame,
) -> tuple[PlayBlock, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Corrected plays with the offense moving toward +x, complete motion and roles.

    Args:
        block: Plays as `assemble` leaves them. Its frames are changed in place.
        layout: Their layout.
        corrections: What the self-check decided for their file.
        source_file: Name to record.
        misread: Their `misread_plays`.

    Returns:
        The plays, valid by `Plays` and `Players`; rows of (game_id, play_id, reason, detail) for
        plays that contradict themselves; the measures of `LIMITS` of both; and ``game_id``,
        ``play_id`` and ``details`` of flagged plays, what the flags' cells are.
    """
    frames, arrival = block.frames, block.arrival_xy
    seasons = block.plays["season"].to_numpy()
    rotated = ~block.plays["moves_right"].to_numpy()
    _turn(frames, block.play_of_frame, seasons, rotated, corrections)
    _to_the_field(arrival, corrections)
    arrival[rotated] = (FIELD_LENGTH_YD, FIELD_WIDTH_YD) - arrival[rotated]
    steps = steps_between(frames)
    errors = pl.Series(
        "speed_error_yd_per_s", speed_errors(block, steps), pl.Float32, nan_to_null=True
    )
    absent = absent_motion(frames)
    derived = all_derived(frames, absent)
    said = zip(
        cell_flags(frames, block.offsets, absent, layout), unlike_tracks(block, steps), strict=True
    )
    of_file = _of_file(block, corrections)
    cells = _sparse_lists(
        "cells", [[*cell, *track, *of_file[n]] for n, (cell, track) in enumerate(said)]
    )
    fill_motion(frames, block.frame_in_play, absent)
    plays, off_line = with_line(block, corrections, layout)
    # What explains a snap away from the line comes before it.
    problems = pl.concat([misread, off_line]).unique("play", keep="first", maintain_order=True)
    plays = plays.with_columns(errors, cells)
    fit = ~plays["play"].is_in(problems["play"].implode()).to_numpy()
    if block.wide is not None:
        _canonical_wide(block.wide, seasons, rotated, corrections)
    # A step belongs to the frame that it ends at.
    steps = steps if fit.all() else steps[_later_frames(fit[block.play_of_frame])]
    block = replace(block, plays=plays).keep(fit)
    plays, players = _with_roles(block)
    plays = with_quality(block, plays, steps, linemen="linemen" not in layout.lacks)
    measured, unlikely = plays.select(MEASURES), implausible(plays)
    details = plays.filter(pl.col("details").list.len() > 0).select(
        "game_id", "play_id", _in_columns_of(layout, pl.col("details").list.join("; "))
    )
    table = _plays_table(
        plays, players, layout, corrections, derived=derived, source_file=source_file
    )
    likely = ~plays["play"].is_in(unlikely["play"].implode())
    valid, wrong = _out_of_bounds(table.filter(likely), layout)
    players = validated(Players, players.select(Players.column_names()))
    named = pl.concat([problems, unlikely]).select("game_id", "play_id", "reason", "detail")
    dropped = pl.concat([named, wrong])
    block = replace(block, plays=table, players=players).keep(_without_keys(table, dropped))
    return replace(block, plays=valid), dropped, measured, details


def _of_file(block: PlayBlock, corrections: Corrections) -> list[list[str]]:
    """The flags of each play that are of its whole file, or of its games that are like it."""
    # Slots run from right to left: to turn these back too is no correction of places alone.
    of_all = [LEFT_IS_RIGHT] if corrections.mirrored else []
    if not corrections.y_in_doubt:
        return [of_all] * block.plays.height
    doubtful = off_the_marks(block, METERS_PER_YARD).tolist()
    return [[*of_all, Y_IN_DOUBT] if off else of_all for off in doubtful]


def _in_columns_of(layout: Format, details: pl.Expr) -> pl.Expr:
    """Details with the set's own names of the columns that contradictions are about."""
    own = {name: layout.plays[name][0] for name in layout.plays} | dict(layout.rows)
    for ours in ("offense", "defense", "yardline_side", "play_direction"):
        if ours in own:
            details = details.str.replace(f"{ours} is ", f"{own[ours]} is ", literal=True)
    return details


def _later_frames(kept: Flags) -> Integers:
    """The steps that end at kept frames but for the first of these, of all steps in order."""
    return np.flatnonzero(kept)[1:] - 1


def _sparse_lists(name: str, lists: list[list[str]]) -> pl.Series:
    """Lists of text, nearly all of them empty, as a column."""
    none = pl.Series([[]], dtype=pl.List(pl.String))
    places = [place for place, texts in enumerate(lists) if texts]
    some = pl.Series([lists[place] for place in places], dtype=pl.List(pl.String))
    at = np.zeros(len(lists), np.int64)
    at[places] = np.arange(1, len(places) + 1)
    return pl.concat([none, some]).gather(at).alias(name)


def _turn(
    frames: Singles,
    play_of_frame: Integers,
    seasons: NDArray[np.int32],
    rotated: Flags,
    corrections: Corrections,
) -> None:
    """Correct frames and turn them so that the offense moves toward +x, in place."""
    _to_the_field(frames, corrections)
    if corrections.speed_in_meters:
        frames[..., [SPEED, ACCELERATION]] /= METERS_PER_YARD
    for season, column in corrections.radians:
        where = seasons[play_of_frame] == season
        frames[where, :, column] = np.rad2deg(frames[where, :, column])
    blank_impossible(frames)
    _read_angles(frames, seasons[play_of_frame], DIRECTION, corrections.direction)
    _read_angles(frames, seasons[play_of_frame], ORIENTATION, corrections.orientation)
    rotate(frames, rotated[play_of_frame])


def _to_the_field(places: Singles, corrections: Corrections) -> None:
    """Bring x and y into yards from the corner of the field, in place."""
    zero = corrections.zero
    for axis, meters, start in zip((X, Y), corrections.meters, (zero.x, zero.y), strict=True):
        if meters:
            places[..., axis] /= np.float32(METERS_PER_YARD)
        if start:
            places[..., axis] += np.float32(start)


def _canonical_wide(
    wide: WideFrames, seasons: NDArray[np.int32], rotated: Flags, corrections: Corrections
) -> None:
    """Bring frames beyond the window into the form of those inside, in place."""
    lengths = np.diff(wide.offsets)
    play = np.repeat(np.arange(len(lengths)), lengths)
    _turn(wide.frames, play, seasons, rotated, corrections)
    since = np.arange(len(play)) - np.repeat(wide.offsets[:-1], lengths)
    fill_motion(wide.frames, since, absent_motion(wide.frames))


def rotate(frames: Singles, flags: Flags) -> None:
    """Rotate frames by 180 degrees about the field's middle, in place.

    A mirror image would keep y and swap left and right hands; a rotation keeps them.

    Args:
        frames: Shape ``[F, S, 6]``.
        flags: Which frames to rotate, shape ``[F]``.
    """
    for column, length in ((X, FIELD_LENGTH_YD), (Y, FIELD_WIDTH_YD)):
        turn_plane(frames[..., column], flags, np.float32(length))
    for angle in (DIRECTION, ORIENTATION):
        turn_plane(frames[..., angle], flags, np.float32(0.0))


def _read_angles(
    frames: Singles,
    season_of_frame: NDArray[np.int32],
    column: int,
    readings: Mapping[int, tuple[float, float]],
) -> None:
    for season, (sign, offset) in readings.items():
        if (sign, offset) != (1.0, 0.0):
            where = season_of_frame == season
            frames[where, :, column] = (sign * frames[where, :, column] + offset) % 360.0
    values = frames[..., column]
    # Some files write 360 for 0, and float32 rounds a remainder up to it.
    values[values >= 360.0] -= 360.0


def _with_roles(block: PlayBlock) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plays with passer and target, and the players with their roles by the release."""
    plays = (
        block.plays.drop("play").with_row_index("play").with_columns(pl.col("play").cast(pl.Int64))
    )
    keys = plays.select("play", "game_id", "play_id")
    players = left_join(block.players.drop("play", "n"), keys, on=["game_id", "play_id"])
    at = players["play"].to_numpy(), players["slot"].to_numpy()
    count = plays.height
    eligible = np.zeros((count, 23), bool)
    eligible[at] = (players["role_at_snap"] == "eligible").to_numpy()
    defenders = slice(11, PLAYERS)
    rushes = np.zeros((count, 23), bool)
    rushes[:, defenders] = (
        infer_rushers(
            block.frames[:, defenders, X], plays["line_of_scrimmage_x_yd"].to_numpy(), block.offsets
        )
        if count
        else False
    )
    nearest = infer_target(block.arrival_xy, eligible[:, :11])
    recorded = _slot_of(players, pl.col("recorded_role") == "target", "recorded_target")
    named = (
        named_targets(plays, players.filter(pl.col("slot") > 0))
        .join(players, on=["play", "player_id"], how="inner")
        .select("play", named_target="slot")
    )
    passer = _slot_of(players, pl.col("role_at_snap") == "passer", "passer_slot", "passer_inferred")
    plays = plays.with_columns(nearest=pl.Series(nearest)).with_columns(
        # Near a ball that is thrown away there may be a receiver too.
        nearest=pl.when(
            pl.col("nearest") >= 0,
            ~(pl.col("untargeted") & (pl.col("pass_result") == "I")).fill_null(value=False),
        ).then("nearest")
    )
    for table in (recorded, named, passer):
        plays = left_join(plays, table, on="play")
    plays = plays.with_columns(
        target_slot=pl.coalesce("recorded_target", "named_target", "nearest"),
        target_source=pl.when(pl.col("recorded_target").is_not_null())
        .then(pl.lit("given"))
        .when(pl.coalesce("named_target", "nearest").is_not_null())
        .then(pl.lit("inferred")),
        passer_source=pl.when("passer_inferred")
        .then(pl.lit("inferred"))
        .when(pl.col("passer_slot").is_not_null())
        .then(pl.lit("given")),
    )
    players = left_join(players, plays.select("play", "target_slot"), on="play")
    return plays, players.with_columns(rushes=pl.Series(rushes[at])).with_columns(role=_role())


def _role() -> pl.Expr:
    is_offense = pl.col("side") == "offense"
    charted = pl.col("recorded_role").is_in(["rusher", "coverage"]).any().over("play", "side")
    return (
        pl.when(pl.col("side") == "ball")
        .then(pl.lit("ball"))
        .when(pl.col("role_at_snap") == "passer")
        .then(pl.lit("passer"))
        .when(pl.col("slot") == pl.col("target_slot"))
        .then(pl.lit("target"))
        .when(is_offense & pl.col("recorded_role").is_in(["eligible", "blocker"]))
        .then(pl.col("recorded_role"))
        .when(is_offense)
        .then(pl.col("role_at_snap"))
        .when(pl.when(charted).then(pl.col("recorded_role") == "rusher").otherwise("rushes"))
        .then(pl.lit("rusher"))
        .otherwise(pl.lit("coverage"))
    )


def _slot_of(players: pl.DataFrame, condition: pl.Expr, name: str, *more: str) -> pl.DataFrame:
    return (
        players.filter(condition, pl.col("slot") < 11)
        .unique("play", keep="first", maintain_order=True)
        .select("play", pl.col("slot").alias(name), *more)
    )


def _plays_table(
    plays: pl.DataFrame,
    players: pl.DataFrame,
    layout: Format,
    corrections: Corrections,
    *,
    derived: list[str],
    source_file: str,
) -> pl.DataFrame:
    offenses, defenses = (
        players.lazy().filter(pl.col("side") == side).group_by("play")
        for side in ("offense", "defense")
    )
    code = pl.col("team_code").drop_nulls().first()
    home = yes_or_no("home_flag").first()
    teams = left_join(
        offenses.agg(team=code, at_home=home), defenses.agg(opponent=code, others=home), on="play"
    ).with_columns(
        at_home=pl.when(pl.col("at_home") != pl.col("others")).then("at_home"),
        one_home=pl.col("at_home") == pl.col("others"),
    )
    is_home = pl.coalesce("at_home", pl.col("offense") == pl.col("home_team"))
    clock = pl.col("clock").str.extract_groups(CLOCK)
    return (
        left_join(plays.lazy(), teams, on="play")
        .with_columns(
            offense=pl.coalesce("offense", "team"),
            defense=pl.coalesce(
                "defense",
                "opponent",
                pl.when(pl.col("offense") == pl.col("home_team"))
                .then("away_team")
                .when(pl.col("offense") == pl.col("away_team"))
                .then("home_team"),
            ),
        )
        .with_columns(
            home_team=pl.coalesce(
                "home_team",
                pl.when("at_home").then("offense").when(~pl.col("at_home")).then("defense"),
            ),
            away_team=pl.coalesce(
                "away_team",
                pl.when("at_home").then("defense").when(~pl.col("at_home")).then("offense"),
            ),
            score_differential=(pl.col("home_score") - pl.col("away_score"))
            * pl.when(is_home).then(1).when(~is_home).then(-1),
            game_clock_s=clock.struct.field("1").replace("", "0").cast(pl.Int32) * 60
            + clock.struct.field("2").cast(pl.Int32),
            yards_to_goal=GOAL_LINE_X_YD - pl.col("line_of_scrimmage_x_yd"),
            pass_result=pl.col("pass_result").replace_strict(
                PASS_RESULTS, PASS_RESULTS, default=None, return_dtype=pl.String
            ),
            interception_return_yards=pl.when(pl.col("pass_result") == "IN").then(
                "interception_return_yards"
            ),
            rotated=~pl.col("moves_right"),
            frames=pl.col("end_frame") - pl.col("snap_frame") + 1,
            source_format=pl.lit(layout.name),
            source_file=pl.lit(source_file),
            lacks=pl.lit(list(layout.lacks), dtype=pl.List(pl.String)),
            derived=pl.lit(derived, dtype=pl.List(pl.String)),
            corrections=pl.concat_list(
                corrections.in_words(),
                pl.concat_list(
                    pl.when(pl.col("flags").list.contains(AGAINST_SIDES)).then(pl.lit(BY_SIDES)),
                    "clock_shift",
                    "resampled",
                ).list.drop_nulls(),
            ),
        )
        .with_columns(
            flags=pl.concat_list(
                "flags",
                pl.concat_list(
                    pl.when(pl.col("offense") == pl.col("defense")).then(pl.lit(ONE_TEAM)),
                    pl.when("one_home").then(pl.lit(ONE_HOME)),
                ).list.drop_nulls(),
            ),
            pass_result=pl.when(
                pl.col("pass_result").is_null() & pl.col("play_kind").str.contains("sack")
            )
            .then(pl.lit("S"))
            .otherwise("pass_result"),
        )
        .select(Plays.column_names())
        .pipe(collected)
    )


def _out_of_bounds(table: pl.DataFrame, layout: Format) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plays valid by `Plays`; the others as (game_id, play_id, reason, detail)."""
    kinds = {"game_id": pl.Int64, "play_id": pl.Int64, "reason": pl.String, "detail": pl.String}
    try:
        typed = Plays.cast(table)
        # To tell which rows break which rule takes 17 ms for 1,100 plays, this 10.
        if Plays.is_valid(typed, engine="in-memory"):
            return typed, pl.DataFrame(schema=kinds)
        valid, failed = Plays.filter(typed)
    except pl.exceptions.InvalidOperationError:  # a number too large for its column
        valid, failed = Plays.filter(table, cast=True)
    rows = []
    bounds = Plays.columns()
    for play in failed.details().iter_rows(named=True) if len(failed) else ():
        broken = [rule.split("|")[0] for rule, verdict in play.items() if verdict == "invalid"]
        words = ", ".join(
            f"{name}{_of_column(name, layout)} is {play[name]}" for name in broken if name in bounds
        )
        rows.append((play["game_id"], play["play_id"], "value out of bounds", words))
    return valid, pl.DataFrame(rows, schema=kinds, orient="row")


def _of_column(name: str, layout: Format) -> str:
    """The set's column that tells a quantity of a play, in brackets; empty for none."""
    if name == "snap_frame":
        return f" (column {layout.rows.get('frame', 'time')}, at most {2**31 - 1})"
    return f" (column {layout.plays[name][0]})" if name in layout.plays else ""


def _without_keys(table: pl.DataFrame, dropped: pl.DataFrame) -> Flags:
    keys = set(dropped.select("game_id", "play_id").iter_rows())
    return np.array(
        [key not in keys for key in table.select("game_id", "play_id").iter_rows()], bool
    )
