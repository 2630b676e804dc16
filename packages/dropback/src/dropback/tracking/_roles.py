"""Assign players a stable slot at the snap, and a role by the release.

Slots follow from what is known at the snap, so that a live play has the same ones:

- 0: the passer;
- from 1: interior linemen, from the offense's right to its left;
- up to 10: eligible receivers, likewise, so that the last is always slot 10;
- from 11: the defense by line, linebackers and backs, each from right to left;
- 22: the ball.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import collected
from dropback.tracking._schema import GROUPS_AT_SNAP, PLAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers, Singles

LINE_POSITIONS: Final = ("C", "G", "T", "OL", "OC")

_DEFENSIVE_GROUPS: Final = {
    **dict.fromkeys(("DE", "DT", "NT", "DL", "EDGE"), 0),
    **dict.fromkeys(("LB", "OLB", "ILB", "MLB"), 1),
    **dict.fromkeys(("CB", "S", "SS", "FS", "DB", "SAF"), 2),
}

_PLAY = "play"

# One integer a play and side: polars groups by it several times faster than by two columns.
_SIDE = "play_and_side"
_SIDE_INDICES: Final = {"offense": 0, "defense": 1, "ball": 2}


def assign_slots(entities: pl.DataFrame) -> pl.DataFrame:
    """Slots from alignment and position at the snap.

    Args:
        entities: One row a play and entity: ``play``, ``side``, ``position`` (null where
            unknown), ``x_yd`` and ``y_yd`` at the snap with the offense moving toward +x,
            ``recorded_role`` (null where there is none) and ``named_passer``, whether the play's
            description names the player as the passer.

    Returns:
        The same rows and order with ``slot``, ``role_at_snap`` (one of `GROUPS_AT_SNAP`) and
        ``passer_inferred``.
    """
    is_offense = pl.col("side") == "offense"
    is_line = pl.col("position").is_in(LINE_POSITIONS).fill_null(value=False)
    y_of_center = pl.when(pl.col("position") == "C").then("y_yd")
    # Minimum, maximum and mean over a group run over columns. A rank, a range or a filter over
    # one is computed group by group, ten times as slow: sorting and `_place` stand in for them.
    with_line = (
        entities.lazy()
        .with_row_index("row")
        .with_columns(
            (
                pl.col(_PLAY) * 3
                + pl.col("side").replace_strict(_SIDE_INDICES, return_dtype=pl.Int64)
            ).alias(_SIDE)
        )
        .with_columns(
            middle_y=pl.coalesce(
                y_of_center.mean().over(_SIDE), pl.col("y_yd").median().over(_SIDE)
            ),
            front_x=pl.col("x_yd").max().over(_SIDE),
            players_of_side=pl.len().over(_SIDE),
        )
    )
    off_middle = (pl.col("y_yd") - pl.col("middle_y")).abs()
    # A quarterback stands behind the center. Where no position tells the quarterback, the player
    # there who is no lineman is the passer.
    passer_score = (
        pl.when(pl.col("recorded_role") == "passer")
        .then(-3000.0)
        .when("named_passer")
        .then(-2000.0)
        .when(pl.col("position") == "QB")
        .then(-1000.0)
        .when(is_line)
        .then(1000.0)
        .when(pl.col("front_x") - pl.col("x_yd") < 1.0)
        .then(100.0)
        .otherwise(0.0)
        + off_middle
    )
    with_passer = (
        with_line.with_columns(off_middle=off_middle, score=passer_score)
        .sort(_SIDE, "score", "row")
        .with_columns(is_passer=is_offense & pl.col(_SIDE).is_first_distinct())
    )
    # At least five of eleven are not eligible (NFL rulebook, Rule 5, Section 3). Where positions
    # name fewer (a tight end at tackle, or no position known), the line is filled up with those
    # nearest to the middle within 1.5 yards of the foremost player.
    line_score = (
        pl.when(pl.col("is_passer"))
        .then(1000.0)
        .when(is_line)
        .then(-1000.0)
        .otherwise(
            pl.col("off_middle")
            + pl.when(pl.col("front_x") - pl.col("x_yd") > 1.5).then(100.0).otherwise(0.0)
        )
    )
    with_interior = (
        with_passer.with_columns(score=line_score)
        .sort(_SIDE, "score", "row")
        .with_row_index("nearest")
        .with_columns(near_center=_place("nearest", _SIDE) < 5)
    )
    blocks = is_line | (pl.col("near_center") & (pl.col("players_of_side") >= 11))
    depth = pl.col("x_yd") - pl.when(is_offense).then("front_x").max().over(_PLAY)
    defensive_group = pl.coalesce(
        pl.col("position").replace_strict(_DEFENSIVE_GROUPS, default=None, return_dtype=pl.Int8),
        pl.when(depth < 2.5).then(0).when(depth < 7.0).then(1).otherwise(2).cast(pl.Int8),
    )
    order = (
        pl.when(pl.col("side") == "ball")
        .then(6)
        .when(~is_offense)
        .then(defensive_group + 3)
        .when(pl.col("is_passer"))
        .then(0)
        .when(blocks)
        .then(1)
        .otherwise(2)
        .cast(pl.Int8)
    )
    ordered = (
        with_interior.with_columns(order=order)
        .sort(_SIDE, "order", "y_yd", "row")
        .with_row_index("place")
    )
    eligible = (pl.col("order") == 2).sum().over(_SIDE)
    in_order = _place("place", pl.col(_SIDE) * 8 + pl.col("order"))
    slot = (
        pl.when(pl.col("order") == 6)
        .then(22)
        .when(pl.col("order") >= 3)
        .then(11 + _place("place", _SIDE))
        .when(pl.col("order") == 0)
        .then(0)
        .when(pl.col("order") == 1)
        .then(1 + in_order)
        .otherwise(11 - eligible + in_order)
    )
    names = dict(enumerate(GROUPS_AT_SNAP))
    return (
        ordered.with_columns(
            slot=slot.cast(pl.Int64),
            role_at_snap=pl.col("order").replace_strict(names, return_dtype=pl.String),
            passer_inferred=pl.col("is_passer") & pl.col("recorded_role").ne_missing("passer"),
        )
        .sort("row")
        .select(*entities.columns, "slot", "role_at_snap", "passer_inferred")
        .drop("named_passer")
        .pipe(collected)
    )


def _place(row: str, group: pl.Expr | str) -> pl.Expr:
    """Place of a row within its group, from its place in a table sorted by group."""
    return (pl.col(row) - pl.col(row).min().over(group)).cast(pl.Int64)


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
