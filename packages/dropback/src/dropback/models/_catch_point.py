r"""Forecasts that count yards from the catch point, not from the line of scrimmage.

A completed pass gains its air yards and what follows the catch, so the outcome is a mixture:

.. math:: P(Y = y) = p_0 1\{y = 0\} + p_C P(R = y - a) + p_I P(-B = y)

with air yards :math:`a`, the run after the catch :math:`R` and the return of an interception
:math:`B`. A receiver stopped where the ball is caught gains exactly :math:`a`, a spike that bins
counted from the line of scrimmage cannot place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import torch

from dropback.data._outcomes import YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._boosting import boost, boosted, from_tensor, to_tensor
from dropback.models._examples import Examples, Throws
from dropback.models._grid import GRIDS, YARDS
from dropback.models._hazard import Hazard, Outside, Passes, step_features, steps_of
from dropback.models._weather_trees import (
    Told,
    corrected,
    fit_correction,
    weather_columns,
    weather_is_known,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix, FeatureSchema

INCOMPLETE, COMPLETE, INTERCEPTED = range(3)

# More games bear more rounds before they are learned by heart.
_MORE_ROUNDS = 1.15
_LONGEST_FIELD = 110
# On held-out games of 2018-2020 steps of .03 to .05, 7 to 31 leaves and weights of 5 to 60 a leaf
# differ by .001 in log score; 40 % of the columns a tree beat 80 % by .004 in CRPS.
RESULT_TREES: Final[dict[str, Any]] = {
    "grow_policy": "lossguide",
    "max_depth": 0,
    "max_leaves": 15,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.4,
}
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

    def masses(self, passes: Passes) -> Floats:
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
        weather: Booster that corrects the probabilities by the weather; None corrects nothing.
    """

    schema: FeatureSchema
    result: Any
    runs: Runs
    returns: Floats
    weather: Any = None

    def shares(self, features: FeatureMatrix) -> Floats:
        """Probability of each thing that may happen to the ball, shape ``(N, 3)``."""
        shares = boosted(self.result, self.schema.without_weather(features))
        if self.weather is not None:
            known = weather_is_known(features, self.schema)
            columns = weather_columns(features[known], self.schema)
            shares[known] = corrected(self.weather, columns, shares[known])
        return shares

    def masses(self, features: FeatureMatrix) -> Floats:
        """See `Forecast`."""
        return mean_masses((self,), features, (self.shares(features),))


def mean_masses(
    fits: Sequence[CatchPoint], features: FeatureMatrix, shares: Sequence[Floats]
) -> Floats:
    """Mean of what several fits predict, shape ``(N, 211)``; each row sums to 1.

    Args:
        fits: The fits, whose runs have the same first yard.
        features: Of the plays.
        shares: What `CatchPoint.shares` of each fit gives for them.
    """
    throws = Throws.of(features, fits[0].schema)
    passes = Passes(fits[0].schema.without_weather(features), throws)
    place = short_of_goal(throws)
    # Moving distributions to where each pass is caught is linear, so it is done once for all fits.
    runs: Floats = np.mean(
        [
            own[:, [COMPLETE]] * fit.runs.masses(passes)
            for fit, own in zip(fits, shares, strict=True)
        ],
        axis=0,
    )
    returns: Floats = np.mean(
        [
            own[:, [INTERCEPTED]] * (fit.returns if fit.returns.ndim == 1 else fit.returns[place])
            for fit, own in zip(fits, shares, strict=True)
        ],
        axis=0,
    )
    incomplete: Floats = np.mean([own[:, INCOMPLETE] for own in shares], axis=0)
    return _joined(incomplete, runs, fits[0].runs.first, returns, throws.air_yards)


def to_state(forecast: CatchPoint) -> dict[str, Tensor]:
    """What a run folder holds of a forecast whose runs are a `Hazard`."""
    if not isinstance(forecast.runs, Hazard):
        raise TypeError(f"only a hazard is stored, got {type(forecast.runs).__name__}.")
    weather = {} if forecast.weather is None else {"weather": to_tensor(forecast.weather)}
    return weather | {
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
    weather = from_tensor(state["weather"]) if "weather" in state else None
    return CatchPoint(schema, from_tensor(state["result"]), runs, state["returns"].numpy(), weather)


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
    return _joined(
        shares[:, INCOMPLETE],
        shares[:, [COMPLETE]] * runs,
        first,
        shares[:, [INTERCEPTED]] * returns,
        air_yards,
    )


def _joined(
    incomplete: Floats, runs: Floats, first: int, returns: Floats, air_yards: Integers
) -> Floats:
    """Probabilities of `YARDS` from those of each yard together with what happens to the ball."""
    masses = from_catch(runs, first, air_yards) + returns
    masses[:, -YARDS_LOWEST] += incomplete
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
        _labeled_results(training),
        stop if isinstance(stop, int) else _labeled_results(stop),
        seed=seed,
        objective="multi:softprob",
        num_class=3,
        **RESULT_TREES,
    )


def _labeled_results(examples: Examples) -> tuple[FeatureMatrix, Integers]:
    return examples.without_weather().features, results_of(examples)


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


# The fit


@dataclass(frozen=True)
class Rounds:
    """Rounds of boosting of what happens, of the runs and of the correction by the weather."""

    result: int
    runs: int
    weather: int


def fit_hazard(training: Examples, stop: Examples | Rounds, seed: int) -> CatchPoint:
    """Fit what happens, its correction by the weather, and the hazard of the yards after the catch.

    Args:
        training: Plays to learn from.
        stop: Plays to stop by; or the rounds of each.
        seed: Seed of the subsamples.
    """
    if isinstance(stop, Examples):
        require_completions(training, stop)
        run_stop: Any = _labeled_steps(stop)
    else:
        run_stop = stop.runs
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
    result = fit_result(training, stop if isinstance(stop, Examples) else stop.result, seed)

    def told(part: Examples) -> Told:
        known = part[weather_is_known(part.features, part.schema)]
        columns = weather_columns(known.features, known.schema)
        return Told(columns, results_of(known), boosted(result, known.without_weather().features))

    return CatchPoint(
        training.schema,
        result,
        Hazard(booster, Outside.of(*runs_of(training[training.complete]))),
        returns_by_place(training),
        fit_correction(
            told(training), told(stop) if isinstance(stop, Examples) else stop.weather, seed
        ),
    )


def fit_of_all(examples: Examples, folds: Sequence[CatchPoint], seed: int) -> CatchPoint:
    """Fit on the games of all folds, with somewhat more rounds than the fits of the folds had.

    A fold's fit has seen 72 % of the games. Of 2020, learned from 2011-2019, it has a CRPS of
    4.216 and a log score of 2.352, one of all games 4.217 and 2.351, their mean 4.215 and 2.351.
    """
    result, runs, weather = (
        round(_MORE_ROUNDS * float(np.mean([booster.num_boosted_rounds() for booster in boosters])))
        if boosters
        else 0
        for boosters in (
            [each.result for each in folds],
            [each.runs.booster for each in folds if isinstance(each.runs, Hazard)],
            [each.weather for each in folds if each.weather is not None],
        )
    )
    return fit_hazard(examples, Rounds(result, runs, weather), seed)


def _labeled_steps(examples: Examples) -> tuple[FeatureMatrix, Flags]:
    caught = examples.without_weather()[examples.complete]
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
