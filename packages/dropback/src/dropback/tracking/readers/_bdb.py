"""Column names that the Big Data Bowl layouts share from 2021 to 2025."""

from __future__ import annotations

__all__ = ["PLAYERS", "PLAYS", "ROWS"]

ROWS = {
    "source_game_id": "gameId",
    "source_play_id": "playId",
    "player_id": "nflId",
    "frame": "frameId",
    "time": "time",
    "play_direction": "playDirection",
    "x_yd": "x",
    "y_yd": "y",
    "speed_yd_per_s": "s",
    "acceleration_yd_per_s2": "a",
    "direction_deg": "dir",
    "orientation_deg": "o",
    "event": "event",
}

# Penalty yards are in playResult and yardsGained but not in the prePenalty columns, so these come
# first.
PLAYS = {
    "source_game_id": ("gameId",),
    "source_play_id": ("playId",),
    "game_id": ("gameId",),
    "play_id": ("playId",),
    "quarter": ("quarter",),
    "clock": ("gameClock",),
    "down": ("down",),
    "yards_to_go": ("yardsToGo",),
    "offense": ("possessionTeam",),
    "defense": ("defensiveTeam",),
    "yardline_side": ("yardlineSide",),
    "yardline_number": ("yardlineNumber",),
    "absolute_yardline_x_yd": ("absoluteYardlineNumber",),
    "home_score": ("preSnapHomeScore",),
    "away_score": ("preSnapVisitorScore",),
    "pass_result": ("passResult",),
    "yards_gained": (
        "prePenaltyPlayResult",
        "prePenaltyYardsGained",
        "offensePlayResult",
        "playResult",
        "yardsGained",
    ),
    # 2019 writes PassLength, 2024 and 2025 passLength; the sets between have none.
    "air_yards": ("passLength", "PassLength"),
    "nullified": ("playNullifiedByPenalty",),
    "play_action": ("playAction", "pff_playAction"),
    # The files say dropBackType in 2023 and typeDropback in 2021; the documentation dropbackType.
    "dropback_type": ("dropbackType", "dropBackType", "typeDropback"),
    "pass_rushers": ("numberOfPassRushers",),
    "description": ("playDescription",),
}

PLAYERS = {
    "player_id": ("nflId",),
    "display_name": ("displayName",),
    "position": ("officialPosition", "position"),
    "height": ("height",),
    "weight": ("weight",),
}
