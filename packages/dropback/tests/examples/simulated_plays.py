"""What tests of simulated plays share."""

from pathlib import Path

import polars as pl

from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)


def targeted_attempts(plays: pl.DataFrame) -> pl.DataFrame:
    """Targeted attempts by their published definition, with their outcome."""
    returned = pl.when(pl.col("interception") == 1).then(-pl.col("return_yards"))
    return plays.filter(
        pl.col("play_type") == "pass",
        pl.col("sack") == 0,
        pl.col("two_point_attempt") == 0,
        pl.col("qb_spike") == 0,
        pl.col("down").is_not_null(),
        pl.col("air_yards").is_not_null(),
        pl.col("receiver_player_id").is_not_null(),
    ).with_columns(yards=returned.otherwise(pl.col("yards_gained")))


def write_throws(folder: Path, plays: int, *, seed: int) -> Path:
    """The first throws of a simulated season with tracking, as files."""
    league = simulate_tracking_league(TrackingLeagueSettings(plays=plays), seed=seed)
    write_tracking_league(league, folder)
    return folder
