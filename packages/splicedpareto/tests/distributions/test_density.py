"""The density integrates to one, and every probability equals SciPy's, region by region."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.testing import assert_allclose
from torch import Tensor

from example_distributions import (
    CONCENTRATIONS,
    F64,
    PROPERTY,
    PlainDistribution,
    distributions,
    f64,
    uneven_distribution,
)
from splicedpareto.distributions import SplicedBinnedPareto


def points(dist: SplicedBinnedPareto, part: str) -> np.ndarray:
    """Values strictly within a part of the distribution, from next to the splice to far out."""
    if part == "body":
        low, high = dist.lower_threshold.item(), dist.upper_threshold.item()
        return np.linspace(low, high, 203)[1:-1]
    levels = f64(0.999, 0.5, 1e-2, 1e-5, 1e-12)
    if part == "lower":
        return dist.icdf(dist.lower_mass * levels).numpy()
    return dist.isf(dist.upper_mass * levels).numpy()


@PROPERTY
@given(distributions())
def test_density_of_any_distribution_integrates_to_one(dist: SplicedBinnedPareto) -> None:
    x, weight = PlainDistribution.of(dist).quadrature()
    density = dist.log_prob(torch.tensor(x)).exp().numpy()
    assert (weight * density).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("part", ["lower", "body", "upper"])
@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("scale", [None, 3.0])
@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_density_and_probabilities_are_scipys(
    part: str, splice: str, scale: float | None, concentration: float
) -> None:
    dist = uneven_distribution(concentration, concentration, splice=splice, scale=scale)
    x, plain = points(dist, part), PlainDistribution.of(dist)
    at = torch.tensor(x)
    assert_close(dist.log_prob(at), lambda x: np.log(plain.density(x)), x, rtol=2e-12, atol=2e-12)
    assert_close(dist.cdf(at), plain.cdf, x, rtol=1e-12)
    assert_close(dist.sf(at), plain.sf, x, rtol=1e-12)
    assert_close(dist.log_cdf(at), lambda x: np.log(plain.cdf(x)), x, rtol=1e-12, atol=1e-15)
    assert_close(dist.log_sf(at), lambda x: np.log(plain.sf(x)), x, rtol=1e-12, atol=1e-15)


def assert_close(
    found: Tensor,
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    *,
    rtol: float,
    atol: float = 0.0,
) -> None:
    """Compare with a function at x, allowing for x being off by two units in the last place.

    A threshold is rounded so: next to the end of a bounded tail that is much of the distance.
    """
    expected, step = function(x), 2 * np.spacing(np.abs(x))
    with np.errstate(divide="ignore"):  # past the end
        slack = np.abs(function(x + step) - function(x - step))
    allowed = atol + rtol * np.abs(expected) + np.where(slack < 1e-6, slack, 0)
    assert (np.abs(found.numpy() - expected) <= allowed).all()


@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_quantiles_of_the_tails_are_scipys(concentration: float) -> None:
    dist = uneven_distribution(concentration, concentration, scale=3.0)
    plain = PlainDistribution.of(dist)
    level = np.array([0.9, 0.5, 1e-3, 1e-9, 1e-15])
    above = plain.upper.threshold + plain.upper.excess.isf(level)
    below = plain.lower.threshold - plain.lower.excess.isf(level)
    assert_allclose(dist.isf(torch.tensor(plain.upper.mass * level)).numpy(), above, rtol=1e-12)
    assert_allclose(dist.icdf(torch.tensor(plain.lower.mass * level)).numpy(), below, rtol=1e-12)


def test_quantiles_of_the_body_are_interpolated_sums() -> None:
    dist = uneven_distribution()
    plain = PlainDistribution.of(dist)
    level = np.linspace(0.08, 0.87, 50)
    sums = np.concatenate([[0.0], plain.probs.cumsum()])
    expected = np.interp(level, sums, plain.edges)
    assert_allclose(dist.icdf(torch.tensor(level)).numpy(), expected, rtol=1e-12, atol=1e-13)
    assert_allclose(dist.isf(torch.tensor(1 - level)).numpy(), expected, rtol=1e-12, atol=1e-13)


def test_thresholds_are_quantiles_of_the_bins_or_the_outermost_edges() -> None:
    dist = uneven_distribution()
    plain = PlainDistribution.of(dist)
    assert dist.lower_threshold.item() == pytest.approx(plain.lower.threshold, rel=1e-14)
    assert dist.upper_threshold.item() == pytest.approx(plain.upper.threshold, rel=1e-14)
    dist = uneven_distribution(splice="edge")
    assert (dist.lower_threshold, dist.upper_threshold) == (-30, 104)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_tied_scales_make_the_density_continuous(splice: str) -> None:
    dist = uneven_distribution(0.2, -0.2, splice=splice)
    for threshold in (dist.lower_threshold, dist.upper_threshold):
        around = torch.stack([threshold - 1e-9, threshold, threshold + 1e-9])
        density = dist.log_prob(around)
        torch.testing.assert_close(density, density[1].expand(3), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["log_prob", "cdf", "sf", "log_cdf", "log_sf"])
@pytest.mark.parametrize(
    # Just before an end point no float32 value is near enough to the exact one.
    ("concentration", "deepest"),
    [(-0.3, 1e-3), (0.0, 1e-12), (1e-8, 1e-12), (0.3, 1e-12)],
)
def test_float32_keeps_its_digits_in_the_tails(
    method: str, concentration: float, deepest: float
) -> None:
    exact = uneven_distribution(concentration, concentration, scale=3.0)
    rough = uneven_distribution(concentration, concentration, scale=3.0, dtype=torch.float32)
    level = torch.logspace(math.log10(deepest), -1.3, 5, dtype=F64)
    x = torch.cat([exact.icdf(level), exact.isf(level)])
    x = x.float()  # the value itself is rounded, which must not count
    expected = getattr(exact, method)(x.double())
    actual = getattr(rough, method)(x).double()
    # The threshold is rounded by 6e-8 of 50, and that is divided by a scale of 1.5.
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5 if "log" in method else 0)


@pytest.mark.parametrize("beyond", [1e-9, -1e-9])
def test_a_tied_scale_jumps_where_the_threshold_crosses_an_edge(beyond: float) -> None:
    # The last bin, a yard wide, holds the tail's .2 and a little more, or less: the density at the
    # threshold is .2 there, .6 in the bin before, and the scale of the tail 1 or 1/3.
    probs = torch.tensor([0.2, 0.6 - beyond, 0.2 + beyond], dtype=torch.float64)
    edges = torch.arange(4, dtype=torch.float64)
    dist = SplicedBinnedPareto(probs.log(), edges, 0.0, 0.0, lower_mass=0.0, upper_mass=0.2)
    rate = 1.0 if beyond > 0 else 3.0
    assert dist.upper_threshold.item() == pytest.approx(2, abs=1e-7)
    assert dist.sf(edges[3]).item() == pytest.approx(0.2 * math.exp(-rate), rel=1e-7)
