"""What the report of a game tells of weather and stadium, as columns for trees."""

from __future__ import annotations

import polars as pl

DOMES = (
    "Allegiant Stadium",
    "Caesars Superdome",
    "Edward Jones Dome",
    "Ford Field",
    "Georgia Dome",
    "Mall of America Field",
    "Rogers Centre",
    "SoFi Stadium",
    "U.S. Bank Stadium",
)
RETRACTABLE = (
    "AT&T Stadium",
    "Lucas Oil Stadium",
    "Mercedes-Benz Stadium",
    "Reliant Stadium",
    "State Farm Stadium",
)
# Feet above the sea; all others lie below 1,100.
ALTITUDE = {"Empower Field at Mile High": 5280.0, "Estadio Banorte": 7200.0}
ROOM_TEMPERATURE = 70.0
# A wind of 71 mph, recorded for 2016_13_NYG_PIT, is an error of writing.
_MOST_WIND = 50
_PRIOR_THROWS = 300


def weather_of(games: pl.DataFrame) -> pl.DataFrame:
    """Columns of each game, as its report gives the weather at kickoff.

    Under a roof there is no wind. Where the roof may open it is closed if the report says so or has
    no wind.

    Example:
        >>> games = pl.DataFrame(
        ...     {
        ...         "game_id": ["a", "b"],
        ...         "stadium": ["Ford Field", "Soldier Field"],
        ...         "weather": [None, "Light rain Temp: 46° F, Humidity: 82%, Wind: SW 13 mph"],
        ...     }
        ... )
        >>> weather_of(games).drop("game_id").rows()
        [(2.0, 0.0, 70.0, 0.0, 0.0, 0.0), (0.0, 13.0, 46.0, 1.0, 0.0, 0.0)]
    """
    text = pl.col("weather").str.to_lowercase()
    told = text.str.replace_all(r"(\bno|\d+%|slight|\ba)?\s*chance (of|for)[^,.;]*", "")
    wind = text.str.extract(r"wind:.*?(\d+)").cast(pl.Float64)
    inside = pl.col("stadium").is_in(DOMES) | (
        pl.col("stadium").is_in(RETRACTABLE)
        & (wind.is_null() | text.str.contains("indoor|closed|controlled|dome"))
    )
    roof = pl.when(inside).then(2.0).when(pl.col("stadium").is_in(RETRACTABLE)).then(1.0)
    outside = pl.when(~inside)
    snow = told.str.contains("snow|flurr|sleet|wintry")
    rain = told.str.contains("rain|shower|drizzle|storm")
    return games.select(
        "game_id",
        roof.otherwise(0.0).alias("roof"),
        outside.then(pl.when(wind <= _MOST_WIND).then(wind)).otherwise(0.0).alias("wind"),
        outside.then(text.str.extract(r"temp:\s*(-?\d+)").cast(pl.Float64))
        .otherwise(ROOM_TEMPERATURE)
        .alias("temperature"),
        outside.then(rain.cast(pl.Float64)).otherwise(0.0).alias("rain"),
        outside.then(snow.cast(pl.Float64)).otherwise(0.0).alias("snow"),
        pl.col("stadium").replace_strict(ALTITUDE, default=0.0).alias("altitude"),
    )


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
