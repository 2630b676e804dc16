"""Hold the release of each play against when the ball leaves the passer.

An event that is charted at another moment gives features of another moment, and nothing fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._compiled import compiled
from dropback.tracking._schema import BALL_SLOT, SLOTS
from dropback.tracking._windows import FORWARD_PASSES

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers, Singles
    from dropback.tracking.ingest._entities import PlayerRuns

# In the hand the ball is within .5 to 1.5 yards of the passer; a thrown one is gone in a frame.
_NEAR_YD: Final = 2.0
# Frames after the release to look for the ball in: one that comes back takes longer.
_LATER: Final = 8


def moments(
    rows: pl.DataFrame, runs: PlayerRuns, plays: pl.DataFrame, entities: pl.DataFrame
) -> list[pl.Series]:
    """How far events are from where the ball moves, in frames.

    Distances are in the set's own unit: of a set in meters the bounds are a tenth wider.

    Args:
        rows: Source rows on one clock.
        runs: Their runs by player.
        plays: Plays with ``snap_frame``, ``end_frame``, ``end_event`` and ``moves_right``.
        entities: Their entities, placed.

    Returns:
        ``release_off_frames`` of each play, as in `Plays`.
    """
    cell = _cell_of_runs(runs, entities)
    off = _release_off(rows, runs, plays, entities, cell)
    return [pl.Series("release_off_frames", off, pl.Float32, nan_to_null=True)]


def _cell_of_runs(runs: PlayerRuns, entities: pl.DataFrame) -> Integers:
    """Index of play times `SLOTS` plus slot of whom each run is of, -1 for nobody."""
    placed = entities.select(
        "play", pl.col("player_id").fill_null(-1), cell=pl.col("n") * SLOTS + pl.col("slot")
    ).unique(["play", "player_id"], keep="last")
    found = pl.DataFrame({"play": runs.play, "player_id": runs.player}).join(
        placed, on=["play", "player_id"], how="left", maintain_order="left"
    )
    return found["cell"].fill_null(-1).cast(pl.Int64).to_numpy()


def _release_off(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    entities: pl.DataFrame,
    cell: Integers,
) -> Floats:
    """Last frame with the ball near the passer, from the release of a forward pass; NaN for none.

    Up to `_LATER` frames after it.
    """
    thrown = plays["end_event"].is_in(FORWARD_PASSES).fill_null(value=False).to_numpy()
    is_passer = (pl.col("role_at_snap") == "passer") & (pl.col("slot") < BALL_SLOT)
    passer = entities.filter(is_passer).select(pl.col("n", "slot").cast(pl.Int64)).to_numpy()
    who = np.full(len(thrown) * SLOTS, -1)
    who[passer[:, 0] * SLOTS + passer[:, 1]] = 0
    who[BALL_SLOT::SLOTS] = 1
    snap, end = (plays[f"{name}_frame"].to_numpy().astype(np.int64) for name in ("snap", "end"))
    lengths = np.where(thrown, end - snap + 1 + _LATER, 0)
    base = np.cumsum(lengths) - lengths
    tracks = np.full((2, 2, int(lengths.sum())), np.nan, np.float32)
    x, y = (rows[name].to_numpy() for name in ("x_yd", "y_yd"))
    frame = rows["frame"].to_numpy()
    write_tracks(x, y, frame, runs.head, runs.length, cell, who, snap, lengths, base, tracks)
    (passer_x, ball_x), (passer_y, ball_y) = tracks
    is_near = np.hypot(ball_x - passer_x, ball_y - passer_y) < _NEAR_YD
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)
    release, bound = base + end - snap, base + lengths
    # A ball that comes back to the passer is another's; one that has not yet come at the release
    # is not gone.
    gone = np.append(far, len(is_near))[np.searchsorted(far, release)]
    until_gone = _last_before(near, np.minimum(gone, bound), base)
    last = np.where(until_gone < 0, _last_before(near, bound, base), until_gone)
    return np.where(last < 0, np.nan, last - release)


def _last_before(places: Integers, bound: Integers, base: Integers) -> Integers:
    """The last of ascending places below each bound and from each base on, -1 for none."""
    last = np.concatenate([[-1], places])[np.searchsorted(places, bound)]
    return np.where(last < base, -1, last)


@compiled
def write_tracks(
    x: Singles,
    y: Singles,
    frame: Integers,
    head: Integers,
    length: Integers,
    cell: Integers,
    who: Integers,
    snap: Integers,
    lengths: Integers,
    base: Integers,
    tracks: Singles,
) -> None:
    """Write the coordinates of a few of each play from its snap on, by frame.

    Args:
        x: Of all rows.
        y: Likewise.
        frame: Likewise.
        head: First row of each run.
        length: Its rows.
        cell: Index of play times `SLOTS` plus slot, -1 for nobody.
        who: Which of the tracks each cell is, -1 for none.
        snap: Frame of each play's snap.
        lengths: Frames of each play that are wanted.
        base: Place of each play's snap in `tracks`.
        tracks: Written: x and y of each track, shape ``[2, W, M]``.
    """
    for run in range(len(head)):
        if cell[run] < 0 or who[cell[run]] < 0:
            continue
        play, track = cell[run] // SLOTS, who[cell[run]]
        for at in range(head[run], head[run] + length[run]):
            since = frame[at] - snap[play]
            if 0 <= since < lengths[play]:
                tracks[0, track, base[play] + since] = x[at]
                tracks[1, track, base[play] + since] = y[at]
