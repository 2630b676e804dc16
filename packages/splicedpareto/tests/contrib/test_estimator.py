"""The regressor has scikit-learn's interface and predicts distributions of the target."""

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

pytest.importorskip("sklearn", reason="the extra 'sklearn' is not installed")
pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor as Regressor
from splicedpareto.distributions import SplicedBinnedPareto

# One batch and no dropout, where a weight equals a repetition up to rounding.
TINY: dict[str, Any] = {"bins": 10, "width": 8, "blocks": 1, "max_epochs": 1, "random_state": 0}
# scikit-learn asks for a score of one half on 200 rows: more than one step.
LEARNING = TINY | {"max_epochs": 8, "batch_size": 32, "learning_rate": 0.1, "early_stopping": False}


def named_checks() -> list[Any]:
    """scikit-learn's checks, each on the least settings with which it can pass."""
    checks, found = [], set()
    for estimator, check in estimator_checks_generator(Regressor(**TINY)):
        name = check.func.__name__
        if name == "check_regressors_train":
            # scikit-learn gives the same estimator to all checks.
            estimator = clone(estimator).set_params(**LEARNING)  # noqa: PLW2901  # one of its own
        # Of the same check with other arguments one is enough to see in a moment.
        slow = [pytest.mark.slow] if name in found else []
        found.add(name)
        checks.append(pytest.param(estimator, check, id=f"{len(checks)}-{name}", marks=slow))
    return checks


@pytest.mark.parametrize(("estimator", "check"), named_checks())
@pytest.mark.filterwarnings("default")
@pytest.mark.sample(14)
def test_scikit_learn_accepts_the_estimator(
    estimator: Regressor, check: Callable[[Any], None]
) -> None:
    check(estimator)


def heavy_tailed(count: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Location 2 x0, scale exp(x1), Student's t with 3 degrees of freedom."""
    random = np.random.default_rng(seed)
    inputs = random.uniform(-1, 1, (count, 2))
    return inputs, 2 * inputs[:, 0] + np.exp(inputs[:, 1]) * random.standard_t(3, count)


@pytest.fixture(scope="module")
def fitted() -> Regressor:
    inputs, targets = heavy_tailed(2500, 0)
    model = Regressor(width=32, max_epochs=10, blocks=1, random_state=0)
    return model.fit(inputs.astype(np.float32), targets)


def test_distribution_is_calibrated_and_heavy_tailed(fitted: Regressor) -> None:
    inputs, targets = heavy_tailed(4000, 1)
    distribution = fitted.predict_distribution(inputs)
    assert isinstance(distribution, SplicedBinnedPareto)
    pit = distribution.cdf(torch.from_numpy(targets).float())
    levels = torch.tensor([0.01, 0.1, 0.5, 0.9, 0.99])
    covered = (pit[:, None] <= levels).double().mean(0).numpy()
    # Three standard errors of a share of 4,000 are 0.024 at one half and 0.005 at .01.
    np.testing.assert_allclose(covered, levels, atol=0.035)
    assert covered[0] < 0.02
    assert covered[-1] > 0.98
    # A t of 3 degrees of freedom has concentration 1/3.
    assert 0.1 < distribution.upper_concentration.mean() < 0.55


def test_median_and_quantiles_follow_the_truth(fitted: Regressor) -> None:
    at = np.array([[-0.8, 0.0], [0.8, 0.0], [0.0, -0.8], [0.0, 0.8]])
    median, upper = fitted.predict(at), fitted.predict_quantiles(at, 0.9)
    np.testing.assert_allclose(median, 2 * at[:, 0], atol=0.4)
    # The .9 quantile of a t with 3 degrees of freedom is 1.638; its scales differ by exp(1.6).
    spread = upper - median
    np.testing.assert_allclose(spread[:2], 1.638, rtol=0.35)
    assert 2.5 < spread[3] / spread[2] < 8


def test_score_is_the_share_of_climatologys_crps_that_is_saved(fitted: Regressor) -> None:
    inputs, targets = heavy_tailed(300, 2)
    weights = np.arange(300) % 4
    distribution = fitted.predict_distribution(inputs)
    ours = np.average(distribution.crps(torch.from_numpy(targets)).numpy(), weights=weights)
    pairs = np.abs(targets[:, None] - targets)
    climatology = (weights[:, None] * weights * pairs).sum() / weights.sum() ** 2 / 2
    assert fitted.score(inputs, targets, weights) == pytest.approx(1 - ours / climatology, rel=1e-5)
    assert fitted.score(inputs, targets) > 0.15


def test_what_a_prediction_is_asked_is_checked(fitted: Regressor) -> None:
    distribution = fitted.predict_distribution(heavy_tailed(2, 3)[0])
    assert isinstance(distribution, SplicedBinnedPareto)
    with pytest.raises(ValueError, match=r"value must be in \[0, 1\], got 2"):
        distribution.icdf(torch.tensor(2.0))
    with pytest.raises(ValueError, match=r"level must be in \[0, 1\], got -1"):
        distribution.expected_shortfall(-1.0)


def test_quantiles_are_those_of_the_distribution(fitted: Regressor) -> None:
    inputs, _ = heavy_tailed(7, 3)
    levels = [0.001, 0.5, 0.9, 1 - 1e-9]
    quantiles = fitted.predict_quantiles(inputs, levels)
    assert quantiles.shape == (7, 4)
    assert (np.diff(quantiles, axis=1) > 0).all()
    distribution = fitted.predict_distribution(inputs)
    np.testing.assert_allclose(quantiles[:, 3], distribution.isf(torch.tensor(1e-9)), rtol=1e-5)
    np.testing.assert_allclose(quantiles[:, 0], distribution.icdf(torch.tensor(0.001)), rtol=1e-5)
    np.testing.assert_array_equal(fitted.predict_quantiles(inputs, 0.5), quantiles[:, 1])
    np.testing.assert_array_equal(fitted.predict(inputs), quantiles[:, 1])


def test_mean_is_that_of_the_distribution_and_finite(fitted: Regressor) -> None:
    inputs, _ = heavy_tailed(7, 3)
    mean = pickle.loads(pickle.dumps(fitted)).set_params(statistic="mean").predict(inputs)  # noqa: S301  # our own
    np.testing.assert_array_equal(mean, fitted.predict_distribution(inputs).mean)
    assert np.isfinite(mean).all()
    assert not np.array_equal(mean, fitted.predict(inputs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_computation_has_the_type_of_the_rows(dtype: type) -> None:
    inputs, targets = heavy_tailed(50, 0)
    model = Regressor(**TINY).fit(inputs.astype(dtype), targets)
    assert model.predict(inputs).dtype == dtype


@pytest.mark.parametrize(
    ("location", "scale"), [(100.0, 1.0), (0.0, 1e-3), (-5.0, 1e4), (0.0, 1e290)]
)
@pytest.mark.sample(2)
def test_predictions_move_with_the_target(location: float, scale: float) -> None:
    inputs, targets = heavy_tailed(60, 0)
    settings = TINY | {"max_epochs": 3, "spacing": "quantile"}
    one, other = (
        Regressor(**settings).fit(inputs, moved).predict_quantiles(inputs, [0.1, 0.99])
        for moved in (targets, location + scale * targets)
    )
    np.testing.assert_allclose(other, location + scale * one, rtol=1e-6, atol=1e-6 * scale)


def test_targets_past_single_precision_are_in_double() -> None:
    inputs, targets = heavy_tailed(60, 0)
    model = Regressor(**TINY).fit(inputs.astype(np.float32), 1e35 * targets)
    assert model.predict(inputs.astype(np.float32)).dtype == np.float64


# scikit-learn sums a table to see whether it is finite.
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce")
def test_the_largest_features_leave_the_loss_a_number() -> None:
    inputs, targets = heavy_tailed(60, 0)
    model = Regressor(**TINY).fit(np.sign(inputs) * 1.7e308, targets)
    assert np.isfinite(model.predict(inputs)).all()


def test_random_state_decides_all() -> None:
    inputs, targets = heavy_tailed(60, 0)
    model = Regressor(**TINY | {"dropout": 0.3, "max_epochs": 2})
    first, again = (clone(model).fit(inputs, targets).predict(inputs) for _ in range(2))
    other = clone(model).set_params(random_state=1).fit(inputs, targets).predict(inputs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fit_leaves_the_global_random_state_alone() -> None:
    inputs, targets = heavy_tailed(30, 0)
    before = torch.get_rng_state()
    Regressor(**TINY).fit(inputs, targets)
    assert torch.equal(torch.get_rng_state(), before)


def test_early_stopping_ends_before_the_last_epoch() -> None:
    random = np.random.default_rng(0)
    inputs, targets = random.normal(size=(40, 5)), random.normal(size=40)  # nothing to learn
    settings = TINY | {"max_epochs": 40, "learning_rate": 0.1, "patience": 3}
    assert Regressor(**settings).fit(inputs, targets).n_iter_ < 40


def sequences(count: int, seed: int) -> tuple[list[npt.NDArray[Any]], npt.NDArray[Any]]:
    """Ragged sequences whose last steps of the first column decide on the target."""
    random = np.random.default_rng(seed)
    rows = [random.normal(size=(length, 2)) for length in random.integers(3, 9, count)]
    last = np.array([row[-1, 0] + row[-2, 0] for row in rows])
    return rows, 3 * last + random.standard_t(3, count)


@pytest.mark.slow
def test_sequences_are_learnt_from() -> None:
    rows, targets = sequences(400, 0)
    settings = LEARNING | {"levels": 1, "width": 16, "max_epochs": 6, "learning_rate": 0.03}
    model = Regressor(**settings).fit([r.astype(np.float32) for r in rows], targets)
    unseen, outcome = sequences(300, 1)
    assert model.n_features_in_ == 2
    assert model.score(unseen, outcome) > 0.3


def test_sequences_of_equal_length_may_be_an_array() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 5, 3))
    targets = rows[:, -1, 0]
    model = Regressor(**TINY).fit(rows, targets)
    np.testing.assert_array_equal(model.predict(rows), model.predict(list(rows)))


@pytest.mark.parametrize("ragged", [False, True], ids=["table", "sequences"])
@pytest.mark.sample(1)
def test_weight_is_repetition(ragged: bool) -> None:
    rows, targets = sequences(24, 0) if ragged else heavy_tailed(24, 0)
    weights = np.arange(24) % 3
    index = np.repeat(np.arange(24), weights)
    repeated = [rows[i] for i in index] if ragged else rows[index]  # type: ignore[call-overload,index]
    settings = TINY | {"max_epochs": 3, "levels": 2}
    weighted = Regressor(**settings).fit(rows, targets, weights)
    other = Regressor(**settings).fit(repeated, targets[index])
    np.testing.assert_allclose(weighted.predict(rows), other.predict(rows), rtol=1e-6)
    even = Regressor(**settings).fit(rows, targets)
    assert not np.allclose(weighted.predict(rows), even.predict(rows), rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statistic": "mode"}, "statistic must be 'median' or 'mean', got 'mode'"),
        (
            {"statistic": "mean", "concentration_range": (0.0, 1.5)},
            "concentration_range must end at 1 at most",
        ),
        ({"validation_share": 1.0}, r"validation_share must be in \(0, 1\), got 1.0"),
        (
            {"spacing": "log"},
            "spacing must be 'robust', 'quantile', 'uniform' or 'mixed', got 'log'",
        ),
        ({"spacing": np.zeros(2)}, "spacing must be 'robust', 'quantile', 'uniform' or"),
        ({"statistic": np.zeros(2)}, "statistic must be 'median' or 'mean', got array"),
        ({"learning_rate": 1e9}, "learning_rate must be at most 1, got 1000000000.0"),
        ({"weight_decay": 1e9}, "weight_decay must be at most 1 / learning_rate, got"),
        ({"bins": 10**30}, "bins must be at most 65536"),
        ({"levels": 0}, "levels must be at least 1, got 0"),
        ({"atoms": b"x"}, "atoms must be None, 'auto' or a list of values, got b'x'"),
        ({"atoms": [1j]}, "atoms must be None, 'auto' or a list of values"),
        ({"support": (0, 1j)}, r"support must be \(lowest, highest\)"),
    ],
)
def test_settings_that_break_their_rule_are_refused(settings: dict[str, Any], message: str) -> None:
    inputs, targets = heavy_tailed(20, 0)
    with pytest.raises(ValueError, match=message):
        Regressor(**TINY | settings).fit(inputs, targets)


def test_sequences_that_break_their_rule_are_refused() -> None:
    rows, targets = sequences(6, 0)
    model = Regressor(**TINY)
    gap = [*rows[:5], np.full((4, 2), np.nan)]
    for wrong, message in (
        (gap, "got NaN or infinity in sequence 5"),
        ([*rows[:5], np.zeros((4, 3))], r"shape \(T, 2\) with T at least 1, got \(4, 3\) at 5"),
        ([*rows[:5], np.zeros((0, 2))], r"got \(0, 2\) at 5"),
        (np.zeros((0, 4, 2)), "at least one sequence, got none"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(wrong, targets)
    with pytest.raises(ValueError, match="one finite target for each of the 6 sequences"):
        model.fit(rows, targets[:5])
    with pytest.raises(ValueError, match="at least one non-zero number"):
        model.fit(rows, targets, np.zeros(6))


def test_rows_of_another_kind_than_fitted_are_refused() -> None:
    rows, targets = sequences(20, 0)
    model = Regressor(**TINY).fit(rows, targets)
    with pytest.raises(ValueError, match=r"X must be sequences, .* got a table"):
        model.predict(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="sequences of 2 columns, as in fit, got 5"):
        model.predict(np.zeros((3, 4, 5)))
    table, outcome = heavy_tailed(20, 0)
    with pytest.raises(ValueError, match=r"X must be a table .* got sequences"):
        model.fit(table, outcome).predict(rows)


@pytest.mark.parametrize(
    "level", [-0.1, [0.5, 1.1], float("nan"), [[0.5]], "a", "1", True, [], 1j], ids=str
)
def test_levels_outside_the_unit_interval_are_refused(fitted: Regressor, level: Any) -> None:
    with pytest.raises(ValueError, match=r"q must be a level in \[0, 1\]"):
        fitted.predict_quantiles(np.zeros((1, 2)), level)


def test_no_distribution_before_the_fit() -> None:
    with pytest.raises(NotFittedError):
        Regressor().predict_distribution(np.zeros((1, 2)))


def test_equal_targets_have_no_skill(fitted: Regressor) -> None:
    assert np.isnan(fitted.score(np.zeros((3, 2)), np.ones(3)))


def test_score_needs_a_target_for_each_row(fitted: Regressor) -> None:
    with pytest.raises(ValueError, match="got 2 for 3"):
        fitted.score(np.zeros((3, 2)), np.ones(2))
    with pytest.raises(ValueError, match="y must hold numbers, got"):
        fitted.score(np.zeros((3, 2)), ["a", "b", "c"])


@pytest.mark.parametrize(
    "dates",
    [
        np.arange("2020-01-01", "2020-01-21", dtype="datetime64[D]"),
        np.arange(20).astype("timedelta64[s]"),
        np.arange(20).astype(str),
    ],
    ids=["dates", "spans", "words"],
)
def test_dates_and_words_are_no_numbers(dates: np.ndarray) -> None:
    inputs, targets = heavy_tailed(20, 0)
    with pytest.raises(ValueError, match="y must hold numbers, got "):
        Regressor(**TINY).fit(inputs, dates)
    with pytest.raises(ValueError, match="X must hold numbers, got "):
        Regressor(**TINY).fit(np.stack([dates, dates], 1), targets)
    with pytest.raises(ValueError, match="sequence 0 of X must hold numbers, got "):
        Regressor(**TINY).fit([dates[:, None]] * 3, targets[:3])


def test_lost_resolution_is_told_once() -> None:
    inputs, targets = heavy_tailed(400, 0)
    near = np.where(np.arange(400) < 350, 1e-9 * targets, targets)
    with pytest.warns(UserWarning, match="One bin") as told:
        Regressor(**TINY | {"bins": 8, "spacing": "uniform"}).fit(inputs, near)
    messages = [str(warning.message) for warning in told if "One bin" in str(warning.message)]
    assert len(messages) == 1
    assert "choose more bins, spacing='robust', or transform" in messages[0]
    # In the unit of the targets.
    low, high = (float(end) for end in re.findall(r"from (\S+) to (\S+), holds", messages[0])[0])
    assert targets.min() - 1 <= low < np.median(near) < high <= targets.max() + 1
