"""Moments, entropy, mode and divergences of every family equal SciPy's, quadrature or sums."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from torch.distributions import GeneralizedPareto as TorchGeneralizedPareto
from torch.distributions import LogNormal as TorchLogNormal
from torch.distributions import Normal, kl_divergence

from example_distributions import F64, PlainDistribution, f64, shares, uneven_distribution
from splicedpareto.contrib import HybridPareto, StudentT
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    GeneralizedPareto,
    LogNormal,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution

Density = Callable[[np.ndarray], np.ndarray]

SCIPY = {
    "gaussian": (Gaussian(f64(1.0), f64(2.0)), scipy.stats.norm(1.0, 2.0)),
    "student 2.3": (StudentT(f64(2.3), f64(1.0), f64(2.0)), scipy.stats.t(2.3, 1.0, 2.0)),
    "student 40": (StudentT(f64(40.0), f64(1.0), f64(2.0)), scipy.stats.t(40, 1.0, 2.0)),
    "log-normal": (LogNormal(f64(0.3), f64(0.7)), scipy.stats.lognorm(0.7, scale=math.exp(0.3))),
    "pareto .3": (GeneralizedPareto(f64(1.0), f64(2.0), 0.3), scipy.stats.genpareto(0.3, 1.0, 2.0)),
    "pareto 0": (GeneralizedPareto(f64(1.0), f64(2.0), 0.0), scipy.stats.expon(1.0, 2.0)),
    "pareto -.4": (
        GeneralizedPareto(f64(1.0), f64(2.0), -0.4),
        scipy.stats.genpareto(-0.4, 1.0, 2.0),
    ),
}
each_scipy = pytest.mark.parametrize("name", SCIPY)


@each_scipy
def test_moments_and_entropy_are_scipys(name: str) -> None:
    dist, plain = SCIPY[name]
    assert dist.mean.item() == pytest.approx(plain.mean(), rel=1e-12)
    assert dist.variance.item() == pytest.approx(plain.var(), rel=1e-10)
    assert dist.stddev.item() == pytest.approx(plain.std(), rel=1e-10)
    assert dist.entropy().item() == pytest.approx(float(plain.entropy()), rel=1e-10)
    around = dist.mode + torch.linspace(-3, 3, 1201, dtype=F64)
    assert dist.log_prob(dist.mode) >= dist.log_prob(around).max() - 1e-12


@each_scipy
def test_probabilities_are_scipys(name: str) -> None:
    dist, plain = SCIPY[name]
    x = torch.tensor([-40, -2, 0.1, 0.9, 1.0, 1.3, 2.5, 5.9, 6.1, 40, 1e4], dtype=F64)
    for method, theirs in (("log_prob", "logpdf"), ("log_cdf", "logcdf"), ("log_sf", "logsf")):
        right = torch.as_tensor(getattr(plain, theirs)(x.numpy()))
        torch.testing.assert_close(getattr(dist, method)(x), right, rtol=1e-9, atol=1e-12)
    level = torch.tensor([1e-12, 0.01, 0.5, 0.9, 1 - 1e-9], dtype=F64)
    for method, theirs in (("icdf", "ppf"), ("isf", "isf")):
        right = torch.as_tensor(getattr(plain, theirs)(level.numpy()))
        torch.testing.assert_close(getattr(dist, method)(level), right, rtol=1e-7, atol=1e-9)
    bounded = dist.log_prob_interval(x[:-1], x[1:]).exp()
    torch.testing.assert_close(
        bounded, torch.as_tensor(np.diff(plain.cdf(x.numpy()))), rtol=1e-7, atol=1e-12
    )


@pytest.mark.parametrize("name", ["log-normal", "pareto .3", "pareto -.4"])
@pytest.mark.parametrize("y", [-1.0, 0.4, 1.7, 5.0, 9.0])
@pytest.mark.parametrize(
    "bounds", [(-math.inf, math.inf), (0.5, 3.0), (-4.0, 6.5), (1.5, math.inf)]
)
@pytest.mark.sample(12)
def test_crps_and_clamped_mean_are_quadratures(
    name: str, y: float, bounds: tuple[float, float]
) -> None:
    dist, plain = SCIPY[name]
    low, high = bounds
    ends = max(low, -5.0), min(high, 1e7)
    cuts = sorted(
        {*ends, *(c for c in (0.0, 1.0, 2.0, y, 6.0, 30, 1e3, 1e5) if ends[0] < c < ends[1])}
    )
    area = sum(
        scipy.integrate.quad(lambda x: (plain.cdf(x) - (x >= y)) ** 2, a, b, epsabs=1e-11)[0]
        for a, b in pairwise(cuts)
    )
    assert dist.crps_between(f64(y), *map(f64, bounds)).item() == pytest.approx(area, rel=1e-7)
    if bounds == (-math.inf, math.inf):
        assert dist.crps(f64(y)).item() == pytest.approx(area, rel=1e-7)
    mean = scipy.integrate.quad(plain.sf, max(low, 0.0), ends[1], limit=400, points=cuts[1:-1])[0]
    mean += max(low, 0.0) + min(low if math.isfinite(low) else 0.0, 0.0) * float(plain.cdf(low))
    if high < 1e7 or name != "pareto .3":
        assert dist.clamped_mean(f64(low), f64(high)).item() == pytest.approx(mean, rel=1e-6)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
# Between these no power or exponential of order one varies by more than a few factors.
SCALES = [sign * 10.0**k for sign in (-1, 1) for k in np.arange(-2, 8, 0.25)]


def integral(density: Density, of: Density, cuts: list[float]) -> float:
    """Plain quadrature of a product between the first and the last cut."""
    ends = np.array(sorted({*cuts, *np.arange(-12, 12.0), *SCALES}))
    ends = ends[(ends >= min(cuts)) & (ends <= max(cuts))]
    width = np.diff(ends)[:, None]
    x = (ends[:-1, None] + width * (_NODES + 1) / 2).ravel()
    weight = (width * _WEIGHTS / 2).ravel() * density(x)
    kept = weight > 0
    return float((weight[kept] * of(x[kept])).sum())


def density_of(dist: ScalarDistribution) -> Density:
    return lambda x: dist.log_prob(torch.as_tensor(x)).exp().numpy()


FAR = [-1e5, 0.0, 1e5, 1e8]


@pytest.mark.parametrize("concentration", [-0.2, 0.0, 0.2])
def test_hybrid_moments_are_quadratures(concentration: float) -> None:
    dist = HybridPareto(f64(1.0), f64(2.0), f64(concentration))
    density, end = density_of(dist), min(dist.support.upper_bound.item(), 1e8)
    cuts = sorted({-60.0, dist.junction.item(), end, *(c for c in FAR if -60 < c < end)})
    mean = integral(density, lambda x: x, cuts)
    assert dist.mean.item() == pytest.approx(mean, rel=1e-7)
    assert dist.variance.item() == pytest.approx(
        integral(density, lambda x: (x - mean) ** 2, cuts), rel=1e-6
    )
    entropy = integral(density, lambda x: -np.log(density(x)), cuts)
    assert dist.entropy().item() == pytest.approx(entropy, rel=1e-7)
    low, high = 0.2, 9.0
    inner = sorted({low, dist.junction.item(), high})
    for a, b in ((low, high), (-math.inf, high), (low, math.inf)):
        clamped = Censored(dist, a, b)
        right = clamped.quadrature().expectation(clamped.quadrature().value)
        assert clamped.mean.item() == pytest.approx(right.item(), rel=1e-6)
    area = scipy.integrate.quad(lambda x: dist.sf(f64(x)).item(), low, high, points=inner[1:-1])[0]
    assert Censored(dist, low, high).mean.item() == pytest.approx(low + area, rel=1e-9)


def test_moments_that_do_not_exist() -> None:
    for xi in (0.5, 0.7):
        for dist in (HybridPareto(f64(0.0), 1.0, xi), GeneralizedPareto(f64(0.0), 1.0, xi)):
            assert dist.mean.isfinite()
            assert dist.variance == math.inf
            assert Censored(dist, 0.5, math.inf).variance == math.inf
    for dist in (HybridPareto(f64(0.0), 1.0, 1.0), GeneralizedPareto(f64(0.0), 1.0, 1.2)):
        assert dist.mean == math.inf
        assert dist.variance.isnan()
        assert dist.entropy().isfinite()
        assert Censored(dist, -1.0, 9.0).variance.isfinite()


CENSORED = {
    "log-normal": (
        TorchLogNormal(f64(0.3), f64(0.7)),
        scipy.stats.lognorm(0.7, scale=math.exp(0.3)),
    ),
    "pareto": (
        TorchGeneralizedPareto(torch.tensor(0.0), 1.0, 0.45),
        scipy.stats.genpareto(0.45),
    ),
    "student": (StudentT(f64(2.5), f64(0.0), f64(1.0)), scipy.stats.t(2.5)),
    "normal": (Normal(f64(0.0), f64(1.5)), scipy.stats.norm(0, 1.5)),
}


@pytest.mark.parametrize("name", CENSORED)
@pytest.mark.parametrize("bounds", [(0.4, 3.0), (-math.inf, 1.0), (0.5, math.inf)])
@pytest.mark.sample(4)
def test_censored_moments_are_quadratures(name: str, bounds: tuple[float, float]) -> None:
    base, plain = CENSORED[name]
    single = name == "pareto"  # torch's takes no float64
    low, high = bounds
    dist = Censored(base, low, high)
    atoms = [(low, plain.cdf(low)), (high, plain.sf(high))]
    atoms = [(x, mass) for x, mass in atoms if mass > 0 and math.isfinite(x)]
    start, stop = max(low, -1e6), min(high, 1e6)
    cuts = sorted({start, stop, *(c for c in FAR if start < c < stop)})
    mean = integral(plain.pdf, lambda x: x, cuts) + sum(x * mass for x, mass in atoms)
    close = 2e-4 if single else 1e-6
    assert dist.mean.item() == pytest.approx(mean, rel=close)
    squares = integral(plain.pdf, lambda x: (x - mean) ** 2, cuts)
    squares += sum((x - mean) ** 2 * mass for x, mass in atoms)
    heavy = (math.isinf(high) and name == "pareto") or (
        math.inf in (-low, high) and name == "student"
    )
    if not heavy:
        assert dist.variance.item() == pytest.approx(squares, rel=close)
    entropy = integral(plain.pdf, lambda x: -plain.logpdf(x), cuts)
    entropy -= sum(mass * math.log(mass) for _, mass in atoms)
    assert dist.entropy().item() == pytest.approx(entropy, rel=close, abs=1e-7)
    heaviest = max(atoms, key=lambda atom: atom[1])[0] if atoms else None
    if heaviest is not None:
        assert dist.mode.item() == pytest.approx(heaviest)


@pytest.mark.parametrize("xi", [0.3, 0.49, 0.495, 0.499, 0.49999])
def test_moments_near_the_last_concentration_that_has_them(xi: float) -> None:
    base = GeneralizedPareto(f64(0.0), 1.0, xi)
    right = scipy.stats.genpareto(xi).var()
    # A bound below the support leaves it as it is.
    assert Censored(base, -1.0, math.inf).variance.item() == pytest.approx(right, rel=1e-6)
    spliced = uneven_distribution(0.5 * xi, xi)
    whole = Censored(spliced, -1e60, math.inf).variance.item()
    assert whole == pytest.approx(spliced.variance.item(), rel=1e-6)
    # Sums of S and (2 k + 1) S at halves, from 9,000 on their integrals.
    whole, a, u = np.arange(9000.0), 1 / xi, 1 + xi * 9000 / 30
    sf = scipy.stats.genpareto(xi, scale=30).sf(whole + 0.5)
    first = sf.sum() + 30 * a * u ** (1 - a) / (a - 1)
    second = ((2 * whole + 1) * sf).sum()
    second += 2 * (30 * a) ** 2 * (u ** (2 - a) / (a - 2) - u ** (1 - a) / (a - 1))
    rounded = Discretized(GeneralizedPareto(f64(0.0), 30.0, xi))
    assert rounded.variance.item() == pytest.approx(second - first**2, rel=1e-6)


def test_moments_of_single_precision_near_the_last_concentration() -> None:
    for xi, close in ((0.49, 1e-4), (0.499, 2e-3)):
        dist = Censored(GeneralizedPareto(torch.tensor(0.0), 1.0, xi), -1.0, math.inf)
        assert dist.variance.item() == pytest.approx(scipy.stats.genpareto(xi).var(), rel=close)
    assert Censored(GeneralizedPareto(torch.tensor(0.0), 1.0, 0.5), -1.0, math.inf).variance.isinf()


@pytest.mark.parametrize("xi", [0.985, 0.99, 0.995, 0.9999])
def test_means_near_the_last_concentration_that_has_one(xi: float) -> None:
    # Euler and Maclaurin from 2,000 on, where the next term is below 1e-9.
    sf = scipy.stats.genpareto(xi).sf
    right = sf(np.arange(2000.0) + 0.5).sum() + (1 + xi * 2000) ** (1 - 1 / xi) / (1 - xi)
    dist = Discretized(GeneralizedPareto(f64(0.0), 1.0, xi))
    assert dist.mean.item() == pytest.approx(right, rel=1e-7)
    # Two tails are each their own; rounding moves the bins by less than .05.
    both = uneven_distribution(0.97, xi, scale=40.0)
    assert Discretized(both).mean.item() == pytest.approx(both.mean.item(), abs=0.05)


def test_moments_beyond_the_last_concentration_do_not_exist() -> None:
    # From 1.4 on quantiles overflow before the last piece of a tail, from 3 on before the others.
    for xi in (1.0, 1.5, 2.0, 3.0, 5.0):
        dist = Discretized(GeneralizedPareto(f64(0.0), 1.0, xi))
        assert dist.mean == math.inf
        assert dist.entropy().isfinite()


def test_nothing_lies_beyond_a_far_bound() -> None:
    xi, high = 0.495, 1e60
    found = Censored(GeneralizedPareto(f64(0.0), 1.0, xi), 0.0, high)
    # E X^2 = 2 int_0^high x S(x) dx, of S = u^(-1 / xi) with u = 1 + xi x.
    top, a = 1 + xi * high, 1 / xi
    first = (1 - top ** (1 - a)) / (a - 1) / xi
    second = 2 / xi**2 * ((top ** (2 - a) - 1) / (2 - a) - (1 - top ** (1 - a)) / (a - 1))
    assert found.variance.item() == pytest.approx(second - first**2, rel=1e-6)


def test_gradient_of_a_variance_near_the_last_concentration() -> None:
    xi = f64(0.49).requires_grad_()
    base = GeneralizedPareto(f64(0.0), 1.0, xi)
    (right,) = torch.autograd.grad(base.variance, xi)
    (found,) = torch.autograd.grad(Censored(base, -1.0, math.inf).variance, xi)
    assert found.item() == pytest.approx(right.item(), rel=1e-6)


FAR_PARTS = {
    # An atom far out counts once, and a narrow part as a whole, also where sum and rule meet.
    "atom": ([Gaussian(f64(0.0), f64(1e4)), Delta(f64(9000.0))], 2700.0, 0.7 * (1e8 + 1 / 12)),
    "bound": ([Censored(Gaussian(f64(0.0), 1e5), -3e5, 6e5)] * 2, None, None),
    "far": ([Gaussian(f64(0.0), f64(1.0)), Gaussian(f64(5000.0), 0.01)], 1500.0, 0.7 * 13 / 12),
    "near": ([Gaussian(f64(0.0), f64(1.0)), Gaussian(f64(200.3), 0.01)], 60.0, 0.7 * 13 / 12),
}


@pytest.mark.parametrize("name", FAR_PARTS)
@pytest.mark.sample(2)
def test_rounded_parts_far_out_have_their_masses(name: str) -> None:
    parts, mean, within = FAR_PARTS[name]
    base = Mixture(shares(0.7, 0.3), parts)
    dist = Discretized(base)
    assert dist.quadrature().prob.sum().item() == pytest.approx(1, abs=1e-8)
    if mean is None:
        assert dist.mean.item() == pytest.approx(base.mean.item(), rel=1e-4)
        return
    assert dist.mean.item() == pytest.approx(mean, rel=1e-6)
    variance = within + 0.21 * (mean / 0.3) ** 2
    assert dist.variance.item() == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize("far", [1e9, 1e20, 1e60])
@pytest.mark.parametrize(
    "base",
    [
        uneven_distribution(0.15, 0.3),
        HybridPareto(f64(1.0), 2.0, 0.3),
        Gaussian(f64(1.0), 2.0),
        StudentT(f64(3.0), 1.0, 2.0),
        LogNormal(f64(1.0), 0.5),
        AffineTransformed(uneven_distribution(0.15, 0.3), f64(5.0), 2.0),
    ],
    ids=lambda base: type(base).__name__,
)
@pytest.mark.sample(4)
def test_a_far_bound_leaves_the_mean(base: ScalarDistribution, far: float) -> None:
    right = base.mean.item()
    for low, high in ((-far, math.inf), (-math.inf, far), (-far, far)):
        # What lies beyond 1e9 is below 1e-5 of a tail of concentration .3.
        assert base.clamped_mean(low, high).item() == pytest.approx(right, rel=1e-5)
    assert base.clamped_mean(far, 2 * far).item() == pytest.approx(far, rel=1e-9)
    assert base.clamped_mean(-2 * far, -far).item() == pytest.approx(-far, rel=1e-9)
    for end in (math.inf, -math.inf):
        assert base.clamped_mean(end, end).item() == end


def test_a_long_censored_tail_has_its_variance() -> None:
    # E (X - c)^2 of what is above c: closed, for a concentration at which a quadrature is hardest.
    xi, low = 0.45, 2.0
    dist = Censored(GeneralizedPareto(f64(0.0), 1.0, xi), low, math.inf)
    above = (1 + xi * low) ** (-1 / xi)
    size = 1 + xi * low
    first = above * size / (1 - xi)
    second = above * 2 * size**2 / ((1 - xi) * (1 - 2 * xi))
    assert dist.mean.item() == pytest.approx(low + first, rel=1e-12)
    assert dist.variance.item() == pytest.approx(second - first**2, rel=1e-6)


ROUNDED = {
    "gaussian": (Gaussian(f64(0.3), f64(0.8)), scipy.stats.norm(0.3, 0.8)),
    "wide": (Gaussian(f64(-40.3), f64(900.0)), scipy.stats.norm(-40.3, 900)),
    "student": (StudentT(f64(4.5), f64(0.2), f64(3.0)), scipy.stats.t(4.5, 0.2, 3)),
    "pareto": (GeneralizedPareto(f64(0.5), 30.0, 0.2), scipy.stats.genpareto(0.2, 0.5, 30)),
    "log-normal": (LogNormal(f64(2.0), f64(0.8)), scipy.stats.lognorm(0.8, scale=math.exp(2))),
}


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.sample(1)
def test_rounded_moments_are_sums(name: str) -> None:
    base, plain = ROUNDED[name]
    whole = np.arange(-400_000.0, 400_001)
    lower = plain.cdf(whole + 0.5) - plain.cdf(whole - 0.5)
    upper = plain.sf(whole - 0.5) - plain.sf(whole + 0.5)
    mass = np.where(whole < plain.median(), lower, upper)
    dist = Discretized(base)
    mean = (whole * mass).sum()
    assert dist.mean.item() == pytest.approx(mean, rel=1e-7, abs=1e-6)
    assert dist.variance.item() == pytest.approx(((whole - mean) ** 2 * mass).sum(), rel=1e-5)
    entropy = scipy.stats.entropy(mass)
    assert dist.entropy().item() == pytest.approx(entropy, rel=1e-7)
    assert dist.mode.item() == whole[mass.argmax()]


def test_entropy_and_mode_of_bins_are_the_closed_ones() -> None:
    for splice in ("quantile", "edge"):
        base = uneven_distribution(0.2, 0.1, splice=splice)
        rule = base.quadrature()
        assert rule.prob.sum().item() == pytest.approx(1, rel=1e-10)
        assert rule.expectation(rule.value).item() == pytest.approx(base.mean.item(), rel=1e-9)
        right = base.entropy().item()
        assert rule.expectation(-base.log_prob(rule.value)).item() == pytest.approx(right, rel=1e-8)
        moved = AffineTransformed(base, f64(3.0), f64(10.0))
        assert moved.entropy().item() == pytest.approx(right + math.log(10), rel=1e-12)
        alone = Mixture(shares(1.0), [base])
        assert alone.entropy().item() == pytest.approx(right, rel=1e-8)
        assert alone.mode.item() == pytest.approx(base.mode.item(), abs=5e-4)
        assert alone.variance.item() == pytest.approx(base.variance.item(), rel=1e-12)


def test_mixtures_have_entropy_and_mode() -> None:
    parts = [Gaussian(f64(-3.0), f64(0.7)), Gaussian(f64(0.5), f64(2.0)), Gaussian(f64(4.0), 0.3)]
    dist = Mixture(f64(0.3, -0.5, 0.1), parts)
    density = density_of(dist)
    cuts = [-40.0, -6, -3, -1, 1, 3, 4, 5, 8, 30]
    right = integral(density, lambda x: -np.log(density(x)), cuts)
    assert dist.entropy().item() == pytest.approx(right, rel=1e-8)
    fine = torch.linspace(3.9, 4.1, 200_001, dtype=F64)
    assert dist.mode.item() == pytest.approx(fine[dist.log_prob(fine).argmax()].item(), abs=2e-6)
    with_atom = Mixture(shares(0.4, 0.6), [Delta(f64(2.0)), parts[0]])
    entropy = -0.4 * math.log(0.4) + 0.6 * (parts[0].entropy().item() - math.log(0.6))
    assert with_atom.entropy().item() == pytest.approx(entropy, rel=1e-8)
    assert with_atom.mode.item() == 2.0


def test_atoms_have_no_entropy() -> None:
    atom = Delta(f64(3.0))
    assert (atom.entropy(), atom.variance, atom.stddev, atom.mode) == (0, 0, 0, 3)


DIVERGENCES = {
    "gaussians": (Gaussian(f64(0.0), f64(1.0)), Gaussian(f64(0.5), f64(1.7))),
    "students": (StudentT(f64(3.0), f64(0.0), f64(1.0)), StudentT(f64(2.2), f64(0.4), f64(1.3))),
    "hybrids": (HybridPareto(f64(0.0), 1.0, 0.3), HybridPareto(f64(0.3), 1.2, 0.1)),
    "bins and student": (uneven_distribution(0.1, 0.3), StudentT(f64(2.0), f64(1.0), f64(20.0))),
    "student and mixture": (
        StudentT(f64(3.0), f64(0.0), f64(1.0)),
        Mixture(shares(0.5, 0.5), [StudentT(f64(2.0), f64(0.0), 1.0), Gaussian(f64(1.0), 0.3)]),
    ),
    "moved": (
        AffineTransformed(StudentT(f64(3.0), f64(0.0), f64(1.0)), f64(1.0), f64(0.7)),
        StudentT(f64(3.0), f64(0.0), f64(1.0)),
    ),
}


@pytest.mark.parametrize("name", DIVERGENCES)
@pytest.mark.sample(2)
def test_divergences_are_quadratures(name: str) -> None:
    p, q = DIVERGENCES[name]
    first, kinks = density_of(p), torch.cat([p.breakpoints, q.breakpoints]).tolist()
    gap = lambda x: (p.log_prob(torch.as_tensor(x)) - q.log_prob(torch.as_tensor(x))).numpy()  # noqa: E731
    right = integral(first, gap, [-1e6, *kinks, 1e6])
    assert kl_divergence(p, q).item() == pytest.approx(right, rel=1e-5)
    assert kl_divergence(p, p).item() == pytest.approx(0, abs=1e-12)


def test_divergence_of_spliced_distributions_is_the_plain_one() -> None:
    p, q = uneven_distribution(0.3, -0.1), uneven_distribution(0.1, 0.4, splice="edge")
    first, second = PlainDistribution.of(p), PlainDistribution.of(q)
    second_ends = [q.lower_threshold.item(), q.upper_threshold.item()]

    def gap(x: np.ndarray) -> np.ndarray:
        mass = first.density(x)
        return np.log(np.where(mass > 1e-40, mass, 1)) - np.log(
            np.where(mass > 1e-40, second.density(x), 1)
        )

    right = first.expectation(gap, *q.edges.tolist(), *second_ends)
    assert kl_divergence(p, q).item() == pytest.approx(right, rel=1e-7)


def test_divergences_with_atoms() -> None:
    p = Censored(Gaussian(f64(0.0), f64(1.0)), -1.0, 2.0)
    q = Censored(Gaussian(f64(0.3), f64(1.4)), -1.0, 2.0)
    plain = scipy.stats.norm(0, 1), scipy.stats.norm(0.3, 1.4)
    right = sum(
        a * math.log(a / b)
        for a, b in zip(
            (plain[0].cdf(-1), plain[0].sf(2)), (plain[1].cdf(-1), plain[1].sf(2)), strict=True
        )
    )
    right += integral(plain[0].pdf, lambda x: plain[0].logpdf(x) - plain[1].logpdf(x), [-1.0, 0, 2])
    assert kl_divergence(p, q).item() == pytest.approx(right, rel=2e-7)
    assert kl_divergence(p, Gaussian(f64(0.0), f64(1.0))) == math.inf
    assert kl_divergence(Gaussian(f64(0.0), f64(1.0)), p) == math.inf
    assert kl_divergence(Delta(f64(2.0)), Delta(f64(2.0))) == 0
    assert kl_divergence(Delta(f64(2.0)), Delta(f64(3.0))) == math.inf
    mixed = Mixture(shares(0.25, 0.75), [Delta(f64(2.0)), Gaussian(f64(0.0), f64(1.0))])
    assert kl_divergence(Delta(f64(2.0)), mixed).item() == pytest.approx(math.log(4))


def test_divergence_of_rounded_variables_is_a_sum() -> None:
    for one, two in ((ROUNDED["gaussian"], ROUNDED["student"]), (ROUNDED["pareto"],) * 2):
        whole = np.arange(0.0 if one is ROUNDED["pareto"] else -30, 20_000)
        mass, other = (
            np.where(
                whole < 0,
                plain.cdf(whole + 0.5) - plain.cdf(whole - 0.5),
                plain.sf(whole - 0.5) - plain.sf(whole + 0.5),
            )
            for _, plain in (one, two)
        )
        kept = mass > 1e-290
        right = (mass[kept] * np.log(mass[kept] / other[kept])).sum()
        found = kl_divergence(Discretized(one[0]), Discretized(two[0]))
        assert found.item() == pytest.approx(right, rel=1e-8, abs=1e-12)


def test_a_heavy_tail_is_infinitely_far_from_a_light_one() -> None:
    heavy, light = StudentT(f64(1.5), f64(0.0), f64(1.0)), Gaussian(f64(0.0), f64(1.0))
    assert kl_divergence(heavy, light) == math.inf
    assert kl_divergence(light, heavy).isfinite()
    assert kl_divergence(Normal(f64(0.0), f64(1.0)), light).item() == pytest.approx(0, abs=1e-15)
    assert kl_divergence(light, Normal(f64(0.0), f64(2.0))).item() == pytest.approx(
        math.log(2) + 1 / 8 - 1 / 2
    )


def spliced_of(logits: torch.Tensor, scale: torch.Tensor) -> SplicedBinnedPareto:
    return SplicedBinnedPareto(logits, torch.arange(6, dtype=F64), 0.2, 0.3, scale, 2 * scale)


def test_quadratures_have_the_gradients_of_their_differences() -> None:
    logits, scale = f64(0.1, -0.4, 0.8, 0.2, -0.9), f64(0.6)
    fixed = spliced_of(f64(0.3, 0.1, -0.2, 0.5, 0.0), f64(0.9))
    other = StudentT(f64(3.0), f64(2.0), f64(1.0))

    def all_of(step: float) -> torch.Tensor:
        dist = spliced_of(logits + step * torch.linspace(-1, 2, 5, dtype=F64), scale + step)
        return torch.stack(
            [
                kl_divergence(dist, fixed),
                kl_divergence(fixed, dist),
                kl_divergence(other, dist),
                Mixture(shares(0.5, 0.5), [dist, other]).entropy(),
                Censored(dist, 0.5, 9.0).variance,
                Discretized(dist).mean,
            ]
        )

    with torch.no_grad():
        right = (all_of(1e-5) - all_of(-1e-5)) / 2e-5
    step = torch.zeros((), dtype=F64, requires_grad=True)
    found = [torch.autograd.grad(result, step, retain_graph=True)[0] for result in all_of(step)]
    torch.testing.assert_close(torch.stack(found), right, rtol=1e-5, atol=1e-7)


def test_batches_and_single_precision_give_the_same() -> None:
    loc, scale = torch.tensor([[0.0], [3.0]]), torch.tensor([1.0, 2.0, 5.0])
    batch = Censored(HybridPareto(loc, scale, 0.2), -1.0, 20.0)
    other = Censored(HybridPareto(loc + 1, scale, 0.3), -1.0, 20.0)
    rounded = Discretized(HybridPareto(loc, scale, 0.2))
    results = [batch.variance, batch.entropy(), batch.mode, rounded.entropy(), rounded.stddev]
    results.append(kl_divergence(batch, other))
    for result in results:
        assert result.shape == (2, 3)
        assert result.dtype == torch.float32
    alone = Censored(HybridPareto(f64(3.0), f64(2.0), 0.2), -1.0, 20.0)
    beside = Censored(HybridPareto(f64(4.0), f64(2.0), 0.3), -1.0, 20.0)
    whole = Discretized(HybridPareto(f64(3.0), f64(2.0), 0.2))
    rights = [alone.variance, alone.entropy(), alone.mode, whole.entropy(), whole.stddev]
    rights.append(kl_divergence(alone, beside))
    for result, right in zip(results, rights, strict=True):
        assert result[1, 1].item() == pytest.approx(right.item(), rel=2e-5)


WIDE = {
    "gaussian": lambda dtype: Gaussian(torch.tensor(1e30, dtype=dtype), 1e30),
    "student": lambda dtype: StudentT(torch.tensor(3.0, dtype=dtype), 0.0, 1e30),
    "pareto": lambda dtype: GeneralizedPareto(torch.tensor(0.0, dtype=dtype), 1e30, 0.2),
    "hybrid": lambda dtype: HybridPareto(torch.tensor(0.0, dtype=dtype), 1e30, 0.2),
    "moved": lambda dtype: AffineTransformed(uneven_distribution(0.1, 0.2, dtype=dtype), 0.0, 1e30),
    "mixed": lambda dtype: Mixture(
        torch.zeros(2, dtype=dtype),
        [Gaussian(torch.tensor(-1e30, dtype=dtype), 1e30), Delta(torch.tensor(3e30, dtype=dtype))],
    ),
    "censored": lambda dtype: Censored(
        Gaussian(torch.tensor(0.0, dtype=dtype), 1e30), -1e30, math.inf
    ),
}


@pytest.mark.parametrize("name", WIDE)
def test_standard_deviation_is_a_number_where_the_variance_overflows(name: str) -> None:
    right = WIDE[name](F64).variance.sqrt().item()
    wide = WIDE[name](torch.float32)
    assert wide.stddev.item() == pytest.approx(right, rel=1e-5)
    assert wide.variance.item() == math.inf
