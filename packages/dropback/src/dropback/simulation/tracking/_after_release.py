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
    from dropback._arrays import Flags, Floats, Integers, Singles
    from dropback.simulation._outcome_distribution import Outcomes
    from dropback.simulation.tracking._before_release import Dropbacks
    from dropback.simulation.tracking._calls import Calls
    from dropback.simulation.tracking._manner import Manner
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
    plays = np.arange(len(snap))
    here, velocity = at_release(dropbacks)
    receiver = ELIGIBLE.start + dropbacks.target
    aim, flight = throw_flight(here[:, PASSER], here[plays, receiver], velocity[plays, receiver])
    catcher = np.where(outcomes.intercepted, _interceptor(here, velocity, aim, flight), receiver)
    flies = np.maximum(np.rint(flight / FRAME_S), 2).astype(np.int64)
    caught = outcomes.completed | outcomes.intercepted
    end = _where_stopped(snap, aim, outcomes, generator)
    distance = norm(end - aim)
    pace = 4.0 + 3.6 * (1 - np.exp(-distance / 12))
    runs = np.where(caught, np.ceil(distance / pace / FRAME_S) + 4, 2).astype(np.int64)
    ending = Ending(aim, flies, end, runs, receiver, catcher, caught)
    return play_on(snap, calls, dropbacks, ending, generator)


@dataclass(frozen=True)
class Ending:
    """What becomes of ``N`` plays once the passer is rid of the ball, or tucks it.

    Args:
        aim: Where the ball comes down, yards, shape ``(N, 2)``.
        flies: Frames of its flight, shape ``(N,)``, as the rest; 0 where it is carried.
        end: Where the carrier is stopped, yards, shape ``(N, 2)``.
        runs: Frames of the run, or from an incompletion to the whistle.
        receiver: Slot of the player who runs to where the ball comes down.
        carrier: Slot of the player who has the ball then.
        carried: Whether somebody has.
    """

    aim: Floats
    flies: Integers
    end: Floats
    runs: Integers
    receiver: Integers
    carrier: Integers
    carried: Flags


def at_release(dropbacks: Dropbacks) -> tuple[Floats, Floats]:
    """Positions and velocities of the 22 in the frame of the release, shape ``(N, 22, 2)``."""
    plays, release = np.arange(len(dropbacks.xy)), dropbacks.release
    here = dropbacks.xy[plays, release]
    return here, (here - dropbacks.xy[plays, release - 1]) / FRAME_S


def play_on(
    snap: SnapState,
    calls: Calls,
    dropbacks: Dropbacks,
    ending: Ending,
    generator: np.random.Generator,
    manner: Manner | None = None,
) -> Tracks:
    """Let the plays run on to the whistle.

    Args:
        snap: The plays, ``N`` of them.
        calls: What both sides called.
        dropbacks: Their frames up to the release.
        ending: What becomes of them.
        generator: Source of randomness.
        manner: How players move where the tracks are to be smoothed as a whole, and the carrier is
            to be stopped exactly at the end of the run.
    """
    n, plays = len(snap), np.arange(len(snap))
    release, (here, velocity) = dropbacks.release, at_release(dropbacks)
    aim, flies, end, runs = ending.aim, ending.flies, ending.end, ending.runs
    receiver, carrier, carried = ending.receiver, ending.carrier, ending.carried
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
        straight = (goal - here[plays, carrier]) / (np.maximum(left, 1) * FRAME_S)[:, None]
        desired[plays, carrier] = limited(straight, _CARRIER_YD_PER_S)
        desired[plays, receiver] = np.where(
            flying[:, None],
            limited((aim - here[plays, receiver]) / (np.maximum(left, 1) * FRAME_S)[:, None], 9.0),
            desired[plays, receiver],
        )
        desired = np.where((over | (~flying & ~carried))[:, None, None], 0.35 * velocity, desired)
        limit = np.broadcast_to(ACCELERATION * 1.3, (n, PLAYERS)).copy()
        limit[plays, carrier] = _HARDEST
        response = np.full((n, PLAYERS), RESPONSE)
        response[plays, carrier] = 0.5
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
    if manner is not None:
        _settle(tracks, ending, manner)
    _carry_ball(tracks, snap, calls, aim, np.where(carried, carrier, -1), generator)
    return tracks


def _settle(tracks: Tracks, ending: Ending, manner: Manner) -> None:
    """Smooth `Tracks.xy` from the snap on, and lead carriers to where they are stopped."""
    plays = np.arange(len(tracks.xy))
    moving = tracks.xy[:, tracks.snap :, :PLAYERS]
    frame = np.arange(moving.shape[1])
    there = np.minimum(frame, (tracks.frames - 1 - tracks.snap)[:, None])
    smooth = manner.smoothed(moving[plays[:, None], there].astype(np.float64))
    whistle = tracks.whistle - tracks.snap
    start = (tracks.release - tracks.snap)[:, None]
    miss = ending.end - smooth[plays, whistle, ending.carrier]
    share = np.clip((frame - start) / (whistle[:, None] - start), 0, 1) * ending.carried[:, None]
    smooth[plays, :, ending.carrier] += share[..., None] * miss[:, None]
    tracks.xy[:, tracks.snap :, :PLAYERS] = smooth


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
    # A ball that is handed over is there in a frame.
    flown = np.clip((frame - release) / np.maximum(arrival - release, 1), 0, 1)[..., None]
    ball = np.where(
        (frame > release)[..., None], start[:, None] + flown * (end - start)[:, None], ball
    )
    held = xy[plays[:, None], frame, np.maximum(catcher, 0)[:, None]]
    with_catcher = (frame > arrival) & (catcher >= 0)[:, None]
    xy[:, :, BALL_SLOT] = np.where(with_catcher[..., None], held, ball)
    xy[frame[0][None, :].repeat(n, 0) >= tracks.frames[:, None]] = np.nan
