"""Read the declaration of any other layout from a small TOML file.

::

    name = "my_set"
    possession = "code"            # or "home_or_away"; or "label" with offense_label = "..."
    lacks = ["ball"]               # ball, linemen, events, speed, acceleration, direction, ...

    [rows]                         # our name = the tracking file's column
    source_game_id = "game"
    x_yd = "x"

    [events]                       # the set's word = the league's word
    snap = "ball_snap"

    [plays]                        # our name = the column of the table of plays
    file = "plays.csv"
    source_game_id = "game"

    [players]                      # optional, likewise
    file = "players.csv"
    player_id = "id"
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from dropback.errors import ReaderError
from dropback.tracking.readers._format import PLAY_COLUMNS, PLAYER_COLUMNS, ROW_COLUMNS, Format

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_REQUIRED_ROWS = ("source_game_id", "source_play_id", "player_id", "team", "x_yd", "y_yd")
_REQUIRED_PLAYS = ("file", "source_game_id", "source_play_id", "game_id", "play_id", "offense")
_POSSESSIONS = ("code", "home_or_away", "label")


def read_column_map(path: Path) -> Format:
    """The layout that a TOML file declares.

    Raises:
        ReaderError: If the file is no TOML, lacks a needed key or has an unknown one.
    """
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReaderError(f"{path} does not exist; it should be a column map (TOML).") from None
    except tomllib.TOMLDecodeError as error:
        raise ReaderError(f"{path} is not valid TOML: {error}.") from error
    rows = _section(path, declared, "rows", _REQUIRED_ROWS, ROW_COLUMNS)
    plays = _section(path, declared, "plays", _REQUIRED_PLAYS, {"file", *PLAY_COLUMNS})
    players = _section(path, declared, "players", (), {"file", *PLAYER_COLUMNS})
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
        signature=frozenset(rows.values()),
        possession=possession,
        offense_label=declared.get("offense_label", ""),
        plays_file=plays.pop("file"),
        plays={name: (column,) for name, column in plays.items()},
        players_file=players.pop("file", ""),
        players={name: (column,) for name, column in players.items()},
        event_names=declared.get("events", {}),
        lacks=tuple(declared.get("lacks", ())),
        selection=declared.get("selection", ""),
    )


def _section(
    path: Path, declared: dict[str, Any], name: str, required: Iterable[str], allowed: Iterable[str]
) -> dict[str, str]:
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
