"""The elementary functions keep their digits through every switch of a branch."""

import math

import mpmath
import pytest
import torch

from example_distributions import F64, f64
from splicedpareto.distributions._kernels import (
    finite_hazard,
    hazard_inverse,
    log1mexp,
    log_between,
)

# Zero, next to it, and either side of the switch to the series for an excess of one.
SHAPES = [0.0, 5e-324, 1e-12, -1e-8, 1e-6, -1e-4, 0.0199, 0.0201, -0.0199, -0.0201, 0.3, 1.5, -0.9]
EXCESSES = [1e-6, 0.01, 0.5, 1.0, 9.9, 10.1, 30.0]
DTYPES = pytest.mark.parametrize(
    # Value and slope against the float64 inputs: the rounding of either input counts in float32.
    ("dtype", "tolerance"),
    [(F64, 1e-14), (torch.float32, 2e-6)],
)

mpmath.mp.dps = 40


def exact_hazard(excess: float, shape: float) -> mpmath.mpf:
    """Cumulative hazard by forty digits."""
    u, xi = mpmath.mpf(excess), mpmath.mpf(shape)
    return u if xi == 0 else mpmath.log1p(xi * u) / xi


def exact_inverse(hazard: float, shape: float) -> mpmath.mpf:
    """Excess by forty digits."""
    h, xi = mpmath.mpf(hazard), mpmath.mpf(shape)
    return h if xi == 0 else mpmath.expm1(xi * h) / xi


def slope_in_shape(function, first: float, shape: float) -> float:
    """Derivative in the shape; at shape zero by the symmetric limit."""
    step = mpmath.mpf("1e-12")
    at = mpmath.mpf(shape)
    return float((function(first, at + step) - function(first, at - step)) / (2 * step))


@DTYPES
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at", EXCESSES)
@pytest.mark.parametrize("inverse", [False, True], ids=["hazard", "inverse"])
def test_hazard_its_inverse_and_their_slopes_are_exact(
    inverse: bool, at: float, shape: float, dtype: torch.dtype, tolerance: float
) -> None:
    if shape < 0 and not inverse:
        at *= min(1, 0.9 / (-shape * at))  # stay before the end point
    first, xi = torch.tensor([at, shape], dtype=dtype).unbind()
    at, shape = first.item(), xi.item()
    first, xi = first.clone().requires_grad_(), xi.clone().requires_grad_()
    if inverse:
        result, exact, slope = hazard_inverse(first, xi), exact_inverse, math.exp(shape * at)
        # An exponential multiplies the rounding of its argument by that argument. Its slope is one
        # plus the rounded expm1, so it is exact relative to one, not to itself.
        tolerance *= 1 + abs(shape * at)
    else:
        result, _ = finite_hazard(first, torch.ones_like(first), xi)
        exact, slope = exact_hazard, 1 / (1 + shape * at)
    in_first, in_shape = torch.autograd.grad(result, [first, xi])
    assert result.item() == pytest.approx(float(exact(at, shape)), rel=tolerance)
    slack = {"rel": 10 * tolerance, "abs": tolerance if inverse else 0}
    assert in_first.item() == pytest.approx(slope, **slack)
    expected = slope_in_shape(exact, at, shape)
    assert in_shape.item() == pytest.approx(expected, rel=200 * tolerance)


@pytest.mark.parametrize("value", [1e-300, 1e-9, 0.5, math.log(2) - 1e-9, math.log(2), 3.0, 50.0])
def test_log1mexp_is_exact(value: float) -> None:
    at = f64(value).requires_grad_()
    result = log1mexp(at)
    (slope,) = torch.autograd.grad(result, at)
    expected = mpmath.log(-mpmath.expm1(-mpmath.mpf(value)))
    assert result.item() == pytest.approx(float(expected), rel=1e-14)
    assert slope.item() == pytest.approx(float(1 / mpmath.expm1(mpmath.mpf(value))), rel=1e-13)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(1e-30, 3e-30), (0.2, 0.3), (0.2, 0.9), (0.01, 0.999), (0.9, 0.999), (0.0, 0.3), (0.7, 1.0)],
)
def test_log_between_is_the_difference_of_probabilities(lower: float, upper: float) -> None:
    logs = [f64(v).log() for v in (lower, upper)] + [f64(-v).log1p() for v in (lower, upper)]
    assert log_between(*logs).exp().item() == pytest.approx(upper - lower, rel=1e-13)
