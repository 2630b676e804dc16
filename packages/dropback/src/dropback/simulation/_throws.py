"""Derive the distribution of a throw's yards from its context and its passer's skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from dropback.data._field import HALF_SECONDS, QUARTER_SECONDS
from dropback.simulation._outcome_distribution import (
    OutcomeDistribution,
    PlayArrays,
    interception_returns,
)

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike

    from dropback._arrays import Flags, Floats, Integers

    Numbers = Integers | Floats

# The constants below are choices, not estimates: they began as maximum-likelihood fits of
# similar formulas to the 51,623 targeted attempts of the 2018-2020 regular seasons and were then
# adjusted by hand until the marginals of `research/league_marginals.py` agreed with theirs.
DEPTH_KNOTS_YD = (-8.0, -4.0, -1.0, 2.0, 6.0, 10.0, 15.0, 20.0, 28.0, 40.0, 55.0)
INTERCEPTION_LOGITS = (-3.6, -5.6, -5.6, -5.1, -4.65, -3.95, -3.9, -3.25, -3.2, -3.1, -2.9)
COMPLETION_LOGITS = (1.4, 2.3, 1.3, 1.4, 1.4, 0.75, 0.7, 0.2, -0.37, -0.6, -1.0)

RUN_KNOTS_YD = (-8.0, -4.0, -1.0, 2.0, 5.0, 9.0, 14.0, 20.0, 30.0, 45.0)
STOP_LOGITS = (-2.1, -2.65, -2.55, -1.65, -1.1, -0.45, -0.35, -0.85, -1.6, -1.5)
RUN_LOG_POWERS = (0.92, 1.18, 0.9, 0.7, 0.53, 0.55, 0.92, 1.45, 1.67, 1.88)
RUN_LOG_SCALES = (2.19, 1.78, 1.59, 1.34, 1.11, 1.07, 0.68, 0.33, 0.11, -0.09)
RUN_CONCENTRATION_KNOTS_YD = (-5.0, 5.0, 15.0, 30.0)
RUN_CONCENTRATIONS = (0.08, 0.26, 0.55, 0.9)

# What one yard per attempt of skill does. The shares are a choice; together they add up to one
# yard per attempt on the league's mix of attempts, which a test holds to 5 %.
COMPLETION_LOGIT_PER_YD = 0.24
INTERCEPTION_LOGIT_PER_YD = -0.34
RUN_LOG_SCALE_PER_YD = 0.068


@dataclass(frozen=True)
class PlayContexts(PlayArrays):
    """The contexts of ``N`` plays before the snap, as arrays of shape ``(N,)``.

    Args:
        quarter: 1 to 5.
        game_seconds_remaining: Seconds to the end of the fourth quarter, or of overtime.
        down: 1 to 4.
        yards_to_go: Whole yards to a first down or the goal.
        yardline_100: Whole yards from the line of scrimmage to the goal, 1 to 99.
        score_differential: Points of the offense minus points of the defense.
    """

    quarter: Numbers
    game_seconds_remaining: Numbers
    down: Numbers
    yards_to_go: Numbers
    yardline_100: Numbers
    score_differential: Numbers

    @property
    def half_seconds_remaining(self) -> Numbers:
        """Seconds to the end of the half, or of overtime."""
        return self.game_seconds_remaining - np.where(self.quarter <= 2, HALF_SECONDS, 0)

    def urgency(self) -> Floats:
        """How pressing a deficit is, 0 to 1.5: grows over the last 15 minutes, and in overtime."""
        deficit = np.clip(-self.score_differential / 8, 0, 1.5)
        lateness = np.clip(1 - self.game_seconds_remaining / QUARTER_SECONDS, 0, 1)
        return np.where(self.quarter >= 4, deficit * lateness, 0.0)

    def hurried(self) -> Flags:
        """Whether the offense plays against the clock: late in a half and not ahead in the last."""
        ahead = (self.quarter >= 4) & (self.score_differential > 0)
        return ~ahead & ((self.half_seconds_remaining <= 120) | (self.urgency() > 0.5))


@dataclass(frozen=True)
class Throws:
    """``N`` targeted attempts, as they are known when the ball is released.

    Args:
        context: Before the snap.
        air_yards: Whole yards from the line of scrimmage to the target, at most
            ``yardline_100``, shape ``(N,)``, as all fields.
        shotgun: Whether the passer took a shotgun snap.
        middle: Whether the target was in the middle of the field.
        right: Whether it was on the right.
    """

    context: PlayContexts
    air_yards: Numbers
    shotgun: Flags
    middle: Flags
    right: Flags

    @classmethod
    def from_plays(cls, plays: pl.DataFrame) -> Throws:
        """Read them from play-by-play rows, each of which must be a targeted attempt."""

        def column(name: str) -> Floats:
            return plays[name].to_numpy().astype(np.float64)

        context = PlayContexts(
            quarter=column("qtr"),
            game_seconds_remaining=column("game_seconds_remaining"),
            down=column("down"),
            yards_to_go=column("ydstogo"),
            yardline_100=column("yardline_100"),
            score_differential=column("score_differential"),
        )
        location = plays["pass_location"]
        return cls(
            context=context,
            air_yards=column("air_yards"),
            shotgun=column("shotgun") == 1,
            middle=(location == "middle").to_numpy(),
            right=(location == "right").to_numpy(),
        )


def outcome_distribution(throws: Throws, edge_yd: ArrayLike = 0.0) -> OutcomeDistribution:
    """Give each attempt the distribution of its yards.

    Args:
        throws: The attempts, ``N`` of them.
        edge_yd: Skill of the passer minus quality of the defense, in yards per attempt, a
            scalar or shape ``(N,)``; 0 is the league-average passer against the average defense.

    Returns:
        The distributions, in closed form.
    """
    c, shotgun, middle = throws.context, throws.shotgun, throws.middle
    air_yards, yardline_100 = (
        yards.astype(np.float64) for yards in (throws.air_yards, c.yardline_100)
    )
    edge = np.asarray(edge_yd, dtype=np.float64)
    late_down = (c.down >= 3).astype(np.float64)
    end_zone = (air_yards >= c.yardline_100).astype(np.float64)
    space_yd = yardline_100 - air_yards
    # The last 15 yards before the goal line: 22 players share less and less grass.
    crowded = (1 - end_zone) * np.clip(1 - space_yd / 15, 0, 1)
    red_zone = np.clip(1 - yardline_100 / 20, 0, 1)
    long_to_go = np.clip((c.yards_to_go - 10) / 10, 0, 1.5)
    # A defense waits for the throw just beyond the marker.
    at_marker = late_down * np.exp(-(((air_yards - c.yards_to_go - 2) / 4) ** 2))
    deep_middle = middle * np.clip((air_yards - 10) / 10, 0, 2)
    chase = c.urgency()

    interception_logit = (
        np.interp(air_yards, DEPTH_KNOTS_YD, INTERCEPTION_LOGITS)
        + 0.35 * middle
        + 0.15 * throws.right
        + 0.2 * deep_middle
        + 0.2 * late_down
        + 0.3 * at_marker
        + 0.25 * chase
        + 0.25 * long_to_go
        + 0.3 * crowded
        + 0.85 * red_zone
        + 0.08 * (c.game_seconds_remaining < 1800)
        + INTERCEPTION_LOGIT_PER_YD * edge
    )
    completion_logit = (
        np.interp(air_yards, DEPTH_KNOTS_YD, COMPLETION_LOGITS)
        + 0.12 * middle
        + 0.17 * deep_middle
        - 0.15 * shotgun
        - 0.25 * late_down
        - 0.12 * at_marker
        + 0.25 * late_down * (c.yards_to_go <= 2)
        + 0.22 * long_to_go
        - 0.3 * crowded
        + end_zone * (-1.3 + 0.022 * c.yardline_100)
        + COMPLETION_LOGIT_PER_YD * edge
    )
    interception = expit(interception_logit)
    return OutcomeDistribution(
        completion_probability=(1 - interception) * expit(completion_logit),
        interception_probability=interception,
        air_yards=air_yards,
        yardline_100=yardline_100,
        stop_probability=expit(
            np.interp(air_yards, RUN_KNOTS_YD, STOP_LOGITS)
            - 0.55 * middle
            + 0.1 * shotgun
            + 0.2 * late_down * (air_yards >= c.yards_to_go)
            - 0.15 * long_to_go
        ),
        run_power=np.exp(np.interp(air_yards, RUN_KNOTS_YD, RUN_LOG_POWERS)),
        run_scale_yd=np.exp(
            np.interp(air_yards, RUN_KNOTS_YD, RUN_LOG_SCALES)
            + 0.05 * middle
            - 0.19 * shotgun
            + 0.09 * late_down
            - 0.35 * crowded
            + RUN_LOG_SCALE_PER_YD * edge
        ),
        run_concentration=np.interp(air_yards, RUN_CONCENTRATION_KNOTS_YD, RUN_CONCENTRATIONS),
        **interception_returns(air_yards, end_zone),
    )
