"""Derive the points of each play, and the next score of its half, from the running score."""

from __future__ import annotations

import polars as pl

from dropback.data._outcomes import single_plays
from dropback.data._play_context import at_home, goal_to_go, half_seconds_remaining

NEXT_SCORES: dict[str, int] = {
    "touchdown": 7,
    "opponent touchdown": -7,
    "field goal": 3,
    "opponent field goal": -3,
    "safety": 2,
    "opponent safety": -2,
    "none": 0,
}
"""The seven classes, in the order of their labels, and their points for the team with the ball.

A touchdown counts 7, the try included: 6 and an extra point's .94 to .99.
"""

KICKOFFS = ("kick_off", "kickoff", "free_kick")
"""Play types of kickoffs; there, `posteam` is the receiving team. The last two are nflverse's."""


def timeline(play_by_play: pl.DataFrame) -> pl.DataFrame:
    """List every row with a team in possession: situation, own score and next score.

    The score is read off the change of `score_differential` to the next row: 6 points and more
    are a touchdown, 3 a field goal, 2 a safety; what changes on a try belongs to the touchdown
    before it. No row follows the last one of a game, so its score is read from its description.

    Args:
        play_by_play: What `read_play_by_play` returned, each game's rows in the order of play.

    Returns:
        The source's columns, and `home`, `goal_to_go`, `half_seconds_remaining`; `half` (0, 1,
        and 2 for overtime); `scrimmage` (a snap from a known situation; a penalty before or
        without a play counts as one); `points` of the row itself for its `posteam` (7, 3, 2,
        0 or their negatives); `next_score`, the label in `NEXT_SCORES` of the first score from
        this row on to the end of the half; `drives_to_score`, drives from this row to that
        score, or to the end of the half.
    """
    rows = single_plays(play_by_play).filter(
        pl.col("posteam").is_not_null()
        & pl.col("score_differential").is_not_null()
        & pl.col("qtr").is_not_null()
    )
    half = pl.when(pl.col("qtr") <= 2).then(0).when(pl.col("qtr") <= 4).then(1).otherwise(2)
    rows = rows.with_columns(
        at_home(), goal_to_go(), half_seconds_remaining(), half.alias("half"), _is_try(), _is_snap()
    )
    rows = rows.with_columns(_points()).with_columns(_drive())
    return _with_next_score(rows).drop("is_try", "drive")


def _is_try() -> pl.Expr:
    """A kick or a play after a touchdown, or a foul on one: no down, and no kickoff."""
    tries = pl.col("play_type").is_in(["xp_kick", "pat2", "extra_point"])
    two_points = pl.col("two_point_attempt").fill_null(0) == 1
    kicked_off = pl.col("play_type").is_in(KICKOFFS).fill_null(value=False)
    return (
        tries.fill_null(value=False) | two_points | (pl.col("down").is_null() & ~kicked_off)
    ).alias("is_try")


def _is_snap() -> pl.Expr:
    known = (
        pl.col("down").is_between(1, 4)
        & pl.col("ydstogo").is_between(1, 99)
        & pl.col("yardline_100").is_between(1, 99)
        & half_seconds_remaining().is_not_null()
        & (pl.col("two_point_attempt").fill_null(0) == 0)
    )
    return known.fill_null(value=False).alias("scrimmage")


def _points() -> pl.Expr:
    side = pl.when("home").then(1).otherwise(-1)
    lead = side * pl.col("score_differential")
    change = side * (lead.shift(-1).over("game_id") - lead)
    size = change.abs()
    value = pl.when(size >= 6).then(7).when(size == 3).then(3).when(size == 2).then(2).otherwise(0)
    return (
        pl.when("is_try")
        .then(0)
        .when(change.is_null())
        .then(_described_points())
        .otherwise(value * change.sign())
        .cast(pl.Int64)
        .alias("points")
    )


def _described_points() -> pl.Expr:
    """Points of a game's last row, from its description and flags."""
    # After a replay only what stands counts.
    words = pl.col("desc").fill_null("").str.split("REVERSED").list.last()
    stands = ~words.str.contains("NULLIFIED")
    returned = (pl.col("return_touchdown") == 1) | (pl.col("interception") == 1)
    scored = words.str.contains("TOUCHDOWN") | (
        pl.col("play_type").is_in(["pass", "run"])
        & (pl.col("interception").fill_null(0) == 0)
        & (pl.col("yards_gained") == pl.col("yardline_100"))
    )
    return (
        pl.when(stands & scored.fill_null(value=False))
        .then(pl.when(returned.fill_null(value=False)).then(-7).otherwise(7))
        .when(stands & words.str.contains("field goal is GOOD"))
        .then(3)
        .when(stands & words.str.contains(r"\bSAFETY\b"))
        .then(-2)
        .otherwise(0)
    )


def _drive() -> pl.Expr:
    """Count the drives of a game; a new team, a new half or a kickoff begins one."""
    begins = (
        (pl.col("posteam") != pl.col("posteam").shift(1)).fill_null(value=True)
        | (pl.col("half") != pl.col("half").shift(1)).fill_null(value=True)
        | pl.col("play_type").is_in(KICKOFFS).fill_null(value=False)
    )
    return begins.cast(pl.Int64).cum_sum().over("game_id").alias("drive")


def _with_next_score(rows: pl.DataFrame) -> pl.DataFrame:
    side = pl.when("home").then(1).otherwise(-1)
    scores = pl.col("points") != 0
    by_half = ("game_id", "half")
    rows = rows.with_columns(
        # Points from the home team's side, so that rows of both teams can look ahead to them.
        pl.when(scores)
        .then(side * pl.col("points"))
        .backward_fill()
        .over(by_half)
        .alias("home_points"),
        pl.when(scores).then("drive").backward_fill().over(by_half).alias("score_drive"),
        pl.col("drive").max().over(by_half).alias("last_drive"),
    )
    next_points = (side * pl.col("home_points")).fill_null(0)
    labels = {points: label for label, points in enumerate(NEXT_SCORES.values())}
    return rows.with_columns(
        next_points.replace_strict(labels, return_dtype=pl.Int64).alias("next_score"),
        (pl.coalesce("score_drive", "last_drive") - pl.col("drive")).alias("drives_to_score"),
    ).drop("home_points", "score_drive", "last_drive")
