"""Flag single tracks whose positions are not those of their recorded speeds and directions.

One bad track in a good play leaves the play's means as they are. The bounds are beyond all tracks
of real dropbacks, of which the comments have the extremes: 11,814 from the snap to the release, of
2015 (3,278), 2017 (1,738), 2018 (2,508), 2019 (4,136) and 2021 (154).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._blocks import DIRECTION, SPEED, X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.readers._cells import CELL, cut

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock

UNLIKE_SPEED: Final = "a track unlike its recorded speeds"
UNLIKE_DIRECTION: Final = "a track against its recorded directions"

_FAST_YD_PER_S: Final = 2.0
_STILL_YD_PER_S: Final = 0.5
# Steps in a row, over a second; the longest real ones are of 8 (2015) and 4 (2018).
_FROZEN_STEPS: Final = 11
# Distance over recorded speed of ten fast steps and more: .27 to 1.65 in 2015, .83 to 1.63 since,
# on 9,039 tracks.
_RATIO: Final = (0.2, 2.0)
_FEW_FAST: Final = 10
# Mean cosine of the angle from the recorded direction to the displacement: .825 is the least of
# 8,445 tracks with five moving steps and more (2017 to 2021).
_LEAST_COSINE: Final = 0.5
_MOVING_YD_PER_S: Final = 1.0
_FEW_MOVING: Final = 5
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
    for flag, tracks in (
        (UNLIKE_SPEED, _unlike_speed(block, steps)),
        (UNLIKE_DIRECTION, _unlike_direction(block, steps)),
    ):
        for play, who in _named(block, tracks) if tracks.any() else ():
            flags[play].append(f"{flag}{CELL}{who}")
    return flags


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


def _unlike_speed(block: PlayBlock, steps: Floats) -> Flags:
    """Tracks that stand while fast, or go much farther or less far than their speeds."""
    speed = block.frames[1:, :BALL_SLOT, SPEED]
    of_play = block.frame_in_play[1:]
    fast = (speed > _FAST_YD_PER_S) & np.isfinite(steps) & (of_play > 0)[:, None]
    count = _of_plays(fast.astype(float), block)
    went, said = (_of_plays(np.where(fast, values, 0.0), block) for values in (steps, speed))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = went / said
    least, most = _RATIO
    unlike = (count >= _FEW_FAST) & ((ratio < least) | (ratio > most))
    still = fast & (steps < _STILL_YD_PER_S)
    if len(still) < _FROZEN_STEPS or not still.any():
        return np.asarray(unlike)
    total = np.concatenate([np.zeros((1, BALL_SLOT)), np.cumsum(still, axis=0)])
    frozen = (total[_FROZEN_STEPS:] - total[:-_FROZEN_STEPS]) == _FROZEN_STEPS
    play = block.play_of_frame[_FROZEN_STEPS:]
    # A step between two plays is not fast, so no run goes from one to the next.
    at, slot = np.nonzero(frozen)
    unlike[play[at], slot] = True
    return np.asarray(unlike)


def _unlike_direction(block: PlayBlock, steps: Floats) -> Flags:
    """Tracks that go elsewhere than their recorded directions say."""
    players = block.frames[:, :BALL_SLOT]
    speed, angle = players[1:, :, SPEED], np.radians(players[1:, :, DIRECTION])
    if np.isnan(angle).all():
        return np.zeros((len(block.offsets) - 1, BALL_SLOT), bool)
    along, across = np.diff(players[..., X], axis=0), np.diff(players[..., Y], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (along * np.sin(angle) + across * np.cos(angle)) / np.hypot(along, across)
    moving = (speed > _MOVING_YD_PER_S) & (steps > _STILL_YD_PER_S) & np.isfinite(cosine)
    moving &= (block.frame_in_play[1:] > 0)[:, None]
    count = _of_plays(moving.astype(float), block)
    total = _of_plays(np.where(moving, cosine, 0.0), block)
    return np.asarray((count >= _FEW_MOVING) & (total < _LEAST_COSINE * count))
