"""Define the field, the clock and the calendar in the rulebook's numbers."""

from __future__ import annotations

import polars as pl

# NFL rulebook, Rule 1, Section 1: 360 feet by 160 feet, with end zones of 30 feet. Half of public
# code rounds the width to 53.3, which moves a rotated player by 0.033 yards; 160 / 3 is exact.
FIELD_LENGTH_YD = 120.0
FIELD_WIDTH_YD = 160 / 3
END_ZONE_DEPTH_YD = 10
GOAL_TO_GOAL_YD = 100

# Along the field from the end line behind the offense.
OWN_GOAL_LINE_X_YD = float(END_ZONE_DEPTH_YD)
GOAL_LINE_X_YD = FIELD_LENGTH_YD - END_ZONE_DEPTH_YD

# NFL rulebook, Rule 1, Section 2: hash marks 70 feet 9 inches from the sidelines.
HASH_MARK_Y_YD = 70.75 / 3

# NFL rulebook, Rule 4, Section 1: four quarters of 15 minutes; Rule 16, Section 1: overtime of 10
# minutes in the regular season, since 2017.
QUARTER_SECONDS = 900
HALF_SECONDS = 2 * QUARTER_SECONDS
OVERTIME_SECONDS = 600

# Frames per second of every public tracking set. The files' own time is cut to whole seconds in
# places and jumps back in others, so the frame count over this rate is the clock.
RATE_HZ = 10.0

# NFL Record and Fact Book: since 1978 a passer qualifies with 14 attempts per game of their team.
QUALIFYING_ATTEMPTS_PER_TEAM_GAME = 14

# 17 games and a bye from 2021 on; 16 and a bye from 1990.
_FIRST_SEASON_OF_18_WEEKS = 2021
_WEEKS, _WEEKS_BEFORE = 18, 17


def last_regular_week(season: pl.Expr) -> pl.Expr:
    """Last week of the regular season, of a column of seasons."""
    return pl.when(season >= _FIRST_SEASON_OF_18_WEEKS).then(_WEEKS).otherwise(_WEEKS_BEFORE)
