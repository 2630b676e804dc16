"""Declare the Next Gen Stats highlights of 2017 to 2019, a TSV a play or all in one Parquet.

Every row repeats its play's columns. No acceleration and no outcome: join play-by-play. 2017's
orientation is 90 degrees off, which the self-check measures and corrects.
"""

from __future__ import annotations

from dropback.tracking.readers._format import Format

NGS_HIGHLIGHTS = Format(
    name="ngs_highlights",
    rows={
        "source_game_id": "gameId",
        "source_play_id": "playId",
        "player_id": "nflId",
        "gsis_id": "gsisId",
        "frame": "frame",
        "time": "time",
        "team": "possessionFlag",
        "play_direction": "playDirection",
        "x_yd": "x",
        "y_yd": "y",
        "speed_yd_per_s": "s",
        "direction_deg": "dir",
        "orientation_deg": "o",
        "event": "event",
        "position": "position",
        "team_code": "teamAbbr",
        "home_flag": "homeTeamFlag",
        "display_name": "displayName",
    },
    signature=frozenset({"gameId", "playId", "frame", "gsisId", "possessionFlag", "teamAbbr", "o"}),
    possession="label",
    offense_label="1",
    plays={
        "source_game_id": ("gameId",),
        "source_play_id": ("playId",),
        "game_id": ("gameId",),
        "play_id": ("playId",),
        "week": ("week",),
        "quarter": ("quarter",),
        "clock": ("gameClock",),
        "down": ("down",),
        "yards_to_go": ("yardsToGo",),
        "absolute_yardline_x_yd": ("absoluteYardlineNumber",),
        "home_score": ("preSnapHomeScore",),
        "away_score": ("preSnapVisitorScore",),
        "play_kind": ("playType",),
        "description": ("playDescription",),
    },
    lacks=("acceleration",),
    selection="a highlight reel, not a sample: fit for the pipeline and pictures, "
    "not for calibration or ranking",
)
