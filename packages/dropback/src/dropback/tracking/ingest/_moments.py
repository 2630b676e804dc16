"""Hold the snap and the release of each play against when the players and the ball move.

An event charted at another moment, or a ball whose values lag behind its frames, gives features of
another moment, and nothing fails. Three things start at a snap, the line, all players and the ball,
and one ends at a release: the ball leaves the passer. What is off together tells what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._compiled import compiled
from dropback.tracking._schema import BALL_SLOT, SLOTS
from dropback.tracking._windows import FORWARD_PASSES

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers, Singles
    from dropback.tracking.ingest._entities import PlayerRuns

# Frames around the snap to look for the starts in.
_FIRST: Final = -14
_LAST: Final = 25
# How far they go in so many frames once they have started: at 1.2, .8 and, the ball backward, 3
# yards a second.
_OVER: Final = 3
_PLAYERS_YD: Final = 0.36
_LINE_YD: Final = 0.24
_BALL_OVER: Final = 2
_BALL_YD: Final = 0.6
# Between the medians of the highlights (6, 4 and 1) and of 2017 (7, 6 and 2).
_USUAL: Final = np.array([[6.0], [5.0], [1.5]])

# In the hand the ball is within .5 to 1.5 yards of the passer; a thrown one is gone in a frame.
_NEAR_YD: Final = 2.0
# Of 374 passes all but the two of 2017 with a ball that is 1.8 s behind are within 2 frames: of
# those whose ball leaves the passer 3 frames early or late none starts so too.
BALL_OFF: Final = (-3.0, 2.0)
# Frames after the release to look for the ball in: one that comes back takes longer.
_LATER: Final = 8
# A pass that arrives within so many frames may fly so slowly that it is near the passer for three:
# 5 of 200 simulated ones do, at 3.6 to 6.4 yards a second.
_SHORT: Final = 5

_CELL: Final = pl.col("n").cast(pl.Int64) * SLOTS + pl.col("slot").cast(pl.Int64)


def moments(
    rows: pl.DataFrame, runs: PlayerRuns, plays: pl.DataFrame, entities: pl.DataFrame
) -> list[pl.Series]:
    """How far events and the ball's values are from where players and ball move, in frames.

    Distances are in the set's own unit: of a set in meters the bounds are a tenth wider.

    Args:
        rows: Source rows on one clock.
        runs: Their runs by player.
        plays: Plays with ``snap_frame``, ``end_frame``, ``end_event``, ``arrival_frame`` and
            ``moves_right``.
        entities: Their entities, placed.

    Returns:
        ``snap_off_frames``, ``ball_off_frames`` and ``release_off_frames`` of each play, as in
        `Plays`.
    """
    cell = _cell_of_runs(runs, entities)
    starts = _starts(rows, runs, plays, entities, cell) - _USUAL
    snap_off = np.median(starts, axis=0)
    release_off = _release_off(rows, runs, plays, entities, cell)
    # Where only one of the two is off the ball is where its frames are.
    ball_off = starts[2] - snap_off
    least = np.minimum(np.abs(ball_off), np.abs(release_off))
    ball_off = np.where(ball_off * release_off < 0, 0.0, np.copysign(least, release_off))
    release_off[(ball_off < BALL_OFF[0]) | (ball_off > BALL_OFF[1])] = np.nan
    measured = {
        "snap_off_frames": snap_off,
        "ball_off_frames": ball_off,
        "release_off_frames": release_off,
    }
    return [pl.Series(name, off, pl.Float32, nan_to_null=True) for name, off in measured.items()]


def _starts(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    entities: pl.DataFrame,
    cell: Integers,
) -> Floats:
    """Frames since the snap at which players, line and ball start, NaN for unknown, ``[3, N]``.

    Most of the players and most of the line.
    """
    count, frames = plays.height, _LAST - _FIRST + 1
    is_line = np.zeros(count * SLOTS, bool)
    is_line[_cells_of(entities, "blocker")] = True
    there = np.bincount(entities["n"].to_numpy(), entities["slot"].to_numpy() < BALL_SLOT, count)
    members = np.stack([there, is_line.reshape(count, SLOTS).sum(axis=1)])
    moving, ball = np.zeros((2, count, frames), np.int64), np.full(count, np.nan)
    count_moving(
        rows["x_yd"].to_numpy(), rows["y_yd"].to_numpy(), rows["frame"].to_numpy(),
        runs.head, runs.length, cell, is_line, plays["snap_frame"].to_numpy().astype(np.int64),
        np.where(plays["moves_right"].to_numpy(), 1.0, -1.0), moving, ball,
    )  # fmt: skip
    most = 2 * moving > members[:, :, None]
    first = np.where(most.any(axis=2), most.argmax(axis=2), np.nan)
    return np.concatenate([first, ball[None]]) + _FIRST


def _cell_of_runs(runs: PlayerRuns, entities: pl.DataFrame) -> Integers:
    """Index of play times `SLOTS` plus slot of whom each run is of, -1 for nobody."""
    placed = entities.select("play", pl.col("player_id").fill_null(-1), cell=_CELL).unique(
        ["play", "player_id"], keep="last"
    )
    found = pl.DataFrame({"play": runs.play, "player_id": runs.player}).join(
        placed, on=["play", "player_id"], how="left", maintain_order="left"
    )
    return found["cell"].fill_null(-1).cast(pl.Int64).to_numpy()


def _cells_of(entities: pl.DataFrame, group: str) -> Integers:
    """Cells of those whose slot is of a group."""
    return entities.filter(role_at_snap=group).select(_CELL).to_series().to_numpy()


def _release_off(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    entities: pl.DataFrame,
    cell: Integers,
) -> Floats:
    """Last frame with the ball near the passer, from the release of a forward pass.

    Up to `_LATER` frames after it, and before the pass arrives; NaN for none, and for a late one of
    a short pass.
    """
    thrown = plays["end_event"].is_in(FORWARD_PASSES).fill_null(value=False).to_numpy()
    who = np.full(len(thrown) * SLOTS, -1)
    who[_cells_of(entities, "passer")] = 0
    who[BALL_SLOT::SLOTS] = 1
    snap, end = (plays[f"{name}_frame"].to_numpy().astype(np.int64) for name in ("snap", "end"))
    lengths = np.where(thrown, end - snap + 1 + _LATER, 0)
    base = np.cumsum(lengths) - lengths
    tracks = np.full((2, 2, int(lengths.sum())), np.nan, np.float32)
    x, y = (rows[name].to_numpy() for name in ("x_yd", "y_yd"))
    frame = rows["frame"].to_numpy()
    write_tracks(x, y, frame, runs.head, runs.length, cell, who, snap, lengths, base, tracks)
    (passer_x, ball_x), (passer_y, ball_y) = tracks
    apart = np.hypot(ball_x - passer_x, ball_y - passer_y)
    is_near = apart < _NEAR_YD
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)
    arrival = plays["arrival_frame"].fill_null(2**31).to_numpy()
    # A short pass is caught beside the passer.
    release, bound = base + end - snap, base + np.minimum(lengths, arrival - snap)
    # A ball that comes back to the passer is another's; one that has not yet come at the release
    # is not gone.
    gone = np.append(far, len(is_near))[np.searchsorted(far, release)]
    until_gone = _last_before(near, np.minimum(gone, bound), base)
    last = np.where(until_gone < 0, _last_before(near, bound, base), until_gone)
    # A ball whose track ends before is not gone from the passer.
    known = np.append(np.isfinite(apart), False)[np.minimum(release, len(apart))]
    known &= (arrival - end > _SHORT) | (last - release <= BALL_OFF[1])
    return np.where((last < 0) | ~known, np.nan, last - release)


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


@compiled
def count_moving(
    x: Singles,
    y: Singles,
    frame: Integers,
    head: Integers,
    length: Integers,
    cell: Integers,
    is_line: Flags,
    snap: Integers,
    forward: Floats,
    moving: Integers,
    ball: Floats,
) -> None:
    """Count who moves in each frame around the snaps, and find when the balls go back.

    Args:
        x: Of all rows.
        y: Likewise.
        frame: Likewise, in any order; of a player's repeated ones the first counts.
        head: First row of each run.
        length: Its rows.
        cell: Index of play times `SLOTS` plus slot, -1 for nobody.
        is_line: Which cells are linemen.
        snap: Frame of each play's snap.
        forward: 1 or -1, the sign of the offense's way along x.
        moving: Counted: players, and linemen, who move in each frame, ``[2, N, T]``.
        ball: Written: place of the first frame in which the ball goes back, ``[N]``.
    """
    # Where each is from `_OVER` frames before the first that is counted on.
    frames = moving.shape[2] + _OVER
    at_x = np.full((len(is_line), frames), np.nan, np.float32)
    at_y = np.full((len(is_line), frames), np.nan, np.float32)
    for run in range(len(head)):
        owner = cell[run]
        if owner < 0:
            continue
        before = snap[owner // SLOTS] + _FIRST - _OVER
        for at in range(head[run], head[run] + length[run]):
            place = frame[at] - before
            if 0 <= place < frames and np.isnan(at_x[owner, place]):
                at_x[owner, place], at_y[owner, place] = x[at], y[at]
    for owner in range(len(is_line)):
        play, is_ball = owner // SLOTS, owner % SLOTS == BALL_SLOT
        over = _BALL_OVER if is_ball else _OVER
        for place in range(moving.shape[2]):
            now = place + _OVER
            along = at_x[owner, now] - at_x[owner, now - over]
            if is_ball:
                if np.isnan(ball[play]) and along * forward[play] < -_BALL_YD:
                    ball[play] = place
                continue
            gone = np.hypot(along, at_y[owner, now] - at_y[owner, now - over])
            moving[0, play, place] += gone > _PLAYERS_YD
            moving[1, play, place] += is_line[owner] and gone > _LINE_YD
