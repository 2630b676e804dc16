"""Measure what a tracking feed reports beside positions: speed, acceleration and two angles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.simulation.tracking._lineup import FRAME_S, PASSER
from dropback.tracking._schema import BALL_SLOT, PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Integers, Singles
    from dropback.simulation.tracking._after_release import Tracks
    from dropback.simulation.tracking._calls import Calls


@dataclass(frozen=True)
class Motion:
    """The columns of a feed, ``R`` rows: the players of a play one after another, frame by frame.

    Args:
        x: Yards from the left end line, in the stadium's own direction, shape ``(R,)``.
        y: Yards from the lower sideline.
        s: Speed, yards a second.
        a: Size of the acceleration, yards a second squared.
        dis: Yards since the frame before.
        o: Orientation, degrees clockwise from +y; NaN for the ball.
        dir: Direction of movement, degrees clockwise from +y; NaN for the ball.
        play: Index of the play.
        slot: 0 to 21, or 22 for the ball.
        frame: From 0.
    """

    x: Singles
    y: Singles
    s: Singles
    a: Singles
    dis: Singles
    o: Singles
    dir: Singles
    play: Integers
    slot: Integers
    frame: Integers


def measure_motion(
    tracks: Tracks, calls: Calls, rotated: Flags, generator: np.random.Generator
) -> Motion:
    """Measure all players in every frame.

    A velocity is the displacement that led to the frame over a tenth of a second, so that the
    feed's speed and direction are those of its positions.

    Args:
        tracks: The plays, ``N`` of them.
        calls: Defenders in man coverage face their receiver, the others the passer.
        rotated: Which plays go to the left in the stadium, shape ``(N,)``.
        generator: Source of randomness: players do not face exactly where they look.
    """
    xy = np.ascontiguousarray(tracks.xy.transpose(0, 2, 1, 3))
    velocity = np.zeros_like(xy)
    velocity[:, :, 1:] = np.diff(xy, axis=2) / np.float32(FRAME_S)
    change = np.zeros_like(xy)
    change[:, :, 1:] = np.diff(velocity, axis=2) / np.float32(FRAME_S)
    speed = np.hypot(velocity[..., 0], velocity[..., 1])
    facing = _facing(tracks, calls, xy, velocity, generator)
    # A standing player's direction is the orientation.
    moving = np.rad2deg(np.arctan2(velocity[..., 0], velocity[..., 1]))
    moving = np.where(speed > 0.05, moving, facing)
    xy[rotated] = np.array([FIELD_LENGTH_YD, FIELD_WIDTH_YD], np.float32) - xy[rotated]
    half_turn = np.where(rotated, np.float32(180.0), np.float32(0.0))[:, None, None]
    facing, moving = facing + half_turn, moving + half_turn
    facing[:, BALL_SLOT] = moving[:, BALL_SLOT] = np.nan
    there = np.arange(xy.shape[2]) < tracks.frames[:, None]
    rows = np.broadcast_to(there[:, None], xy.shape[:3])
    play, slot, frame = np.nonzero(rows)

    def rounded(values: Singles) -> Singles:
        return np.round(values[rows], 2)

    return Motion(
        x=rounded(xy[..., 0]),
        y=rounded(xy[..., 1]),
        s=rounded(speed),
        a=rounded(np.hypot(change[..., 0], change[..., 1])),
        dis=rounded(speed * np.float32(FRAME_S)),
        # 359.996 rounds to 360, which is 0.
        o=np.round(facing[rows] % 360, 2) % 360,
        dir=np.round(moving[rows] % 360, 2) % 360,
        play=play,
        slot=slot,
        frame=frame,
    )


def _facing(
    tracks: Tracks, calls: Calls, xy: Singles, velocity: Singles, generator: np.random.Generator
) -> Singles:
    """Orientation of all, degrees, shape ``(N, 23, T)``."""
    n, _, total, _ = xy.shape
    frame = np.arange(total)
    facing = np.full((n, PLAYERS + 1, total), 90.0, np.float32)
    to_passer = xy[:, PASSER : PASSER + 1] - xy
    at_passer = np.rad2deg(np.arctan2(to_passer[..., 0], to_passer[..., 1]))
    along = np.rad2deg(np.arctan2(velocity[..., 0], velocity[..., 1]))
    fast = np.hypot(velocity[..., 0], velocity[..., 1]) > 3.0
    runs = slice(6, 11)
    facing[:, runs] = np.where(fast[:, runs], along[:, runs], 90.0)
    defense = slice(11, 22)
    follows = (calls.takes >= 0)[..., None] & fast[:, defense]
    facing[:, defense] = np.where(follows, along[:, defense], at_passer[:, defense])
    # In the last half second the passer turns to the target.
    ball = xy[np.arange(n), BALL_SLOT, tracks.arrival] - xy[np.arange(n), PASSER, tracks.release]
    throw = np.rad2deg(np.arctan2(ball[:, 0], ball[:, 1]))[:, None] - 90.0
    # The passer who keeps the ball, or hands it over, faces on.
    throw[tracks.arrival == tracks.release] = 0.0
    turns = np.clip((frame - tracks.release[:, None] + 5) / 5, 0, 1)
    facing[:, PASSER] = 90.0 + turns * ((throw + 180.0) % 360.0 - 180.0)
    before = frame <= tracks.snap
    facing[:, :11, before] = 90.0
    facing[:, defense, before] = 270.0
    stance = generator.normal(scale=9.0, size=(n, PLAYERS + 1, 1)).astype(np.float32)
    sway = generator.normal(scale=2.0, size=(n, PLAYERS + 1, total)).astype(np.float32)
    return np.asarray(facing + stance + sway)
