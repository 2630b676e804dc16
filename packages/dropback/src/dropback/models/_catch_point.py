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

# The hazard is learned from 8 yards behind the catch to 60 beyond; 1.4 completions in 1,000 end
# outside.
FIRST_RUN, LAST_RUN = -8, 60
# More games bear more rounds before they are learned by heart.
_MORE_ROUNDS = 1.15
_LONGEST_RUN = YARDS_HIGHEST - YARDS_LOWEST


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
        returns: Probabilities of minus the return of an interception, shape ``(K,)``.
    """

    schema: FeatureSchema
    result: Any
    runs: Runs
    returns: Floats

    def masses(self, features: FeatureMatrix) -> Floats:
        """See `Forecast`."""
        throws = Throws.of(features, self.schema)
        runs = self.runs.masses(features, throws)
        shares = boosted(self.result, features)
        return mixture(shares, runs, self.runs.first, self.returns, throws.air_yards)


def to_state(forecast: CatchPoint) -> dict[str, Tensor]:
    """What a run folder holds of a forecast whose runs are a `Hazard`."""
    if not isinstance(forecast.runs, Hazard):
        raise TypeError(f"only a hazard is stored, got {type(forecast.runs).__name__}.")
    return {
        "result": to_tensor(forecast.result),
        "hazard": to_tensor(forecast.runs.booster),
        "tail_hazard": torch.tensor(forecast.runs.tail_hazard, dtype=torch.float64),
        "returns": torch.from_numpy(forecast.returns),
    }


def from_state(state: Mapping[str, Tensor], schema: FeatureSchema) -> CatchPoint:
    """The forecast that `to_state` described."""
    runs = Hazard(from_tensor(state["hazard"]), state["tail_hazard"].item())
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
        returns: Probabilities of minus the return, shape ``(K,)``.
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

    A touchdown is censored: all steps before the goal line were survived, and how far the run
    would have gone is not known.

    Args:
        run: Yards after the catch, shape ``(N,)``.
        scored: Whether the goal line ended the play.

    Example:
        >>> steps = steps_of(np.array([-7, -6]), np.array([False, True]))
        >>> steps.play.tolist(), steps.run.tolist(), steps.ended.tolist()
        ([0, 0, 1, 1], [-8, -7, -8, -7], [False, True, False, False])
    """
    end = np.where(scored, run - 1, np.maximum(run, FIRST_RUN))
    counts = np.maximum(np.minimum(end, LAST_RUN) - FIRST_RUN + 1, 0)
    play = np.repeat(np.arange(len(run)), counts)
    step = np.arange(len(play)) - np.repeat(np.cumsum(counts) - counts, counts) + FIRST_RUN
    return Steps(play, step, ~scored[play] & (step == end[play]))


def survival_masses(hazards: Floats, tail_hazard: float) -> Floats:
    r"""Distribution of the step at which a play ends.

    .. math:: P(R = r) = h_r \prod_{s < r} (1 - h_s)

    Args:
        hazards: Probability :math:`h` of ending at each step once it is reached, shape ``(N, R)``.
        tail_hazard: The hazard of all steps beyond: a geometric tail.

    Returns:
        Shape ``(N, R')``, up to the longest run that a field has room for; rows sum to 1.

    Example:
        >>> survival_masses(np.array([[0.5, 0.2]]), 0.25)[0, :4]
        array([0.5  , 0.1  , 0.1  , 0.075])
    """
    survived = np.cumprod(1 - hazards, axis=1)
    masses = hazards * np.concatenate([np.ones((len(hazards), 1)), survived[:, :-1]], axis=1)
    beyond = np.arange(_LONGEST_RUN - hazards.shape[1])
    tail = tail_hazard * (1 - tail_hazard) ** beyond
    tail[-1] += (1 - tail_hazard) ** len(beyond)
    return np.concatenate([masses, survived[:, -1:] * tail], axis=1)


@dataclass(frozen=True)
class Hazard:
    """Discrete-time hazard of the yards after the catch."""

    booster: Any
    tail_hazard: float
    first: int = FIRST_RUN

    def masses(self, features: FeatureMatrix, throws: Throws) -> Floats:
        """See `Runs`."""
        runs = np.arange(FIRST_RUN, LAST_RUN + 1)
        hazards = np.zeros((len(features), len(runs)))
        # What a run does beyond the goal line is never seen.
        play, step = np.nonzero(runs < (throws.goal_line - throws.air_yards)[:, None])
        rows = step_features(features, throws, play, runs[step])
        hazards[play, step] = boosted(self.booster, rows)
        return survival_masses(hazards, self.tail_hazard)


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
        # On held-out games of 2018-2020 (10,241 plays), log score and CRPS: 15 leaves 2.371 and
        # 4.330, 31 leaves 2.373 and 4.330, 63 leaves 2.376 and 4.332; steps of .1 2.375 and 4.331;
        # 40 % of the columns 2.374 and 4.331; weights of 60 a leaf 2.373 and 4.331.
        max_leaves=15,
        eta=0.05,
        min_child_weight=20,
        subsample=0.8,
        colsample_bytree=0.8,
    )
    return CatchPoint(
        training.schema,
        fit_result(training, result_stop, seed),
        Hazard(booster, tail_hazard_of(*runs_of(training[training.complete]))),
        return_masses(training),
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


def tail_hazard_of(run: Integers, scored: Flags) -> float:
    """Share of the steps beyond `LAST_RUN` at which completed passes ended."""
    ends = ((run > LAST_RUN) & ~scored).sum()
    steps = (np.where(scored, run - 1, run) - LAST_RUN).clip(min=0).sum()
    # As if one more play had ended after ten steps, so that there always is one.
    return float((ends + 1) / (steps + 10))


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
