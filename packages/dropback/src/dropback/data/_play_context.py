"""Derive the situation at the snap from a row of play-by-play."""

from __future__ import annotations

import polars as pl

from dropback.data._field import HALF_SECONDS, QUARTER_SECONDS


def at_home() -> pl.Expr:
    """Whether the team with the ball is the home team."""
    return (pl.col("posteam") == pl.col("home_team")).alias("home")


def goal_to_go() -> pl.Expr:
    """Whether the first down is the goal line: as recorded, else from the distances."""
    return (
        pl.when(pl.col("goal_to_go").is_not_null())
        .then(pl.col("goal_to_go") == 1)
        .otherwise(pl.col("ydstogo") >= pl.col("yardline_100"))
        .alias("goal_to_go")
    )


def half_seconds_remaining(
    quarter: str = "qtr", seconds: str = "quarter_seconds_remaining"
) -> pl.Expr:
    """Seconds left in the half; quarters 1 and 3 have the next quarter too, overtime has itself."""
    quarters_left = pl.when(pl.col(quarter).is_in([1, 3])).then(1).otherwise(0)
    return (
        (pl.col(seconds) + quarters_left * QUARTER_SECONDS)
        .clip(0, HALF_SECONDS)
        .alias("half_seconds_remaining")
    )
