"""Read what the NFL Big Data Bowl records in tables of its own: roles, pressure, routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join
from dropback.data._teams import TEAMS
from dropback.errors import ReaderError
from dropback.tracking.readers._cells import (
    unread_by_play,
    unread_where,
    with_keys,
    yes_or_no,
)
from dropback.tracking.readers._format import SOURCE_KEY, Recorded
from dropback.tracking.readers._ids import id_number, whole, whole_number
from dropback.tracking.readers._missing_columns import nearest_column
from dropback.tracking.readers._tables import read_table, team_code
from dropback.tracking.readers._words import spelled, unknown_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLAY_KEYS: Final = {name: whole_number(name) for name in ("gameId", "playId")}
_KEYS: Final = {**_PLAY_KEYS, "nflId": id_number("nflId")}
_PLAYER_KEY: Final = [*SOURCE_KEY, "player_id"]

# The scouts' word for a route covers the target too, which 2023 does not name.
_SCOUTED_ROLES: Final = {
    "Pass": "passer",
    "Pass Route": "eligible",
    "Pass Block": "blocker",
    "Pass Rush": "rusher",
    "Coverage": "coverage",
}

# `wasTargettedReceiver` is the file's own spelling. `wasInitialPassRusher` is NA off the rush.
_FLAGGED_ROLES: Final = {"wasTargettedReceiver": "target", "wasInitialPassRusher": "rusher"}

_PRESSURE: Final = ("pff_hit", "pff_hurry", "pff_sack")

_OWN_PRESSURE: Final = "the set's own pressure"
_OWN_TEAMS: Final = "the set's own teams"
_TELLS: Final = {
    **dict.fromkeys((*_PRESSURE, "causedPressure"), _OWN_PRESSURE),
    "wasTargettedReceiver": "who was thrown to",
    "wasInitialPassRusher": "who rushed the passer",
    "interceptionYards": "how far an interception was returned",
    "routeRan": "the route of the target",
    "teamAbbr": _OWN_TEAMS,
}
_YES_OR_NO: Final = "word for yes or no"


@dataclass(frozen=True)
class _Charted:
    """A table of charting: its keyed rows, and what is wrong with it."""

    rows: pl.DataFrame
    path: Path
    notes: tuple[str, ...]
    broken: pl.DataFrame
    lacking: tuple[str, ...]

    def says(self, roles: pl.DataFrame, plays: pl.DataFrame) -> Recorded:
        return Recorded(roles, plays, self.notes, self.broken, self.lacking)


def _table(path: Path, keys: dict[str, pl.Expr], needed: tuple[str, ...], *more: str) -> _Charted:
    """The keyed rows of a table that must have its keys and what it is read for."""
    found = read_table(path, (*keys, *needed, *more))
    table, path = found.rows, found.path
    lacking = [name for name in (*keys, *needed) if name not in table.columns]
    if lacking:
        raise ReaderError(
            f"{path} must have the columns {', '.join((*keys, *needed))}, "
            f"but lacks {', '.join(lacking)}{nearest_column(lacking, found.header)}."
        )
    others = [column for column in found.header if column not in (*keys, *needed, *more)]
    absent_names = [name for name in more if name not in table.columns]
    near = {name: nearest_column([name], others) for name in absent_names}
    said = tuple(
        f"{path} has no column {name}, which tells {_TELLS[name]}{near[name]}"
        for name in absent_names
        # A set may lack what is held against ours and enters nothing.
        if near[name] or _TELLS[name] not in (_OWN_PRESSURE, _OWN_TEAMS)
    )
    absent = [pl.lit(None, pl.String).alias(name) for name in absent_names]
    table, notes = with_keys(table.with_columns(absent), path, keys)
    ours = (*SOURCE_KEY, "player_id")
    named = [key.alias(name) for name, key in zip(ours, keys.values(), strict=False)]
    return _Charted(
        table.with_columns(named),
        path,
        (*found.notes, *notes),
        found.broken_plays(list(_PLAY_KEYS)),
        said,
    )


def _recorded_2021(folder: Path) -> Recorded:
    path = folder / "targetedReceiver.csv"
    charted = _table(path, _PLAY_KEYS, ("targetNflId",))
    table = charted.rows.with_columns(player_id=id_number("targetNflId"))
    nobody = unread_where("targetNflId", pl.col("player_id").is_null(), "player", path.name)
    # Of a pass that is thrown away the table has no target.
    roles = table.drop_nulls("player_id").select(*_PLAYER_KEY, role=pl.lit("target"))
    return charted.says(roles, unread_by_play(table, SOURCE_KEY, [nobody]))


def _recorded_2023(folder: Path) -> Recorded:
    """Roles and pressure by the scouts: a hit, a hurry or a sack of any rusher."""
    path = folder / "pffScoutingData.csv"
    charted = _table(path, _KEYS, ("pff_role",), *_PRESSURE)
    role = pl.col("pff_role").replace_strict(_SCOUTED_ROLES, default=None, return_dtype=pl.String)
    table = charted.rows.with_columns(role=role)
    unread = [
        unread_where("pff_role", pl.col("role").is_null(), "role that is known", path.name),
        *(_neither(name, path) for name in _PRESSURE),
    ]
    pressure = pl.max_horizontal(yes_or_no(name).cast(pl.Int8) for name in _PRESSURE)
    plays = table.group_by(SOURCE_KEY, maintain_order=True).agg(recorded_pressure=_any(pressure))
    roles = table.select(*_PLAYER_KEY, "role").drop_nulls("role")
    return charted.says(roles, _with_unread(plays, table, unread))


def _recorded_2025(folder: Path) -> Recorded:
    """Roles, returns of interceptions, pressure by the league's model, the route of the target."""
    path = folder / "player_play.csv"
    more = ("interceptionYards", "causedPressure", "routeRan", "teamAbbr")
    charted = _table(path, _KEYS, (), *_FLAGGED_ROLES, *more)
    table = charted.rows
    flags = {name: yes_or_no(name) for name in (*_FLAGGED_ROLES, "causedPressure")}
    yards = whole(pl.col("interceptionYards").cast(pl.Float64, strict=False))
    yards = yards.cast(pl.Int32, strict=False)
    strange, route = unknown_words(table, "routeRan", "target_route")
    unread = [
        *(_neither(name, path) for name in flags),
        unread_where("interceptionYards", yards.is_null(), "whole number", path.name),
        # Of others the route enters nothing.
        unread_where("routeRan", flags["wasTargettedReceiver"] & strange, route, path.name),
        unread_where("teamAbbr", _strange_team(table), "team of the play", path.name),
    ]
    plays = (
        table.group_by(SOURCE_KEY, maintain_order=True)
        .agg(
            # A return that goes on after a lateral is recorded for both players.
            interception_return_yards=pl.when(yards.count() > 0)
            .then(yards.cast(pl.Int64).sum())
            .cast(pl.Int32, strict=False),
            recorded_pressure=_any(flags["causedPressure"].cast(pl.Int8)),
            target_route=pl.col("routeRan").filter(flags["wasTargettedReceiver"]).first(),
        )
        .with_columns(spelled("target_route"))
    )
    roles = pl.concat(
        table.filter(flags[flag]).select(*_PLAYER_KEY, role=pl.lit(role))
        for flag, role in _FLAGGED_ROLES.items()
    )
    return charted.says(roles, _with_unread(plays, table, unread))


def _strange_team(table: pl.DataFrame) -> pl.Expr:
    """Whether a row's team is none of the league, or the rarest of three in its play."""
    code = team_code("teamAbbr")
    known = code.is_in(list(TEAMS)).fill_null(value=True)
    count = pl.len().over(*SOURCE_KEY, code)
    third = (code.n_unique().over(SOURCE_KEY) > 2) & (count == count.min().over(SOURCE_KEY))
    # A set under pseudonyms has no team that is known.
    return third | ~known if 2 * table.select(known.sum()).item() > table.height else third


def _neither(column: str, path: Path) -> pl.Expr:
    return unread_where(column, yes_or_no(column).is_null(), _YES_OR_NO, path.name)


def _with_unread(
    plays: pl.DataFrame, table: pl.DataFrame, sentences: list[pl.Expr]
) -> pl.DataFrame:
    return left_join(plays, unread_by_play(table, SOURCE_KEY, sentences), on=SOURCE_KEY)


def _any(flag: pl.Expr) -> pl.Expr:
    """Whether one of a play's flags is set; null where none is charted."""
    return flag.max() > 0


RECORDED: Final[dict[str, Callable[[Path], Recorded]]] = {
    "bdb_2021": _recorded_2021,
    "bdb_2023": _recorded_2023,
    "bdb_2025": _recorded_2025,
}
"""Readers of the tables that a column map cannot describe, by layout."""
