"""Pass over the rows of a batch once for what several passes of array operations would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._compiled import compiled
from dropback.tracking._schema import SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Floats, Integers, Singles

_HALF_TURN: Final = np.float32(180.0)


@compiled
def find_inside(
    frame: Integers,
    head: Integers,
    length: Integers,
    play: Integers,
    snap: Integers,
    last: Integers,
    wanted: Flags,
    earliest: int,
) -> tuple[Integers, Integers, Integers, Integers, Integers, Integers]:
    """The rows inside the windows of plays, and those at some frames around their snaps.

    Args:
        frame: Frames of all rows, shape ``[R]``.
        head: First row of each of K runs of rows.
        length: Its rows.
        play: Its play.
        snap: Frame of the snap of each play, shape ``[P]``.
        last: Frames from the snap to the end of its window, below 0 for none.
        wanted: Which frames since the snap are wanted, from `earliest` on.
        earliest: The first of them.

    Returns:
        The rows inside, their frames since the snap, how many each run has, shape ``[K]``; the
        rows at wanted frames, these, and the runs that they are of.
    """
    row, since = np.empty(len(frame), np.int64), np.empty(len(frame), np.int64)
    near, since_near = np.empty(len(frame), np.int64), np.empty(len(frame), np.int64)
    near_run = np.empty(len(frame), np.int64)
    inside = np.zeros(len(head), np.int64)
    count, beside = 0, 0
    for run in range(len(head)):
        start, end = snap[play[run]], last[play[run]]
        for at in range(head[run], head[run] + length[run]):
            passed = frame[at] - start
            if 0 <= passed <= end:
                row[count], since[count] = at, passed
                count += 1
                inside[run] += 1
            if 0 <= passed - earliest < len(wanted) and wanted[passed - earliest]:
                near[beside], since_near[beside], near_run[beside] = at, passed, run
                beside += 1
    near, since_near, near_run = near[:beside], since_near[:beside], near_run[:beside]
    return row[:count], since[:count], inside, near, since_near, near_run


@compiled
def scatter(
    values: Singles,
    row: Integers,
    frame: Integers,
    length: Integers,
    entity: Integers,
    base: Integers,
    cells: Singles,
    first_stays: bool,
) -> None:
    """Write a quantity of the rows of windows into the cells of their plays' frames.

    Args:
        values: The quantity of all rows.
        row: Rows inside windows, in runs.
        frame: Frames of these rows since the snap.
        length: Rows of each run.
        entity: Whose each run is.
        base: Cell of each entity at its snap, below 0 for none.
        cells: Written: cells of all frames in order.
        first_stays: Whether of repeated rows the first stays, not the last.
    """
    runs, count = len(length), len(row)
    done = 0
    for step in range(runs):
        run = runs - 1 - step if first_stays else step
        cell = base[entity[run]]
        for at in range(done, done + length[run]):
            place = count - 1 - at if first_stays else at
            if cell >= 0:
                cells[cell + frame[place] * SLOTS] = values[row[place]]
        done += length[run]


@compiled
def early_values(
    values: Singles, row: Integers, frame: Integers, length: Integers, entity: Integers, early: int
) -> Singles:
    """A quantity of each entity in its first frame among the first few; NaN without one.

    Args:
        values: The quantity of all rows.
        row: Rows inside windows, in runs.
        frame: Frames of these rows since the snap.
        length: Rows of each run.
        entity: Whose each run is.
        early: How many frames.
    """
    count = 0
    for owner in entity:
        count = max(count, owner + 1)
    found = np.full(count, np.nan, np.float32)
    earliest = np.full(count, early)
    at = 0
    for run in range(len(length)):
        owner = entity[run]
        for place in range(at, at + length[run]):
            # Of repeated rows the last counts.
            if frame[place] <= earliest[owner] and frame[place] < early:
                earliest[owner] = frame[place]
                found[owner] = values[row[place]]
        at += length[run]
    return found


@compiled
def used_codes(codes: NDArray[np.uint32], count: int) -> Flags:
    """Which codes of `count` some row has.

    Args:
        codes: Of rows.
        count: How many codes there are.
    """
    used = np.zeros(count, np.bool_)
    for code in codes:
        used[code] = True
    return used


@compiled
def off_frames(
    place: NDArray[np.uint32], seconds: Floats, frame: Integers, rate_hz: float
) -> tuple[Floats, int]:
    """Stamps of rows less the times by their frames, seconds, and how many stamps are finite.

    Args:
        place: Place of each row's stamp, shape ``[R]``.
        seconds: The different stamps, NaN for none.
        frame: Frames of the rows, shape ``[R]``.
        rate_hz: Frames a second.
    """
    off, count = np.empty(len(frame)), 0
    for row in range(len(frame)):
        stamp = seconds[place[row]]
        count += np.isfinite(stamp)
        off[row] = stamp - frame[row] / rate_hz
    return off, count


@compiled
def span_by_play(values: Floats, length: Integers, play: Integers) -> Floats:
    """How far the values of each play are apart; below 0 for a play without any.

    Args:
        values: Values in runs of rows, NaN where unknown.
        length: How many each run has.
        play: Its play.
    """
    count = 0
    for index in play:
        count = max(count, index + 1)
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    at = 0
    for run in range(len(length)):
        low, high = least[play[run]], most[play[run]]
        for place in range(at, at + length[run]):
            value = values[place]
            # Of what is unknown both are false.
            low = value if value < low else low
            high = value if value > high else high
        least[play[run]], most[play[run]] = low, high
        at += length[run]
    most -= least
    return most


@compiled
def turn_plane(values: Singles, flags: Flags, length: np.float32) -> None:
    """Rotate a quantity of some frames by 180 degrees about the field's middle, in place.

    Args:
        values: Coordinates in yards, or angles in degrees from 0 to 360, shape ``[F, S]``.
        flags: Which frames, shape ``[F]``.
        length: The field's, for coordinates; 0 for angles.
    """
    for frame in range(len(flags)):
        if flags[frame]:
            for slot in range(values.shape[1]):
                value = values[frame, slot]
                if length > 0:
                    values[frame, slot] = length - value
                else:
                    values[frame, slot] = value + (
                        _HALF_TURN if value < _HALF_TURN else -_HALF_TURN
                    )
