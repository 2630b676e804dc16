"""What the stadium of a game tells, as columns for trees."""

from __future__ import annotations

import polars as pl

# Feet above the sea; all others lie below 1,100.
ALTITUDE = {"Empower Field at Mile High": 5280.0, "Estadio Banorte": 7200.0}
_PRIOR_THROWS = 300


def stadium_completions(plays: pl.DataFrame, stadiums: pl.DataFrame) -> pl.DataFrame:
    """Completions of a stadium above those expected by air yards, over its earlier seasons alone.

    Returns:
        ``game_id``, ``stadium_completions``: null before a stadium's second season.
    """
    depth = pl.col("air_yards").clip(-10, 45)
    excess = pl.col("complete_pass").cast(pl.Float64)
    by_season = (
        plays.with_columns(excess=excess - excess.mean().over(depth, "season"))
        .join(stadiums, on="game_id")
        .group_by("stadium", "season")
        .agg(pl.col("excess").sum(), throws=pl.len())
        .sort("season")
    )
    earlier = (
        pl.col(name).cum_sum().over("stadium") - pl.col(name) for name in ("excess", "throws")
    )
    by_season = by_season.with_columns(earlier).select(
        "stadium",
        "season",
        stadium_completions=pl.when(pl.col("throws") > 0).then(
            pl.col("excess") / (pl.col("throws") + _PRIOR_THROWS)
        ),
    )
    return (
        plays.select("game_id", "season")
        .unique()
        .join(stadiums, on="game_id")
        .join(by_season, on=["stadium", "season"])
        .select("game_id", "stadium_completions")
    )
