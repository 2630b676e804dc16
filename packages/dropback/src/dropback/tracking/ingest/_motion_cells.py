"""Tell motion that cannot be from motion that is not there, and say which plays have either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking._blocks import ACCELERATION, DIRECTION, ORIENTATION, SPEED, X
from dropback.tracking._motion import derive_motion
from dropback.tracking._schema import BALL_SLOT, FRAME_QUANTITIES, PLAYERS
from dropback.tracking.readers._cells import CELL, ROW
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropback._arrays import Flags, Integers, Singles
    from dropback.tracking.readers._format import Format

# The fastest recorded throws are at 27 yards a second; the hardest hits of the real sets at 60.
_MOST_YD_PER_S: Final = 60.0
_MOST_YD_PER_S2: Final = 200.0
_MOST_DEG: Final = 720.0

_MOTION: Final = {
    "speed": SPEED,
    "acceleration": ACCELERATION,
    "direction": DIRECTION,
    "orientation": ORIENTATION,
}
_DERIVED: Final = ("speed", "acceleration", "direction")

NO_BALL: Final = "no ball in some frames"
NO_BALL_AT_ALL: Final = "no ball in any frame"
BALL_ENDS: Final = "the track of the ball ends before the play does"


def blank_impossible(frames: Singles) -> None:
    """Make NaN of motion that cannot be, in place: what cannot be is not known.

    Positions tell it then, as they do where a set lacks it.

    Args:
        frames: As the source has them, shape ``[F, S, 6]``, in yards.
    """
    speed, acceleration = frames[..., SPEED], frames[..., ACCELERATION]
    speed[(speed < 0) | (speed > _MOST_YD_PER_S)] = np.nan
    acceleration[(acceleration < 0) | (acceleration > _MOST_YD_PER_S2)] = np.nan
    for column in (DIRECTION, ORIENTATION):
        angle = frames[..., column]
        # Some files count from -180; a turn more or less is the same direction.
        angle[np.abs(angle) > _MOST_DEG] = np.nan
        angle[angle < 0] %= 360.0


def absent_motion(frames: Singles) -> dict[str, Flags]:
    """Which players who are there lack speed, acceleration, direction, orientation, ``[F, 22]``."""
    players = frames[:, :PLAYERS]
    present = np.isfinite(players[..., X])
    return {name: np.isnan(players[..., column]) & present for name, column in _MOTION.items()}


def fill_motion(frames: Singles, frame_in_play: Integers, absent: Mapping[str, Flags]) -> None:
    """Fill what players lack of speed, acceleration and direction from positions, in place."""
    columns = tuple(_MOTION[name] for name in _DERIVED if absent[name].any())
    if columns:
        derive_motion(frames[:, :PLAYERS], frame_in_play, columns)


def all_derived(frames: Singles, absent: Mapping[str, Flags]) -> list[str]:
    """Names of the quantities that positions have to tell for every player."""
    present = int(np.isfinite(frames[:, :PLAYERS, X]).sum())
    return [name for name in _DERIVED if int(absent[name].sum()) == present]


def cell_flags(
    frames: Singles, offsets: Integers, absent: Mapping[str, Flags], layout: Format
) -> list[list[str]]:
    """What rows of each play lack though others of the set have it, in the set's columns.

    Args:
        frames: Shape ``[F, 23, 6]``.
        offsets: Bounds of the plays, shape ``[N + 1]``.
        absent: As `absent_motion` gave it before anything was filled.
        layout: Names the columns.
    """
    flags: list[list[str]] = [[] for _ in offsets[1:]]
    if not flags:
        return flags
    starts = offsets[:-1]
    quantities = dict(enumerate(FRAME_QUANTITIES))
    for name, cells in absent.items():
        column = layout.rows.get(quantities[_MOTION[name]])
        if column is None or not cells.any():
            continue
        lacking = np.add.reduceat(cells.any(axis=1), starts)
        for play in np.flatnonzero(lacking).tolist():
            flags[play].append(_flag(column))
    gone = np.isnan(frames[:, BALL_SLOT, X])
    if "ball" not in layout.lacks and gone.any():
        counted = np.add.reduceat(gone, starts)
        lengths = np.diff(offsets)
        for play in np.flatnonzero(counted).tolist():
            first, last = gone[offsets[play]], gone[offsets[play + 1] - 1]
            flag = BALL_ENDS if last and not first else NO_BALL
            if counted[play] == lengths[play]:
                team = layout.rows["team"]
                said = f"{NO_BALL_AT_ALL}{CELL}no row has a ball, whose {team} is ball or football"
                flags[play].append(said if layout.possession != "label" else NO_BALL_AT_ALL)
            else:
                flags[play].append(f"{flag}{CELL}{counted[play]} of {lengths[play]} frames")
    return flags


def _flag(column: str) -> str:
    return f"column {column} is missing or impossible in some rows"


def flagged_cells(rows: pl.DataFrame, plays: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``game_id``, ``play_id`` and ``details``: the first row of each flag of `cell_flags`.

    Args:
        rows: Source rows of whole plays, with `ROW`.
        plays: `SOURCE_KEY`, ``game_id``, ``play_id`` and ``flags`` of the plays.
        layout: Names the columns.
    """
    speed, most = pl.col("speed_yd_per_s"), _MOST_YD_PER_S
    acceleration = pl.col("acceleration_yd_per_s2")
    wrong = {
        "speed_yd_per_s": (speed < 0) | (speed > most),
        "acceleration_yd_per_s2": (acceleration < 0) | (acceleration > _MOST_YD_PER_S2),
        "direction_deg": pl.col("direction_deg").abs() > _MOST_DEG,
        "orientation_deg": pl.col("orientation_deg").abs() > _MOST_DEG,
    }
    named = {name: layout.rows[name] for name in wrong if name in layout.rows}
    found = [pl.DataFrame(schema={"game_id": pl.Int64, "play_id": pl.Int64, "details": pl.String})]
    for name, column in named.items():
        some = plays.filter(pl.col("flags").list.contains(_flag(column)))
        if some.is_empty():
            continue
        first = (
            rows.select(*SOURCE_KEY, "player_id", name, ROW)
            .join(some.select(SOURCE_KEY), on=SOURCE_KEY, how="semi")
            .filter(pl.col("player_id").is_not_null())
            .filter(wrong[name] | pl.col(name).is_null() | ~pl.col(name).is_finite())
            .group_by(SOURCE_KEY, maintain_order=True)
            .agg(pl.col(ROW).first())
        )
        said = pl.format(f"{column} is {{}} in row {{}}", marked(name, pl.col(ROW)), ROW)
        found.append(
            some.join(first, on=SOURCE_KEY, maintain_order="left").select(
                "game_id", "play_id", details=said
            )
        )
    return pl.concat(found)
