"""From the snap to the release, all plays at once, a frame at a time."""

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
    from numpy.typing import NDArray

    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._situations import Situations

    Array = NDArray[np.float64]

__all__ = ["ACCELERATION", "RESPONSE", "TOP_SPEED", "Dropbacks", "play_dropbacks", "step"]

# Nobody runs along a ruler: what is added at random to the wanted velocity in a frame, yards a
# second, and 0.92 of which stays for the next. Passers and rushers are never still.
_DRIFT: Final = np.array([0.34] + [0.2] * 5 + [0.1] * 5 + [0.42] * 4 + [0.16] * 7)

RESPONSE: Final = 0.24
"""Share of a wished-for change of velocity that comes in a frame: nine tenths within 0.9 s."""

LAST_FRAME: Final = 70
"""Nobody holds the ball for longer than 7 s; 99 % of real throws come within 6."""

# By agent: line and rushers are slow, corners and wide receivers fast.
TOP_SPEED: Final = np.array(
    [6.2] + [4.6] * 5 + [8.6, 8.6, 8.5, 7.9, 8.2] + [6.0, 5.4, 5.4, 6.0]
    + [7.8, 7.8, 8.8, 8.8, 8.7, 8.4, 8.6]
)  # fmt: skip
ACCELERATION: Final = np.array(
    [2.0] + [2.2] * 5 + [4.3, 4.3, 4.2, 3.5, 3.3] + [3.2] * 4 + [3.1] * 7
)

# Which of the offense blocks which rusher: ends by tackles, tackles by guards, linebackers by the
# back (if he stays) and the center; numbers of agents by number of the defender.
_BLOCKER_OF: Final = np.array([1, 2, 4, 5, 10, 3])
_RUSHERS: Final = 6

# Seconds in which a rusher beats his man: lognormal. Tuned to the real pressure rates.
_WIN_MEDIAN_S: Final = 5.4
_WIN_LOG_SD: Final = 0.5


@dataclass(frozen=True)
class Dropbacks:
    """What happened on ``N`` plays from the snap on.

    Args:
        xy: Positions by frame since the snap, shape ``(N, T, 22, 2)``, yards, to the
            latest release; after its own release a play runs on as if it were not over.
        release: Frame of the release, shape ``(N,)``.
        target: Number of the target among the eligible, 0 to 4.
    """

    xy: Array
    release: NDArray[np.int64]
    target: NDArray[np.int64]


def step(
    xy: Array,
    velocity: Array,
    wanted: Array,
    *,
    acceleration: Array,
    response: Array | float = RESPONSE,
) -> tuple[Array, Array]:
    """Move everyone by a frame toward the velocity he wants.

    Args:
        xy: Shape ``(N, A, 2)``, yards.
        velocity: Yards a second, shape ``(N, A, 2)``.
        wanted: Likewise.
        acceleration: Most that a man can do, yards a second squared, broadcastable to ``(N, A)``.
        response: Share of the wished-for change that comes in a frame, likewise.

    Returns:
        Positions, and the velocity that led there: displacement over time, so that at the edge
        of the field both stop.
    """
    change = (wanted - velocity) * np.asarray(response)[..., None]
    # Men brake and cut harder than they gather speed.
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
    situations: Situations, calls: Calls, generator: np.random.Generator
) -> Dropbacks:
    """Let routes, coverage, rush and protection run until every ball is thrown.

    Who throws is not looked at: skill shows in the distribution of the outcome alone, so that the
    throw a league-average passer faces is the throw that was made.

    Args:
        situations: The plays, ``N`` of them.
        calls: What was called on them.
        generator: Source of randomness.
    """
    n = len(situations)
    xy = np.empty((n, LAST_FRAME + 1, PLAYERS, 2))
    velocity = np.zeros((n, PLAYERS, 2))
    xy[:, 0] = calls.snap_xy
    team = _Teams(situations, calls, generator)
    eyes = _Eyes(situations, calls, generator)
    drift = np.zeros((n, PLAYERS, 2))
    speed = TOP_SPEED * situations.quickness
    acceleration = ACCELERATION * situations.quickness
    for frame in range(1, LAST_FRAME + 1):
        now = xy[:, frame - 1]
        wanted = np.empty((n, PLAYERS, 2))
        wanted[:, ELIGIBLE] = team.run_routes(now, velocity, speed)
        wanted[:, PASSER] = team.drop(now, frame)
        team.rush_and_block(now, frame, wanted)
        wanted[:, DEFENSE][:, :] = np.where(
            calls.rushes[..., None],
            wanted[:, DEFENSE],
            team.cover(xy, velocity, frame, speed[:, DEFENSE]),
        )
        drift = 0.92 * drift + generator.normal(size=drift.shape) * _DRIFT[:, None]
        xy[:, frame], velocity = step(
            now, velocity, limited(wanted, speed) + drift, acceleration=acceleration
        )
        eyes.look(xy[:, frame], velocity, frame, team.leg)
        if (eyes.release > 0).all():
            break
    return Dropbacks(xy=xy[:, : frame + 1], release=eyes.release, target=eyes.target)


class _Teams:
    """What everyone wants to do in a frame, and what each has reached so far."""

    def __init__(
        self, situations: Situations, calls: Calls, generator: np.random.Generator
    ) -> None:
        n = len(situations)
        s = self._s = situations
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

    def _win_frames(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Frame in which each rusher has beaten his man; at once where nobody blocks him."""
        s, c = self._s, self._calls
        n = len(s)
        better = s.quickness[:, 11 : 11 + _RUSHERS] - s.quickness[:, _BLOCKER_OF]
        log_s = np.log(_WIN_MEDIAN_S) - 5 * better + _WIN_LOG_SD * generator.normal(size=(n, 6))
        frames = np.exp(log_s) / FRAME_S
        frames[:, 4] = np.where(c.blocks[:, 4], frames[:, 4], 0.0)
        # The center finds most linebackers, not all.
        frames[:, 5] = np.where(generator.random(n) < 0.75, frames[:, 5], 0.0)
        return np.asarray(frames.astype(np.int64))

    def run_routes(self, now: Array, velocity: Array, speed: Array) -> Array:
        """Velocities that the eligible want, shape ``(N, 5, 2)``."""
        routes = self._calls.routes
        legs = np.take_along_axis(routes.legs, self.leg[:, :, None, None], axis=2)[:, :, 0]
        here = now[:, ELIGIBLE]
        away = legs - here
        last = self.leg == 2
        # A man begins his cut where he can still make it: 3.4 yards before the mark at 7 yd/s.
        near = norm(away) < 0.5 + 0.06 * norm(velocity[:, ELIGIBLE]) ** 2
        self.leg = np.where(near & ~last, self.leg + 1, self.leg)
        pace = speed[:, ELIGIBLE] * self._pace
        running = unit(away) * pace[..., None]
        settling = limited(away * 1.8, pace)
        stays = routes.settles & (self.leg >= 1)
        return np.where(stays[..., None], settling, running)

    def drop(self, now: Array, frame: int) -> Array:
        """Velocity that the passer wants, shape ``(N, 2)``: to his spot, away from rushers."""
        here = now[:, PASSER]
        back = limited((self._pocket - here) * 1.5, 3.7)
        rush = now[:, DEFENSE][:, :_RUSHERS]
        away = here[:, None] - rush
        gap = norm(away)
        force = (unit(away) * np.clip(3.2 - gap, 0, 3)[..., None]).sum(axis=1)
        # He steps up and to the side rather than back.
        force[:, 0] = np.where(force[:, 0] < 0, 0.45 * force[:, 0], force[:, 0])
        fake = self._calls.play_action & (frame < 12)
        return np.asarray(np.where(fake[:, None], 0.75 * back, back) + 1.5 * force)

    def rush_and_block(self, now: Array, frame: int, wanted: Array) -> None:
        """Fill in what rushers, line and blocking backs want."""
        passer = now[:, PASSER]
        rush = now[:, DEFENSE][:, :_RUSHERS]
        blockers = now[:, _BLOCKER_OF]
        won = (frame >= self._win)[..., None]
        held = (norm(blockers - rush) < 1.5)[..., None]
        aim = passer[:, None] + np.stack([np.zeros(_RUSHERS), self._wide], axis=1)
        ahead = unit(np.where(won, passer[:, None], aim) - rush)
        pace = np.where(won[..., 0], 5.4, np.where(held[..., 0], self._bull, 3.6))
        wanted[:, DEFENSE] = 0.0
        wanted[:, 11 : 11 + _RUSHERS] = ahead * pace[..., None]
        between = rush + 0.85 * unit(passer[:, None] - rush)
        block = limited((between - blockers) * 4.0, 4.4)
        block = np.where(won, limited(block, 2.2), block)
        set_back = np.stack([np.full(6, -2.0), 0.3 * np.sign(self._wide)], axis=1)
        block = np.where(
            self._calls.rushes[:, :_RUSHERS, None], block, np.where(frame < 10, 1.0, 0.2) * set_back
        )
        wanted[:, LINE] = block[:, [0, 1, 5, 2, 3]]
        stays = self._calls.blocks
        back = np.where(
            self._calls.rushes[:, 4, None],
            block[:, 4],
            limited((passer + np.array([1.5, 1.0]) - now[:, 10]) * 0.8, 2.0),
        )
        wanted[:, 10] = np.where(stays[:, 4, None], back, wanted[:, 10])
        end = np.where(self._calls.routes.legs[:, 3, 0, 1] > passer[:, 1], 5.0, -5.0)
        spot = np.stack([self._s.line_x_yd - 2.5, self._calls.ball_y_yd + end], axis=1)
        wanted[:, 9] = np.where(
            stays[:, 3, None], limited((spot - now[:, 9]) * 0.8, 2.0), wanted[:, 9]
        )

    def cover(self, xy: Array, velocity: Array, frame: int, speed: Array) -> Array:
        """Velocities that defenders in coverage want, shape ``(N, 11, 2)``."""
        man = self._cover_man(xy, frame)
        zone = self._cover_zone(xy[:, frame - 1], velocity, frame)
        chosen = np.where((self._calls.takes >= 0)[..., None], man, zone)
        return limited(chosen, speed)

    def _cover_man(self, xy: Array, frame: int) -> Array:
        """Follow a man as he was a reaction ago, from inside and over the top."""
        plays = np.arange(len(xy))[:, None]
        whom = ELIGIBLE.start + np.maximum(self._calls.takes, 0)
        then = np.maximum(frame - 1 - self._lag, 0)
        seen = xy[plays, then, whom]
        moved = (seen - xy[plays, np.maximum(then - 1, 0), whom]) / FRAME_S
        # What he expects of the lag he knows he has, and no more than 0.7 of it.
        expected = seen + moved * (0.7 * self._lag * FRAME_S)[..., None]
        cushion = self._cushion * np.exp(-frame / 11) + 0.6
        inward = np.sign(self._calls.ball_y_yd[:, None] - seen[..., 1]) * 0.5 + self._shade
        spot = expected + np.stack([cushion, inward], axis=-1)
        spot[..., 0] = np.minimum(spot[..., 0], FIELD_LENGTH_YD - 1.0)
        return np.asarray((spot - xy[:, frame - 1][:, DEFENSE]) * 1.8 + 0.85 * moved)

    def _cover_zone(self, now: Array, velocity: Array, frame: int) -> Array:
        """Drop to a landmark, lean to the nearest man, and stay behind the deepest if deep."""
        here, runners = now[:, DEFENSE], now[:, ELIGIBLE]
        mark = self._calls.landmark
        gap = norm(runners[:, None] - mark[:, :, None])
        nearest = gap.argmin(axis=2)
        plays = np.arange(len(now))[:, None]
        man = runners[plays, nearest]
        lean = 0.95 * np.exp(-((gap.min(axis=2) / 9.0) ** 2)) * min(1.0, frame / 15)
        spot = mark + (man + np.array([0.8, 0.0]) - mark) * lean[..., None]
        beside = np.abs(runners[:, None, :, 1] - mark[:, :, None, 1]) < 11
        # He sees half a second ahead of a man who runs at him.
        ahead = runners[..., 0] + 0.5 * velocity[:, ELIGIBLE, 0]
        deepest = np.where(beside, ahead[:, None], -np.inf).max(axis=2)
        behind = np.minimum(np.maximum(spot[..., 0], deepest + 2.0), FIELD_LENGTH_YD - 2.0)
        spot[..., 0] = np.where(self._calls.deep, behind, spot[..., 0])
        pace = np.where(self._calls.deep, 8.2, 6.0)
        along = velocity[:, ELIGIBLE][plays, nearest] * (0.6 * lean)[..., None]
        return limited((spot - here) * 1.1 + along, pace)


class _Eyes:
    """The passer's reads: whom he looks at, and when he lets go."""

    def __init__(
        self, situations: Situations, calls: Calls, generator: np.random.Generator
    ) -> None:
        n = len(situations)
        self._s, self._calls, self._generator = situations, calls, generator
        self.release = np.zeros(n, dtype=np.int64)
        self.target = np.zeros(n, dtype=np.int64)
        self._read = np.zeros(n, dtype=np.int64)
        self._since = np.zeros(n, dtype=np.int64)
        earliest = np.select(
            [calls.play_action, situations.intended_yd < 0, situations.intended_yd < 8],
            [20, 10, 13],
            17,
        )
        self._earliest = earliest + generator.gamma(2.0, 1.8, n).astype(np.int64)
        # A route takes 1.8 s and a tenth more for each yard to come open.
        self._deadline = 18 + np.maximum(situations.intended_yd, 0)
        self._patience = generator.integers(3, 8, n)
        self._asked_yd = generator.normal(-1.0, 1.3, n) - 0.09 * np.maximum(
            situations.intended_yd, 0
        )

    def look(self, xy: Array, velocity: Array, frame: int, leg: NDArray[np.int64]) -> None:
        """Throw where the read is open or the rush leaves no choice; else look on."""
        s, routes = self._s, self._calls.routes
        plays = np.arange(len(s))
        aim, flight = throw_flight(xy[:, None, PASSER], xy[:, ELIGIBLE], velocity[:, ELIGIBLE])
        free = openness_yd(aim, flight, xy[:, DEFENSE], velocity[:, DEFENSE])
        free = np.where(self._calls.blocks, -20.0, free)
        man = routes.reads[plays, np.minimum(self._read, 4)]
        first = self._read == 0
        depth = aim[plays, man, 0] - s.line_x_yd
        turned = ~routes.breaks[plays, man] | (leg[plays, man] >= 1)
        # The throw goes where the route leads, not beyond: past that the man is passed over.
        over = depth - routes.depth_yd[plays, man]
        ready = turned & (over >= -1.5) & (over <= 3.5)
        # What is open enough falls as the clock runs: by 1 yard each second after 2.
        asked = self._asked_yd - 0.1 * max(frame - 20, 0)
        looking = (self.release == 0) & (frame >= self._earliest)
        opens = looking & ready & (free[plays, man] >= asked)
        gap = norm(xy[:, DEFENSE][:, :_RUSHERS] - xy[:, None, PASSER]).min(axis=1)
        chance = np.select([gap < 0.9, gap < 1.6, gap < 2.2], [0.8, 0.3, 0.08], 0.0)
        hurried = (self.release == 0) & (frame > 9) & (self._generator.random(len(s)) < chance)
        hurried |= (self.release == 0) & (frame >= LAST_FRAME)
        # Hurried, he sees the man he looks at better than the others.
        seen = free.copy()
        seen[plays, man] += 2.0
        seen -= 0.25 * np.maximum(aim[..., 0] - s.line_x_yd[:, None] - 4.0, 0.0)
        self.target = np.where(opens, man, np.where(hurried, seen.argmax(axis=1), self.target))
        self.release = np.where(opens | hurried, frame, self.release)
        # A read is given up after its time, the primary one not before its turn.
        late = (frame > self._deadline) | (~routes.breaks[plays, man] & (over > 3.5))
        waited = looking & (ready | ~first | late)
        self._since += waited
        moves_on = self._since > self._patience
        self._read = np.where(moves_on, (self._read + 1) % 5, self._read)
        self._since = np.where(moves_on, 0, self._since)
