"""Simulate the frames from the release to the whistle, so that they show the drawn outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, GOAL_LINE_X_YD, OWN_GOAL_LINE_X_YD
from dropback.simulation.tracking._before_release import ACCELERATION, RESPONSE, TOP_SPEED, step
from dropback.simulation.tracking._lineup import DEFENSE, ELIGIBLE, FRAME_S, PASSER, limited, norm
from dropback.simulation.tracking._release_distribution import throw_flight
from dropback.tracking._schema import BALL_SLOT, PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers, Singles
    from dropback.simulation._outcome_distribution import Outcomes
    from dropback.simulation.tracking._before_release import Dropbacks
    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._snap_state import SnapState

FRAMES_BEFORE_SNAP: Final = 5
_FRAMES_AFTER_WHISTLE: Final = 4

# Nobody has been timed beyond these: a carrier at full speed, and a player who brakes or dives.
_CARRIER_YD_PER_S: Final = 9.6
_HARDEST: Final = 14.0


@dataclass(frozen=True)
class Tracks:
    """Positions of the 22 and the ball on ``N`` plays, moving toward +x.

    Args:
        xy: Positions by frame, shape ``(N, T, 23, 2)``, yards; NaN after a play's last frame.
        snap: Frame of the snap, the same for all.
        release: Frame of the release, shape ``(N,)``, as the rest.
        arrival: Frame in which the ball comes down.
        whistle: Frame in which the play is over.
        frames: Number of frames.
    """

    xy: Singles
    snap: int
    release: Integers
    arrival: Integers
    whistle: Integers
    frames: Integers


def finish_plays(
    snap: SnapState,
    calls: Calls,
    dropbacks: Dropbacks,
    outcomes: Outcomes,
    generator: np.random.Generator,
) -> Tracks:
    """Let the ball fly and the carrier run to the yard of the drawn outcome.

    The distribution does not depend on these frames: they are made to fit the outcome.
    """
    n, plays = len(snap), np.arange(len(snap))
    release = dropbacks.release
    here = dropbacks.xy[plays, release]
    velocity = (here - dropbacks.xy[plays, release - 1]) / FRAME_S
    receiver = ELIGIBLE.start + dropbacks.target
    aim, flight = throw_flight(here[:, PASSER], here[plays, receiver], velocity[plays, receiver])
    catcher = np.where(outcomes.intercepted, _interceptor(here, velocity, aim, flight), receiver)
    flies = np.maximum(np.rint(flight / FRAME_S), 2).astype(np.int64)
    caught = outcomes.completed | outcomes.intercepted
    end = _where_stopped(snap, aim, outcomes, generator)
    distance = norm(end - aim)
    pace = 4.0 + 3.6 * (1 - np.exp(-distance / 12))
    runs = np.where(caught, np.ceil(distance / pace / FRAME_S) + 4, 2).astype(np.int64)
    last = release + flies + runs + _FRAMES_AFTER_WHISTLE
    rest = int((flies + runs).max()) + _FRAMES_AFTER_WHISTLE
    total = FRAMES_BEFORE_SNAP + int(release.max()) + rest + 1
    xy = np.full((n, total, PLAYERS + 1, 2), np.nan, dtype=np.float32)
    xy[:, :FRAMES_BEFORE_SNAP, :PLAYERS] = calls.snap_xy[:, None]
    before = min(dropbacks.xy.shape[1], total - FRAMES_BEFORE_SNAP)
    xy[:, FRAMES_BEFORE_SNAP : FRAMES_BEFORE_SNAP + before, :PLAYERS] = dropbacks.xy[:, :before]
    xy[plays[:, None], FRAMES_BEFORE_SNAP + release[:, None], :PLAYERS] = here[:, None]
    speed = TOP_SPEED * snap.quickness
    spread = generator.normal(scale=0.9, size=(n, PLAYERS, 2))
    for since in range(1, rest + 1):
        flying, over = since <= flies, since > flies + runs
        goal = np.where(flying[:, None], aim, end)
        left = np.where(flying, flies, flies + runs) - since + 1
        desired = _desired(here, velocity, goal, left, speed, spread)
        straight = (goal - here[plays, catcher]) / (np.maximum(left, 1) * FRAME_S)[:, None]
        desired[plays, catcher] = limited(straight, _CARRIER_YD_PER_S)
        desired[plays, receiver] = np.where(
            flying[:, None],
            limited((aim - here[plays, receiver]) / (np.maximum(left, 1) * FRAME_S)[:, None], 9.0),
            desired[plays, receiver],
        )
        desired = np.where((over | (~flying & ~caught))[:, None, None], 0.35 * velocity, desired)
        limit = np.broadcast_to(ACCELERATION * 1.3, (n, PLAYERS)).copy()
        limit[plays, catcher] = _HARDEST
        response = np.full((n, PLAYERS), RESPONSE)
        response[plays, catcher] = 0.5
        here, velocity = step(here, velocity, desired, acceleration=limit, response=response)
        xy[plays, FRAMES_BEFORE_SNAP + release + since, :PLAYERS] = here
    arrival = FRAMES_BEFORE_SNAP + release + flies
    frames = FRAMES_BEFORE_SNAP + last + 1
    tracks = Tracks(
        xy=xy[:, : int(frames.max())],
        snap=FRAMES_BEFORE_SNAP,
        release=FRAMES_BEFORE_SNAP + release,
        arrival=arrival,
        whistle=arrival + runs,
        frames=frames,
    )
    _carry_ball(tracks, snap, calls, aim, np.where(caught, catcher, -1), generator)
    return tracks


def _interceptor(here: Floats, velocity: Floats, aim: Floats, flight: Floats) -> Integers:
    """Slot of the defender who can be nearest to the ball."""
    onward = here[:, DEFENSE] + velocity[:, DEFENSE] * np.minimum(flight, 0.4)[:, None, None]
    return np.asarray(DEFENSE.start + norm(onward - aim[:, None]).argmin(axis=1))


def _where_stopped(
    snap: SnapState, aim: Floats, outcomes: Outcomes, generator: np.random.Generator
) -> Floats:
    """Where the carrier is stopped, yards, shape ``(N, 2)``."""
    s = snap
    gained = s.line_x_yd + outcomes.yards
    gained = np.where(outcomes.yards >= s.yardline_100, GOAL_LINE_X_YD + 3.0, gained)
    returned = aim[:, 0] + outcomes.yards
    home = returned <= OWN_GOAL_LINE_X_YD + 0.5
    returned = np.where(home & (outcomes.yards < 0), OWN_GOAL_LINE_X_YD - 3.0, returned)
    x = np.where(outcomes.intercepted, returned, np.where(outcomes.completed, gained, aim[:, 0]))
    drift = generator.normal(size=len(x)) * np.minimum(0.25 * np.abs(x - aim[:, 0]) + 0.3, 6.0)
    return np.stack([x, np.clip(aim[:, 1] + drift, 1.0, FIELD_WIDTH_YD - 1.0)], axis=1)


def _desired(
    here: Floats, velocity: Floats, goal: Floats, left: Integers, speed: Floats, spread: Floats
) -> Floats:
    """Velocities that players without the ball want, shape ``(N, 22, 2)``."""
    desired = 0.93 * velocity
    desired[:, PASSER] = 0.6 * velocity[:, PASSER]
    seconds = np.maximum(left, 1) * FRAME_S
    # Defenders who can be there when the ball, or its carrier, stops run to that place.
    meet = goal[:, None] + spread[:, DEFENSE] - here[:, DEFENSE]
    chase = limited(meet / seconds[:, None, None], 0.97 * speed[:, DEFENSE])
    near = norm(meet) < (12.0 + 6.0 * seconds)[:, None]
    desired[:, DEFENSE] = np.where(near[..., None], chase, 0.9 * velocity[:, DEFENSE])
    return desired


def _carry_ball(
    tracks: Tracks,
    snap: SnapState,
    calls: Calls,
    aim: Floats,
    catcher: Integers,
    generator: np.random.Generator,
) -> None:
    """Put the ball into `Tracks.xy`: snapped, held, thrown, then with its catcher or down."""
    xy = tracks.xy
    n, total = xy.shape[:2]
    plays, frame = np.arange(n), np.arange(total)[None, :]
    spot = np.stack([snap.line_x_yd, calls.ball_y_yd], axis=1).astype(np.float32)
    # The snap takes 0.2 s from the center, 0.5 s to a passer in the shotgun.
    snapped = np.where(snap.under_center, 2, 5)[:, None]
    share = np.clip((frame - tracks.snap) / snapped, 0, 1)[..., None]
    ball = spot[:, None] + share * (xy[:, :, PASSER] - spot[:, None])
    release, arrival = tracks.release[:, None], tracks.arrival[:, None]
    fallen = aim + generator.normal(scale=1.2, size=(n, 2))
    fallen = np.clip(fallen, 0.1, (FIELD_LENGTH_YD - 0.1, FIELD_WIDTH_YD - 0.1))
    end = np.where(
        (catcher >= 0)[:, None], xy[plays, tracks.arrival, np.maximum(catcher, 0)], fallen
    )
    start = xy[plays, tracks.release, PASSER]
    flown = np.clip((frame - release) / (arrival - release), 0, 1)[..., None]
    ball = np.where(
        (frame > release)[..., None], start[:, None] + flown * (end - start)[:, None], ball
    )
    held = xy[plays[:, None], frame, np.maximum(catcher, 0)[:, None]]
    with_catcher = (frame > arrival) & (catcher >= 0)[:, None]
    xy[:, :, BALL_SLOT] = np.where(with_catcher[..., None], held, ball)
    xy[frame[0][None, :].repeat(n, 0) >= tracks.frames[:, None]] = np.nan
