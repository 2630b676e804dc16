"""Scores equal scoringrules', are proper, and tell calibration from its lack."""

import math

import numpy as np
import pytest
import scipy.stats
import scoringrules
import torch

from example_distributions import F64, f64, uneven_distribution
from splicedpareto import scoring_rules
from splicedpareto.distributions import Censored, Discretized, Gaussian

GAUSSIAN = Gaussian(f64(3.0), f64(2.0))
VALUES = f64(-20.0, -4.0, 3.0, 3.7, 11.0)


def poisson_table(rate: float, last: int) -> torch.Tensor:
    """Distribution function of a Poisson distribution on 0, 1, ..., `last`."""
    return torch.tensor(scipy.stats.poisson(rate).cdf(np.arange(last + 1)))


def test_scores_of_a_gaussian_are_scoringrules() -> None:
    values = VALUES.numpy()
    logs = scoringrules.logs_normal(values, 3.0, 2.0)
    np.testing.assert_allclose(scoring_rules.log_score(GAUSSIAN, VALUES), logs, rtol=1e-12)
    crps = scoringrules.crps_normal(values, 3.0, 2.0)
    np.testing.assert_allclose(scoring_rules.crps(GAUSSIAN, VALUES), crps, rtol=1e-12)


@pytest.mark.parametrize("level", [0.01, 0.3, 0.9])
def test_pinball_is_scoringrules(level: float) -> None:
    quantile = GAUSSIAN.icdf(f64(level))
    expected = scoringrules.quantile_score(VALUES.numpy(), quantile.numpy(), level)
    actual = scoring_rules.pinball(GAUSSIAN, VALUES, f64(level))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)
    actual = scoring_rules.quantile_score(quantile, VALUES, level)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_threshold_weighted_score_is_scoringrules_of_a_large_ensemble() -> None:
    level = (np.arange(2000) + 0.5) / 2000
    ensemble = scipy.stats.norm(3.0, 2.0).ppf(level)
    for y in VALUES:
        expected = scoringrules.twcrps_ensemble(y.item(), ensemble, a=4.0)
        actual = scoring_rules.tw_crps(GAUSSIAN, y, 4.0)
        assert actual.item() == pytest.approx(float(expected), rel=2e-3, abs=2e-4)
    torch.testing.assert_close(
        scoring_rules.tw_crps(uneven_distribution(), VALUES, 4.0),
        uneven_distribution().tw_crps(VALUES, 4.0),
    )


@pytest.mark.parametrize("y", [0, 2, 7, 40, 55])
def test_lattice_scores_are_scoringrules_of_a_poisson_distribution(y: int) -> None:
    table = poisson_table(6.5, 50)
    crps = scoring_rules.lattice_crps(table, f64(y), first=0)
    assert crps.item() == pytest.approx(float(scoringrules.crps_poisson(y, 6.5)), rel=1e-9)
    if y <= 20:
        log_score = scoring_rules.lattice_log_score(table, f64(y), first=0)
        assert log_score.item() == pytest.approx(float(scoringrules.logs_poisson(y, 6.5)), rel=1e-6)


def test_lattice_and_distribution_agree() -> None:
    dist = Discretized(Censored(uneven_distribution(0.2, 0.1), f64(-9.0, -4.0), 25.0))
    whole = torch.arange(-9, 26, dtype=F64)
    table = dist.cdf(whole[:, None]).T
    y = f64(-9.0, 7.0)
    torch.testing.assert_close(scoring_rules.lattice_crps(table, y, first=-9), dist.crps(y))
    torch.testing.assert_close(
        scoring_rules.lattice_log_score(table, y, first=-9), scoring_rules.log_score(dist, y)
    )
    torch.testing.assert_close(
        scoring_rules.lattice_mid_cdf(table, y, first=-9), scoring_rules.mid_cdf(dist, y)
    )


def test_outcomes_off_the_lattice_have_no_mass_and_a_distance() -> None:
    table = poisson_table(6.5, 50)
    assert (
        scoring_rules.lattice_log_score(table, f64(-1.0, 51.0), first=0).tolist() == [math.inf] * 2
    )
    near, far = scoring_rules.lattice_crps(table, f64(50.0, 53.0), first=0)
    assert (far - near).item() == pytest.approx(3)
    near, far = scoring_rules.lattice_crps(table, f64(0.0, -2.0), first=0)
    assert (far - near).item() == pytest.approx(2)
    assert scoring_rules.lattice_mid_cdf(table, f64(-1.0, 51.0), first=0).tolist() == [0, 1]


def test_mid_distribution_function_averages_to_one_half() -> None:
    dist = Discretized(Censored(uneven_distribution(0.2, 0.1), -9.0, 25.0))
    whole = torch.arange(-9, 26, dtype=F64)
    mass = dist.log_prob(whole).exp()
    mean = (mass * scoring_rules.mid_cdf(dist, whole)).sum()
    assert mean.item() == pytest.approx(0.5, abs=1e-14)


def test_mid_distribution_function_counts_half_of_an_atom() -> None:
    dist = Censored(uneven_distribution(), -3.0, 20.0)
    low, high = scoring_rules.mid_cdf(dist, f64(-3.0, 20.0))
    assert low.item() == pytest.approx(uneven_distribution().cdf(f64(-3.0)).item() / 2)
    assert high.item() == pytest.approx(1 - uneven_distribution().sf(f64(20.0)).item() / 2)
    assert scoring_rules.mid_cdf(dist, f64(1.0)) == dist.cdf(f64(1.0))


@pytest.mark.parametrize(
    "dist",
    [
        uneven_distribution(),
        Censored(uneven_distribution(), -3.0, 2.0),
        Discretized(Censored(uneven_distribution(), -3.0, 2.0)),
        Discretized(uneven_distribution(-0.1, -0.1)),
    ],
)
def test_randomized_transform_of_own_draws_is_uniform(dist, generator: torch.Generator) -> None:
    draws = dist.sample((50_000,), generator=generator)
    pit = scoring_rules.randomized_pit(dist, draws, generator=generator)
    assert scipy.stats.kstest(pit.numpy(), "uniform").pvalue > 1e-4


def test_randomized_transform_of_a_lattice_is_uniform(generator: torch.Generator) -> None:
    draws = torch.poisson(torch.full((50_000,), 2.5, dtype=F64), generator=generator)
    table = poisson_table(2.5, 40)
    pit = scoring_rules.lattice_randomized_pit(table, draws, first=0, generator=generator)
    assert scipy.stats.kstest(pit.numpy(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("rule", [scoring_rules.log_score, scoring_rules.crps])
def test_scores_are_smallest_for_the_distribution_that_made_the_data(rule, generator) -> None:
    truth = uneven_distribution(0.2, 0.2, scale=5.0)
    draws = truth.sample((20_000,), generator=generator)
    scores = [
        rule(uneven_distribution(xi, xi, scale=scale), draws).mean()
        for xi, scale in ((0.2, 5.0), (0.2, 9.0), (0.2, 2.5), (0.7, 5.0))
    ]
    assert min(scores) == scores[0]


def test_pp_error_is_the_mean_distance_from_the_diagonal() -> None:
    level = torch.linspace(0.05, 0.95, 19, dtype=F64)
    pit = (torch.arange(10_000, dtype=F64) + 0.5) / 10_000
    assert scoring_rules.pp_error(pit, level).item() < 1e-4
    # All below one half: coverage is 2 q up to one half, and 1 from there on.
    expected = (torch.minimum(2 * level, f64(1.0)) - level).mean().item()
    assert scoring_rules.pp_error(pit / 2, level).item() == pytest.approx(expected, abs=1e-4)


def test_pp_error_sees_distances_that_cancel() -> None:
    # A forecast that is too wide: none below one quarter, all below three.
    pit = 0.25 + (torch.arange(10_000, dtype=F64) + 0.5) / 20_000
    level = torch.linspace(0.05, 0.95, 19, dtype=F64)
    expected = ((2 * level - 0.5).clamp(0, 1) - level).abs().mean().item()
    assert scoring_rules.pp_error(pit, level).item() == pytest.approx(expected, abs=1e-4)
    assert expected > 0.1


def test_pp_error_takes_the_ends_of_its_range() -> None:
    # One of two transforms is at most 0, both are at most 1.
    assert scoring_rules.pp_error(f64(0.0, 1.0), f64(0.0, 1.0)).item() == 0.25
    assert scoring_rules.pp_error(torch.tensor([0.0, 1]), torch.tensor([0, 1])).item() == 0.25
    # A third, with the digits of its type.
    assert scoring_rules.pp_error(f64(0.1, 0.2, 0.9), f64(0.5)).item() == pytest.approx(1 / 6)


def test_what_a_lattice_leaves_out_lies_on_its_last_number() -> None:
    mid = scoring_rules.lattice_mid_cdf(f64(0.25, 0.5, 0.75), f64(0.0, 1.0, 2.0, 3.0), first=0)
    assert mid.tolist() == [0.125, 0.375, 0.75, 1]


def test_unusable_arguments_are_refused() -> None:
    table = poisson_table(6.5, 50)
    for fraction in (0.25, 0.75):
        with pytest.raises(ValueError, match="value must be a finite whole number, got"):
            scoring_rules.lattice_crps(table, f64(fraction), first=0)
    with pytest.raises(ValueError, match="cdf must be nondecreasing"):
        scoring_rules.lattice_crps(table.flip(0), f64(0.0), first=0)
    with pytest.raises(ValueError, match=r"cdf must be in \[0, 1\], got"):
        scoring_rules.lattice_crps(table * 2, f64(0.0), first=0)
    with pytest.raises(ValueError, match=r"within -128 to 128, where torch.bfloat16 has all whole"):
        scoring_rules.lattice_crps(table.bfloat16(), f64(1000.0), first=1000)
    with pytest.raises(ValueError, match="got 16777216 and 51 numbers: give cdf in float64"):
        scoring_rules.lattice_log_score(table.float(), f64(2.0**24), first=2**24)
    with pytest.raises(ValueError, match="level must hold at least one value, got none"):
        scoring_rules.pp_error(f64(0.5), torch.zeros(0))
    with pytest.raises(ValueError, match="pit must hold at least one value, got none"):
        scoring_rules.pp_error(torch.zeros(0), f64(0.5))
    with pytest.raises(ValueError, match=r"pit must be in \[0, 1\], got nan"):
        scoring_rules.pp_error(f64(math.nan), f64(0.5))
    for pit, level, name in (
        (-0.5, 0.5, "pit"),
        (2.0, 0.5, "pit"),
        (0.5, -0.5, "level"),
        (0.5, 2.0, "level"),
    ):
        with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\], got"):
            scoring_rules.pp_error(f64(pit), f64(level))
    with pytest.raises(ValueError, match=r"level must be in \[0, 1\]"):
        scoring_rules.pinball(uneven_distribution(), f64(0.5), f64(2.0))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_pinball_of_the_end_of_an_unbounded_distribution_is_zero(level: float) -> None:
    # The limit of q (y - Q(q)): a tail with a mean has less than that beyond its quantile.
    for dist in (
        Gaussian(torch.tensor(0.0), 1.0),
        uneven_distribution(0.2, 0.3, dtype=torch.float32),
    ):
        value = torch.tensor([-3.0, 5.0], requires_grad=True)
        loss = scoring_rules.pinball(dist, value, torch.tensor(level))
        assert loss.tolist() == [0, 0]
        (slope,) = torch.autograd.grad(loss.sum(), value)
        assert slope.tolist() == [0, 0]
        assert scoring_rules.pinball(dist, torch.tensor(math.nan), torch.tensor(level)).isnan()
    spliced = uneven_distribution(0.2, 0.3)
    assert spliced.pinball(torch.tensor(5.0), level) == 0
    # A forecast of a bound on the wrong side costs its distance.
    sign = 1 if level else -1
    assert scoring_rules.quantile_score(torch.tensor(2.0), torch.tensor(2.0 + sign), level) == 1
