"""Read what the NFL Big Data Bowl records in tables of its own: roles, and interception returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dropback.tracking.readers._ids import id_number, whole_number
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


def _targets_of_2021(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "targetedReceiver.csv", (*_KEYS, "targetNflId"))
    table = table.rename({"targetNflId": "nflId"})
    return table.select(*_PLAYER_KEY, role=pl.lit("target")).drop_nulls()


def _roles_of_2023(folder: Path) -> pl.DataFrame:
    role = pl.col("pff_role").replace_strict(_SCOUTED_ROLES, default=None, return_dtype=pl.String)
    table = read_table(folder / "pffScoutingData.csv", (*_KEYS, "pff_role"))
    return table.select(*_PLAYER_KEY, role=role).drop_nulls()


def _roles_of_2025(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv", (*_KEYS, *_FLAGGED_ROLES))
    return pl.concat(
        table.filter(pl.col(flag).cast(pl.Float64, strict=False) == 1).select(
            *_PLAYER_KEY, role=pl.lit(role)
        )
        for flag, role in _FLAGGED_ROLES.items()
        if flag in table.columns
    ).drop_nulls()


def _interception_returns_of_2025(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv", (*_KEYS, "interceptionYards"))
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


RECORDED: dict[str, dict[str, Any]] = {
    "bdb_2021": {"recorded_roles": _targets_of_2021},
    "bdb_2023": {"recorded_roles": _roles_of_2023},
    "bdb_2025": {
        "recorded_roles": _roles_of_2025,
        "interception_returns": _interception_returns_of_2025,
    },
}
"""Readers of the layouts that a column map cannot describe, by layout and field of `Format`."""
