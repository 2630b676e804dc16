"""Choose among repeated snaps and throws of a play by what the players and the ball do.

Two in a hundred dropbacks of complete games have a snap or a throw charted twice, for all players
alike: a snap that nobody moves after, a throw while the passer still drops back, a backward pass
before the forward one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.data._field import RATE_HZ
from dropback.tracking._roles import named_passers
from dropback.tracking._windows import ARRIVALS, FORWARD_PASSES, RELEASES, SNAPS
from dropback.tracking.ingest._entities import BALL_WORDS
from dropback.tracking.ingest._moments import (
    BALL_OVER,
    BALL_YD,
    LATER,
    NEAR_YD,
    PLAYERS_OVER,
    PLAYERS_YD,
    USUAL_STARTS,
)
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._player_cells import normalized_position
from dropback.tracking.readers._tables import nulls_restored, team_code

if TYPE_CHECKING:
    from dropback.tracking.ingest._entities import PlayerRuns, SideTables
    from dropback.tracking.readers._format import Format

# At the throws of 382 plays with one throw and a ball the passer is within 7.6 yards of it
# (95 % within 5.2): the event is charted up to .4 s after the ball leaves the hand.
MOST_BALL_TO_PASSER_YD: Final = 7.6
# Median speed of the players half a second to a second after the snap, less that in the half
# second before it: see `dropback.tracking.ingest._quality`.
LEAST_START_YD_PER_S: Final = 0.5
# In the half second before all 381 snaps since 2017 it is at most .6, before four of five of 2015;
# before a repeat .8 s later it is above 1 in 19 of 20 plays.
MOST_BEFORE_YD_PER_S: Final = 0.7

_THROWS: Final = {name: RELEASES[name] for name in FORWARD_PASSES}
_HALF_SECOND: Final = int(RATE_HZ) // 2

NO_TIES: Final = pl.DataFrame(schema={"play": pl.Int64, "repeated_events": pl.Int32})


def settle_repeats(
    events: pl.DataFrame,
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    tables: SideTables,
    layout: Format,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One snap and one throw for each play that has any.

    Of the throws before the pass first arrives at which the named passer has the ball, the one
    nearest to when the ball leaves the passer; where no ball or no passer is known, the last before
    that arrival. Of the snaps before the throw at which the players stand and after which they
    start to move, the one nearest to their start; where they stand at none of those, or start after
    none, the first.

    Args:
        events: Rows of (play, frame, event), each once.
        rows: Source rows on one clock.
        runs: Their runs by player.
        plays: One row a play with ``description``, ``passer_id`` and ``offense_label``.
        tables: The set's tables, for names and positions.
        layout: The set's layout.

    Returns:
        The events without the repeats that do not count, and ``play`` and ``repeated_events``, the
        number of these, of plays that have any.
    """
    snaps = _candidates(events, SNAPS)
    throws = _candidates(events, _THROWS)
    tied = pl.concat(
        table.filter(pl.len().over("play") > 1).select("play") for table in (snaps, throws)
    ).unique()
    if tied.is_empty():
        return events, NO_TIES
    snaps, throws = (table.join(tied, on="play", how="semi") for table in (snaps, throws))
    positions = _positions(rows, runs, tied)
    players = _players(positions, plays, tables, layout)
    throw = _chosen_throw(throws, events, positions, players)
    snap = _chosen_snap(snaps, throw, positions)
    key = ["play", "frame", "event"]
    kept = pl.concat(table.select(key) for table in (throw, snap))
    dropped = pl.concat(table.select(key) for table in (throws, snaps)).join(
        kept, on=key, how="anti"
    )
    settled = events.join(dropped, on=key, how="anti")
    return settled, dropped.group_by("play").agg(repeated_events=pl.len().cast(pl.Int32))


def _candidates(events: pl.DataFrame, ranks: dict[str, int]) -> pl.DataFrame:
    """The events of the best kind that each play has."""
    rank = pl.col("event").replace_strict(ranks, default=None, return_dtype=pl.Int8)
    return (
        events.with_columns(rank=rank)
        .drop_nulls("rank")
        .filter(pl.col("rank") == pl.col("rank").min().over("play"))
        .unique(["play", "frame"], keep="first", maintain_order=True)
        .drop("rank")
        .sort("play", "frame")
    )


def _positions(rows: pl.DataFrame, runs: PlayerRuns, tied: pl.DataFrame) -> pl.DataFrame:
    """The rows of a few plays."""
    is_tied = np.zeros(len(runs.first_of_play), bool)
    is_tied[tied["play"].to_numpy()] = True
    at = np.flatnonzero(runs.over_rows(is_tied[runs.play]))
    wanted = ("player_id", "frame", "x_yd", "y_yd", "team", "position", "display_name", "role")
    found = rows.select(name for name in wanted if name in rows.columns)[at]
    absent = [pl.lit(None, pl.String).alias(c) for c in wanted[5:] if c not in found.columns]
    return (
        nulls_restored(found.with_columns(absent))
        .with_columns(play=pl.Series(runs.play_of(at)))
        .with_columns(
            is_ball=pl.col("team").str.to_lowercase().is_in(BALL_WORDS).fill_null(value=True)
        )
        .unique(["play", "player_id", "frame"], keep="first", maintain_order=True)
    )


def _players(
    positions: pl.DataFrame, plays: pl.DataFrame, tables: SideTables, layout: Format
) -> pl.DataFrame:
    """``play`` and ``player_id`` of the passer, where one is known."""
    who = (
        positions.filter(~pl.col("is_ball"))
        .unique(["play", "player_id"], keep="first", maintain_order=True)
        .pipe(left_join, tables.players, on="player_id", suffix="_t")
        .pipe(
            left_join,
            plays.select("play", *SOURCE_KEY, "passer_id", "description", "offense_label"),
            on="play",
        )
        .with_columns(
            position=normalized_position("position"),
            display_name=pl.coalesce("display_name", "display_name_t"),
        )
        .with_columns(position=pl.coalesce("position", "position_t"), team=team_code("team"))
        .filter(pl.col("team") == pl.col("offense_label"))
    )
    named = named_passers(plays, who.with_columns(side=pl.lit("offense")))
    recorded = tables.roles.filter(role="passer").select(*SOURCE_KEY, "player_id")
    by_role = who.join(recorded, on=[*SOURCE_KEY, "player_id"], how="semi")
    in_rows = [word for word, role in layout.row_roles.items() if role == "passer"]
    # The most certain first: of a play's passers the first stays.
    return pl.concat(
        [
            who.filter(pl.col("player_id") == pl.col("passer_id")).select("play", "player_id"),
            named.select("play", "player_id"),
            by_role.select("play", "player_id"),
            who.filter(pl.col("role").is_in(in_rows)).select("play", "player_id"),
            who.filter(pl.col("position") == "QB").select("play", "player_id"),
        ]
    ).unique("play", keep="first", maintain_order=True)


def _chosen_throw(
    throws: pl.DataFrame, events: pl.DataFrame, positions: pl.DataFrame, passers: pl.DataFrame
) -> pl.DataFrame:
    ball = positions.filter("is_ball").select("play", "frame", ball_x="x_yd", ball_y="y_yd")
    passer = positions.join(passers, on=["play", "player_id"], how="semi").select(
        "play", "frame", "x_yd", "y_yd"
    )
    gap = (
        (pl.col("x_yd") - pl.col("ball_x")).pow(2) + (pl.col("y_yd") - pl.col("ball_y")).pow(2)
    ).sqrt()
    at = ["play", "frame"]
    gaps = (
        ball.unique(at)
        .join(passer.unique(at), on=at, how="inner")
        .select(*at, has=gap <= MOST_BALL_TO_PASSER_YD, near=gap < NEAR_YD)
    )
    candidates = (
        left_join(throws, gaps, on=at)
        .with_columns(pl.col("has").fill_null(value=False))
        .filter(pl.col("has") | ~pl.col("has").any().over("play"))
    )
    arrivals = events.filter(pl.col("event").is_in(ARRIVALS)).select("play", arrival="frame")
    bounds = candidates.group_by("play").agg(
        first=pl.col("frame").min(), last=pl.col("frame").max() + LATER
    )
    first_arrival = (
        bounds.join(arrivals, on="play", how="inner")
        .filter(pl.col("arrival") > pl.col("first"))
        .group_by("play")
        .agg(pl.col("arrival").min())
    )
    bounds = left_join(bounds, first_arrival, on="play").select(
        "play", "arrival", before=pl.min_horizontal("arrival", "last")
    )
    leaves = (
        gaps.filter("near")
        .join(bounds, on="play", how="inner")
        .filter(pl.col("frame") < pl.col("before"))
        .group_by("play")
        .agg(leaves=pl.col("frame").max())
    )
    off = (pl.col("frame") - pl.col("leaves")).abs()
    return (
        left_join(candidates, bounds, on="play")
        .filter((pl.col("frame") < pl.col("arrival")).fill_null(value=True))
        .pipe(left_join, leaves, on="play")
        .sort("play", off, -pl.col("frame"))
        .unique("play", keep="first", maintain_order=True)
    )


def _starts_of(tracks: pl.DataFrame, over: int, yards: float) -> pl.DataFrame:
    """``play`` and ``start``, each frame in which most of its tracks move and before did not.

    Args:
        tracks: ``play``, ``player_id``, ``at``, ``x_yd`` and ``y_yd``.
        over: Frames before to look back at.
        yards: How far who moves has gone since.
    """
    on = ["play", "player_id", "at"]
    before = tracks.with_columns(pl.col("at") + over)
    along, across = (pl.col(name) - pl.col(f"{name}_right") for name in ("x_yd", "y_yd"))
    moves = (along.pow(2) + across.pow(2)).sqrt() > yards
    most = (
        tracks.join(before, on=on, how="inner", nulls_equal=True)
        .group_by("play", "at")
        .agg(most=moves.mean() > 0.5)
    )
    return (
        most.sort("play", "at")
        .filter(pl.col("most") & ~pl.col("most").shift(1).over("play").fill_null(value=True))
        .select("play", start="at")
    )


def _starts_off(snaps: pl.DataFrame, positions: pl.DataFrame) -> pl.DataFrame:
    """By how many frames players and ball start at another time than after a snap, on average."""
    tracks = positions.select("play", "player_id", "x_yd", "y_yd", "is_ball", at="frame")
    moving = (
        (~pl.col("is_ball"), PLAYERS_OVER, PLAYERS_YD, USUAL_STARTS[0]),
        (pl.col("is_ball"), BALL_OVER, BALL_YD, USUAL_STARTS[2]),
    )
    found = []
    for who, over, yards, usual in moving:
        off = (pl.col("start") - pl.col("frame") - usual).abs().min()
        starts = _starts_of(tracks.filter(who), over, yards)
        found.append(
            snaps.select("play", "frame")
            .join(starts, on="play", how="inner")
            .group_by("play", "frame")
            .agg(off=off)
        )
    return pl.concat(found).group_by("play", "frame").agg(pl.col("off").mean())


def _chosen_snap(snaps: pl.DataFrame, throw: pl.DataFrame, positions: pl.DataFrame) -> pl.DataFrame:
    players = positions.filter(~pl.col("is_ball")).select(
        "play", "player_id", "x_yd", "y_yd", at="frame"
    )
    moved = snaps.join(players.select("play", "player_id").unique(), on="play", how="inner")
    on = ["play", "player_id", "at"]
    for name, shift in (("before", -_HALF_SECOND), ("now", 0), ("soon", 5), ("later", 10)):
        there = players.rename({"x_yd": f"x_{name}", "y_yd": f"y_{name}"})
        moved = left_join(moved.with_columns(at=pl.col("frame") + shift), there, on=on)

    def speed(start: str, end: str) -> pl.Expr:
        along = pl.col(f"x_{end}") - pl.col(f"x_{start}")
        across = pl.col(f"y_{end}") - pl.col(f"y_{start}")
        return (along.pow(2) + across.pow(2)).sqrt() / (_HALF_SECOND / RATE_HZ)

    starts = (
        moved.with_columns(still=speed("before", "now"), moving=speed("soon", "later"))
        .group_by("play", "frame")
        .agg(still=pl.col("still").median().fill_null(0.0), moving=pl.col("moving").median())
        .with_columns(start=pl.col("moving") - pl.col("still"))
    )
    does_start = (pl.col("start") >= LEAST_START_YD_PER_S) & (
        (pl.col("frame") < pl.col("throw")).fill_null(value=True)
    )
    return (
        left_join(snaps, starts, on=["play", "frame"])
        .pipe(left_join, throw.select("play", throw="frame"), on="play")
        .pipe(left_join, _starts_off(snaps, positions), on=["play", "frame"])
        .with_columns(starts=does_start.fill_null(value=False))
        .filter(pl.col("starts") | ~pl.col("starts").any().over("play"))
        .with_columns(stands=pl.col("starts") & (pl.col("still") <= MOST_BEFORE_YD_PER_S))
        .filter(pl.col("stands") | ~pl.col("stands").any().over("play"))
        # Of those that players stand at and start after the nearest to a start, of several the
        # last; of others the first.
        .with_columns(
            off=pl.when("stands").then("off").otherwise(0.0).fill_null(np.inf),
            order=pl.when("stands").then(-pl.col("frame")).otherwise("frame"),
        )
        .sort("play", "off", "order")
        .unique("play", keep="first", maintain_order=True)
    )
