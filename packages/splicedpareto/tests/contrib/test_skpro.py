"""The skpro adapter passes skpro's own tests and returns the exact values of our distributions."""

import numpy as np
import pytest
import torch

pytest.importorskip("skpro", reason="the extra 'skpro' is not installed")

import pandas as pd
from skpro.metrics import CRPS
from skpro.utils import check_estimator

from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor
from splicedpareto.contrib.skpro import SplicedBinnedParetoProbaRegressor, SplicedBinnedParetoTable
from splicedpareto.distributions import SplicedBinnedPareto

# skpro tells of what it approximates and of pandas' own changes.
pytestmark = pytest.mark.filterwarnings("ignore")

EDGES = torch.linspace(-3, 4, 8, dtype=torch.float64)
LOGITS = torch.linspace(-1, 1, 21, dtype=torch.float64).reshape(3, 7)
X = pd.DataFrame({"x": np.linspace(-1, 1, 80)}, index=range(100, 180))
Y = pd.DataFrame({"gain": X["x"] + np.random.default_rng(0).standard_t(3, 80)})


@pytest.fixture(scope="module")
def model() -> SplicedBinnedParetoProbaRegressor:
    regressor = SplicedBinnedParetoRegressor(bins=10, max_epochs=3, random_state=0)
    return SplicedBinnedParetoProbaRegressor(regressor).fit(X, Y)


@pytest.mark.parametrize(
    "adapter",
    [
        SplicedBinnedParetoTable,
        pytest.param(SplicedBinnedParetoProbaRegressor, marks=pytest.mark.slow),
    ],
)
def test_skpro_accepts_the_adapter(adapter: type) -> None:
    results = check_estimator(adapter, raise_exceptions=False, verbose=False)
    assert len(results) > 20
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}


def test_predicted_distributions_are_those_of_the_regressor(
    model: SplicedBinnedParetoProbaRegressor,
) -> None:
    table = model.predict_proba(X[:4])
    expected = model.regressor_.predict_distribution(X[:4])
    assert list(table.index) == [100, 101, 102, 103]
    assert list(table.columns) == ["gain"]
    levels = torch.tensor([0.01, 0.3, 0.5, 0.999], dtype=torch.float64)
    quantiles = table.ppf(levels[:, None].numpy())
    np.testing.assert_array_equal(quantiles["gain"], expected.icdf(levels).numpy())
    at = torch.as_tensor(quantiles["gain"].to_numpy())
    np.testing.assert_array_equal(table.pdf(quantiles)["gain"], expected.log_prob(at).exp())
    np.testing.assert_array_equal(table.cdf(quantiles)["gain"], expected.cdf(at))
    np.testing.assert_array_equal(table.surv(quantiles)["gain"], expected.sf(at))
    np.testing.assert_array_equal(table.mean()["gain"], expected.mean)
    np.testing.assert_array_equal(table.var()["gain"], expected.variance)
    np.testing.assert_array_equal(model.predict(X[:4])["gain"], expected.mean)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("scales", [(), (0.7, 1.3)])
def test_selected_rows_keep_their_distributions(splice: str, scales: tuple[float, ...]) -> None:
    logits = LOGITS if splice == "quantile" else torch.cat([LOGITS, LOGITS[:, :2]], -1)
    whole = SplicedBinnedPareto(logits, EDGES, 0.1, 0.2, *scales, splice=splice)
    table = SplicedBinnedParetoTable(whole, index=pd.Index(list("abc")), columns=pd.Index(["y"]))
    x = np.array([[-9.0], [0.3], [8.0]])
    cdf = table.cdf(x)
    pd.testing.assert_frame_equal(table.loc[["c", "a"]].cdf(x[[2, 0]]), cdf.loc[["c", "a"]])
    assert table.iat[1, 0].cdf(0.3) == cdf.loc["b", "y"]
    pd.testing.assert_frame_equal(table.cdf(pd.DataFrame(x, list("abc"), ["y"])[::-1]), cdf[::-1])


def test_crps_is_exact(model: SplicedBinnedParetoProbaRegressor) -> None:
    expected = model.regressor_.predict_distribution(X).crps(torch.as_tensor(Y["gain"].to_numpy()))
    crps = CRPS().evaluate_by_index(Y, model.predict_proba(X))
    np.testing.assert_allclose(crps.to_numpy().squeeze(), expected.numpy(), rtol=1e-9)


@pytest.mark.parametrize("a", [1, 2, 3.5])
def test_norm_of_the_density_is_its_quadrature(a: float) -> None:
    whole = SplicedBinnedPareto(LOGITS, EDGES, 0.1, 0.2)
    table = SplicedBinnedParetoTable(whole, index=pd.Index(list("abc")))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    for row, label in enumerate("abc"):
        # The density steps at the edges and at both thresholds.
        thresholds = [whole.icdf(level)[row].item() for level in (0.05, 0.95)]
        steps = np.array(sorted([-99, *EDGES.tolist(), *thresholds, 99]))
        half = np.diff(steps)[:, None] / 2
        at = torch.from_numpy(steps[:-1, None] + half * (1 + nodes))
        powers = whole.log_prob(at[..., None])[..., row].exp().numpy() ** a
        right = (half * weights * powers).sum()
        assert table.pdfnorm(a).loc[label, 0] == pytest.approx(right, rel=2e-3)
    assert table.iat[1, 0].pdfnorm(a) == pytest.approx(table.pdfnorm(a).loc["b", 0])


TARGETS = {
    "mixed": (
        np.where(X["x"] < 0.2, 0.0, np.exp(Y["gain"])),
        {"support": (0, None), "atoms": "auto"},
    ),
    "discrete": (np.floor(np.exp(Y["gain"])), {"discrete": True}),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_masses_are_those_of_atoms_and_counts(kind: str) -> None:
    target, settings = TARGETS[kind]
    regressor = SplicedBinnedParetoRegressor(bins=8, max_epochs=2, random_state=0, **settings)
    model = SplicedBinnedParetoProbaRegressor(regressor).fit(
        X, pd.DataFrame({"n": target}, X.index)
    )
    table, expected = model.predict_proba(X[:3]), model.regressor_.predict_distribution(X[:3])
    assert table.get_tag("distr:measuretype") == kind
    at = torch.tensor([0.0, 1.0, 2.5], dtype=torch.float64)
    mass = expected.log_mass(at).exp()
    np.testing.assert_allclose(table.pmf(at[:, None].numpy())["n"], mass)
    assert mass[0] > 0.1
    norm = table.pdfnorm()["n"].to_numpy()
    assert (norm > 0).all() if kind == "mixed" else (norm == 0).all()
    density = table.pdf(at[:, None].numpy())["n"].to_numpy()
    assert density[0] == 0
    assert (density[2] > 0) == (kind == "mixed")
    np.testing.assert_allclose(table.mean()["n"], expected.mean)
    np.testing.assert_allclose(table.loc[[101]].mean()["n"], expected.mean[1:2], rtol=1e-12)
    y = pd.DataFrame({"n": [0.0, 3.0, 1.0]}, table.index)
    crps = CRPS().evaluate_by_index(y, table).to_numpy().squeeze()
    right = expected.crps(torch.as_tensor(y["n"].to_numpy()))
    np.testing.assert_allclose(crps, right.numpy(), rtol=1e-6)


def test_intervals_quantiles_and_variances_keep_the_index(
    model: SplicedBinnedParetoProbaRegressor,
) -> None:
    expected = model.regressor_.predict_distribution(X[:4])
    interval = model.predict_interval(X[:4], coverage=0.9)
    assert list(interval.index) == [100, 101, 102, 103]
    for side, level in (("lower", 0.05), ("upper", 0.95)):
        right = expected.icdf(torch.tensor(level, dtype=torch.float64))
        np.testing.assert_allclose(interval["gain", 0.9, side], right, rtol=1e-12)
    quantiles = model.predict_quantiles(X[:4], alpha=[0.1, 0.999])
    right = expected.icdf(torch.tensor(0.999, dtype=torch.float64))
    np.testing.assert_allclose(quantiles["gain", 0.999], right, rtol=1e-12)
    assert list(quantiles.index) == [100, 101, 102, 103]
    np.testing.assert_allclose(model.predict_var(X[:4])["gain"], expected.variance, rtol=1e-12)


def test_rows_marked_as_true_keep_their_labels() -> None:
    dist = SplicedBinnedPareto(LOGITS, EDGES, 0.1, 0.2)
    table = SplicedBinnedParetoTable(dist, index=pd.Index(["a", "b", "c"]))
    chosen = table.iloc[np.array([False, True, True])]
    assert list(chosen.index) == ["b", "c"]
    np.testing.assert_allclose(chosen.mean()[0], dist.mean[1:])


def test_what_is_no_column_of_distributions_is_refused() -> None:
    wide = SplicedBinnedPareto(LOGITS.expand(2, 3, 7), EDGES, 0.1, 0.2)
    for other in ("x", wide, torch.distributions.Normal(torch.zeros(2), 1.0)):
        with pytest.raises(TypeError, match="distribution must be one of splicedpareto"):
            SplicedBinnedParetoTable(other)
    with pytest.raises(ValueError, match="index must hold 3 labels, one a row, got 2"):
        SplicedBinnedParetoTable(SplicedBinnedPareto(LOGITS, EDGES, 0.1, 0.2), index=[1, 2])


def test_another_regressor_and_two_targets_are_refused() -> None:
    with pytest.raises(TypeError, match="regressor must be a SplicedBinnedParetoRegressor, got N"):
        SplicedBinnedParetoProbaRegressor(None).fit(X, Y)
    two = Y.assign(loss=-Y["gain"])
    with pytest.raises(ValueError, match=r"y must have one column, got 2: \['gain', 'loss'\]"):
        SplicedBinnedParetoProbaRegressor(SplicedBinnedParetoRegressor()).fit(X, two)


def test_rows_are_chosen_by_slices_and_from_the_end() -> None:
    whole = SplicedBinnedPareto(LOGITS, EDGES, 0.1, 0.2)
    table = SplicedBinnedParetoTable(whole, index=pd.Index(list("abc")))
    every = table.mean()
    for chosen in (slice(2), slice(None, None, -1), [-1, 0], [True, False, True], []):
        pd.testing.assert_frame_equal(table.iloc[chosen].mean(), every.iloc[chosen])
    pd.testing.assert_frame_equal(table.iloc[:2, :1].mean(), every.iloc[:2, :1])
    with pytest.raises(IndexError, match="out of bounds"):
        table.iloc[[3]]


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_quantiles"])
def test_a_regressor_that_is_not_fitted_says_so(method: str) -> None:
    unfitted = SplicedBinnedParetoProbaRegressor(SplicedBinnedParetoRegressor())
    with pytest.raises(ValueError, match="has not been fitted yet"):
        getattr(unfitted, method)(X)
