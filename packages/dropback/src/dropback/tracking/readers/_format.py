"""Define how a layout is declared: where it keeps each quantity, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Columns that a layout may map from its tracking rows. `team` tells the sides apart; `time`
# replaces `frame` only where a set has no frame number.
ROW_COLUMNS: dict[str, type[pl.DataType]] = {
    "source_game_id": pl.Float64,
    "source_play_id": pl.Float64,
    "player_id": pl.Float64,
    "frame": pl.Float64,
    "time": pl.String,
    "team": pl.String,
    "play_direction": pl.String,
    "x_yd": pl.Float32,
    "y_yd": pl.Float32,
    "speed_yd_per_s": pl.Float32,
    "acceleration_yd_per_s2": pl.Float32,
    "direction_deg": pl.Float32,
    "orientation_deg": pl.Float32,
    "event": pl.String,
    "snap_marker": pl.String,
    "position": pl.String,
    "display_name": pl.String,
    "gsis_id": pl.String,
    "height": pl.String,
    "weight": pl.String,
    "role": pl.String,
    "team_code": pl.String,
    "home_flag": pl.String,
}

# Columns that a layout may map from its table of plays.
PLAY_COLUMNS: dict[str, type[pl.DataType]] = {
    "source_game_id": pl.Int64,
    "source_play_id": pl.Int64,
    "game_id": pl.Int64,
    "play_id": pl.Int64,
    "week": pl.Int32,
    "quarter": pl.Int32,
    "clock": pl.String,
    "down": pl.Int32,
    "yards_to_go": pl.Int32,
    "offense": pl.String,
    "defense": pl.String,
    "home_team": pl.String,
    "away_team": pl.String,
    "yardline_side": pl.String,
    "yardline_number": pl.Float32,
    "absolute_yardline_x_yd": pl.Float32,
    "home_score": pl.Int32,
    "away_score": pl.Int32,
    "pass_result": pl.String,
    "play_kind": pl.String,
    "yards_gained": pl.Float32,
    "air_yards": pl.Int32,
    "interception_return_yards": pl.Int32,
    "nullified": pl.String,
    "play_action": pl.String,
    "dropback_type": pl.String,
    "passer_id": pl.Int64,
    "target_id": pl.Int64,
    "pass_rushers": pl.Int32,
    "description": pl.String,
}

# Columns that a layout may map from its table of players.
PLAYER_COLUMNS: dict[str, type[pl.DataType]] = {
    "player_id": pl.Int64,
    "gsis_id": pl.String,
    "display_name": pl.String,
    "position": pl.String,
    "height": pl.String,
    "weight": pl.String,
}


@dataclass(frozen=True)
class Format:
    """The declaration of one layout: the whole of what is particular to it.

    Args:
        name: Short name for ``--format`` and the ``source_format`` column.
        rows: Canonical name to the tracking file's column; keys from `ROW_COLUMNS`.
        signature: Columns that a header must have to be of this layout.
        absent: Columns that it must not have; they belong to a sibling layout.
        possession: How a row's ``team`` names the offense: by team ``code``, as ``home`` or
            ``away``, or by a fixed ``label``.
        offense_label: The label, where possession is by label.
        plays_file: The table of plays beside the tracking files; empty where the rows hold it.
        plays: Canonical name to the columns that may hold it, first found wins; keys from
            `PLAY_COLUMNS`. Where ``plays_file`` is empty these are columns of the rows.
        players_file: The table of players, optional on disk.
        players: As ``plays``; keys from `PLAYER_COLUMNS`.
        recorded_roles: Reads roles that the set records, from a folder, as rows of
            (source_game_id, source_play_id, player_id, role).
        interception_returns: Reads the returns of interceptions that are in another table than
            the plays', from a folder, as rows of (source_game_id, source_play_id,
            interception_return_yards).
        row_roles: The set's words for roles on its rows to ours.
        event_names: The set's words for events to the league's.
        lacks: What the set does not hold, in the words of `dropback.tracking._schema.Plays`.
        selection: A sentence to print beside every figure from a set that is no fair sample.
    """

    name: str
    rows: Mapping[str, str]
    signature: frozenset[str]
    possession: Literal["code", "home_or_away", "label"]
    plays: Mapping[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    offense_label: str = ""
    plays_file: str = ""
    players_file: str = ""
    players: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recorded_roles: Callable[[Path], pl.DataFrame] | None = None
    interception_returns: Callable[[Path], pl.DataFrame] | None = None
    row_roles: Mapping[str, str] = field(default_factory=dict)
    event_names: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    selection: str = ""

    def matches(self, header: frozenset[str]) -> bool:
        """Whether a header is of this layout."""
        return self.signature <= header and not (self.absent & header)
