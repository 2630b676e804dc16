"""A family of the reader's own, with both tails: SciPy's logistic is the oracle."""

import math
import re
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from splicedpareto.distributions import AffineTransformed, Censored, Discretized, LogNormal

LOC, SCALE = 0.3, 1.7
ORACLE = stats.logistic(LOC, SCALE)


class Logistic(torch.distributions.Distribution):
    """A family that torch lacks."""

    arg_constraints: ClassVar = {"loc": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self) -> None:
        self.loc = torch.tensor(LOC, dtype=torch.float64)
        super().__init__(validate_args=False)

    def _z(self, value: Tensor) -> Tensor:
        return (value - self.loc) / SCALE

    def log_cdf(self, value: Tensor) -> Tensor:
        return logsigmoid(self._z(value))

    def log_sf(self, value: Tensor) -> Tensor:
        return logsigmoid(-self._z(value))

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def sf(self, value: Tensor) -> Tensor:
        return self.log_sf(value).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        return self.log_cdf(value) + self.log_sf(value) - math.log(SCALE)

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + SCALE * torch.logit(value)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return self.icdf(torch.rand(sample_shape, dtype=torch.float64))


def test_moments_and_entropy_of_rounded_values_are_the_sums() -> None:
    rounded = Discretized(Logistic())
    whole = np.arange(-90, 91)
    mass = ORACLE.cdf(whole + 0.5) - ORACLE.cdf(whole - 0.5)
    mean = float(mass @ whole)
    assert rounded.mean.item() == pytest.approx(mean, rel=1e-6)
    assert rounded.variance.item() == pytest.approx(float(mass @ (whole - mean) ** 2), rel=1e-6)
    assert rounded.entropy().item() == pytest.approx(stats.entropy(mass), rel=1e-6)
    assert rounded.log_prob(torch.tensor(2.0)).exp().item() == pytest.approx(mass[92])


def test_moments_between_bounds_are_the_integrals() -> None:
    clipped = Censored(Logistic(), -1.0, 4.0)

    def moment(power: int) -> float:
        inner = integrate.quad(lambda x: x**power * ORACLE.pdf(x), -1, 4)[0]
        return inner + (-1) ** power * ORACLE.cdf(-1) + 4**power * ORACLE.sf(4)

    assert clipped.mean.item() == pytest.approx(moment(1), rel=1e-6)
    assert clipped.variance.item() == pytest.approx(moment(2) - moment(1) ** 2, rel=1e-6)
    moved = AffineTransformed(Logistic(), 3.0, 2.0)
    assert moved.clamped_mean(-math.inf, math.inf).item() == pytest.approx(3 + 2 * LOC, rel=1e-6)
    assert moved.isf(torch.tensor(0.2)).item() == pytest.approx(3 + 2 * ORACLE.isf(0.2))


def test_draws_follow_the_family_and_its_own_seed() -> None:
    torch.manual_seed(0)
    draws = Discretized(Logistic()).sample((4000,))
    assert (draws == draws.round()).all()
    assert draws.mean().item() == pytest.approx(LOC, abs=4 * ORACLE.std() / 4000**0.5)
    with pytest.raises(ValueError, match="Logistic draws from its library's random state"):
        Censored(Logistic(), -1.0, 1.0).sample(generator=torch.Generator())


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda dist: Discretized(dist).mode, "Logistic has no mode."),
        (lambda dist: AffineTransformed(dist, 1.0).peaks, "Logistic has no mode."),
        (lambda dist: Censored(dist, 0.0, 1.0).crps(0.5), "Logistic has no CRPS: build the base"),
        (lambda dist: Discretized(dist).crps(0.0), "Logistic has no CRPS: build the base"),
    ],
    ids=["mode", "peaks", "CRPS of censored", "CRPS of rounded"],
)
def test_what_a_family_lacks_is_said_by_its_name(ask, words: str) -> None:
    with pytest.raises(NotImplementedError, match=re.escape(words)):
        ask(Logistic())


@pytest.mark.parametrize("end", [-math.inf, math.inf, -2.0, 1.5])
def test_bounds_that_meet_are_the_clamped_value(end: float) -> None:
    # By definition min(max(X, c), c) is c, also at infinity.
    assert LogNormal(torch.tensor(0.0), 1.0).clamped_mean(end, end).item() == end
