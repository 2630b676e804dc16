r"""Forecasts that count yards from the catch point, not from the line of scrimmage.

A completed pass gains its air yards and what follows the catch, so the outcome is a mixture:

.. math:: P(Y = y) = p_0 1\{y = 0\} + p_C P(R = y - a) + p_I P(-B = y)

with air yards :math:`a`, the run after the catch :math:`R` and the return of an interception
:math:`B`. A receiver stopped where the ball is caught gains exactly :math:`a`, a spike that bins
counted from the line of scrimmage cannot place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._boosting import boost, boosted, from_tensor, to_tensor
from dropback.models._examples import Examples, Throws
from dropback.models._grid import GRIDS, YARDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix, FeatureSchema

INCOMPLETE, COMPLETE, INTERCEPTED = range(3)

# The hazard is learned from a yard behind the catch to 60 beyond. Of 2010-2018's completions 1.3 %
# end behind, 1 in 3,000 more than 8 yards, so one step holds them all: a row for each of 8 yards,
# half of all rows, took twice the time for a CRPS of 4.3836 instead of 4.3832 in 2019.
FIRST_RUN, LAST_RUN = -1, 60
FARTHEST_BEHIND = -8
# From here on one hazard is predicted for every four yards: 4 completions in 1,000 reach 35.
_LAST_OWN_STEP, _STRIDE = 25, 4
# More games bear more rounds before they are learned by heart.
_MORE_ROUNDS = 1.15
_LONGEST_RUN = YARDS_HIGHEST - YARDS_LOWEST
_LONGEST_FIELD = 110
# Of the interceptions of 2016-2020, each season learned from those before it, the log score is
# 3.230 and the CRPS 8.47; with twice the width 3.241 and 8.47, with four times 3.251 and 8.49; of
# one distribution for all 3.307 and 8.70.
_RETURN_WIDTH = 0.5
_PRIOR_RETURNS = 20


class Runs(Protocol):
    """A fitted distribution of the yards after the catch."""

    @property
    def first(self) -> int:
        """The fewest yards."""

    def masses(self, features: FeatureMatrix, throws: Throws) -> Floats:
        """Probability of ``first``, ``first + 1``, ... yards after the catch, shape ``(N, R)``."""


@dataclass(frozen=True)
class CatchPoint:
    """What happens to the ball, and how far it goes from there.

    Attributes:
        schema: The features it takes.
        result: Booster of the probabilities of `INCOMPLETE`, `COMPLETE` and `INTERCEPTED`.
        runs: The yards after the catch.
        returns: Probabilities of minus the return of an interception, shape ``(K,)``, or a row
            for each yard by which the pass comes down short of the goal line, ``(D, K)``.
    """

    schema: FeatureSchema
    result: Any
    runs: Runs
    returns: Floats

    def shares(self, features: FeatureMatrix) -> Floats:
        """Probability of each thing that may happen to the ball, shape ``(N, 3)``."""
        return boosted(self.result, features)

    def masses(self, features: FeatureMatrix, shares: Floats | None = None) -> Floats:
        """See `Forecast`.

        Args:
            features: Of the plays.
            shares: What `shares` gives for them; None computes it.
        """
        throws = Throws.of(features, self.schema)
        runs = self.runs.masses(features, throws)
        shares = self.shares(features) if shares is None else shares
        returns = self.returns if self.returns.ndim == 1 else self.returns[short_of_goal(throws)]
        return mixture(shares, runs, self.runs.first, returns, throws.air_yards)


def to_state(forecast: CatchPoint) -> dict[str, Tensor]:
    """What a run folder holds of a forecast whose runs are a `Hazard`."""
    if not isinstance(forecast.runs, Hazard):
        raise TypeError(f"only a hazard is stored, got {type(forecast.runs).__name__}.")
    return {
        "result": to_tensor(forecast.result),
        "hazard": to_tensor(forecast.runs.booster),
        "tail_hazard": torch.tensor(forecast.runs.outside.tail_hazard, dtype=torch.float64),
        "behind": torch.from_numpy(forecast.runs.outside.behind),
        "returns": torch.from_numpy(forecast.returns),
    }


def from_state(state: Mapping[str, Tensor], schema: FeatureSchema) -> CatchPoint:
    """The forecast that `to_state` described."""
    outside = Outside(state["behind"].numpy(), state["tail_hazard"].item())
    runs = Hazard(from_tensor(state["hazard"]), outside)
    return CatchPoint(schema, from_tensor(state["result"]), runs, state["returns"].numpy())


def mixture(
    shares: Floats, runs: Floats, first: int, returns: Floats, air_yards: Integers
) -> Floats:
    """Mix the yards of an incompletion, a completion and an interception.

    Args:
        shares: Probability of each, in the order of `INCOMPLETE`, `COMPLETE` and `INTERCEPTED`,
            shape ``(N, 3)``.
        runs: As for `from_catch`, as are `first` and `air_yards`.
        first: The fewest yards after the catch.
        returns: Probabilities of minus the return, shape ``(K,)`` or ``(N, K)``.
        air_yards: Yards from the line of scrimmage to the catch.

    Returns:
        Probabilities of `YARDS`, shape ``(N, K)``; each row sums to 1.
    """
    masses = shares[:, [COMPLETE]] * from_catch(runs, first, air_yards)
    masses += shares[:, [INTERCEPTED]] * returns
    masses[:, -YARDS_LOWEST] += shares[:, INCOMPLETE]
    # The trees' probabilities are in float32.
    total: Floats = masses.sum(axis=1, keepdims=True)
    return np.asarray(masses / total)


def from_catch(runs: Floats, first: int, air_yards: Integers) -> Floats:
    """Move distributions of the yards after the catch to the grid of the yards gained.

    Args:
        runs: Probability of ``first``, ``first + 1``, ... yards, shape ``(N, R)``.
        first: The fewest yards.
        air_yards: Yards from the line of scrimmage to the catch, shape ``(N,)``.

    Returns:
        Probabilities of `YARDS`, shape ``(N, 211)``; its ends hold what lies beyond them.

    Example:
        >>> gained = from_catch(np.array([[0.3, 0.7]]), -1, np.array([10]))
        >>> YARDS[gained[0] > 0].tolist(), gained[0, gained[0] > 0].tolist()
        ([9, 10], [0.3, 0.7])
    """
    steps = YARDS - air_yards[:, None] - first
    last = runs.shape[1] - 1
    inside = (steps >= 0) & (steps <= last)
    masses = np.where(inside, np.take_along_axis(runs, steps.clip(0, last), axis=1), 0.0)
    below = np.arange(last + 1) < steps[:, :1]
    masses[:, 0] += np.where(below, runs, 0.0).sum(axis=1)
    masses[:, -1] += runs.sum(axis=1) - masses.sum(axis=1)
    return masses


# What happens to the ball


def fit_result(training: Examples, stop: Examples | int, seed: int) -> Any:  # noqa: ANN401
    """Boost the probabilities of an incompletion, a completion and an interception."""
    return boost(
        (training.features, results_of(training)),
        stop if isinstance(stop, int) else (stop.features, results_of(stop)),
        seed=seed,
        objective="multi:softprob",
        num_class=3,
        grow_policy="lossguide",
        max_depth=0,
        # On held-out games of 2018-2020 steps of .03 to .05, 7 to 31 leaves and weights of 5 to 60
        # a leaf differ by .001 in log score; 40 % of the columns a tree beat 80 % by .004 in CRPS.
        max_leaves=15,
        eta=0.05,
        min_child_weight=20,
        subsample=0.8,
        colsample_bytree=0.4,
    )


def results_of(examples: Examples) -> Integers:
    """Label of what happened to each ball."""
    return np.where(examples.complete, COMPLETE, np.where(examples.intercepted, INTERCEPTED, 0))


def return_masses(training: Examples) -> Floats:
    """Share of each number of yards among the interceptions."""
    returned = training.observed[training.intercepted]
    counts = GRIDS[Outcome.YARDS].counts(returned)
    return np.asarray(counts / counts.sum())


def short_of_goal(throws: Throws) -> Integers:
    """Yards by which each pass comes down short of the goal line, none in the end zone."""
    return (throws.goal_line - throws.air_yards).clip(0, _LONGEST_FIELD)


def returns_by_place(training: Examples) -> Floats:
    """Distribution of minus the return of an interception by where the pass comes down.

    Nearby interceptions count by a Gaussian kernel, and all together as `_PRIOR_RETURNS`. Most of
    those in the end zone are not brought out.

    Returns:
        Probabilities of `YARDS`, a row for each value of `short_of_goal`.
    """
    caught = training[training.intercepted]
    place = short_of_goal(Throws.of(caught.features, caught.schema))
    at = np.arange(_LONGEST_FIELD + 1)[:, None]
    weights = np.exp(-0.5 * ((at - place) / (_RETURN_WIDTH * (1 + at / 10))) ** 2)
    masses = np.zeros((len(at), len(YARDS)))
    np.add.at(masses.T, GRIDS[Outcome.YARDS].bins(caught.observed), weights.T)
    masses += _PRIOR_RETURNS * return_masses(training)
    return np.asarray(masses / masses.sum(axis=1, keepdims=True))


# Yards after the catch, step by step


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
class Hazard:
    """Discrete-time hazard of the yards after the catch."""

    booster: Any
    outside: Outside
    first: int = FARTHEST_BEHIND

    def masses(self, features: FeatureMatrix, throws: Throws) -> Floats:
        """See `Runs`."""
        runs = np.arange(FIRST_RUN, LAST_RUN + 1)
        predicted = (runs <= _LAST_OWN_STEP) | ((runs - _LAST_OWN_STEP) % _STRIDE == 0)
        # What a run does beyond the goal line is never seen.
        reached = runs < (throws.goal_line - throws.air_yards)[:, None]
        play, step = np.nonzero(reached & predicted)
        hazards = np.zeros(reached.shape)
        hazards[play, step] = boosted(
            self.booster, step_features(features, throws, play, runs[step])
        )
        nearest = np.maximum.accumulate(np.where(predicted, np.arange(len(runs)), 0))
        return survival_masses(np.where(reached, hazards[:, nearest], 0.0), self.outside)


def step_features(
    features: FeatureMatrix, throws: Throws, play: Integers, run: Integers
) -> FeatureMatrix:
    """Features of steps: the play's, and the step as counted from each line on the field."""
    gained = throws.air_yards[play] + run
    places = (run, gained, throws.goal_line[play] - gained, throws.line_to_gain[play] - gained)
    return np.column_stack([features[play], *(place.astype(np.float32) for place in places)])


def fit_hazard(training: Examples, stop: Examples | tuple[int, int], seed: int) -> CatchPoint:
    """Fit what happens, and the hazard of the yards after the catch.

    Args:
        training: Plays to learn from.
        stop: Plays to stop by; or the rounds of both.
        seed: Seed of the subsamples.
    """
    if isinstance(stop, Examples):
        require_completions(training, stop)
    result_stop, run_stop = (stop, _labeled_steps(stop)) if isinstance(stop, Examples) else stop
    booster = boost(
        _labeled_steps(training),
        run_stop,
        seed=seed,
        objective="binary:logistic",
        grow_policy="lossguide",
        max_depth=0,
        patience=30,
        # Of 2019, learned from 2010-2018, CRPS, log score and seconds of one core: 4.3829, 2.3362
        # and 10; with 15 leaves, weights of 20 and steps of .05 (best for three seasons) 4.3832,
        # 2.3365 and 20, with steps of .1 4.3843, 2.3375 and 16.
        max_leaves=31,
        eta=0.1,
        min_child_weight=50,
        subsample=0.8,
        colsample_bytree=0.8,
    )
    return CatchPoint(
        training.schema,
        fit_result(training, result_stop, seed),
        Hazard(booster, Outside.of(*runs_of(training[training.complete]))),
        returns_by_place(training),
    )


def fit_of_all(examples: Examples, folds: Sequence[CatchPoint], seed: int) -> CatchPoint:
    """Fit on the games of all folds, with somewhat more rounds than the fits of the folds had.

    A fold's fit has seen 72 % of the games. Of 2020, learned from 2011-2019, it has a CRPS of
    4.216 and a log score of 2.352, one of all games 4.217 and 2.351, their mean 4.215 and 2.351.
    """
    results, runs = (
        round(_MORE_ROUNDS * float(np.mean([booster.num_boosted_rounds() for booster in boosters])))
        for boosters in (
            [each.result for each in folds],
            [each.runs.booster for each in folds if isinstance(each.runs, Hazard)],
        )
    )
    return fit_hazard(examples, (results, runs), seed)


def _labeled_steps(examples: Examples) -> tuple[FeatureMatrix, Flags]:
    caught = examples[examples.complete]
    steps = steps_of(*runs_of(caught))
    throws = Throws.of(caught.features, caught.schema)
    return step_features(caught.features, throws, steps.play, steps.run), steps.ended


def runs_of(caught: Examples) -> tuple[Integers, Flags]:
    """Yards after the catch, and whether the goal line ended them."""
    throws = Throws.of(caught.features, caught.schema)
    yards = caught.observed.astype(np.int64)
    return yards - throws.air_yards, yards >= throws.goal_line


def require_completions(*sets: Examples) -> None:
    """Fail where there is no catch to learn from.

    Raises:
        RequestError: No pass of one of the sets was completed.
    """
    if not all(examples.complete.any() for examples in sets):
        raise RequestError(
            "Yards after the catch are learned from completed passes, and the training or the "
            "validation games of a fold have none: add seasons or use fewer folds."
        )
