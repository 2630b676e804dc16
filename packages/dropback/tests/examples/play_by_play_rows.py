"""Hand-built plays, one ordinary completion changed where a test needs another; and a league."""

from collections.abc import Callable
from typing import Any, TypeAlias

import polars as pl
import pytest

from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.simulation import League, LeagueSettings, simulate_league

Rows: TypeAlias = Callable[..., pl.DataFrame]

# First and 10 at the own 25, 5 minutes into the game: 8 yards through the air, 4 after the catch.
COMPLETION: dict[str, Any] = {
    "game_id": "2020_01_KC_BUF",
    "play_id": 0,
    "season": 2020,
    "season_type": "REG",
    "week": 1,
    "home_team": "BUF",
    "away_team": "KC",
    "posteam": "KC",
    "defteam": "BUF",
    "qtr": 1,
    "quarter_seconds_remaining": 600,
    "game_seconds_remaining": 3300,
    "down": 1,
    "ydstogo": 10,
    "yardline_100": 75,
    "score_differential": 0,
    "play_type": "pass",
    "complete_pass": 1,
    "incomplete_pass": 0,
    "interception": 0,
    "sack": 0,
    "qb_spike": 0,
    "two_point_attempt": 0,
    "yards_gained": 12,
    "air_yards": 8,
    "return_yards": 0,
    "passer_player_id": "00-1",
    "receiver_player_id": "00-2",
    "passer_player_name": "A.Passer",
    "receiver_player_name": "B.Receiver",
    "goal_to_go": 0,
    "shotgun": 1,
    "no_huddle": 0,
    "pass_location": "left",
    "yards_after_catch": 4,
    "pass_touchdown": 0,
    "qb_hit": 0,
    "old_game_id": "2020091300",
    "desc": "A.Passer pass short left to B.Receiver for 12 yards.",
}

CLOCKS = ("quarter_seconds_remaining", "game_seconds_remaining")


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Build play-by-play as read: a row for each dict of what differs from `COMPLETION`."""
    schema = {column.name: column.dtype for column in PLAY_BY_PLAY_COLUMNS}

    def snap(n: int) -> dict[str, int]:
        # One play every 5 seconds: two at once would be one play, entered twice.
        clock = {name: COMPLETION[name] - 5 * n for name in CLOCKS}
        return {"play_id": 10 * (n + 1), **clock}

    def build(*changes: dict[str, Any]) -> pl.DataFrame:
        plays = [{**COMPLETION, **snap(n), **new} for n, new in enumerate(changes)]
        return pl.DataFrame(plays, schema=schema)

    return build


@pytest.fixture(scope="session")
def league() -> League:
    """Two seasons of real size, about 34,000 targeted attempts."""
    return simulate_league(LeagueSettings(seasons=(2019, 2020), weeks=16), seed=20260101)


def plays_of(yards: list[int], low: list[int], high: list[int]) -> pl.DataFrame:
    """Plays as predictions need them: what they gained, and the bounds of the field."""
    count = len(yards)
    return pl.DataFrame(
        {
            "game_id": ["2020_01_A_B"] * count,
            "play_id": list(range(count)),
            "season": [2020] * count,
            "week": [1] * count,
            "passer_player_id": ["p"] * count,
            "play_set": ["targeted"] * count,
            "yards": yards,
            "yards_min": low,
            "yards_max": high,
        }
    )
