"""Tell in which units x and y of a file are, each for itself, and where on the field they are 0."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from dropback.data._field import (
    FIELD_LENGTH_YD,
    FIELD_WIDTH_YD,
    GOAL_LINE_X_YD,
    OWN_GOAL_LINE_X_YD,
    RATE_HZ,
)
from dropback.tracking._blocks import DIRECTION, SPEED, X, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._angles import steps_of
from dropback.tracking.ingest._hash_marks import snapped_at

if TYPE_CHECKING:
    from dropback._arrays import Floats
    from dropback.tracking._blocks import PlayBlock

# Exact by definition: 0.9144 m.
METERS_PER_YARD: Final = 0.9144

# A snap is within this of its line in the median of every real set, and a zero within this of one
# that sets have.
_NEAR_YD: Final = 1.5
_FEW_PLAYS: Final = 5
_MIDDLE_OFF_YD: Final = 1.2
# What 100 steps tell: y over x is .99 to 1.01 in the median of every real set that has directions.
_FEW_STEPS: Final = 100
_SCALE_OFF: Final = 0.03
_PLAYS_FOR_SCALE: Final = 40
# From 2018 on, displacements are the speeds in the median; of 2017 up to 1.14, of 2015 up to 1.24.
FIRST_EXACT_SEASON: Final = 2018
_NEAR_RATIO: Final = 0.04
# Speeds in meters a second over meters are as those in yards over yards: 1.05 to 1.09 before 2018;
# over yards a second .96 to 1.0.
BOTH_IN_METERS: Final = 1.02
Y_IN_DOUBT: Final = "y in doubt in the whole file"


class Zero(NamedTuple):
    """What to add to x, y and the absolute yard line so that they count from the field's corner.

    Attributes:
        x: Yards.
        y: Yards.
        line: Yards.
        said: Where they count from, in words, with the evidence; empty where from the corner.
    """

    x: float = 0.0
    y: float = 0.0
    line: float = 0.0
    said: str = ""


FROM_THE_CORNER: Final = Zero()
"""What needs nothing to be added."""


def zero_of(block: PlayBlock, snap_x: Floats) -> Zero:
    """Where a file's places are 0: at the corner of the field, its goal line or its middle.

    Args:
        block: Plays in the source's own field.
        snap_x: Where their balls are snapped.
    """
    found = Zero()
    recorded = block.plays["absolute_yardline_x_yd"].cast(pl.Float64).to_numpy()
    by_number = bool(np.isfinite(recorded).any())
    off = snap_x - (recorded if by_number else _line_by_side(block))
    off = off[np.isfinite(off)]
    if len(off) >= _FEW_PLAYS:
        middle = float(np.median(off))
        constant = float(np.median(np.abs(off - middle))) < _NEAR_YD
        for x, line, word in (
            (OWN_GOAL_LINE_X_YD, 0.0, "x is counted from the goal line"),
            (FIELD_LENGTH_YD / 2, 0.0, "x is counted from midfield"),
            (0.0, OWN_GOAL_LINE_X_YD, "the absolute yard line is counted from the goal line"),
        ):
            if constant and abs(middle + x - line) < _NEAR_YD and (by_number or x):
                evidence = f"snaps are {middle:+.1f} yards off the line (median of {len(off)})"
                found = Zero(x, 0.0, line, f"{word}: {evidence}")
    marks = snapped_at(block, METERS_PER_YARD)
    if marks and marks.reading == "wrong" and abs(marks.middle) < _MIDDLE_OFF_YD:
        said = f"y is counted from the middle of the field: {marks.evidence}"
        words = "; ".join(filter(None, (found.said, said)))
        found = found._replace(y=FIELD_WIDTH_YD / 2, said=words)
    return found


def _line_by_side(block: PlayBlock) -> Floats:
    """Where lines are in the source's x by side of the field and number, ``[N]``."""
    yards = pl.col("yardline_number")
    ahead = (
        pl.when(pl.col("yardline_side") == pl.col("offense"))
        .then(yards + OWN_GOAL_LINE_X_YD)
        .when(pl.col("yardline_side").is_not_null())
        .then(GOAL_LINE_X_YD - yards)
    )
    line = pl.when("moves_right").then(ahead).otherwise(FIELD_LENGTH_YD - ahead)
    return block.plays.select(line.cast(pl.Float64)).to_series().to_numpy()


def moved(block: PlayBlock, zero: Zero) -> PlayBlock:
    """The plays with places that count from the corner of the field."""
    if not zero.said:
        return block
    frames = block.frames.copy()
    frames[..., X] += np.float32(zero.x)
    frames[..., Y] += np.float32(zero.y)
    line = pl.col("absolute_yardline_x_yd").cast(pl.Float64) + zero.line
    arrival = block.arrival_xy + np.asarray((zero.x, zero.y), np.float32)
    plays = block.plays.with_columns(line)
    return replace(block, frames=frames, arrival_xy=arrival, plays=plays)


def in_yards(block: PlayBlock, meters: tuple[bool, bool]) -> PlayBlock:
    """The plays with the axes that are in meters in yards."""
    frames = block.frames.copy()
    for axis, is_in_meters in zip((X, Y), meters, strict=True):
        if is_in_meters:
            frames[..., axis] /= np.float32(METERS_PER_YARD)
    return replace(block, frames=frames)


class Units(NamedTuple):
    """Whether x and y are in meters, what shows it, and whether that cannot be right.

    Attributes:
        meters: Of x, of y.
        measured: Yards that snaps are off the line, or the lowest tenth of y; None for no evidence.
        evidence: In words.
        wrong: Whether neither yards nor meters fit.
        y_in_doubt: Whether y is not where it must be, and is left as it is.
    """

    meters: tuple[bool, bool]
    measured: float | None
    evidence: str
    wrong: bool = False
    y_in_doubt: bool = False


def units_of(block: PlayBlock, misses: tuple[float, float], cases: int, snap_x: Floats) -> Units:
    """In which units a file's places are.

    Args:
        block: Plays that count from the corner of the field.
        misses: How far snaps are off the yard line read as yards and as meters, the medians.
        cases: Of so many plays; 0 where there is no absolute yard line.
        snap_x: Where their balls are snapped.
    """
    line = "yard line"
    if not cases:
        line, (misses, cases) = "yard line by side and number", _misses_by_side(block, snap_x)
    yards, meters = misses
    marks = snapped_at(block, METERS_PER_YARD)
    said, measured, wrong = [], None, False
    by_line = by_marks = None
    if cases:
        by_line, measured = _told_by_line(yards, meters), yards
        wrong = by_line is None
        said.append(
            f"snaps are {yards:.1f} yards off the {line} read as yards, {meters:.1f} read as "
            f"meters, over {cases} plays"
        )
    if marks:
        by_marks = {"yards": False, "meters": True}.get(marks.reading)
        wrong |= marks.reading == "wrong"
        if not cases or marks.reading in ("meters", "wrong"):
            said.append(marks.evidence if cases else f"no absolute yard line; {marks.evidence}")
        measured = marks.lowest if measured is None else measured
    if not said:
        return Units((False, False), None, without_line(snap_x))
    # As many plays tell as all of a season.
    some = block.keep(np.arange(block.plays.height) < _PLAYS_FOR_SCALE)
    ratio = _scale_of_y(some) if by_line != by_marks else None
    if ratio is not None and (abs(ratio - 1) > _SCALE_OFF or by_marks):
        said.append(f"displacements along y over those along x are {ratio:.2f} of the recorded")
    found = _told_together(by_line, by_marks, ratio)
    if found is None and by_line is None and _in_meters_by_speed(block):
        found = True, True
    if found is None:
        said.append(_doubt(by_line, ratio))
        return Units((False, False), measured, "; ".join(said), wrong=True, y_in_doubt=True)
    if found[0] != found[1]:
        said.append(f"{'x' if found[0] else 'y'} alone is in meters")
    off = marks is not None and marks.reading == "wrong" and not any(found)
    return Units(found, measured, "; ".join(said), wrong and not any(found), y_in_doubt=off)


def without_line(snap_x: Floats) -> str:
    """What the set lacks, where no snap can be compared with a yard line in x.

    Args:
        snap_x: As of `units_of`; NaN where nothing tells.
    """
    if np.isfinite(snap_x).any():
        return "the set has no absolute yard line"
    return "the set has neither ball nor linemen, which tell where the snap is"


def _told_by_line(yards: float, meters: float) -> bool | None:
    """Whether x is in meters; None where it is in neither."""
    # At midfield a yard and a meter differ by 5; the line of scrimmage is known to about 1.
    return (yards > 2.5 and meters < _NEAR_YD) if yards <= 2.5 or meters < _NEAR_YD else None


def _doubt(by_line: bool | None, ratio: float | None) -> str:
    """Why hash marks alone do not tell the unit of y."""
    if by_line is None or ratio is None or abs(ratio - 1) > _SCALE_OFF:
        return "nothing else tells y in meters from y that is shifted"
    return f"y is shifted: x is in {'meters' if by_line else 'yards'} by the line, and so is y"


def _told_together(
    by_line: bool | None, by_marks: bool | None, ratio: float | None
) -> tuple[bool, bool] | None:
    """Whether x and y are in meters; None where the evidence is against itself.

    The hash marks fit meters where y is in yards and shifted by 2 to 3 as well, so that they count
    with the line or the displacements alone.

    Args:
        by_line: Whether x is, by the yard line; None where that tells nothing.
        by_marks: Whether y is, by the hash marks; likewise.
        ratio: Displacements along y over those along x, each against the recorded.
    """
    if by_line == by_marks:
        return bool(by_line), bool(by_marks)
    x_less = ratio is not None and abs(1 / ratio - METERS_PER_YARD) < _SCALE_OFF
    y_less = ratio is not None and abs(ratio - METERS_PER_YARD) < _SCALE_OFF
    if by_marks is None:
        alone = x_less == by_line and y_less != by_line
        return bool(by_line), y_less if alone else bool(by_line)
    if by_line is None:
        if y_less == by_marks and x_less != by_marks:
            return x_less, by_marks
        return None if by_marks else (False, False)
    return (by_line, by_marks) if (x_less, y_less) == (by_line, by_marks) else None


def _misses_by_side(block: PlayBlock, snap_x: Floats) -> tuple[tuple[float, float], int]:
    """How far snaps are off the line by side and number, as yards and as meters, and of how many.

    None are counted where neither fits: sides may be wrong.
    """
    line = _line_by_side(block)
    known = np.isfinite(snap_x) & np.isfinite(line)
    if int(known.sum()) < _FEW_PLAYS:
        return (np.nan, np.nan), 0
    yards, meters = (
        float(np.median(np.abs(snap_x[known] / scale - line[known])))
        for scale in (1.0, METERS_PER_YARD)
    )
    return (yards, meters), int(known.sum()) if min(yards, meters) < _NEAR_YD else 0


def is_exact(block: PlayBlock) -> bool:
    """Whether displacements over speeds are 1 in plays of these seasons."""
    return bool(block.plays["season"].to_numpy().min() >= FIRST_EXACT_SEASON)


def speed_ratio(block: PlayBlock) -> tuple[float | None, int]:
    """Displacements over speeds, the median, and of how many steps; None for too few."""
    along, across, read = steps_of(block, SPEED)
    speed = np.hypot(along, across) * RATE_HZ
    usable = (read > 2.0) & (speed < 15.0)
    cases = int(usable.sum())
    return (float(np.median(speed[usable] / read[usable])) if cases >= _FEW_STEPS else None), cases


def _in_meters_by_speed(block: PlayBlock) -> bool:
    """Whether displacements are as meters over speeds in yards a second."""
    ratio, _ = speed_ratio(block)
    if ratio is None:
        return False
    return abs(ratio - METERS_PER_YARD) < _NEAR_RATIO if is_exact(block) else ratio < BOTH_IN_METERS


def _scale_of_y(block: PlayBlock) -> float | None:
    """How much more of its recorded motion y moves than x; None for too few steps.

    The recorded speed times sine and cosine of the direction is what a step must be along x and y.
    """
    inside = block.frame_in_play[1:] > 0
    after = block.frames[1:, :BALL_SLOT][inside].astype(np.float64)
    before = block.frames[:-1, :BALL_SLOT][inside].astype(np.float64)
    for rows in (after, before):
        rows[np.isinf(rows)] = np.nan
    scales = []
    for axis, turn in ((X, np.sin), (Y, np.cos)):
        step = after[..., axis] - before[..., axis]
        first, last = (
            turn(np.radians(rows[..., DIRECTION])) * rows[..., SPEED] for rows in (before, after)
        )
        said = (first + last) / (2 * RATE_HZ)
        used = np.isfinite(step) & np.isfinite(said) & (np.abs(step) < 1.5)
        if int(used.sum()) < _FEW_STEPS or not np.any(said[used]):
            return None
        scales.append(float((step[used] * said[used]).sum() / (said[used] ** 2).sum()))
    return scales[1] / scales[0] if scales[0] > 0 else None
