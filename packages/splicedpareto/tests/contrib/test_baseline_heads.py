"""Baseline heads give the distributions their docstrings state, and one loop trains them."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from splicedpareto.contrib import (
    GaussianMixtureHead,
    HybridPareto,
    HybridParetoHead,
    QuantileParetoHead,
    StudentT,
    StudentTHead,
)
from splicedpareto.distributions import Gaussian, Mixture, SplicedBinnedPareto
from splicedpareto.nn import DistributionHead, DistributionNetwork, ResidualMLP
from splicedpareto.objectives import crps_loss, exact_nll
from splicedpareto.training import FitSettings, fit

LEVELS = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
QUANTILES = torch.tensor([-4.0, -1.0, 0.0, 2.0, 7.0])
HEADS = {
    "student": lambda: StudentTHead(4, location=2.0, scale=3.0),
    "gaussians": lambda: GaussianMixtureHead(4, components=3, location=2.0, scale=3.0),
    "hybrid": lambda: HybridParetoHead(4, location=2.0, scale=3.0),
    "hybrids": lambda: HybridParetoHead(4, components=2, location=2.0, scale=3.0),
    "quantiles": lambda: QuantileParetoHead(4, LEVELS, QUANTILES),
}
every_head = pytest.mark.parametrize("build", HEADS.values(), ids=HEADS)


def test_initial_student_is_at_the_location_with_df_four() -> None:
    distribution = StudentTHead(4, location=2.0, scale=3.0)(torch.randn(4))
    assert isinstance(distribution, StudentT)
    assert distribution.loc.item() == 2
    assert distribution.scale.item() == pytest.approx(3 * 1.001)
    assert distribution.df.item() == pytest.approx(1 / 0.9 + math.log1p(math.exp(3.0)))


def test_initial_mixture_is_spread_over_the_scale() -> None:
    distribution = GaussianMixtureHead(4, components=3, location=2.0, scale=3.0)(torch.zeros(4))
    assert isinstance(distribution, Mixture)
    assert all(isinstance(part, Gaussian) for part in distribution.components)
    assert [part.loc.item() for part in distribution.components] == pytest.approx([-1.0, 2.0, 5.0])
    torch.testing.assert_close(distribution.log_weights.exp(), torch.full((3,), 1 / 3))


def test_initial_hybrid_has_concentration_one_tenth() -> None:
    distribution = HybridParetoHead(4, location=2.0, scale=3.0)(torch.zeros(2, 4))
    assert isinstance(distribution, HybridPareto)
    assert distribution.batch_shape == (2,)
    torch.testing.assert_close(distribution.concentration, torch.full((2,), 0.1))
    assert distribution.mode[0].item() == 2


def test_initial_quantiles_are_those_given_and_the_density_is_continuous() -> None:
    distribution = QuantileParetoHead(4, LEVELS, QUANTILES)(torch.zeros(4))
    assert isinstance(distribution, SplicedBinnedPareto)
    torch.testing.assert_close(distribution.icdf(LEVELS), QUANTILES, atol=0.02, rtol=0)
    for threshold in (distribution.lower_threshold, distribution.upper_threshold):
        left, right = (
            distribution.log_prob(threshold - 1e-4),
            distribution.log_prob(threshold + 1e-4),
        )
        assert left.item() == pytest.approx(right.item(), abs=1e-2)


def test_quantiles_never_cross_whatever_the_raw_parameters() -> None:
    head = QuantileParetoHead(4, LEVELS, QUANTILES)
    distribution = head.distribution(torch.randn(50, 9) * 30)
    assert (distribution.edges.diff() > 0).all()
    assert (distribution.upper_scale > 0).all()


def test_probabilities_between_the_quantiles_are_the_levels() -> None:
    distribution = QuantileParetoHead(4, LEVELS, QUANTILES).distribution(torch.randn(20, 9))
    cdf = distribution.cdf(distribution.edges.movedim(-1, 0)).movedim(0, -1)
    torch.testing.assert_close(cdf, LEVELS.expand(20, -1))


@every_head
def test_baseline_gradients_are_finite_far_from_the_training_inputs(build) -> None:
    head: DistributionHead = build()
    nn.init.normal_(head.linear.weight, std=0.5)
    distribution = head(torch.tensor([[0.0] * 4, [30.0, -30.0, 30.0, 0.0], [-1e3, 0.0, 1e3, 50.0]]))
    targets = torch.tensor([-40.0, 0.0, 4e3])
    (exact_nll(distribution, targets) + crps_loss(distribution, targets)).sum().backward()
    for parameter in head.parameters():
        assert parameter.grad.isfinite().all()


@every_head
@pytest.mark.sample(2)
def test_the_one_loop_trains_the_head(build, tmp_path: Path) -> None:
    inputs = torch.randn(600, 2)
    targets = 2 + 4 * inputs[:, 0] + 0.5 * torch.randn(600)
    network = DistributionNetwork(ResidualMLP(2, 4, blocks=0), build())
    with torch.no_grad():
        before = crps_loss(network(inputs), targets).mean()
    fit(
        network,
        TensorDataset(inputs[:500], targets[:500]),
        TensorDataset(inputs[500:], targets[500:]),
        objective=exact_nll,
        validation_objective=crps_loss,
        settings=FitSettings(max_epochs=3, batch_size=50, learning_rate=0.03),
        folder=tmp_path,
    )
    with torch.no_grad():
        after = crps_loss(network(inputs), targets).mean()
    assert after < 0.7 * before


@pytest.mark.parametrize("head", [StudentTHead, GaussianMixtureHead, HybridParetoHead])
def test_baseline_scale_must_be_positive(head) -> None:
    with pytest.raises(ValueError, match="scale must be positive and finite, got 0"):
        head(2, scale=0.0)


@pytest.mark.parametrize("head", [GaussianMixtureHead, HybridParetoHead])
def test_a_mixture_has_a_component(head) -> None:
    with pytest.raises(ValueError, match="components must be at least 1, got 0"):
        head(2, components=0)
    with pytest.raises(ValueError, match=r"components must be a whole number, .* got 1\.5"):
        head(2, components=1.5)


@pytest.mark.parametrize(
    ("levels", "quantiles", "allowed", "message"),
    [
        ([0.5], [0.0], (0.0, 0.9), "levels must be at least 2"),
        ([0.5, 0.2], [0.0, 1.0], (0.0, 0.9), "levels must be at least 2, increasing"),
        ([0.2, 1.0], [0.0, 1.0], (0.0, 0.9), r"increasing within \(0, 1\)"),
        ([0.2, 0.5], [0.0, 0.0], (0.0, 0.9), "quantiles must be 2 increasing numbers"),
        ([0.2, 0.5], [0.0, 1.0, 2.0], (0.0, 0.9), "quantiles must be 2 increasing numbers"),
        ([0.2, 0.5], [0.0, 1.0], (0.9, 0.9), "concentration_range must be"),
    ],
)
def test_bad_quantile_heads_are_refused(levels, quantiles, allowed, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuantileParetoHead(
            2, torch.tensor(levels), torch.tensor(quantiles), concentration_range=allowed
        )
