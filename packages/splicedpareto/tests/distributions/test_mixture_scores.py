"""A mixture's CRPS is its integral, its gradients are the differences, and wrappers take it."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scoringrules
import torch
from torch import Tensor

from example_distributions import F64, MIXTURES, f64, shares, uneven_distribution, uniform
from splicedpareto.contrib import StudentT
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.objectives import composite_nll, crps_loss, exact_interval_nll, exact_nll
from splicedpareto.scoring_rules import tw_crps

INF = math.inf
every_mixture = pytest.mark.parametrize("dist", MIXTURES.values(), ids=MIXTURES)

# Gauss-Legendre in a variable in which every tail decays like an exponential.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def plain_crps(dist: Mixture, y: float, low: float = -INF, high: float = INF) -> float:
    """Integral of the squared error of the CDF, piece by piece, from `cdf` and `sf` alone."""
    kinks = {y, *dist.breakpoints.tolist()}
    levels = 0.5 ** (torch.arange(1, 100, dtype=F64) / 2)
    parts = [dist, *dist.components]
    quantiles = torch.cat([f(levels) for part in parts for f in (part.icdf, part.isf)]).tolist()
    inner = sorted(k for k in {*kinks, *quantiles, low, high} if low <= k <= high and abs(k) < INF)
    pieces = list(pairwise(inner))
    # Outwards in steps of a factor of e**(1/4) from the outermost quantile.
    steps = (inner[-1] - inner[0]) * np.expm1(np.arange(0, 160, 0.25))
    if low == -INF:
        pieces += [(inner[0] - b, inner[0] - a) for a, b in pairwise(steps)]
    if high == INF:
        pieces += [(inner[-1] + a, inner[-1] + b) for a, b in pairwise(steps)]
    start, stop = np.array(pieces).T[..., None]
    x = torch.tensor(start + (stop - start) * (NODES + 1) / 2)
    error = torch.where(x < y, dist.cdf(x), dist.sf(x)).square().numpy()
    return float(((error @ WEIGHTS) * (stop - start)[:, 0]).sum() / 2)


def test_crps_by_hand() -> None:
    # F is .2 up to 1, rises to .45 at 2, to .775 at 3 and to 1 at 6: thirds of sums of squares.
    below = 0.04 + (0.2**2 + 0.2 * 0.45 + 0.45**2) / 3
    above = (0.55**2 + 0.55 * 0.225 + 0.225**2) / 3 + 3 * 0.225**2 / 3
    dist = MIXTURES["uniforms"]
    assert dist.crps(f64(2.0)).item() == pytest.approx(below + above, rel=1e-12)
    assert dist.crps(f64(-4.0)).item() == pytest.approx(
        4 + 0.8**2 + (0.8**2 + 0.8 * 0.55 + 0.55**2) / 3 + above, rel=1e-12
    )
    assert dist.crps_between(f64(2.0), 0.5, 2.0).item() == pytest.approx(below - 0.02, rel=1e-12)


@every_mixture
@pytest.mark.parametrize("y", [-6.0, 0.0, 1.7, 7.0, 90.0])
@pytest.mark.sample(9)
def test_crps_is_the_integral(dist: Mixture, y: float) -> None:
    assert dist.crps(f64(y)).item() == pytest.approx(plain_crps(dist, y), rel=1e-7)


@every_mixture
@pytest.mark.parametrize(("low", "high"), [(-2.5, 9.0), (-INF, 0.5), (6.5, INF), (500.0, 600.0)])
@pytest.mark.sample(8)
def test_bounded_crps_is_the_integral(dist: Mixture, low: float, high: float) -> None:
    expected = plain_crps(dist, 7.7, low, high)
    actual = dist.crps_between(f64(7.7), low, high).item()
    assert actual == pytest.approx(expected, rel=1e-7, abs=1e-13)


@pytest.mark.parametrize("concentration", [-0.5, 0.0, 0.3, 0.9, 1.2])
@pytest.mark.parametrize("other", ["moved", "narrow", "gaussian", "student"])
@pytest.mark.sample(5)
def test_distances_are_good_to_a_millionth(concentration: float, other: str) -> None:
    heavy = uneven_distribution(concentration, concentration)
    parts = {
        "moved": AffineTransformed(uneven_distribution(0.3, 0.6), f64(-20.0), f64(2.0)),
        "narrow": AffineTransformed(heavy, f64(3.0), f64(1e-3)),
        "gaussian": Gaussian(f64(4.0), f64(0.1)),
        "student": StudentT(f64(1.2), f64(0.0), f64(5.0)),
    }
    dist = Mixture(shares(0.5, 0.5), [heavy, parts[other]])
    each = torch.stack([part.crps(f64(1.0)) for part in dist.components]).mean()
    distance = 4 * (each - dist.crps(f64(1.0))).item()
    expected = 4 * (each.item() - plain_crps(dist, 1.0))
    assert distance == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_distance_far_beyond_all_bins_is_that_of_the_tails(sign: float) -> None:
    parts = [uneven_distribution(0.3, 0.3), uneven_distribution(0.6, 0.6, scale=2.0)]
    low, high = 1e9, 3e9
    dist = Mixture(shares(0.5, 0.5), parts)
    ends = (f64(low), f64(high)) if sign > 0 else (f64(-high), f64(-low))
    each = torch.stack([part.crps_between(f64(0.0), *ends) for part in parts]).mean()
    distance = 4 * (each - dist.crps_between(f64(0.0), *ends)).item()
    x = np.linspace(np.log(low), np.log(high), 2001)
    side = "sf" if sign > 0 else "cdf"
    first, second = (getattr(p, side)(torch.tensor(sign * np.exp(x))).numpy() for p in parts)
    expected = scipy.integrate.simpson((first - second) ** 2 * np.exp(x), x=x)
    assert distance == pytest.approx(expected, rel=1e-6)


def test_a_tail_without_a_crps_has_none_in_a_mixture() -> None:
    dist = Mixture(shares(0.5, 0.5), [uneven_distribution(0.1, 2.2), uneven_distribution()])
    assert dist.crps(f64(0.0)) == INF
    assert dist.crps_between(f64(0.0), -INF, 100.0).isfinite()
    light = Mixture(shares(0.5, 0.5), [uneven_distribution(0.1, 1.9), uneven_distribution()])
    assert light.crps(f64(0.0)).isfinite()


@pytest.mark.parametrize("y", [-9.0, 0.1, 4.0, 60.0])
def test_crps_of_gaussians_is_scoringrules(y: float) -> None:
    loc, scale, weights = (-3.0, 0.5, 4.0), (0.7, 2.0, 0.3), (0.2, 0.5, 0.3)
    parts = [Gaussian(f64(m), f64(s)) for m, s in zip(loc, scale, strict=True)]
    expected = scoringrules.crps_mixnorm(y, loc, scale, weights)
    assert Mixture(shares(*weights), parts).crps(f64(y)).item() == pytest.approx(expected, rel=1e-9)


def test_crps_of_atoms_is_that_of_an_ensemble() -> None:
    atoms, y = f64(-3.0, 0.5, 0.5, 7.0), 2.0
    dist = Mixture(torch.zeros(4, dtype=F64), [Delta(atom) for atom in atoms])
    expected = scoringrules.crps_ensemble(y, atoms.numpy(), estimator="nrg")
    assert dist.crps(f64(y)).item() == pytest.approx(float(expected), rel=1e-12)


def test_threshold_weighted_crps_sums_to_the_whole() -> None:
    dist, y = MIXTURES["moved bins"], f64(3.0, 30.0)
    below = dist.crps_between(y, -INF, 8.0)
    torch.testing.assert_close(below + tw_crps(dist, y, 8.0), dist.crps(y), rtol=1e-9, atol=0)
    # Bounds of a batch of their own.
    low, high = f64([0.0], [8.0]), f64([8.0], [INF])
    apart = dist.crps_between(y, low, high)
    assert apart.shape == (2, 2)
    torch.testing.assert_close(apart[1], tw_crps(dist, y, 8.0))
    torch.testing.assert_close(apart[0], dist.crps_between(y, 0.0, 8.0))


VALUES = f64(-70.0, -2.2, 0.0, 0.7, 3.3, 9.0, 55.0)
LEVELS = f64(0.004, 0.02, 0.3, 0.62, 0.9, 0.995)
FUNCTIONS: dict[str, Callable[[Mixture], Tensor]] = {
    "log_prob": lambda d: d.log_prob(VALUES),
    "cdf": lambda d: d.cdf(VALUES),
    "log_cdf": lambda d: d.log_cdf(VALUES),
    "log_sf": lambda d: d.log_sf(VALUES),
    "log_mass": lambda d: d.log_mass(f64(0.0)),
    "log_prob_interval": lambda d: d.log_prob_interval(VALUES[:-1], VALUES[1:]),
    "icdf": lambda d: d.icdf(LEVELS),
    "isf": lambda d: d.isf(LEVELS),
    "mean": lambda d: d.mean,
    "variance": lambda d: d.variance,
    "clamped_mean": lambda d: d.clamped_mean(-3.0, 40.0),
    "crps": lambda d: d.crps(VALUES),
    "crps_between": lambda d: d.crps_between(VALUES, -4.0, 20.0),
}


def build(logits: Tensor, origin: Tensor, scale: Tensor, bins: Tensor, other: Tensor) -> Mixture:
    edges = f64(-5.0, -1, 0.5, 2, 6)
    moved = SplicedBinnedPareto(bins, edges, 0.1, 0.3)
    still = SplicedBinnedPareto(other, f64(-9, -4, 0, 3), 0.2, -0.1, splice="edge")
    return Mixture(logits, [Delta(f64(0.0)), AffineTransformed(moved, origin, scale), still])


@pytest.mark.parametrize(
    "fast", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["fast", "each"]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_the_differences(name: str, fast: bool) -> None:
    parameters = [
        f64(0.2, 0.4, -0.3),
        f64(2.13),
        f64(0.8),
        f64(0.3, -0.2, 0.5, 0.1),
        f64(-1.0, 0.2, 0.3, -0.2, -1.5),
    ]
    assert torch.autograd.gradcheck(
        lambda *p: FUNCTIONS[name](build(*p)),
        [p.requires_grad_() for p in parameters],
        atol=1e-5,
        rtol=1e-3,
        fast_mode=fast,
    )


@pytest.mark.parametrize("name", ["cdf", "sf", "log_prob", "crps", "icdf", "isf"])
def test_gradients_in_the_value_or_level_are_the_differences(name: str) -> None:
    at = LEVELS.clone() if name in {"icdf", "isf"} else VALUES[VALUES != 0].clone()
    dist = MIXTURES["moved bins"]
    assert torch.autograd.gradcheck(
        getattr(dist, name), [at.requires_grad_()], eps=1e-7, atol=1e-5, rtol=1e-3
    )


def test_a_moving_atom_pulls_quantiles_and_scores_with_it() -> None:
    def results(place: Tensor, bound: Tensor) -> Tensor:
        censored = Censored(Gaussian(f64(0.0), f64(3.0)), -2.0, bound)
        part = Mixture(shares(0.5, 0.5), [Delta(place), censored])
        dist = Mixture(shares(0.6, 0.4), [part, uniform(-9, 9)])
        # On the place, on the bound, and between.
        levels = torch.stack([dist.cdf(v).detach() - 0.01 for v in (place, bound, f64(3.0))])
        quantiles = torch.cat([dist.icdf(levels), dist.isf(1 - levels)])
        return torch.cat([quantiles, dist.crps(f64(-4.0, 2.0, 7.0)), dist.mean[None]])

    parameters = [f64(1.0).requires_grad_(), f64(4.0).requires_grad_()]
    assert torch.autograd.gradcheck(results, parameters, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("method", ["log_prob", "cdf", "log_cdf", "log_sf", "crps"])
def test_no_value_has_an_undefined_gradient(method: str, dtype: torch.dtype) -> None:
    logits = torch.tensor([0.3, -INF, 0.1, -200.0], dtype=dtype, requires_grad=True)
    origin = torch.tensor(3.0, dtype=dtype, requires_grad=True)
    atom = Delta(torch.zeros((), dtype=dtype))
    moved = AffineTransformed(uneven_distribution(-0.2, 0.3, dtype=dtype), origin, 2.0)
    parts = [atom, uneven_distribution(dtype=dtype), moved, Gaussian(origin, 1.0)]
    value = torch.tensor([-INF, -1e15, -3.0, 0.0, 3.0, 1e15, INF], dtype=dtype)
    result = getattr(Mixture(logits, parts), method)(value)
    assert not result.isnan().any()
    finite = torch.where(result.isfinite(), result, 0)
    for gradient in torch.autograd.grad(finite.sum(), [logits, origin]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("high", [25.0, 7.0, 0.0])
def test_a_censored_mixture_keeps_inner_atoms_and_has_one_on_each_bound(high: float) -> None:
    base = Mixture(
        shares(0.3, 0.5, 0.2),
        [
            Delta(f64(0.0)),
            AffineTransformed(uneven_distribution(0.1, 0.3), f64(7.0)),
            Delta(f64(7.0)),
        ],
    )
    dist = Censored(base, -9.0, high)
    # At least the bound, with the base's atom on it.
    at_high = 1 - base.cdf_below(f64(high)).item()
    assert dist.log_prob(f64(high)).exp().item() == pytest.approx(at_high, rel=1e-12)
    assert dist.log_mass(f64(high)) == dist.log_prob(f64(high))
    assert dist.log_prob(f64(-9.0)).exp().item() == pytest.approx(base.cdf(f64(-9.0)).item())
    if high > 0:
        assert dist.log_prob(f64(0.0)).exp().item() == pytest.approx(0.3)
        assert dist.cdf_below(f64(0.0)).item() == pytest.approx(base.cdf_below(f64(0.0)).item())
    assert dist.log_mass(f64(-1.0)) == -INF
    assert dist.log_prob_interval(f64(-INF), f64(INF)) == 0
    assert (dist.cdf(f64(high)), dist.sf(f64(high))) == (1, 0)
    draws = dist.sample((20_000,), generator=torch.Generator().manual_seed(3))
    assert draws.amax() == high
    assert (draws == high).double().mean().item() == pytest.approx(at_high, abs=0.015)
    assert draws.mean().item() == pytest.approx(dist.mean.item(), abs=0.3)
    assert not dist.has_rsample
    x = f64(-3.0, -0.5)
    assert dist.crps(x).tolist() == pytest.approx(
        [base.crps_between(v, -9.0, high).item() for v in x], rel=1e-12
    )


def test_mass_over_all_whole_numbers_is_one_whatever_the_origin() -> None:
    # An origin far above: the bins of a deep throw must not lose what falls short of them.
    origin = f64(-5.0, 3.0, 55.5)
    moved = AffineTransformed(uneven_distribution(0.2, 0.4), origin, f64(1.7))
    back = AffineTransformed(uneven_distribution(), f64(-20.0))
    base = Mixture(f64(0.2, 0.5, -2.0), [Delta(f64(0.0)), moved, back])
    dist = Discretized(Censored(base, -30.0, 60.0))
    whole = torch.arange(-30.0, 61.0, dtype=F64)[:, None]
    mass = dist.log_prob(whole).exp()
    torch.testing.assert_close(mass.sum(0), torch.ones(3, dtype=F64), rtol=0, atol=1e-13)
    torch.testing.assert_close(dist.cdf(whole), mass.cumsum(0), rtol=0, atol=1e-13)
    torch.testing.assert_close(dist.mean, (mass * whole).sum(0), rtol=1e-12, atol=1e-12)
    level = torch.linspace(0.01, 0.99, 25, dtype=F64)[:, None]
    expected = (mass.cumsum(0)[None] >= level[:, None]).double().argmax(1) - 30
    assert torch.equal(dist.icdf(level), expected.double())
    assert dist.crps(f64(4.0)).tolist() == pytest.approx(
        ((mass.cumsum(0) - (whole >= 4).double()) ** 2).sum(0).tolist()
    )


def test_discretized_draws_of_a_mixture_follow_its_masses() -> None:
    base = Mixture(shares(0.4, 0.6), [Delta(f64(0.0)), uneven_distribution(0.1, 0.1)])
    dist = Discretized(Censored(base, -4.0, 12.0))
    draws = dist.sample((40_000,), generator=torch.Generator().manual_seed(1))
    for whole in range(-4, 13):
        mass = dist.log_prob(f64(whole)).exp().item()
        share = (draws == whole).double().mean().item()
        assert share == pytest.approx(mass, abs=4 * math.sqrt(mass / 40_000) + 1e-9)


def test_the_exact_likelihood_refuses_a_moving_splice_within_a_mixture() -> None:
    free = uneven_distribution(scale=2.0)
    dist = Mixture(shares(0.5, 0.5), [Delta(f64(0.0)), AffineTransformed(free, f64(1.0))])
    for loss in (
        lambda: exact_nll(dist, f64(1.0)),
        lambda: exact_interval_nll(dist, f64(0.5), f64(1.5)),
    ):
        with pytest.raises(ValueError, match="must not be maximized with free scales"):
            loss()
    for part in (uneven_distribution(), uneven_distribution(splice="edge", scale=2.0)):
        mixed = Mixture(shares(0.5, 0.5), [Delta(f64(0.0)), part])
        assert exact_nll(mixed, f64(1.0)) == -mixed.log_prob(f64(1.0))
    assert crps_loss(dist, f64(1.0)) == dist.crps(f64(1.0))
    two = Mixture(shares(0.5, 0.5), [uneven_distribution(), free])
    with pytest.raises(TypeError, match="must be a Mixture of atoms and one SplicedBinnedPareto"):
        composite_nll(two, f64(1.0))


def test_a_rounded_part_counts_its_jumps_in_a_distance() -> None:
    rounded = Discretized(Censored(Gaussian(f64(1.0), f64(2.0)), -4.0, 5.0))
    dist = Mixture(shares(0.5, 0.5), [rounded, uniform(-3, 3)])
    # Straight between whole numbers: exact by ends that are continuous from either side.
    whole = torch.arange(-4.0, 6.0, dtype=F64)
    start, stop = dist.cdf(whole[:-1]), dist.cdf_below(whole[1:])
    start, stop = (torch.where(whole[1:] > 1, 1 - v, v) for v in (start, stop))
    expected = ((start**2 + start * stop + stop**2) / 3).sum().item()
    assert dist.crps(f64(1.0)).item() == pytest.approx(expected, rel=1e-12)
    around = Discretized(Gaussian(f64(0.0), f64(1.0))).breakpoints
    assert around.tolist() == list(range(-256, 257))


def test_moments_of_whole_numbers_are_those_of_their_masses() -> None:
    base = Mixture(shares(0.3, 0.7), [Delta(f64(0.0)), uneven_distribution(0.1, 0.2)])
    low, high = f64(-9.0, -5.0), f64(3.0, 40.0)
    dist, whole = Discretized(Censored(base, low, high)), torch.arange(-9.0, 41.0, dtype=F64)
    mass = dist.log_prob(whole[:, None]).exp().numpy()
    for row in range(2):
        x, p = whole.numpy(), mass[:, row]
        assert dist.mean[row].item() == pytest.approx(p @ x, rel=1e-12)
        assert dist.variance[row].item() == pytest.approx(p @ (x - p @ x) ** 2, rel=1e-11)
        for y in (-12.0, -5.0, 2.0, 39.0, 44.0):
            # The energy form, from the masses alone.
            expected = p @ np.abs(x - y) - p @ np.abs(x[:, None] - x) @ p / 2
            assert dist.crps(f64(y))[row].item() == pytest.approx(expected, rel=1e-11)
    level = torch.linspace(0.004, 0.996, 249, dtype=F64)[:, None]
    expected = (mass.cumsum(0)[None] >= level.numpy()[:, :, None]).argmax(1) - 9
    np.testing.assert_array_equal(dist.icdf(level), expected)
    lower, upper = f64(-2.5, 1.0), f64(2.0, 17.3)
    inside = (whole[:, None] > lower) & (whole[:, None] <= upper)
    interval = dist.log_prob_interval(lower, upper).exp()
    torch.testing.assert_close(interval, (torch.tensor(mass) * inside).sum(0))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("name", ["icdf", "crps"])
@pytest.mark.sample(1)
def test_second_derivatives_are_the_differences(name: str) -> None:
    at = LEVELS if name == "icdf" else VALUES

    def function(logits: Tensor) -> Tensor:
        bins = f64(0.3, -0.2, 0.5, 0.1), f64(-1.0, 0.2, 0.3, -0.2, -1.5)
        return getattr(build(logits, f64(2.13), f64(0.8), *bins), name)(at).sum()

    logits = f64(0.2, 0.4, -0.3)
    slope = torch.func.grad(function)
    steps = 1e-5 * torch.eye(3, dtype=F64)
    expected = torch.stack([(slope(logits + h) - slope(logits - h)) / 2e-5 for h in steps])
    actual = torch.func.hessian(function)(logits)
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", ["icdf", "isf", "crps"])
def test_vmap_of_searches_and_scores_gives_the_batch(method: str) -> None:
    logits, origin = f64([0.1, 0.5, -1.0], [0.3, 0.0, 2.0]), f64(1.0, 4.0)
    bins = f64(0.3, -0.2, 0.5, 0.1), f64(-1.0, 0.2, 0.3, -0.2, -1.5)

    def result(logits: Tensor, origin: Tensor) -> Tensor:
        return getattr(build(logits, origin, f64(0.8), *bins), method)(LEVELS)

    each = torch.stack([result(*row) for row in zip(logits, origin, strict=True)])
    torch.testing.assert_close(torch.vmap(result)(logits, origin), each, rtol=1e-12, atol=1e-14)


def test_single_precision_scores_where_numbers_are_extreme() -> None:
    for loc, scale in ((0.0, 1e-30), (0.0, 1e15), (1e6, 10.0)):

        def score(dtype: torch.dtype, loc: float = loc, scale: float = scale) -> Tensor:
            bins = AffineTransformed(uneven_distribution(0.1, 0.3, dtype=dtype), loc, scale)
            wide = Gaussian(torch.tensor(loc, dtype=dtype), scale)
            dist = Mixture(torch.zeros(2, dtype=dtype), [bins, wide])
            return dist.crps(torch.tensor(loc + scale, dtype=dtype)) / scale

        torch.testing.assert_close(score(torch.float32).double(), score(F64), rtol=1e-3, atol=0)


def test_weights_and_parts_are_learned_from_draws() -> None:
    truth = Mixture(shares(0.3, 0.7), [Delta(f64(0.0)), Gaussian(f64(5.0), f64(2.0))])
    draws = truth.sample((4000,), generator=torch.Generator().manual_seed(5))
    logits, loc = f64(0.0, 0.0).requires_grad_(), f64(1.0).requires_grad_()
    optimizer = torch.optim.Adam([logits, loc], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        dist = Mixture(logits, [Delta(f64(0.0)), Gaussian(loc, f64(2.0))])
        exact_nll(dist, draws).mean().backward()
        optimizer.step()
    share = (draws == 0).double().mean().item()
    assert scipy.special.softmax(logits.detach())[0] == pytest.approx(share, abs=1e-3)
    assert loc.item() == pytest.approx(draws[draws != 0].mean().item(), abs=1e-3)
