"""What the public implementations get wrong, as seen in GluonTS 0.17 and the article's code.

Each test gives our distribution the input on which theirs fails, and checks the right answer.
"""

import math

import pytest
import torch
from scipy.stats import genpareto

from example_distributions import F64, PlainDistribution, f64
from splicedpareto.distributions import Gaussian, SplicedBinnedPareto


def uniform(
    bins: int = 10,
    low: float = 0.0,
    high: float = 100.0,
    shape: float = 0.3,
    scale: float | None = 0.5,
    dtype: torch.dtype = torch.float32,
) -> SplicedBinnedPareto:
    """Equal bins with equal tails of 5 %."""
    edges = torch.linspace(low, high, bins + 1, dtype=F64).to(dtype)
    logits = torch.zeros(bins, dtype=dtype)
    return SplicedBinnedPareto(logits, edges, shape, shape, scale, scale)


@pytest.mark.parametrize(
    ("bins", "low", "high"), [(10, -1, 1), (100, -1, 1), (10, -10, 10), (10, 0, 100)]
)
def test_the_density_integrates_to_one_whatever_the_width(
    bins: int, low: float, high: float
) -> None:
    dist = uniform(bins, low, high, dtype=F64)
    x, weight = PlainDistribution.of(dist).quadrature()
    total = (weight * dist.log_prob(torch.tensor(x)).exp().numpy()).sum()
    assert total == pytest.approx(1, abs=1e-10)  # theirs: 0.280, 0.118, 1.90, 9.10


def test_the_density_is_a_density_and_not_a_mass() -> None:
    assert uniform().log_prob(torch.tensor(50.0)).exp().item() == pytest.approx(0.01)  # theirs: 0.1


def test_log_prob_in_a_tail_is_not_a_training_loss() -> None:
    dist = uniform(shape=0.1, scale=1.0, dtype=F64)
    expected = math.log(0.05) + genpareto.logpdf(2.0, 0.1)
    assert dist.log_prob(f64(97.0)).item() == pytest.approx(expected)


def test_the_mean_is_summed_and_infinite_without_one() -> None:
    assert uniform(dtype=F64).mean.item() == pytest.approx(50)  # theirs: 5
    heavy = SplicedBinnedPareto(torch.zeros(10), torch.linspace(0, 100, 11), 0.3, 1.5, 0.5, 0.5)
    assert heavy.mean == math.inf


@pytest.mark.parametrize("shape", [1e-4, 1e-5, 1e-6, 1e-8, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_small_concentrations_are_nearly_exponential(shape: float, dtype: torch.dtype) -> None:
    dist = uniform(shape=shape, scale=1.0, dtype=dtype)
    at = dist.upper_threshold + 5
    assert dist.log_prob(at).item() == pytest.approx(-5 + math.log(0.05), rel=3e-4)
    assert (dist.sf(at) / 0.05).item() == pytest.approx(math.exp(-5), rel=2e-3)
    far = dist.isf(torch.tensor(0.0005)) - dist.upper_threshold
    assert far.item() == pytest.approx(math.log(100), rel=3e-4)


@pytest.mark.parametrize("shape", [-0.2, -0.3])
def test_negative_concentrations_end_the_support(shape: float) -> None:
    dist = uniform(shape=shape, scale=1.0)
    past = dist.upper_threshold + 8
    assert dist.log_prob(past) == -math.inf
    assert dist.cdf(past) == 1  # theirs: 1.078, NaN
    assert dist.isf(torch.tensor(0.0)).item() == pytest.approx(95 - 1 / shape)


def test_no_gradient_is_nan_in_the_branches_not_taken() -> None:
    shapes, scales = torch.full((2,), 0.3), torch.full((2,), 0.5)
    leaves = [shapes.requires_grad_(), scales.requires_grad_()]
    dist = SplicedBinnedPareto(torch.zeros(10), torch.linspace(0, 100, 11), *shapes, *scales)
    for x in (50.0, -5.0, 105.0):
        gradients = torch.autograd.grad(dist.cdf(torch.tensor(x)), leaves)
        assert all(g.isfinite().all() for g in gradients)


def test_float32_tails_keep_their_digits() -> None:
    dist = uniform(shape=0.1, scale=1.0, low=-10, high=10)
    exact = uniform(shape=0.1, scale=1.0, low=-10, high=10, dtype=F64)
    for level in (1e-7, 1e-8, 1e-9, 1e-30):
        for quantile in ("icdf", "isf"):
            actual = getattr(dist, quantile)(torch.tensor(level))
            expected = getattr(exact, quantile)(f64(level))
            assert actual.item() == pytest.approx(expected.item(), rel=2e-6)
        x = torch.tensor(exact.icdf(f64(level)).item())
        assert dist.cdf(x).item() == pytest.approx(exact.cdf(x.double()).item(), rel=1e-5)


def test_float64_is_float64_throughout() -> None:
    dist = uniform(dtype=F64)
    assert dist.lower_mass.item() == 0.05
    assert dist.edges.dtype == dist.icdf(f64(0.3)).dtype == dist.sample().dtype == F64
    expected = 95 + genpareto.isf(1e-6 / 0.05, 0.3, scale=0.5)
    assert dist.isf(f64(1e-6)).item() == pytest.approx(expected, rel=1e-14)


def test_a_nan_target_is_no_perfect_forecast() -> None:
    nan = torch.tensor(math.nan)
    assert uniform().log_prob(nan).isnan()  # theirs: 0.0
    assert uniform().cdf(nan).isnan()


def test_event_shape_is_scalar_and_levels_broadcast() -> None:
    dist = uniform()
    assert dist.event_shape == ()
    assert dist.log_prob(torch.zeros(7, 4)).shape == (7, 4)
    assert dist.expand((3,)).icdf(torch.tensor([[0.1], [0.5], [0.9]])).shape == (3, 3)
    batch = SplicedBinnedPareto(torch.zeros(4, 1, 10), torch.linspace(0, 1, 11), 0.1, 0.1)
    assert batch.log_prob(torch.zeros(4, 1)).shape == (4, 1)
    draws = batch.sample((3, 5))
    assert draws.unique().numel() == draws.numel()


def test_location_and_scale_are_applied() -> None:
    dist = uniform(low=-1.0, high=1.0).affine(100.0, 50.0)
    assert dist.median.item() == pytest.approx(100)  # theirs: 0
    assert dist.icdf(torch.tensor(0.75)).item() == pytest.approx(125)


def test_logits_of_either_sign_differ() -> None:
    up, down = (
        SplicedBinnedPareto(torch.tensor([v, 0.0]), torch.arange(3.0), 0.1, 0.1)
        for v in (3.0, -3.0)
    )
    assert up.median < 1 < down.median


def test_the_mode_lies_in_the_support_and_sees_the_tails() -> None:
    low = uniform(low=0, high=10).mode
    assert 0 <= low <= 10  # theirs: 50
    peaks = SplicedBinnedPareto(torch.tensor([0.0, 3, 0, 2.9]), torch.arange(5.0), 0.1, 0.1)
    assert 1 < peaks.mode < 2  # theirs: 10, for peaks at 2.5 and 7.5
    sharp = SplicedBinnedPareto(torch.zeros(10), torch.linspace(0, 100, 11), 0.1, 0.1, 0.5, 1e-3)
    assert sharp.mode.item() == pytest.approx(95)


def test_draws_have_no_gradient_and_the_type_of_the_distribution() -> None:
    logits = torch.zeros(10, dtype=F64, requires_grad=True)
    draws = SplicedBinnedPareto(logits, torch.linspace(0, 1, 11), 0.1, 0.1).sample((3,))
    assert (draws.requires_grad, draws.dtype) == (False, F64)


def test_all_masses_are_one_in_sum() -> None:
    dist = SplicedBinnedPareto(
        f64(0, 3, 0), f64(0, 1, 2, 3), 0.1, 0.1, lower_mass=0.2, upper_mass=0.2
    )
    assert dist.sf(dist.upper_threshold).item() == pytest.approx(0.2)
    everything = dist.log_prob_interval(f64(-math.inf), f64(math.inf))
    assert everything == 0  # the article's code: 0.760


def test_quantiles_move_within_a_bin() -> None:
    dist = SplicedBinnedPareto(torch.zeros(2), f64(0, 5, 10), 0.1, 0.1)
    assert dist.icdf(torch.tensor(0.25)).item() == pytest.approx(2.5)  # the article's code: 1.25
    thresholds = dist.lower_threshold.item(), dist.upper_threshold.item()
    assert thresholds == pytest.approx((0.5, 9.5))
    assert dist.cdf(dist.icdf(torch.tensor(0.5))).item() == pytest.approx(0.5)


def test_unsorted_values_keep_their_order() -> None:
    dist = uniform(high=10, dtype=F64)
    assert dist.cdf(f64(9.5, 0.5, 5.5)).tolist() == pytest.approx([0.95, 0.05, 0.55])


def test_a_value_on_an_edge_counts_once() -> None:
    dist = uniform(high=10)
    on, off = dist.log_prob(torch.tensor([4.0, 4.5]))
    assert on == off


def test_another_batch_leaves_no_trace() -> None:
    dist = uniform()
    before = dist.isf(torch.tensor(0.001))
    uniform(shape=0.9).log_prob(torch.linspace(0, 50, 7))
    assert dist.isf(torch.tensor(0.001)) == before


def test_a_gaussian_baseline_uses_its_scale() -> None:
    narrow, wide = (Gaussian(0.0, s).log_prob(torch.tensor(0.0)) for s in (0.0025, 6.0))
    assert (narrow - wide).item() == pytest.approx(math.log(6 / 0.0025))


def test_values_below_the_threshold_are_no_excesses() -> None:
    dist = uniform()
    assert dist.cdf(torch.tensor(94.0)).item() == pytest.approx(0.94)
    assert dist.cdf(torch.tensor(-1e4)) >= 0
