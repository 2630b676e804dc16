"""Define how a layout is declared: where it keeps each quantity, and what it lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from dropback.tracking._schema import FRAME_QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# The set's own key of a play.
SOURCE_KEY = ["source_game_id", "source_play_id"]

# Columns of ids, which need not be numbers.
ID_COLUMNS = (*SOURCE_KEY, "player_id")

PLAYER_DETAILS = ("gsis_id", "display_name", "position", "height", "weight")

# Columns that a layout may map from its tracking rows. `team` tells the sides apart; `time`
# replaces `frame` only where a set has no frame number.
ROW_COLUMNS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("source_game_id", "source_play_id", "player_id", "frame"), pl.Float64),
    **dict.fromkeys(FRAME_QUANTITIES, pl.Float32),
    **dict.fromkeys(("absolute_yardline_x_yd", "jersey_number"), pl.String),
    **dict.fromkeys(("time", "team", "play_direction", "event", "snap_marker", "role"), pl.String),
    **dict.fromkeys(("team_code", "home_flag", *PLAYER_DETAILS), pl.String),
}

# Columns of which one row a play or track counts: their cells are read there, and not in all rows.
OF_FIRST_ROW = ("absolute_yardline_x_yd", "jersey_number")

# Columns that a file may lack.
OPTIONAL_ROWS = ("jersey_number", "snap_marker")

# Columns that a layout may map from its table of plays.
PLAY_COLUMNS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("source_game_id", "source_play_id", "game_id", "play_id"), pl.Int64),
    **dict.fromkeys(("passer_id", "target_id"), pl.Int64),
    **dict.fromkeys(("week", "quarter", "down", "yards_to_go", "home_score"), pl.Int32),
    **dict.fromkeys(("away_score", "air_yards", "interception_return_yards"), pl.Int32),
    "pass_rushers": pl.Int32,
    **dict.fromkeys(("yardline_number", "absolute_yardline_x_yd", "yards_gained"), pl.Float32),
    **dict.fromkeys(("offense", "defense", "home_team", "away_team", "yardline_side"), pl.String),
    **dict.fromkeys(("clock", "pass_result", "play_kind", "nullified", "play_action"), pl.String),
    **dict.fromkeys(("dropback_type", "description"), pl.String),
    "recorded_time_to_throw_s": pl.Float32,
    **dict.fromkeys(("recorded_pressure", "coverage", "coverage_type", "target_route"), pl.String),
}

# Columns that a layout may map from its table of players.
PLAYER_COLUMNS: dict[str, type[pl.DataType]] = {
    "player_id": pl.Int64,
    **dict.fromkeys((*PLAYER_DETAILS, "first_name", "last_name"), pl.String),
}


@dataclass(frozen=True)
class Recorded:
    """What a set records of its plays in tables beside that of plays.

    Args:
        roles: Rows of (source_game_id, source_play_id, player_id, role).
        plays: Rows of (source_game_id, source_play_id), some of `PLAY_COLUMNS`, and ``unread``:
            sentences about cells of the play that hold something and say nothing.
        notes: Sentences about rows that are not read.
        broken: Source keys and ``detail`` of plays that have a row which cannot be told apart.
        lacking: Sentences about columns that are not there.
        absent: Sentences about tables that are not there.
    """

    roles: pl.DataFrame
    plays: pl.DataFrame
    notes: tuple[str, ...]
    broken: pl.DataFrame | None = None
    lacking: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """The declaration of one layout: the whole of what is particular to it.

    Args:
        name: Short name for ``--format`` and the ``source_format`` column.
        rows: Canonical name to the tracking file's column; keys from `ROW_COLUMNS`.
        signature: Columns that a header must have to be of this layout.
        absent: Columns that it must not have; they belong to a sibling layout.
        told_by: A table that lies beside its files and no sibling's, which tells it where the
            columns are those of both; empty for none.
        possession: How a row's ``team`` names the offense: by team ``code``, as ``home`` or
            ``away``, or by a fixed ``label``.
        offense_label: The label, where possession is by label.
        defense_label: That of the others; empty where it may be any.
        plays_file: The table of plays beside the tracking files; empty where the rows hold it.
        plays: Canonical name to the columns that may hold it, first found wins; keys from
            `PLAY_COLUMNS`. Where ``plays_file`` is empty these are columns of the rows.
        plays_lack: Quantities that no table of plays of this layout has, though others like it do.
        plays_first: Quantities of which one of the first so many columns must be there: the others
            hold less.
        players_file: The table of players, optional on disk.
        players: As ``plays``; keys from `PLAYER_COLUMNS`.
        players_lack: As ``plays_lack``.
        recorded: Reads what other tables than the plays' say of plays and roles, from a folder.
        players_in_rows: Details of players to the columns of the tracking rows that hold them too,
            which are read where the table of players is absent, but for names, which are read to
            hold the table against them.
        row_roles: The set's words for roles on its rows to ours.
        event_names: The set's words for events to the league's.
        lacks: What the set does not hold, in the words of `dropback.tracking._schema.Plays`.
        selection: A sentence to print beside every figure from a set that is no fair sample.
        lacking: Of a file, sentences about columns of plays that its rows should have.
    """

    name: str
    rows: Mapping[str, str]
    signature: frozenset[str]
    possession: Literal["code", "home_or_away", "label"]
    plays: Mapping[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    told_by: str = ""
    offense_label: str = ""
    defense_label: str = ""
    plays_file: str = ""
    plays_lack: tuple[str, ...] = ()
    plays_first: Mapping[str, int] = field(default_factory=dict)
    players_file: str = ""
    players_lack: tuple[str, ...] = ()
    players: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    players_in_rows: Mapping[str, str] = field(default_factory=dict)
    recorded: Callable[[Path], Recorded] | None = None
    row_roles: Mapping[str, str] = field(default_factory=dict)
    event_names: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    selection: str = ""
    lacking: tuple[str, ...] = ()

    def matches(self, header: frozenset[str]) -> bool:
        """Whether a header is of this layout."""
        return self.signature <= header and not (self.absent & header)

    def without_absent(self, header: frozenset[str]) -> Format:
        """The layout without what a header lacks of optional columns and of plays in its rows."""
        rows = {
            ours: column
            for ours, column in self.rows.items()
            if ours not in OPTIONAL_ROWS or column in header
        }
        plays = self.plays
        if not self.plays_file:
            plays = {name: columns for name, columns in plays.items() if {*columns} & header}
        in_rows = {name: own for name, own in self.players_in_rows.items() if own in header}
        named = {name: own for name, own in in_rows.items() if name == "display_name"}
        return replace(self, rows={**named, **rows}, plays=plays, players_in_rows=in_rows)

    def without_players(self) -> Format:
        """The layout with what its rows tell of players, for a set without their table."""
        return replace(self, rows={**self.players_in_rows, **self.rows})

    def fitted(self, header: frozenset[str]) -> Format:
        """The layout with a header's own spelling of its columns: ``game_id`` for ``gameId``."""
        spelling = {folded(name): name for name in header} | {name: name for name in header}

        def own(name: str) -> str:
            return spelling.get(name, spelling.get(folded(name), name))

        return replace(
            self,
            rows={ours: own(column) for ours, column in self.rows.items()},
            signature=frozenset(map(own, self.signature)),
            players_in_rows={ours: own(column) for ours, column in self.players_in_rows.items()},
            # A sibling's columns are told by exact names alone where the own ones are exact.
            absent=frozenset(map(own, self.absent)),
            plays=self.plays
            if self.plays_file
            else {ours: tuple(map(own, columns)) for ours, columns in self.plays.items()},
        )


def folded(name: str) -> str:
    """A column's name without case, underscores, dots and spaces."""
    return re.sub(r"[\W_]", "", name).lower()


def candidates(columns: Mapping[str, tuple[str, ...]]) -> list[str]:
    """All columns that a layout may read of a table."""
    return [name for names in columns.values() for name in names]
