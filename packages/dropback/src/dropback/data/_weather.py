"""The roof and the weather of each game, as nflverse's columns or its report tell them."""

from __future__ import annotations

import polars as pl

from dropback.errors import ReaderError

WEATHER_SOURCES = ("stadium", "weather", "roof", "temp", "wind")
"""nflverse's columns that tell of the weather, in play-by-play and in the schedule."""

_UNDER_ROOF = ("dome", "closed")
_ROOFS = (*_UNDER_ROOF, "open", "retractable", "outdoors")
# Where nflverse's `roof` is absent, the stadium tells; names of 2006-2025.
_DOMES = (
    "allegiant stadium",
    "caesars superdome",
    "edward jones dome",
    "ford field",
    "georgia dome",
    "hubert h. humphrey metrodome",
    "louisiana superdome",
    "mall of america field",
    "mercedes-benz superdome",
    "rca dome",
    "rogers centre",
    "sofi stadium",
    "u.s. bank stadium",
)
_RETRACTABLE = (
    "at&t stadium",
    "cowboys stadium",
    "lucas oil stadium",
    "mercedes-benz stadium",
    "nrg stadium",
    "reliant stadium",
    "state farm stadium",
    "university of phoenix stadium",
)
# Beyond these a number is an error of writing: a wind of 71 mph in 2016_13_NYG_PIT.
_MOST_WIND_MPH = 50
_TEMPERATURES_F = (-60, 130)
_ROOM_TEMPERATURE_F = 70.0
_OTHER_TEMPERATURE = r"temp:\s*-?\d+(\.\d+)?\s*°?\s*c(elsius)?\b"
_OTHER_SPEED = r"\d+(\.\d+)?\s*(km/?h|kph|kmph|m/s|mps|kt|kts|knots?)\b"


def attach_weather(plays: pl.DataFrame) -> pl.DataFrame:
    """Add what is known of the weather of each play's game at kickoff.

    Args:
        plays: With ``game_id`` and the columns of `WEATHER_SOURCES`, which may be null.

    Returns:
        The plays with nflverse's ``roof`` (``dome``, ``closed``, ``open`` or ``outdoors``; or
        ``retractable``, where a roof may open and nobody recorded whether it did), ``temp``
        (degrees Fahrenheit) and ``wind`` (mph), the latter two null under a roof, and ``rain`` and
        ``snow``, false under one. What is not recorded is null, as all is where ``roof`` is another
        word. Where nflverse's columns are empty, the stadium and the words of the report tell: a
        roof that may open is closed if the report says so or gives no wind.
    """
    of_games = plays.group_by("game_id").agg(
        pl.col(name).drop_nulls().first() for name in WEATHER_SOURCES
    )
    text = pl.col("weather").str.to_lowercase()
    temp, wind = _numbers(text)
    roof = _roof(text, temp, wind)
    told = of_games.select("game_id", roof=roof, temp=temp, wind=wind, **_rain_and_snow(text))
    inside, known = pl.col("roof").is_in(_UNDER_ROOF), pl.col("roof").is_not_null()
    told = told.with_columns(
        *(pl.when(known & ~inside).then(name).alias(name) for name in ("temp", "wind")),
        *(
            pl.when(inside).then(pl.lit(value=False)).when(known).then(name).alias(name)
            for name in ("rain", "snow")
        ),
    )
    return plays.drop(WEATHER_SOURCES).join(told, on="game_id", how="left", maintain_order="left")


def checked_weather(table: pl.DataFrame, origin: str) -> pl.DataFrame:
    """A table with one weather a game, roofs in nflverse's words.

    Args:
        table: With ``game_id`` and the columns of `WEATHER_SOURCES`, null where unknown.
        origin: For errors.

    Raises:
        ReaderError: Another word for a roof, or two values of one game in one column.
    """
    written = pl.col("roof").str.strip_chars().str.to_lowercase()
    table = table.with_columns(pl.when(written != "").then(written).alias("roof"))
    unknown = table.filter(~pl.col("roof").is_in(_ROOFS)).head(1)
    for game, word in unknown.select("game_id", "roof").rows():
        raise ReaderError(
            f"{origin}, game_id {game}: 'roof' is {word!r}, not one of {', '.join(_ROOFS)}; "
            "correct the file or leave the value empty."
        )
    told = table.group_by("game_id", maintain_order=True).agg(
        pl.col(name).drop_nulls().unique(maintain_order=True).head(2) for name in WEATHER_SOURCES
    )
    for name in WEATHER_SOURCES:
        for game, values in told.filter(pl.col(name).list.len() > 1)["game_id", name].rows()[:1]:
            raise ReaderError(
                f"{origin}, game_id {game}: {name!r} must be one value a game, that at kickoff, "
                f"got {values[0]!r} and {values[1]!r}; correct the file or leave the value empty."
            )
    return table


def _numbers(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Temperature and wind, from nflverse's columns or else the report.

    The report's are degrees Fahrenheit and mph; one that names other units tells neither.
    """
    text = text.str.replace_all(_OTHER_TEMPERATURE, "temp: ").str.replace_all(_OTHER_SPEED, "")
    steady = text.str.replace_all(r"gust\w* (up )?to \d+", "")
    words = steady.str.extract(r"wind:(.*)")
    number = words.str.extract(r"(\d{1,3})").cast(pl.Float64)
    told = pl.when(number.is_null() & words.str.contains("calm")).then(0.0).otherwise(number)
    temp = pl.coalesce("temp", text.str.extract(r"temp:\s*(-?\d{1,3})\b").cast(pl.Float64))
    wind = pl.coalesce("wind", told)
    return (
        pl.when(temp.is_between(*_TEMPERATURES_F)).then(temp),
        pl.when(wind.is_between(0, _MOST_WIND_MPH)).then(wind),
    )


def _roof(text: pl.Expr, temp: pl.Expr, wind: pl.Expr) -> pl.Expr:
    recorded, stadium = (
        pl.col(c).str.strip_chars().str.to_lowercase() for c in ("roof", "stadium")
    )
    indoors = text.str.contains("indoor|closed|controlled|dome")
    may_open = stadium.is_in(_RETRACTABLE)
    return (
        pl.when(recorded.is_not_null())
        .then(pl.when(recorded.is_in(_ROOFS)).then(recorded))
        .when(stadium.is_in(_DOMES))
        .then(pl.lit("dome"))
        .when(indoors | (may_open & text.is_not_null() & wind.is_null()))
        .then(pl.lit("closed"))
        .when(may_open)
        .then(pl.lit("retractable"))
        .when(temp.is_not_null() | wind.is_not_null())
        .then(pl.lit("outdoors"))
    )


def _rain_and_snow(text: pl.Expr) -> dict[str, pl.Expr]:
    told = text.str.replace_all(r"(\bno|\d+%|slight|\ba)?\s*chan[cg]e (of|for)[^,.;]*", "")
    told = told.str.replace_all(r"(\bno\s+)?\b(rain|snow|showers?)\s+chance[^,.;]*", "")
    told = told.str.replace_all(r"\bno\s+(rain|snow|showers?|precipitation)\b[^,.;]*", "")
    return {
        "rain": told.str.contains("rain|shower|drizzle|storm"),
        "snow": told.str.contains("snow|flurr|sleet|wintry"),
    }


def weather_features() -> dict[str, pl.Expr]:
    """Columns of the weather for trees, of what `attach_weather` added; null where unknown."""
    roof = pl.col("roof")
    inside, may_open = roof.is_in(_UNDER_ROOF), roof.is_in(("open", "retractable"))
    return {
        "roof": pl.when(inside).then(2).when(may_open).then(1).when(roof.is_not_null()).then(0),
        "wind": pl.when(inside).then(0.0).otherwise("wind"),
        "temperature": pl.when(inside).then(_ROOM_TEMPERATURE_F).otherwise("temp"),
        "rain": pl.col("rain"),
        "snow": pl.col("snow"),
    }


def lacking_weather(plays: pl.DataFrame) -> list[str]:
    """Columns of the weather without a value, where one would be expected, of selected plays."""
    outside = plays.filter(~pl.col("roof").is_in(_UNDER_ROOF).fill_null(value=False))
    names = ("roof", "temp", "wind", "rain", "snow")
    return [name for name in names if len(outside) and outside[name].is_null().all()]
