"""The Gaussian keeps both tails, and its closed forms equal SciPy's and scoringrules'."""

import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import scoringrules
import torch

from example_distributions import F64, f64
from splicedpareto.distributions import Gaussian

DISTRIBUTION = Gaussian(f64(3.0), f64(2.0))
PLAIN = scipy.stats.norm(3.0, 2.0)
VALUES = torch.linspace(-60, 60, 25, dtype=F64)


@pytest.mark.parametrize(
    ("method", "oracle"),
    [
        ("log_prob", PLAIN.logpdf),
        ("cdf", PLAIN.cdf),
        ("sf", PLAIN.sf),
        ("log_cdf", PLAIN.logcdf),
        ("log_sf", PLAIN.logsf),
    ],
)
def test_probabilities_are_scipys(method: str, oracle) -> None:
    actual = getattr(DISTRIBUTION, method)(VALUES).numpy()
    np.testing.assert_allclose(actual, oracle(VALUES.numpy()), rtol=1e-11, atol=1e-300)


def test_quantiles_are_scipys_in_either_tail() -> None:
    level = np.array([1e-300, 1e-12, 0.1, 0.5, 0.9])
    np.testing.assert_allclose(DISTRIBUTION.icdf(torch.tensor(level)), PLAIN.ppf(level), rtol=1e-9)
    np.testing.assert_allclose(DISTRIBUTION.isf(torch.tensor(level)), PLAIN.isf(level), rtol=1e-9)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-50, -49), (-math.inf, -30), (2.5, 3.5), (-40, 60), (49, 50), (70, math.inf)],
)
def test_interval_mass_is_exact(lower: float, upper: float) -> None:
    z = [mpmath.mpf(v - 3) / 2 for v in (lower, upper)]
    if upper > -lower:  # the differences of small numbers
        exact = mpmath.log(mpmath.ncdf(-z[0]) - mpmath.ncdf(-z[1]))
    else:
        exact = mpmath.log(mpmath.ncdf(z[1]) - mpmath.ncdf(z[0]))
    actual = DISTRIBUTION.log_prob_interval(f64(lower), f64(upper))
    assert actual.item() == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("y", [-20.0, 3.0, 4.5])
def test_crps_is_scoringrules(y: float) -> None:
    expected = scoringrules.crps_normal(y, 3.0, 2.0)
    assert DISTRIBUTION.crps(f64(y)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 4.0), (-math.inf, 2.0), (5.0, math.inf)])
@pytest.mark.parametrize("y", [-3.0, 3.3, 9.0])
def test_bounded_crps_and_mean_are_integrals(low: float, high: float, y: float) -> None:
    start, stop = max(low, -40.0), min(high, 40.0)
    at = min(max(y, start), stop)
    score, _ = scipy.integrate.quad(lambda x: PLAIN.cdf(x) ** 2, start, at)
    score += scipy.integrate.quad(lambda x: PLAIN.sf(x) ** 2, at, stop)[0]
    assert DISTRIBUTION.crps_between(f64(y), low, high).item() == pytest.approx(
        score, rel=1e-7, abs=1e-12
    )
    mean, _ = scipy.integrate.quad(lambda x: np.clip(x, low, high) * PLAIN.pdf(x), -30, 36)
    assert DISTRIBUTION.clamped_mean(low, high).item() == pytest.approx(mean, rel=1e-7)


def test_moments_are_the_parameters() -> None:
    assert (DISTRIBUTION.mean, DISTRIBUTION.mode, DISTRIBUTION.median) == (3, 3, 3)
    assert (DISTRIBUTION.variance, DISTRIBUTION.stddev) == (4, 2)
    assert DISTRIBUTION.entropy().item() == pytest.approx(PLAIN.entropy())


def test_gradients_are_the_differences() -> None:
    parameters = [f64(3.0).requires_grad_(), f64(2.0).requires_grad_()]
    value = f64(-20.0, 1.0, 5.0, 40.0)
    for method in ("log_prob", "log_cdf", "log_sf", "crps"):
        assert torch.autograd.gradcheck(
            lambda loc, scale, m=method: getattr(Gaussian(loc, scale), m)(value), parameters
        )


def test_infinite_values_have_finite_gradients() -> None:
    parameters = [f64(3.0).requires_grad_(), f64(2.0).requires_grad_()]
    dist, everything = Gaussian(*parameters), f64(math.inf)
    mass = dist.log_prob_interval(f64(4.0), everything) + dist.log_prob_interval(-everything, 1.0)
    assert all(g.isfinite() for g in torch.autograd.grad(mass, parameters))


def test_draws_follow_the_distribution(generator: torch.Generator) -> None:
    draws = DISTRIBUTION.expand((2,)).sample((20_000,), generator=generator)
    assert draws.shape == (20_000, 2)
    assert scipy.stats.kstest(draws[:, 1].numpy(), PLAIN.cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("loc", "scale", "message"),
    [
        (math.nan, 1.0, "loc must be finite, got nan"),
        (math.inf, 1.0, "loc must be finite, got inf"),
        (0.0, math.nan, "scale must be positive and finite, got nan"),
        (0.0, 0.0, "scale must be positive and finite, got 0"),
        (0.0, math.inf, "scale must be positive and finite, got inf"),
    ],
)
def test_bad_parameters_are_refused(loc: float, scale: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gaussian(loc, scale)
    Gaussian(loc, scale, validate_args=False)
