"""What a network reads, from canonical frames: any leading dimensions, so one live frame too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.errors import TrackingError
from dropback.tracking.blocks import DIRECTION, SPEED, X, Y
from dropback.tracking.derive import HISTORY_FRAMES, causal_slope, newest_slope, velocity
from dropback.tracking.schema import FIELD_WIDTH_YD, GROUPS_AT_SNAP, PLAYERS, RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback.tracking.blocks import PlayBlock

__all__ = [
    "ENGINEERED_COLUMNS",
    "NETWORK_QUANTITIES",
    "PLAYER_COLUMNS",
    "PLAYER_QUANTITIES",
    "STATIC_COLUMNS",
    "block_features",
    "eligible_slots",
    "engineered_features",
    "frame_features",
    "network_view",
    "newest_player_features",
    "player_features",
    "require_all_players",
    "static_features",
    "target_features",
]

PLAYER_QUANTITIES: Final = (
    "x_from_line_yd",
    "y_from_middle_yd",
    "x_velocity_yd_per_s",
    "y_velocity_yd_per_s",
    "x_acceleration_yd_per_s2",
    "y_acceleration_yd_per_s2",
    "direction_deg",
    "orientation_deg",
)

# With both angles as sine and cosine, since 359 and 1 degree are neighbours.
NETWORK_QUANTITIES: Final = (
    *PLAYER_QUANTITIES[:6],
    "direction_sine",
    "direction_cosine",
    "orientation_sine",
    "orientation_cosine",
)

PLAYER_COLUMNS: Final = tuple(
    f"{side}_{number}_{quantity}"
    for side in ("offense", "defense")
    for number in range(11)
    for quantity in PLAYER_QUANTITIES
)

ENGINEERED_COLUMNS: Final = (
    "seconds_since_snap_s",
    "passer_depth_yd",
    "passer_speed_yd_per_s",
    "passer_to_sideline_yd",
    "passer_to_nearest_defender_yd",
    "defenders_within_2_yd_of_passer",
    "defenders_past_line",
    "pocket_area_yd2",
    "eligible_past_line",
    "widest_separation_yd",
    "target_depth_yd",
    "target_to_sideline_yd",
    "target_speed_yd_per_s",
    "target_separation_yd",
    "defenders_within_2_yd_of_target",
    "passer_to_target_yd",
    "lane_to_nearest_defender_yd",
)

STATIC_COLUMNS: Final = (
    "down",
    "yards_to_go",
    "yards_to_goal",
    "quarter",
    "seconds_left_in_half_s",
    "score_differential",
    "at_home",
    "weeks_left",
)

# 256 frames of 22 players and 8 numbers are 180 KB.
_CACHED_FRAMES: Final = 256

# Engineered columns that need no target come first.
_OF_FRAME: Final = 10

_OFFENSE: Final = slice(0, 11)
_DEFENSE: Final = slice(11, PLAYERS)
# At least five of the offence are not eligible and one passes (NFL rulebook, Rule 5, Section 3 and
# Rule 7, Section 5), so the eligible are in the last five slots of the offence.
_ELIGIBLE: Final = slice(6, 11)
_PASSER_AND_ELIGIBLE: Final = np.array([0, 6, 7, 8, 9, 10])


def player_features(
    frames: NDArray[np.float32],
    velocity_xy: NDArray[np.float32],
    acceleration_xy: NDArray[np.float32],
    line_x_yd: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Eight numbers a player: 176 a frame.

    Args:
        frames: Canonical frames, shape ``[*B, 23, 6]``.
        velocity_xy: Yards a second, shape ``[*B, 22, 2]``.
        acceleration_xy: Yards a second squared, shape ``[*B, 22, 2]``.
        line_x_yd: Line of scrimmage, shape ``[*B]``.

    Returns:
        Shape ``[*B, 22, 8]`` in the order of `PLAYER_QUANTITIES`; NaN where the set lacks the
        orientation.
    """
    features = np.empty((*frames.shape[:-2], PLAYERS, len(PLAYER_QUANTITIES)), np.float32)
    rows = features.reshape(-1, PLAYERS, len(PLAYER_QUANTITIES))
    players = frames.reshape(-1, *frames.shape[-2:])[:, :PLAYERS]
    motion = [values.reshape(-1, PLAYERS, 2) for values in (velocity_xy, acceleration_xy)]
    line = line_x_yd.reshape(-1, 1)
    middle = np.float32(FIELD_WIDTH_YD / 2)
    for part in _stretches(len(rows)):
        row, player = rows[part], players[part]
        np.subtract(player[..., X], line[part], out=row[..., 0])
        np.subtract(player[..., Y], middle, out=row[..., 1])
        row[..., 2:4] = motion[0][part]
        row[..., 4:6] = motion[1][part]
        row[..., 6:] = player[..., DIRECTION:]
    return features


def network_view(
    features: NDArray[np.float32], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Player features with angles as sine and cosine, and an absent angle as (0, 0).

    Args:
        features: Shape ``[*B, 22, 8]``.
        out: Where to write; None makes an array.

    Returns:
        Shape ``[*B, 22, 10]`` in the order of `NETWORK_QUANTITIES`.
    """
    if out is None:
        out = np.empty((*features.shape[:-1], len(NETWORK_QUANTITIES)), np.float32)
    out[..., :6] = features[..., :6]
    radians = np.deg2rad(features[..., 6:])
    angles = out[..., 6:]
    np.sin(radians, out=angles[..., ::2])
    np.cos(radians, out=angles[..., 1::2])
    np.copyto(angles, np.float32(0), where=np.isnan(angles))
    return out


def engineered_features(
    frames: NDArray[np.float32],
    seconds_since_snap_s: NDArray[np.float32],
    line_x_yd: NDArray[np.float32],
    target_slot: NDArray[np.int64],
    eligible: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """What coaches would count in a frame: `frame_features` and `target_features` of each.

    Args:
        frames: Canonical frames, shape ``[F, 23, 6]``.
        seconds_since_snap_s: Shape ``[F]``.
        line_x_yd: Line of scrimmage, shape ``[F]``.
        target_slot: Slot of the target, -1 where there is none, shape ``[F]``.
        eligible: Which of the offence's slots are eligible receivers, shape ``[F, 11]``.

    Returns:
        Shape ``[F, 17]`` in the order of `ENGINEERED_COLUMNS`.
    """
    features = np.empty((len(frames), len(ENGINEERED_COLUMNS)), np.float32)
    for part in _stretches(len(frames)):
        features[part, :_OF_FRAME] = frame_features(
            frames[part], seconds_since_snap_s[part], line_x_yd[part], eligible[part]
        )
        features[part, _OF_FRAME:] = target_features(
            frames[part], line_x_yd[part], target_slot[part]
        )
    return features


def frame_features(
    frames: NDArray[np.float32],
    seconds_since_snap_s: NDArray[np.float32],
    line_x_yd: NDArray[np.float32],
    eligible: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """The engineered columns that need no target, for a few hundred frames at once.

    Args:
        frames: As in `engineered_features`.
        seconds_since_snap_s: As there.
        line_x_yd: As there.
        eligible: As there.

    Returns:
        Shape ``[F, 10]``: the first of `ENGINEERED_COLUMNS`. The pocket is the polygon of the
        passer and slots 1 to 5.
    """
    # Frames last: every step then runs along contiguous frames, five times faster.
    xy = np.ascontiguousarray(frames[:, :PLAYERS, : Y + 1].transpose(2, 1, 0))
    x, y = xy
    # Squared distances of the defenders from the passer and the eligible, [11, 6, F].
    gaps = xy[:, _DEFENSE, None] - xy[:, None, _PASSER_AND_ELIGIBLE]
    gaps *= gaps
    squares = gaps[0]
    squares += gaps[1]
    nearest = np.sqrt(np.fmin.reduce(squares, axis=0))
    may_catch = eligible.T[_ELIGIBLE]
    features = np.empty((_OF_FRAME, len(frames)), np.float32)
    features[0] = seconds_since_snap_s
    np.subtract(line_x_yd, x[0], out=features[1])
    features[2] = frames[:, 0, SPEED]
    features[3] = _to_sideline(y[0])
    features[4] = nearest[0]
    features[5] = (squares[:, 0] < np.float32(4.0)).sum(axis=0)
    features[6] = (x[_DEFENSE] < line_x_yd).sum(axis=0)
    features[7] = _pocket_area(x[:6], y[:6])
    features[8] = ((x[_ELIGIBLE] > line_x_yd) & may_catch).sum(axis=0)
    np.where(may_catch, nearest[1:], np.float32(0)).max(axis=0, out=features[9])
    return features.T


def target_features(
    frames: NDArray[np.float32], line_x_yd: NDArray[np.float32], target_slot: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The engineered columns about the target, for a few hundred frames at once.

    Args:
        frames: As in `engineered_features`.
        line_x_yd: As there.
        target_slot: As there.

    Returns:
        Shape ``[F, 7]``: the last of `ENGINEERED_COLUMNS`; NaN where there is no target.
    """
    x, y = np.ascontiguousarray(frames[:, :PLAYERS, : Y + 1].transpose(2, 1, 0))
    target = frames[np.arange(len(frames)), np.maximum(target_slot, 0)].T
    at_x, at_y = target[X], target[Y]
    to_target = _distance(x[_DEFENSE] - at_x, y[_DEFENSE] - at_y)
    passer_x, passer_y = at_x - x[0], at_y - y[0]
    features = np.empty((len(ENGINEERED_COLUMNS) - _OF_FRAME, len(frames)), np.float32)
    np.subtract(at_x, line_x_yd, out=features[0])
    features[1] = _to_sideline(at_y)
    features[2] = target[SPEED]
    features[3] = np.fmin.reduce(to_target, axis=0)
    features[4] = (to_target < 2.0).sum(axis=0)
    features[5] = _distance(passer_x, passer_y)
    features[6] = np.fmin.reduce(
        _to_segment(x[_DEFENSE] - x[0], y[_DEFENSE] - y[0], passer_x, passer_y), axis=0
    )
    np.copyto(features, np.float32(np.nan), where=target_slot < 0)
    return features.T


def static_features(plays: pl.DataFrame) -> NDArray[np.float32]:
    """What is known of a play before the snap, shape ``[N, 8]`` by `STATIC_COLUMNS`; NaN absent.

    Weeks left count to the end of the regular season: 18 weeks from 2021, 17 before.
    """
    clock = pl.col("game_clock_s")
    in_first_quarter_of_half = pl.col("quarter").is_in([1, 3])
    last_week = pl.when(pl.col("season") >= 2021).then(18).otherwise(17)
    table = plays.select(
        "down",
        "yards_to_go",
        "yards_to_goal",
        "quarter",
        seconds_left_in_half_s=clock + pl.when(in_first_quarter_of_half).then(900).otherwise(0),
        score_differential="score_differential",
        at_home=pl.col("offense") == pl.col("home_team"),
        weeks_left=(last_week - pl.col("week")).clip(lower_bound=0),
    ).select(pl.col(name).cast(pl.Float32) for name in STATIC_COLUMNS)
    return np.ascontiguousarray(table.fill_null(float("nan")).to_numpy())


def require_all_players(block: PlayBlock) -> None:
    """Refuse plays whose set lacks players that a 22-player feature needs.

    Raises:
        TrackingError: Naming the first such play and what its set lacks.
    """
    lacking = block.plays.filter(pl.col("lacks").list.contains("linemen"))
    if lacking.height:
        play = lacking.row(0, named=True)
        raise TrackingError(
            f"features need all 22 players, but {play['source_format']} lacks linemen "
            f"(first: {play['source_file']}, game {play['game_id']}, play {play['play_id']}); "
            "use a set with all players."
        )


def block_features(
    block: PlayBlock,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Features of all frames of a block.

    Returns:
        Player features ``[F, 22, 8]``, engineered ``[F, 17]`` and static ``[N, 8]``.

    Raises:
        TrackingError: If the block's set lacks players.
    """
    require_all_players(block)
    frame_in_play, play = block.frame_in_play, block.play_of_frame
    players = block.frames[:, :PLAYERS]
    velocity_xy = velocity(players[..., SPEED], players[..., DIRECTION])
    line = block.plays["line_of_scrimmage_x_yd"].to_numpy()[play]
    target = block.plays["target_slot"].cast(pl.Int64).fill_null(-1).to_numpy()[play]
    features = player_features(
        block.frames, velocity_xy, causal_slope(velocity_xy, frame_in_play), line
    )
    seconds = (frame_in_play / RATE_HZ).astype(np.float32)
    engineered = engineered_features(
        block.frames, seconds, line, target, eligible_slots(block)[play]
    )
    return features, engineered, static_features(block.plays)


def eligible_slots(block: PlayBlock) -> NDArray[np.bool_]:
    """Which of the offence's slots may catch a pass, shape ``[N, 11]``.

    By where they stood at the snap, whatever role they took up: the last slots, a man each.
    """
    return np.asarray(block.groups_at_snap[:, _OFFENSE] == GROUPS_AT_SNAP.index("eligible"))


def newest_player_features(
    frames: NDArray[np.float32],
    velocities: NDArray[np.float32],
    frame_in_play: NDArray[np.int64],
    line_x_yd: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`player_features` of the next frame of each of ``N`` plays as it arrives.

    Args:
        frames: Canonical frames, complete but for the ball, shape ``[N, 23, 6]``.
        velocities: Those of each play's last frames, the newest first, 0 before its first frame,
            shape ``[N, 5, 22, 2]``.
        frame_in_play: Number of the frame within its play, shape ``[N]``.
        line_x_yd: Line of scrimmage, shape ``[N]``.

    Returns:
        Shape ``[N, 22, 8]``, equal to those of the whole play, and the velocities with this
        frame's.
    """
    players = frames[:, :PLAYERS]
    velocity_xy = velocity(players[..., SPEED], players[..., DIRECTION])
    velocities = np.concatenate([velocity_xy[:, None], velocities[:, : HISTORY_FRAMES - 1]], axis=1)
    acceleration_xy = newest_slope(velocities, frame_in_play)
    return player_features(frames, velocity_xy, acceleration_xy, line_x_yd), velocities


def _stretches(frames: int) -> list[slice]:
    """Runs of a few hundred frames, whose numbers stay in a core's cache."""
    return [slice(start, start + _CACHED_FRAMES) for start in range(0, frames, _CACHED_FRAMES)]


def _distance(x_yd: NDArray[np.float32], y_yd: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(x_yd * x_yd + y_yd * y_yd))


def _to_sideline(y_yd: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.minimum(y_yd, np.float32(FIELD_WIDTH_YD) - y_yd))


def _pocket_area(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Area by Gauss's shoelace formula of a polygon of corners, shape ``[6, *B]``, square yards."""
    cross = (x[:-1] * y[1:] - x[1:] * y[:-1]).sum(axis=0) + x[-1] * y[0] - x[0] * y[-1]
    return np.asarray(np.abs(cross) / 2)


def _to_segment(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    end_x: NDArray[np.float32],
    end_y: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Distance of points ``[K, *B]`` from the segments from the origin to ends ``[*B]``."""
    length2 = np.maximum(end_x * end_x + end_y * end_y, np.float32(1e-6))
    along = np.asarray((x * end_x + y * end_y) / length2, np.float32)
    share = np.clip(along, np.float32(0), np.float32(1))
    return _distance(x - share * end_x, y - share * end_y)
