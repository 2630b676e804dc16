"""Define the dimensions of the field and the calendar of a season, from the rulebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import polars as pl

# NFL rulebook, Rule 1, Section 1: 100 yards between the goal lines, end zones 10 yards deep.
FIELD_LENGTH_YD = 100
END_ZONE_DEPTH_YD = 10

# NFL rulebook, Rule 4, Section 1: four quarters of 15 minutes.
QUARTER_SECONDS = 900
HALF_SECONDS = 2 * QUARTER_SECONDS

# NFL Record and Fact Book: since 1978 a passer qualifies with 14 attempts per game of their team.
QUALIFYING_ATTEMPTS_PER_TEAM_GAME = 14


# NFL Record and Fact Book: 17 games and a bye from 2021 on; 16 games and a bye from 1990.
FIRST_SEASON_OF_18_WEEKS = 2021


@overload
def regular_season_weeks(season: int) -> int: ...


@overload
def regular_season_weeks(season: pl.Expr) -> pl.Expr: ...


def regular_season_weeks(season: int | pl.Expr) -> int | pl.Expr:
    """Number of weeks of a regular season from 1990 on, for a year or a column of years.

    Example:
        >>> regular_season_weeks(2020), regular_season_weeks(2021)
        (17, 18)
    """
    return 17 + (season >= FIRST_SEASON_OF_18_WEEKS)
