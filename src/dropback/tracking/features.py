"""What a network reads, from canonical frames: any leading dimensions, so one live frame too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.errors import TrackingError
from dropback.tracking.blocks import DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking.derive import HISTORY_FRAMES, causal_slope, velocity
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
    "LiveFeatures",
    "block_features",
    "eligible_slots",
    "engineered_features",
    "network_view",
    "player_features",
    "require_all_players",
    "static_features",
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

_OFFENSE: Final = slice(0, 11)
_DEFENSE: Final = slice(11, PLAYERS)
# At least five of the offence are not eligible and one passes (NFL rulebook, Rule 5, Section 3 and
# Rule 7, Section 5), so the eligible are in the last five slots of the offence.
_ELIGIBLE: Final = slice(6, 11)


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
    players = frames[..., :PLAYERS, :]
    columns = (
        players[..., X] - line_x_yd[..., None],
        players[..., Y] - np.float32(FIELD_WIDTH_YD / 2),
        *np.moveaxis(velocity_xy, -1, 0),
        *np.moveaxis(acceleration_xy, -1, 0),
        players[..., DIRECTION],
        players[..., ORIENTATION],
    )
    features = np.empty((*players.shape[:-1], len(PLAYER_QUANTITIES)), np.float32)
    # By a few hundred frames, that the eight passes over the result stay in the core's cache.
    rows = features.reshape(-1, PLAYERS, len(PLAYER_QUANTITIES))
    parts = [column.reshape(-1, PLAYERS) for column in columns]
    for start in range(0, len(rows), _CACHED_FRAMES):
        stretch = slice(start, start + _CACHED_FRAMES)
        for number, part in enumerate(parts):
            rows[stretch, :, number] = part[stretch]
    return features


def network_view(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Player features with angles as sine and cosine, and an absent angle as (0, 0).

    Args:
        features: Shape ``[*B, 22, 8]``.

    Returns:
        Shape ``[*B, 22, 10]`` in the order of `NETWORK_QUANTITIES`.
    """
    radians = np.deg2rad(features[..., 6:8])
    pairs = np.stack([np.sin(radians), np.cos(radians)], axis=-1)
    angles = np.nan_to_num(pairs, nan=0.0).reshape(*features.shape[:-1], 4)
    return np.concatenate([features[..., :6], angles], axis=-1)


def engineered_features(
    frames: NDArray[np.float32],
    seconds_since_snap_s: NDArray[np.float32],
    line_x_yd: NDArray[np.float32],
    target_slot: NDArray[np.int64],
    eligible: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """What coaches would count in a frame.

    Args:
        frames: Canonical frames, shape ``[*B, 23, 6]``.
        seconds_since_snap_s: Shape ``[*B]``.
        line_x_yd: Line of scrimmage, shape ``[*B]``.
        target_slot: Slot of the target, -1 where there is none, shape ``[*B]``.
        eligible: Which of the offence's slots are eligible receivers, shape ``[*B, 11]``.

    Returns:
        Shape ``[*B, 17]`` in the order of `ENGINEERED_COLUMNS`; what is about the target is NaN
        where there is none. The pocket is the polygon of the passer and slots 1 to 5.
    """
    # Players first: a minimum over them then runs along contiguous frames, five times faster.
    x = np.ascontiguousarray(np.moveaxis(frames[..., :PLAYERS, X], -1, 0))
    y = np.ascontiguousarray(np.moveaxis(frames[..., :PLAYERS, Y], -1, 0))
    defense_x, defense_y = x[_DEFENSE], y[_DEFENSE]
    to_passer = _distance(defense_x - x[0], defense_y - y[0])
    target = _target(frames, target_slot)
    target_x, target_y = target[..., X], target[..., Y]
    to_target = _distance(defense_x - target_x, defense_y - target_y)
    is_eligible = np.moveaxis(eligible[..., _ELIGIBLE], -1, 0)
    separations = np.stack(
        [
            np.fmin.reduce(_distance(defense_x - x[slot], defense_y - y[slot]), axis=0)
            for slot in range(_ELIGIBLE.start, _ELIGIBLE.stop)
        ]
    )
    columns = (
        seconds_since_snap_s,
        line_x_yd - x[0],
        frames[..., 0, SPEED],
        _to_sideline(y[0]),
        np.fmin.reduce(to_passer, axis=0),
        (to_passer < 2.0).sum(axis=0),
        (defense_x < line_x_yd).sum(axis=0),
        _pocket_area(x[:6], y[:6]),
        ((x[_ELIGIBLE] > line_x_yd) & is_eligible).sum(axis=0),
        np.where(is_eligible, separations, np.float32(0)).max(axis=0),
        target_x - line_x_yd,
        _to_sideline(target_y),
        target[..., SPEED],
        np.fmin.reduce(to_target, axis=0),
        np.where(target_slot >= 0, (to_target < 2.0).sum(axis=0), np.nan),
        _distance(target_x - x[0], target_y - y[0]),
        np.fmin.reduce(
            _to_segment(defense_x - x[0], defense_y - y[0], target_x - x[0], target_y - y[0]),
            axis=0,
        ),
    )
    features = np.empty((*frames.shape[:-2], len(ENGINEERED_COLUMNS)), np.float32)
    for number, column in enumerate(columns):
        features[..., number] = column
    return features


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


class LiveFeatures:
    """Features of a play as its frames arrive, equal to those of the whole play.

    Args:
        line_x_yd: Line of scrimmage.
        target_slot: Who is looked at as the target, or -1.
        eligible: Which of the offence's slots are eligible, shape ``[11]``.
    """

    def __init__(self, line_x_yd: float, target_slot: int, eligible: NDArray[np.bool_]) -> None:
        self._line = np.float32(line_x_yd)
        self._target = np.int64(target_slot)
        self._eligible = eligible
        self._velocities: list[NDArray[np.float32]] = []
        self._frame = 0

    def push(self, frame: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Player features ``[22, 8]`` and engineered ``[17]`` of the next canonical frame.

        Args:
            frame: Shape ``[23, 6]``, complete but for the ball.
        """
        velocity_xy = velocity(frame[:PLAYERS, SPEED], frame[:PLAYERS, DIRECTION])
        self._velocities = [*self._velocities[-(HISTORY_FRAMES - 1) :], velocity_xy]
        history = np.stack(self._velocities)
        acceleration_xy = causal_slope(history, np.arange(len(history)))[-1]
        line = np.asarray(self._line)
        players = player_features(frame, velocity_xy, acceleration_xy, line)
        seconds = np.asarray(self._frame / RATE_HZ, np.float32)
        self._frame += 1
        return players, engineered_features(
            frame, seconds, line, np.asarray(self._target), self._eligible
        )


def _distance(x_yd: NDArray[np.float32], y_yd: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(x_yd * x_yd + y_yd * y_yd))


def _to_sideline(y_yd: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.minimum(y_yd, np.float32(FIELD_WIDTH_YD) - y_yd))


def _target(frames: NDArray[np.float32], target_slot: NDArray[np.int64]) -> NDArray[np.float32]:
    """The target's row of each frame, NaN where there is none, shape ``[*B, 6]``."""
    index = np.maximum(target_slot, 0)[..., None, None]
    found = np.take_along_axis(frames[..., _OFFENSE, :], index, axis=-2)[..., 0, :]
    return np.where((target_slot >= 0)[..., None], found, np.float32(np.nan))


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
