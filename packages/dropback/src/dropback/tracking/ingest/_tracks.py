"""Flag tracks and plays whose positions are not those of their recorded motion.

One bad track in a good play leaves the play's means as they are. The bounds are beyond all tracks
of real dropbacks, of which the comments have the extremes: 11,814 from the snap to the release, of
2015 (3,278), 2017 (1,738), 2018 (2,508), 2019 (4,136) and 2021 (154). Sets with recorded directions
(2017 and later) also have better speeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import RATE_HZ
from dropback.tracking._blocks import ACCELERATION, DIRECTION, ORIENTATION, SPEED, X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.readers._cells import CELL, cut

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock

UNLIKE_SPEED: Final = "a track unlike its recorded speeds"
UNLIKE_DIRECTION: Final = "a track against its recorded directions"

UNLIKE_ACCELERATION: Final = "a track unlike its recorded accelerations"
UNLIKE_SPEEDS: Final = "speeds out of proportion to displacements"
UNLIKE_ACCELERATIONS: Final = "accelerations out of proportion to speeds"
UNLIKE_FACING: Final = "players who face away from the other side at the snap"

_FAST_YD_PER_S: Final = 2.0
_STILL_YD_PER_S: Final = 0.5
# Steps in a row, over a second; the longest real ones are of 8 (2015) and 4 (2018).
_FROZEN_STEPS: Final = 11
# Steps in a row of a player at speed whose coordinates do not change at all: none but those of
# three real plays, of 4 to 8 steps of two or eight players at once, who do stand in the air.
_SAME_PLACE_STEPS: Final = 4
_SAME_PLACE_YD_PER_S: Final = 1e-3
# Distance over recorded speed of fast steps: .27 to 1.83 in 2015 (ten steps and more); .73 to 1.66
# in 2017 and .89 to 1.47 since (five and more).
_RATIO: Final = (0.2, 2.0)
_FEW_FAST: Final = 10
_RATIO_SINCE_2017: Final = (0.65, 1.8)
_FEW_FAST_SINCE_2017: Final = 5
# Speeds of sets with orientations (2018 and later) are not behind the positions: .92 to 1.51 of
# eight steps and more of which either is a yard a second.
_RATIO_SINCE_2018: Final = (0.7, 1.8)
_FEW_SINCE_2018: Final = 8
# The same of all players of a play: .96 to 1.22.
_RATIO_OF_PLAY: Final = (0.8, 1.4)
# Mean cosine of the angle from the recorded direction to the displacement: .825 is the least of
# 8,445 tracks with five moving steps and more (2017 to 2021), .865 with three (.479 of one).
_LEAST_COSINE: Final = 0.75
_MOVING_YD_PER_S: Final = 1.0
_FEW_MOVING: Final = 5
# Of steps of a yard a second and more, two already tell a track that goes the other way.
_REVERSED_COSINE: Final = -0.3
_FEW_REVERSED: Final = 2
# Recorded acceleration over the changes of recorded speed: plays .84 to 1.17, tracks .41 to 2.22
# (2021); simulated ones up to 1.5 and 3.1. Less than a yard a second in all says nothing.
_ACCELERATION_RATIO: Final = (0.4, 2.5)
_TRACK_ACCELERATION_RATIO: Final = (0.15, 6.0)
_LEAST_CHANGE_YD_PER_S: Final = 1.0
# Where players face at the snap, from the other side: the mean angle of 309 of 310 plays is within
# 35 degrees; of one of 2018, whose orientations are 90 too low, it is 102. Angles of no common mean
# (a length below) say nothing.
_MOST_TURNED_DEG: Final = 60.0
_LEAST_IN_COMMON: Final = 0.35
_FEW_FACING: Final = 5
_MOST_NAMED: Final = 3


def unlike_tracks(block: PlayBlock, steps: Floats) -> list[list[str]]:
    """Flags of each play with tracks unlike what is recorded of them, with the players.

    Args:
        block: Plays, speeds and directions as recorded.
        steps: Their `steps_between`.
    """
    flags: list[list[str]] = [[] for _ in block.offsets[1:]]
    if not flags:
        return flags
    far = _of_speed(block, steps, block.frames[1:, :BALL_SLOT, SPEED] > _FAST_YD_PER_S)
    accelerated = _of_acceleration(block)
    for flag, ratio, bounds in (
        (UNLIKE_SPEEDS, far, _RATIO_OF_PLAY),
        (UNLIKE_ACCELERATIONS, accelerated, _ACCELERATION_RATIO),
    ):
        for play in np.flatnonzero(_outside(ratio.of_play, bounds)).tolist():
            flags[play].append(f"{flag}{CELL}{flag.split()[0]}: {ratio.of_play[play]:.2f} times")
    for play, degrees in _faced_away(block):
        flags[play].append(f"{UNLIKE_FACING}{CELL}by {degrees:+.0f} degrees on average")
    for flag, tracks in (
        (UNLIKE_SPEED, _unlike_speed(block, steps, far)),
        (UNLIKE_ACCELERATION, _unlike_acceleration(accelerated)),
        (UNLIKE_DIRECTION, _unlike_direction(block, steps)),
    ):
        for play, who in _named(block, tracks) if tracks.any() else ():
            flags[play].append(f"{flag}{CELL}{who}")
    return flags


@dataclass(frozen=True)
class _Ratio:
    """A measured sum over a recorded one: of tracks ``[N, 22]``, with the count of their steps."""

    count: Floats
    measured: Floats
    recorded: Floats

    @property
    def of_track(self) -> Floats:
        """The ratio of each track, NaN where nothing is recorded."""
        return _divided(self.measured, self.recorded)

    @property
    def of_play(self) -> Floats:
        """The ratio of all tracks of a play that have enough steps, ``[N]``."""
        return _divided(self.measured.sum(axis=1), self.recorded.sum(axis=1))


def _divided(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / below)


def _outside(values: Floats, bounds: tuple[float, float]) -> Flags:
    return np.asarray((values < bounds[0]) | (values > bounds[1]))


def _named(block: PlayBlock, tracks: Flags) -> list[tuple[int, str]]:
    """The plays of some tracks, and their players in words."""
    n, slot = np.nonzero(tracks)
    found = pl.DataFrame({"n": n, "slot": slot}).cast(pl.Int64)
    who = pl.format(
        "player {}{}", pl.col("player_id").fill_null(-1),
        pl.format(" ({})", cut(pl.col("display_name"))).fill_null(""),
    )  # fmt: skip
    players = block.players.select(pl.col("n", "slot").cast(pl.Int64), who.alias("who"))
    named = found.join(players, on=["n", "slot"], how="inner", maintain_order="left")
    more = pl.len().cast(pl.Int64) - _MOST_NAMED
    return (
        named.group_by("n", maintain_order=True)
        .agg(
            pl.col("who").head(_MOST_NAMED).str.join(", "),
            more=pl.when(more > 0).then(pl.format(" and {} more", more)).otherwise(pl.lit("")),
        )
        .select("n", pl.concat_str("who", "more"))
        .rows()
    )


def _of_plays(values: Floats, block: PlayBlock) -> Floats:
    """Sums over the steps of each play and player, shape ``[N, 22]``."""
    return np.asarray(np.add.reduceat(values, np.maximum(block.offsets[:-1] - 1, 0), axis=0))


def _of_speed(block: PlayBlock, steps: Floats, which: Flags) -> _Ratio:
    """How far some steps of each track go, over what their speeds say."""
    speed = block.frames[1:, :BALL_SLOT, SPEED]
    known = which & np.isfinite(steps) & np.isfinite(speed) & _inside(block)
    return _Ratio(
        _of_plays(known.astype(float), block),
        *(_of_plays(np.where(known, values, 0.0), block) for values in (steps, speed)),
    )


def _too_far(ratio: _Ratio, few: int, bounds: tuple[float, float]) -> Flags:
    """Tracks with enough steps whose ratio is beyond bounds."""
    return np.asarray((ratio.count >= few) & _outside(ratio.of_track, bounds))


def _inside(block: PlayBlock) -> Flags:
    """Steps that do not lead from one play to the next, ``[F - 1, 1]``."""
    return np.asarray((block.frame_in_play[1:] > 0)[:, None])


def _unlike_speed(block: PlayBlock, steps: Floats, far: _Ratio) -> Flags:
    """Tracks that stand while fast, or go much farther or less far than their speeds."""
    players = block.frames[:, :BALL_SLOT]
    speed = players[1:, :, SPEED]
    if np.isfinite(players[..., DIRECTION]).any():
        unlike = _too_far(far, _FEW_FAST_SINCE_2017, _RATIO_SINCE_2017)
    else:
        unlike = _too_far(far, _FEW_FAST, _RATIO)
    if np.isfinite(players[..., ORIENTATION]).any():
        moving = np.fmax(speed, steps) > _MOVING_YD_PER_S
        unlike |= _too_far(_of_speed(block, steps, moving), _FEW_SINCE_2018, _RATIO_SINCE_2018)
    # Where all are, the play says so itself.
    unlike &= ~_outside(far.of_play, _RATIO_OF_PLAY)[:, None]
    fast = (speed > _FAST_YD_PER_S) & _inside(block)
    for slowest, steps_in_a_row in (
        (_STILL_YD_PER_S, _FROZEN_STEPS),
        (_SAME_PLACE_YD_PER_S, _SAME_PLACE_STEPS),
    ):
        still = fast & (steps < slowest)
        if len(still) < steps_in_a_row or not still.any():
            continue
        total = np.concatenate([np.zeros((1, BALL_SLOT)), np.cumsum(still, axis=0)])
        frozen = (total[steps_in_a_row:] - total[:-steps_in_a_row]) == steps_in_a_row
        play = block.play_of_frame[steps_in_a_row:]
        # A step between two plays is not fast, so no run goes from one to the next.
        at, slot = np.nonzero(frozen)
        unlike[play[at], slot] = True
    return np.asarray(unlike)


def _of_acceleration(block: PlayBlock) -> _Ratio:
    """Recorded accelerations over the changes of recorded speeds."""
    speed = block.frames[:, :BALL_SLOT, SPEED]
    recorded = block.frames[1:, :BALL_SLOT, ACCELERATION]
    changes = np.abs(np.diff(speed, axis=0))
    known = np.isfinite(recorded) & np.isfinite(changes) & _inside(block)
    said, changed = (
        _of_plays(np.where(known, values, 0.0), block) for values in (recorded / RATE_HZ, changes)
    )
    enough = changed >= _LEAST_CHANGE_YD_PER_S
    return _Ratio(enough.astype(float), np.where(enough, said, 0.0), np.where(enough, changed, 0.0))


def _unlike_acceleration(ratio: _Ratio) -> Flags:
    """Tracks whose accelerations are none of their speeds, in a play whose others' are."""
    unlike = _outside(ratio.of_track, _TRACK_ACCELERATION_RATIO)
    return unlike & ~_outside(ratio.of_play, _ACCELERATION_RATIO)[:, None]


def _faced_away(block: PlayBlock) -> list[tuple[int, float]]:
    """Plays whose players face away from the other side at the snap, and by what mean angle."""
    facing = np.radians(block.frames[block.offsets[:-1], :BALL_SLOT, ORIENTATION])
    # The offense faces +x, 90 degrees, the defense -x.
    side = np.where(np.arange(BALL_SLOT) < BALL_SLOT // 2, 1.0, -1.0)
    count = np.isfinite(facing).sum(axis=1)
    ahead, aside = (
        _divided(np.nansum(part * side, axis=1), np.where(count, count, np.nan))
        for part in (np.sin(facing), -np.cos(facing))
    )
    turned = np.degrees(np.arctan2(aside, ahead))
    away = (np.abs(turned) > _MOST_TURNED_DEG) & (np.hypot(ahead, aside) > _LEAST_IN_COMMON)
    return [
        (int(play), float(turned[play])) for play in np.flatnonzero(away & (count >= _FEW_FACING))
    ]


def _unlike_direction(block: PlayBlock, steps: Floats) -> Flags:
    """Tracks that go elsewhere than their recorded directions say."""
    players = block.frames[:, :BALL_SLOT]
    speed, angle = players[1:, :, SPEED], np.radians(players[1:, :, DIRECTION])
    if np.isnan(angle).all():
        return np.zeros((len(block.offsets) - 1, BALL_SLOT), bool)
    along, across = np.diff(players[..., X], axis=0), np.diff(players[..., Y], axis=0)
    along_it = (along * np.sin(angle) + across * np.cos(angle)).astype(np.float64)
    cosine = _divided(along_it, np.hypot(along, across).astype(np.float64))
    unlike = np.zeros((len(block.offsets) - 1, BALL_SLOT), bool)
    for slowest, few, least in (
        (_STILL_YD_PER_S, _FEW_MOVING, _LEAST_COSINE),
        (_MOVING_YD_PER_S, _FEW_REVERSED, _REVERSED_COSINE),
    ):
        moving = (speed > _MOVING_YD_PER_S) & (steps > slowest) & np.isfinite(cosine)
        moving &= _inside(block)
        count = _of_plays(moving.astype(float), block)
        total = _of_plays(np.where(moving, cosine, 0.0), block)
        unlike |= (count >= few) & (total < least * count)
    return unlike
