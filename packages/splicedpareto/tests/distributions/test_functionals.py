"""Every closed form equals its integral by quadrature, and is infinite when the integral is."""

import math

import numpy as np
import pytest
import scoringrules
import torch
from hypothesis import given

from example_distributions import (
    PROPERTY,
    PlainDistribution,
    distributions,
    f64,
    uneven_distribution,
)
from splicedpareto.distributions import SplicedBinnedPareto

LIGHT = [(-0.4, 0.2), (0.0, 1e-9), (0.3, -0.1), (0.45, 0.4)]
HEAVY = [*LIGHT, (0.9, 0.7)]
INFINITE_MEAN = [*HEAVY, (1.5, 1.0), (0.3, 1.9), (1.2, -0.3)]
EACH_SPLICE = pytest.mark.parametrize("splice", ["quantile", "edge"])
# In the lower tail, at the threshold, in the body, on an edge, and in the upper tail.
PLACES = [-200.0, -31.0, -1.5, -0.999, 0.7, 60.0, 110.0, 700.0]


def distribution(shapes: tuple[float, float], splice: str = "quantile") -> SplicedBinnedPareto:
    """Scales of the order of the body's width, so that the tails count."""
    return uneven_distribution(*shapes, splice=splice, scale=20.0)


@EACH_SPLICE
@pytest.mark.parametrize("shapes", HEAVY)
def test_mean_and_variance_are_the_integrals(shapes: tuple[float, float], splice: str) -> None:
    dist = distribution(shapes, splice)
    plain = PlainDistribution.of(dist)
    mean = plain.expectation(lambda x: x)
    assert dist.mean.item() == pytest.approx(mean, rel=1e-9)
    if shapes in LIGHT:
        expected = plain.expectation(lambda x: (x - mean) ** 2)
        assert dist.variance.item() == pytest.approx(expected, rel=1e-8)
        assert dist.stddev.item() == pytest.approx(math.sqrt(expected), rel=1e-8)


@pytest.mark.parametrize(
    ("shapes", "mean", "variance"),
    [
        ((0.3, 0.49), "finite", "finite"),
        ((0.3, 0.5), "finite", math.inf),
        ((0.5, 0.3), "finite", math.inf),
        ((0.3, 1.0), math.inf, math.nan),
        ((1.0, 0.3), -math.inf, math.nan),
        ((1.0, 1.0), math.nan, math.nan),
    ],
)
def test_moments_exist_where_they_should(
    shapes: tuple[float, float], mean: float | str, variance: float | str
) -> None:
    dist = distribution(shapes)
    for moment, expected in ((dist.mean, mean), (dist.variance, variance)):
        if expected == "finite":
            assert moment.isfinite()
        else:
            assert moment.item() == pytest.approx(expected, nan_ok=True)


def test_a_tail_without_mass_spoils_no_moment() -> None:
    dist = uneven_distribution(0.2, 2.5, lower_mass=0.1, upper_mass=0.0)
    assert dist.mean.isfinite()
    assert dist.variance.isfinite()
    assert dist.crps(f64(3.0)).isfinite()
    assert dist.entropy().isfinite()


def test_entropy_of_a_bin_whose_density_rounds_to_zero() -> None:
    logits, edges = torch.tensor([0.0, -102, 0]), torch.arange(4) * 10.0
    dist = SplicedBinnedPareto(logits, edges, 0.1, 0.1)
    exact = SplicedBinnedPareto(logits.double(), edges, 0.1, 0.1)
    assert dist.entropy().item() == pytest.approx(exact.entropy().item())


@EACH_SPLICE
@pytest.mark.parametrize("shapes", INFINITE_MEAN)
def test_entropy_is_the_integral(shapes: tuple[float, float], splice: str) -> None:
    dist = distribution(shapes, splice)
    plain = PlainDistribution.of(dist)
    expected = -plain.expectation(lambda x: np.log(np.maximum(plain.density(x), 1e-300)))
    assert dist.entropy().item() == pytest.approx(expected, rel=1e-9)


@EACH_SPLICE
@pytest.mark.parametrize("shapes", INFINITE_MEAN)
@pytest.mark.parametrize("threshold", [-math.inf, -100.0, 0.2, 105.0])
@pytest.mark.sample(10)
def test_threshold_weighted_crps_is_the_integral(
    shapes: tuple[float, float], splice: str, threshold: float
) -> None:
    dist = distribution(shapes, splice)
    low, high = (end.item() for end in dist.end_points)
    plain, cuts = PlainDistribution.of(dist), [threshold] if math.isfinite(threshold) else []
    for y in PLACES:
        x, weight = plain.quadrature(y, *cuts)
        error = np.where(x < y, plain.cdf(x), plain.sf(x)) * (x > threshold)
        # Beyond the end of a bounded support the distance to it is missed for certain.
        missed = max(y - max(high, threshold), 0) + max(low - max(y, threshold), 0)
        expected = (weight * error**2).sum() + missed
        actual = dist.tw_crps(f64(y), threshold) if cuts else dist.crps(f64(y))
        assert actual.item() == pytest.approx(expected, rel=1e-8, abs=1e-12 if cuts else 0), y


@pytest.mark.parametrize(
    ("shape", "finite"), [(1.0, True), (1.5, True), (2.0, False), (3.0, False)]
)
def test_crps_is_finite_below_a_concentration_of_two(shape: float, finite: bool) -> None:
    assert distribution((0.1, shape)).crps(f64(3.0)).isfinite() == finite
    assert distribution((shape, 0.1)).crps(f64(3.0)).isfinite() == finite
    # Between finite bounds the integral always is.
    assert distribution((shape, shape)).crps_between(f64(3.0), -500.0, 500.0).isfinite()


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.9])
@pytest.mark.parametrize("y", [0.5, 3.0, 40.0])
def test_crps_of_an_upper_tail_is_that_of_the_generalized_pareto_distribution(
    shape: float, y: float
) -> None:
    # One bin of almost no mass and width: all that is left is the tail.
    dist = SplicedBinnedPareto(
        f64(-math.inf, -40.0, 0.0), f64(-1e-12, 0.0), 0.0, shape, 1.0, 2.0, splice="edge"
    )
    expected = scoringrules.crps_gpd(y, shape, location=0.0, scale=2.0)
    assert dist.crps(f64(y)).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shapes", HEAVY)
def test_expected_excesses_are_integrals(shapes: tuple[float, float]) -> None:
    plain = PlainDistribution.of(dist := distribution(shapes))
    for t in PLACES:
        x, weight = plain.quadrature(t)
        above = x > t
        low = dist.end_points[0].item()
        stop_loss = (weight * plain.sf(x))[above].sum() + max(low - t, 0)
        assert dist.stop_loss(f64(t)).item() == pytest.approx(stop_loss, rel=1e-9, abs=1e-12), t
        sf = float(plain.sf(np.array(t)))
        if sf > 0:
            assert dist.mean_excess(f64(t)).item() == pytest.approx(stop_loss / sf, rel=1e-9), t


@EACH_SPLICE
@pytest.mark.parametrize("shapes", HEAVY)
@pytest.mark.parametrize("level", [1e-6, 0.03, 0.4, 0.9, 0.999999])
@pytest.mark.sample(12)
def test_expected_shortfalls_are_integrals(
    shapes: tuple[float, float], splice: str, level: float
) -> None:
    dist = distribution(shapes, splice)
    quantile = dist.icdf(f64(level)).item()
    plain = PlainDistribution.of(dist)
    above = plain.expectation(lambda x: x * (x > quantile), quantile) / (1 - level)
    below = plain.expectation(lambda x: x * (x < quantile), quantile) / level
    assert dist.expected_shortfall(level).item() == pytest.approx(above, rel=1e-8)
    assert dist.expected_shortfall(level, upper=False).item() == pytest.approx(below, rel=1e-8)


def test_expected_shortfall_of_everything_is_the_mean_and_of_nothing_the_end() -> None:
    dist = distribution((0.3, -0.4))
    assert dist.expected_shortfall(0.0).item() == pytest.approx(dist.mean.item(), rel=1e-14)
    below = dist.expected_shortfall(1.0, upper=False)
    assert below.item() == pytest.approx(dist.mean.item(), rel=1e-14)
    assert dist.expected_shortfall(1.0) == dist.end_points[1]
    assert dist.expected_shortfall(0.0, upper=False) == -math.inf


def test_expected_excesses_are_infinite_from_a_concentration_of_one_on() -> None:
    dist = distribution((0.2, 1.0))
    assert dist.stop_loss(3.0) == math.inf
    assert dist.mean_excess(3.0) == math.inf
    assert dist.mean_excess(500.0) == math.inf
    assert dist.expected_shortfall(0.5) == math.inf
    assert dist.expected_shortfall(0.5, upper=False).isfinite()


@PROPERTY
@given(distributions(lowest=-0.4, highest=0.8))
def test_shortfalls_on_both_sides_average_to_the_mean(dist: SplicedBinnedPareto) -> None:
    level = f64(1e-9, 0.02, 0.3, 0.8, 0.97)
    above, below = dist.expected_shortfall(level), dist.expected_shortfall(level, upper=False)
    mean = (1 - level) * above + level * below
    scale = above.abs() + below.abs()
    assert ((mean - dist.mean).abs() <= 1e-11 * scale).all()


@PROPERTY
@given(distributions())
def test_bounded_scores_add_up(dist: SplicedBinnedPareto) -> None:
    x = dist.icdf(f64(1e-4, 0.3, 0.6, 0.9999))
    bounds = torch.cat([f64(-math.inf)[None], x, f64(math.inf)[None]])
    pieces = dist.crps_between(x[:, None], bounds[:-1], bounds[1:])
    torch.testing.assert_close(pieces.sum(-1), dist.crps(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shapes", INFINITE_MEAN)
@pytest.mark.parametrize(
    ("low", "high"), [(-300.0, 400.0), (-0.5, 2.0), (-math.inf, 50.0), (-1.0, math.inf)]
)
@pytest.mark.sample(10)
def test_clamped_mean_is_the_integral(shapes: tuple[float, float], low: float, high: float) -> None:
    dist = distribution(shapes)
    if (low == -math.inf and shapes[0] >= 1) or (high == math.inf and shapes[1] >= 1):
        expected = -math.inf if low == -math.inf else math.inf
    else:
        cuts = [bound for bound in (low, high) if math.isfinite(bound)]
        expected = PlainDistribution.of(dist).expectation(lambda x: np.clip(x, low, high), *cuts)
    assert dist.clamped_mean(low, high).item() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("level", [0.0, 0.01, 0.3, 0.95, 1.0])
def test_pinball_loss_is_the_quantile_score(level: float) -> None:
    dist = distribution((-0.2, -0.2))
    y = f64(-20.0, 1.0, 90.0)
    quantile = dist.icdf(f64(level))
    expected = scoringrules.quantile_score(y.numpy(), quantile.numpy(), level)
    np.testing.assert_allclose(dist.pinball(y, level).numpy(), expected, rtol=1e-12)


@PROPERTY
@given(distributions())
def test_nothing_is_denser_than_the_mode(dist: SplicedBinnedPareto) -> None:
    x = torch.cat([dist.icdf(torch.linspace(0.001, 0.999, 400, dtype=torch.float64)), dist.edges])
    outside = (x < dist.lower_threshold) | (x > dist.upper_threshold)
    beside = torch.stack([dist.lower_threshold - 1e-9, dist.upper_threshold + 1e-9])
    x = torch.cat([x[~outside], x[outside], beside])
    peak = torch.maximum(dist.log_prob(dist.mode), _beside(dist, dist.mode))
    # Past -1 a tail's density grows without bound towards its end, which is then the mode.
    assert (dist.log_prob(x) <= peak + 1e-6).all() or dist.mode in dist.end_points


def _beside(dist: SplicedBinnedPareto, x: torch.Tensor) -> torch.Tensor:
    """Larger of the densities just left and right of a value."""
    step = 1e-12 * (1 + x.abs())
    return torch.maximum(dist.log_prob(x - step), dist.log_prob(x + step))


@pytest.mark.parametrize(
    ("logits", "scales", "expected"),
    [
        ((0.0, 3.0, 0.0), (5.0, 5.0), 1.5),
        ((0.0, 0.0, 0.0), (5.0, 5.0), 0.575),  # equally dense: the first, cut at 0.15
        ((0.0, 0.0, 0.0), (5.0, 1e-3), 2.85),
        ((0.0, 0.0, 0.0), (1e-3, 5.0), 0.15),
    ],
)
def test_mode_is_the_middle_of_the_densest_part(
    logits: tuple[float, ...], scales: tuple[float, float], expected: float
) -> None:
    dist = SplicedBinnedPareto(f64(*logits), f64(0, 1, 2, 3), 0.1, 0.1, *scales)
    assert dist.mode.item() == pytest.approx(expected)


def test_mode_of_a_tail_that_grows_is_its_end() -> None:
    dist = SplicedBinnedPareto(f64(0, 0), f64(0, 1, 2), 0.1, -2.0, 0.1, 0.5)
    assert dist.mode == dist.end_points[1]


def test_tail_index_is_the_inverse_concentration() -> None:
    assert uneven_distribution(0.25, 0.5).tail_index == (4, 2)
    assert uneven_distribution(0.0, -0.5).tail_index == (math.inf, math.inf)


def test_end_points_bound_the_support() -> None:
    dist = uneven_distribution(-0.25, -0.5, scale=2.0)
    low, high = dist.lower_threshold - 2.0 / 0.25, dist.upper_threshold + 1.0 / 0.5
    assert dist.end_points == (low, high)
    assert dist.support.check(torch.stack([low, high])).all()
    assert not dist.support.check(torch.stack([low - 1e-9, high + 1e-9])).any()
    assert uneven_distribution(0.0, 0.3).end_points == (-math.inf, math.inf)
