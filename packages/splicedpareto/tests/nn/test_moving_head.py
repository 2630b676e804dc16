"""Bins move along a distribution as a location and a scale say, and nowhere past its ends."""

import math
import warnings

import pytest
import scipy.stats
import torch
from torch import Tensor

from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.distributions._moved import (
    MovedSplicedBinnedPareto,
    normal_scores,
    strictly_increasing,
    values_at_scores,
)
from splicedpareto.nn import MovingBinsHead, SplicedBinnedParetoHead
from splicedpareto.objectives import composite_interval_nll, composite_nll, movement_nll

LEVELS = torch.tensor([1e-4, 0.01, 0.05, 0.5, 0.95, 0.99, 0.9999], dtype=torch.float64)


def sample(sigma: float = 2.0) -> Tensor:
    levels = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    return (sigma * math.sqrt(2) * torch.erfinv(2 * levels - 1)).exp()


def moved(head: MovingBinsHead, location: float, scale: float) -> MovedSplicedBinnedPareto:
    """The distribution at raw parameters that give a location and a scale, others as they start."""
    raw = torch.cat([head.linear.bias, head.head.linear.bias]).detach()
    raw[0] = 5 * math.atanh(location / 5)
    raw[1] = math.log(math.expm1(scale - 1e-3))
    return head.distribution(raw)


def test_initial_distribution_is_that_of_the_head_that_does_not_move() -> None:
    still = SplicedBinnedParetoHead.from_data(3, sample()).double()
    moving = MovingBinsHead.from_data(3, sample()).double()
    state = torch.zeros(4, 3, dtype=torch.float64)
    one, other = still(state), moved(moving, 1e-12, 1.0)
    assert isinstance(one, SplicedBinnedPareto)
    for level in LEVELS:
        torch.testing.assert_close(other.icdf(level), one.icdf(level)[0], rtol=1e-4, atol=1e-9)
    assert moving(state).batch_shape == (4,)
    assert moving.raw_features == still.raw_features + 2
    assert moving.raw_parameters(state).shape == (4, moving.raw_features)


def test_scores_are_normal_numbers_and_their_inverse_the_quantiles() -> None:
    head = SplicedBinnedParetoHead.from_data(3, sample()).double()
    start = head(torch.zeros(3, dtype=torch.float64))
    values = start.icdf(LEVELS)
    scores = normal_scores(start, values)
    torch.testing.assert_close(values_at_scores(start, scores), values, rtol=1e-9, atol=1e-9)
    # Within three deviations a score is the normal number to a tenth.
    expected = torch.from_numpy(scipy.stats.norm.ppf(LEVELS.numpy()))
    torch.testing.assert_close(scores[1:-1], expected[1:-1], rtol=0.06, atol=1e-9)
    assert (scores.diff() > 0).all()


def test_edges_lie_at_the_moved_scores() -> None:
    head = MovingBinsHead.from_data(3, sample()).double()
    distribution = moved(head, 0.7, 0.4)
    at = normal_scores(distribution.reference, distribution.edges)
    torch.testing.assert_close(at, 0.7 + 0.4 * head.edge_scores, rtol=1e-6, atol=1e-6)
    # Tails stretch with the values: of a lognormal, by the factor of the quantiles out there.
    start = moved(head, 1e-12, 1.0)
    further = moved(head, 1.0, 1.0)
    assert further.upper_scale > 2 * start.upper_scale


def test_a_tail_of_next_to_no_mass_is_no_bound() -> None:
    head = MovingBinsHead.from_data(3, sample(), lower_mass=1e-12, upper_mass=1e-12)
    assert head.edge_scores.isfinite().all()
    assert head(torch.zeros(3)).edges.abs().max() < 2 * head.edges.abs().max()


@pytest.mark.parametrize("location", [-4.0, 4.0])
def test_nothing_moves_past_the_support(location: float) -> None:
    head = MovingBinsHead.from_data(3, sample(), support=(0, None)).double()
    distribution = moved(head, location, 2.0)
    assert distribution.edges[0] == 0
    assert (distribution.edges.diff() > 0).all()
    assert distribution.cdf(torch.tensor(0.0, dtype=torch.float64)) == 0
    assert distribution.icdf(torch.tensor(1e-9, dtype=torch.float64)) > 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("bins", [10, 30])
def test_bins_do_not_move_out_to_a_bound_that_no_value_comes_near(bins: int, sign: int) -> None:
    values, furthest = sign * sample(1.0), float(sample(1.0).max())
    support = (0, 1e9) if sign > 0 else (-1e9, 0)
    head = MovingBinsHead.from_data(3, values, bins=bins, support=support).double()
    # Two standard deviations out, and half as wide again: the furthest value is 3.5 out.
    distribution = moved(head, sign * 2.0, 1.5)
    level = torch.tensor(0.01, dtype=torch.float64)
    high = distribution.isf(level) if sign > 0 else -distribution.icdf(level)
    assert furthest / 2 < high < 3 * furthest
    assert (distribution.edges.diff() > 0).all()
    # Where nothing moves, edges out there stay too, up to the rounding of scores.
    near = head.edges.abs() < 1e3
    still = moved(head, sign * 1e-12, 1.0).edges
    torch.testing.assert_close(still[near], head.edges[near], rtol=1e-3, atol=1e-6)
    assert (still[~near].abs() > 1e3).all()


def test_bins_do_not_move_to_values_that_lie_apart() -> None:
    values = torch.randn(2000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values[:100] = 1e6
    distribution = moved(MovingBinsHead.from_data(3, values).double(), 1.5, 1.0)
    assert distribution.edges[-1] < 10
    # They stay in the tail, whose mass is theirs.
    assert distribution.upper_scale > 1e4


def test_composite_fits_location_and_scale_by_the_scores_alone() -> None:
    head = MovingBinsHead.from_data(3, sample()).double()
    raw = torch.cat([head.linear.bias, head.head.linear.bias]).detach().requires_grad_()
    value = torch.tensor(5.0, dtype=torch.float64)
    distribution = head.distribution(raw)
    composite_nll(distribution, value).backward()
    z = normal_scores(distribution.reference, value).item()
    scale = 1.001
    # Of the Gaussian of mean 0: its derivatives by the mean, and by the raw scale.
    assert raw.grad[0].item() == pytest.approx(-z / scale**2, rel=1e-6)
    slope = 1 - math.exp(-1.0)  # of the softplus where it is one; to three digits
    expected = (1 / scale - z**2 / scale**3) * slope
    assert raw.grad[1].item() == pytest.approx(expected, rel=0.05)
    assert raw.grad[2:].abs().sum() > 0


def test_censored_scores_are_intervals_of_the_gaussian() -> None:
    head = MovingBinsHead.from_data(3, sample(), support=(0, None)).double()
    distribution = moved(head, 0.3, 0.8)
    low = torch.tensor([0.0, 2.0, -math.inf], dtype=torch.float64)
    high = torch.tensor([2.0, math.inf, 1.0], dtype=torch.float64)
    z = [normal_scores(distribution.reference, end).numpy() for end in (low, high)]
    known = scipy.stats.norm(0.3, 0.8)
    expected = -torch.from_numpy(known.cdf(z[1]) - known.cdf(z[0])).log()
    torch.testing.assert_close(movement_nll(distribution, low, high), expected, rtol=1e-5, atol=0)
    loss = composite_interval_nll(distribution, low, high)
    assert loss.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tied_edges_are_moved_apart_by_the_next_numbers(dtype: torch.dtype) -> None:
    edges = torch.tensor(
        [[-1e30, -1.0, -1.0, 0.0, 0.0, 1.0], [-math.inf, 2.0, 2.0, 2.0, 2.0, math.inf]], dtype=dtype
    )
    apart = strictly_increasing(edges)
    assert (apart.diff() > 0).all()
    assert apart.isfinite().all()
    torch.testing.assert_close(apart[0], edges[0], rtol=1e-6, atol=1e-30)
    increasing = torch.tensor([-3.0, 0.0, 1e-3, 7.0], dtype=dtype)
    assert torch.equal(strictly_increasing(increasing), increasing)


def test_single_precision_survives_the_heaviest_of_tails() -> None:
    values = sample(5.0).float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = MovingBinsHead.from_data(3, values)
    raw = torch.randn(64, head.raw_features, generator=torch.Generator().manual_seed(1)) * 4
    raw.requires_grad_()
    distribution = head.distribution(raw)
    composite_nll(distribution, values[:: len(values) // 64][:64]).sum().backward()
    assert raw.grad.isfinite().all()
    assert distribution.log_prob(values[:64]).isfinite().all()


def test_a_moved_distribution_moves_on_with_what_fits_its_movement() -> None:
    # Bare edges in place of a sample, as for series that are divided by their scale.
    head = MovingBinsHead(SplicedBinnedParetoHead(3, torch.linspace(-4, 4, 21))).double()
    distribution = moved(head, 0.8, 0.5)
    assert distribution.median.item() > 1  # .8 deviations of bins that spread over eight units
    there = distribution.affine(100.0, 20.0)
    value = torch.tensor([-30.0, 0.7, 2.0, 9.0], dtype=torch.float64)
    expected = distribution.score_nll(value, value)
    torch.testing.assert_close(there.score_nll(100 + 20 * value, 100 + 20 * value), expected)
    wide = distribution.expand((2, 1))
    torch.testing.assert_close(movement_nll(wide, value, value), expected.expand(2, 4))


@pytest.mark.slow
def test_bins_from_bare_edges_learn_to_follow_a_location() -> None:
    generator = torch.Generator().manual_seed(0)
    state = 4 * torch.rand(256, 1, generator=generator) - 2
    outcome = state[:, 0] + 0.1 * torch.randn(256, generator=generator)
    losses = []
    for head in (
        SplicedBinnedParetoHead(1, torch.linspace(-4, 4, 41)),
        MovingBinsHead(SplicedBinnedParetoHead(1, torch.linspace(-4, 4, 41))),
    ):
        optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
        for _ in range(60):
            optimizer.zero_grad()
            composite_nll(head(state), outcome).mean().backward()
            optimizer.step()
        losses.append(-head(state).log_prob(outcome).mean().item())
    # The true density scores -.88.
    assert losses[1] < -0.6
    assert losses[1] < losses[0] - 0.5


def test_a_head_of_another_kind_or_a_reference_with_other_edges_is_refused() -> None:
    head = SplicedBinnedParetoHead(2, torch.arange(5.0))
    with pytest.raises(TypeError, match="head must be a SplicedBinnedParetoHead, got 3"):
        MovingBinsHead(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reference must have the edges of head"):
        MovingBinsHead(head, SplicedBinnedParetoHead(2, torch.arange(6.0)))
