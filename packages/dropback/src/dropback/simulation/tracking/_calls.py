"""Draw what both sides call: formation, protection, routes, coverage and rush."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, HASH_MARK_Y_YD
from dropback.simulation.tracking._lineup import BACK, DEFENSE, ELIGIBLE, LINE, PASSER
from dropback.simulation.tracking._routes import Routes, draw_routes
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.simulation.tracking._snap_state import SnapState

FORMATIONS: Final = ("DOUBLES", "TRIPS", "EMPTY", "SINGLEBACK", "BUNCH")

# Split end, flanker, slot, tight end and back: yards behind the line, yards to the strong side.
_ELIGIBLE_XY: Final = np.array(
    [
        [(-0.8, -16.5), (-1.5, 16.5), (-1.5, -8.5), (-1.2, 4.8), (-5.0, -1.6)],
        [(-0.8, -16.5), (-1.5, 17.0), (-1.5, 10.5), (-1.2, 4.8), (-5.0, -1.6)],
        [(-0.8, -17.5), (-1.5, 17.5), (-1.5, -10.5), (-1.5, 9.5), (-1.5, -5.5)],
        [(-0.8, -15.0), (-1.5, 15.0), (-1.2, -4.8), (-1.2, 4.8), (-6.8, 0.0)],
        [(-0.8, -16.0), (-1.5, 12.5), (-2.5, 10.8), (-1.2, 8.8), (-5.0, -1.6)],
    ]
)
_FORMATION_SHARES: Final = (0.33, 0.25, 0.13, 0.13, 0.16)
_FORMATION_SHARES_UNDER_CENTER: Final = (0.2, 0.1, 0.0, 0.65, 0.05)
_LINE_XY: Final = np.array([(-1.9, -3.2), (-1.5, -1.6), (-0.9, 0.0), (-1.5, 1.6), (-1.9, 3.2)])
_FRONT_XY: Final = np.array([(0.9, -4.9), (0.8, -1.1), (0.8, 1.9), (0.9, 4.9)])

COVERAGES: Final = ("Cover-0", "Cover-1", "Cover-2", "Cover-3", "Quarters")
_COVERAGE_SHARES: Final = (0.05, 0.27, 0.13, 0.33, 0.22)
# Zone landmarks from the line and the ball by coverage: right end, linebackers, corners (over
# split end and flanker), nickel, strong and free safety. The strong side is +y.
_LANDMARKS: Final = np.array(
    [
        [(6, 9), (8, -3), (8, 3), (8, -14), (8, 14), (7, -8), (9, 5), (11, 0)],
        [(6, 9), (8, -3), (8, 3), (8, -14), (8, 14), (7, -8), (9, 5), (17, 0)],
        [(6, 6), (9, -4), (9, 4), (7, -18), (7, 18), (9, -10), (19, 12), (19, -12)],
        [(6, 6), (9, -4), (9, 4), (16, -17), (16, 17), (8, -12), (8, 12), (19, 0)],
        [(6, 6), (9, -3), (9, 5), (15, -18), (15, 18), (8, -12), (15, 7), (15, -7)],
    ],
    dtype=np.float64,
)
_IN_ZONE: Final = np.array([14, 15, 16, 17, 18, 19, 20, 21]) - 11
_DEEP: Final = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1, 0, 0, 1],
        [0, 0, 0, 1, 1, 0, 1, 1],
    ],
    dtype=bool,
)
# Receiver of each defender in man coverage, an index of the eligible; -1 is nobody.
_TAKES: Final = np.array([-1, -1, -1, -1, 4, -1, 0, 1, 2, 3, -1])
_TAKES_WITHOUT_SAFETY: Final = np.array([-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4])


@dataclass(frozen=True)
class Calls:
    """What was called on ``N`` plays.

    Args:
        formation: Index in `FORMATIONS`, shape ``(N,)``.
        coverage: Index in `COVERAGES`.
        play_action: Whether a run is faked first.
        rollout: Whether, and to which side, the passer leaves the pocket by design: -1, 0, 1.
        snap_xy: Where everyone stands at the snap, yards, shape ``(N, 22, 2)``.
        ball_y_yd: Where the ball lies, yards from the right sideline.
        routes: Of the eligible.
        blocks: Which of the eligible stay to block, shape ``(N, 5)``.
        rushes: Which defenders rush the passer, shape ``(N, 11)``.
        takes: Receiver that each defender follows, 0 to 4, or -1, shape ``(N, 11)``.
        landmark: Where each defender in zone drops to, yards, shape ``(N, 11, 2)``.
        deep: Which of them stay behind every receiver, shape ``(N, 11)``.
    """

    formation: Integers
    coverage: Integers
    play_action: Flags
    rollout: Floats
    snap_xy: Floats
    ball_y_yd: Floats
    routes: Routes
    blocks: Flags
    rushes: Flags
    takes: Integers
    landmark: Floats
    deep: Flags


def call_plays(snap: SnapState, generator: np.random.Generator) -> Calls:
    """Draw what both sides call and where they line up."""
    s, n = snap, len(snap)
    formation = np.where(
        s.under_center,
        generator.choice(len(FORMATIONS), n, p=_FORMATION_SHARES_UNDER_CENTER),
        generator.choice(len(FORMATIONS), n, p=_FORMATION_SHARES),
    )
    strong = np.where(generator.random(n) < 0.5, 1.0, -1.0)
    hash_mark = round(HASH_MARK_Y_YD, 2)
    ball_y_yd = generator.uniform(21.0, FIELD_WIDTH_YD - 21.0, n)
    ball_y_yd = np.clip(ball_y_yd, hash_mark, FIELD_WIDTH_YD - hash_mark)
    coverage = generator.choice(len(COVERAGES), n, p=_COVERAGE_SHARES)
    snap_xy = np.empty((n, PLAYERS, 2))
    origin = np.stack([s.line_x_yd, ball_y_yd], axis=1)
    turn = np.stack([np.ones(n), strong], axis=1)[:, None]
    snap_xy[:, PASSER] = origin - np.stack([np.where(s.under_center, 1.3, 5.0), np.zeros(n)], 1)
    snap_xy[:, LINE] = origin[:, None] + _LINE_XY
    snap_xy[:, ELIGIBLE] = origin[:, None] + _ELIGIBLE_XY[formation] * turn
    spread = generator.normal(size=(n, 5)) * np.array([1.2, 1.2, 0.8, 0.3, 0.3])
    snap_xy[:, ELIGIBLE, 1] = np.clip(snap_xy[:, ELIGIBLE, 1] + spread, 3.0, FIELD_WIDTH_YD - 3.0)
    rushes, takes = _call_defense(coverage, generator)
    landmark, deep = _landmarks(coverage, origin, turn)
    snap_xy[:, DEFENSE] = _line_up(
        coverage, origin, turn, snap_xy[:, ELIGIBLE], landmark, generator
    )
    snap_xy += generator.normal(scale=0.12, size=snap_xy.shape)
    snap_xy[..., 0] = np.clip(snap_xy[..., 0], 0.5, FIELD_LENGTH_YD - 0.5)
    routes = draw_routes(s, snap_xy[:, ELIGIBLE], ball_y_yd, generator)
    blitzers = rushes.sum(axis=1) > 4
    blocks = np.zeros((n, 5), dtype=bool)
    stays = generator.random((n, 2)) < np.stack([np.where(blitzers, 0.5, 0.22), np.full(n, 0.1)], 1)
    blocks[:, BACK - ELIGIBLE.start] = stays[:, 0] & (formation != FORMATIONS.index("EMPTY"))
    blocks[:, 3] = stays[:, 1] & (formation != FORMATIONS.index("EMPTY"))
    blocks[np.arange(n), routes.primary] = False
    rolls = (generator.random(n) < 0.07) & (s.intended_yd > 0)
    play_action = generator.random(n) < np.where(s.under_center, 0.55, 0.1)
    rollout = np.where(rolls, np.where(generator.random(n) < 0.7, -1.0, 1.0), 0.0)
    called = (formation, coverage, play_action, rollout, snap_xy, ball_y_yd, routes)
    return Calls(*called, blocks, rushes, takes, landmark, deep)


def _call_defense(coverage: Integers, generator: np.random.Generator) -> tuple[Flags, Integers]:
    """Who rushes and who follows whom, shape ``(N, 11)`` each."""
    n = len(coverage)
    u = generator.random(n)
    all_out = coverage == 0
    rushes = np.zeros((n, 11), dtype=bool)
    rushes[:, :4] = True
    rushes[:, 3] &= all_out | (u > 0.08)
    rushes[:, 5] = all_out | (u > 0.78)
    rushes[:, 4] = all_out & (u > 0.4)
    in_man = coverage <= 1
    takes = np.where(all_out[:, None], _TAKES_WITHOUT_SAFETY, _TAKES)
    return rushes, np.where(in_man[:, None], takes, -1)


def _landmarks(coverage: Integers, origin: Floats, turn: Floats) -> tuple[Floats, Flags]:
    """Where defenders in zone drop to, and which of them stay deepest."""
    n = len(coverage)
    landmark = np.repeat(origin[:, None], 11, axis=1)
    landmark[:, _IN_ZONE] += _LANDMARKS[coverage] * turn
    landmark[..., 1] = np.clip(landmark[..., 1], 4.0, FIELD_WIDTH_YD - 4.0)
    # Nobody drops beyond the end zone's middle: behind the end line there is nothing to guard.
    landmark[..., 0] = np.minimum(landmark[..., 0], FIELD_LENGTH_YD - 5.0)
    deep = np.zeros((n, 11), dtype=bool)
    deep[:, _IN_ZONE] = _DEEP[coverage]
    return landmark, deep


def _line_up(
    coverage: Integers,
    origin: Floats,
    turn: Floats,
    eligible_xy: Floats,
    landmark: Floats,
    generator: np.random.Generator,
) -> Floats:
    """Where the defense stands at the snap, shape ``(N, 11, 2)``."""
    n = len(coverage)
    xy = np.empty((n, 11, 2))
    xy[:, :4] = origin[:, None] + _FRONT_XY
    backs = np.array([(4.6, -2.2), (4.6, 2.6)])
    xy[:, 4:6] = origin[:, None] + backs * turn
    press = generator.random((n, 3)) < np.where(coverage <= 1, 0.45, 0.15)[:, None]
    off = generator.uniform(4.5, 7.5, (n, 3))
    over = eligible_xy[:, :3] * 1.0
    over[..., 0] = origin[:, :1] + np.where(press, 1.6, off)
    inward = np.sign(origin[:, 1:] - over[..., 1])
    over[..., 1] += inward * generator.uniform(0.0, 1.2, (n, 3))
    xy[:, 6:9] = over
    # Safeties line up near where they will drop to.
    shown = 0.25 * eligible_xy[:, 3:4] + 0.75 * landmark[:, 9:]
    xy[:, 9:] = shown
    depth = np.where(
        landmark[:, 9:, 0] - origin[:, :1] > 12,
        generator.uniform(10.0, 14.0, (n, 2)),
        generator.uniform(5.5, 9.0, (n, 2)),
    )
    xy[:, 9:, 0] = origin[:, :1] + depth
    # Near the goal line all stand nearer: 2 yards from the end line at most.
    xy[..., 0] = np.minimum(xy[..., 0], FIELD_LENGTH_YD - 2.0)
    return xy
