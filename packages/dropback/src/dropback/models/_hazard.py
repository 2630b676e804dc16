"""The discrete-time hazard of the yards after the catch: where runs end, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.models._step_trees import StepTrees

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix
    from dropback.models._examples import Throws

# The hazard is learned from a yard behind the catch to 60 beyond. Of 2010-2018's completions 1.3 %
# end behind, 1 in 3,000 more than 8 yards, so one step holds them all: a row for each of 8 yards,
# half of all rows, took twice the time for a CRPS of 4.3836 instead of 4.3832 in 2019.
FIRST_RUN, LAST_RUN = -1, 60
FARTHEST_BEHIND = -8
# From here on one hazard is predicted for every four yards: 4 completions in 1,000 reach 35.
_LAST_OWN_STEP, _STRIDE = 25, 4
RUNS = np.arange(FIRST_RUN, LAST_RUN + 1)
"""Yards after the catch of each step, shape ``(62,)``."""
_PREDICTED = (RUNS <= _LAST_OWN_STEP) | ((RUNS - _LAST_OWN_STEP) % _STRIDE == 0)
_PREDICTED_RUNS = RUNS[_PREDICTED]
# Of each step the last one up to it that is predicted.
_NEAREST = np.cumsum(_PREDICTED) - 1
_LONGEST_RUN = YARDS_HIGHEST - YARDS_LOWEST


@dataclass(frozen=True)
class Steps:
    """One row for each yard at which a completed pass could have ended.

    Attributes:
        play: Row of the play.
        run: Yards after the catch of the step.
        ended: Whether the play ended there.
    """

    play: Integers
    run: Integers
    ended: Flags


def steps_of(run: Integers, scored: Flags) -> Steps:
    """List the steps of completed passes from `FIRST_RUN` to where each ended.

    All that end behind the catch do so at the first step.

    A touchdown is censored: all steps before the goal line were survived, and how far the run
    would have gone is not known.

    Args:
        run: Yards after the catch, shape ``(N,)``.
        scored: Whether the goal line ended the play.

    Example:
        >>> steps = steps_of(np.array([0, 1]), np.array([False, True]))
        >>> steps.play.tolist(), steps.run.tolist(), steps.ended.tolist()
        ([0, 0, 1, 1], [-1, 0, -1, 0], [False, True, False, False])
    """
    end = np.where(scored, run - 1, np.maximum(run, FIRST_RUN))
    counts = np.maximum(np.minimum(end, LAST_RUN) - FIRST_RUN + 1, 0)
    play = np.repeat(np.arange(len(run)), counts)
    step = np.arange(len(play)) - np.repeat(np.cumsum(counts) - counts, counts) + FIRST_RUN
    return Steps(play, step, ~scored[play] & (step == end[play]))


@dataclass(frozen=True)
class Outside:
    """Where runs end that no step of their own stands for.

    Attributes:
        behind: Shares of ``FARTHEST_BEHIND .. FIRST_RUN`` among those of the first step.
        tail_hazard: Hazard of all steps beyond `LAST_RUN`: a geometric tail.
    """

    behind: Floats
    tail_hazard: float

    @classmethod
    def of(cls, run: Integers, scored: Flags) -> Outside:
        """Count completed passes.

        Args:
            run: Yards after the catch, shape ``(N,)``.
            scored: Whether the goal line ended the play.
        """
        behind = run[~scored & (run <= FIRST_RUN)].clip(FARTHEST_BEHIND) - FARTHEST_BEHIND
        # As if a tenth of a play more had ended at each yard, so that none is impossible.
        counts = np.bincount(behind, minlength=FIRST_RUN - FARTHEST_BEHIND + 1) + 0.1
        ends = ((run > LAST_RUN) & ~scored).sum()
        steps = (np.where(scored, run - 1, run) - LAST_RUN).clip(min=0).sum()
        # As if one more play had ended after ten steps, so that there always is one.
        return cls(counts / counts.sum(), float((ends + 1) / (steps + 10)))


def survival_masses(hazards: Floats, outside: Outside) -> Floats:
    r"""Distribution of the yards at which a play ends.

    .. math:: P(R = r) = h_r \prod_{s < r} (1 - h_s)

    Args:
        hazards: Probability :math:`h` of ending at each step once it is reached, shape ``(N, R)``.
        outside: Where runs before and beyond the steps end.

    Returns:
        Probabilities of ``FARTHEST_BEHIND, FARTHEST_BEHIND + 1, ...``, shape ``(N, R')``, up to
        the longest run that a field has room for; rows sum to 1.

    Example:
        >>> outside = Outside(behind=np.array([0.25, 0.75]), tail_hazard=0.25)
        >>> survival_masses(np.array([[0.4, 0.5]]), outside)[0, :4]
        array([0.1  , 0.3  , 0.3  , 0.075])
    """
    survived = np.cumprod(1 - hazards, axis=1)
    masses = hazards[:, 1:] * survived[:, :-1]
    beyond = np.arange(_LONGEST_RUN - hazards.shape[1] + 1 - len(outside.behind))
    tail = outside.tail_hazard * (1 - outside.tail_hazard) ** beyond
    tail[-1] += (1 - outside.tail_hazard) ** len(beyond)
    return np.concatenate(
        [hazards[:, :1] * outside.behind, masses, survived[:, -1:] * tail], axis=1
    )


@dataclass(frozen=True)
class Reach:
    """Steps for which hazards are predicted, which are the same for all trees.

    Attributes:
        reached: Whether a step lies short of the goal line, shape ``(N, R)``.
        counts: Number of steps that are predicted, shape ``(N,)``.
        at_catch: Columns of the step at which the pass is caught, shape ``(N, 4)``.
    """

    reached: Flags
    counts: Integers
    at_catch: Floats

    @classmethod
    def of(cls, throws: Throws) -> Reach:
        """List the steps of plays, those far out at a distance from each other."""
        # What a run does beyond the goal line is never seen.
        reached = (throws.goal_line - throws.air_yards)[:, None] > RUNS
        return cls(
            reached,
            np.count_nonzero(reached & _PREDICTED, axis=1),
            np.column_stack(_places(throws, np.arange(len(reached)), 0)).astype(np.float64),
        )


@dataclass(frozen=True)
class Passes:
    """Plays whose yards after the catch are predicted."""

    features: FeatureMatrix
    throws: Throws

    @cached_property
    def reach(self) -> Reach:
        """Steps that a hazard is predicted for; all trees share them."""
        return Reach.of(self.throws)


@dataclass(frozen=True)
class Hazard:
    """Discrete-time hazard of the yards after the catch."""

    booster: Any
    outside: Outside
    first: int = FARTHEST_BEHIND

    @cached_property
    def trees(self) -> StepTrees:
        """Trees of the booster, to predict all steps of a play at once."""
        return StepTrees.of(self.booster)

    def masses(self, passes: Passes) -> Floats:
        """See `Runs`."""
        reach = passes.reach
        log_odds = self.trees.log_odds(
            passes.features, reach.at_catch, _RISING, _PREDICTED_RUNS, reach.counts
        )
        hazards = scipy.special.expit(log_odds)[:, _NEAREST]
        return survival_masses(np.where(reach.reached, hazards, 0.0), self.outside)


def step_features(
    features: FeatureMatrix, throws: Throws, play: Integers, run: Integers
) -> FeatureMatrix:
    """Features of steps: the play's, and the step as counted from each line on the field."""
    places = _places(throws, play, run)
    return np.column_stack([features[play], *(place.astype(np.float32) for place in places)])


def _places(throws: Throws, play: Integers, run: Integers | int) -> tuple[Integers, ...]:
    """A step as counted from the catch, the line of scrimmage, the goal line, the line to gain."""
    gained = throws.air_yards[play] + run
    from_catch = np.broadcast_to(run, gained.shape)
    return from_catch, gained, throws.goal_line[play] - gained, throws.line_to_gain[play] - gained


# Whether each of them grows with the run.
_RISING = np.array([True, True, False, False])
