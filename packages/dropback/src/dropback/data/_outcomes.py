"""Compute the outcome of a play in yards, and the bounds that the field puts on it."""

from __future__ import annotations

import polars as pl

from dropback.data._field import END_ZONE_DEPTH_YD, GOAL_TO_GOAL_YD
from dropback.data._tables import PLAY_KEY

# From a catch on the end line behind the opponent's goal to the passer's own goal line.
YARDS_LOWEST = -(GOAL_TO_GOAL_YD + END_ZONE_DEPTH_YD)
YARDS_HIGHEST = GOAL_TO_GOAL_YD

# No team snaps the ball again so soon.
_SAME_PLAY_S = 2


def yards() -> pl.Expr:
    """Outcome of a pass play in whole yards, from nflverse's columns.

    A completion counts `passing_yards`, which go on after a lateral, where they are recorded, else
    `yards_gained` like a sack (penalty yards are in neither), an incompletion 0, an interception
    minus its return (nflverse's `yards_gained` is 0 there).
    """
    return (
        pl.when(pl.col("interception") == 1)
        .then(-pl.col("return_yards").fill_null(0))
        .when(pl.col("complete_pass") == 1)
        .then(pl.coalesce("passing_yards", "yards_gained"))
        .when(pl.col("sack") == 1)
        .then(pl.col("yards_gained"))
        .otherwise(0)
        .alias("yards")
    )


def yards_max() -> pl.Expr:
    """Most yards the play can gain: the distance to the goal line. A touchdown *is* this gain."""
    return pl.col("yardline_100").alias("yards_max")


def goal_line_yards(yards_to_goal: float) -> int:
    """`yards_max` of a line of scrimmage as measured: whole yards, at least 1, at most the field's.

    Example:
        >>> goal_line_yards(64.6), goal_line_yards(-0.4)
        (65, 1)
    """
    return min(max(round(yards_to_goal), 1), GOAL_TO_GOAL_YD)


def yards_min() -> pl.Expr:
    """Fewest yards the play can gain: an interception returned to the passer's goal line.

    The return starts where the ball is caught, which lies beyond the line of scrimmage by about
    the air yards: by 10 yards more at most in every interception of 2006-2023 (a tipped ball, a
    catch behind the receiver), and never behind the end line.
    """
    to_own_goal = GOAL_TO_GOAL_YD - pl.col("yardline_100")
    beyond = pl.min_horizontal(
        pl.col("air_yards").fill_null(0).clip(lower_bound=0) + END_ZONE_DEPTH_YD,
        pl.col("yardline_100") + END_ZONE_DEPTH_YD,
    )
    return (-(to_own_goal + beyond)).alias("yards_min")


def is_beyond_field(air_yards: str) -> pl.Expr:
    """Whether a throw ends beyond an end line, where no ball is caught in bounds."""
    to_goal = pl.col("yardline_100")
    highest = to_goal + END_ZONE_DEPTH_YD
    lowest = to_goal - GOAL_TO_GOAL_YD - END_ZONE_DEPTH_YD
    return ~pl.col(air_yards).is_between(lowest, highest)


def is_official_attempt() -> pl.Expr:
    """Whether a play is an attempt in the record book's sense, from nflverse's columns.

    Spikes and throw-aways count; sacks, two-point tries and plays that a penalty wiped out do not.
    """
    return (
        pl.col("play_type").is_in(["pass", "qb_spike"])
        & (pl.col("sack").cast(pl.Int64).fill_null(0) != 1)
        & (pl.col("two_point_attempt").fill_null(0) == 0)
        & pl.col("down").is_not_null()
    )


def is_repeated(among: pl.Expr) -> pl.Expr:
    """Whether a row is a play that an earlier row holds already, under this key or another.

    Two rows of one down, distance, spot and gain of a team within 2 seconds of the clock are one
    play, entered twice. Of the runs and passes of 2006-2023 these are 33, all but one in
    ``2011_13_DET_NO``; without them D.Brees has the 657 attempts and 5,476 yards of the record book
    in 2011, with them 662 and 5,609.

    Args:
        among: Which rows are plays; a timeout under a play's key repeats none.
    """
    play = among.fill_null(value=False)
    snap = ("game_id", "qtr", "posteam", "down", "ydstogo", "yardline_100", "yards_gained")
    clock = pl.col("quarter_seconds_remaining")
    again = (clock.shift(1) - clock <= _SAME_PLAY_S).over(play, *snap, order_by=clock.neg())
    held = ~pl.struct(play, "game_id", "play_id").is_first_distinct()
    return play & (again.fill_null(value=False) | held)


def single_plays(play_by_play: pl.DataFrame) -> pl.DataFrame:
    """Every row of a play-by-play once, in its order.

    Of rows under one key the run or pass counts, whichever comes first, so that a timeout takes no
    play's place; of plays that were entered twice (`is_repeated`) the first.

    Args:
        play_by_play: What `read_play_by_play` returned.
    """
    snap = pl.col("play_type").is_in(["pass", "run"]) & pl.col("down").is_not_null()
    play = snap.fill_null(value=False)
    hidden = ~play & play.any().over(PLAY_KEY)
    kept = play_by_play.filter(~hidden & ~is_repeated(play))
    return kept.unique(PLAY_KEY, keep="first", maintain_order=True)
