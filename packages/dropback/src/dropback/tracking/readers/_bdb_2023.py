"""Big Data Bowl 2023: dropbacks of 2021, weeks 1 to 8, clipped around snap and throw.

``team`` is a team code or football. The scouting file gives every player's role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.tracking.readers import _bdb
from dropback.tracking.readers._format import Format
from dropback.tracking.readers._tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT"]

# The scouts' word for a route covers the target too, which this set does not name.
_ROLES = {
    "Pass": "passer",
    "Pass Route": "eligible",
    "Pass Block": "blocker",
    "Pass Rush": "rusher",
    "Coverage": "coverage",
}


def _scouted_roles(folder: Path) -> pl.DataFrame:
    return (
        read_table(folder / "pffScoutingData.csv")
        .select(
            pl.col("gameId").cast(pl.Int64).alias("source_game_id"),
            pl.col("playId").cast(pl.Int64).alias("source_play_id"),
            pl.col("nflId").cast(pl.Float64, strict=False).cast(pl.Int64).alias("player_id"),
            pl.col("pff_role")
            .replace_strict(_ROLES, default=None, return_dtype=pl.String)
            .alias("role"),
        )
        .drop_nulls()
    )


FORMAT = Format(
    name="bdb_2023",
    rows={**_bdb.ROWS, "team": "team"},
    signature=frozenset({"gameId", "playId", "nflId", "frameId", "team", "playDirection", "o"}),
    absent=frozenset({"route", "frameType", "club"}),
    possession="code",
    plays_file="plays.csv",
    plays=_bdb.PLAYS,
    players_file="players.csv",
    players=_bdb.PLAYERS,
    given_roles=_scouted_roles,
)
