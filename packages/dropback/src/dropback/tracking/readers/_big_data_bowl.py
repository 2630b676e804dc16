"""Declare the layouts of the NFL Big Data Bowl, 2019 to 2026.

- 2019: every play of 2017, weeks 1 to 6. ``frame.id`` with a dot, numbers written as
  ``2017090700.0``, no orientation, no acceleration, no play direction and no absolute yard line;
  ``team`` is home, away or ball; ``time`` is cut to whole seconds.
- 2021: pass plays of 2018, without linemen. ``team`` is home, away or football; the target is in
  ``targetedReceiver.csv``. On some plays the whole defense is missing: those are set aside.
- 2023: dropbacks of 2021, weeks 1 to 8, clipped around snap and throw. ``team`` is a team code or
  football; the scouting file gives every player's role.
- 2024: plays of 2022, weeks 1 to 9, that end in a tackle, with ``club`` for ``team`` and a name.
  Completions are clipped to five frames before the catch, so that most hold no snap and are set
  aside with that reason.
- 2025: every play of 2022, weeks 1 to 9, before and after the snap. ``frameType`` marks the snap
  where no event does; the target, the rushers and the return of an interception are in
  ``player_play.csv``.
- 2026: passes of 2023, from the snap to the throw, 6 to 14 players a play. No ball, no events, no
  linemen: a file's first and last frames are the window. ``output_`` files hold the flight of the
  ball and are no input here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.tracking.readers._format import Format
from dropback.tracking.readers._tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = {
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
_PLAYS = {
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

_PLAYERS = {
    "player_id": ("nflId",),
    "display_name": ("displayName",),
    "position": ("officialPosition", "position"),
    "height": ("height",),
    "weight": ("weight",),
}

_PLAYER_KEY = [
    pl.col("gameId").cast(pl.Int64).alias("source_game_id"),
    pl.col("playId").cast(pl.Int64).alias("source_play_id"),
    pl.col("nflId").cast(pl.Float64, strict=False).cast(pl.Int64).alias("player_id"),
]

# The scouts' word for a route covers the target too, which 2023 does not name.
_SCOUTED_ROLES = {
    "Pass": "passer",
    "Pass Route": "eligible",
    "Pass Block": "blocker",
    "Pass Rush": "rusher",
    "Coverage": "coverage",
}

# `wasTargettedReceiver` is the file's own spelling. `wasInitialPassRusher` is NA off the rush.
_FLAGGED_ROLES = {"wasTargettedReceiver": "target", "wasInitialPassRusher": "rusher"}

_ABSENT_IN_2019 = ("acceleration_yd_per_s2", "orientation_deg", "play_direction")


def _targets_of_2021(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "targetedReceiver.csv").rename({"targetNflId": "nflId"})
    return table.select(*_PLAYER_KEY, role=pl.lit("target")).drop_nulls()


def _roles_of_2023(folder: Path) -> pl.DataFrame:
    role = pl.col("pff_role").replace_strict(_SCOUTED_ROLES, default=None, return_dtype=pl.String)
    return read_table(folder / "pffScoutingData.csv").select(*_PLAYER_KEY, role=role).drop_nulls()


def _roles_of_2025(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv")
    return pl.concat(
        table.filter(pl.col(flag).cast(pl.Float64, strict=False) == 1).select(
            *_PLAYER_KEY, role=pl.lit(role)
        )
        for flag, role in _FLAGGED_ROLES.items()
        if flag in table.columns
    ).drop_nulls()


def _interception_returns_of_2025(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv")
    if "interceptionYards" not in table.columns:
        table = table.with_columns(interceptionYards=pl.lit(None, dtype=pl.String))
    # A return that goes on after a lateral is recorded for both players.
    yards = pl.col("interceptionYards").cast(pl.Float64, strict=False)
    return (
        table.with_columns(interception_return_yards=yards)
        .drop_nulls("interception_return_yards")
        .group_by(_PLAYER_KEY[:2])
        .agg(pl.col("interception_return_yards").sum().cast(pl.Int32))
    )


BIG_DATA_BOWL = (
    Format(
        name="bdb_2019",
        rows={
            **{name: column for name, column in _ROWS.items() if name not in _ABSENT_IN_2019},
            "frame": "frame.id",
            "team": "team",
            "display_name": "displayName",
        },
        signature=frozenset(
            {"gameId", "playId", "nflId", "frame.id", "team", "x", "y", "s", "dir"}
        ),
        possession="home_or_away",
        plays_file="plays.csv",
        plays={
            **_PLAYS,
            "clock": ("GameClock",),
            "home_score": ("HomeScoreBeforePlay",),
            "away_score": ("VisitorScoreBeforePlay",),
            "pass_result": ("PassResult",),
            "yards_gained": ("PlayResult",),
        },
        players_file="players.csv",
        players={
            "player_id": ("nflId",),
            "position": ("PositionAbbr",),
            "height": ("Height",),
            "weight": ("Weight",),
        },
        lacks=("acceleration", "orientation"),
    ),
    Format(
        name="bdb_2021",
        rows={**_ROWS, "team": "team", "position": "position", "display_name": "displayName"},
        signature=frozenset({"gameId", "playId", "nflId", "frameId", "team", "route", "position"}),
        possession="home_or_away",
        plays_file="plays.csv",
        plays=_PLAYS,
        players_file="players.csv",
        players=_PLAYERS,
        recorded_roles=_targets_of_2021,
        lacks=("linemen",),
    ),
    Format(
        name="bdb_2023",
        rows={**_ROWS, "team": "team"},
        signature=frozenset({"gameId", "playId", "nflId", "frameId", "team", "playDirection", "o"}),
        absent=frozenset({"route", "frameType", "club"}),
        possession="code",
        plays_file="plays.csv",
        plays=_PLAYS,
        players_file="players.csv",
        players=_PLAYERS,
        recorded_roles=_roles_of_2023,
    ),
    Format(
        name="bdb_2024",
        rows={**_ROWS, "team": "club"},
        signature=frozenset({"gameId", "playId", "nflId", "frameId", "club", "playDirection", "o"}),
        absent=frozenset({"frameType"}),
        possession="code",
        plays_file="plays.csv",
        plays=_PLAYS,
        players_file="players.csv",
        players=_PLAYERS,
    ),
    Format(
        name="bdb_2025",
        rows={**_ROWS, "team": "club", "snap_marker": "frameType"},
        signature=frozenset({"gameId", "playId", "nflId", "frameId", "club", "frameType", "o"}),
        possession="code",
        plays_file="plays.csv",
        plays=_PLAYS,
        players_file="players.csv",
        players=_PLAYERS,
        recorded_roles=_roles_of_2025,
        interception_returns=_interception_returns_of_2025,
    ),
    Format(
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
        signature=frozenset(
            {"game_id", "play_id", "nfl_id", "frame_id", "player_role", "player_side"}
        ),
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
    ),
)
