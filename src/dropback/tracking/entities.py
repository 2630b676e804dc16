"""Who is on the field: the entities of each play, their sides, roles given and slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking.readers import height_in, normalized_position, nulls_restored, team_code
from dropback.tracking.roles import assign_slots, named_passers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.tracking.readers import Format

__all__ = [
    "SOURCE_KEY",
    "SideTables",
    "WindowRows",
    "find_entities",
    "number_groups",
    "place_entities",
    "rows_inside",
]

SOURCE_KEY: Final = ["source_game_id", "source_play_id"]
_BALL_WORDS: Final = ("ball", "football")


@dataclass(frozen=True)
class SideTables:
    """What a set holds beside its tracking rows.

    Args:
        plays: Rows of `PLAY_COLUMNS` plus ``offense_label``; empty where the rows hold them.
        players: One row a player.
        roles: Given roles by play and player.
    """

    plays: pl.DataFrame
    players: pl.DataFrame
    roles: pl.DataFrame


@dataclass(frozen=True)
class WindowRows:
    """The rows inside the windows of fit plays.

    ``row`` is a row's number in ``rows``; ``play`` and ``entity`` are numbers, ``frame`` counts
    from the snap; ``first_row`` is the first row of each entity.
    """

    rows: pl.DataFrame
    row: NDArray[np.int64]
    play: NDArray[np.int64]
    frame: NDArray[np.int64]
    entity: NDArray[np.int64]
    first_row: NDArray[np.int64]


def number_groups(keys: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of each row's group in order of first row, and the first row of each group."""
    count = len(keys[0])
    if not count:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Files keep a play's rows together and a player's rows within it, so stretches of equal keys
    # are a thousandth to a fortieth of the rows: only their heads need a table.
    new = np.ones(count, bool)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    heads = np.flatnonzero(new)
    table = pl.DataFrame([pl.Series(str(i), key[heads]) for i, key in enumerate(keys)])
    firsts_of_heads = table.with_row_index("head").select(
        pl.col("head").first().over(table.columns)
    )["head"]
    firsts = firsts_of_heads.unique().sort()
    number = firsts.search_sorted(firsts_of_heads).to_numpy().astype(np.int64)
    return np.repeat(number, np.diff(heads, append=count)), heads[firsts.to_numpy()]


def rows_inside(
    rows: pl.DataFrame,
    play: NDArray[np.int64],
    frame: NDArray[np.int64],
    plays: pl.DataFrame,
) -> WindowRows:
    """Rows between snap and end of the fit plays, with their entities numbered."""
    count = int(play.max(initial=-1)) + 1
    fit = plays["play"].to_numpy()
    snap = np.full(count, np.iinfo(np.int64).max // 2)
    length = np.full(count, -1)
    snap[fit] = plays["snap_frame"].to_numpy()
    length[fit] = (plays["end_frame"] - plays["snap_frame"]).to_numpy()
    since_snap = frame - snap[play]
    row = np.flatnonzero((since_snap >= 0) & (since_snap <= length[play]))
    player = rows["player_id"].fill_null(-1).to_numpy()[row]
    entity, firsts = number_groups([play[row], player])
    return WindowRows(rows, row, play[row], since_snap[row], entity, row[firsts])


def find_entities(
    window: WindowRows, plays: pl.DataFrame, layout: Format, tables: SideTables
) -> pl.DataFrame:
    """One row a play and entity in the window: who, which side, where at the snap."""
    count = len(window.first_row)
    play_of_entity = np.zeros(count, np.int64)
    play_of_entity[window.entity] = window.play
    heads = nulls_restored(window.rows[window.first_row]).with_columns(
        entity=pl.Series(np.arange(count)),
        play=pl.Series(play_of_entity),
        **_at_snap(window, count),
    )
    given = ["position", "display_name", "gsis_id", "height", "weight", "team_code", "home_flag"]
    absent = [pl.lit(None, dtype=pl.String).alias(c) for c in given if c not in heads.columns]
    is_ball = pl.col("team").str.to_lowercase().is_in(_BALL_WORDS) | (
        pl.col("player_id").is_null() & pl.col("team").is_null()
    )
    table = (
        heads.with_columns(absent)
        .with_columns(normalized_position("position"), team_code("team"), team_code("team_code"))
        .join(tables.players, on="player_id", how="left", suffix="_t", maintain_order="left")
        .join(
            plays.select("play", *SOURCE_KEY, "offense_label", "passer_id", "target_id"),
            on="play",
            how="left",
            maintain_order="left",
            suffix="_p",
        )
        .with_columns(
            *(pl.coalesce(c, f"{c}_t").alias(c) for c in ("position", "display_name", "gsis_id")),
            height_in=pl.coalesce(height_in("height"), "height_in"),
            weight_lb=pl.coalesce(pl.col("weight").cast(pl.Float32, strict=False), "weight_lb"),
            side=pl.when(is_ball.fill_null(value=False))
            .then(pl.lit("ball"))
            .when(pl.col("team") == pl.col("offense_label"))
            .then(pl.lit("offense"))
            .otherwise(pl.lit("defense")),
        )
    )
    return _with_given_roles(table, layout, tables).select(
        "entity",
        "play",
        "player_id",
        "gsis_id",
        "display_name",
        "position",
        "height_in",
        "weight_lb",
        "side",
        "x_yd",
        "y_yd",
        "given_role",
        "team_code",
        "home_flag",
    )


def place_entities(
    entities: pl.DataFrame, plays: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Slots of the entities; which way each play moves, from where the sides stand."""
    centers = entities.group_by("play").agg(
        offense_x=pl.col("x_yd").filter(pl.col("side") == "offense").mean(),
        defense_x=pl.col("x_yd").filter(pl.col("side") == "defense").mean(),
    )
    plays = plays.join(centers, on="play", how="left", maintain_order="left").with_columns(
        moves_right=pl.col("offense_x") < pl.col("defense_x"),
        side_gap_yd=(pl.col("offense_x") - pl.col("defense_x")).abs(),
    )
    turned = entities.join(
        plays.select("play", "moves_right"), on="play", how="left", maintain_order="left"
    )
    sign = pl.when("moves_right").then(1.0).otherwise(-1.0)
    passers = named_passers(plays, entities).with_columns(named_passer=pl.lit(value=True))
    named = turned.join(passers, on=["play", "player_id"], how="left", maintain_order="left")
    slots = assign_slots(
        named.with_columns(
            pl.col("x_yd", "y_yd") * sign, pl.col("named_passer").fill_null(value=False)
        )
    )
    first_number = pl.DataFrame({"play": plays["play"], "n": np.arange(plays.height)})
    return (
        slots.drop("x_yd", "y_yd", "moves_right")
        .join(first_number, on="play", how="left", maintain_order="left")
        .join(
            plays.select("play", "game_id", "play_id"), on="play", how="left", maintain_order="left"
        )
        .sort("n", "slot")
    ), plays


def _at_snap(window: WindowRows, count: int) -> dict[str, pl.Series]:
    """Coordinates of each entity in its first frame among the first four."""
    where = {name: np.full(count, np.nan, np.float32) for name in ("x_yd", "y_yd")}
    early = np.flatnonzero(window.frame <= 3)
    # The earliest is written last, so that it stays.
    early = early[np.argsort(-window.frame[early], kind="stable")]
    for name, values in where.items():
        column = window.rows[name].to_numpy()
        values[window.entity[early]] = column[window.row[early]]
    return {name: pl.Series(values, nan_to_null=True) for name, values in where.items()}


def _with_given_roles(table: pl.DataFrame, layout: Format, tables: SideTables) -> pl.DataFrame:
    # A target outranks the scouts' "route", so only one role a man is kept, the most telling.
    rank = {"target": 0, "passer": 1, "rusher": 2, "blocker": 3, "coverage": 4, "eligible": 5}
    roles = (
        tables.roles.with_columns(rank=pl.col("role").replace_strict(rank, return_dtype=pl.Int8))
        .sort("rank")
        .unique([*SOURCE_KEY, "player_id"], keep="first", maintain_order=True)
        .select(*SOURCE_KEY, "player_id", role_of_table="role")
    )
    in_rows = (
        pl.col("role").replace_strict(layout.row_roles, default=None, return_dtype=pl.String)
        if "role" in table.columns
        else pl.lit(None, dtype=pl.String)
    )
    return table.join(
        roles, on=[*SOURCE_KEY, "player_id"], how="left", maintain_order="left"
    ).with_columns(
        given_role=pl.coalesce(
            pl.when(pl.col("player_id") == pl.col("passer_id")).then(pl.lit("passer")),
            pl.when(pl.col("player_id") == pl.col("target_id")).then(pl.lit("target")),
            in_rows,
            pl.col("role_of_table"),
        )
    )
