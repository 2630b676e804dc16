"""Read what the NFL Big Data Bowl records in tables of its own: roles, pressure, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dropback.errors import ReaderError
from dropback.tracking.readers._ids import id_number, whole, whole_number
from dropback.tracking.readers._plays import TRUE_WORDS
from dropback.tracking.readers._tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

_PLAYER_KEY = [
    whole_number("gameId").alias("source_game_id"),
    whole_number("playId").alias("source_play_id"),
    id_number("nflId").alias("player_id"),
]
_KEYS = ("gameId", "playId", "nflId")

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


def _table(path: Path, needed: tuple[str, ...], *more: str) -> pl.DataFrame:
    """A table that must have the keys of plays and players, and what it is read for."""
    table = read_table(path, (*_KEYS, *needed, *more))
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise ReaderError(
            f"{path} must have the columns {', '.join(needed)}, but lacks {', '.join(lacking)}."
        )
    return table


def _targets_of_2021(folder: Path) -> pl.DataFrame:
    table = _table(folder / "targetedReceiver.csv", (*_KEYS[:2], "targetNflId"))
    target = id_number("targetNflId").alias("player_id")
    return table.select(*_PLAYER_KEY[:2], target, role=pl.lit("target"))


def _roles_of_2023(folder: Path) -> pl.DataFrame:
    role = pl.col("pff_role").replace_strict(_SCOUTED_ROLES, default=None, return_dtype=pl.String)
    table = _table(folder / "pffScoutingData.csv", (*_KEYS, "pff_role"))
    return table.select(*_PLAYER_KEY, role=role).drop_nulls("role")


def _roles_of_2025(folder: Path) -> pl.DataFrame:
    table = _table(folder / "player_play.csv", _KEYS, *_FLAGGED_ROLES)
    return pl.concat(
        table.filter(pl.col(flag).cast(pl.Float64, strict=False) == 1).select(
            *_PLAYER_KEY, role=pl.lit(role)
        )
        for flag, role in _FLAGGED_ROLES.items()
        if flag in table.columns
    )


def _plays_of_2023(folder: Path) -> pl.DataFrame:
    """Pressure by the scouts: a hit, a hurry or a sack of any rusher."""
    charted = ("pff_hit", "pff_hurry", "pff_sack")
    table = _table(folder / "pffScoutingData.csv", _KEYS, *charted)
    there = [_number(name) for name in charted if name in table.columns]
    return table.group_by(_PLAYER_KEY[:2]).agg(recorded_pressure=_any(there))


def _plays_of_2025(folder: Path) -> pl.DataFrame:
    """Returns of interceptions, pressure by the league's model, and the route of the target."""
    wanted = ("interceptionYards", "causedPressure", "routeRan", "wasTargettedReceiver")
    table = _table(folder / "player_play.csv", _KEYS, *wanted)
    table = table.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in wanted if name not in table.columns
    )
    yards = _number("interceptionYards")
    pressure = pl.col("causedPressure").str.to_uppercase()
    return table.group_by(_PLAYER_KEY[:2]).agg(
        # A return that goes on after a lateral is recorded for both players.
        interception_return_yards=pl.when(yards.count() > 0)
        .then(whole(yards.sum()))
        .cast(pl.Int32, strict=False),
        recorded_pressure=_any(
            [
                pressure.replace(dict.fromkeys(TRUE_WORDS, "1"))
                .cast(pl.Float64, strict=False)
                .fill_null(pl.when(pressure.is_not_null()).then(0.0))
            ]
        ),
        target_route=pl.col("routeRan").filter(_number("wasTargettedReceiver") == 1).first(),
    )


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64, strict=False)


def _any(flags: list[pl.Expr]) -> pl.Expr:
    """Whether one of a play's flags is set; null where none is charted."""
    highest = pl.max_horizontal(flags) if flags else pl.lit(None, dtype=pl.Float64)
    return highest.max() > 0


RECORDED: dict[str, dict[str, Any]] = {
    "bdb_2021": {"recorded_roles": _targets_of_2021},
    "bdb_2023": {"recorded_roles": _roles_of_2023, "recorded_plays": _plays_of_2023},
    "bdb_2025": {"recorded_roles": _roles_of_2025, "recorded_plays": _plays_of_2025},
}
"""Readers of the layouts that a column map cannot describe, by layout and field of `Format`."""
