"""The features of one frame, as machine code that files, live plays and training share.

All loops are here, since the cache of machine code looks at the file of a function alone: a change
of a function that is called from another file would go unseen. A man's numbers are gathered from
the frame once, whatever its layout in memory, and the arithmetic runs over short local arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.tracking._blocks import DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking._schema import FIELD_WIDTH_YD, PLAYERS, RATE_HZ
from splicedpareto.compiled import compiled_exactly

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Float: TypeAlias = np.float32
    _Floats: TypeAlias = NDArray[np.float32]
    _Numbers: TypeAlias = NDArray[np.int64]
    _Flags: TypeAlias = NDArray[np.bool_]

__all__ = [
    "HISTORY_FRAMES",
    "STANDING_YD_PER_S",
    "count_frames",
    "follow_frames",
    "follow_plays",
    "show_frames",
    "slopes",
    "velocities",
]

HISTORY_FRAMES: Final = 5

# Below this speed a direction is that of the noise: 0.01 yards of rounding over 0.1 s.
STANDING_YD_PER_S: Final = 0.1

_FIRST_DEFENDER: Final = PLAYERS // 2
# At least five of the offense are not eligible and one passes (NFL rulebook, Rule 5, Section 3 and
# Rule 7, Section 5), so the eligible are in the last five slots of the offense.
_FIRST_ELIGIBLE: Final = 6
_WIDTH_YD: Final = np.float32(FIELD_WIDTH_YD)
_MIDDLE_YD: Final = np.float32(FIELD_WIDTH_YD / 2)
_STANDING: Final = np.float32(STANDING_YD_PER_S)
_NEAR2: Final = np.float32(2.0**2)
_POINT2: Final = np.float32(1e-6)  # a target where the passer stands is a point, no lane
_NAN: Final = np.float32(np.nan)
_INFINITY: Final = np.float32(np.inf)
_ZERO: Final = np.float32(0)
_HALF: Final = np.float32(0.5)
_ONE: Final = np.float32(1)
_RIGHT_ANGLE: Final = np.float32(90)
_PER_RIGHT_ANGLE: Final = np.float32(1 / 90)
_RADIANS: Final = np.float32(np.pi / 180)


def _weights() -> NDArray[np.float32]:
    """Weight of lag ``j`` for a frame with ``i`` frames before it, shape ``[5, 5]``, 1/s."""
    table = np.zeros((HISTORY_FRAMES, HISTORY_FRAMES))
    for before in range(1, HISTORY_FRAMES):
        ages = -np.arange(before + 1)
        degree = 1 if before < 3 else 2
        powers = np.vander(ages, degree + 1, increasing=True)
        table[before, : before + 1] = np.linalg.pinv(powers)[1] * RATE_HZ
    return table.astype(np.float32)


_SLOPE_WEIGHTS: Final = _weights()


@compiled_exactly
def _sine_cosine(degrees: _Float) -> tuple[_Float, _Float]:
    """Sine and cosine of an angle, within 1e-7; exact at right angles.

    The angle is taken less the nearest multiple of 90 degrees, without rounding, and Cephes's
    polynomials (``sinf``, ``cosf``) serve the rest. NaN stays NaN.
    """
    quarter = np.floor(degrees * _PER_RIGHT_ANGLE + _HALF)
    rest = (degrees - quarter * _RIGHT_ANGLE) * _RADIANS
    turn = quarter - np.float32(4) * np.floor(quarter * np.float32(0.25))
    z = rest * rest
    sine = np.float32(-1.9515295891e-4) * z + np.float32(8.3321608736e-3)
    sine = (sine * z - np.float32(1.6666654611e-1)) * z * rest + rest
    cosine = np.float32(2.443315711809948e-5) * z - np.float32(1.388731625493765e-3)
    cosine = (cosine * z + np.float32(4.166664568298827e-2)) * z * z - _HALF * z + _ONE
    odd = turn == np.float32(1) or turn == np.float32(3)
    first, second = (cosine, sine) if odd else (sine, cosine)
    if turn >= np.float32(2):
        first = -first
    if turn == np.float32(1) or turn == np.float32(2):
        second = -second
    return first, second


@compiled_exactly
def _velocity(speed: _Float, direction: _Float) -> tuple[_Float, _Float]:
    """Velocity in x and y of a man; 0 of one who stands and has no direction."""
    sine, cosine = _sine_cosine(direction)
    if np.isnan(direction) and speed < _STANDING:
        sine, cosine = _ZERO, _ZERO
        speed = _ZERO
    return speed * sine, speed * cosine


@compiled_exactly
def velocities(speed: _Floats, direction: _Floats, out_x: _Floats, out_y: _Floats) -> None:
    """Velocities of men, all arrays of shape ``[N]``."""
    for man in range(len(speed)):
        out_x[man], out_y[man] = _velocity(speed[man], direction[man])


@compiled_exactly
def slopes(values: _Floats, frame_in_play: _Numbers, out: _Floats) -> None:
    """Time derivatives of columns, ``[T, K]`` each; see `causal_slope`."""
    for frame in range(len(values)):
        before = min(frame_in_play[frame], HISTORY_FRAMES - 1)
        for column in range(values.shape[1]):
            out[frame, column] = _SLOPE_WEIGHTS[before, 0] * values[frame, column]
        for lag in range(1, min(before, frame) + 1):
            weight = _SLOPE_WEIGHTS[before, lag]
            for column in range(values.shape[1]):
                value = values[frame - lag, column]
                out[frame, column] += weight * (value if np.isfinite(value) else _ZERO)


@compiled_exactly
def _follow(
    frame: _Floats, before: _Floats, number: int, line: _Float, after: _Floats, row: _Floats
) -> None:
    """One more frame of a play: its players' eight numbers, and the velocities with its own."""
    for lag in range(HISTORY_FRAMES - 1):
        for man in range(PLAYERS):
            after[lag + 1, man, 0] = before[lag, man, 0]
            after[lag + 1, man, 1] = before[lag, man, 1]
    for man in range(PLAYERS):
        row[man, 0] = frame[man, X] - line
        row[man, 1] = frame[man, Y] - _MIDDLE_YD
        x, y = _velocity(frame[man, SPEED], frame[man, DIRECTION])
        after[0, man, 0] = row[man, 2] = x
        after[0, man, 1] = row[man, 3] = y
        row[man, 6] = frame[man, DIRECTION]
        row[man, 7] = frame[man, ORIENTATION]
    seen = min(number, HISTORY_FRAMES - 1)
    for man in range(PLAYERS):
        x = _SLOPE_WEIGHTS[seen, 0] * after[0, man, 0]
        y = _SLOPE_WEIGHTS[seen, 0] * after[0, man, 1]
        for lag in range(1, seen + 1):
            x += _SLOPE_WEIGHTS[seen, lag] * after[lag, man, 0]
            y += _SLOPE_WEIGHTS[seen, lag] * after[lag, man, 1]
        row[man, 4] = x
        row[man, 5] = y


@compiled_exactly
def follow_frames(
    frames: _Floats, frame_in_play: _Numbers, line_x_yd: _Floats, out: _Floats
) -> None:
    """Player features of frames one after another; see `player_features`."""
    recent = np.zeros((2, HISTORY_FRAMES, PLAYERS, 2), np.float32)
    for at in range(len(frames)):
        now = at % 2
        _follow(frames[at], recent[1 - now], frame_in_play[at], line_x_yd[at], recent[now], out[at])


@compiled_exactly
def follow_plays(
    frames: _Floats,
    before: _Floats,
    frame_in_play: _Numbers,
    line_x_yd: _Floats,
    after: _Floats,
    out: _Floats,
) -> None:
    """Player features of one more frame of each play; see `newest_player_features`."""
    for play in range(len(frames)):
        _follow(
            frames[play], before[play], frame_in_play[play], line_x_yd[play], after[play], out[play]
        )


@compiled_exactly
def _to_sideline(y: _Float) -> _Float:
    other = _WIDTH_YD - y
    return y if y < other else other


@compiled_exactly
def _root(square: _Float) -> _Float:
    """Distance from its square; NaN where nobody was there to measure to."""
    return np.sqrt(square) if square < _INFINITY else _NAN


@compiled_exactly
def _count_pocket(
    frame: _Floats, x: _Floats, y: _Floats, line: _Float, eligible: _Flags, row: _Floats
) -> None:
    """The engineered columns that need no target but for the clock."""
    near, past, nearest2 = 0, 0, _INFINITY
    for man in range(_FIRST_DEFENDER, PLAYERS):
        gap_x, gap_y = x[man] - x[0], y[man] - y[0]
        square = gap_x * gap_x + gap_y * gap_y
        near += square < _NEAR2
        past += x[man] < line
        nearest2 = square if square < nearest2 else nearest2
    out_there, widest2 = 0, _ZERO
    for receiver in range(_FIRST_ELIGIBLE, _FIRST_DEFENDER):
        if eligible[receiver]:
            out_there += x[receiver] > line
            closest2 = _INFINITY
            for man in range(_FIRST_DEFENDER, PLAYERS):
                gap_x, gap_y = x[man] - x[receiver], y[man] - y[receiver]
                square = gap_x * gap_x + gap_y * gap_y
                closest2 = square if square < closest2 else closest2
            widest2 = closest2 if closest2 > widest2 else widest2
    # Gauss's shoelace formula; the pocket's corners are the passer and slots 1 to 5.
    doubled = x[5] * y[0] - x[0] * y[5]
    for man in range(5):
        doubled += x[man] * y[man + 1] - x[man + 1] * y[man]
    row[1] = line - x[0]
    row[2] = frame[0, SPEED]
    row[3] = _to_sideline(y[0])
    row[4] = _root(nearest2)
    row[5] = near
    row[6] = past
    row[7] = abs(doubled) * _HALF
    row[8] = out_there
    row[9] = _root(widest2)


@compiled_exactly
def _count_target(target: _Floats, x: _Floats, y: _Floats, line: _Float, row: _Floats) -> None:
    """The engineered columns about the target."""
    to_x, to_y = target[X] - x[0], target[Y] - y[0]
    length2 = to_x * to_x + to_y * to_y
    divisor = length2 if length2 > _POINT2 else _POINT2
    near, closest2, lane2 = 0, _INFINITY, _INFINITY
    for man in range(_FIRST_DEFENDER, PLAYERS):
        gap_x, gap_y = x[man] - target[X], y[man] - target[Y]
        square = gap_x * gap_x + gap_y * gap_y
        near += square < _NEAR2
        closest2 = square if square < closest2 else closest2
        # From the nearest point of the segment from the passer to the target.
        gap_x, gap_y = x[man] - x[0], y[man] - y[0]
        share = (gap_x * to_x + gap_y * to_y) / divisor
        share = _ZERO if share < _ZERO else _ONE if share > _ONE else share
        gap_x, gap_y = gap_x - share * to_x, gap_y - share * to_y
        square = gap_x * gap_x + gap_y * gap_y
        lane2 = square if square < lane2 else lane2
    row[10] = target[X] - line
    row[11] = _to_sideline(target[Y])
    row[12] = target[SPEED]
    row[13] = _root(closest2)
    row[14] = near
    row[15] = np.sqrt(length2)
    row[16] = _root(lane2)


@compiled_exactly
def count_frames(
    frames: _Floats,
    frame_in_play: _Numbers,
    line_x_yd: _Floats,
    target_slot: _Numbers,
    eligible: _Flags,
    out: _Floats,
) -> None:
    """The engineered columns of frames; see `engineered_features`."""
    x, y = np.empty(PLAYERS, np.float32), np.empty(PLAYERS, np.float32)
    for at in range(len(frames)):
        for man in range(PLAYERS):
            x[man] = frames[at, man, X]
            y[man] = frames[at, man, Y]
        out[at, 0] = np.float32(frame_in_play[at] / RATE_HZ)
        _count_pocket(frames[at], x, y, line_x_yd[at], eligible[at], out[at])
        if target_slot[at] < 0:
            out[at, 10:] = _NAN
        else:
            _count_target(frames[at, target_slot[at]], x, y, line_x_yd[at], out[at])


@compiled_exactly
def show_frames(
    players: _Floats,
    engineered: _Floats,
    target_slot: _Numbers,
    released: _Flags,
    about_target: int,
    out: _Floats,
) -> None:
    """What the play network reads of frames; see `dropback.models._frame_columns.frame_columns`.

    Args:
        players: Shape ``[F, 22, 8]``.
        engineered: Shape ``[F, 17]``.
        target_slot: Shape ``[F]``.
        released: Shape ``[F]``.
        about_target: First engineered column about the target.
        out: Shape ``[F, 22 * 11 + 17]``.
    """
    given, shown = players.shape[2], 11
    for at in range(len(players)):
        row = out[at]
        for man in range(PLAYERS):
            first = man * shown
            for column in range(6):
                row[first + column] = players[at, man, column]
            row[first + 10] = _ZERO
        for man in range(PLAYERS):
            first = man * shown
            sine, cosine = _sine_cosine(players[at, man, given - 2])
            # A standing man may have no direction; (0, 0) says so.
            row[first + 6] = _ZERO if np.isnan(sine) else sine
            row[first + 7] = _ZERO if np.isnan(cosine) else cosine
            row[first + 8], row[first + 9] = _sine_cosine(players[at, man, given - 1])
        first = PLAYERS * shown
        known = released[at] and target_slot[at] >= 0
        for column in range(engineered.shape[1]):
            row[first + column] = engineered[at, column]
        if known:
            row[target_slot[at] * shown + 10] = _ONE
        else:
            row[first + about_target :] = _NAN
