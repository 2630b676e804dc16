"""The field and the calendar, in the rulebook's numbers."""

from __future__ import annotations

__all__ = [
    "END_ZONE_DEPTH_YD",
    "FIELD_LENGTH_YD",
    "HALF_SECONDS",
    "QUALIFYING_ATTEMPTS_PER_TEAM_GAME",
    "QUARTER_SECONDS",
    "regular_season_weeks",
]

# NFL rulebook, Rule 1, Section 1: 100 yards between the goal lines, end zones 10 yards deep.
FIELD_LENGTH_YD = 100
END_ZONE_DEPTH_YD = 10

# NFL rulebook, Rule 4, Section 1: four quarters of 15 minutes.
QUARTER_SECONDS = 900
HALF_SECONDS = 2 * QUARTER_SECONDS

# NFL Record and Fact Book: since 1978 a passer qualifies with 14 attempts per game of his team.
QUALIFYING_ATTEMPTS_PER_TEAM_GAME = 14


def regular_season_weeks(season: int) -> int:
    """Number of regular-season weeks: 18 from 2021 (17 games and a bye), 17 from 1990.

    Example:
        >>> regular_season_weeks(2020), regular_season_weeks(2021)
        (17, 18)
    """
    return 18 if season >= 2021 else 17
