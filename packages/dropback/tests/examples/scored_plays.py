"""Hand-built play scores: one passer's plays in one game, changed where a test needs another."""

from collections.abc import Sequence
from typing import Any

import polars as pl


def throws(passer: str, scores: Sequence[float], **more: Any) -> list[dict[str, Any]]:
    """Plays of one passer in one game of the 2020 regular season."""
    ordinary: dict[str, Any] = {
        "game_id": "2020_01_KC_BUF",
        "season": 2020,
        "season_type": "REG",
        "week": 1,
        "posteam": "KC",
        "passer_player_name": f"{passer}.Passer",
        "official_attempts": len(scores),
        "team_games": 1,
        "air_yards": 5,
    }
    plays = {"passer_player_id": passer, **ordinary, **more}
    return [{**plays, "play_score": score} for score in scores]


def table(*plays: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([play for some in plays for play in some])
