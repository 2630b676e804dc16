"""Moments and entropy of rounded variables without bounds are sums over whole numbers."""

import math

import numpy as np
import pytest
import torch
from scipy.special import zeta

from example_distributions import F64, f64, shares
from splicedpareto.distributions import (
    Censored,
    Delta,
    Discretized,
    Gaussian,
    GeneralizedPareto,
    Mixture,
    SplicedBinnedPareto,
)


def of_counts(*weights: float, scale: float, concentration: float = 0.0) -> Discretized:
    """Bins of one whole number each from 0 on, and an upper tail."""
    edges = torch.arange(len(weights) + 1, dtype=F64) - 0.5
    tail = {"lower_scale": 1.0, "upper_scale": scale, "lower_mass": 0.0}
    return Discretized(SplicedBinnedPareto(shares(*weights), edges, 0.0, concentration, **tail))


def zero_inflated(median: float) -> Discretized:
    """A zero of probability .3, and bins up to twice the median."""
    edges = torch.cat([f64(-0.5, 0.5), torch.linspace(0.5, 2 * median, 12)[1:].round() + 0.5])
    logits = torch.cat([f64(0.3).reshape(1), torch.full((11,), 0.7 / 11, dtype=F64)]).log()
    return Discretized(SplicedBinnedPareto(logits, edges, 0.1, 0.2, lower_mass=0.0))


def check_against_sums(dist: Discretized, low: float, high: float) -> None:
    """Compare with sums over all whole numbers in a range."""
    whole = torch.arange(low, high + 1, dtype=F64)
    mass = dist.log_prob(whole).exp()
    mean = (whole * mass).sum().item()
    rule = dist.unrounded_quadrature()
    assert rule.prob.sum().item() == pytest.approx(1, abs=1e-8)
    assert dist.mean.item() == pytest.approx(mean, rel=1e-8, abs=1e-9)
    variance = ((whole - mean).square() * mass).sum().item()
    assert dist.variance.item() == pytest.approx(variance, rel=1e-6)
    entropy = -torch.xlogy(mass, mass).sum().item()
    assert dist.entropy().item() == pytest.approx(entropy, rel=1e-7)
    stop = mean + 2 * math.sqrt(variance) - 0.2
    for bounds in ((low / 3 + 0.3, stop), (-math.inf, stop), (mean, math.inf)):
        clamped = (whole.clamp(*bounds) * mass).sum().item()
        assert dist.clamped_mean(*bounds).item() == pytest.approx(clamped, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0])
def test_light_tails_of_counts_have_moments(scale: float) -> None:
    check_against_sums(of_counts(0.8, 0.15, 0.04, 0.01, scale=scale), -1.0, 200.0)


@pytest.mark.parametrize("median", [20.0, 500.0])
def test_a_zero_far_from_the_median_counts_in_full(median: float) -> None:
    check_against_sums(zero_inflated(median), -1.0, 60_000.0)


def test_random_bins_and_tails_have_the_moments_of_their_sums() -> None:
    random = np.random.default_rng(7)
    for _ in range(3):
        widths = 10 ** random.uniform(-1, 2.5, 12)
        edges = torch.as_tensor(random.uniform(-100, 100) + np.insert(widths.cumsum(), 0, 0))
        base = SplicedBinnedPareto(
            torch.as_tensor(3 * random.standard_normal(12)),
            edges,
            *random.uniform(0, 0.2, 2),
            *10 ** random.uniform(-1, 1, 2),
            *random.choice([0, 1e-6, 0.02, 0.3], 2),
        )
        ends = base.icdf(f64(1e-14)), base.isf(f64(1e-14))
        check_against_sums(Discretized(base), ends[0].floor().item(), ends[1].ceil().item())


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("concentration", [0.1, 0.3, 0.45, 0.49, 0.497, 0.985, 0.995])
def test_moments_of_a_pareto_tail_are_hurwitz_zetas(scale: float, concentration: float) -> None:
    # P(Y >= k) = (k / q + 1)**-s; the mean is their sum, E Y^2 that of (2 k - 1) P(Y >= k).
    s, q = 1 / concentration, scale / concentration
    mean = q * (q ** (s - 1) * zeta(s, q + 1))
    dist = Discretized(GeneralizedPareto(f64(-0.5), scale, concentration))
    single = Discretized(GeneralizedPareto(torch.tensor(-0.5), scale, concentration))
    assert dist.mean.item() == pytest.approx(mean, rel=2e-7)
    assert single.mean.item() == pytest.approx(mean, rel=1e-4)
    if concentration < 0.5:
        square = 2 * q * (q ** (s - 1) * zeta(s - 1, q + 1)) - (2 * q + 1) * mean
        assert dist.variance.item() == pytest.approx(square - mean**2, rel=1e-6)
        assert single.variance.item() == pytest.approx(square - mean**2, rel=2e-3)


def test_counts_without_a_moment_have_none() -> None:
    for scale in (0.1, 30.0):
        no_variance = Discretized(GeneralizedPareto(f64(0.0), scale, 0.5))
        assert no_variance.mean.isfinite()
        assert no_variance.variance == math.inf
        for concentration in (1.0, 1.2, 6.0):
            dist = Discretized(GeneralizedPareto(f64(0.0), scale, concentration))
            assert dist.mean == math.inf
            assert dist.variance.isnan()
            assert dist.entropy().isfinite()
            assert dist.clamped_mean(-math.inf, 1e3).isfinite()


def test_moments_near_the_limit_keep_what_lies_beyond_the_last_node() -> None:
    for concentration in (0.49, 0.499):
        base = GeneralizedPareto(f64(0.0), 1.0, concentration)
        found = Censored(base, -1.0, math.inf).variance
        assert found.item() == pytest.approx(base.variance.item(), rel=1e-7)


def test_both_tails_of_a_wide_variable_are_as_long() -> None:
    for scale in (10.0, 100.0, 1e4):
        assert Discretized(Gaussian(f64(0.3), scale)).mean.item() == pytest.approx(0.3, abs=1e-8)


def test_narrow_parts_apart_are_summed() -> None:
    parts = [Gaussian(f64(at), f64(0.05)) for at in (0.0, 300.3, 5000.0)]
    dist = Discretized(Mixture(shares(0.3, 0.5, 0.2), parts))
    check_against_sums(dist, -5.0, 5005.0)


def test_bounds_of_a_clamp_broadcast_with_the_batch() -> None:
    dist = Discretized(Gaussian(f64(0.0, 400.0), f64(3.0, 200.0)))
    low, high = f64(-2.5, 7.0, -math.inf).reshape(3, 1), f64(2.0, 7.0, 5e5).reshape(3, 1)
    found = dist.clamped_mean(low, high)
    whole = torch.arange(-1300.0, 2100.0, dtype=F64)[:, None, None]
    mass = dist.log_prob(whole).exp()
    right = (torch.minimum(torch.maximum(whole, low), high) * mass).sum(0)
    torch.testing.assert_close(found, right, rtol=1e-8, atol=1e-8)


# Parts that lie far apart


def test_quantiles_around_an_atom_far_from_counts_are_numbers() -> None:
    # The atom's place in the counts has a cdf of 0, of which the quantile is infinite.
    far = Mixture(f64(1.0, 0.0), [Delta(f64(0.0)), Discretized(Gaussian(f64(20.0), 1.0))])
    np.testing.assert_array_equal(far.icdf(f64(0.3, 0.7, 0.9)), [0, 0, 20])
    two = [Discretized(Gaussian(f64(mean), 1.0)) for mean in (0.0, 60.0)]
    np.testing.assert_array_equal(Mixture(f64(0, 0), two).icdf(f64(0.1, 0.3, 0.9)), [-1, 0, 61])


@pytest.mark.parametrize(("mean", "scale"), [(63.0, 0.05), (2.2, 0.03), (0.0, 0.05)])
def test_a_count_that_hardly_varies_has_a_small_variance_in_single_precision(
    mean: float, scale: float
) -> None:
    counts = Discretized(Gaussian(mean, scale))
    assert 0 <= counts.stddev.item() < 1e-5
    assert 0 <= counts.variance.item() < 1e-10
    either = Mixture(torch.zeros(2), [Delta(0.0), Discretized(Gaussian(63.0, 0.05))])
    assert either.variance.item() == pytest.approx(31.5**2)


def test_the_heaviest_count_is_found_however_far() -> None:
    edges = f64(-0.5, 1.5, 40000.5)
    far = SplicedBinnedPareto(shares(0.1, 0.9), edges, 0.1, 0.1, lower_mass=0.0)
    parts = [Discretized(far), Discretized(Gaussian(f64(20000.0), 3000.0))]
    assert Mixture(f64(0, 0), parts).mode.item() in {0.0, 1.0}
