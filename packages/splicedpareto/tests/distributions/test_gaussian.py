"""The Gaussian keeps both tails, and its closed forms equal SciPy's and scoringrules'."""

import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
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


@pytest.mark.parametrize(("low", "high"), [(-1.0, 4.0), (-math.inf, 2.0), (5.0, math.inf)])
def test_clamped_mean_is_the_integral(low: float, high: float) -> None:
    mean, _ = scipy.integrate.quad(lambda x: np.clip(x, low, high) * PLAIN.pdf(x), -30, 36)
    assert DISTRIBUTION.clamped_mean(low, high).item() == pytest.approx(mean, rel=1e-7)


def test_moments_are_the_parameters() -> None:
    assert (DISTRIBUTION.mean, DISTRIBUTION.mode, DISTRIBUTION.median) == (3, 3, 3)
    assert (DISTRIBUTION.variance, DISTRIBUTION.stddev) == (4, 2)
    assert DISTRIBUTION.entropy().item() == pytest.approx(PLAIN.entropy())


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
