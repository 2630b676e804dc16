"""Ranges of a score, ends of a support, and batches without elements keep what wrappers ask of."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import scipy.integrate
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from example_distributions import F64, f64
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
from splicedpareto.scoring_rules import tw_crps

INF = math.inf


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(7.5, 5, 10), (7.0, 3, 6), (0.5, 0, INF), (-2.0, -3, 40), (30.0, 0, 30), (1.1, 0.9, 1.2)],
)
def test_log_normal_score_of_a_range_far_out(
    value: float, low: float, high: float, dtype: torch.dtype
) -> None:
    narrow = LogNormal(torch.zeros((), dtype=dtype), 0.15)
    truth = scipy.stats.lognorm(0.15)
    # Beyond 3 the distribution function is one to 12 digits.
    parts = sorted({low, *(end for end in (0.0, value, 3.0) if low < end < high), min(high, 60.0)})
    expected = sum(
        scipy.integrate.quad(lambda x: (truth.cdf(x) - (value <= x)) ** 2, start, stop)[0]
        for start, stop in pairwise(parts)
    )
    score = narrow.crps_between(torch.tensor(value, dtype=dtype), low, high)
    assert score.item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_log_normal_score_where_it_is_certain_is_the_distance() -> None:
    narrow = LogNormal(f64(0.0), 0.15)
    assert tw_crps(narrow, f64(15.0), 5.0).item() == pytest.approx(10)
    assert Censored(narrow, 0.0, 50.0).crps(f64(30.0)).item() == pytest.approx(
        narrow.crps(f64(30.0)).item()
    )
    mean = math.exp(0.15**2 / 2)
    assert Discretized(narrow).crps(f64(5000.0)).item() == pytest.approx(5000 - mean, abs=0.5)


@pytest.mark.parametrize(
    ("value", "bounds"), [(0.7, (-1.3, 2.4)), (-0.7, (-INF, INF)), (0.7, (0.5, INF))]
)
@pytest.mark.sample(1)
def test_log_normal_derivatives_of_ranges_are_numbers(
    value: float, bounds: tuple[float, float]
) -> None:
    def both(loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        dist = LogNormal(loc, scale)
        return dist.clamped_mean(*bounds), dist.crps_between(f64(value), *bounds)

    parameters = (f64(0.3).requires_grad_(), f64(0.8).requires_grad_())
    assert torch.autograd.gradcheck(both, parameters)
    assert torch.autograd.gradgradcheck(both, parameters, fast_mode=True)


BINS = SplicedBinnedPareto(f64(0, 0, 0, 0), f64(-2, -1, 0, 1, 2), 0.1, 0.1)
# Bins between two tails that end.
SHORT_BINS_PARTS = (f64(0.3, -0.2, 0.1), f64(-2, -1, 0.5, 3), f64(-0.3), f64(-0.8))


@pytest.mark.parametrize(
    "score",
    [
        lambda d: Discretized(d).crps_between(f64(0.7), -1.3, 2.4),
        lambda d: d.crps_between(f64(-5.0), 1.0, 1.0),
        lambda d: d.crps_between(f64(5.0), 1.0, 1.0),
        lambda d: Censored(d, 1.0, 4.0).crps_between(f64(0.7), -1.3, 0.5),
    ],
    ids=["rounded", "below", "above", "censored"],
)
def test_gradient_of_a_score_of_an_empty_range(
    score: Callable[[ScalarDistribution], Tensor],
) -> None:
    parameters = (f64(0.3).requires_grad_(), f64(2.0).requires_grad_())
    assert torch.autograd.gradcheck(lambda m, s: score(AffineTransformed(BINS, m, s)), parameters)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize(
    ("loc", "scale"), [(0.7, 3.9), (1.3, 0.07), (-812.3, 0.31), (0.1, 77.0), (3e5, 0.9)]
)
def test_ends_of_a_support_stay_within_it_where_moved(
    loc: float, scale: float, dtype: torch.dtype
) -> None:
    concentration = torch.tensor([-0.2, -0.5, -0.9, -1.3], dtype=dtype)
    excess = GeneralizedPareto(-1.0, 1.0, concentration)
    bins = SplicedBinnedPareto(*(each.to(dtype) for each in SHORT_BINS_PARTS))
    # A unit of the last place of the location, in units of the base.
    coarse = torch.finfo(dtype).eps * abs(loc) / scale
    for base in (excess, bins):
        once = AffineTransformed(base, loc, scale)
        for moved in (once, AffineTransformed(once, 1.3, 0.77)):
            logits = torch.zeros(*moved.batch_shape, 1, dtype=dtype)
            entropy = Mixture(logits, [moved]).entropy()
            closed = moved.entropy()
            torch.testing.assert_close(entropy, closed, rtol=1e-3, atol=1e-3 + 30 * coarse)
            assert kl_divergence(moved, moved).abs().max() < 1e-3 + 30 * coarse
            has_mode = base.log_prob(base.mode) > -INF
            assert (moved.log_prob(moved.mode)[has_mode] > -INF).all()


def empty_distributions() -> dict[str, ScalarDistribution]:
    zero, one = torch.zeros(0, dtype=F64), torch.ones(0, dtype=F64)
    bins = SplicedBinnedPareto(torch.zeros(0, 4, dtype=F64), f64(-2, -1, 0, 1, 2), 0.1, 0.1)
    plain = {
        "gaussian": Gaussian(zero, one),
        "pareto": GeneralizedPareto(zero, one, 0.1),
        "log-normal": LogNormal(zero, one),
        "bins": bins,
        "moved": AffineTransformed(bins, 1.0, 2.0),
    }
    parts = [plain["gaussian"], bins, Delta(zero)]
    mixed = Mixture(torch.zeros(0, 3, dtype=F64), parts)
    wrapped = {}
    for name, dist in (plain | {"mixture": mixed}).items():
        wrapped[f"rounded {name}"] = Discretized(dist)
        if name != "mixture":
            wrapped[f"censored {name}"] = Censored(dist, -1.0, 1.0)
            wrapped[f"rounded censored {name}"] = Discretized(Censored(dist, -1.0, 1.0))
    return plain | {"mixture": mixed} | wrapped


EMPTY = empty_distributions()


@pytest.mark.parametrize("dist", EMPTY.values(), ids=EMPTY)
def test_a_batch_without_elements_has_numbers_of_its_shape(dist: ScalarDistribution) -> None:
    none = torch.zeros(0, dtype=F64)
    results = [
        dist.mean, dist.variance, dist.stddev, dist.mode, dist.median, dist.entropy(),
        dist.crps(none), dist.crps_between(none, -1.0, 2.0), dist.clamped_mean(-1.0, 2.0),
        dist.log_prob(none), dist.icdf(none + 0.5), dist.log_prob_interval(none, none + 1),
    ]  # fmt: skip
    assert {result.shape for result in results} == {(0,)}


def test_whole_number_tensors_do_not_round_the_parameters_beside_them() -> None:
    df = torch.tensor([3, 5])
    expected = scipy.stats.t([3, 5]).cdf(2.0)
    torch.testing.assert_close(
        StudentT(df, 0.0, 1.0).cdf(torch.tensor(2.0)), torch.from_numpy(expected).float()
    )
    whole = torch.tensor(0)
    assert Gaussian(whole, 2.5).stddev == 2.5
    assert LogNormal(whole, f64(2.5)).scale.dtype == F64
    assert HybridPareto(whole, 1.5, 0.3).mean == HybridPareto(0.0, 1.5, 0.3).mean
    pareto = GeneralizedPareto(torch.tensor(1), torch.tensor(2), 0.25)
    assert pareto.mean.item() == pytest.approx(1 + 2 / 0.75)
