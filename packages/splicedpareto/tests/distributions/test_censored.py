"""A censored variable has the base's distribution between its bounds and atoms on them."""

import math

import numpy as np
import pytest
import scipy.integrate
import scoringrules
import torch
from torch.distributions import Laplace, Normal

from example_distributions import F64, PlainDistribution, f64, uneven_distribution
from splicedpareto.distributions import Censored, Discretized, Gaussian

INF = math.inf
BOUNDS = [(-3.0, 20.0), (-500.0, -1.0), (-INF, 2.0), (0.2, INF), (-INF, INF)]
EACH_BOUND = pytest.mark.parametrize(("low", "high"), BOUNDS)
VALUES = f64(-600.0, -500.0, -3.0, -1.0, 0.2, 1.0, 2.0, 20.0, 21.0)


@EACH_BOUND
def test_masses_and_density_add_up_to_one(low: float, high: float) -> None:
    base = uneven_distribution(-0.2, 0.3)
    dist = Censored(base, low, high)
    x, weight = PlainDistribution.of(base).quadrature(*(b for b in (low, high) if math.isfinite(b)))
    inside = (x > low) & (x < high)
    total = (weight * dist.log_prob(torch.tensor(x)).exp().numpy())[inside].sum()
    atoms = [dist.log_prob(f64(b)).exp().item() for b in (low, high) if math.isfinite(b)]
    assert total + sum(atoms) == pytest.approx(1, abs=1e-9)


@EACH_BOUND
def test_probabilities_jump_at_the_bounds(low: float, high: float) -> None:
    base = uneven_distribution(-0.2, 0.3)
    dist = Censored(base, low, high)
    expected = torch.where(low > VALUES, 0, torch.where(high <= VALUES, 1, base.cdf(VALUES)))
    torch.testing.assert_close(dist.cdf(VALUES), expected)
    torch.testing.assert_close(dist.sf(VALUES), 1 - expected)
    torch.testing.assert_close(dist.log_cdf(VALUES).exp(), expected)
    torch.testing.assert_close(dist.log_sf(VALUES).exp(), 1 - expected)
    below = torch.where(low >= VALUES, 0, torch.where(high < VALUES, 1, base.cdf(VALUES)))
    torch.testing.assert_close(dist.cdf_below(VALUES), below)


@EACH_BOUND
def test_interval_mass_counts_an_atom_on_its_upper_end(low: float, high: float) -> None:
    dist = Censored(uneven_distribution(-0.2, 0.3), low, high)
    cuts = torch.cat([f64(-INF)[None], VALUES, f64(INF)[None]])
    mass = dist.log_prob_interval(cuts[:-1], cuts[1:]).exp()
    expected = dist.cdf(cuts[1:]) - dist.cdf(cuts[:-1])
    torch.testing.assert_close(mass, expected, rtol=1e-9, atol=1e-14)


def test_outside_the_bounds_there_is_nothing() -> None:
    dist = Censored(uneven_distribution(), -3.0, 20.0)
    assert dist.log_prob(f64(-3.1, 20.1)).tolist() == [-INF, -INF]
    assert dist.support.check(f64(-3.0, 20.0)).all()
    assert dist.log_prob(f64(math.nan)).isnan()


def test_quantiles_stop_at_the_bounds() -> None:
    base = uneven_distribution()
    dist = Censored(base, -3.0, 20.0)
    level = f64(0, 0.001, 0.3, 0.5, 0.99, 1)
    torch.testing.assert_close(dist.icdf(level), base.icdf(level).clamp(-3, 20))
    torch.testing.assert_close(dist.isf(level), base.isf(level).clamp(-3, 20))
    assert dist.median == base.median


@EACH_BOUND
@pytest.mark.parametrize("y", [-2.0, 1.0, 15.0])
def test_crps_is_the_integral(low: float, high: float, y: float) -> None:
    base = uneven_distribution(-0.2, 0.3)
    dist = Censored(base, low, high)
    cuts = [b for b in (low, high, y) if math.isfinite(b)]
    x, weight = PlainDistribution.of(base).quadrature(*cuts)
    error = dist.cdf(torch.tensor(x)).numpy() - (x >= y)
    assert dist.crps(f64(y)).item() == pytest.approx((weight * error**2).sum(), rel=1e-8)


@pytest.mark.parametrize("y", [-30.0, -5.0, 1.0, 24.0, 60.0])
@pytest.mark.parametrize(
    ("start", "stop"), [(30.0, 40.0), (-40.0, -10.0), (-20.0, 10.0), (5.0, 50.0), (-30.0, INF)]
)
def test_crps_of_an_interval_is_the_integral(start: float, stop: float, y: float) -> None:
    dist = Censored(uneven_distribution(-0.2, 0.3), -3.0, 20.0)
    high = min(stop, 70.0)  # beyond, both the distribution and the outcome are certain
    x, weight = np.polynomial.legendre.leggauss(8)
    knots = sorted({start, high, y, -3.0, 20.0, *dist.base.edges.tolist()})
    knots += [*dist.base.breakpoints[[-4, 0]].tolist(), *np.linspace(4.0, 20.0, 9)]
    knots = sorted({k for k in knots if start <= k <= high})
    low, width = np.array(knots[:-1])[:, None], np.diff(knots)[:, None]
    at = low + width * (x + 1) / 2
    error = (dist.cdf(torch.tensor(at)).numpy() - (at >= y)) ** 2
    expected = (error @ weight * width[:, 0]).sum() / 2
    assert dist.crps_between(f64(y), start, stop).item() == pytest.approx(expected, abs=1e-8)


def test_crps_of_a_censored_gaussian_is_scoringrules() -> None:
    dist = Censored(Normal(f64(1.0), f64(2.0)), -1.0, 4.0)
    for y in (-1.0, 0.5, 4.0):
        expected = scoringrules.crps_cnormal(y, 1.0, 2.0, -1.0, 4.0)
        assert dist.crps(f64(y)).item() == pytest.approx(float(expected), rel=1e-10)


def test_mean_is_that_of_the_clamped_variable() -> None:
    base = uneven_distribution(0.2, 1.4)
    dist = Censored(base, -5.0, 30.0)
    expected = PlainDistribution.of(base).expectation(lambda x: np.clip(x, -5.0, 30.0), -5.0, 30.0)
    assert dist.mean.item() == pytest.approx(expected, rel=1e-9)


def test_a_gaussian_base_keeps_an_atom_of_1e_33() -> None:
    dist = Censored(Normal(0.0, 1.0), -INF, 12.0)
    assert isinstance(dist.base, Gaussian)
    assert dist.log_prob(torch.tensor(12.0)).item() == pytest.approx(-75.4107, rel=1e-5)


def test_any_base_with_accurate_tails_will_do() -> None:
    class Exponential(torch.distributions.Exponential):
        def sf(self, value):
            return self.log_sf(value).exp()

        def log_cdf(self, value):
            return torch.log(-torch.expm1(-self.rate * value.clamp(min=0)))

        def log_sf(self, value):
            return -self.rate * value.clamp(min=0)

    dist = Censored(Exponential(f64(2.0), validate_args=False), 0.5, 30.0)
    assert dist.log_prob(f64(30.0)).item() == pytest.approx(-60)
    assert dist.log_prob(f64(0.5)).exp().item() == pytest.approx(-math.expm1(-1))
    mass = dist.log_prob_interval(f64(28.0), f64(29.0))
    assert mass.item() == pytest.approx(-56 + math.log(-math.expm1(-2)), rel=1e-12)
    assert Discretized(dist).log_prob(f64(2.0)).exp().item() == pytest.approx(
        math.exp(-3) - math.exp(-5)
    )


def test_a_base_without_accurate_tails_is_refused() -> None:
    with pytest.raises(TypeError, match="must have the methods sf, log_cdf, log_sf, got Laplace"):
        Censored(Laplace(0.0, 1.0), 0.0, 1.0)


def test_a_base_with_atoms_or_events_is_refused() -> None:
    with pytest.raises(ValueError, match="censor first, then discretize"):
        Censored(Discretized(uneven_distribution()), 0.0, 1.0)

    class Vector(Gaussian):
        event_shape = torch.Size([2])

    with pytest.raises(ValueError, match="scalar events"):
        Censored(Vector(0.0, 1.0), 0.0, 1.0)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_bounds_in_the_wrong_order_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low must be below high, got"):
        Censored(uneven_distribution(), low, high)
    Censored(uneven_distribution(), low, high, validate_args=False)


def test_bounds_broadcast_with_the_batch() -> None:
    base = uneven_distribution()
    high = torch.tensor([[1.0], [2.0], [3.0]], dtype=F64)
    dist = Censored(base.expand((2,)), -1.0, high)
    assert dist.batch_shape == (3, 2)
    assert dist.sample((4,)).shape == (4, 3, 2)
    torch.testing.assert_close(dist.log_prob(high)[:, 0], base.log_sf(high[:, 0]))
    wide = dist.expand((5, 3, 2))
    assert wide.log_prob(torch.zeros(2)).shape == (5, 3, 2)


def test_draws_are_clamped(generator: torch.Generator) -> None:
    dist = Censored(uneven_distribution(), -1.0, 3.0)
    draws = dist.sample((50_000,), generator=generator)
    for bound in (-1.0, 3.0):
        share = (draws == bound).double().mean().item()
        mass = dist.log_prob(f64(bound)).exp().item()
        assert share == pytest.approx(mass, abs=4 * math.sqrt(mass / 50_000))
    middle, _ = scipy.integrate.quad(lambda x: dist.log_prob(f64(x)).exp().item(), -0.9, 0.4)
    share = ((draws > -0.9) & (draws < 0.4)).double().mean().item()
    assert share == pytest.approx(middle, abs=0.01)


def test_gradients_flow_through_atoms_and_density() -> None:
    logits = f64(0.1, 0.4, -0.2, 0.3).requires_grad_()

    def log_probs(logits: torch.Tensor) -> torch.Tensor:
        base = type(uneven_distribution())(logits, f64(0, 1, 2, 3, 5), 0.2, -0.1)
        dist = Censored(base, 0.05, 4.7)
        inside = f64(0.05, 0.7, 1.4, 4.7)
        interval = dist.log_prob_interval(f64(-INF, 0.2), f64(0.3, INF))
        return torch.cat([dist.log_prob(inside), interval])

    assert torch.autograd.gradcheck(log_probs, [logits])
