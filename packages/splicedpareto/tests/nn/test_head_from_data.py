"""A head built from a sample starts at its distribution, whatever its tails; bad input is named."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.nn import SplicedBinnedParetoHead, Standardize
from splicedpareto.nn._sample import fitted_tail, location_and_scale, sample_quantiles

LEVELS = (0.01, 0.05, 0.5, 0.95, 0.99)
FAMILIES = {
    "normal": scipy.stats.norm(),
    "t3": scipy.stats.t(3),
    "lognormal5": scipy.stats.lognorm(5),
    "Cauchy": scipy.stats.cauchy(),
    "Pareto.5": scipy.stats.pareto(0.5),
    "uniform": scipy.stats.uniform(),
}


def initial(values: torch.Tensor, **settings: Any) -> SplicedBinnedPareto:
    head = SplicedBinnedParetoHead.from_data(2, values, **settings)
    with torch.no_grad():
        return head.to(values.dtype)(torch.zeros(2, dtype=values.dtype))


@pytest.mark.parametrize("family", FAMILIES)
def test_initial_distribution_covers_as_the_truth_does(family: str) -> None:
    known = FAMILIES[family]
    values = torch.from_numpy(known.rvs(4000, random_state=1))
    middle, scale = location_and_scale(values)
    distribution = initial((values - middle) / scale).affine(middle, scale)
    for level in LEVELS:
        covered = known.cdf(distribution.icdf(torch.tensor(level)).item())
        # Three standard errors of a sample's quantile, and the hundredth spread over all bins.
        error = 3 * math.sqrt(level * (1 - level) / 4000) + 0.01 * level
        assert abs(covered - level) < error + 0.15 * min(level, 1 - level), level


@pytest.mark.parametrize("share", [0.001, 0.0025, 0.01])
def test_few_far_values_leave_the_quantiles_of_the_others(share: float) -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=4000))
    clean = initial(values)
    spoilt = values.clone()
    spoilt[: round(share * 4000)] = 1e9
    distribution = initial(spoilt)
    for level in (0.01, 0.05, 0.5, 0.95, 0.98):
        # Of the others a share of level / (1 - share) lies below.
        other = clean.icdf(torch.tensor(level / (1 - share)))
        assert abs(distribution.icdf(torch.tensor(level)) - other) < 0.15, level
    # They make a tail of their own.
    assert distribution.upper_mass.item() == pytest.approx(max(2 * share, 0.002), rel=1e-3)
    assert distribution.isf(torch.tensor(share / 2)) > 100


@pytest.mark.parametrize(("concentration", "scale"), [(0.3, 2.0), (0.8, 1e-6), (1.5, 1e6)])
def test_tail_is_the_likeliest(concentration: float, scale: float) -> None:
    excess = scipy.stats.genpareto(concentration, scale=scale).rvs(800, random_state=2)
    weight = torch.ones(800, dtype=torch.float64)
    fitted = fitted_tail(torch.from_numpy(excess), weight, (0.0, 1.9))
    c, _, s = scipy.stats.genpareto.fit(excess / scale, floc=0)
    assert fitted.concentration == pytest.approx(c, abs=0.02)
    assert fitted.scale == pytest.approx(s * scale, rel=0.02)


def test_tail_of_little_variation_is_exponential_with_the_mean_excess() -> None:
    excess = torch.linspace(0.01, 2, 100)
    assert fitted_tail(excess, torch.ones(100), (0.0, 0.9)) == (0.0, pytest.approx(1.005))


def test_weighted_tail_is_that_of_repeated_excesses() -> None:
    excess, weight = torch.tensor([0.1, 0.5, 2.0, 30.0]), torch.tensor([3.0, 2, 1, 1])
    repeated = excess.repeat_interleave(weight.long())
    fitted = fitted_tail(repeated, torch.ones(7), (0.0, 1.9))
    assert fitted_tail(excess, weight, (0.0, 1.9)) == pytest.approx(fitted)


def test_a_side_where_the_sample_ends_has_hardly_a_tail() -> None:
    uniform = torch.rand(2000)
    head = SplicedBinnedParetoHead.from_data(2, uniform)
    assert (head.lower_mass, head.upper_mass) == (0.002, 0.002)
    head = SplicedBinnedParetoHead.from_data(2, uniform.log())
    assert (head.lower_mass, head.upper_mass) == (0.05, 0.002)
    head = SplicedBinnedParetoHead.from_data(2, uniform, support=(0, None), upper_mass=0.1)
    assert (head.lower_mass, head.upper_mass) == (0.0, 0.1)
    assert head.edges[0] == 0


def test_concentrations_reach_where_the_sample_does() -> None:
    normal = torch.randn(2000)
    assert SplicedBinnedParetoHead.from_data(2, normal).concentration_range == (0.0, 0.9)
    cauchy = torch.distributions.Cauchy(0.0, 1.0).sample((2000,))
    assert SplicedBinnedParetoHead.from_data(2, cauchy).concentration_range == (0.0, 1.9)


@pytest.mark.parametrize("factor", [1e-6, 1e6, -1.0])
def test_head_moves_with_the_sample(factor: float) -> None:
    values = torch.from_numpy(np.random.default_rng(3).standard_t(2, 999))
    one, other = initial(values), initial(factor * values)
    for level in LEVELS:
        at = torch.tensor(level, dtype=torch.float64)
        expected = factor * (one.icdf(at) if factor > 0 else one.isf(at))
        assert other.icdf(at).item() == pytest.approx(expected.item(), rel=1e-6, abs=2e-8)


@pytest.mark.parametrize(
    ("masses", "message"),
    [
        ({"lower_mass": 0.6, "upper_mass": 0.6}, r"below 1, to leave a body .* 0.6 \+ 0.6"),
        ({"lower_mass": -0.1}, r"lower_mass must be in \[0, 1\), got -0.1"),
        ({"upper_mass": 1.5}, r"upper_mass must be in \[0, 1\), got 1.5"),
        ({"upper_mass": math.nan}, r"upper_mass must be in \[0, 1\), got nan"),
        ({"units": (1.0, 0.0)}, "units must be two positive"),
        ({"units": (1.0,)}, "units must be two positive"),
        ({"scale": "loose"}, "scale must be 'free' or 'tied', got 'loose'"),
        ({"concentration_range": (0.0, math.inf)}, "concentration_range must be"),
    ],
)
def test_parameters_that_break_their_rule_are_refused(masses: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplicedBinnedParetoHead(2, torch.arange(5.0), **masses)
    if "units" not in masses:
        with pytest.raises(ValueError, match=message):
            SplicedBinnedParetoHead.from_data(2, torch.randn(50), **masses)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lower_mass": "a"}, TypeError, "lower_mass must be a number, got 'a'"),
        ({"units": "ab"}, TypeError, "units must be a number, got 'a'"),
        ({"units": 1}, TypeError, "units must be two numbers, one of each tail, got 1"),
        ({"concentration_range": 3}, ValueError, "concentration_range must be"),
        ({"edges": torch.arange(5)}, TypeError, "edges must be floating-point"),
        ({"in_features": 0}, ValueError, "in_features must be at least 1"),
        ({"in_features": "a"}, ValueError, "in_features must be a whole number"),
    ],
    ids=str,
)
def test_arguments_of_another_kind_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SplicedBinnedParetoHead(**{"in_features": 2, "edges": torch.arange(5.0)} | arguments)


@pytest.mark.parametrize(
    ("values", "weight", "error", "message"),
    [
        (torch.tensor([0.0, math.nan]), None, ValueError, "values must be finite"),
        (torch.ones(1, 9), None, ValueError, "values must be finite, of shape"),
        (torch.ones(0), None, ValueError, "values must be finite, of shape"),
        (torch.rand(3), [1.0] * 3, TypeError, "weight must be a tensor"),
        (torch.rand(3), torch.ones(2), ValueError, "weight must have the shape of values"),
        (torch.rand(3), -torch.ones(3), ValueError, "weight must be finite, at least 0"),
    ],
)
def test_samples_that_are_none_are_refused(
    values: torch.Tensor, weight: Any, error: type[Exception], message: str
) -> None:
    head = SplicedBinnedParetoHead(2, torch.arange(5.0))
    for use in (
        lambda: SplicedBinnedParetoHead.from_data(2, values, weight=weight),
        lambda: head.start_from_data(values, weight=weight),
    ):
        with pytest.raises(error, match=message):
            use()


@pytest.mark.parametrize("edges", [[0.0], [0.0, 0.0], [1.0, 0.0], [0.0, math.inf], [[0.0, 1.0]]])
def test_edges_must_increase(edges: list[Any]) -> None:
    with pytest.raises(ValueError, match="edges must"):
        SplicedBinnedParetoHead(2, torch.tensor(edges))


@pytest.mark.parametrize("end", [30.0, 1e4, 1e9])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bound_far_from_the_sample_hardly_changes_the_distribution(end: float, sign: int) -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    support = (None, end) if sign > 0 else (-end, None)
    bounded = SplicedBinnedParetoHead.from_data(2, sign * values, support=support).double()
    free = SplicedBinnedParetoHead.from_data(2, sign * values).double()
    state = torch.zeros(2, dtype=torch.float64)
    one, other = bounded(state), free(state)
    assert (one.edges[-1] if sign > 0 else -one.edges[0]) == end
    assert one.crps(sign * values).mean() < 1.005 * other.crps(sign * values).mean()
    # As far as one of four hundred values says anything of it.
    level = torch.tensor(0.002, dtype=torch.float64)
    far = one.isf(level) if sign > 0 else -one.icdf(level)
    assert values.topk(3).values[-1] < far < 2 * values.max()


def test_a_sample_of_whole_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match=r"values must be floating-point, got torch\.int64"):
        SplicedBinnedParetoHead.from_data(2, torch.arange(9))


def test_a_tail_where_the_support_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 0, or left out, on a side where support ends"):
        SplicedBinnedParetoHead.from_data(2, torch.rand(9), support=(0, None), lower_mass=0.1)


def test_lost_resolution_is_told() -> None:
    values = torch.randn(2000, dtype=torch.float64).mul(5).exp()
    with pytest.warns(UserWarning, match=r"One bin, from .* holds 1... of the 2000 distinct"):
        SplicedBinnedParetoHead.from_data(2, values, spacing="uniform")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SplicedBinnedParetoHead.from_data(2, values)


def test_quantiles_are_numpys_between_ties() -> None:
    values = torch.randn(101, dtype=torch.float64)
    levels = [0.0, 0.1, 0.25, 0.333, 0.5, 1.0]
    expected = np.quantile(values.numpy(), levels, method="averaged_inverted_cdf")
    np.testing.assert_allclose(sample_quantiles(values, levels), expected)


def test_scale_of_mostly_one_value_is_that_of_a_wider_range() -> None:
    values = torch.cat([torch.zeros(82), torch.arange(1.0, 19)])
    assert location_and_scale(values) == (0.0, 3.5)  # up to the 80 % point all is 0
    assert location_and_scale(torch.ones(7)) == (1.0, 0.0)


def test_robust_standardization_is_that_without_the_far_value() -> None:
    inputs = torch.randn(999, 2, dtype=torch.float64)
    spoilt = inputs.clone()
    spoilt[0, 0] = 1e12
    clean, robust = Standardize(2, robust=True).double(), Standardize(2, robust=True).double()
    clean.fit(inputs)
    robust.fit(spoilt)
    torch.testing.assert_close(robust(inputs)[1:], clean(inputs)[1:], atol=0.01, rtol=0.01)
    assert robust(spoilt)[0, 0] == pytest.approx(10, abs=1e-6)
    # As scikit-learn's RobustScaler with this range, but for the squeeze beyond 5.
    low, middle, high = np.quantile(inputs[:, 1], [0.1, 0.5, 0.9], method="averaged_inverted_cdf")
    expected = (inputs[:, 1] - middle) * 2.5631031310892007 / (high - low)
    torch.testing.assert_close(clean(inputs)[:, 1], expected)


def test_robust_squeeze_is_smooth_and_increasing() -> None:
    layer = Standardize(1, robust=True)
    at = torch.linspace(-40, 40, 4001, dtype=torch.float64)[:, None]
    squeezed = layer.double()(at)
    steps = squeezed.diff(dim=0) / 0.02
    assert (steps > 0).all()
    assert (steps.diff(dim=0).abs() < 0.01).all()
    torch.testing.assert_close(squeezed[at.abs() <= 5], at[at.abs() <= 5])
    torch.testing.assert_close(layer(at.new_full((1, 1), math.inf)), at.new_full((1, 1), 10.0))


def test_robust_scale_of_rare_flags_and_of_missing_columns() -> None:
    flag = torch.zeros(1000, 3)
    flag[:4, 0] = 1
    flag[:, 1] = math.nan
    flag[:40, 2] = 5
    layer = Standardize(3, robust=True)
    layer.fit(flag)
    torch.testing.assert_close(layer.mean, torch.zeros(3))
    torch.testing.assert_close(layer.scale, torch.tensor([0.1, 1.0, 5 * 0.2]))
