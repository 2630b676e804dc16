"""Derive the exact distribution of a throw's yards from positions and velocities at the release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.simulation._outcome_distribution import (
    OutcomeDistribution,
    PlayArrays,
    interception_returns,
)
from dropback.simulation.tracking._lineup import DEFENSE, ELIGIBLE, PASSER, limited, norm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from dropback._arrays import Floats, Integers

# A ball leaves the hand 0.25 s after the arm starts and covers 21 yards a second on the ground.
_ARM_S: Final = 0.25
_BALL_YD_PER_S: Final = 21.0
_LONGEST_FLIGHT_S: Final = 3.0
_RECEIVER_YD_PER_S: Final = 8.8

# A defender runs on for the reaction time before playing the ball, then gains on it.
_REACTION_S: Final = 0.4
_CLOSING_YD_PER_S: Final = 6.5

# The constants below are choices, not estimates: they began as those of `dropback.simulation`'s
# play-by-play league and were tuned until the marginals of
# `research/tracking_league_marginals.py` agreed with the real ones that it prints.
_DEPTH_KNOTS_YD: Final = (-6.0, -2.0, 2.0, 6.0, 10.0, 15.0, 20.0, 28.0, 40.0, 55.0)
_COMPLETION_LOGITS: Final = (0.9, 1.55, 1.65, 2.6, 2.45, 2.55, 1.65, -0.4, -0.85, -1.2)
_INTERCEPTION_LOGITS: Final = (-3.5, -5.5, -5.05, -5.25, -5.05, -5.1, -4.25, -3.85, -3.3, -3.0)
_RUN_KNOTS_YD: Final = (-6.0, -2.0, 2.0, 6.0, 10.0, 15.0, 20.0, 30.0, 45.0)
_STOP_LOGITS: Final = (-2.0, -3.3, -1.75, -1.85, -1.35, -1.7, -1.2, -1.3, -0.9)
_RUN_LOG_POWERS: Final = (1.05, 1.15, 0.72, 0.53, 0.6, 0.95, 1.4, 1.6, 1.8)
_RUN_LOG_SCALES: Final = (2.05, 1.72, 1.3, 1.24, 1.29, 0.95, -0.1, -0.4, -0.4)
_RUN_CONCENTRATION_KNOTS_YD: Final = (-5.0, 5.0, 15.0, 30.0)
_RUN_CONCENTRATIONS: Final = (0.04, 0.21, 0.42, 0.75)

_COMPLETION_PER_OPENNESS: Final = 1.9
_COMPLETION_PER_PRESSURE: Final = -1.1
_COMPLETION_PER_LANE: Final = -0.9
_COMPLETION_PER_PASSER_SPEED: Final = -0.09
_COMPLETION_AT_SIDELINE: Final = -0.5
_COMPLETION_IN_END_ZONE: Final = -0.35
_INTERCEPTION_PER_OPENNESS: Final = -1.2
_INTERCEPTION_PER_PRESSURE: Final = 0.8
_INTERCEPTION_PER_LANE: Final = 1.1
_STOP_PER_LOG_ROOM: Final = -0.9
_RUN_LOG_SCALE_PER_LOG_ROOM: Final = 0.22
_RUN_LOG_SCALE_PER_CROWD: Final = -0.2
_RUN_CONCENTRATION_PER_CROWD: Final = -0.15

# What one yard per attempt of skill does, as in the play-by-play league.
_COMPLETION_PER_SKILL: Final = 0.33
_INTERCEPTION_PER_SKILL: Final = -0.34
_RUN_LOG_SCALE_PER_SKILL: Final = 0.068


@dataclass(frozen=True)
class ReleaseState(PlayArrays):
    """What the yards of ``N`` throws depend on, all known at the release.

    Args:
        air_yards: Whole yards from the line to where the ball comes down, at most
            ``yardline_100``, shape ``(N,)``, as all fields.
        yardline_100: Whole yards from the line to the goal.
        openness_yd: How much nearer the target is to the ball than any defender, by
            `openness_yd`; negative where a defender is there first.
        pressure: Of the nearest defender on the passer, in [0, 1]: one half at 1.9 yards.
        lane: Of defenders between passer and target, in [0, 1].
        passer_speed_yd_per_s: Of the passer.
        to_sideline_yd: From where the ball comes down to the nearer sideline.
        room_yd: From the catch to the nearest defender as the ball arrives, at least 0.5.
        crowd: Defenders before the runner as the ball arrives, each less the farther away.
    """

    air_yards: Floats
    yardline_100: Floats
    openness_yd: Floats
    pressure: Floats
    lane: Floats
    passer_speed_yd_per_s: Floats
    to_sideline_yd: Floats
    room_yd: Floats
    crowd: Floats

    @classmethod
    def at_release(
        cls,
        xy: Floats,
        velocity_xy: Floats,
        target: Integers,
        *,
        line_x_yd: Floats,
        yardline_100: Floats,
    ) -> ReleaseState:
        """Measure it in the frame of the release.

        Args:
            xy: Positions of the 22, the offense moving toward +x, yards, shape ``(N, 22, 2)``.
            velocity_xy: Yards a second, shape ``(N, 22, 2)``.
            target: Index of the target among the eligible, 0 to 4, shape ``(N,)``.
            line_x_yd: Line of scrimmage.
            yardline_100: Whole yards from it to the goal.
        """
        plays = np.arange(len(xy))
        passer, defense, moves = xy[:, PASSER], xy[:, DEFENSE], velocity_xy[:, DEFENSE]
        receiver = ELIGIBLE.start + target
        aim, flight = throw_flight(passer, xy[plays, receiver], velocity_xy[plays, receiver])
        to_passer = norm(defense - passer[:, None]).min(axis=1)
        # Where each defender can be when the ball comes down.
        onward = defense + moves * np.minimum(flight, _REACTION_S)[:, None, None]
        gain = _CLOSING_YD_PER_S * np.maximum(flight - _REACTION_S, 0)
        there = onward + limited(aim[:, None] - onward, gain[:, None])
        apart = norm(there - aim[:, None])
        before = 1 / (1 + np.exp(-(there[..., 0] - aim[:, None, 0])))
        return cls(
            air_yards=np.minimum(np.rint(aim[:, 0] - line_x_yd), yardline_100),
            yardline_100=yardline_100,
            openness_yd=openness_yd(aim[:, None], flight[:, None], defense, moves)[:, 0],
            pressure=1 / (1 + np.exp((to_passer - 1.9) / 0.45)),
            lane=_lane(passer, aim, defense),
            passer_speed_yd_per_s=norm(velocity_xy[:, PASSER]),
            to_sideline_yd=np.minimum(aim[:, 1], FIELD_WIDTH_YD - aim[:, 1]),
            room_yd=np.maximum(apart.min(axis=1), 0.5),
            crowd=(before * np.exp(-apart / 8)).sum(axis=1),
        )


def throw_flight(
    passer_xy: Floats, target_xy: Floats, velocity_xy: Floats
) -> tuple[Floats, Floats]:
    """Where a throw comes down, and after how long: the passer leads the receiver.

    Args:
        passer_xy: Broadcastable to ``(*B, 2)``, yards.
        target_xy: Shape ``(*B, 2)``.
        velocity_xy: Of the target, yards a second, shape ``(*B, 2)``.

    Returns:
        Points inside the field, shape ``(*B, 2)``, and seconds, shape ``(*B,)``.
    """
    lead = limited(velocity_xy, _RECEIVER_YD_PER_S)
    flight = np.full(target_xy.shape[:-1], 0.8)
    aim = target_xy
    # Three rounds settle the flight to 0.01 s: each shrinks the error by 8.8 / 21.
    for _ in range(3):
        aim = target_xy + lead * flight[..., None]
        aim = np.stack(
            [
                np.clip(aim[..., 0], 1.0, FIELD_LENGTH_YD - 1.0),
                np.clip(aim[..., 1], 0.8, FIELD_WIDTH_YD - 0.8),
            ],
            axis=-1,
        )
        distance = norm(aim - passer_xy)
        flight = np.minimum(_ARM_S + distance / _BALL_YD_PER_S, _LONGEST_FLIGHT_S)
    return aim, flight


def openness_yd(
    aim_xy: Floats, flight_s: Floats, defense_xy: Floats, velocity_xy: Floats
) -> Floats:
    r"""Yards that the nearest defenders lack to the ball as it comes down.

    .. math:: -s \log \sum_j \exp(-g_j / s), \quad s = 0.8

    with :math:`g_j` the distance of defender :math:`j` to the ball after running on for the
    reaction time, less what the defender gains on it in the rest of the flight.

    Args:
        aim_xy: Where throws come down, shape ``(N, M, 2)``.
        flight_s: Their flight, shape ``(N, M)``.
        defense_xy: Shape ``(N, 11, 2)``.
        velocity_xy: Shape ``(N, 11, 2)``.

    Returns:
        Shape ``(N, M)``.
    """
    flight = flight_s[..., None]
    onward = defense_xy[:, None] + velocity_xy[:, None] * np.minimum(flight, _REACTION_S)[..., None]
    gap = norm(onward - aim_xy[:, :, None])
    gap = gap - _CLOSING_YD_PER_S * np.maximum(flight - _REACTION_S, 0)
    nearest = gap.min(axis=-1)
    rest = np.exp(-(gap - nearest[..., None]) / 0.8).sum(axis=-1)
    return np.asarray(nearest - 0.8 * np.log(rest))


def release_distribution(state: ReleaseState, edge_yd: ArrayLike = 0.0) -> OutcomeDistribution:
    """Give each throw the distribution of its yards.

    Args:
        state: The throws, ``N`` of them.
        edge_yd: Skill of the passer minus quality of the defense, in yards per attempt, a
            scalar or shape ``(N,)``; 0 is the league-average passer against the average defense.

    Returns:
        The distributions, in closed form.
    """
    s, edge = state, np.asarray(edge_yd, dtype=np.float64)
    depth = s.air_yards
    end_zone = (depth >= s.yardline_100).astype(np.float64)
    # More than 4 yards of separation, or a third defender at the ball, change little more.
    free = np.tanh((s.openness_yd - 1.0) / 2.2)
    sideline = np.clip(1 - s.to_sideline_yd / 2.5, 0, 1)
    log_room = np.log(np.minimum(s.room_yd, 10.0) / 2.5)
    crowd = s.crowd - 1.2
    interception = expit(
        np.interp(depth, _DEPTH_KNOTS_YD, _INTERCEPTION_LOGITS)
        + _INTERCEPTION_PER_OPENNESS * free
        + _INTERCEPTION_PER_PRESSURE * s.pressure
        + _INTERCEPTION_PER_LANE * s.lane
        + _INTERCEPTION_PER_SKILL * edge
    )
    completion = expit(
        np.interp(depth, _DEPTH_KNOTS_YD, _COMPLETION_LOGITS)
        + _COMPLETION_PER_OPENNESS * free
        + _COMPLETION_PER_PRESSURE * s.pressure
        + _COMPLETION_PER_LANE * s.lane
        + _COMPLETION_PER_PASSER_SPEED * s.passer_speed_yd_per_s
        + _COMPLETION_AT_SIDELINE * sideline
        + _COMPLETION_IN_END_ZONE * end_zone
        + _COMPLETION_PER_SKILL * edge
    )
    concentration = np.interp(depth, _RUN_CONCENTRATION_KNOTS_YD, _RUN_CONCENTRATIONS)
    return OutcomeDistribution(
        completion_probability=(1 - interception) * completion,
        interception_probability=interception,
        air_yards=depth,
        yardline_100=s.yardline_100,
        stop_probability=expit(
            np.interp(depth, _RUN_KNOTS_YD, _STOP_LOGITS) + _STOP_PER_LOG_ROOM * log_room
        ),
        run_power=np.exp(np.interp(depth, _RUN_KNOTS_YD, _RUN_LOG_POWERS)),
        run_scale_yd=np.exp(
            np.interp(depth, _RUN_KNOTS_YD, _RUN_LOG_SCALES)
            + _RUN_LOG_SCALE_PER_LOG_ROOM * log_room
            + _RUN_LOG_SCALE_PER_CROWD * crowd
            + _RUN_LOG_SCALE_PER_SKILL * edge
        ),
        run_concentration=np.clip(concentration + _RUN_CONCENTRATION_PER_CROWD * crowd, 0.05, 0.95),
        **interception_returns(depth, end_zone),
    )


def _lane(passer_xy: Floats, aim_xy: Floats, defense_xy: Floats) -> Floats:
    """Of defenders near the line from passer to target, but not near either end, in [0, 1]."""
    line = aim_xy - passer_xy
    length = np.maximum(norm(line), 1e-6)
    along = line / length[:, None]
    offset = defense_xy - passer_xy[:, None]
    forward = (offset * along[:, None]).sum(axis=-1)
    aside = np.abs(offset[..., 0] * along[:, None, 1] - offset[..., 1] * along[:, None, 0])
    inside = 1 / (1 + np.exp(-2 * (forward - 3.0))) / (1 + np.exp(forward - length[:, None] + 2.0))
    return np.asarray(1 - np.prod(1 - 0.7 * inside * np.exp(-((aside / 1.5) ** 2)), axis=1))
