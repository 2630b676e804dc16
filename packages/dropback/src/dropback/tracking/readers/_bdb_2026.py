"""Big Data Bowl 2026: passes of 2023, from the snap to the throw, 6 to 14 players a play.

No ball, no events, no linemen: a file opens at the snap and ends at the throw, so its first and
last frames are the window. ``output_`` files hold the flight of the ball and are no input here.
"""

from __future__ import annotations

from dropback.tracking.readers._format import Format

__all__ = ["FORMAT"]

FORMAT = Format(
    name="bdb_2026",
    rows={
        "source_game_id": "game_id",
        "source_play_id": "play_id",
        "player_id": "nfl_id",
        "frame": "frame_id",
        "play_direction": "play_direction",
        "team": "player_side",
        "x_yd": "x",
        "y_yd": "y",
        "speed_yd_per_s": "s",
        "acceleration_yd_per_s2": "a",
        "direction_deg": "dir",
        "orientation_deg": "o",
        "position": "player_position",
        "display_name": "player_name",
        "height": "player_height",
        "weight": "player_weight",
        "role": "player_role",
    },
    signature=frozenset({"game_id", "play_id", "nfl_id", "frame_id", "player_role", "player_side"}),
    possession="label",
    offense_label="Offense",
    plays_file="supplementary_data.csv",
    plays={
        "source_game_id": ("game_id",),
        "source_play_id": ("play_id",),
        "game_id": ("game_id",),
        "play_id": ("play_id",),
        "week": ("week",),
        "quarter": ("quarter",),
        "clock": ("game_clock",),
        "down": ("down",),
        "yards_to_go": ("yards_to_go",),
        "offense": ("possession_team",),
        "defense": ("defensive_team",),
        "home_team": ("home_team_abbr",),
        "away_team": ("visitor_team_abbr",),
        "yardline_side": ("yardline_side",),
        "yardline_number": ("yardline_number",),
        "home_score": ("pre_snap_home_score",),
        "away_score": ("pre_snap_visitor_score",),
        "pass_result": ("pass_result",),
        "yards_gained": ("pre_penalty_yards_gained", "yards_gained"),
        "air_yards": ("pass_length",),
        "nullified": ("play_nullified_by_penalty",),
        "play_action": ("play_action",),
        "dropback_type": ("dropback_type",),
        "description": ("play_description",),
    },
    row_roles={
        "Passer": "passer",
        "Targeted Receiver": "target",
        "Other Route Runner": "eligible",
        "Defensive Coverage": "coverage",
    },
    lacks=("ball", "linemen", "events"),
)
