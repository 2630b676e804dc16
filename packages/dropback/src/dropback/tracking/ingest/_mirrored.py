"""Tell a file of which left and right are exchanged by where described passes arrive.

Places that are mirrored together with their directions agree with each other: only words tell them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import polars as pl

from dropback.data._field import FIELD_WIDTH_YD
from dropback.tracking._blocks import DIRECTION, ORIENTATION, Y
from dropback.tracking._schema import BALL_SLOT
from dropback.tracking.ingest._angles import best_reading, steps_of
from dropback.tracking.readers._cells import CELL

if TYPE_CHECKING:
    from dropback._arrays import Floats, Singles
    from dropback.tracking._blocks import PlayBlock

LEFT_IS_RIGHT: Final = "left and right exchanged in the whole file"
LEFT_IS_RIGHT_IN_GAME: Final = "left and right exchanged in the whole game"

# Of 329 real passes "left" or "right" of 2017 to 2019 all arrive on that side of the middle.
_SIDE_IN_WORDS: Final = r"pass (?:incomplete )?(?:short|deep)? ?(left|right)"
_FEW_PASSES: Final = 10
_FEW_OF_GAME: Final = 4
_LEAST_SHARE: Final = 0.9

Mirrored: TypeAlias = Literal["", "places", "all"]
"""What is mirrored across the field's long axis: nothing, places alone, or angles with them."""


def off_the_words(arrival_y: Singles | Floats, description: pl.Series) -> Floats:
    """How far on the other side of the middle than described a pass arrives, yards, ``[N]``.

    Args:
        arrival_y: Where the ball arrives, from the offense's right sideline.
        description: The plays' descriptions.
    """
    left = (description.str.extract(_SIDE_IN_WORDS) == "left").cast(pl.Float64).to_numpy()
    return np.asarray((FIELD_WIDTH_YD / 2 - arrival_y) * (2 * left - 1))


def exchanged_in_game() -> pl.Expr:
    """A sentence on plays of a game whose passes arrive on the other side than described."""
    game, off = "game_id", pl.col("off_words_yd")
    told, against = off.is_not_null().sum().over(game), (off > 0).sum().over(game)
    of_file = pl.col("cells").list.contains(LEFT_IS_RIGHT)
    exchanged = (told >= _FEW_OF_GAME) & (against >= _LEAST_SHARE * told)
    return pl.when(exchanged & ~of_file).then(
        pl.format(
            f"{LEFT_IS_RIGHT_IN_GAME}{CELL}{{}} of {{}} passes of the game arrive on the other "
            "side than described",
            against,
            told,
        )
    )


def left_and_right(block: PlayBlock) -> tuple[Mirrored, float, str]:
    """What of a file is mirrored, how many passes say so, and the evidence; empty for no words.

    Args:
        block: Plays in the source's own field, from its corner.
    """
    arrival = block.arrival_xy[:, BALL_SLOT, Y].astype(np.float64)
    arrival = np.where(block.plays["moves_right"].to_numpy(), arrival, FIELD_WIDTH_YD - arrival)
    off = off_the_words(arrival, block.plays["description"])
    told, against = int(np.isfinite(off).sum()), int((off > 0).sum())
    evidence = f"{against} of {told} passes arrive on the other side than described" if told else ""
    if told < _FEW_PASSES or against < _LEAST_SHARE * told:
        return "", float(against), evidence
    both, places = (_direction_error(mirrored(block, angles=angles)) for angles in (True, False))
    if both < places:
        return "all", float(against), f"{evidence}: places and angles are mirrored across the field"
    return "places", float(against), f"{evidence}: y is mirrored across the field"


def mirrored(block: PlayBlock, *, angles: bool) -> PlayBlock:
    """The plays mirrored across the field's long axis, with their angles or without."""
    frames, arrival = block.frames.copy(), block.arrival_xy.copy()
    for places in (frames, arrival):
        places[..., Y] = np.float32(FIELD_WIDTH_YD) - places[..., Y]
    for column in (DIRECTION, ORIENTATION) if angles else ():
        frames[..., column] = (np.float32(180.0) - frames[..., column]) % np.float32(360.0)
    return replace(block, frames=frames, arrival_xy=arrival)


def _direction_error(block: PlayBlock) -> float:
    """Median error of directions by their best reading, degrees; 0 where there are none."""
    along, across, read = steps_of(block, DIRECTION)
    distance = np.hypot(along, across)
    usable = (distance > 0.2) & np.isfinite(read) & (distance < 1.5)
    if not usable.any():
        return 0.0
    true_angle = np.rad2deg(np.arctan2(along[usable], across[usable])).astype(np.float64)
    return min(best_reading(read[usable].astype(np.float64), true_angle, (1.0, -1.0))[1].values())
