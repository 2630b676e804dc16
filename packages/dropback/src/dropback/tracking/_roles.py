"""Assign players a stable slot at the snap, and a role by the release.

Slots follow from what is known at the snap, so that a live play has the same ones:

- 0: the passer;
- from 1: interior linemen, from the offense's right to its left;
- up to 10: eligible receivers, likewise, so that the last is always slot 10;
- from 11: the defense by line, linebackers and backs, each from right to left;
- 22: the ball.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from dropback._frames import collected
from dropback.tracking._compiled import compiled
from dropback.tracking._schema import GROUPS_AT_SNAP, PLAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Floats, Integers, Singles

LINE_POSITIONS: Final = ("C", "G", "T", "OL", "OC")

_PLAY = "play"

_OFFENSE, _DEFENSE, _BALL = 0, 1, 2
_SIDES: Final = {"offense": _OFFENSE, "defense": _DEFENSE, "ball": _BALL}
# Those of the defense by group.
_FRONT, _MIDDLE, _DEEP, _CENTER, _LINEMAN, _QUARTERBACK, _OTHER = range(7)
_POSITIONS: Final = {
    **dict.fromkeys(("DE", "DT", "NT", "DL", "EDGE"), _FRONT),
    **dict.fromkeys(("LB", "OLB", "ILB", "MLB"), _MIDDLE),
    **dict.fromkeys(("CB", "S", "SS", "FS", "DB", "SAF"), _DEEP),
    **dict.fromkeys(LINE_POSITIONS, _LINEMAN),
    "C": _CENTER,
    "QB": _QUARTERBACK,
}
OFFENSIVE_POSITIONS: Final = (*LINE_POSITIONS, "QB", "RB", "FB", "WR", "TE")
DEFENSIVE_POSITIONS: Final = tuple(name for name, at in _POSITIONS.items() if at <= _DEEP)
_EACH: Final = PLAYERS // 2


def assign_slots(entities: pl.DataFrame) -> pl.DataFrame:
    """Slots from alignment and position at the snap.

    Args:
        entities: One row a play and entity: ``play``, ``side``, ``position`` (null where
            unknown), ``x_yd`` and ``y_yd`` at the snap with the offense moving toward +x,
            ``recorded_role`` (null where there is none), ``named_passer``, whether the play's
            description names the player as the passer, and ``unlikely_passer``, which the passer
            of a play has least of, null in plays whose passer is told otherwise.

    Returns:
        The same rows and order with ``slot``, ``role_at_snap`` (one of `GROUPS_AT_SNAP`) and
        ``passer_inferred``.
    """
    is_recorded = (pl.col("recorded_role") == "passer").fill_null(value=False)
    said = entities.select(
        "named_passer",
        play=pl.col(_PLAY).cast(pl.Int64),
        side=pl.col("side").replace_strict(_SIDES, return_dtype=pl.Int64),
        position=pl.col("position")
        .replace_strict(_POSITIONS, default=_OTHER, return_dtype=pl.Int64)
        .fill_null(_OTHER),
        x=pl.col("x_yd").cast(pl.Float64).fill_null(np.nan),
        y=pl.col("y_yd").cast(pl.Float64).fill_null(np.nan),
        recorded=is_recorded,
        unlikely=pl.col("unlikely_passer").cast(pl.Float64).fill_null(np.nan),
    )
    # One integer a play and side.
    sides = (said["play"] * len(_SIDES) + said["side"]).to_numpy()
    rows = np.argsort(sides, kind="stable")
    group, slot = np.empty((2, len(rows)), np.int64)
    group[rows], slot[rows] = _groups_and_slots(
        sides[rows], {name: said[name].to_numpy()[rows] for name in said.columns}
    )
    return entities.drop("named_passer", "unlikely_passer").with_columns(
        slot=pl.Series(slot),
        role_at_snap=pl.Series(GROUPS_AT_SNAP).gather(pl.Series(group)),
        passer_inferred=pl.Series(group == _group("passer")) & ~said["recorded"],
    )


def _group(name: str) -> int:
    return GROUPS_AT_SNAP.index(name)


def _groups_and_slots(sides: Integers, said: dict[str, NDArray[Any]]) -> tuple[Integers, Integers]:
    """Index in `GROUPS_AT_SNAP` and slot of entities in the order of their plays and sides.

    Args:
        sides: A number for each play and side, shape ``[N]``.
        said: Columns of `assign_slots`.
    """
    side, position, x, y = (said[name] for name in ("side", "position", "x", "y"))
    head = np.flatnonzero(np.diff(sides, prepend=-1))
    size = np.diff(head, append=len(sides))
    run = np.repeat(np.arange(len(head)), size)
    is_line = (position == _CENTER) | (position == _LINEMAN)
    front_x = np.maximum.reduceat(x, head) if len(head) else x
    behind = front_x[run] - x
    off_middle = np.abs(y - _middles(head, size, y, position == _CENTER)[run])
    # A quarterback stands behind the center. Where no position tells the quarterback, the likeliest
    # is the passer, or else the player there who is no lineman.
    is_likely = [
        said["recorded"], said["named_passer"], position == _QUARTERBACK, is_line, behind < 1.0
    ]  # fmt: skip
    score = np.select(is_likely, [-3000.0, -2000.0, -1000.0, 1000.0, 100.0], 0.0) + off_middle
    score = np.where(np.isnan(said["unlikely"]), score, said["unlikely"])
    nobody = np.zeros(len(run), np.int64)
    is_passer = (side == _OFFENSE) & (_places(head, size, nobody, score) == 0)
    # At least five of eleven are not eligible (NFL rulebook, Rule 5, Section 3). Where positions
    # name fewer (a tight end at tackle, or no position known), the line is filled up with those
    # nearest to the middle within 1.5 yards of the foremost player.
    score = np.select([is_passer, is_line, behind > 1.5], [1000.0, -1000.0, 100.0 + off_middle],
                      off_middle)  # fmt: skip
    blocks = is_line | ((_places(head, size, nobody, score) < 5) & (size[run] >= _EACH))
    # The offense is the first side of its play.
    first = np.searchsorted(said["play"][head], said["play"])
    depth = x - np.where(side[head][first] == _OFFENSE, front_x[first], -np.inf)
    by_depth = np.select([depth < 2.5, depth < 7.0], [_FRONT, _MIDDLE], _DEEP)
    group = np.select(
        [side == _BALL, side == _DEFENSE, is_passer, blocks],
        [
            _group("ball"),
            _group("front") + np.where(position <= _DEEP, position, by_depth),
            _group("passer"),
            _group("blocker"),
        ],
        _group("eligible"),
    )
    place = _places(head, size, group, y)
    slot = np.select(
        [side == _BALL, side == _DEFENSE, group == _group("eligible")],
        [PLAYERS, _EACH + place, _EACH - size[run] + place],
        place,
    )
    return group, slot


@compiled
def _middles(head: Integers, size: Integers, y: Floats, is_center: Flags) -> Floats:
    """Where the middle of each side is: its center, else the median of its players."""
    found = np.empty(len(head))
    for run in range(len(head)):
        here = slice(head[run], head[run] + size[run])
        centers = y[here][is_center[here]]
        found[run] = centers.mean() if len(centers) else np.median(y[here])
    return found


@compiled
def _places(head: Integers, size: Integers, group: Integers, value: Floats) -> Integers:
    """Place of each entity in its side, by group and then by a value; of equals the first first."""
    place = np.zeros(len(value), np.int64)
    for run in range(len(head)):
        here = range(head[run], head[run] + size[run])
        for at in here:
            for other in here:
                before = value[other] < value[at] or (value[other] == value[at] and other < at)
                place[at] += group[other] < group[at] or (group[other] == group[at] and before)
    return place


def mirror_slots(groups: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Slots after a mirror image across the field's long axis (left and right hand swapped).

    Each group stands from right to left in its slots, so that a mirror reverses it.

    Args:
        groups: Group of each slot as its index in `GROUPS_AT_SNAP`, -1 for an empty slot, shape
            ``[N, 22]``.

    Returns:
        Shape ``[N, 22]``: ``mirrored[slot] = original[mirror_slots[slot]]``.
    """
    slots = np.arange(PLAYERS)
    mirrored = np.broadcast_to(slots, groups.shape).copy()
    for group in range(len(GROUPS_AT_SNAP)):
        here = groups == group
        first = here.argmax(axis=1)
        last = PLAYERS - 1 - here[:, ::-1].argmax(axis=1)
        mirrored = np.where(here, (first + last)[:, None] - slots, mirrored)
    return mirrored.astype(np.uint8)


def infer_rushers(x_yd: Singles, line_x_yd: Singles, offsets: Integers) -> Flags:
    """Which defenders rush the passer.

    A rusher is past the line of scrimmage in some frame of the window. Only what happens up to
    the release is used.

    Args:
        x_yd: Canonical x of the defenders, shape ``[F, 11]``.
        line_x_yd: Line of scrimmage, shape ``[N]``.
        offsets: Bounds of the plays, shape ``[N + 1]``.

    Returns:
        Shape ``[N, 11]``.
    """
    # fmin passes over the NaN of an empty slot; an all-NaN minimum compares false.
    deepest = np.fmin.reduceat(x_yd, offsets[:-1], axis=0)
    return np.asarray(deepest < line_x_yd[:, None])


def infer_target(arrival_xy: Singles, eligible: Flags) -> Integers:
    """The eligible receiver nearest to the ball when the pass arrives.

    Args:
        arrival_xy: Shape ``[N, 23, 2]``, yards; NaN where not known.
        eligible: Which slots are eligible, shape ``[N, 11]``.

    Returns:
        Slots, shape ``[N]``; -1 where the ball or its arrival is not known, or nobody is within
        5 yards, as on a throw-away.
    """
    gap = arrival_xy[:, :11] - arrival_xy[:, 22:23]
    distance = np.where(eligible, np.hypot(gap[..., 0], gap[..., 1]), np.inf)
    distance = np.where(np.isnan(distance), np.inf, distance)
    nearest = distance.argmin(axis=1)
    return np.where(distance.min(axis=1, initial=np.inf) <= 5.0, nearest, -1)


def named_targets(plays: pl.DataFrame, players: pl.DataFrame) -> pl.DataFrame:
    """Targets that a play's description names: "pass deep left to D.Adams".

    Args:
        plays: ``play`` and ``description``.
        players: ``play``, ``player_id``, ``side`` and ``display_name`` ("Davante Adams").

    Returns:
        ``play`` and ``player_id``, only where exactly one player of the offense has the name.
    """
    return _named(plays, players, _TARGET_PATTERN)


def named_passers(plays: pl.DataFrame, players: pl.DataFrame) -> pl.DataFrame:
    """As `named_targets` for the passer: "C.McCaffrey pass short right", "A.Luck sacked"."""
    return _named(plays, players, _PASSER_PATTERN)


_NAME: Final = r"([A-Z][A-Za-z]*)\.((?:St\. )?[A-Z][A-Za-z'\-]+)"
_TARGET_PATTERN: Final = (
    r"pass (?:incomplete )?(?:short|deep)? ?(?:left|middle|right)? ?(?:to|intended for) " + _NAME
)
_PASSER_PATTERN: Final = _NAME + r"(?: pass | sacked | spiked)"


def _named(plays: pl.DataFrame, players: pl.DataFrame, pattern: str) -> pl.DataFrame:
    named = (
        plays.lazy()
        .select(
            _PLAY,
            initial=pl.col("description").str.extract(pattern, 1),
            surname=pl.col("description").str.extract(pattern, 2),
        )
        .drop_nulls()
    )
    offense = (
        players.lazy()
        .filter(pl.col("side") == "offense")
        .select(_PLAY, "player_id", "display_name")
    )
    # "St. Brown", "Beckham Jr.", "Fuller V": the description drops suffixes and spaces.
    plain = pl.col("rest", "surname").str.replace_all(r"[\s.]", "")
    return (
        named.join(offense, on=_PLAY, how="inner")
        # Nine players in ten have another initial and need no search for their surname.
        .filter(pl.col("display_name").str.slice(0, 1) == pl.col("initial").str.slice(0, 1))
        .with_columns(rest=pl.col("display_name").str.extract(r"^\S+\s+(.+)$", 1))
        .with_columns(plain)
        .filter(pl.col("rest").str.starts_with(pl.col("surname")))
        .filter(pl.len().over(_PLAY) == 1)
        .select(_PLAY, "player_id")
        .pipe(collected)
    )
