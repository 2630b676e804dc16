"""The roof and the weather of each game, as nflverse's columns or its report tell them."""

from __future__ import annotations

import polars as pl

WEATHER_SOURCES = ("stadium", "weather", "roof", "temp", "wind")
"""nflverse's columns that tell of the weather, in play-by-play and in the schedule."""

_UNDER_ROOF = ("dome", "closed")
_ROOFS = (*_UNDER_ROOF, "open", "outdoors")
# Where nflverse's `roof` is absent, the stadium tells; names of 2006-2025.
_DOMES = (
    "Allegiant Stadium",
    "Caesars Superdome",
    "Edward Jones Dome",
    "Ford Field",
    "Georgia Dome",
    "Hubert H. Humphrey Metrodome",
    "Louisiana Superdome",
    "Mall of America Field",
    "Mercedes-Benz Superdome",
    "RCA Dome",
    "Rogers Centre",
    "SoFi Stadium",
    "U.S. Bank Stadium",
)
_RETRACTABLE = (
    "AT&T Stadium",
    "Cowboys Stadium",
    "Lucas Oil Stadium",
    "Mercedes-Benz Stadium",
    "NRG Stadium",
    "Reliant Stadium",
    "State Farm Stadium",
    "University of Phoenix Stadium",
)
# A wind of 71 mph, recorded for 2016_13_NYG_PIT, is an error of writing.
_MOST_WIND_MPH = 50
_ROOM_TEMPERATURE_F = 70.0


def attach_weather(plays: pl.DataFrame) -> pl.DataFrame:
    """Add what is known of the weather of each play's game at kickoff.

    Args:
        plays: With ``game_id`` and the columns of `WEATHER_SOURCES`, which may be null.

    Returns:
        The plays with nflverse's ``roof`` (``dome``, ``closed``, ``open`` or ``outdoors``, other
        words being unknown), ``temp`` (degrees Fahrenheit) and ``wind`` (mph), the latter two null
        under a roof, and ``rain`` and ``snow``, false under one. All are null where nothing is
        recorded. Where nflverse's columns are empty, the stadium and the words of the report tell:
        a roof that may open is closed if the report says so or has no wind.
    """
    of_games = plays.group_by("game_id").agg(
        pl.col(name).drop_nulls().first() for name in WEATHER_SOURCES
    )
    text = pl.col("weather").str.to_lowercase()
    rainless = text.str.replace_all(r"(\bno|\d+%|slight|\ba)?\s*chance (of|for)[^,.;]*", "")
    recorded = pl.col("roof").str.strip_chars().str.to_lowercase()
    stadium = pl.col("stadium")
    temp = pl.coalesce("temp", text.str.extract(r"temp:\s*(-?\d+)").cast(pl.Float64))
    wind = pl.coalesce("wind", text.str.extract(r"wind:.*?(\d+)").cast(pl.Float64))
    indoors = text.str.contains("indoor|closed|controlled|dome")
    may_open = stadium.is_in(_RETRACTABLE)
    roof = (
        pl.when(recorded.is_in(_ROOFS))
        .then(recorded)
        .when(stadium.is_in(_DOMES))
        .then(pl.lit("dome"))
        .when((may_open & wind.is_null()) | ((may_open | stadium.is_null()) & indoors))
        .then(pl.lit("closed"))
        .when(may_open)
        .then(pl.lit("open"))
        .when(pl.any_horizontal(e.is_not_null() for e in (stadium, text, temp, wind)))
        .then(pl.lit("outdoors"))
    )
    told = of_games.select(
        "game_id",
        roof=roof,
        temp=temp,
        wind=pl.when(wind <= _MOST_WIND_MPH).then(wind),
        rain=rainless.str.contains("rain|shower|drizzle|storm"),
        snow=rainless.str.contains("snow|flurr|sleet|wintry"),
    )
    inside = pl.col("roof").is_in(_UNDER_ROOF)
    told = told.with_columns(
        pl.when(~inside).then("temp").alias("temp"),
        pl.when(~inside).then("wind").alias("wind"),
        *(
            pl.when(inside).then(pl.lit(value=False)).otherwise(name).alias(name)
            for name in ("rain", "snow")
        ),
    )
    return plays.drop(WEATHER_SOURCES).join(told, on="game_id", how="left", maintain_order="left")


def weather_features() -> dict[str, pl.Expr]:
    """Columns of the weather for trees, of what `attach_weather` added; null where unknown."""
    inside = pl.col("roof").is_in(_UNDER_ROOF)
    return {
        "roof": pl.when(inside)
        .then(2)
        .when(pl.col("roof") == "open")
        .then(1)
        .otherwise(pl.when(pl.col("roof").is_not_null()).then(0)),
        "wind": pl.when(inside).then(0.0).otherwise("wind"),
        "temperature": pl.when(inside).then(_ROOM_TEMPERATURE_F).otherwise("temp"),
        "rain": pl.col("rain"),
        "snow": pl.col("snow"),
    }
