"""A fit hangs on what is known of the rows, not on their order or on how a number is written."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

pytest.importorskip("sklearn", reason="the extra 'sklearn' is not installed")
pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor as Regressor
from splicedpareto.training import FitSettings

TINY: dict[str, Any] = {
    "bins": 20,
    "width": 8,
    "blocks": 0,
    "max_epochs": 2,
    "early_stopping": False,
    "random_state": 0,
}
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 2))
Y = X[:, 0] + RANDOM.standard_t(3, 120)
TIMES, ENDS = np.exp(Y), RANDOM.exponential(2, 120)
SEEN = np.minimum(TIMES, ENDS)
CENSORED = np.c_[SEEN, np.where(ENDS < TIMES, np.inf, SEEN)]
ROUNDED = np.c_[np.floor(Y), np.floor(Y) + 1]
AMOUNTS = np.where(RANDOM.uniform(size=120) < 0.4, 0, np.exp(Y))


def quantiles(
    x: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None, levels=(0.1, 0.5, 0.99)
) -> npt.NDArray[Any]:
    return Regressor(**TINY).fit(x, y, weight).predict_quantiles(X, levels)


@pytest.mark.parametrize("y", [CENSORED, ROUNDED], ids=["right-censored", "rounded"])
@pytest.mark.sample(1)
def test_order_weight_and_sign_of_intervals_change_nothing(y: npt.NDArray[Any]) -> None:
    found = quantiles(X, y)
    order = RANDOM.permutation(len(X))
    np.testing.assert_allclose(quantiles(X[order], y[order]), found, rtol=1e-9, atol=1e-12)
    twice = np.r_[0:120, 0:40]
    weight = np.where(np.arange(120) < 40, 2.0, 1.0)
    np.testing.assert_allclose(
        quantiles(X[twice], y[twice]), quantiles(X, y, weight), rtol=1e-9, atol=1e-12
    )
    mirrored = quantiles(X, -y[:, ::-1], levels=(0.9, 0.5, 0.01))
    np.testing.assert_allclose(-mirrored, found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("draw", [2, 5])
def test_whole_weights_are_rows_of_known_targets_too(draw: int) -> None:
    # Of the second draw the effective number of weighted rows is fewer than the repeated ones, and
    # whether the targets end below hung on it: the .001 quantile was off by 3.5.
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 3))
    y = x[:, 0] + random.standard_t(3, 120)
    weight = np.random.default_rng(draw).integers(0, 3, 120)
    again = np.repeat(np.arange(120), weight)
    settings = TINY | {"bins": 10, "max_epochs": 1, "batch_size": 480}
    weighted = Regressor(**settings).fit(x, y, weight).predict_quantiles(x, [0.001, 0.5])
    repeated = Regressor(**settings).fit(x[again], y[again]).predict_quantiles(x, [0.001, 0.5])
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9, atol=1e-9)


def test_numbers_of_numpy_are_numbers() -> None:
    settings = TINY | {
        "max_epochs": np.int64(2),
        "learning_rate": np.float64(0.01),
        "weight_decay": np.float32(0.01),
        "patience": np.int64(3),
        "support": (np.float32(-1e3), None),
    }
    assert Regressor(**settings).fit(X, Y).support_ == (-1000.0, None)
    assert type(FitSettings(learning_rate=np.float64(0.1)).learning_rate) is float


@pytest.mark.parametrize(
    "atoms",
    [np.array([0.0]), {0}, range(1), pd.Series([0.0]), torch.tensor([0.0])],
    ids=["array", "set", "range", "series", "tensor"],
)
@pytest.mark.sample(2)
def test_atoms_of_any_kind_are_saved_and_fitted_again(atoms: Any, tmp_path: Path) -> None:
    model = Regressor(**TINY, atoms=atoms, support=np.array([0.0, 1e4])).fit(X, AMOUNTS)
    model.save(tmp_path / "model.npz")
    again = Regressor.load(tmp_path / "model.npz")
    assert again.fit(X, AMOUNTS).atoms_ == (0.0,)
    assert again.support == (0.0, 1e4)


def test_a_refused_fit_leaves_the_former_one() -> None:
    model = Regressor(**TINY).fit(X, Y)
    found = model.predict(X)
    with pytest.raises(ValueError, match=r"X has 1 features, but .* is expecting 2 features"):
        model.set_params(warm_start=True).fit(X[:, :1], Y)
    with pytest.raises(ValueError, match="support must hold all values"):
        model.set_params(warm_start=False, support=(0, None)).fit(X[:, :1], Y)
    np.testing.assert_array_equal(model.predict(X), found)


def test_a_fit_goes_on_with_its_columns_in_their_order() -> None:
    table = pd.DataFrame(X, columns=["air_yards", "down"])
    model = Regressor(**TINY, warm_start=True).fit(table, Y)
    found = model.predict(table)
    for other in (table[["down", "air_yards"]], table.rename(columns={"down": "distance"})):
        for y in (Y, ROUNDED):
            with pytest.raises(ValueError, match="feature names should match"):
                model.fit(other, y)
    assert list(model.feature_names_in_) == ["air_yards", "down"]
    np.testing.assert_array_equal(model.predict(table), found)


def with_interval(*ends: float, rows: int = 1) -> npt.NDArray[Any]:
    y = np.c_[AMOUNTS, AMOUNTS] + 0.5
    y[:rows] = ends
    return y


def test_an_interval_that_meets_the_support_is_kept() -> None:
    model = Regressor(**TINY, support=(0, None)).fit(X, with_interval(-5, 3, rows=20))
    assert (model.predict_quantiles(X, 0.001) >= 0).all()
    atoms = Regressor(**TINY, support=(0, None), atoms=[0]).fit(X, with_interval(-np.inf, 0))
    assert atoms.atoms_ == (0.0,)


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [
        ({"support": (0, None)}, with_interval(-1, 0), "got (-1, 0] in row 0 and 0 others"),
        ({"support": (0, None)}, with_interval(-np.inf, 0, rows=9), "(-inf, 0] in row 0 and 8"),
        ({"support": (None, 90)}, with_interval(90, 95), "(90, 95] in row 0"),
        ({"support": {0, None}}, AMOUNTS, "support must be (lowest, highest), in order"),
        ({"concentration_range": (-2, -1)}, Y, "concentration_range must begin at -1 at least"),
        ({"discrete": True, "atoms": [0.5]}, AMOUNTS.round(), "atoms must be whole numbers"),
    ],
)
def test_what_no_target_can_have_is_refused(
    settings: dict[str, Any], y: npt.NDArray[Any], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Regressor(**TINY | settings).fit(X, y)


@pytest.mark.parametrize(
    ("x", "weight", "words"),
    [
        (X, np.full(120, 1.7e308), "sample_weight must have a sum that is a number"),
        (X, ["a"] * 120, "sample_weight must hold numbers"),
        ([[1, 2], [3]], None, "X must have rows of one length"),
        ([[[1, 2], [3]]] * 2, None, "row 0 of X must have rows of one length"),
        ((row for row in X), None, "X must be an array or a table, got generator"),
        (
            pd.DataFrame({"depth": X[:, 0], "team": ["KC", "SF"] * 60}),
            None,
            "X must hold numbers, got words or categories in column 'team'",
        ),
        (
            pd.DataFrame({"team": pd.Categorical(["KC", "SF"] * 60)}),
            None,
            "(could not convert string to float: 'KC'): encode them as numbers",
        ),
        (
            pd.DataFrame({"a": X[:, 0], "day": pd.date_range("2021-09-09", periods=120)}),
            None,
            "X must hold numbers, got datetime64[ns] in column 'day'",
        ),
    ],
    ids=["weights", "words", "rows", "sequences", "generator", "column", "categories", "dates"],
)
def test_rows_and_weights_that_are_none_are_refused(x: Any, weight: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Regressor(**TINY).fit(x, Y, weight)


def test_atoms_begin_at_their_share_whatever_the_unit_of_the_weights() -> None:
    def share(weight: npt.NDArray[Any] | None) -> float:
        model = Regressor(**TINY | {"max_epochs": 1}, atoms="auto", support=(0, None))
        distribution = model.fit(X, AMOUNTS, weight).predict_distribution(X)
        return distribution.cdf(torch.tensor(0.0)).mean().item()

    assert share(np.full(120, 1 / 120)) == pytest.approx(share(None), rel=1e-9)
    assert share(None) == pytest.approx((AMOUNTS == 0).mean(), abs=0.02)


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [
        ({}, np.tile([0.0, 1.0], (120, 1)), "All targets are in one interval, 0 to 1"),
        ({"atoms": [1e9]}, Y, "No target is at atoms 1e+09"),
    ],
)
def test_what_rows_do_not_tell_is_warned_of(
    settings: dict[str, Any], y: npt.NDArray[Any], words: str
) -> None:
    with pytest.warns(UserWarning, match=re.escape(words)):
        Regressor(**TINY, **settings).fit(X, y)


def test_a_column_of_targets_validates() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Regressor(**TINY | {"early_stopping": True}).fit(X, Y, validation=(X, Y[:, None]))
    assert model.n_iter_ == 2


# Counts


def test_counts_censored_on_the_left_are_not_negative() -> None:
    counts = RANDOM.poisson(3, 120)
    y = np.c_[np.where(counts < 3, -np.inf, counts), np.maximum(counts, 2)]
    assert Regressor(**TINY, discrete=True).fit(X, y).support_ == (0, None)


@pytest.mark.parametrize(("mean", "moving"), [(500, True), (500, False), (5, True)])
@pytest.mark.slow
def test_zeros_of_counts_are_learned(mean: float, moving: bool) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(600, 2))
    chance = 5 / (5 + mean * np.exp(0.4 * x[:, 0]))
    y = np.where(random.uniform(size=600) < 0.33, 0, random.negative_binomial(5, chance))
    settings = TINY | {"max_epochs": 8, "bins": 20, "learning_rate": 0.02}
    model = Regressor(**settings, discrete=True, moving=moving).fit(x, y)
    assert model.atoms_ == (0.0,)
    distribution = model.predict_distribution(x)
    at_most = [distribution.cdf(torch.tensor(float(k))).mean().item() for k in (0, 1)]
    assert at_most[0] == pytest.approx((y == 0).mean(), abs=0.03)
    assert at_most[1] - at_most[0] == pytest.approx((y == 1).mean(), abs=0.025)


def test_counts_without_one_that_stands_out_have_no_atoms() -> None:
    counts = np.random.default_rng(1).poisson(3, 120)
    assert Regressor(**TINY, discrete=True).fit(X, counts).atoms_ == ()
    assert Regressor(**TINY, discrete=True, atoms=()).fit(X, 9 * counts).atoms_ == ()


def test_counts_with_an_atom_far_away_have_all_quantiles() -> None:
    random = np.random.default_rng(2)
    y = np.where(random.uniform(size=120) < 0.6, 999, random.poisson(10, 120))
    model = Regressor(**TINY, discrete=True).fit(X, y)
    found = model.predict_quantiles(X, [0.1, 0.9])
    assert (found[:, 0] < 30).all()
    assert (found[:, 1] == 999).all()


def test_intervals_of_counts_include_their_lower_end() -> None:
    low = RANDOM.poisson(4, 120) // 2 * 2
    model = Regressor(**TINY, discrete=True, atoms=[0]).fit(X, np.c_[low, low + 1])
    assert model.atoms_ == (0.0,)


def test_targets_below_a_limit_are_spread_down_to_the_support() -> None:
    z = np.random.default_rng(3).gamma(2, 2, 120)
    y = np.c_[np.where(z < 2, -np.inf, z), np.maximum(z, 2)]
    distribution = Regressor(**TINY, support=(0, None)).fit(X, y).predict_distribution(X)
    # Of a gamma distribution .0012 lies below .1; of half of the scale more than half was at 0.
    assert distribution.cdf(torch.tensor(0.1)).mean().item() < 0.03
