"""Baselines' arithmetic against hand-worked examples, and against distributions that are known."""

import sys
import types
from collections.abc import Callable

import numpy as np
import pytest
import torch

from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError
from dropback.models._boosting import boost, boosted
from dropback.models._catch_point import (
    fit_hazard,
    from_catch,
    mixture,
    return_masses,
    returns_by_place,
    short_of_goal,
)
from dropback.models._examples import Examples, Throws
from dropback.models._grid import GRIDS, YARDS, whole_yard_masses
from dropback.models._hazard import (
    FARTHEST_BEHIND,
    FIRST_RUN,
    LAST_RUN,
    Hazard,
    Outside,
    Passes,
    step_features,
    steps_of,
    survival_masses,
)
from dropback.models.baselines._air_yards import fit_air_yards, kernel_weights
from dropback.models.baselines._cp_xyac import fit_cp_xyac
from dropback.models.baselines._forecasts import Forecast, with_climatology
from dropback.models.baselines._forest import fit_quantile_forest
from dropback.models.baselines._isotonic import IsotonicDistributions, fit_idr
from dropback.models.baselines._tabpfn import fit_tabpfn
from dropback.simulation import League, OutcomeDistribution
from dropback.workflows import read_plays
from examples.play_by_play_rows import Rows

SCHEMA = feature_schema(PlaySet.TARGETED)
Fit = Callable[[Examples, Examples, int], Forecast]


def test_survival_product_by_hand() -> None:
    outside = Outside(behind=np.array([0.2, 0.8]), tail_hazard=0.25)
    masses = survival_masses(np.array([[0.5, 0.2, 0.0], [0.0, 1.0, 0.3]]), outside)
    # .5, a fifth of it one yard farther behind; .5 * .2; .5 * .8 * 0; .4 * .25; .4 * .75 * .25; ...
    np.testing.assert_allclose(masses[0, :6], [0.1, 0.4, 0.1, 0.0, 0.1, 0.075])
    np.testing.assert_allclose(masses[1, :6], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(masses.sum(axis=1), 1)
    # A run that the longest field would not end is at its end.
    endless = survival_masses(np.zeros((1, 2)), Outside(np.ones(1), 0.001))
    np.testing.assert_allclose(endless.sum(axis=1), 1)


def test_steps_run_from_behind_the_catch_to_where_each_play_ended() -> None:
    run, scored = np.array([0, -20, 99, 1, -1]), np.array([False, False, False, True, True])
    steps = steps_of(run, scored)
    assert steps.run[steps.play == 0].tolist() == [-1, 0]
    assert steps.ended[steps.play == 0].tolist() == [False, True]
    # Further behind than the first step: it ended at once.
    assert steps.run[steps.play == 1].tolist() == [FIRST_RUN]
    assert steps.ended[steps.play == 1].tolist() == [True]
    # Beyond the last step all were survived.
    assert steps.run[steps.play == 2].tolist() == list(range(FIRST_RUN, LAST_RUN + 1))
    assert not steps.ended[steps.play == 2].any()
    # A touchdown a yard beyond the recorded catch: the goal line was never reached as a step.
    assert steps.run[steps.play == 3].tolist() == [-1, 0]
    assert not steps.ended[steps.play == 3].any()
    # The ball was caught so deep in the end zone that no step was before it.
    assert (steps.play != 4).all()


def test_hazards_are_the_empirical_distribution_where_nothing_is_censored() -> None:
    run = np.array([-3, -3, -1, 0, 0, 3, 60])
    everywhere = np.zeros(len(run), dtype=bool)
    steps = steps_of(run, everywhere)
    size = LAST_RUN - FIRST_RUN + 1
    reached = np.bincount(steps.run - FIRST_RUN, minlength=size)
    ended = np.bincount(steps.run - FIRST_RUN, weights=steps.ended, minlength=size)
    masses = survival_masses((ended / reached)[None], Outside.of(run, everywhere))[0]
    shares = np.bincount(run - FARTHEST_BEHIND, minlength=len(masses)) / len(run)
    # Behind the catch a tenth of a play is added at each yard.
    behind = np.arange(FARTHEST_BEHIND, len(masses) + FARTHEST_BEHIND) < 0
    np.testing.assert_allclose(masses[~behind], shares[~behind], atol=1e-12)
    np.testing.assert_allclose(masses[behind], (7 * shares[behind] + 0.1) / 3.8 * 3 / 7)


def test_hazard_of_the_tail_is_ends_by_steps() -> None:
    # Beyond 60: one end after 5 steps and a touchdown that survived 9, among others that do not
    # come so far; a play of one end in ten steps is added.
    run = np.array([65, 70, 4, 60])
    hazard = Outside.of(run, np.array([False, True, False, False])).tail_hazard
    assert hazard == pytest.approx((1 + 1) / (5 + 9 + 10))


def test_far_steps_take_the_hazard_of_the_last_that_was_predicted(rows: Rows) -> None:
    # Of 40 yards to the goal line 38 are left after the catch.
    plays = read_plays(rows({"air_yards": 2, "yardline_100": 40})).plays
    features = feature_matrix(plays, SCHEMA)
    throws = Throws.of(features, SCHEMA)
    runs, nobody = np.arange(61), np.zeros(61, dtype=np.int64)
    every_yard = step_features(features, throws, nobody, runs)
    booster = boost((every_yard, runs % 5 == 0), 30, seed=0, objective="binary:logistic")
    hazard = Hazard(booster, Outside(np.ones(8) / 8, 0.5))
    masses = hazard.masses(Passes(features, throws))[0]
    found = masses[8:] / (1 - masses.cumsum()[7:-1])
    own = boosted(booster, every_yard)
    assert len(set(own[:26])) > 5
    np.testing.assert_allclose(found[:26], own[:26], rtol=1e-5)
    np.testing.assert_allclose(found[26:38], np.repeat(own[[25, 29, 33, 37]], 4)[1:13], rtol=1e-5)
    # Beyond the goal line nobody is stopped.
    np.testing.assert_allclose(found[38:61], 0, atol=1e-12)


@pytest.mark.slow
def test_returns_depend_on_how_far_from_the_goal_line_the_pass_comes_down(league: League) -> None:
    _, _, examples = examples_of(league)
    returns = returns_by_place(examples)
    np.testing.assert_allclose(returns.sum(axis=1), 1)
    caught = examples[examples.intercepted]
    place = short_of_goal(Throws.of(caught.features, SCHEMA))
    # The sum over plays of a Gaussian of half a yard's deviation, twice that at 10 yards, and 20
    # plays of the distribution of all.
    at, yards = 10, int(caught.observed[0])
    weights = np.exp(-0.5 * (place - at) ** 2)
    here = weights[caught.observed == yards].sum()
    of_all = return_masses(examples)
    expected = (here + 20 * of_all[yards == YARDS]) / (weights.sum() + 20)
    assert returns[at, yards == YARDS] == pytest.approx(expected)


def test_masses_of_whole_yards_are_those_of_the_bins_and_none_is_impossible() -> None:
    masses = np.zeros((2, len(YARDS)))
    masses[0, [0, 105, 210]] = [0.25, 0.5, 0.25]
    masses[1, 7] = 1
    distribution = GRIDS[Outcome.YARDS].distribution(masses)
    np.testing.assert_allclose(whole_yard_masses(distribution), masses, atol=1e-6)
    observed = torch.tensor([7.0, 30.0])
    log_prob = distribution.log_prob_interval(observed - 0.5, observed + 0.5)
    np.testing.assert_allclose(log_prob, np.log(1e-12), rtol=1e-5)


def test_runs_move_to_the_yards_gained() -> None:
    runs = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    gained = from_catch(runs, -1, np.array([4, 100, -110]))
    assert YARDS[gained[0] > 0].tolist() == [3, 4, 5]
    np.testing.assert_allclose(gained[0, gained[0] > 0], [0.2, 0.3, 0.5])
    # What lies beyond the grid is at its ends.
    np.testing.assert_allclose(gained[1, -2:], [0.2, 0.8])
    np.testing.assert_allclose(gained[2, :2], [0.5, 0.5])


def test_mixture_by_hand() -> None:
    returns = np.zeros(len(YARDS))
    returns[YARDS == -12] = 1
    masses = mixture(
        np.array([[0.3, 0.6, 0.1]]), np.array([[0.5, 0.5]]), 0, returns, np.array([0])
    )[0]
    by_yard = dict(zip(YARDS[masses > 0].tolist(), masses[masses > 0].tolist(), strict=True))
    assert by_yard == pytest.approx({-12: 0.1, 0: 0.3 + 0.3, 1: 0.3})


def test_a_step_is_counted_from_each_line(rows: Rows) -> None:
    # 8 yards through the air from the 25, first and 10: a step 5 yards after the catch has gained
    # 13, is 62 from the goal and 3 beyond the line to gain.
    plays = read_plays(rows({}, {"air_yards": -3, "ydstogo": 40})).plays
    features = feature_matrix(plays, SCHEMA)
    throws = Throws.of(features, SCHEMA)
    assert throws.line_to_gain.tolist() == [10, 40]
    table = step_features(features, throws, np.array([0, 1]), np.array([5, 0]))
    np.testing.assert_array_equal(table[:, :-4], features)
    assert table[:, -4:].tolist() == [[5, 13, 62, -3], [0, -3, 78, 43]]


def test_kernel_is_wider_at_depth() -> None:
    weights = kernel_weights(1.0, 20.0)
    at = {yard: weights[yard == YARDS][0] for yard in (0, 20)}
    assert at[0][YARDS == 1].item() == pytest.approx(np.exp(-0.5))
    assert at[20][YARDS == 22].item() == pytest.approx(np.exp(-0.5))
    assert (weights > 0).all()


def test_isotonic_distributions_pool_violators_by_hand() -> None:
    # Thresholds 0, 1, 2. Points 1, 2, 3 with outcomes 1, 0, 2: below 0 the shares 0, 1, 0 must fall
    # with the point, so the first two pool to 1/2.
    fitted = IsotonicDistributions.fit(np.array([3.0, 1.0, 2.0]), np.array([2, 1, 0]), 3)
    assert fitted.points.tolist() == [1, 2, 3]
    np.testing.assert_allclose(fitted.cdf, [[0.5, 1, 1], [0.5, 1, 1], [0, 0, 1]])
    # Halfway between two points, and beyond both ends.
    masses = fitted.masses(np.array([2.5, -9.0, 9.0]))
    np.testing.assert_allclose(masses, [[0.25, 0.25, 0.5], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])


def test_isotonic_distributions_weigh_ties() -> None:
    # The point 1 stands for two plays, of which one is at 0; the point 2 for one at 0.
    fitted = IsotonicDistributions.fit(np.array([1.0, 1.0, 2.0]), np.array([0, 1, 0]), 2)
    np.testing.assert_allclose(fitted.cdf, [[2 / 3, 1], [2 / 3, 1]])


def test_a_single_point_has_the_distribution_of_all() -> None:
    fitted = IsotonicDistributions.fit(np.array([4.0, 4.0]), np.array([0, 1]), 2)
    np.testing.assert_allclose(fitted.masses(np.array([0.0, 4.0, 9.0])), 0.5)


def test_isotonic_distributions_are_scikit_learns_regression_at_each_threshold() -> None:
    isotonic = pytest.importorskip("sklearn.isotonic", reason="scikit-learn is not installed")
    generator = np.random.default_rng(3)
    points = generator.integers(0, 40, 300).astype(float)
    bins = generator.binomial(19, 0.2 + points / 80)
    fitted = IsotonicDistributions.fit(points, bins, 20)
    for threshold in range(20):
        oracle = isotonic.IsotonicRegression(increasing=False).fit(points, bins <= threshold)
        at = oracle.predict(fitted.points)
        np.testing.assert_allclose(fitted.cdf[:, threshold], at, atol=1e-9)
    assert (np.diff(fitted.cdf, axis=1) >= -1e-12).all()


# Distributions that are known


def examples_of(league: League) -> tuple[Examples, Examples, Examples]:
    """Five weeks to learn from, one to stop by, and two of the next season to judge on."""
    plays = read_plays(league.plays).plays
    examples = Examples(plays, feature_matrix(plays, SCHEMA), SCHEMA, Outcome.YARDS)
    season, week = plays["season"].to_numpy(), plays["week"].to_numpy()
    first = season == season.min()
    return (
        examples[first & (week <= 5)],
        examples[first & (week == 6)],
        examples[~first & (week <= 2)],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fit", "share"),
    [
        # Of climatology's distance to the true distribution: measured .092, .128, .188, .129 and
        # .601 with so few plays to learn from, .049, .062, .136, .06 and .514 with a whole season.
        (fit_hazard, 0.11),
        (fit_cp_xyac, 0.15),
        (fit_air_yards, 0.22),
        (fit_quantile_forest, 0.16),
        (fit_idr, 0.7),
    ],
)
def test_a_known_distribution_is_recovered(league: League, fit: Fit, share: float) -> None:
    training, validation, judged = examples_of(league)
    # The simulated defense and passer are not known to a forecast: the average ones are its truth.
    truth = judged.plays.select("game_id", "play_id").join(
        league.truth, on=["game_id", "play_id"], maintain_order="left"
    )
    true_cdf = OutcomeDistribution.from_frame(truth).cdf(YARDS[None])
    high = judged.plays["yards_max"].to_numpy()[:, None]
    counts = GRIDS[Outcome.YARDS].counts(training.observed)

    def distance(masses: np.ndarray) -> float:
        """Mean excess of the expected CRPS over that of the true distribution."""
        cdf = np.where(high <= YARDS, 1.0, masses.cumsum(axis=1))
        return float(((cdf - true_cdf) ** 2).sum(axis=1).mean())

    climatology = distance(np.broadcast_to(counts / counts.sum(), true_cdf.shape))
    masses = with_climatology(fit(training, validation, 0).masses(judged.features), counts)
    np.testing.assert_allclose(masses.sum(axis=1), 1, atol=1e-9)
    assert distance(masses) < share * climatology


# TabPFN, by a stand-in with its interface


class GatedError(Exception):
    """TabPFN's error of absent weights is neither an OSError nor a RuntimeError."""


def stand_in(fail: str | None = None) -> types.ModuleType:
    """A module with a regressor whose buckets of two yards are those of the training mean."""

    class TabPFNRegressor:
        def __init__(self, *, random_state: int, ignore_pretraining_limits: bool) -> None:
            assert (random_state, ignore_pretraining_limits) == (0, True)

        def fit(self, features: np.ndarray, observed: np.ndarray) -> None:
            if fail is not None:
                raise GatedError(fail)
            assert features.shape == (len(observed), len(SCHEMA.names))
            self.rows = len(observed)

        def predict(self, features: np.ndarray, *, output_type: str) -> dict[str, object]:
            assert output_type == "full"
            logits = torch.tensor([0.0, 1.0, 0.0, 0.0]).expand(len(features), -1)
            borders = torch.tensor([-1.0, 1.0, 3.0, 5.0, 7.0])
            return {"logits": logits, "criterion": types.SimpleNamespace(borders=borders)}

    module = types.ModuleType("tabpfn")
    module.TabPFNRegressor = TabPFNRegressor  # type: ignore[attr-defined]
    return module


def few_examples(rows: Rows) -> Examples:
    plays = read_plays(rows(*[{}] * 5)).plays
    return Examples(plays, feature_matrix(plays, SCHEMA), SCHEMA, Outcome.YARDS)


def test_tabpfns_buckets_become_whole_yards(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tabpfn", stand_in())
    examples = few_examples(rows)
    masses = fit_tabpfn(examples, examples, 0).masses(examples.features)
    assert masses.shape == (5, 211)
    np.testing.assert_allclose(masses.sum(axis=1), 1)
    # From 1 to 3 yards, e / (e + 3): a quarter, a half and a quarter of it at 1, 2 and 3 yards,
    # beside a quarter of the bucket from 3 to 5, 1 / (e + 3), at 3.
    bucket = np.exp([1.0, 0.0]) / (np.e + 3)
    at = {yard: masses[0, yard == YARDS].item() for yard in (2, 3)}
    assert at == pytest.approx({2: bucket[0] / 2, 3: bucket[0] / 4 + bucket[1] / 4}, rel=1e-6)


def test_tabpfn_without_weights_says_why(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tabpfn", stand_in("no weights at hand.\nand more"))
    examples = few_examples(rows)
    with pytest.raises(RequestError, match=r"could not be fitted \(no weights at hand\)"):
        fit_tabpfn(examples, examples, 0)
