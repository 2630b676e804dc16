"""Tell yards from meters, and where y is 0, by how far from the sidelines balls are snapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from dropback.data._field import FIELD_WIDTH_YD, HASH_MARK_Y_YD
from dropback.tracking._blocks import Y
from dropback.tracking._schema import BALL_SLOT

if TYPE_CHECKING:
    from dropback._arrays import Flags, Singles
    from dropback.tracking._blocks import PlayBlock

# A tenth and nine tenths of the snaps of 2015, 2017 and the highlights are within .22 yards of
# them, in meters 2.4 off. Of 12,000 draws of 20 plays none is told to be in meters, and 99.3 % of
# those that are.
_MARKS_YD: Final = (HASH_MARK_Y_YD, FIELD_WIDTH_YD - HASH_MARK_Y_YD)
_MOST_OFF_YD: Final = 1.2
_FEW_SNAPS: Final = 20
# Balls of 387 of 388 real snaps are within 1.3 yards across the field of the middle one of passer
# and line; that of the other is 7.2 off.
_BALL_TO_LINE_YD: Final = 2.0


class SnappedAt(NamedTuple):
    """How y reads by the places of snaps, their lowest tenth, and the evidence.

    Attributes:
        reading: ``yards``, ``meters``, ``wrong`` outside the hash marks either way, or ``unsure``.
        lowest: The lowest tenth of y.
        middle: The middle of the lowest and highest tenth.
        evidence: What was found, in words.
    """

    reading: Literal["yards", "meters", "wrong", "unsure"]
    lowest: float
    middle: float
    evidence: str


def snapped_at(block: PlayBlock, meters_per_yard: float) -> SnappedAt | None:
    """Where balls are snapped, or without a ball the line stands; None for too few plays.

    Args:
        block: Plays in the source's own field.
        meters_per_yard: Meters in a yard.
    """
    snapped = _beside_the_line(block.frames[block.offsets[:-1]]).astype(np.float64)
    snapped = snapped[np.isfinite(snapped)]
    if len(snapped) < _FEW_SNAPS:
        return None
    low, high = np.quantile(snapped, (0.1, 0.9)).tolist()
    yards, meters = (
        max(abs(low * scale - _MARKS_YD[0]), abs(high * scale - _MARKS_YD[1]))
        for scale in (1.0, 1.0 / meters_per_yard)
    )
    evidence = (
        f"80 % of {len(snapped)} balls are snapped at y from {low:.1f} to {high:.1f}, and must be "
        "between the hash marks, at 23.6 and 29.8 yards or 21.6 and 27.2 m"
    )
    outside = max(_MARKS_YD[0] - low, high - _MARKS_YD[1]) > _MOST_OFF_YD
    reading: Literal["yards", "meters", "wrong", "unsure"] = "yards"
    if yards > _MOST_OFF_YD:
        reading = "meters" if meters < _MOST_OFF_YD else "wrong" if outside else "unsure"
    middle = (low + high) / 2
    if reading == "wrong":
        evidence += f": their middle is at {middle:.1f}, must be at {FIELD_WIDTH_YD / 2:.1f}"
    return SnappedAt(reading, low, middle, evidence)


def _beside_the_line(first: Singles) -> Singles:
    """As `snaps_across`, of a ball that lies elsewhere the middle of passer and line.

    A tenth of the plays with a ball of another place would else call all others in doubt.
    """
    snapped = snaps_across(first)
    known = np.isfinite(first[:, :6, Y]).any(axis=1)
    middle = np.nanmedian(first[known, :6, Y], axis=1)
    apart = np.abs(snapped[known] - middle)
    snapped[known] = np.where(apart > _BALL_TO_LINE_YD, middle, snapped[known])
    return snapped


def off_the_marks(block: PlayBlock, meters_per_yard: float) -> Flags:
    """Plays of a file whose y is in doubt but those of games whose own snaps are where they must.

    Args:
        block: Plays.
        meters_per_yard: As of `snapped_at`.
    """
    games = block.plays["game_id"].to_numpy()
    doubtful = np.ones(len(games), bool)
    for game in np.unique(games).tolist():
        found = snapped_at(block.keep(games == game), meters_per_yard)
        doubtful[games == game] = found is None or found.reading != "yards"
    return doubtful


def snaps_across(first: Singles) -> Singles:
    """Where balls are snapped across the field, or the middle of the line without one, ``[N]``.

    Args:
        first: Frames at the snap, ``[N, 23, 6]``.
    """
    # A mean of five: NaN where linemen are not there.
    line = first[:, 1:6, Y].mean(axis=1)
    return np.asarray(np.where(np.isfinite(first[:, BALL_SLOT, Y]), first[:, BALL_SLOT, Y], line))
