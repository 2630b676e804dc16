"""Compute features in loops over frames that files, live plays and training share.

Frames come by quantity, as `dropback.tracking._blocks` lays them out, so that a loop over players
reads neighbors in memory. All arrays are contiguous and writable, so that each kernel is compiled
for one layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import FIELD_WIDTH_YD, RATE_HZ
from dropback.tracking._blocks import DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking._compiled import compiled
from dropback.tracking._schema import FIRST_RECEIVER, PLAYERS

if TYPE_CHECKING:
    from typing import TypeAlias

    from dropback._arrays import Flags, Integers, Singles

    _Float: TypeAlias = np.float32

HISTORY_FRAMES: Final = 5

# Below this speed a direction is that of the noise: 0.01 yards of rounding over 0.1 s.
STANDING_YD_PER_S: Final = 0.1

_FIRST_DEFENDER: Final = PLAYERS // 2
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


def _weights() -> Singles:
    """Weight of lag ``j`` for a frame with ``i`` frames before it, shape ``[5, 5]``, 1/s."""
    table = np.zeros((HISTORY_FRAMES, HISTORY_FRAMES))
    for before in range(1, HISTORY_FRAMES):
        ages = -np.arange(before + 1)
        degree = 1 if before < 3 else 2
        powers = np.vander(ages, degree + 1, increasing=True)
        table[before, : before + 1] = np.linalg.pinv(powers)[1] * RATE_HZ
    return table.astype(np.float32)


_SLOPE_WEIGHTS: Final = _weights()


@compiled
def sine_cosine(degrees: _Float) -> tuple[_Float, _Float]:
    """Sine and cosine of an angle, within 1e-7; exact at right angles.

    The angle is taken less the nearest multiple of 90 degrees, without rounding, and Cephes's
    polynomials (``sinf``, ``cosf``) serve the rest. NaN stays NaN.
    """
    quarter = np.floor(degrees * _PER_RIGHT_ANGLE + _HALF)
    rest = (degrees - quarter * _RIGHT_ANGLE) * _RADIANS
    quadrant = quarter - np.float32(4) * np.floor(quarter * np.float32(0.25))
    z = rest * rest
    sine = np.float32(-1.9515295891e-4) * z + np.float32(8.3321608736e-3)
    sine = (sine * z - np.float32(1.6666654611e-1)) * z * rest + rest
    cosine = np.float32(2.443315711809948e-5) * z - np.float32(1.388731625493765e-3)
    cosine = (cosine * z + np.float32(4.166664568298827e-2)) * z * z - _HALF * z + _ONE
    odd = quadrant == np.float32(1) or quadrant == np.float32(3)
    first, second = (cosine, sine) if odd else (sine, cosine)
    if quadrant >= np.float32(2):
        first = -first
    if quadrant == np.float32(1) or quadrant == np.float32(2):
        second = -second
    return first, second


@compiled
def _velocity(speed: _Float, direction: _Float) -> tuple[_Float, _Float]:
    """Velocity in x and y of a player; 0 of one who stands and has no direction."""
    sine, cosine = sine_cosine(direction)
    if np.isnan(direction) and speed < _STANDING:
        sine, cosine = _ZERO, _ZERO
        speed = _ZERO
    return speed * sine, speed * cosine


@compiled
def velocities(speed: Singles, direction: Singles, out_x: Singles, out_y: Singles) -> None:
    """Velocities of players, all arrays of shape ``[N]``."""
    for player in range(len(speed)):
        out_x[player], out_y[player] = _velocity(speed[player], direction[player])


@compiled
def _slopes_at(values: Singles, newest: int, before: int, out: Singles) -> None:
    """Time derivatives of columns ``[T, K]`` in a row, from it and the rows before it, ``[K]``."""
    for column in range(values.shape[1]):
        out[column] = _SLOPE_WEIGHTS[before, 0] * values[newest, column]
    for lag in range(1, before + 1):
        weight = _SLOPE_WEIGHTS[before, lag]
        for column in range(values.shape[1]):
            out[column] += weight * values[newest - lag, column]


@compiled
def slopes(values: Singles, frame_in_play: Integers, out: Singles) -> None:
    """Time derivatives of columns, ``[T, K]`` each; see `causal_slope`."""
    for frame in range(len(values)):
        before = min(frame_in_play[frame], frame, HISTORY_FRAMES - 1)
        _slopes_at(values, frame, before, out[frame])


@compiled
def player_columns(
    planes: Singles,
    frame_in_play: Integers,
    line_x_yd: Singles,
    play: Integers,
    recent: Singles,
    out: Singles,
) -> None:
    """Player features of frames; see `player_features`.

    Args:
        planes: Frames by quantity, shape ``[6, F, 23]``, those of a play in order.
        frame_in_play: Shape ``[F]``.
        line_x_yd: Shape ``[F]``.
        play: Row of `recent` that each frame goes on from, shape ``[F]``.
        recent: Velocities in x and y of the last frames of plays, the newest last, shape
            ``[N, 5, 44]``; they move on by each frame.
        out: Shape ``[F, 22, 8]``.
    """
    newest = HISTORY_FRAMES - 1
    acceleration = np.empty(2 * PLAYERS, np.float32)
    for at in range(len(line_x_yd)):
        history = recent[play[at]]
        for row in range(newest):
            for column in range(2 * PLAYERS):
                history[row, column] = history[row + 1, column]
        for player in range(PLAYERS):
            out[at, player, 0] = planes[X, at, player] - line_x_yd[at]
            out[at, player, 1] = planes[Y, at, player] - _MIDDLE_YD
            x, y = _velocity(planes[SPEED, at, player], planes[DIRECTION, at, player])
            history[newest, 2 * player] = out[at, player, 2] = x
            history[newest, 2 * player + 1] = out[at, player, 3] = y
            out[at, player, 6] = planes[DIRECTION, at, player]
            out[at, player, 7] = planes[ORIENTATION, at, player]
        before = min(frame_in_play[at], newest)
        _slopes_at(history, newest, before, acceleration)
        for player in range(PLAYERS):
            out[at, player, 4] = acceleration[2 * player]
            out[at, player, 5] = acceleration[2 * player + 1]


@compiled
def _to_sideline(y: _Float) -> _Float:
    other = _WIDTH_YD - y
    return y if y < other else other


@compiled
def _root(square: _Float) -> _Float:
    """Distance from its square; NaN where nobody was there to measure to."""
    return np.sqrt(square) if square < _INFINITY else _NAN


@compiled
def _count_target(x: Singles, y: Singles, target: int, line: _Float, row: Singles) -> None:
    """The engineered columns about the target but for their speed."""
    to_x, to_y = x[target] - x[0], y[target] - y[0]
    length2 = to_x * to_x + to_y * to_y
    divisor = length2 if length2 > _POINT2 else _POINT2
    near, closest2, lane2 = 0, _INFINITY, _INFINITY
    for player in range(_FIRST_DEFENDER, PLAYERS):
        gap_x, gap_y = x[player] - x[target], y[player] - y[target]
        square = gap_x * gap_x + gap_y * gap_y
        near += square < _NEAR2
        closest2 = square if square < closest2 else closest2
        # From the nearest point of the segment from the passer to the target.
        gap_x, gap_y = x[player] - x[0], y[player] - y[0]
        share = (gap_x * to_x + gap_y * to_y) / divisor
        share = _ZERO if share < _ZERO else _ONE if share > _ONE else share
        gap_x, gap_y = gap_x - share * to_x, gap_y - share * to_y
        square = gap_x * gap_x + gap_y * gap_y
        lane2 = square if square < lane2 else lane2
    row[10] = x[target] - line
    row[11] = _to_sideline(y[target])
    row[13] = _root(closest2)
    row[14] = near
    row[15] = np.sqrt(length2)
    row[16] = _root(lane2)


@compiled
def engineered_columns(
    planes: Singles,
    frame_in_play: Integers,
    line_x_yd: Singles,
    target_slot: Integers,
    eligible: Flags,
    out: Singles,
) -> None:
    """The engineered columns of frames; see `engineered_features`."""
    x, y = np.empty(PLAYERS, np.float32), np.empty(PLAYERS, np.float32)
    for at in range(len(line_x_yd)):
        line, row = line_x_yd[at], out[at]
        for player in range(PLAYERS):
            x[player] = planes[X, at, player]
            y[player] = planes[Y, at, player]
        near, past, nearest2 = 0, 0, _INFINITY
        for player in range(_FIRST_DEFENDER, PLAYERS):
            gap_x, gap_y = x[player] - x[0], y[player] - y[0]
            square = gap_x * gap_x + gap_y * gap_y
            near += square < _NEAR2
            past += x[player] < line
            nearest2 = square if square < nearest2 else nearest2
        beyond, widest2 = 0, _ZERO
        for receiver in range(FIRST_RECEIVER, _FIRST_DEFENDER):
            if eligible[at, receiver]:
                beyond += x[receiver] > line
                closest2 = _INFINITY
                for player in range(_FIRST_DEFENDER, PLAYERS):
                    gap_x, gap_y = x[player] - x[receiver], y[player] - y[receiver]
                    square = gap_x * gap_x + gap_y * gap_y
                    closest2 = square if square < closest2 else closest2
                widest2 = closest2 if closest2 > widest2 else widest2
        # Gauss's shoelace formula; the pocket's corners are the passer and slots 1 to 5.
        doubled = x[5] * y[0] - x[0] * y[5]
        for player in range(5):
            doubled += x[player] * y[player + 1] - x[player + 1] * y[player]
        row[0] = np.float32(frame_in_play[at] / RATE_HZ)
        row[1] = line - x[0]
        row[2] = planes[SPEED, at, 0]
        row[3] = _to_sideline(y[0])
        row[4] = _root(nearest2)
        row[5] = near
        row[6] = past
        row[7] = abs(doubled) * _HALF
        row[8] = beyond
        row[9] = _root(widest2)
        target = target_slot[at]
        if target < 0:
            for column in range(10, len(row)):
                row[column] = _NAN
        else:
            _count_target(x, y, target, line, row)
            row[12] = planes[SPEED, at, target]


@compiled
def network_columns(
    players: Singles,
    engineered: Singles,
    target_slot: Integers,
    released: Flags,
    about_target: int,
    out: Singles,
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
    width = 11
    for at in range(len(players)):
        row = out[at]
        for player in range(PLAYERS):
            first = player * width
            for column in range(6):
                row[first + column] = players[at, player, column]
            row[first + 10] = _ZERO
        for player in range(PLAYERS):
            first = player * width
            sine, cosine = sine_cosine(players[at, player, 6])
            # A standing player may have no direction; (0, 0) says so.
            row[first + 6] = _ZERO if np.isnan(sine) else sine
            row[first + 7] = _ZERO if np.isnan(cosine) else cosine
            row[first + 8], row[first + 9] = sine_cosine(players[at, player, 7])
        first = PLAYERS * width
        for column in range(engineered.shape[1]):
            row[first + column] = engineered[at, column]
        if released[at] and target_slot[at] >= 0:
            row[target_slot[at] * width + 10] = _ONE
        else:
            for column in range(first + about_target, len(row)):
                row[column] = _NAN


@compiled
def columns_of_frames(
    planes: Singles,
    frame_in_play: Integers,
    line_x_yd: Singles,
    play: Integers,
    recent: Singles,
    eligible: Flags,
    target_slot: Integers,
    about_target: int,
    out: Singles,
) -> None:
    """`network_columns` of frames as they come: the three kernels above in one call.

    A target is known in a frame of a release alone. See the kernels for the arguments.
    """
    frames = len(line_x_yd)
    players = np.empty((frames, PLAYERS, 8), np.float32)
    engineered = np.empty((frames, out.shape[1] - PLAYERS * 11), np.float32)
    player_columns(planes, frame_in_play, line_x_yd, play, recent, players)
    engineered_columns(planes, frame_in_play, line_x_yd, target_slot, eligible, engineered)
    network_columns(players, engineered, target_slot, target_slot >= 0, about_target, out)
