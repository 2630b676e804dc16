"""Big Data Bowl 2021: pass plays of 2018, without linemen.

``team`` is home, away or football; the target is in ``targetedReceiver.csv``. On some plays the
whole defense is missing: those are set aside.
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


def _targets(folder: Path) -> pl.DataFrame:
    return (
        read_table(folder / "targetedReceiver.csv")
        .select(
            pl.col("gameId").cast(pl.Int64).alias("source_game_id"),
            pl.col("playId").cast(pl.Int64).alias("source_play_id"),
            pl.col("targetNflId").cast(pl.Float64, strict=False).cast(pl.Int64).alias("player_id"),
            pl.lit("target").alias("role"),
        )
        .drop_nulls()
    )


FORMAT = Format(
    name="bdb_2021",
    rows={**_bdb.ROWS, "team": "team", "position": "position", "display_name": "displayName"},
    signature=frozenset({"gameId", "playId", "nflId", "frameId", "team", "route", "position"}),
    possession="home_or_away",
    plays_file="plays.csv",
    plays={**_bdb.PLAYS, "absolute_yardline_x_yd": ("absoluteYardlineNumber",)},
    players_file="players.csv",
    players=_bdb.PLAYERS,
    given_roles=_targets,
    lacks=("linemen",),
)
