"""Check a file's conventions against its own evidence, and correct what is decisive.

Public code gets these wrong in one repository out of two: a compass angle read as a mathematical
one leaves a median error of 90 degrees, and nothing fails. A file's own numbers settle it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, RATE_HZ
from dropback.tracking._blocks import DIRECTION, ORIENTATION, X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._angles import (
    ANGLE_READINGS,
    Angles,
    best_reading,
    median,
    median_error,
    steps_of,
)
from dropback.tracking.ingest._axes import (
    BOTH_IN_METERS,
    FROM_THE_CORNER,
    METERS_PER_YARD,
    Zero,
    in_yards,
    is_exact,
    moved,
    speed_ratio,
    units_of,
    without_line,
    zero_of,
)
from dropback.tracking.ingest._mirrored import Mirrored, left_and_right, mirrored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropback._arrays import Flags, Floats
    from dropback.tracking._blocks import PlayBlock
    from dropback.tracking.ingest._axes import Units

# A right reading of 2018's highlights leaves 0.9 degrees, of 2017's 2.7; a wrong one leaves 90.
_GOOD_ANGLE_DEG: Final = 15.0
_BAD_ANGLE_DEG: Final = 45.0
# A turn, and what rounding to hundredths adds.
_TURN_RAD: Final = 6.29
# Players who run across the field face where they run: at 4 yards a second, 25 degrees or more off
# downfield, 301 of 302 plays of 2018 and 2019 tell an angle from its mirror image.
_RUNNING_YD_S: Final = 4.0
_ACROSS: Final = np.sin(np.deg2rad(25.0))
# Displacement over speed. From 2018 on, plays have .998 to 1.018 in the median, and those of speeds
# in meters a second 1.09; those of 2017 have up to 1.14, of 2015 up to 1.24.
_EXACT_RATIO: Final = 0.95, 1.06
_RATIO: Final = 0.9, 1.1
_MIN_STEPS: Final = 100
_OFFENSE: Final = BALL_SLOT // 2
_MIN_PLAYERS: Final = 8
_SAMPLE_PLAYS: Final = 300

Yardline = Literal["raw", "flipped", "toward_goal"]
Decision = Literal["ok", "corrected", "flagged", "wrong, not corrected", "not measurable"]


@dataclass(frozen=True)
class Check:
    """One finding about a file.

    Args:
        name: What was looked at.
        decision: What follows from it.
        measured: The evidence, with its unit in ``evidence``.
        evidence: The finding in words, with how many cases it rests on.
        season: The season it is about; 0 for the whole file.
    """

    name: str
    decision: Decision
    measured: float | None
    evidence: str
    season: int = 0


@dataclass(frozen=True)
class Corrections:
    """What to change in a file so that it follows the canonical conventions.

    Args:
        direction: Sign and offset, degrees, by season.
        orientation: Sign and offset, degrees, by season.
        radians: Season and column of angles that are in radians, and are made degrees first.
        meters: Whether x and y are in meters.
        zero: Where they count from.
        mirrored: What is mirrored across the field's long axis: nothing, ``places`` alone, or
            ``all``, the angles with them.
        speed_in_meters: Whether speed and acceleration are too.
        yardline: How to read the absolute yard line: ``raw`` x, ``flipped`` (from the other end)
            or ``toward_goal`` (from the offense's own end).
        names: Season (0 for all) and words of each, for the plays' ``corrections``.
        y_in_doubt: Whether y fits neither yards nor meters, and is left as it is.
    """

    direction: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    orientation: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    radians: frozenset[tuple[int, int]] = frozenset()
    meters: tuple[bool, bool] = (False, False)
    zero: Zero = FROM_THE_CORNER
    mirrored: Mirrored = ""
    speed_in_meters: bool = False
    yardline: Yardline = "raw"
    names: tuple[tuple[int, str], ...] = ()
    y_in_doubt: bool = False

    def in_words(self) -> pl.Expr:
        """The words of each play's season, a list."""
        words = [
            pl.when(pl.lit(season == 0) | (pl.col("season") == season)).then(pl.lit(sentence))
            for season, sentence in self.names
        ]
        if not words:
            return pl.lit([], dtype=pl.List(pl.String))
        return pl.concat_list(words).list.drop_nulls()

    def with_seasons_of(self, other: Corrections) -> Corrections:
        """These, with what others say of single seasons."""
        return replace(
            self,
            direction={**self.direction, **other.direction},
            orientation={**self.orientation, **other.orientation},
            radians=self.radians | other.radians,
            names=(*self.names, *((season, name) for season, name in other.names if season)),
        )


_PLAY_DIRECTION: Final = "play direction"


def decide(block: PlayBlock) -> tuple[Corrections, list[Check]]:
    """Conventions of a file, from a block of its plays before any correction.

    Args:
        block: Plays as `assemble` leaves them, in the source's own field and angles.

    Returns:
        The corrections that the evidence decides, and every check with its evidence.
    """
    # 300 plays of a season hold 100,000 steps: more evidence would decide nothing else.
    # From all of the block, so that no first games in a sense of their own decide for the others.
    every = (pl.len() + _SAMPLE_PLAYS - 1) // _SAMPLE_PLAYS
    sample = (pl.int_range(pl.len()) % every == 0).over("season")
    block = block.keep(block.plays.select(sample).to_series().to_numpy())
    seasons = block.plays["season"].to_numpy()
    checks: list[Check] = []
    zero = zero_of(block, _snap_x(block)[0])
    block = moved(block, zero)
    if zero.said:
        checks.append(Check("zero of the field", "corrected", None, zero.said))
    which, count, evidence = left_and_right(block)
    if which:
        block = mirrored(block, angles=which == "all")
    if evidence:
        checks.append(
            Check("left and right", "wrong, not corrected" if which else "ok", count, evidence)
        )
    directions, orientations = {}, {}
    radians: set[tuple[int, int]] = set()
    for season in np.unique(seasons).tolist():
        part = block.keep(seasons == season)
        reading = _check_direction(part, season)
        directions[season] = reading.angle
        other = _check_orientation(part, season, reading.angle[0])
        orientations[season] = other.angle
        checks += [reading.check, other.check]
        for column, found in ((DIRECTION, reading), (ORIENTATION, other)):
            if found.radians:
                radians.add((season, column))
    check, units = _check_units(block)
    meters = units.meters
    checks.append(check)
    if meters[0] != meters[1]:
        block = in_yards(block, meters)
    both = all(meters)
    check, speed_in_meters = _check_speed(block, meters=both)
    checks.append(check)
    checks.append(_check_flip(block))
    check, yardline = _check_yardline(block, meters=both)
    checks.append(check)
    names = tuple(
        (check.season, f"{check.name}: {check.evidence}")
        for check in checks
        # Each play says itself whether its direction was another, see `BY_SIDES`.
        if check.decision == "corrected" and check.name != _PLAY_DIRECTION
    )
    corrections = Corrections(
        directions,
        orientations,
        frozenset(radians),
        meters,
        zero,
        which,
        speed_in_meters,
        yardline,
        names,
        units.y_in_doubt,
    )
    return corrections, checks


def count_incomplete(block: PlayBlock) -> dict[str, int]:
    """Counts of what is incomplete or unusual, yet legal, in a block of assembled plays."""
    x, y = block.frames[..., X], block.frames[..., Y]
    out_of_field = (x < 0) | (x > FIELD_LENGTH_YD) | (y < 0) | (y > FIELD_WIDTH_YD)
    return {
        "duplicate rows": int(block.plays["duplicate_rows"].sum()),
        "positions filled": int(block.plays["filled_positions"].sum()),
        "frames without ball": int(np.isnan(block.frames[:, BALL_SLOT, X]).sum()),
        "positions out of field (legal)": int(out_of_field.sum()),
    }


class _Reading(NamedTuple):
    """How a season's angles are to be read: sign and offset in degrees, and whether radians."""

    check: Check
    angle: tuple[float, float]
    radians: bool = False


def _check_direction(block: PlayBlock, season: int) -> _Reading:
    name = "direction"
    along, across, read = steps_of(block, DIRECTION)
    distance = np.hypot(along, across)
    # From 0.2 yards in 0.1 s rounding to 0.01 turns a step by less than 3 degrees.
    usable = (distance > 0.2) & np.isfinite(read) & (distance < 1.5)
    cases = int(usable.sum())
    if cases < _MIN_STEPS:
        return _unmeasured(name, f"{cases} moving steps with a direction", season)
    true_angle = np.rad2deg(np.arctan2(along[usable], across[usable])).astype(np.float64)
    step, slot = np.nonzero(usable)
    play = block.play_of_frame[1:][block.frame_in_play[1:] > 0][step]
    offense = slot < _OFFENSE
    angles = Angles(read[usable].astype(np.float64), true_angle, offense, play, block, facing=False)
    return _angle_verdict(name, angles, np.ones(len(offense), bool), f"{cases} steps", season)


def _check_orientation(block: PlayBlock, season: int, sign: float) -> _Reading:
    name = "orientation"
    at_snap = block.frames[block.offsets[:-1], :BALL_SLOT, ORIENTATION].astype(np.float64)
    toward = np.where(block.plays["moves_right"].to_numpy(), 90.0, 270.0)[:, None]
    toward = toward + np.where(np.arange(BALL_SLOT) < _OFFENSE, 0.0, 180.0)
    usable = np.isfinite(at_snap)
    play, slot = np.nonzero(usable)
    offense = slot < _OFFENSE
    cases = int(offense.sum())
    if cases < _MIN_PLAYERS:
        return _unmeasured(name, f"{cases} players of the offense with one at the snap", season)
    angles = Angles(at_snap[usable], toward[usable] % 360, offense, play, block, facing=True)
    # All face one way at the snap, so a compass 90 too low and a mathematical angle look the
    # same; a set turns both its angles in the same sense, and direction has settled which.
    reading = _angle_verdict(
        name, angles, offense, f"{cases} players at the snap", season, signs=(sign,)
    )
    angle, true_angle = angles.angle[offense], angles.true_angle[offense]
    degrees = np.rad2deg(angle) if reading.radians else angle
    if reading.angle == ANGLE_READINGS["compass degrees, rotated by 180"]:
        reading = _told_from_mirrored(block, reading)
    off = np.exp(1j * np.deg2rad(degrees - true_angle))
    mean_error = float(np.rad2deg(np.angle(off.mean())))
    check = reading.check
    evidence = f"{check.evidence}; the offense faces {mean_error:+.0f} degrees off downfield"
    check = Check(name, check.decision, check.measured, evidence, season)
    return reading._replace(check=check)


def _told_from_mirrored(block: PlayBlock, rotated: _Reading) -> _Reading:
    """Whether angles that face uprange at the snap are mirrored and not rotated: both do there."""
    along, across, read = steps_of(block, ORIENTATION)
    distance = np.hypot(along, across)
    usable = (distance * RATE_HZ > _RUNNING_YD_S) & (distance < 1.5) & np.isfinite(read)
    usable &= np.abs(across) > _ACROSS * distance
    if int(usable.sum()) < _MIN_STEPS:
        return rotated
    degrees = np.rad2deg(read[usable]) if rotated.radians else read[usable]
    true_angle = np.rad2deg(np.arctan2(along[usable], across[usable])).astype(np.float64)
    name = "compass degrees, mirrored"
    turned, mirrored = (
        median_error(degrees.astype(np.float64), true_angle, *angle)
        for angle in (rotated.angle, ANGLE_READINGS[name])
    )
    if mirrored >= turned:
        return rotated
    check = rotated.check
    evidence = (
        f"{check.evidence}; but {mirrored:.1f} off where players run across the field read as "
        f"{name}, {turned:.1f} read as rotated"
    )
    told = Check(check.name, check.decision, check.measured, evidence, check.season)
    return rotated._replace(check=told, angle=ANGLE_READINGS[name])


def _angle_verdict(
    name: str,
    angles: Angles,
    surest: Flags,
    cases: str,
    season: int,
    *,
    signs: tuple[float, ...] = (1.0, -1.0),
) -> _Reading:
    """The reading of angles by those that are the surest, if all others are as they are."""
    angle, true_angle = angles.angle[surest], angles.true_angle[surest]
    kept = ANGLE_READINGS["compass degrees"]
    as_is = median_error(angle, true_angle, *kept)
    evidence = f"median error {as_is:.1f} degrees as compass degrees over {cases}"
    # Angles around the whole circle are beyond 6.3 degrees; zeros are of either unit.
    radians = bool(np.abs(angles.angle).max() <= _TURN_RAD) and as_is >= _BAD_ANGLE_DEG
    radians = radians and float(np.median(np.abs(angles.angle))) > 0
    best, errors = "compass degrees", {"compass degrees": as_is}
    if radians:
        angles = replace(angles, angle=np.rad2deg(angles.angle))
        best, errors = best_reading(angles.angle[surest], true_angle, signs)
        evidence += f": all are within {_TURN_RAD:.2f}, as radians are"
    elif as_is > _GOOD_ANGLE_DEG:
        best, errors = best_reading(angle, true_angle, signs)
    holds = angles.holds(ANGLE_READINGS[best])
    apart = "" if holds else angles.apart(ANGLE_READINGS[best])
    if best == "compass degrees" and not radians:
        right = as_is <= _BAD_ANGLE_DEG and holds
        decision: Decision = "ok" if right else "wrong, not corrected"
        return _Reading(Check(name, decision, as_is, evidence + apart, season), kept)
    named = best.replace("degrees", "radians") if radians else best
    evidence += f", {errors[best]:.1f} as {named}{apart}"
    if errors[best] <= _GOOD_ANGLE_DEG * 2 and as_is >= _BAD_ANGLE_DEG and holds:
        check = Check(name, "corrected", as_is, evidence, season)
        return _Reading(check, ANGLE_READINGS[best], radians)
    return _Reading(Check(name, "wrong, not corrected", as_is, evidence, season), kept)


def _unmeasured(name: str, found: str, season: int) -> _Reading:
    return _Reading(Check(name, "not measurable", None, f"only {found}", season), (1.0, 0.0))


def _snap_x(block: PlayBlock) -> tuple[Floats, str]:
    """Where the ball is snapped in source x, and what that was read from."""
    first = block.frames[block.offsets[:-1]].astype(np.float64)
    ball = first[:, BALL_SLOT, X]
    if np.isfinite(ball).any():
        return ball, "ball"
    # Without a ball: the foremost of the interior line, which stands about a yard behind it.
    right = block.plays["moves_right"].to_numpy()
    line = np.where(right[:, None], first[:, 1:6, X], -first[:, 1:6, X])
    reach = np.where(np.isnan(line), -np.inf, line).max(axis=1, initial=-np.inf)
    reach = np.where(np.isinf(reach), np.nan, reach)
    return np.where(right, reach, -reach), "line"


def _yardline_misses(block: PlayBlock, scale: float) -> dict[str, Floats]:
    """Distance of the snap from the absolute yard line under each reading, yards."""
    recorded = block.plays["absolute_yardline_x_yd"].cast(pl.Float64).to_numpy()
    right = block.plays["moves_right"].to_numpy()
    snap_x = _snap_x(block)[0] * scale
    flipped = FIELD_LENGTH_YD - recorded
    return {
        "raw": np.abs(snap_x - recorded),
        "flipped": np.abs(snap_x - flipped),
        "toward_goal": np.abs(snap_x - np.where(right, recorded, flipped)),
    }


def _check_units(block: PlayBlock) -> tuple[Check, Units]:
    misses = (_yardline_misses(block, scale) for scale in (1.0, 1.0 / METERS_PER_YARD))
    yards, meters = (min(map(median, each.values())) for each in misses)
    cases = int(np.isfinite(_yardline_misses(block, 1.0)["raw"]).sum())
    units = units_of(block, (yards, meters), cases, _snap_x(block)[0])
    decision: Decision = "corrected" if any(units.meters) else "ok"
    if units.measured is None:
        decision = "not measurable"
    elif units.wrong:
        decision = "wrong, not corrected"
    return Check("coordinates in yards", decision, units.measured, units.evidence), units


def _check_speed(block: PlayBlock, *, meters: bool) -> tuple[Check, bool]:
    name = "speed against displacement"
    ratio, cases = speed_ratio(block)
    if ratio is None:
        few = f"only {cases} moving steps with a speed"
        return Check(name, "not measurable", None, few), False
    evidence = f"displacement over speed {ratio:.3f} (median of {cases} steps)"
    # Meters over meters a second is 1 as well; meters over yards a second would be 0.914.
    exact = is_exact(block)
    if meters and (abs(ratio - 1.0) < 0.04 if exact else ratio > BOTH_IN_METERS):
        return Check(name, "corrected", ratio, f"{evidence}, both in meters"), True
    ratio = ratio / METERS_PER_YARD if meters else ratio
    low, high = _EXACT_RATIO if exact else _RATIO
    decision: Decision = "ok" if low <= ratio <= high else "wrong, not corrected"
    if exact and abs(ratio * METERS_PER_YARD - 1.0) < 0.02:
        evidence += ", as speeds in meters a second have"
    return Check(name, decision, ratio, evidence), False


def _check_flip(block: PlayBlock) -> Check:
    name = _PLAY_DIRECTION
    recorded = block.plays["recorded_direction"]
    right = block.plays["moves_right"]
    cases = recorded.drop_nulls().len()
    if not cases:
        gap = float(block.plays["side_gap_yd"].to_numpy().min(initial=np.inf))
        evidence = f"not recorded; read from where the sides stand, at least {gap:.1f} yards apart"
        return Check(name, "ok", None, evidence)
    wrong = int((recorded.is_not_null() & ((recorded == "right") != right)).sum())
    evidence = f"{wrong} of {cases} plays say left or right against where the sides stand"
    return Check(name, "corrected" if wrong else "ok", float(wrong), evidence)


def _check_yardline(block: PlayBlock, *, meters: bool) -> tuple[Check, Yardline]:
    name = "yard line in raw x"
    misses = _yardline_misses(block, 1.0 / METERS_PER_YARD if meters else 1.0)
    cases = int(np.isfinite(misses["raw"]).sum())
    if not cases:
        return Check(name, "not measurable", None, without_line(_snap_x(block)[0])), "raw"
    medians = {reading: median(values) for reading, values in misses.items()}
    best = min(medians, key=lambda reading: medians[reading])
    evidence = (
        f"snaps by the {_snap_x(block)[1]} are {medians['raw']:.2f} yards off (median of {cases})"
    )
    if medians["raw"] <= 1.5 or best == "raw":
        decision: Decision = "ok" if medians["raw"] <= 2.5 else "wrong, not corrected"
        return Check(name, decision, medians["raw"], evidence), "raw"
    evidence += f", {medians[best]:.2f} when read {best}"
    if cases >= 5 and medians[best] <= 1.5 and medians["raw"] > 3.0:
        reading: Yardline = "flipped" if best == "flipped" else "toward_goal"
        return Check(name, "corrected", medians["raw"], evidence), reading
    return Check(name, "wrong, not corrected", medians["raw"], evidence), "raw"
