"""Hold the snap and the release of each play against when the players and the ball move.

An event charted at another moment, or a ball whose values lag behind its frames, gives features of
another moment, and nothing fails. Three things start at a snap, the line, all players and the ball,
and one ends at a release: the ball leaves the passer, whom it moves with until then. What is off
together tells what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
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
_FIRST: Final = -20
_LAST: Final = 28
# How far they go in so many frames once they have started: at 1.2, .8 and, the ball backward, 3
# yards a second.
PLAYERS_OVER: Final = 3
PLAYERS_YD: Final = 0.36
_LINE_YD: Final = 0.24
BALL_OVER: Final = 2
BALL_YD: Final = 0.6
# Between the medians of the highlights (6, 4 and 1) and of 2017 (7, 6 and 2).
USUAL_STARTS: Final = (6.0, 5.0, 1.5)

# In the hand the ball is within .5 to 1.5 yards of the passer; a thrown one is gone in a frame.
NEAR_YD: Final = 2.0
# Frames after the release to look for the ball in: one that comes back takes longer.
LATER: Final = 8
# A pass that arrives within so many frames may fly so slowly that it is near the passer for three:
# 5 of 200 simulated ones do, at 3.6 to 6.4 yards a second.
_SHORT: Final = 5

# From .8 s after the snap to .2 s before the release the passer has the ball, for at least .5 s.
_HELD: Final = (8, -2)
_LEAST_HELD: Final = 5
# By how many frames the ball may be off, and from how far on all distances from it are alike.
_REACH: Final = 20
_FAR_YD: Final = 4.0
# The ball of another moment that lies nearest to the passer is not told from that of this one
# unless it is nearer by so much; of all that are so near to nearest the least off counts.
_NEARER_YD: Final = 0.5
_ALIKE_YD: Final = 0.3
# Less than this is not off; what is off by numbers farther apart is not off by the same cause.
_AGREE: Final = 2.0
_ALIKE: Final = 4.0

SNAP_OFF: Final = (-4.5, 4.5)
"""All of 452 plays with a ball are from -4 to 4."""
RELEASE_OFF: Final = (-3.0, 2.0)
"""Of 372 passes all but one of 2019, in which the passer has the ball for 5 frames more."""
BALL_OFF: Final = (-2.5, 2.5)
"""All of 435 plays with a ball on one clock with the players are from -2 to 0."""

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
    starts = _starts(rows, runs, plays, entities, cell) - np.array(USUAL_STARTS)[:, None]
    tracks = _pass_tracks(rows, runs, plays, entities, cell)
    release_off = _release_off(tracks, plays)
    ball_off = _ball_off(starts, release_off, tracks)
    release_off[(ball_off < BALL_OFF[0]) | (ball_off > BALL_OFF[1])] = np.nan
    measured = {
        "snap_off_frames": np.median(starts, axis=0),
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


@dataclass(frozen=True)
class _PassTracks:
    """Where passer and ball are in the plays that end with a forward pass.

    Attributes:
        xy: x and y of passer and ball, shape ``[2, 2, M]``.
        snap: Place of each play's snap, shape ``[N]``.
        release: Likewise of its release.
        thrown: Whether it has one.
    """

    xy: Singles
    snap: Integers
    release: Integers
    thrown: Flags


def _pass_tracks(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    plays: pl.DataFrame,
    entities: pl.DataFrame,
    cell: Integers,
) -> _PassTracks:
    """The tracks of passer and ball from `_REACH` frames before the snap to as many later."""
    thrown = plays["end_event"].is_in(FORWARD_PASSES).fill_null(value=False).to_numpy()
    who = np.full(len(thrown) * SLOTS, -1)
    who[_cells_of(entities, "passer")] = 0
    who[BALL_SLOT::SLOTS] = 1
    snap, end = (plays[f"{name}_frame"].to_numpy().astype(np.int64) for name in ("snap", "end"))
    lengths = np.where(thrown, end - snap + 1 + 2 * _REACH, 0)
    base = np.cumsum(lengths) - lengths
    tracks = np.full((2, 2, int(lengths.sum())), np.nan, np.float32)
    x, y = (rows[name].to_numpy() for name in ("x_yd", "y_yd"))
    write_tracks(
        x, y, rows["frame"].to_numpy(), runs.head, runs.length, cell, who, snap - _REACH, lengths,
        base, tracks,
    )  # fmt: skip
    at_snap = base + np.where(thrown, _REACH, 0)
    return _PassTracks(tracks, at_snap, at_snap + np.where(thrown, end - snap, 0), thrown)


def _release_off(tracks: _PassTracks, plays: pl.DataFrame) -> Floats:
    """Last frame with the ball near the passer, from the release of a forward pass.

    Up to `LATER` frames after it, and before the pass arrives; NaN for none, and for a late one of
    a short pass.
    """
    (passer_x, ball_x), (passer_y, ball_y) = tracks.xy
    apart = np.hypot(ball_x - passer_x, ball_y - passer_y)
    is_near = apart < NEAR_YD
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)
    flies = (plays["arrival_frame"].fill_null(2**31) - plays["end_frame"]).to_numpy()
    base, release = tracks.snap, tracks.release
    # A short pass is caught beside the passer.
    bound = np.where(tracks.thrown, release + np.minimum(1 + LATER, flies), base)
    # A ball that comes back to the passer is another's; one that has not yet come at the release
    # is not gone.
    gone = np.append(far, len(is_near))[np.searchsorted(far, release)]
    until_gone = _last_before(near, np.minimum(gone, bound), base)
    last = np.where(until_gone < 0, _last_before(near, bound, base), until_gone)
    # A ball whose track ends before is not gone from the passer.
    known = np.append(np.isfinite(apart), False)[np.minimum(release, len(apart))]
    known &= (flies > _SHORT) | (last - release <= RELEASE_OFF[1])
    return np.where((last < 0) | ~known, np.nan, last - release)


def _ball_off(starts: Floats, release_off: Floats, tracks: _PassTracks) -> Floats:
    """By how many frames each ball is behind the players, 0 where it is not told to be.

    Three measures tell it: how much later than the players the ball starts, how much later than
    the release it leaves the passer, and how much later it lies nearest to where the passer is.
    Where two agree the ball is off by the middle of the three; NaN where a start or the release is
    unknown.

    Args:
        starts: See `_starts`, less the usual ones.
        release_off: See `_release_off`.
        tracks: Where passer and ball are.
    """
    start_off = starts[2] - starts[:2].mean(axis=0)
    unlike = np.fmax(np.abs(start_off), np.abs(release_off)) >= _AGREE
    wanted = np.flatnonzero(unlike & tracks.thrown)
    apart = np.full((len(wanted), 2 * _REACH + 1), np.inf)
    start, release = start_off[wanted], release_off[wanted]
    if len(wanted):
        measure_apart(tracks.xy, tracks.snap[wanted], tracks.release[wanted], apart)
    least, now = apart.min(axis=1), apart[:, _REACH]
    with np.errstate(invalid="ignore"):
        is_held = (now - least >= _NEARER_YD) & (least < NEAR_YD)
        alike = np.abs(start - release) <= _ALIKE
    off = np.arange(-_REACH, _REACH + 1)
    least_off = np.where(apart <= least[:, None] + _ALIKE_YD, np.abs(off), np.inf)
    held = off[least_off.argmin(axis=1)]
    lesser = np.where(np.abs(release) < np.abs(start), release, start)
    there = np.clip(np.nan_to_num(lesser).round().astype(np.int64), -_REACH, _REACH) + _REACH
    nearer = apart[np.arange(len(wanted)), there] <= now
    told = (
        (is_held & _agree(held, start))
        | (is_held & _agree(held, release) & ~(start * release <= 0))
        | (nearer & alike & _agree(start, release))
    )
    nearest = np.where(is_held, off[apart.argmin(axis=1)], lesser)
    found = np.where(np.isnan(start_off) | np.isnan(release_off), np.nan, 0.0)
    found[wanted[told]] = np.nanmedian(np.stack([start, release, nearest])[:, told], axis=0)
    return found


def _agree(one: Floats, other: Floats) -> Flags:
    """Whether both are off in one direction."""
    return (np.minimum(one, other) >= _AGREE) | (np.maximum(one, other) <= -_AGREE)


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
def measure_apart(xy: Singles, snap: Integers, release: Integers, apart: Floats) -> None:
    """How far the ball of other moments is from the passer while he has it, on average.

    Args:
        xy: x and y of passer and ball, shape ``[2, 2, M]``.
        snap: Place of each play's snap.
        release: Likewise of its release.
        apart: Written: yards by play and frames later, from `_REACH` before to as many after,
            shape ``[N, 2 * _REACH + 1]``; unchanged where it is unknown.
    """
    for play in range(len(snap)):
        start, stop = snap[play] + _HELD[0], release[play] + _HELD[1] + 1
        for place in range(apart.shape[1]):
            later = place - _REACH
            total, count = 0.0, 0
            for at in range(start, stop):
                gone = np.hypot(
                    xy[0, 1, at + later] - xy[0, 0, at], xy[1, 1, at + later] - xy[1, 0, at]
                )
                if not np.isnan(gone):
                    total += min(gone, _FAR_YD)
                    count += 1
            if count >= _LEAST_HELD and 2 * count >= stop - start:
                apart[play, place] = total / count


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
    # Where each is from `PLAYERS_OVER` frames before the first that is counted on.
    frames = moving.shape[2] + PLAYERS_OVER
    at_x = np.full((len(is_line), frames), np.nan, np.float32)
    at_y = np.full((len(is_line), frames), np.nan, np.float32)
    for run in range(len(head)):
        owner = cell[run]
        if owner < 0:
            continue
        before = snap[owner // SLOTS] + _FIRST - PLAYERS_OVER
        for at in range(head[run], head[run] + length[run]):
            place = frame[at] - before
            if 0 <= place < frames and np.isnan(at_x[owner, place]):
                at_x[owner, place], at_y[owner, place] = x[at], y[at]
    for owner in range(len(is_line)):
        play, is_ball = owner // SLOTS, owner % SLOTS == BALL_SLOT
        over = BALL_OVER if is_ball else PLAYERS_OVER
        for place in range(moving.shape[2]):
            now = place + PLAYERS_OVER
            along = at_x[owner, now] - at_x[owner, now - over]
            if is_ball:
                if np.isnan(ball[play]) and along * forward[play] < -BALL_YD:
                    ball[play] = place
                continue
            gone = np.hypot(along, at_y[owner, now] - at_y[owner, now - over])
            moving[0, play, place] += gone > PLAYERS_YD
            moving[1, play, place] += is_line[owner] and gone > _LINE_YD
