"""Tell the passer where no position, description or role does: by who holds the ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.tracking._schema import BALL_SLOT, SLOTS
from dropback.tracking.ingest._passes import scatter
from dropback.tracking.readers._cells import CELL, unread_by_play

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers, Singles
    from dropback.tracking.ingest._entities import WindowRows

# Half a second after the snap the passer has the ball: before it is the center's.
_HELD_FROM: Final = 5
# As far from the ball all are alike.
_FAR_YD: Final = 2.5
# Who is nearer to the foremost at the snap is of the line; these are so near to it.
_BEHIND_YD: Final = 0.8
_ON_LINE_YD: Final = 1.5
_LINEMAN: Final = 100.0
# Of 304 highlights without a ball and positions 30 passers are wrong, 20 of them among the 96 whose
# next is so near; of 387 plays with a ball one.
_DOUBTFUL_YD: Final = 2.0

DOUBTFUL: Final = "a passer who cannot be told"


def with_likely_passers(
    entities: pl.DataFrame, plays: pl.DataFrame, named: pl.DataFrame, window: WindowRows
) -> pl.DataFrame:
    """The entities with how unlikely each of the offense is to be the passer.

    Who holds the ball from half a second after the snap until the release is the passer. Without a
    ball, who stands behind the middle of the line and stays there.

    Args:
        entities: One row a play and entity, at the snap, with ``moves_right``.
        plays: Their plays.
        named: ``play`` of those whose description names a passer.
        window: The rows of the plays.

    Returns:
        The entities with ``unlikely_passer``, yards, null in plays whose passer is told otherwise.
    """
    of_offense = pl.col("side") == "offense"
    is_told = (pl.col("recorded_role") == "passer") | (of_offense & (pl.col("position") == "QB"))
    untold = (
        entities.group_by("play", maintain_order=True)
        .agg(told=is_told.fill_null(value=False).any())
        .filter(~pl.col("told"))
        .join(named, on="play", how="anti", maintain_order="left")
        .join(plays.select("play", "snap_frame", "end_frame"), on="play", maintain_order="left")
        .with_row_index("of")
    )
    if untold.is_empty():
        return entities.with_columns(unlikely_passer=pl.lit(None, pl.Float64))
    who = (
        entities.filter(of_offense | (pl.col("side") == "ball"))
        .join(untold.select("play", "of"), on="play", maintain_order="left")
        .with_columns(place=pl.int_range(pl.len()).over("play", "side"))
        .with_columns(place=pl.when(of_offense).then("place").otherwise(BALL_SLOT))
        .filter((pl.col("place") < BALL_SLOT) == of_offense)
    )
    score = _unlikely(who, (untold["end_frame"] - untold["snap_frame"] + 1).to_numpy(), window)
    found = who.select("entity", unlikely_passer=pl.Series(score)).filter(
        pl.col("unlikely_passer").is_finite()
    )
    return left_join(entities, found, on="entity")


def doubtful_passers(entities: pl.DataFrame) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays without a ball in which two may be the passer."""
    unlikely = pl.col("unlikely_passer")
    two = (
        entities.drop_nulls("unlikely_passer")
        .join(entities.filter(side="ball"), on="play", how="anti")
        .sort("play", "unlikely_passer")
        .group_by("play", maintain_order=True)
        .agg(
            apart=unlikely.get(1, null_on_oob=True) - unlikely.first(),
            first=pl.col("player_id").first(),
            second=pl.col("player_id").get(1, null_on_oob=True),
        )
        .filter(pl.col("apart") < _DOUBTFUL_YD)
    )
    said = pl.format(f"{DOUBTFUL}{CELL}player {{}} or player {{}}", "first", "second")
    return unread_by_play(two, ["play"], [said])


def _unlikely(who: pl.DataFrame, lengths: Integers, window: WindowRows) -> Floats:
    """How unlikely each of some entities is to be the passer of its play, yards."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    at = who["of"].to_numpy().astype(np.int64), who["place"].to_numpy().astype(np.int64)
    base = np.full(len(window.first_row), -1, np.int64)
    base[who["entity"].to_numpy()] = offsets[at[0]] * SLOTS + at[1]
    x, y = np.full((2, int(offsets[-1]), SLOTS), np.nan, np.float32)
    runs = window.row, window.frame, window.length, window.entity
    for values, name in ((x, "x_yd"), (y, "y_yd")):
        scatter(window.rows[name].to_numpy(), *runs, base, values.reshape(-1), first_stays=True)
    since = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    until = np.repeat(lengths, lengths) - 1
    held = (since < until) & (since >= np.minimum(_HELD_FROM, until - 1))
    gap = np.hypot(x - x[:, BALL_SLOT:], y - y[:, BALL_SLOT:])
    apart = _mean(np.minimum(gap, _FAR_YD), held, offsets)
    sign = np.ones((len(lengths), 1))
    sign[at[0], 0] = np.where(who["moves_right"].fill_null(value=True).to_numpy(), 1.0, -1.0)
    deep = sign * _mean(x, held, offsets)
    first_x, first_y = sign * x[offsets[:-1]], y[offsets[:-1]]
    behind = _greatest(first_x[:, :BALL_SLOT]) - first_x
    on_line = np.where(behind < _ON_LINE_YD, first_y, np.nan)[:, :BALL_SLOT]
    on_line[np.isnan(on_line).all(axis=1)] = 0.0
    off_middle = np.abs(first_y - np.nanmedian(on_line, axis=1, keepdims=True))
    stays = off_middle + deep + _greatest(-deep[:, :BALL_SLOT])
    stays = np.where(behind < _BEHIND_YD, _LINEMAN, 0.0) + stays
    has_ball = np.isfinite(apart[:, :BALL_SLOT]).any(axis=1, keepdims=True)
    return np.asarray(np.where(has_ball, apart, stays)[at])


def _mean(values: Singles, wanted: Flags, offsets: Integers) -> Floats:
    """Mean over the wanted frames of each play; NaN for none."""
    known = np.isfinite(values) & wanted[:, None]
    total = np.add.reduceat(np.where(known, values, 0.0), offsets[:-1])
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.add.reduceat(known, offsets[:-1], dtype=np.int64))


def _greatest(values: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(values), -np.inf, values).max(axis=1, keepdims=True))
