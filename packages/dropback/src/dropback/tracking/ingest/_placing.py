"""Place the entities of each play in their slots, and find which way the play moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.tracking._roles import assign_slots, named_passers
from dropback.tracking.ingest._holders import doubtful_passers, with_likely_passers
from dropback.tracking.readers._cells import UNREAD
from dropback.tracking.readers._plays import MORE, with_more

if TYPE_CHECKING:
    from dropback.tracking.ingest._entities import WindowRows


def place_entities(
    entities: pl.DataFrame, plays: pl.DataFrame, window: WindowRows
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Slots of the entities; which way each play moves, from where the sides stand."""
    centers = entities.group_by("play").agg(
        offense_x=pl.col("x_yd").filter(pl.col("side") == "offense").mean(),
        defense_x=pl.col("x_yd").filter(pl.col("side") == "defense").mean(),
    )
    plays = left_join(plays, centers, on="play").with_columns(
        moves_right=pl.col("offense_x") < pl.col("defense_x"),
        side_gap_yd=(pl.col("offense_x") - pl.col("defense_x")).abs(),
    )
    moving = left_join(entities, plays.select("play", "moves_right"), on="play")
    sign = pl.when("moves_right").then(1.0).otherwise(-1.0)
    passers = named_passers(plays, entities).with_columns(named_passer=pl.lit(value=True))
    likely = with_likely_passers(moving, plays, passers, window)
    doubts = doubtful_passers(likely).rename({UNREAD: MORE})
    plays = with_more(left_join(plays, doubts, on="play"))
    named = left_join(likely, passers, on=["play", "player_id"])
    slots = assign_slots(
        named.with_columns(
            pl.col("x_yd", "y_yd") * sign, pl.col("named_passer").fill_null(value=False)
        )
    )
    index_of_play = pl.DataFrame({"play": plays["play"], "n": np.arange(plays.height)})
    return (
        left_join(slots.drop("x_yd", "y_yd", "moves_right"), index_of_play, on="play")
        .pipe(left_join, plays.select("play", "game_id", "play_id"), on="play")
        .sort("n", "slot")
    ), plays
