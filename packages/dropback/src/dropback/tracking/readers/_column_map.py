"""Read the declaration of a layout from a small TOML file.

::

    name = "my_set"
    possession = "code"            # or "home_or_away"; or "label" with offense_label = "..."
                                   # and, if it is one, defense_label = "..."
    lacks = ["ball"]               # ball, linemen, events, speed, acceleration, direction, ...
    like = "another.toml"          # optional: a map beside this, whose entries hold here too
    signature = ["game", "x"]      # optional: columns that tell it; by default all of [rows]
    absent = ["club"]              # optional: columns that it must not have
    told_by = "extra.csv"          # optional: a table that only sets of this layout have

    [rows]                         # our name = the tracking file's column
    source_game_id = "game"
    x_yd = "x"

    [events]                       # the set's word = the league's word
    snap = "ball_snap"

    [row_roles]                    # optional: the set's word for a role = ours
    Passer = "passer"

    [plays]                        # our name = the column of the table of plays
    file = "plays.csv"             # or in_rows = true, where every row repeats its play's columns
    source_game_id = "game"
    clock = ["clock", "gameClock"] # of several columns the first that is there
    first = { clock = 1 }          # optional: of whose first so many columns one must be there
    lack = ["defense"]             # optional: what the map above names and this set never has

    [players]                      # optional, likewise
    file = "players.csv"
    player_id = "id"
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from dropback.errors import ReaderError
from dropback.tracking.readers._format import (
    OPTIONAL_ROWS,
    PLAY_COLUMNS,
    PLAYER_COLUMNS,
    PLAYER_DETAILS,
    ROW_COLUMNS,
    Format,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_REQUIRED_ROWS = ("source_game_id", "source_play_id", "player_id", "team", "x_yd", "y_yd")
_PLAY_KEYS = ("source_game_id", "source_play_id", "game_id", "play_id")
_POSSESSIONS = ("code", "home_or_away", "label")


def read_column_map(path: Path) -> Format:
    """The layout that a TOML file declares.

    Raises:
        ReaderError: If the file is no TOML, lacks a needed key or has an unknown one.
    """
    declared = _declared(path)
    in_rows = declared.get("plays", {}).pop("in_rows", False)
    required = _PLAY_KEYS if in_rows else ("file", *_PLAY_KEYS, "offense")
    rows = _section(path, declared, "rows", _REQUIRED_ROWS, ROW_COLUMNS)
    plays = _section(path, declared, "plays", required, {"file", "lack", "first", *PLAY_COLUMNS})
    players = _section(path, declared, "players", (), {"file", "lack", "in_rows", *PLAYER_COLUMNS})
    in_rows_too = players.pop("in_rows", {})
    if unknown := sorted(set(in_rows_too) - set(PLAYER_DETAILS)):
        raise ReaderError(
            f"{path}: in_rows of [players] has unknown keys {', '.join(unknown)}; "
            f"known are {', '.join(PLAYER_DETAILS)}."
        )
    if "frame" not in rows and "time" not in rows:
        raise ReaderError(f"{path}: [rows] must map `frame` or, without frame numbers, `time`.")
    possession = declared.get("possession")
    if possession not in _POSSESSIONS:
        raise ReaderError(
            f"{path}: possession must be one of {', '.join(_POSSESSIONS)}, got {possession!r}."
        )
    return Format(
        name=declared.get("name", path.stem),
        rows=rows,
        signature=frozenset(declared.get("signature", _needed(rows))),
        absent=frozenset(declared.get("absent", ())),
        told_by=declared.get("told_by", ""),
        possession=possession,
        offense_label=declared.get("offense_label", ""),
        defense_label=declared.get("defense_label", ""),
        plays_file=plays.pop("file", ""),
        plays_lack=tuple(plays.pop("lack", ())),
        plays_first=plays.pop("first", {}),
        plays=_candidates(plays),
        players_file=players.pop("file", ""),
        players_lack=tuple(players.pop("lack", ())),
        players=_candidates(players),
        players_in_rows=in_rows_too,
        row_roles=declared.get("row_roles", {}),
        event_names=declared.get("events", {}),
        lacks=tuple(declared.get("lacks", ())),
        selection=declared.get("selection", ""),
    )


def _declared(path: Path) -> dict[str, Any]:
    """Content of a map, over that of the map which it is like."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReaderError(f"{path} does not exist; it should be a column map (TOML).") from None
    except tomllib.TOMLDecodeError as error:
        raise ReaderError(f"{path} is not valid TOML: {error}.") from error
    if "like" not in declared:
        return declared
    shared = _declared(path.parent / declared.pop("like"))
    sections = {
        name: {**section, **declared.get(name, {})}
        for name, section in shared.items()
        if isinstance(section, dict)
    }
    return {**shared, **declared, **sections}


def _needed(rows: dict[str, Any]) -> list[str]:
    return [column for name, column in rows.items() if name not in OPTIONAL_ROWS]


def _candidates(columns: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        name: (column,) if isinstance(column, str) else tuple(column)
        for name, column in columns.items()
    }


def _section(
    path: Path, declared: dict[str, Any], name: str, required: Iterable[str], allowed: Iterable[str]
) -> dict[str, Any]:
    section = dict(declared.get(name, {}))
    missing = [key for key in required if key not in section]
    if missing:
        raise ReaderError(f"{path}: [{name}] must map {', '.join(missing)}.")
    unknown = sorted(set(section) - set(allowed))
    if unknown:
        raise ReaderError(
            f"{path}: [{name}] has unknown keys {', '.join(unknown)}; "
            f"known are {', '.join(sorted(allowed))}."
        )
    return section
