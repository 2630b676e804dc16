"""The regressor learns bounds, atoms, counts and censored targets, and no outlier upsets it."""

import copy
import json
import math
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import torch

pytest.importorskip("sklearn", reason="the extra 'sklearn' is not installed")
pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from sklearn.exceptions import NotFittedError

from splicedpareto.contrib._fitting import training_objective
from splicedpareto.contrib._outcomes import Outcomes, climatology_loss
from splicedpareto.contrib._target import describe_target
from splicedpareto.contrib.sklearn import SplicedBinnedParetoRegressor as Regressor
from splicedpareto.distributions import Discretized, Mixture, SplicedBinnedPareto

Array = npt.NDArray[Any]
FAST: dict[str, Any] = {
    "bins": 20,
    "width": 16,
    "blocks": 0,
    "max_epochs": 6,
    "batch_size": 128,
    "learning_rate": 0.03,
    "random_state": 0,
}
BINS: dict[str, Any] = {
    "bins": 20,
    "spacing": "robust",
    "outside": 0.002,
    "lower_mass": None,
    "upper_mass": None,
    "concentration_range": None,
}
TINY = FAST | {"bins": 10, "width": 8, "max_epochs": 2}


def rows(count: int, seed: int = 0) -> tuple[Array, np.random.Generator]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 3)).astype(np.float32), random


@pytest.fixture(scope="module")
def clean() -> tuple[Array, Array, float]:
    """Rows, targets and the error without outliers."""
    inputs, random = rows(800)
    y = 2 * inputs[:, 0] + random.normal(size=800)
    return (
        inputs,
        y,
        float(np.abs(Regressor(**FAST).fit(inputs, y).predict(inputs) - y)[50:].mean()),
    )


@pytest.mark.parametrize(("share", "far"), [(0.05, 1e6), (0.01, -1e9)])
@pytest.mark.slow
def test_outliers_leave_the_other_rows_alone(
    clean: tuple[Array, Array, float], share: float, far: float
) -> None:
    inputs, y, error = clean
    spoilt = y.copy()
    spoilt[: round(share * 800)] = far
    model = Regressor(**FAST | {"max_epochs": 12}).fit(inputs, spoilt)
    assert np.abs(model.predict(inputs) - y)[50:].mean() < 1.25 * error
    # The other rows are 1 - share of all.
    high = model.predict_quantiles(inputs, 0.8 * (1 - share) + share * (far < 0))
    assert abs((y < high).mean() - 0.8) < 0.12


def test_a_far_feature_leaves_the_other_rows_alone(clean: tuple[Array, Array, float]) -> None:
    inputs, y, error = clean
    spoilt = inputs.copy()
    spoilt[7, 0] = 1e12
    predicted = Regressor(**FAST).fit(spoilt, y).predict(spoilt)
    assert np.abs(predicted - y)[50:].mean() < 1.1 * error


@pytest.mark.slow
def test_far_numbers_beyond_any_float32_are_survived(clean: tuple[Array, Array, float]) -> None:
    inputs, y, error = clean
    spoilt = y.copy()
    spoilt[:2] = [1e300, -1e300]
    assert (
        np.abs(Regressor(**FAST).fit(inputs, spoilt).predict(inputs) - y)[50:].mean() < 1.25 * error
    )


@pytest.mark.parametrize("factor", [1e-6, -1.0, 1e6])
@pytest.mark.sample(1)
def test_fit_moves_with_the_target(factor: float) -> None:
    inputs, random = rows(300)
    inputs, y = inputs.astype(np.float64), inputs[:, 0] + random.standard_t(2, 300)
    levels = [0.01, 0.5, 0.99]
    one = Regressor(**TINY | {"max_epochs": 6}).fit(inputs, y).predict_quantiles(inputs, levels)
    moved = Regressor(**TINY | {"max_epochs": 6}).fit(inputs, factor * y + 3 * factor)
    mirrored = [1 - level for level in levels] if factor < 0 else levels
    other = moved.predict_quantiles(inputs, mirrored)
    np.testing.assert_allclose(other / factor - 3, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("value", "dtype"), [(0.0, np.float32), (-1e6, np.float32), (3.0, np.float64)]
)
def test_a_constant_target_is_returned_to_rounding(value: float, dtype: type) -> None:
    inputs, _ = rows(60)
    with pytest.warns(UserWarning, match="All targets are equal"):
        model = Regressor(**TINY).fit(inputs.astype(dtype), np.full(60, value))
    near = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(model.predict(inputs.astype(dtype)), value, rtol=near, atol=near)


def test_single_precision_is_left_where_it_cannot_resolve_the_target() -> None:
    inputs, random = rows(60)
    y = 1e7 + random.normal(size=60)
    assert Regressor(**TINY).fit(inputs, y).predict(inputs).dtype == np.float64
    assert Regressor(**TINY).fit(inputs, y - 1e7).predict(inputs).dtype == np.float32


def claims(count: int, seed: int) -> tuple[Array, Array, Array]:
    """Rows, targets of which most are 0 and the others lognormal, and the shares of zeros."""
    inputs, random = rows(count, seed)
    zero = 1 / (1 + np.exp(-1.5 - inputs[:, 1]))
    amount = np.exp(inputs[:, 0] + random.normal(size=count))
    return inputs, np.where(random.uniform(size=count) < zero, 0, amount), zero


@pytest.mark.slow
def test_zeros_and_amounts_are_learned_apart() -> None:
    inputs, y, _ = claims(900, 0)
    model = Regressor(**FAST, support=(0, None), atoms="auto").fit(inputs, y)
    assert model.atoms_ == (0.0,)
    unseen, outcome, zero = claims(800, 1)
    distribution = model.predict_distribution(unseen)
    assert isinstance(distribution, Mixture)
    origin = torch.zeros(800)
    at_zero = distribution.cdf(origin).numpy()
    assert np.abs(at_zero - zero).mean() < 0.06
    assert (distribution.cdf_below(origin) == 0).all()
    assert (distribution.cdf(origin - 1e-30) == 0).all()
    assert (distribution.icdf(torch.tensor(1e-9)) == 0).all()
    # Median of the amounts, exp(x0), by the quantile half-way between the atom and 1.
    middle = distribution.icdf(torch.from_numpy((1 + at_zero) / 2)).numpy()
    assert np.abs(np.log(middle) - unseen[:, 0]).mean() < 0.35
    score = distribution.crps(torch.from_numpy(outcome)).mean()
    samples = distribution.sample((400,), generator=torch.Generator().manual_seed(0))
    assert (samples >= 0).all()
    spread = (samples[:200] - samples[200:]).abs().mean()
    assert score.item() == pytest.approx(
        float((samples - torch.from_numpy(outcome)).abs().mean() - spread / 2), rel=0.1
    )
    assert model.score(unseen, outcome) > 0.05


@pytest.mark.parametrize("support", [(0, None), (None, 1), (0, 1)], ids=str)
def test_nothing_is_predicted_outside_the_support(support: tuple[Any, Any]) -> None:
    inputs, random = rows(400)
    y = random.beta(0.7, 0.7, size=400)
    distribution = Regressor(**TINY, support=support).fit(inputs, y).predict_distribution(inputs)
    assert isinstance(distribution, SplicedBinnedPareto)
    low, high = distribution.end_points
    if support[0] is not None:
        assert (low == 0).all()
        assert (distribution.cdf(torch.tensor(0.0)) == 0).all()
        assert (distribution.icdf(torch.tensor(0.0)) == 0).all()
    if support[1] is not None:
        assert (high == 1).all()
        assert (distribution.sf(torch.tensor(1.0)) == 0).all()


@pytest.mark.slow
def test_masses_of_counts_are_the_truths() -> None:
    inputs, random = rows(900)
    y = random.poisson(np.exp(0.5 + 0.5 * inputs[:, 0]))
    model = Regressor(**FAST, discrete=True).fit(inputs, y)
    assert model.support_ == (0, None)
    at = np.array([[-1.0, 0, 0], [0, 0, 0], [1.0, 0, 0]], dtype=np.float32)
    distribution = model.predict_distribution(at)
    assert isinstance(distribution, Discretized)
    whole = torch.arange(12.0)[:, None]
    truth = scipy.stats.poisson(np.exp(0.5 + 0.5 * at[:, 0])).pmf(whole.numpy())
    assert np.abs(distribution.log_prob(whole).exp().numpy() - truth).max() < 0.12
    assert (distribution.cdf(torch.tensor(-1.0)) == 0).all()
    assert (distribution.sf(torch.tensor(-1.0)) == 1).all()
    assert set(np.unique(model.predict(inputs) % 1)) == {0}
    assert model.score(inputs, y) > 0.15


@pytest.mark.parametrize("counts", [(0, 1), (4, 5), (1, 2, 3, 4, 5), (-3, -2), (7, 1000)], ids=str)
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("moving", [True, False])
def test_bins_hold_the_least_and_the_largest_count(
    counts: tuple[int, ...], offset: int, moving: bool
) -> None:
    y = torch.tensor(counts, dtype=torch.float64).add(offset).repeat_interleave(50)
    weight = torch.ones_like(y)
    target = describe_target(
        Outcomes(y, y),
        weight,
        support=None,
        atoms=(),
        discrete=True,
        bins=20,
        moving=moving,
        resolution=1e-6,
    )
    for dtype in (torch.float32, torch.float64):
        head = target.head(4, y, weight, dtype, seen=y, moving=moving, **BINS)
        edges = target.location + target.scale * target.inner(head).edges.double()
        own = edges.sub(0.5).round().add(0.5)
        torch.testing.assert_close(edges, own, rtol=0, atol=1e-3)
        assert own[0] <= y.min() - 0.5
        assert own[-1] == y.max() + 0.5


@pytest.mark.parametrize(("share", "moving"), [(0.93, True), (0.3, False)])
def test_a_yes_or_no_has_its_share(share: float, moving: bool) -> None:
    inputs, random = rows(400)
    y = (random.uniform(size=400) < share).astype(float)
    model = Regressor(**TINY, discrete=True, moving=moving).fit(inputs, y)
    mass = model.predict_distribution(inputs).log_prob(torch.ones(400)).exp().mean()
    assert mass.item() == pytest.approx(y.mean(), abs=0.04)


def survival(count: int, seed: int) -> tuple[Array, Array, Array]:
    """Rows, exponential times, and when they are no longer seen."""
    inputs, random = rows(count, seed)
    return (
        inputs,
        np.exp(inputs[:, 0]) * random.exponential(size=count),
        random.exponential(2, size=count),
    )


@pytest.mark.slow
def test_right_censored_targets_count_as_longer() -> None:
    inputs, times, end = survival(900, 2)
    y = np.stack([np.minimum(times, end), np.where(times <= end, times, np.inf)], axis=-1)
    model = Regressor(**FAST, support=(0, None)).fit(inputs, y)
    unseen, truth, ends = survival(500, 3)
    known = np.abs(unseen[:, 0]) < 1
    right = np.log(2) * np.exp(unseen[:, 0])
    error = np.abs(np.log(model.predict(unseen) / right))[known].mean()
    naive = Regressor(**FAST, support=(0, None)).fit(inputs, y[:, 0])
    assert error < 0.25
    assert error < 0.7 * np.abs(np.log(naive.predict(unseen) / right))[known].mean()
    censored = np.stack([np.minimum(truth, ends), np.where(truth <= ends, truth, np.inf)], axis=-1)
    assert 0.05 < model.score(unseen, censored) < 1
    assert model.score(unseen, np.stack([truth, truth], -1)) == model.score(unseen, truth)


@cache
def head_of_claims(moving: bool) -> Any:
    """Of a network with an atom and a bounded support."""
    inputs, y, _ = claims(60, 0)
    settings = TINY | {"moving": moving, "support": (0, None), "atoms": "auto"}
    return Regressor(**settings).fit(inputs, y).network_.head


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("objective", ["composite", "crps", "composite+crps"])
def test_known_targets_have_the_loss_and_slopes_that_they_have_among_censored_ones(
    moving: bool, objective: str
) -> None:
    head = head_of_claims(moving)
    raw = torch.randn(4, head.raw_features, generator=torch.Generator().manual_seed(0))
    raw.requires_grad_()
    ends = torch.tensor([0.0, 0.3, 2.0, 1e4]), torch.tensor([0.0, 0.3, 2.0, 1e4])
    found = [
        training_objective(objective, known=known)(head.distribution(raw), *ends)
        for known in (True, False)
    ]
    torch.testing.assert_close(*found, rtol=0, atol=0)
    torch.testing.assert_close(*(torch.autograd.grad(loss.sum(), raw)[0] for loss in found))


@pytest.mark.slow
def test_left_and_interval_censored_targets_are_learned() -> None:
    inputs, random = rows(900)
    latent = inputs[:, 0] + 0.5 * random.normal(size=900)
    low = np.floor(latent)
    y = np.where((low < 0)[:, None], [[-np.inf, 0.0]], np.stack([low, low + 1], axis=-1))
    model = Regressor(**FAST).fit(inputs, y)
    at = np.array([[0.8, 0, 0], [1.5, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(model.predict(at), at[:, 0], atol=0.55)


def test_climatology_of_censored_targets_is_that_of_kaplan_and_meier() -> None:
    known = torch.tensor([1.0, 2.0, 2.0, 5.0], dtype=torch.float64)
    weight = torch.ones(4, dtype=torch.float64)
    gini = float((known[:, None] - known).abs().mean() / 2)
    assert climatology_loss(Outcomes(known, known), weight) == pytest.approx(gini)
    upper = torch.tensor([1.0, math.inf, 2.0, 5.0], dtype=torch.float64)
    # Survival: 3/4 from 1, 1/2 from 2 on (a censored 2 is at risk at 2), 0 from 5 on.
    cdf = {(1, 2): 1 / 4, (2, 5): 1 / 2}
    below = [0, cdf[1, 2] ** 2, cdf[1, 2] ** 2, cdf[1, 2] ** 2 + 3 * cdf[2, 5] ** 2]
    above = [(3 / 4) ** 2 + 3 / 4, 0, 3 / 4, 0]
    expected = (sum(below) + sum(above)) / 4
    assert climatology_loss(Outcomes(known, upper), weight) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 1.5}, "bins must be a whole number, at least 1, got 1.5"),
        ({"lower_mass": 0.6, "upper_mass": 0.6}, "below 1, to leave a body between the tails"),
        ({"lower_mass": -0.1}, r"lower_mass must be in \[0, 1\), got -0.1"),
        ({"upper_mass": math.nan}, r"upper_mass must be in \[0, 1\), got nan"),
        ({"upper_mass": 1.5}, r"upper_mass must be in \[0, 1\), got 1.5"),
        ({"outside": 0.5}, r"outside must be in \[0, 0.5\)"),
        ({"concentration_range": (0.5, 0.1)}, "concentration_range must be"),
        ({"support": (0, None)}, r"support must hold all values, got \(0, None\)"),
        ({"support": (5, 1)}, "lowest < highest"),
        ({"atoms": [math.nan]}, "atoms must be finite and within support"),
        ({"atoms": [50.0], "support": (-9, 9)}, "atoms must be finite and within support"),
        ({"atoms": "all"}, "atoms must be None, 'auto' or a list of values, got 'all'"),
        ({"discrete": True}, "y must hold whole numbers where discrete is True"),
        ({"objective": "mse"}, "objective must be 'composite', 'crps' or 'composite.crps'"),
        ({"discrete": True, "objective": "crps"}, "objective must be 'composite' where discrete"),
        ({"max_epochs": 0}, "max_epochs must be at least 1"),
        ({"max_epochs": 1.5}, "max_epochs must be a whole number"),
        ({"width": 8.5}, "width must be a whole number, at least 1, got 8.5"),
        ({"blocks": -1}, "blocks must be at least 0, got -1"),
        ({"support": (-math.inf, math.inf)}, "support must be finite, None for no end"),
        ({"atoms": 3.0}, "atoms must be None, 'auto' or a list of values, got 3.0"),
        ({"weight_decay": math.nan}, "weight_decay must be at least 0 and finite, got nan"),
        ({"support": 5}, r"support must be \(lowest, highest\), None for no end, got 5"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_break_their_rule_are_refused_before_training(
    settings: dict[str, Any], message: str
) -> None:
    inputs, random = rows(30)
    with pytest.raises(ValueError, match=message):
        Regressor(**TINY | settings).fit(inputs, random.normal(size=30).clip(-3, 3))


@pytest.mark.parametrize(
    "name",
    ["lower_mass", "outside", "learning_rate", "dropout", "averaging", "validation_share"],
)
def test_settings_that_are_no_numbers_are_refused(name: str) -> None:
    inputs, random = rows(30)
    with pytest.raises(TypeError, match=f"{name} must be a number, got 'a'"):
        Regressor(**TINY | {name: "a"}).fit(inputs, random.normal(size=30))


@pytest.mark.parametrize("name", ["discrete", "moving", "early_stopping", "warm_start"])
@pytest.mark.parametrize("word", ["no", "False", None, 0])
def test_switches_are_true_or_false(name: str, word: object) -> None:
    inputs, random = rows(30)
    with pytest.raises(TypeError, match=f"{name} must be True or False, got {word!r}"):
        Regressor(**TINY | {name: word}).fit(inputs, random.normal(size=30))


def test_an_average_of_the_weights_is_kept_where_asked_for() -> None:
    inputs, random = rows(200)
    y = inputs[:, 0] + random.normal(size=200)
    settings = TINY | {"max_epochs": 4, "early_stopping": False}
    last, same, averaged = (
        Regressor(**settings, averaging=power).fit(inputs, y).network_.head.linear.weight
        for power in (None, 1e9, 1.0)
    )
    # A huge power is the last step alone, 1 a mean of all with weights that rise evenly.
    torch.testing.assert_close(same, last, rtol=1e-4, atol=1e-6)
    assert (averaged - last).abs().max() > 1e-3


def test_ranges_that_are_no_numbers_are_refused() -> None:
    inputs, random = rows(30)
    y = random.normal(size=30)
    with pytest.raises(
        ValueError, match=r"y must span less than 2e\+305, got values from -1.6e\+308"
    ):
        Regressor(**TINY).fit(
            inputs, np.where(y == y.max(), 1.6e308, np.where(y == y.min(), -1.6e308, y))
        )
    with pytest.raises(
        ValueError, match=r"support must end within 1e\+30 ranges between the quart"
    ):
        Regressor(**TINY | {"support": (None, 1e40)}).fit(inputs, y)


def test_targets_of_a_validation_keep_the_rules_of_the_others() -> None:
    inputs, random = rows(30)
    y = random.poisson(3, size=30).astype(float)
    with pytest.raises(ValueError, match=r"support must hold all values, got \(0, None\)"):
        Regressor(**TINY | {"support": (0, None)}).fit(inputs, y, validation=(inputs, -1 - y))
    with pytest.raises(ValueError, match="y must hold whole numbers"):
        Regressor(**TINY | {"discrete": True}).fit(inputs, y, validation=(inputs, y + 0.5))
    with pytest.raises(ValueError, match=r"validation must be rows and targets, \(X, y\), got 3"):
        Regressor(**TINY).fit(inputs, y, validation=3)
    for wrong in ((inputs, y, y), (inputs, None), inputs):
        with pytest.raises(ValueError, match=r"validation must be rows and targets, \(X, y\), got"):
            Regressor(**TINY).fit(inputs, y, validation=wrong)
    failed = Regressor(**TINY | {"support": (0, None)})
    with pytest.raises(ValueError, match="support must hold all values"):
        failed.fit(inputs, y, validation=(inputs, -1 - y))
    with pytest.raises(NotFittedError):  # and not the network at its start
        failed.predict(inputs)
    model = Regressor(**TINY | {"support": (0, None), "warm_start": True}).fit(inputs, y)
    with pytest.raises(ValueError, match="support must hold all values"):
        model.fit(inputs, -1 - y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(30, np.nan), "NaN"),
        (np.full(30, np.inf), "infinity"),
        (np.full((30, 2), np.nan), "y must be finite, got NaN in 30 of 30 rows"),
        (np.full((30, 2), np.inf), "y must be finite, got infinity in 30 of 30 rows"),
        (np.tile([-np.inf, np.inf], (30, 1)), "known at one end at least"),
        (np.tile([1.0, 0.0], (30, 1)), "lower end is not above its upper"),
        (np.zeros((30, 3)), r"y must have shape \(30,\), or \(30, 2\)"),
        (np.zeros((29, 2)), "got 29 for 30"),
    ],
)
def test_targets_that_break_their_rule_are_refused(y: Array, message: str) -> None:
    inputs, _ = rows(30)
    with pytest.raises(ValueError, match=message):
        Regressor(**TINY).fit(inputs, y)


def test_one_row_and_weights_without_numbers_are_refused() -> None:
    inputs, random = rows(30)
    y = random.normal(size=30)
    with pytest.raises(ValueError, match="minimum of 2"):
        Regressor(**TINY).fit(inputs[:1], y[:1])
    with pytest.raises(ValueError, match="at least two sequences, got one"):
        Regressor(**TINY).fit(inputs.reshape(10, 3, 3)[:1], y[:1])
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        Regressor(**TINY).fit(inputs, y, np.full(30, np.nan))


@pytest.mark.parametrize("end", [0, 1])
def test_targets_that_are_all_censored_on_one_side_are_told(end: int) -> None:
    inputs, random = rows(60)
    y = np.stack([np.full(60, -np.inf), np.full(60, np.inf)], -1)
    y[:, end] = random.normal(size=60)
    side = ("right", "left")[end]
    with pytest.warns(UserWarning, match=f"All targets are censored on the {side}"):
        Regressor(**TINY).fit(inputs, y)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_masked_cells_and_tensors_that_need_a_gradient_are_refused(name: str) -> None:
    inputs, _ = rows(30)
    given: dict[str, Any] = {"X": inputs, "y": inputs[:, 0], "sample_weight": np.ones(30)}
    masked = np.ma.masked_array(given[name], mask=np.arange(30) < 2 if name != "X" else inputs > 1)
    gradient = torch.tensor(given[name], requires_grad=True)
    for bad, rule in ((masked, "no masked cells"), (gradient, "need no gradient")):
        with pytest.raises(ValueError, match=f"{name} must .*{rule}|{name} must {rule}"):
            Regressor(**TINY).fit(**given | {name: bad})
    plain = np.ma.masked_array(given[name], mask=False)
    Regressor(**TINY | {"max_epochs": 1}).fit(**given | {name: plain})


def test_masked_cells_of_sequences_are_refused() -> None:
    inputs, _ = rows(30)
    sequences = list(np.ma.masked_array(inputs, mask=inputs > 5).reshape(10, 3, 3))
    sequences[4][1, 1] = np.ma.masked
    for given in (sequences, np.ma.stack(sequences)):
        with pytest.raises(ValueError, match=r"sequence 4 of X must have no masked cells"):
            Regressor(**TINY).fit(given, inputs[:10, 0])


def test_a_share_that_leaves_no_row_to_train_on_is_refused() -> None:
    inputs, _ = rows(30)
    with pytest.raises(ValueError, match=r"validation_share must leave rows .* 0.999 of 30"):
        Regressor(**TINY, validation_share=0.999).fit(inputs, inputs[:, 0])


def test_ends_of_a_support_are_numbers() -> None:
    inputs, _ = rows(30)
    with pytest.raises(ValueError, match=r"support must be \(lowest, highest\), .*'-1000'"):
        Regressor(**TINY, support=("-1000", "1000")).fit(inputs, inputs[:, 0])


@pytest.mark.filterwarnings("ignore:One bin")
def test_many_ties_without_an_atom_are_told() -> None:
    inputs, y, _ = claims(300, 0)
    with pytest.warns(UserWarning, match=r"A share of 0.7. of the targets is 0, .* atoms='auto'"):
        Regressor(**FAST).fit(inputs, y)


@pytest.mark.slow
def test_crps_is_another_objective() -> None:
    inputs, random = rows(300)
    y = inputs[:, 0] + random.normal(size=300)
    plain, crps, both = (
        Regressor(**FAST, objective=name).fit(inputs, y)
        for name in ("composite", "crps", "composite+crps")
    )
    scores = [model.score(inputs, y) for model in (plain, crps, both)]
    assert min(scores) > 0.2
    assert len({round(score, 6) for score in scores}) == 3


def test_given_rows_decide_when_to_stop() -> None:
    inputs, random = rows(200)
    y = random.normal(size=200)
    settings = TINY | {"max_epochs": 40, "learning_rate": 0.1, "patience": 2}
    model = Regressor(**settings).fit(inputs, y, validation=(inputs[:50], y[:50] + 100))
    # The more the network learns of these rows, the worse it fits others far away.
    assert model.n_iter_ < 40
    with pytest.raises(ValueError, match="got 49 for 50"):
        Regressor(**settings).fit(inputs, y, validation=(inputs[:50], y[:49]))


def test_warm_start_goes_on() -> None:
    inputs, random = rows(400)
    y = inputs[:, 0] + 0.3 * random.normal(size=400)
    settings = TINY | {"early_stopping": False}
    once = Regressor(**settings).fit(inputs, y)
    twice = Regressor(**settings, warm_start=True).fit(inputs, y)
    edges = twice.network_.head.edges.clone()
    np.testing.assert_array_equal(twice.predict(inputs), once.predict(inputs))
    twice.fit(inputs, y)
    assert twice.score(inputs, y) > once.score(inputs, y) + 0.02
    assert torch.equal(twice.network_.head.edges, edges)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3 features"):
        twice.fit(inputs[:, :2], y)


@pytest.fixture(scope="module")
def begun() -> tuple[Array, Array, Regressor]:
    """Rows, targets and a regressor whose fit goes on."""
    inputs, random = rows(60)
    y = inputs[:, 0] + random.normal(size=60)
    return inputs, y, Regressor(**TINY, warm_start=True).fit(inputs, y)


@pytest.mark.parametrize(
    ("name", "value", "was"),
    [
        ("bins", 12, "10"),
        ("spacing", "uniform", "'robust'"),
        ("outside", 0.01, "0.002"),
        ("lower_mass", 0.1, "None"),
        ("upper_mass", 0.1, "None"),
        ("concentration_range", (0.0, 0.5), "None"),
        ("support", (-100, None), "None"),
        ("atoms", "auto", "None"),
        ("discrete", True, "False"),
        ("moving", False, "True"),
        ("statistic", "mean", "'median'"),
        ("width", 16, "8"),
        ("blocks", 1, "0"),
        ("levels", 2, "4"),
        ("kernel_size", 2, "3"),
        ("dropout", 0.5, "0.0"),
    ],
)
@pytest.mark.sample(5)
def test_a_fit_goes_on_with_what_its_network_was_built_from(
    begun: tuple[Array, Array, Regressor],
    name: str,
    value: object,
    was: str,
    tmp_path: Path,
) -> None:
    inputs, y, model = begun
    changed = copy.copy(model).set_params(**{name: value})
    rule = f"{name} must stay {re.escape(was)} in a fit that goes on, .*warm_start=False"
    with pytest.raises(ValueError, match=rule):
        changed.fit(inputs, np.round(y))
    # A saved estimator has the network that was built, whatever was set since.
    changed.save(tmp_path / "model.npz")
    loaded = Regressor.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(
        loaded.predict_quantiles(inputs, 0.3), model.predict_quantiles(inputs, 0.3)
    )
    with pytest.raises(ValueError, match=rule):
        loaded.fit(inputs, np.round(y))


def test_a_fit_that_goes_on_with_other_targets_is_told(
    begun: tuple[Array, Array, Regressor],
) -> None:
    inputs, y, model = begun
    with pytest.warns(UserWarning, match=r"A share of 1.00 of the targets .* bins, .*fit anew"):
        copy.deepcopy(model).fit(inputs, y + 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.deepcopy(model).set_params(max_epochs=1, support=None).fit(inputs, 2 * y)


@pytest.mark.parametrize(
    "settings",
    [{}, {"support": (0, None), "atoms": "auto"}, {"discrete": True}],
    ids=["plain", "atoms", "counts"],
)
@pytest.mark.sample(1)
def test_a_saved_estimator_predicts_the_same(settings: dict[str, Any], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    inputs, y, _ = claims(200, 0)
    table = pandas.DataFrame(inputs, columns=["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = Regressor(**TINY, **settings).fit(table, np.round(y))
    model.save(tmp_path / "model.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]
    again = Regressor.load(tmp_path / "model.npz")
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(
        again.predict_quantiles(table, [0.1, 0.9]), model.predict_quantiles(table, [0.1, 0.9])
    )
    assert list(again.feature_names_in_) == ["a", "b", "c"]
    assert vars(again).keys() == vars(model).keys()


def test_a_saved_estimator_of_sequences_predicts_the_same(tmp_path: Path) -> None:
    inputs, random = rows(120)
    sequences = inputs.reshape(30, 4, 3)
    model = Regressor(**TINY, levels=1).fit(sequences, random.normal(size=30))
    model.save(tmp_path / "model.npz")
    again = Regressor.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(sequences), model.predict(sequences))


def test_what_is_no_saved_estimator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    for content in (b"no archive", b"", b"\x80\x04}.", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"`save` wrote, got .*other.npz, another\.$"):
            Regressor.load(path)
    for arrays in ({"weights": np.zeros(3)}, {"about": np.array("[1]")}):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=r"`save` wrote, got .*other.npz, another\.$"):
            Regressor.load(path)
    with pytest.raises(ValueError, match="`save` wrote, got the folder"):
        Regressor.load(tmp_path)
    with pytest.raises(TypeError, match="path must be a str or a Path, got 3"):
        Regressor.load(3)
    inputs, random = rows(30)
    fitted = Regressor(**TINY).fit(inputs, random.normal(size=30))
    for wrong, message in ((tmp_path, "no folder"), (tmp_path / "a" / "b.npz", "in a folder that")):
        with pytest.raises(ValueError, match=f"path must be a file to write, {message}"):
            fitted.save(wrong)
    settings = TINY | {"random_state": np.random.RandomState(0)}
    with pytest.raises(ValueError, match="random_state must be a seed or None to be saved"):
        Regressor(**settings).fit(inputs, random.normal(size=30)).save(path)


def test_predictions_of_a_table_keep_its_index() -> None:
    pandas = pytest.importorskip("pandas")
    inputs, random = rows(40)
    table = pandas.DataFrame(inputs, columns=list("abc"), index=[f"row {k}" for k in range(40)])
    model = Regressor(**TINY).fit(table, random.normal(size=40))
    assert model.predict(table).index.equals(table.index)
    quantiles = model.predict_quantiles(table, [0.1, 0.9])
    assert quantiles.index.equals(table.index)
    assert list(quantiles.columns) == [0.1, 0.9]
    assert model.predict_quantiles(table, 0.5).index.equals(table.index)
    np.testing.assert_array_equal(model.predict(table), model.predict_quantiles(table, 0.5))
    # scikit-learn's meta-estimators reshape what they get.
    assert model.predict(table).reshape(-1, 1).shape == (40, 1)


def test_a_saved_estimator_that_was_changed_is_refused(tmp_path: Path) -> None:
    inputs, random = rows(30)
    path = tmp_path / "model.npz"
    Regressor(**TINY).fit(inputs, random.normal(size=30)).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    name = next(name for name in arrays if name.endswith("linear.bias"))
    for changed, message in (
        ({key: value for key, value in arrays.items() if key != name}, "lacks a part or has"),
        ({key: value for key, value in arrays.items() if "edges" not in key}, "lacks a part or"),
        (arrays | {name: np.zeros(77)}, "lacks a part or has others"),
        (arrays | {name: arrays[name] * np.nan}, "must be a file without NaN, got some"),
        (arrays | {name: arrays[name] + np.inf}, "lacks a part or has others"),
        (arrays | altered(arrays, "target", scale=-1.0), "lacks a part or has others"),
        (arrays | altered(arrays, "target", scale="3"), "lacks a part or has others"),
        (arrays | altered(arrays, "target", location=None), "lacks a part or has others"),
        (arrays | altered(arrays, "parameters", new=1), "parameters of, got .*unexpected keyword"),
    ):
        np.savez(path, **changed)
        with pytest.raises(ValueError, match=message):
            Regressor.load(path)


def altered(arrays: dict[str, Any], part: str, **changes: object) -> dict[str, Any]:
    """What a file says of its regressor, with changes."""
    about = json.loads(str(arrays["about"]))
    about["header"][part] |= changes
    return {"about": np.array(json.dumps(about))}
