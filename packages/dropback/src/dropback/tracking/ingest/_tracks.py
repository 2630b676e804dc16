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

from dropback.tracking._blocks import ORIENTATION
from dropback.tracking._compiled import one_layout
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._axes import FIRST_EXACT_SEASON
from dropback.tracking.ingest._axis_sums import axis_sums
from dropback.tracking.ingest._track_sums import (
    CHANGING,
    FAST,
    MOVING,
    TURNED,
    TURNED_FAST,
    track_sums,
)
from dropback.tracking.ingest._turned import turned_plays
from dropback.tracking.readers._cells import CELL, cut

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

UNLIKE_SPEED: Final = "a track unlike its recorded speeds"
UNLIKE_DIRECTION: Final = "a track against its recorded directions"

TURNED_PLAY: Final = "a play against its recorded directions"
UNLIKE_ACCELERATION: Final = "a track unlike its recorded accelerations"
UNLIKE_AXES: Final = "x and y in different units"
UNLIKE_SPEEDS: Final = "speeds out of proportion to displacements"
UNLIKE_ACCELERATIONS: Final = "accelerations out of proportion to speeds"
ONE_FACING: Final = "one orientation for all players at the snap"
UNLIKE_FACING: Final = "players who face away from the other side at the snap"

# Steps in a row, over a second; the longest real ones are of 8 (2015) and 4 (2018).
_FROZEN_STEPS: Final = 11
# Steps in a row of a player at speed whose coordinates do not change at all: none but those of
# three real plays, of 4 to 8 steps of two or eight players at once, who do stand in the air.
_SAME_PLACE_STEPS: Final = 4
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
# Of ten fast steps and more since 2018 over that of the median track of the play: .921 to 1.196 of
# 5,524 tracks.
_RATIO_BESIDE_OTHERS: Final = (0.87, 1.26)
_FEW_TRACKS: Final = 5
# The same of all players of a play: .96 to 1.22.
_RATIO_OF_PLAY: Final = (0.8, 1.4)
# The median track of 310 plays since 2018: .965 to 1.007, and 1.038 once. Of places in meters
# beside speeds in yards a second .88 to .92, and the other way round 1.055 to 1.101.
_MEDIAN_RATIO_SINCE_2018: Final = (0.945, 1.045)
# How much more of its recorded motion y moves than x: .966 to 1.042 in 309 plays since 2018, .908
# to 1.061 in 79 of 2017. With y alone in meters .883 to .953, or .830 to .970; with x alone 1.056
# to 1.140, or .993 to 1.160.
_SCALE_OF_Y: Final = (0.905, 1.08)
_SCALE_OF_Y_SINCE_2018: Final = (0.958, 1.06)
# Steps that it takes, of the shortest plays. Where positions do not do what is recorded (.905 and
# .942 to 1 in real plays), that is the cause.
_FEW_STEPS: Final = 50
_LEAST_AGREEMENT: Final = 0.93
# Mean cosine of the angle from the recorded direction to the displacement: .825 is the least of
# 8,445 tracks with five moving steps and more (2017 to 2021), .865 with three (.479 of one).
_LEAST_COSINE: Final = 0.75
_FEW_MOVING: Final = 5
# Of steps of a yard a second and more, two already tell a track that goes the other way.
_REVERSED_COSINE: Final = -0.3
_FEW_REVERSED: Final = 2
# Recorded acceleration over the changes of recorded speed: plays .84 to 1.17, tracks .41 to 2.22
# (2021); simulated ones up to 1.5 and 3.1. Less than a yard a second in all says nothing.
_ACCELERATION_RATIO: Final = (0.4, 2.5)
_TRACK_ACCELERATION_RATIO: Final = (0.15, 6.0)
_LEAST_CHANGE_YD_PER_S: Final = 1.0
# Of three yards a second and more over that of the median track: .42 to 2.0 of 117 tracks of 2021,
# the one real set with accelerations; derived ones of 6,007 tracks of 2018 and 2019 .63 to 3.17.
_ACCELERATION_BESIDE_OTHERS: Final = (0.3, 3.2)
_MUCH_CHANGE_YD_PER_S: Final = 3.0
# Where players face at the snap, from the other side: the mean angle of 309 of 310 plays is within
# 35 degrees, of either side within 60; of one of 2018, whose orientations are 90 low, it is 102.
# Angles of no common mean (a length below) say nothing.
_MOST_TURNED_DEG: Final = 60.0
_LEAST_IN_COMMON: Final = 0.35
_FEW_FACING: Final = 5
_MOST_NAMED: Final = 3


def unlike_tracks(block: PlayBlock, steps: Singles) -> list[list[str]]:
    """Flags of each play with tracks unlike what is recorded of them, with the players.

    Args:
        block: Plays, speeds and directions as recorded.
        steps: Their `steps_between`.
    """
    flags: list[list[str]] = [[] for _ in block.offsets[1:]]
    if not flags:
        return flags
    sums = _sums(block, steps)
    far, accelerated = sums.far, sums.accelerated
    for flag, ratio, bounds in (
        (UNLIKE_SPEEDS, far, _RATIO_OF_PLAY),
        (UNLIKE_ACCELERATIONS, accelerated, _ACCELERATION_RATIO),
    ):
        for play in np.flatnonzero(_outside(ratio.of_play, bounds)).tolist():
            flags[play].append(f"{flag}{CELL}{flag.split()[0]}: {ratio.of_play[play]:.2f} times")
    for play, ratio_of_tracks in _in_other_units(block, sums):
        flags[play].append(f"{UNLIKE_SPEEDS}{CELL}speeds: {ratio_of_tracks:.2f} times")
    for play, scale in _stretched(block, sums):
        said = f"y moves {scale:.2f} times as far as x by recorded speeds and directions"
        flags[play].append(f"{UNLIKE_AXES}{CELL}{said}")
    for play, said in _faced_wrong(block):
        flags[play].append(said)
    against = _unlike_direction(sums)
    for play, how in turned_plays(block, against, sums.turned[0] >= _FEW_MOVING):
        flags[play].append(f"{TURNED_PLAY}{CELL}{how}")
        against[play] = False  # not each track by itself
    for flag, tracks, ratio_said in (
        (UNLIKE_SPEED, _unlike_speed(block, sums), (far, "as far as its speeds")),
        (UNLIKE_ACCELERATION, _unlike_acceleration(accelerated), (accelerated, "its changes")),
        (UNLIKE_DIRECTION, against, None),
    ):
        for play, who in _named(block, tracks, ratio_said) if tracks.any() else ():
            flags[play].append(f"{flag}{CELL}{who}")
    return flags


@dataclass(frozen=True)
class _Ratio:
    """A measured sum over a recorded one: of tracks ``[N, 22]``, with the count of their steps."""

    count: Singles
    measured: Singles
    recorded: Singles

    @property
    def of_track(self) -> Floats:
        """The ratio of each track, NaN where nothing is recorded."""
        return _divided(self.measured, self.recorded)

    @property
    def of_play(self) -> Floats:
        """The ratio of all tracks of a play that have enough steps, ``[N]``."""
        return _divided(self.measured.sum(axis=1), self.recorded.sum(axis=1))


@dataclass(frozen=True)
class _Sums:
    """What the steps of each track come to, from `track_sums`.

    Attributes:
        far: Displacements of fast steps over their speeds.
        moved: Those of all moving steps.
        accelerated: Recorded accelerations over the changes of recorded speeds.
        turned: Count of moving steps and the sum of their cosines, shape ``[2, N, 22]``.
        turned_fast: Those of faster ones.
        in_a_row: Fast steps in a row that are still, and those in the same place, ``[2, N, 22]``.
        has_direction: Whether any direction is recorded.
        has_orientation: Whether any orientation is.
    """

    far: _Ratio
    moved: _Ratio
    accelerated: _Ratio
    turned: Floats
    turned_fast: Floats
    in_a_row: Integers
    has_direction: bool
    has_orientation: bool


def _sums(block: PlayBlock, steps: Singles) -> _Sums:
    shape = (len(block.offsets) - 1, BALL_SLOT)
    ratios, cosines = np.zeros((3, 3, *shape), np.float32), np.zeros((2, 2, *shape))
    in_a_row, recorded = np.zeros((2, *shape), np.int64), np.zeros(2, bool)
    planes = one_layout(np.moveaxis(block.frames, -1, 0))
    track_sums(planes, one_layout(steps), block.offsets, ratios, cosines, in_a_row, recorded)
    count, said, changed = ratios[CHANGING]
    enough = changed >= _LEAST_CHANGE_YD_PER_S
    return _Sums(
        far=_Ratio(*ratios[FAST]),
        moved=_Ratio(*ratios[MOVING]),
        accelerated=_Ratio(*(np.where(enough, of, np.float32(0)) for of in (count, said, changed))),
        turned=cosines[TURNED],
        turned_fast=cosines[TURNED_FAST],
        in_a_row=in_a_row,
        has_direction=bool(recorded[0]),
        has_orientation=bool(recorded[1]),
    )


def _divided(above: Floats | Singles, below: Floats | Singles) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / below)


def _outside(values: Floats, bounds: tuple[float, float]) -> Flags:
    return np.asarray((values < bounds[0]) | (values > bounds[1]))


def _named(
    block: PlayBlock, tracks: Flags, ratio_said: tuple[_Ratio, str] | None
) -> list[tuple[int, str]]:
    """The plays of some tracks, and their players in words, with a ratio and what it is of."""
    n, slot = np.nonzero(tracks)
    found = pl.DataFrame({"n": n, "slot": slot}).cast(pl.Int64).with_columns(times=pl.lit(""))
    if ratio_said is not None:
        ratio, words = ratio_said
        times = pl.Series("times", ratio.of_track[tracks], pl.Float64, nan_to_null=True).round(2)
        said = pl.format(f": {{}} times {words}", pl.when(times.is_finite()).then(times))
        found = found.with_columns(times=said.fill_null(""))
    who = pl.format(
        "player {}{}", pl.col("player_id").fill_null(-1),
        pl.format(" ({})", cut(pl.col("display_name"))).fill_null(""),
    )  # fmt: skip
    # `n` of a player counts plays that are set aside since.
    places = block.plays.select("play").with_row_index("n")
    players = (
        block.players.select("play", "slot", who.alias("who"))
        .join(places, on="play")
        .cast({"n": pl.Int64, "slot": pl.Int64})
    )
    named = found.join(players, on=["n", "slot"], how="inner", maintain_order="left")
    more = pl.len().cast(pl.Int64) - _MOST_NAMED
    return (
        named.group_by("n", maintain_order=True)
        .agg(
            pl.concat_str("who", "times").head(_MOST_NAMED).str.join(", ").alias("who"),
            more=pl.when(more > 0).then(pl.format(" and {} more", more)).otherwise(pl.lit("")),
        )
        .select("n", pl.concat_str("who", "more"))
        .rows()
    )


def _in_other_units(block: PlayBlock, sums: _Sums) -> list[tuple[int, float]]:
    """Plays whose places or speeds are in meters, and the median ratio of their tracks."""
    if not sums.has_orientation:
        return []
    told = sums.far.count >= _FEW_FAST_SINCE_2017
    most = np.zeros(len(told), bool)
    low, high = _MEDIAN_RATIO_SINCE_2018
    ratio = sums.far.of_track
    for off in (ratio < low, (ratio > high) & _since_2018(block)[:, None]):
        most |= (off & told).sum(axis=1) * 2 > told.sum(axis=1)
    most &= ~_outside(sums.far.of_play, _RATIO_OF_PLAY)
    return [
        (play, float(np.median(sums.far.of_track[play, told[play]])))
        for play in np.flatnonzero(most).tolist()
    ]


def _since_2018(block: PlayBlock) -> Flags:
    """Whether displacements are the recorded speeds of each play."""
    return np.asarray(block.plays["season"].to_numpy() >= FIRST_EXACT_SEASON)


def _stretched(block: PlayBlock, sums: _Sums) -> list[tuple[int, float]]:
    """Plays of which one axis moves farther than the other by what is recorded, and how much."""
    if not sums.has_direction:
        return []
    of_axes = axis_sums(block)
    scale = of_axes.scale_of_y()
    exact = _outside(scale, _SCALE_OF_Y_SINCE_2018) & _since_2018(block)
    off = exact | _outside(scale, _SCALE_OF_Y)
    off &= (of_axes.steps >= _FEW_STEPS) & (of_axes.agreement() >= _LEAST_AGREEMENT)
    return [(play, float(scale[play])) for play in np.flatnonzero(off).tolist()]


def _too_far(ratio: _Ratio, few: int, bounds: tuple[float, float]) -> Flags:
    """Tracks with enough steps whose ratio is beyond bounds."""
    return np.asarray((ratio.count >= few) & _outside(ratio.of_track, bounds))


def _beside_others(of_track: Floats, enough: Flags) -> Floats:
    """The ratio of each track that has enough over the median one of its play; else NaN."""
    of_track = np.where(enough, of_track, np.nan)
    known = np.isfinite(of_track).sum(axis=1)
    # NaN is the last; the lower of the middle two.
    at = np.maximum(known - 1, 0) // 2
    middle = np.sort(of_track, axis=1)[np.arange(len(of_track)), at]
    return _divided(of_track, np.where(known >= _FEW_TRACKS, middle, np.nan)[:, None])


def _unlike_speed(block: PlayBlock, sums: _Sums) -> Flags:
    """Tracks that stand while fast, or go much farther or less far than their speeds."""
    since_2017 = (_FEW_FAST_SINCE_2017, _RATIO_SINCE_2017)
    unlike = _too_far(sums.far, *(since_2017 if sums.has_direction else (_FEW_FAST, _RATIO)))
    if sums.has_orientation:
        unlike |= _too_far(sums.moved, _FEW_SINCE_2018, _RATIO_SINCE_2018)
        beside = _beside_others(sums.far.of_track, sums.far.count >= _FEW_FAST)
        unlike |= _outside(beside, _RATIO_BESIDE_OTHERS) & _since_2018(block)[:, None]
    # Where all are, the play says so itself.
    unlike &= ~_outside(sums.far.of_play, _RATIO_OF_PLAY)[:, None]
    still, same_place = sums.in_a_row
    return np.asarray(unlike | (still >= _FROZEN_STEPS) | (same_place >= _SAME_PLACE_STEPS))


def _unlike_acceleration(ratio: _Ratio) -> Flags:
    """Tracks whose accelerations are none of their speeds, in a play whose others' are."""
    unlike = _outside(ratio.of_track, _TRACK_ACCELERATION_RATIO)
    beside = _beside_others(ratio.of_track, ratio.recorded >= _MUCH_CHANGE_YD_PER_S)
    unlike |= _outside(beside, _ACCELERATION_BESIDE_OTHERS)
    return unlike & ~_outside(ratio.of_play, _ACCELERATION_RATIO)[:, None]


def _faced_wrong(block: PlayBlock) -> list[tuple[int, str]]:
    """Plays of which orientations at the snap cannot be right, and their flag."""
    alike = dict(_faced_alike(block))
    # Of players who all face one way, one side must face away.
    away = [turned for turned in _faced_away(block) if turned[0] not in alike]
    return [(play, f"{UNLIKE_FACING}{CELL}{turned}") for play, turned in away] + [
        (play, f"{ONE_FACING}{CELL}{degrees:.0f} degrees") for play, degrees in alike.items()
    ]


def _faced_away(block: PlayBlock) -> list[tuple[int, str]]:
    """Plays whose players face away from the other side at the snap, and by what mean angle.

    Either side by itself: angles of one team in another sense leave the mean of both as it is.
    """
    facing = np.radians(block.frames[block.offsets[:-1], :BALL_SLOT, ORIENTATION])
    # The offense faces +x, 90 degrees, the defense -x.
    ahead, aside = np.sin(facing), -np.cos(facing)
    half = BALL_SLOT // 2
    turned, away = np.zeros((2, len(facing))), np.zeros((2, len(facing)), bool)
    for at, (side, sign) in enumerate(((slice(0, half), 1.0), (slice(half, BALL_SLOT), -1.0))):
        count = np.isfinite(facing[:, side]).sum(axis=1)
        x, y = (
            sign * _divided(np.nansum(part[:, side], axis=1), np.where(count, count, np.nan))
            for part in (ahead, aside)
        )
        turned[at] = np.degrees(np.arctan2(y, x))
        away[at] = (np.abs(turned[at]) > _MOST_TURNED_DEG) & (np.hypot(x, y) > _LEAST_IN_COMMON)
        away[at] &= count >= _FEW_FACING
    found = []
    for play in np.flatnonzero(away.any(axis=0)).tolist():
        first = int(away[:, play].argmax())
        who = "" if away[:, play].all() else ("the offense ", "the defense ")[first]
        found.append((play, f"{who}by {turned[first, play]:+.0f} degrees on average"))
    return found


def _faced_alike(block: PlayBlock) -> list[tuple[int, float]]:
    """Plays whose players all have one orientation at the snap, and which."""
    facing = block.frames[block.offsets[:-1], :BALL_SLOT, ORIENTATION]
    known = np.isfinite(facing)
    lowest = np.where(known, facing, np.inf).min(axis=1)
    highest = np.where(known, facing, -np.inf).max(axis=1)
    alike = (known.sum(axis=1) >= _FEW_FACING) & (lowest == highest)
    return [(int(play), float(lowest[play])) for play in np.flatnonzero(alike)]


def _unlike_direction(sums: _Sums) -> Flags:
    """Tracks that go elsewhere than their recorded directions say."""
    (count, total), (fast_count, fast_total) = sums.turned, sums.turned_fast
    unlike = (count >= _FEW_MOVING) & (total < _LEAST_COSINE * count)
    reversed_ = (fast_count >= _FEW_REVERSED) & (fast_total < _REVERSED_COSINE * fast_count)
    return np.asarray(unlike | reversed_)
