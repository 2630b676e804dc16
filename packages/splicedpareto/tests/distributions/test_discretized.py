"""A rounded variable has the base's mass around each whole number."""

import math

import numpy as np
import pytest
import scipy.stats
import scoringrules
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal

from example_distributions import (
    F64,
    PROPERTY,
    distributions,
    f64,
    shares,
    uneven_distribution,
    uniform,
)
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    GeneralizedPareto,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution

WHOLE = torch.arange(-60, 130, dtype=F64)
THREE = Mixture(
    f64(0.3, 0.3, 0.4).log(),
    [Gaussian(f64(at), f64(width)) for at, width in ((7.8, 0.1), (8.2, 0.1), (2.0, 0.01))],
)


def field_distribution(low: float = -9.0, high: float = 25.0) -> Discretized:
    """Rounded and censored, both bounds within the tails' reach."""
    return Discretized(Censored(uneven_distribution(0.2, 0.1), low, high))


def test_mass_is_that_of_the_interval_around_a_whole_number() -> None:
    base = uneven_distribution()
    dist = Discretized(base)
    expected = base.cdf(WHOLE + 0.5) - base.cdf(WHOLE - 0.5)
    torch.testing.assert_close(dist.log_prob(WHOLE).exp(), expected, rtol=1e-9, atol=1e-15)


def test_mass_beyond_a_bound_sits_on_the_bound() -> None:
    dist, base = field_distribution(), uneven_distribution(0.2, 0.1)
    whole = torch.arange(-12, 30, dtype=F64)
    mass = dist.log_prob(whole).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-14)
    assert mass[whole == 25].item() == pytest.approx(base.sf(f64(24.5)).item(), rel=1e-12)
    assert mass[whole == -9].item() == pytest.approx(base.cdf(f64(-8.5)).item(), rel=1e-12)
    assert mass[(whole < -9) | (whole > 25)].abs().sum() == 0


def test_only_whole_numbers_have_mass() -> None:
    dist = field_distribution()
    assert dist.log_prob(f64(0.5, 1.0001, -3.2)).tolist() == [-math.inf] * 3
    assert dist.log_prob(f64(math.nan)).isnan()
    assert dist.support.check(f64(3.0))
    assert not dist.support.check(f64(3.5))
    assert dist.support.is_discrete


def test_distribution_function_is_continuous_from_the_right() -> None:
    dist = field_distribution()
    mass = dist.log_prob(WHOLE).exp()
    at = WHOLE[mass > 0]
    torch.testing.assert_close(dist.cdf(at), mass[mass > 0].cumsum(0))
    torch.testing.assert_close(dist.cdf(at + 0.999), dist.cdf(at))
    torch.testing.assert_close(dist.cdf_below(at), dist.cdf(at - 1))
    torch.testing.assert_close(dist.cdf_below(at + 0.5), dist.cdf(at))
    torch.testing.assert_close(dist.sf(at), 1 - dist.cdf(at), rtol=0, atol=1e-14)
    torch.testing.assert_close(dist.log_cdf(at).exp(), dist.cdf(at))
    torch.testing.assert_close(dist.log_sf(at).exp(), dist.sf(at))


@pytest.mark.parametrize(
    ("base", "mode"),
    [
        (Censored(Gaussian(f64(5), f64(2)), 0.0, 10.0), 5),
        (Censored(Gaussian(f64(40), f64(2)), 0.0, 100.0), 40),
        (Censored(Gaussian(f64(-1), f64(2)), 0.0, 10.0), 0),
        (Censored(Gaussian(f64(30), f64(2)), 0.0, 10.0), 10),
        (Mixture(f64(0.1, 0.9).log(), [Delta(f64(0)), Gaussian(f64(5), f64(1))]), 5),
        (Mixture(f64(0.5, 0.5).log(), [Delta(f64(0)), Gaussian(f64(5), f64(1))]), 0),
        # Two that are one within half a number, and one that is denser.
        (THREE, 8),
        (AffineTransformed(THREE, f64(5), f64(0.5)), 9),
        (Censored(uneven_distribution(0.2, 0.1), -9.0, 25.0), None),
        (Mixture(f64(0.2, 0.8).log(), [Delta(f64(0)), uneven_distribution()]), None),
    ],
)
def test_mode_is_the_number_of_the_largest_mass(base: ScalarDistribution, mode: int | None) -> None:
    dist = Discretized(base)
    best = WHOLE[dist.log_prob(WHOLE).argmax()]
    assert dist.mode == best
    assert mode is None or best == mode


@PROPERTY
@given(distributions(), st.floats(1e-9, 1 - 1e-9))
def test_quantile_is_the_smallest_whole_number_that_reaches_the_level(
    base: SplicedBinnedPareto, level: float
) -> None:
    dist = Discretized(base)
    quantile = dist.icdf(f64(level))
    if quantile.abs() > 2**50:
        return  # neighboring numbers have no half between them
    assert quantile == quantile.round()
    assert dist.cdf(quantile) >= level
    assert dist.cdf(quantile - 1) < level
    upper = dist.isf(f64(level))
    assert dist.sf(upper) <= level
    assert dist.sf(upper - 1) > level


def test_zero_has_no_sign(generator: torch.Generator) -> None:
    dist = Discretized(Gaussian(f64(-0.1), f64(0.2)))
    for zero in (
        dist.median,
        dist.icdf(f64(0.4)),
        dist.isf(f64(0.4)),
        dist.mode,
        dist.sample((20,), generator=generator),
    ):
        assert not (zero[zero == 0]).signbit().any()


def test_quantiles_at_a_jump_are_the_number_itself() -> None:
    dist = field_distribution()
    whole = torch.arange(-8, 24, dtype=F64)
    level = dist.cdf(whole)
    assert torch.equal(dist.icdf(level), whole)


@pytest.mark.parametrize(
    ("base", "ends"),
    [
        (Censored(Gaussian(f64(0.0), f64(1.0)), 0.0, 5.0), (0, 5)),
        # A half goes down: the atoms count with -1 and 5.
        (Censored(Gaussian(f64(0.0), f64(1.0)), -0.5, 5.5), (-1, 5)),
        # The masses of the ends are below the smallest number.
        (Censored(Gaussian(f64(0.0), f64(1.0)), -90.0, 70.0), (-90, 70)),
        (GeneralizedPareto(f64(0.0), 1.0, 0.2), (0, math.inf)),
        # An end at 2.5 rounds down, one at -0.5 has no mass below it.
        (GeneralizedPareto(f64(-0.5), 1.2, -0.4), (0, 2)),
        # The last numbers have masses that one less rounds away.
        (GeneralizedPareto(f64(0.0), 1.0, -0.01), (0, 100)),
        (uneven_distribution(0.1, 0.1, lower_mass=0.0), (-30, math.inf)),
        (Gaussian(f64(0.3), f64(2.0)), (-math.inf, math.inf)),
    ],
)
def test_quantiles_of_levels_0_and_1_are_the_ends_with_mass(
    base: ScalarDistribution, ends: tuple[float, float]
) -> None:
    dist = Discretized(base)
    assert dist.icdf(f64(0.0, 1.0)).tolist() == [*ends]
    assert dist.isf(f64(1.0, 0.0)).tolist() == [*ends]
    assert dist.icdf(f64(math.nan)).isnan()


def test_quantiles_of_a_mixture_of_counts_start_at_the_first() -> None:
    count = Discretized(Censored(Gaussian(f64(0.0), f64(1.0)), 0.0, 5.0))
    dist = Mixture(shares(0.4, 0.6), [count, Delta(f64(2.0))])
    assert dist.icdf(f64(0.0, 1.0)).tolist() == dist.isf(f64(1.0, 0.0)).tolist() == [0, 5]


def test_intervals_count_the_whole_numbers_in_them() -> None:
    dist = field_distribution()
    for low, high in ((-math.inf, 3.0), (2.0, 7.5), (2.5, 7.0), (24.0, math.inf), (3.2, 3.8)):
        counted = WHOLE[(low < WHOLE) & (high >= WHOLE)]
        expected = dist.log_prob(counted).exp().sum()
        mass = dist.log_prob_interval(f64(low), f64(high)).exp()
        torch.testing.assert_close(mass, expected, rtol=1e-12, atol=1e-15)


def test_moments_are_sums() -> None:
    dist = field_distribution()
    mass = dist.log_prob(WHOLE).exp()
    mean = (WHOLE * mass).sum()
    torch.testing.assert_close(dist.mean, mean)
    torch.testing.assert_close(dist.variance, ((WHOLE - mean) ** 2 * mass).sum())


@pytest.mark.parametrize("y", [-11.0, -9.0, 0.0, 7.0, 25.0, 31.0])
def test_crps_is_the_ranked_probability_score(y: float) -> None:
    dist = field_distribution()
    lattice = torch.arange(-40, 60, dtype=F64)
    expected = ((dist.cdf(lattice) - (lattice >= y).double()) ** 2).sum()
    torch.testing.assert_close(dist.crps(f64(y)), expected)


def cells(dist: Discretized, y: float, low: float, high: float) -> float:
    """CRPS from the ends of the units around whole numbers, each cut at the value."""
    ends = np.unique(np.clip([*np.arange(-90.0, 91.0), y, low, high], low, high))
    cdf = dist.cdf(torch.tensor(ends[:-1])).numpy()
    return float((np.diff(ends) * (cdf - (ends[:-1] >= y)) ** 2).sum())


ROUNDED = {
    "bounded": field_distribution(),
    "unbounded": Discretized(Gaussian(f64(0.3), f64(2.0))),
    "narrow": Discretized(Gaussian(f64(0.3), f64(0.01))),
}


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("bounds", [(-math.inf, math.inf), (0.25, 6.5), (-40.5, 2.0)])
def test_crps_at_any_value_is_its_integral(name: str, bounds: tuple[float, float]) -> None:
    dist, ends = ROUNDED[name], (max(bounds[0], -80.0), min(bounds[1], 80.0))
    y = torch.tensor([-12.3, -0.5, 0.0, 0.3, 0.5, 1.7, 25.2, 31.9], dtype=F64)
    expected = [cells(dist, each, *ends) for each in y.tolist()]
    found = dist.crps_between(y, *bounds)
    assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-14)
    if bounds == (-math.inf, math.inf):
        assert dist.crps(y).tolist() == found.tolist()
        assert dist.crps(f64(math.nan)).isnan()


def test_crps_between_whole_numbers_of_a_mixture() -> None:
    rounded = Discretized(Gaussian(f64(3.0), f64(2.0)))
    dist = Mixture(f64(0.2, 0.5), [rounded, Delta(f64(0.0))])
    for y in (0.3, 0.5, 2.0):
        expected = cells(dist, y, -80.0, 80.0)
        assert dist.crps(f64(y)).item() == pytest.approx(expected, rel=1e-9)
    beside = Mixture(f64(0.2, 0.5), [rounded, uniform(0, 1)])
    # Straight between whole numbers, so that three nodes are exact.
    nodes, weights = np.polynomial.legendre.leggauss(3)
    x = np.arange(-40.0, 60.0, 0.5)[:, None] + (nodes + 1) / 4
    square = (beside.cdf(torch.tensor(x)).numpy() - (x >= 0.5)) ** 2
    expected = float((square * weights / 4).sum())
    assert beside.crps(f64(0.5)).item() == pytest.approx(expected, rel=1e-7)


def test_a_wide_bounded_support_is_scored_without_a_table_of_it() -> None:
    low, high = torch.full((20,), -3e5, dtype=F64), torch.linspace(5e5, 7e5, 20, dtype=F64)
    dist = Discretized(Censored(Gaussian(f64(0.0), f64(1e5)), low, high))
    y = f64(2500.5)
    score = dist.crps(y)
    assert dist.breakpoints.shape == (20, 513)
    whole = np.arange(-3e5, 5e5 + 1)
    cdf = scipy.stats.norm(0, 1e5).cdf(whole[:-1] + 0.5)
    step = np.where(whole[:-1] == 2500, 0.5, whole[:-1] > 2500)
    expected = (cdf**2 - 2 * cdf * step + step).sum()
    assert score[0].item() == pytest.approx(expected, rel=1e-8)
    # The lower bound holds what lies below, .0013, and 0 has 4e-6.
    assert Mixture(shares(1.0), [dist]).mode.tolist() == [-3e5] * 20


def test_crps_is_scoringrules_of_the_weighted_values() -> None:
    dist = field_distribution(-2.0, 3.0)
    values = np.arange(-2.0, 4.0)
    mass = dist.log_prob(torch.tensor(values)).exp().numpy()
    expected = scoringrules.crps_ensemble(1.0, values, ens_w=mass, estimator="nrg")
    assert dist.crps(f64(1.0)).item() == pytest.approx(float(expected), rel=1e-12)


def test_sums_over_a_batch_are_each_rows_own() -> None:
    high = f64(5.0, 25.0)
    batch = Discretized(Censored(uneven_distribution(0.2, 0.1), -9.0, high))
    y = torch.tensor([[0.0], [3.0], [30.0]], dtype=F64)
    assert batch.crps(y).shape == (3, 2)
    for row, bound in enumerate(high.tolist()):
        alone = field_distribution(-9.0, bound)
        torch.testing.assert_close(batch.mean[row], alone.mean)
        torch.testing.assert_close(batch.crps(y)[:, row], alone.crps(y[:, 0]))


@pytest.mark.parametrize(("scale", "concentration"), [(1.0, 0.1), (8.0, 0.6), (300.0, 0.4)])
def test_score_without_bounds_is_the_sum_over_whole_numbers(
    scale: float, concentration: float
) -> None:
    base = uneven_distribution(0.1, concentration, scale=scale)
    whole = torch.arange(-20_000.0, 100_000.0, dtype=F64)
    below, above = base.cdf(whole + 0.5).square(), base.sf(whole + 0.5).square()
    dist, (low, high) = Discretized(base), (20_002, 20_900)  # places of 2 and 900
    # Past the sum each Pareto tail has less than a 1e-8th of its integral.
    for y in (-3.0, 0.0, 7.0, 600.0, 5000.0):
        place = 20_000 + int(y)
        expected = below[:place].sum() + above[place:].sum()
        torch.testing.assert_close(dist.crps(f64(y)), expected, rtol=1e-4, atol=0)
        middle = min(max(place, low), high)
        expected = below[low:middle].sum() + above[middle:high].sum()
        between = dist.crps_between(f64(y), 2.0, 900.0)
        torch.testing.assert_close(between, expected, rtol=1e-4, atol=1e-9)


def test_a_bounded_base_needs_no_censoring() -> None:
    base = uneven_distribution(-0.4, -0.4, scale=2.0)
    dist = Discretized(base)
    mass = dist.log_prob(WHOLE).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(dist.mean, (WHOLE * mass).sum())


def test_draws_have_the_masses(generator: torch.Generator) -> None:
    dist = field_distribution()
    draws = dist.sample((100_000,), generator=generator)
    whole = torch.arange(-9, 26, dtype=F64)
    expected = dist.log_prob(whole).exp()
    share = (draws[:, None] == whole).double().mean(0)
    error = (expected * (1 - expected) / len(draws)).sqrt()
    assert ((share - expected).abs() < 4.5 * error + 1e-9).all()
    with pytest.raises(NotImplementedError, match="has no pathwise gradient"):
        dist.rsample()


def test_expand_keeps_the_distribution() -> None:
    dist = field_distribution()
    wide = dist.expand((3,))
    torch.testing.assert_close(wide.log_prob(f64(2.0)), dist.log_prob(f64(2.0)).expand(3))


def test_gaussian_base_is_exact_far_out() -> None:
    dist = Discretized(Normal(f64(0.0), f64(1.0)))
    mass = dist.log_prob(f64(-30.0, 30.0))
    assert mass[0] == mass[1]
    assert mass[0].item() == pytest.approx(-439.42947460915032, rel=1e-12)
