"""Doubt frames that cannot follow one another: steps, swapped players, a mirrored field, gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, RATE_HZ
from dropback.tracking._blocks import SPEED, X
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Singles

DoubtKind = Literal["step", "swap", "mirror", "gap", "frozen"]

# The fastest player on record ran about 11 yards a second; the same limit as that of files
# (`dropback.tracking.ingest`).
FASTEST_YD_PER_S: Final = 12.5
# What two places of a hundredth of a yard, and the chip that moves on the shoulder, may add.
_NOISE_YD: Final = 0.25
# A mirrored field moves players by twice their distance from the middle, so that some near it
# stay: half of them moving, and nearly all fitting the mirror, is no accident.
_MOVED_SHARE, _FITTING_SHARE = 0.5, 0.9
# Players who run yet stand where they stood, to the last digit.
_RUNNING_YD_PER_S: Final = 1.0
_OFFENSE: Final = PLAYERS // 2
# How far beyond the line the middle player of a side may stand before its first frame is doubted.
_SIDE_YD: Final = 1.0
_TURNS: Final = (("x and y", (True, True)), ("x", (True, False)), ("y", (False, True)))


class Doubt(NamedTuple):
    """What no play can show, in a frame that was taken nevertheless.

    Attributes:
        number: Of the frame.
        kind: ``step``: a player moved faster than anyone can run; ``swap``: players stand where
            others stood; ``mirror``: the field was turned over; ``gap``: frames never came;
            ``frozen``: players run and stand still.
        detail: The sentence.
    """

    number: int
    kind: DoubtKind
    detail: str


def frame_doubts(
    before: tuple[int, Singles], number: int, frame: Singles, line_x_yd: float
) -> tuple[Doubt, ...]:
    """What is doubtful in a frame after another.

    Args:
        before: Number of the last frame and its players' last known places, shape ``(23, 6)``, NaN
            where a player was never seen; number -1 before the first.
        number: Of the frame.
        frame: Shape ``(23, 6)``; a player whose x is NaN is not looked at.
        line_x_yd: Line of scrimmage.
    """
    last, places = before[0], before[1][:PLAYERS]
    now = frame[:PLAYERS]
    doubts = []
    if last < 0:
        doubts += _wrong_side(number, now, line_x_yd)
    if skipped := number - last - 1:
        frames = f"Frame {last + 1}" if skipped == 1 else f"Frames {last + 1} to {number - 1}"
        doubts.append(
            Doubt(number, "gap", f"{frames} never came: straight lines fill {_them(skipped)}.")
        )
    if last < 0:
        return tuple(doubts)
    seconds = (number - last) / RATE_HZ
    longest = FASTEST_YD_PER_S * seconds + _NOISE_YD
    # Nearly every frame: somebody has moved, and nobody by so much that rounding could matter.
    farthest = np.fmax.reduce(np.square(now[:, :2] - places[:, :2]).sum(axis=1))
    if 0 < farthest < 0.999 * longest**2:
        return tuple(doubts)
    known = ~np.isnan(places[:, X]) & ~np.isnan(now[:, X])
    if not known.any():
        return tuple(doubts)
    slots = np.flatnonzero(known)
    start, end = places[known, :2].astype(np.float64), now[known, :2].astype(np.float64)
    steps = np.hypot(*(end - start).T)
    moved = steps > longest
    if moved.any():
        doubts.append(_jump(number, slots, start, end, moved, longest, seconds))
    elif not steps.any() and np.median(now[known, SPEED]) > _RUNNING_YD_PER_S:
        doubts.append(
            Doubt(
                number,
                "frozen",
                f"All players run in frame {number} and none has moved since frame {last}: is the "
                "feed sending old places?",
            )
        )
    return tuple(doubts)


def play_doubts(frames: Singles, line_x_yd: float) -> tuple[Doubt, ...]:
    """What is doubtful in a whole play ``(T, 23, 6)``."""
    doubts = frame_doubts((-1, frames[0]), 0, frames[0], line_x_yd)
    for number in range(1, len(frames)):
        before = (number - 1, frames[number - 1])
        doubts += frame_doubts(before, number, frames[number], line_x_yd)
    return doubts


def _wrong_side(number: int, players: Singles, line_x_yd: float) -> list[Doubt]:
    """The offense beyond the line and the defense behind it: a field that was never turned."""
    seen = ~np.isnan(players[:, X])
    if not (seen[:_OFFENSE].any() and seen[_OFFENSE:].any()):
        return []
    offense, defense = (
        float(np.nanmedian(players[side, X]))
        for side in (slice(0, _OFFENSE), slice(_OFFENSE, PLAYERS))
    )
    if not (offense > line_x_yd + _SIDE_YD and defense < line_x_yd - _SIDE_YD):
        return []
    return [
        Doubt(
            number,
            "mirror",
            f"The offense stands beyond the line of scrimmage in frame {number} and the defense "
            "behind it: canonical frames have the offense moving toward +x.",
        )
    ]


def _jump(
    number: int,
    slots: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    moved: np.ndarray,
    longest: float,
    seconds: float,
) -> Doubt:
    """The one cause that explains the steps that are too long."""
    if moved.mean() >= _MOVED_SHARE and (axes := _mirrored(start, end, longest)):
        detail = f"The field is mirrored ({axes}) in frame {number}, against the frame before."
        return Doubt(number, "mirror", detail)
    of = np.flatnonzero(moved)
    if len(of) > 1:
        apart = np.linalg.norm(start[of][:, None] - end[of][None], axis=-1)
        rows, columns = linear_sum_assignment(apart)
        changed = rows != columns
        if (apart[rows, columns] <= longest).all() and changed.all():
            names = ", ".join(map(str, slots[of].tolist()))
            detail = f"Slots {names} stand in frame {number} where others of them stood."
            return Doubt(number, "swap", f"{detail[:-1]}: were players swapped?")
    steps = np.hypot(*(end - start).T)
    farthest = int(steps.argmax())
    others = f", and {len(of) - 1} more players as impossibly" if len(of) > 1 else ""
    detail = (
        f"Slot {slots[farthest]} moved {steps[farthest]:.1f} yd in {seconds:.1f} s before frame "
        f"{number}{others}: nobody runs more than {FASTEST_YD_PER_S:g} yd a second."
    )
    return Doubt(number, "step", detail)


def _mirrored(start: np.ndarray, end: np.ndarray, longest: float) -> str | None:
    """The axes that, turned over, make the steps possible."""
    turned = np.array([FIELD_LENGTH_YD, FIELD_WIDTH_YD]) - end
    for name, axes in _TURNS:
        steps = np.hypot(*(np.where(axes, turned, end) - start).T)
        if (steps <= longest).mean() >= _FITTING_SHARE:
            return name
    return None


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
