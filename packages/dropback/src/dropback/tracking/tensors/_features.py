"""Compute what a network reads from canonical frames, of files and live plays alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import last_regular_week
from dropback.data._play_context import half_seconds_remaining
from dropback.tracking._compiled import one_layout
from dropback.tracking._kernels import HISTORY_FRAMES, engineered_columns, player_columns
from dropback.tracking._schema import GROUPS_AT_SNAP, PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

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

# With both angles as sine and cosine, since 359 and 1 degree are neighbors.
NETWORK_QUANTITIES: Final = (
    *PLAYER_QUANTITIES[:6],
    "direction_sine",
    "direction_cosine",
    "orientation_sine",
    "orientation_cosine",
)

PLAYER_COLUMNS: Final = tuple(
    f"{side}_{place}_{quantity}"
    for side in ("offense", "defense")
    for place in range(11)
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

ABOUT_TARGET: Final = ENGINEERED_COLUMNS.index("target_depth_yd")
"""First of the engineered columns about the target, which come last."""

# What the absent may be nearest to or counted in: those who cover receivers are in every set.
_OF_RUSHERS: Final = [
    ENGINEERED_COLUMNS.index(name)
    for name in (
        "passer_to_nearest_defender_yd",
        "defenders_within_2_yd_of_passer",
        "defenders_past_line",
        "lane_to_nearest_defender_yd",
    )
]

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

_OFFENSE: Final = slice(0, PLAYERS // 2)


def player_features(frames: Singles, frame_in_play: Integers, line_x_yd: Singles) -> Singles:
    """Eight numbers a player: 176 a frame.

    Accelerations are slopes of velocities, see `causal_slope`.

    Args:
        frames: Canonical frames of plays one after another, shape ``[F, 23, 6]``.
        frame_in_play: Index of each frame within its play, shape ``[F]``.
        line_x_yd: Line of scrimmage, shape ``[F]``.

    Returns:
        Shape ``[F, 22, 8]`` in the order of `PLAYER_QUANTITIES`; NaN where the set lacks the
        orientation.
    """
    play = np.zeros(len(frames), np.int64)
    recent = np.zeros((1, HISTORY_FRAMES, PLAYERS * 2), np.float32)
    features = np.empty((len(frames), PLAYERS, len(PLAYER_QUANTITIES)), np.float32)
    planes = one_layout(frames.transpose(2, 0, 1))
    player_columns(planes, frame_in_play, line_x_yd, play, recent, features)
    return features


def engineered_features(
    frames: Singles,
    frame_in_play: Integers,
    line_x_yd: Singles,
    target_slot: Integers,
    eligible: Flags,
) -> Singles:
    """What coaches would count in a frame.

    Args:
        frames: Canonical frames, shape ``[F, 23, 6]``.
        frame_in_play: Index of each frame within its play, shape ``[F]``.
        line_x_yd: Line of scrimmage, shape ``[F]``.
        target_slot: Slot of the target, -1 where there is none, shape ``[F]``.
        eligible: Which of the offense's slots are eligible receivers, shape ``[F, 11]``.

    Returns:
        Shape ``[F, 17]`` in the order of `ENGINEERED_COLUMNS`; those about the target, from
        `ABOUT_TARGET` on, are NaN where there is none. The pocket is the polygon of the passer
        and slots 1 to 5.
    """
    features = np.empty((len(frames), len(ENGINEERED_COLUMNS)), np.float32)
    planes = one_layout(frames.transpose(2, 0, 1))
    engineered_columns(planes, frame_in_play, line_x_yd, target_slot, eligible, features)
    return features


def static_features(plays: pl.DataFrame) -> Singles:
    """What is known of a play before the snap, shape ``[N, 8]`` by `STATIC_COLUMNS`; NaN absent.

    Weeks left count to the end of the regular season.
    """
    table = plays.select(
        "down",
        "yards_to_go",
        "yards_to_goal",
        "quarter",
        seconds_left_in_half_s=half_seconds_remaining("quarter", "game_clock_s"),
        score_differential="score_differential",
        at_home=pl.col("offense") == pl.col("home_team"),
        weeks_left=(last_regular_week(pl.col("season")) - pl.col("week")).clip(lower_bound=0),
    ).select(pl.col(name).cast(pl.Float32) for name in STATIC_COLUMNS)
    return np.ascontiguousarray(table.fill_null(float("nan")).to_numpy())


def block_features(block: PlayBlock) -> tuple[Singles, Singles, Singles]:
    """Features of all frames of a block.

    Returns:
        Player features ``[F, 22, 8]``, engineered ``[F, 17]`` and static ``[N, 8]``. Where a set
        lacks players, theirs are NaN, and so are the engineered columns that tell of rushers
        where the defense is not all there.
    """
    frame_in_play, play = block.frame_in_play, block.play_of_frame
    line = block.plays["line_of_scrimmage_x_yd"].to_numpy()[play]
    target = block.plays["target_slot"].cast(pl.Int64).fill_null(-1).to_numpy()[play]
    engineered = engineered_features(
        block.frames, frame_in_play, line, target, eligible_slots(block)[play]
    )
    partial = np.asarray(block.lacks_defenders)[play]
    for column in _OF_RUSHERS:
        engineered[partial, column] = np.nan
    players = player_features(block.frames, frame_in_play, line)
    return players, engineered, static_features(block.plays)


def eligible_slots(block: PlayBlock) -> Flags:
    """Which of the offense's slots may catch a pass, shape ``[N, 11]``.

    They are so by alignment at the snap, whatever their role afterwards: the last slots.
    """
    return np.asarray(block.groups_at_snap[:, _OFFENSE] == GROUPS_AT_SNAP.index("eligible"))
