"""Big Data Bowl 2025: every play of 2022, weeks 1 to 9, before and after the snap.

``club`` is a team code or football; ``frameType`` marks the snap where no event does; the target,
the rushers and the return of an interception are in ``player_play.csv``.
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

# `wasTargettedReceiver` is the file's own spelling. `wasInitialPassRusher` is NA off the rush.
_FLAGS = {"wasTargettedReceiver": "target", "wasInitialPassRusher": "rusher"}


def _flagged_roles(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv")
    keys = [
        pl.col("gameId").cast(pl.Int64).alias("source_game_id"),
        pl.col("playId").cast(pl.Int64).alias("source_play_id"),
        pl.col("nflId").cast(pl.Float64, strict=False).cast(pl.Int64).alias("player_id"),
    ]
    return pl.concat(
        table.filter(pl.col(flag).cast(pl.Float64, strict=False) == 1).select(
            *keys, pl.lit(role).alias("role")
        )
        for flag, role in _FLAGS.items()
        if flag in table.columns
    ).drop_nulls()


def _interception_returns(folder: Path) -> pl.DataFrame:
    table = read_table(folder / "player_play.csv")
    if "interceptionYards" not in table.columns:
        table = table.with_columns(interceptionYards=pl.lit(None, dtype=pl.String))
    # A return that goes on after a lateral stands at both men.
    yards = pl.col("interceptionYards").cast(pl.Float64, strict=False)
    return (
        table.with_columns(interception_return_yards=yards)
        .drop_nulls("interception_return_yards")
        .group_by(
            pl.col("gameId").cast(pl.Int64).alias("source_game_id"),
            pl.col("playId").cast(pl.Int64).alias("source_play_id"),
        )
        .agg(pl.col("interception_return_yards").sum().cast(pl.Int32))
    )


FORMAT = Format(
    name="bdb_2025",
    rows={**_bdb.ROWS, "team": "club", "snap_marker": "frameType"},
    signature=frozenset({"gameId", "playId", "nflId", "frameId", "club", "frameType", "o"}),
    possession="code",
    plays_file="plays.csv",
    plays=_bdb.PLAYS,
    players_file="players.csv",
    players=_bdb.PLAYERS,
    given_roles=_flagged_roles,
    interception_returns=_interception_returns,
)
