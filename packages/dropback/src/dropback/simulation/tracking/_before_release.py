"""Simulate the frames from the snap to the release, all plays at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.simulation.tracking._lineup import (
    DEFENSE,
    ELIGIBLE,
    FRAME_S,
    LINE,
    PASSER,
    limited,
    norm,
    unit,
)
from dropback.simulation.tracking._release_distribution import openness_yd, throw_flight
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._manner import Manner
    from dropback.simulation.tracking._snap_state import SnapState

# Random drift that each frame adds to the desired velocity, yards a second; 0.92 of it stays for
# the next frame. Passers and rushers are never still.
DRIFT: Final = np.array([0.34] + [0.2] * 5 + [0.1] * 5 + [0.42] * 4 + [0.16] * 7)

RESPONSE: Final = 0.24
"""Share of a desired change of velocity that one frame makes: nine tenths within 0.9 s."""

LAST_FRAME: Final = 70
"""Nobody holds the ball for longer than 7 s; 99 % of real throws come within 6."""

# By slot: line and rushers are slow, corners and wide receivers fast.
TOP_SPEED: Final = np.array(
    [6.2] + [4.6] * 5 + [8.6, 8.6, 8.5, 7.9, 8.2] + [6.0, 5.4, 5.4, 6.0]
    + [7.8, 7.8, 8.8, 8.8, 8.7, 8.4, 8.6]
)  # fmt: skip
ACCELERATION: Final = np.array(
    [2.0] + [2.2] * 5 + [4.3, 4.3, 4.2, 3.5, 3.3] + [3.2] * 4 + [3.1] * 7
)

# Which of the offense blocks which rusher: ends by tackles, tackles by guards, linebackers by the
# back (if staying) and the center; the blocker's slot for each rusher.
_BLOCKER_OF: Final = np.array([1, 2, 4, 5, 10, 3])
_RUSHERS: Final = 6

# Seconds in which a rusher beats the blocker: lognormal, tuned to the real pressure rates.
_WIN_MEDIAN_S: Final = 5.4
_WIN_LOG_SD: Final = 0.5


@dataclass(frozen=True)
class Dropbacks:
    """Frames of ``N`` plays from the snap on.

    Args:
        xy: Positions by frame since the snap, shape ``(N, T, 22, 2)``, yards, to the
            latest release; after its own release a play runs on as if it were not over.
        release: Frame of the release, shape ``(N,)``.
        target: Index of the target among the eligible, 0 to 4.
    """

    xy: Floats
    release: Integers
    target: Integers


def step(
    xy: Floats,
    velocity: Floats,
    desired: Floats,
    *,
    acceleration: Floats,
    response: Floats | float = RESPONSE,
) -> tuple[Floats, Floats]:
    """Move all players by a frame toward the velocities that they want.

    Args:
        xy: Shape ``(N, A, 2)``, yards.
        velocity: Yards a second, shape ``(N, A, 2)``.
        desired: Likewise.
        acceleration: Greatest, yards a second squared, broadcastable to ``(N, A)``.
        response: Share of the desired change that one frame makes, likewise.

    Returns:
        Positions, and the velocity that led there: displacement over time, so that at the edge
        of the field both stop.
    """
    change = (desired - velocity) * np.asarray(response)[..., None]
    # Players brake and cut harder than they gather speed.
    against = -(change * velocity).sum(axis=-1) / np.maximum(norm(change) * norm(velocity), 1e-9)
    change = limited(change, acceleration * FRAME_S * (1 + 0.6 * np.clip(against + 0.3, 0, 1)))
    moving = velocity + change
    # Nobody runs into the stands: 3 yards before the edge, 9 yards a second are still allowed.
    room = np.array([FIELD_LENGTH_YD, FIELD_WIDTH_YD]) - xy
    moving = np.clip(moving, -3.0 * xy, 3.0 * room)
    moved = xy + moving * FRAME_S
    moved[..., 0] = np.clip(moved[..., 0], 0.3, FIELD_LENGTH_YD - 0.3)
    moved[..., 1] = np.clip(moved[..., 1], 0.3, FIELD_WIDTH_YD - 0.3)
    return moved, (moved - xy) / FRAME_S


def play_dropbacks(
    snap: SnapState,
    calls: Calls,
    manner: Manner,
    generator: np.random.Generator,
    *,
    throws: bool = True,
) -> Dropbacks:
    """Let routes, coverage, rush and protection run until every ball is thrown.

    The passer's skill has no part in this: it shows in the distribution of the outcome alone, so
    that a league-average passer would face the same throw.

    Args:
        snap: The plays, ``N`` of them.
        calls: What both sides called.
        manner: How players move.
        generator: Source of randomness.
        throws: Whether the passer throws to an open receiver. Else the rush alone ends the
            dropback: the release is the frame in which the passer has to act.
    """
    n = len(snap)
    xy = np.empty((n, LAST_FRAME + 1, PLAYERS, 2))
    velocity = np.zeros((n, PLAYERS, 2))
    xy[:, 0] = calls.snap_xy
    team = _Teams(snap, calls, generator)
    reads = _PasserReads(snap, calls, generator, throws=throws)
    drift = np.zeros((n, PLAYERS, 2))
    speed = TOP_SPEED * snap.quickness
    acceleration = ACCELERATION * snap.quickness * manner.agility
    for frame in range(1, LAST_FRAME + 1):
        now = xy[:, frame - 1]
        desired = np.empty((n, PLAYERS, 2))
        desired[:, ELIGIBLE] = team.run_routes(now, velocity, speed)
        desired[:, PASSER] = team.drop(now, frame)
        team.rush_and_block(now, frame, desired)
        desired[:, DEFENSE][:, :] = np.where(
            calls.rushes[..., None],
            desired[:, DEFENSE],
            team.cover(xy, velocity, frame, speed[:, DEFENSE]),
        )
        drift = 0.92 * drift + generator.normal(size=drift.shape) * DRIFT[:, None]
        desired = manner.eased(velocity, limited(desired, speed) + drift)
        xy[:, frame], velocity = step(now, velocity, desired, acceleration=acceleration)
        reads.look(xy[:, frame], velocity, frame, team.leg)
        if (reads.release > 0).all():
            break
    return Dropbacks(
        xy=manner.smoothed(xy[:, : frame + 1]), release=reads.release, target=reads.target
    )


class _Teams:
    """The velocities that players want in a frame, by what they have reached so far."""

    def __init__(self, snap: SnapState, calls: Calls, generator: np.random.Generator) -> None:
        n = len(snap)
        s = self._s = snap
        self._calls = calls
        self.leg = np.zeros((n, 5), dtype=np.int64)
        # Few run flat out: a release off the line, a route run to its timing.
        self._pace = generator.uniform((0.82, 0.82, 0.8, 0.66, 0.6), 1.0, (n, 5))
        quick = s.intended_yd < 3
        depth = np.where(quick, 7.4, 9.3) + generator.normal(scale=0.8, size=n)
        self._pocket = np.stack([s.line_x_yd - depth, calls.ball_y_yd], axis=1)
        self._pocket[:, 1] += generator.normal(scale=0.4, size=n) + 8.5 * calls.rollout
        self._pocket[:, 0] = np.maximum(self._pocket[:, 0], 1.5)
        self._win = self._win_frames(generator)
        self._bull = generator.uniform(1.0, 2.2, (n, _RUSHERS))
        self._wide = np.array([-3.2, -0.5, 0.5, 3.2, 0.0, 0.0])
        self._lag = (
            np.rint(
                np.clip(3.0 - 20 * (s.quickness[:, DEFENSE] - 1), 1, 6)
                + generator.uniform(-1.0, 1.5, (n, 11))
            )
            .astype(np.int64)
            .clip(1)
        )
        self._cushion = calls.snap_xy[:, DEFENSE, 0] - s.line_x_yd[:, None]
        self._shade = generator.normal(scale=0.5, size=(n, 11))

    def _win_frames(self, generator: np.random.Generator) -> Integers:
        """Frame in which each rusher has beaten the blocker; 0 where nobody blocks."""
        s, c = self._s, self._calls
        n = len(s)
        better = s.quickness[:, 11 : 11 + _RUSHERS] - s.quickness[:, _BLOCKER_OF]
        log_s = np.log(_WIN_MEDIAN_S) - 5 * better + _WIN_LOG_SD * generator.normal(size=(n, 6))
        frames = np.exp(log_s) / FRAME_S
        frames[:, 4] = np.where(c.blocks[:, 4], frames[:, 4], 0.0)
        # The center finds most linebackers, not all.
        frames[:, 5] = np.where(generator.random(n) < 0.75, frames[:, 5], 0.0)
        return np.asarray(frames.astype(np.int64))

    def run_routes(self, now: Floats, velocity: Floats, speed: Floats) -> Floats:
        """Velocities that the eligible want, shape ``(N, 5, 2)``."""
        routes = self._calls.routes
        legs = np.take_along_axis(routes.legs, self.leg[:, :, None, None], axis=2)[:, :, 0]
        here = now[:, ELIGIBLE]
        away = legs - here
        last = self.leg == 2
        # A cut begins where it can still be made: 3.4 yards before the mark at 7 yd/s.
        near = norm(away) < 0.5 + 0.06 * norm(velocity[:, ELIGIBLE]) ** 2
        self.leg = np.where(near & ~last, self.leg + 1, self.leg)
        pace = speed[:, ELIGIBLE] * self._pace
        running = unit(away) * pace[..., None]
        settling = limited(away * 1.8, pace)
        stays = routes.settles & (self.leg >= 1)
        return np.where(stays[..., None], settling, running)

    def drop(self, now: Floats, frame: int) -> Floats:
        """Velocity that the passer wants, shape ``(N, 2)``: to the pocket, away from rushers."""
        here = now[:, PASSER]
        back = limited((self._pocket - here) * 1.5, 3.7)
        rush = now[:, DEFENSE][:, :_RUSHERS]
        away = here[:, None] - rush
        gap = norm(away)
        force = (unit(away) * np.clip(3.2 - gap, 0, 3)[..., None]).sum(axis=1)
        # Passers step up and to the side rather than back.
        force[:, 0] = np.where(force[:, 0] < 0, 0.45 * force[:, 0], force[:, 0])
        fake = self._calls.play_action & (frame < 12)
        return np.asarray(np.where(fake[:, None], 0.75 * back, back) + 1.5 * force)

    def rush_and_block(self, now: Floats, frame: int, desired: Floats) -> None:
        """Fill in what rushers, line and blocking backs want."""
        passer = now[:, PASSER]
        rush = now[:, DEFENSE][:, :_RUSHERS]
        blockers = now[:, _BLOCKER_OF]
        won = (frame >= self._win)[..., None]
        held = (norm(blockers - rush) < 1.5)[..., None]
        aim = passer[:, None] + np.stack([np.zeros(_RUSHERS), self._wide], axis=1)
        ahead = unit(np.where(won, passer[:, None], aim) - rush)
        pace = np.where(won[..., 0], 5.4, np.where(held[..., 0], self._bull, 3.6))
        desired[:, DEFENSE] = 0.0
        desired[:, 11 : 11 + _RUSHERS] = ahead * pace[..., None]
        between = rush + 0.85 * unit(passer[:, None] - rush)
        block = limited((between - blockers) * 4.0, 4.4)
        block = np.where(won, limited(block, 2.2), block)
        set_back = np.stack([np.full(6, -2.0), 0.3 * np.sign(self._wide)], axis=1)
        block = np.where(
            self._calls.rushes[:, :_RUSHERS, None], block, np.where(frame < 10, 1.0, 0.2) * set_back
        )
        desired[:, LINE] = block[:, [0, 1, 5, 2, 3]]
        stays = self._calls.blocks
        back = np.where(
            self._calls.rushes[:, 4, None],
            block[:, 4],
            limited((passer + np.array([1.5, 1.0]) - now[:, 10]) * 0.8, 2.0),
        )
        desired[:, 10] = np.where(stays[:, 4, None], back, desired[:, 10])
        end = np.where(self._calls.routes.legs[:, 3, 0, 1] > passer[:, 1], 5.0, -5.0)
        spot = np.stack([self._s.line_x_yd - 2.5, self._calls.ball_y_yd + end], axis=1)
        desired[:, 9] = np.where(
            stays[:, 3, None], limited((spot - now[:, 9]) * 0.8, 2.0), desired[:, 9]
        )

    def cover(self, xy: Floats, velocity: Floats, frame: int, speed: Floats) -> Floats:
        """Velocities that defenders in coverage want, shape ``(N, 11, 2)``."""
        in_man = self._cover_man(xy, frame)
        in_zone = self._cover_zone(xy[:, frame - 1], velocity, frame)
        chosen = np.where((self._calls.takes >= 0)[..., None], in_man, in_zone)
        return limited(chosen, speed)

    def _cover_man(self, xy: Floats, frame: int) -> Floats:
        """Follow a receiver's place of a reaction time ago, from inside and over the top."""
        plays = np.arange(len(xy))[:, None]
        whom = ELIGIBLE.start + np.maximum(self._calls.takes, 0)
        then = np.maximum(frame - 1 - self._lag, 0)
        seen = xy[plays, then, whom]
        moved = (seen - xy[plays, np.maximum(then - 1, 0), whom]) / FRAME_S
        # Defenders make up for 0.7 of their lag.
        expected = seen + moved * (0.7 * self._lag * FRAME_S)[..., None]
        cushion = self._cushion * np.exp(-frame / 11) + 0.6
        inward = np.sign(self._calls.ball_y_yd[:, None] - seen[..., 1]) * 0.5 + self._shade
        spot = expected + np.stack([cushion, inward], axis=-1)
        spot[..., 0] = np.minimum(spot[..., 0], FIELD_LENGTH_YD - 1.0)
        return np.asarray((spot - xy[:, frame - 1][:, DEFENSE]) * 1.8 + 0.85 * moved)

    def _cover_zone(self, now: Floats, velocity: Floats, frame: int) -> Floats:
        """Drop to a landmark, lean to the nearest receiver, and stay behind the deepest if deep."""
        here, runners = now[:, DEFENSE], now[:, ELIGIBLE]
        mark = self._calls.landmark
        gap = norm(runners[:, None] - mark[:, :, None])
        nearest = gap.argmin(axis=2)
        plays = np.arange(len(now))[:, None]
        receiver = runners[plays, nearest]
        lean = 0.95 * np.exp(-((gap.min(axis=2) / 9.0) ** 2)) * min(1.0, frame / 15)
        spot = mark + (receiver + np.array([0.8, 0.0]) - mark) * lean[..., None]
        beside = np.abs(runners[:, None, :, 1] - mark[:, :, None, 1]) < 11
        # Defenders allow for half a second of a receiver's run toward them.
        ahead = runners[..., 0] + 0.5 * velocity[:, ELIGIBLE, 0]
        deepest = np.where(beside, ahead[:, None], -np.inf).max(axis=2)
        behind = np.minimum(np.maximum(spot[..., 0], deepest + 2.0), FIELD_LENGTH_YD - 2.0)
        spot[..., 0] = np.where(self._calls.deep, behind, spot[..., 0])
        pace = np.where(self._calls.deep, 8.2, 6.0)
        along = velocity[:, ELIGIBLE][plays, nearest] * (0.6 * lean)[..., None]
        return limited((spot - here) * 1.1 + along, pace)


class _PasserReads:
    """The passer's reads: the receiver looked at, and the frame of the throw."""

    def __init__(
        self, snap: SnapState, calls: Calls, generator: np.random.Generator, *, throws: bool
    ) -> None:
        n = len(snap)
        self._s, self._calls, self._generator, self._throws = snap, calls, generator, throws
        self.release = np.zeros(n, dtype=np.int64)
        self.target = np.zeros(n, dtype=np.int64)
        self._read = np.zeros(n, dtype=np.int64)
        self._since = np.zeros(n, dtype=np.int64)
        earliest = np.select(
            [calls.play_action, snap.intended_yd < 0, snap.intended_yd < 8], [20, 10, 13], 17
        )
        self._earliest = earliest + generator.gamma(2.0, 1.8, n).astype(np.int64)
        # A route takes 1.8 s and a tenth more for each yard to come open.
        self._deadline = 18 + np.maximum(snap.intended_yd, 0)
        self._patience = generator.integers(3, 8, n)
        self._required_yd = generator.normal(-1.0, 1.3, n) - 0.09 * np.maximum(snap.intended_yd, 0)

    def look(self, xy: Floats, velocity: Floats, frame: int, leg: Integers) -> None:
        """Throw where the read is open or the rush leaves no choice; else go on reading."""
        s, routes = self._s, self._calls.routes
        plays = np.arange(len(s))
        aim, flight = throw_flight(xy[:, None, PASSER], xy[:, ELIGIBLE], velocity[:, ELIGIBLE])
        free = openness_yd(aim, flight, xy[:, DEFENSE], velocity[:, DEFENSE])
        free = np.where(self._calls.blocks, -20.0, free)
        read = routes.reads[plays, np.minimum(self._read, 4)]
        first = self._read == 0
        depth = aim[plays, read, 0] - s.line_x_yd
        has_cut = ~routes.breaks[plays, read] | (leg[plays, read] >= 1)
        # The throw goes where the route leads; a receiver beyond that is passed over.
        over = depth - routes.depth_yd[plays, read]
        ready = has_cut & (over >= -1.5) & (over <= 3.5)
        # The separation required falls by 1 yard each second after 2.
        required = self._required_yd - 0.1 * max(frame - 20, 0)
        looking = (self.release == 0) & (frame >= self._earliest)
        opens = looking & ready & (free[plays, read] >= required) & self._throws
        gap = norm(xy[:, DEFENSE][:, :_RUSHERS] - xy[:, None, PASSER]).min(axis=1)
        chance = np.select([gap < 0.9, gap < 1.6, gap < 2.2], [0.8, 0.3, 0.08], 0.0)
        hurried = (self.release == 0) & (frame > 9) & (self._generator.random(len(s)) < chance)
        hurried |= (self.release == 0) & (frame >= LAST_FRAME)
        # A hurried passer sees the receiver of the current read better than the others.
        seen = free.copy()
        seen[plays, read] += 2.0
        seen -= 0.25 * np.maximum(aim[..., 0] - s.line_x_yd[:, None] - 4.0, 0.0)
        self.target = np.where(opens, read, np.where(hurried, seen.argmax(axis=1), self.target))
        self.release = np.where(opens | hurried, frame, self.release)
        # A read ends after its time; the primary one not before its route's deadline.
        late = (frame > self._deadline) | (~routes.breaks[plays, read] & (over > 3.5))
        waited = looking & (ready | ~first | late)
        self._since += waited
        moves_on = self._since > self._patience
        self._read = np.where(moves_on, (self._read + 1) % 5, self._read)
        self._since = np.where(moves_on, 0, self._since)
