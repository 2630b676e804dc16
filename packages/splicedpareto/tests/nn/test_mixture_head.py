"""A mixture's head composes other heads, moves components with the origin, and learns."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from splicedpareto.contrib import StudentTHead
from splicedpareto.distributions import (
    AffineTransformed,
    Delta,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.nn import (
    AffineTransformedHead,
    DistributionNetwork,
    GaussianHead,
    MixtureHead,
    ResidualMLP,
    SequenceEncoder,
    SplicedBinnedParetoHead,
    pooled_distribution,
)
from splicedpareto.objectives import composite_nll, exact_nll

EDGES = torch.linspace(-4, 20, 13)


def throw_head() -> MixtureHead:
    """An atom at zero, bins from the origin, an atom on it, and a part that stays."""
    bins = SplicedBinnedParetoHead(8, EDGES, scale="tied")
    return MixtureHead(
        8, [0.0, bins, 1.5, GaussianHead(8)], weights=[0.3, 0.5, 0.1, 0.1], from_origin=[1, 2]
    )


def shaken(module: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module


def test_initial_weights_and_parts_do_not_depend_on_the_state() -> None:
    dist = throw_head()(torch.randn(5, 8), torch.arange(5.0))
    assert isinstance(dist, Mixture)
    torch.testing.assert_close(dist.weights, torch.tensor([0.3, 0.5, 0.1, 0.1]).expand(5, 4))
    kinds = [type(part) for part in dist.components]
    assert kinds == [Delta, AffineTransformed, Delta, Gaussian]
    equal = MixtureHead(8, [0.0, GaussianHead(8)])(torch.randn(8))
    torch.testing.assert_close(equal.weights, torch.tensor([0.5, 0.5]))


def test_components_from_the_origin_move_with_it_and_the_others_stay() -> None:
    head, state = shaken(throw_head()), torch.randn(5, 8)
    origin = torch.tensor([-7.0, 0.0, 2.5, 10.0, 60.0])
    still, moved = head(state, torch.zeros(5)), head(state, origin)
    torch.testing.assert_close(moved.weights, still.weights)
    for index, step in enumerate((0 * origin, origin, origin, 0 * origin)):
        before, after = still.components[index], moved.components[index]
        torch.testing.assert_close(after.median, before.median + step)
        torch.testing.assert_close(after.log_prob(after.median), before.log_prob(before.median))
    torch.testing.assert_close(moved.components[2].loc, origin + 1.5)


def test_each_component_is_its_heads() -> None:
    head, state = shaken(throw_head()), torch.randn(3, 8)
    dist = head(state, torch.zeros(3))
    base = dist.components[1].base
    assert isinstance(base, SplicedBinnedPareto)
    torch.testing.assert_close(base.logits, head.heads["1"](state).logits)
    torch.testing.assert_close(dist.components[3].scale, head.heads["3"](state).scale)
    torch.testing.assert_close(dist.logits, head.linear(state))
    assert head.raw_parameters(state, torch.zeros(3)).shape == (3, head.raw_features)


def test_a_moved_and_stretched_head_starts_at_its_location_and_scale() -> None:
    inner = SplicedBinnedParetoHead(8, EDGES, scale="tied")
    head = AffineTransformedHead(inner, location=5.0, scale=2.0)
    state = torch.randn(4, 8)
    dist = head(state)
    torch.testing.assert_close(dist.loc, torch.full((4,), 5.0))
    torch.testing.assert_close(dist.scale, torch.full((4,), 2.002))
    torch.testing.assert_close(dist.median, 5 + 2.002 * inner(state).median)
    nested = shaken(MixtureHead(8, [0.0, head], from_origin=[1]))(state, torch.full((4,), 3.0))
    outer = nested.components[1]
    assert isinstance(outer, AffineTransformed)
    assert isinstance(outer.base, AffineTransformed)
    torch.testing.assert_close(outer.mean, 3 + head(state).mean)
    with pytest.raises(ValueError, match="scale must be positive and finite, got 0"):
        AffineTransformedHead(inner, scale=0.0)


def test_the_networks_last_input_is_the_origin() -> None:
    networks = [DistributionNetwork(ResidualMLP(3, 8, blocks=1), throw_head()) for _ in range(2)]
    for network in networks:
        shaken(network.head)
    x, origin = torch.randn(5, 3), torch.arange(5.0)
    dist = networks[0](x, origin)
    expected = networks[0].head(networks[0].trunk(x), origin)
    torch.testing.assert_close(dist.mean, expected.mean)
    pooled = pooled_distribution(networks, x, origin)
    torch.testing.assert_close(pooled.components[2].loc, origin + 1.5)
    mean = torch.stack([each.head.linear(each.trunk(x)) for each in networks]).mean(0)
    torch.testing.assert_close(pooled.logits, mean)


def test_every_step_of_a_sequence_has_an_origin_of_its_own() -> None:
    network = DistributionNetwork(SequenceEncoder(3, 1, 4, 8, levels=2), shaken(throw_head()))
    inputs = torch.randn(2, 6, 3), torch.tensor([6, 4]), torch.randn(2, 1)
    origin = torch.arange(12.0).reshape(2, 6)
    dist = network(*inputs, origin, every_step=True)
    assert dist.batch_shape == (2, 6)
    torch.testing.assert_close(dist.components[2].loc, origin + 1.5)
    held = network(*inputs, origin[:, :1], every_step=True)
    torch.testing.assert_close(held.components[2].loc, origin[:, :1].expand(2, 6) + 1.5)


def test_half_precision_of_the_trunk_leaves_the_mixture_in_full() -> None:
    network = DistributionNetwork(ResidualMLP(3, 8, blocks=1), shaken(throw_head()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        dist = network(torch.randn(5, 3), torch.arange(5.0))
    assert dist.mean.dtype == torch.float32


def test_a_head_without_an_origin_takes_none() -> None:
    head = MixtureHead(8, [0.0, StudentTHead(8)])
    assert head(torch.zeros(2, 8)).batch_shape == (2,)
    with pytest.raises(ValueError, match=r"origin must be left out: from_origin is \[\]"):
        head(torch.zeros(2, 8), torch.zeros(2))
    with pytest.raises(ValueError, match=r"origin must be given: from_origin is \[1, 2\]"):
        throw_head()(torch.zeros(2, 8))
    with pytest.raises(ValueError, match=r"origin must have the shape of the batch, \(2,\)"):
        throw_head()(torch.zeros(2, 8), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="origin and the batch"):
        throw_head()(torch.zeros(2, 8), torch.zeros(3))


@pytest.mark.parametrize(
    ("components", "options", "message"),
    [
        ([], {}, "components must hold at least one head or atom, got none"),
        ([0.0, math.nan], {}, "the atom of component 1 must be finite, got nan"),
        ([0.0, GaussianHead(7)], {}, "the head of component 1 must take 8 features, got 7"),
        ([0.0, 1.0], {"weights": [0.5, 0.6]}, "weights must be 2 positive probabilities"),
        ([0.0, 1.0], {"weights": [1.0, 0.0]}, r"sum to 1, got \[1.0, 0.0\]"),
        ([0.0, 1.0], {"weights": [1.0]}, "weights must be 2 positive probabilities"),
        ([0.0, 1.0], {"weights": [math.nan, 1.0]}, "weights must be 2 positive probabilities"),
        ([0.0, 1.0], {"from_origin": [2]}, r"indices of the 2 components, got \[2\]"),
    ],
)
def test_bad_arguments_are_refused(components: list, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixtureHead(8, components, **options)


@pytest.mark.slow
def test_a_network_learns_weights_that_depend_on_the_input_and_bins_from_the_origin() -> None:
    source = torch.Generator().manual_seed(4)

    def draw(count: int) -> tuple[Tensor, Tensor, Tensor]:
        x = torch.rand(count, 1, generator=source)
        origin = 40 * torch.rand(count, generator=source)
        gain = origin + 3 * torch.empty(count).exponential_(generator=source)
        missed = torch.rand(count, generator=source) < 0.8 * x[:, 0]
        return x, origin, torch.where(missed, 0, gain)

    torch.manual_seed(1)
    bins = SplicedBinnedParetoHead(16, torch.linspace(0, 20, 21), scale="tied", lower_mass=0.0)
    head = MixtureHead(16, [0.0, bins], from_origin=[1])
    network = DistributionNetwork(ResidualMLP(1, 16, blocks=1), head)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(200):
        x, origin, y = draw(256)
        optimizer.zero_grad()
        exact_nll(network(x, origin), y).mean().backward()
        optimizer.step()
    with torch.no_grad():
        dist = network(torch.tensor([[0.1], [0.9]]), torch.tensor([30.0, 5.0]))
    assert dist.weights[:, 0].tolist() == pytest.approx([0.08, 0.72], abs=0.06)
    assert dist.mean.tolist() == pytest.approx([0.92 * 33, 0.28 * 8], abs=2.0)


def test_bins_follow_the_location_and_the_scale_that_a_network_learns() -> None:
    source = torch.Generator().manual_seed(4)
    torch.manual_seed(1)
    bins = SplicedBinnedParetoHead(16, torch.linspace(-3, 3, 25))
    head = AffineTransformedHead(bins, location=0.0, scale=8.0)
    network = DistributionNetwork(ResidualMLP(1, 16, blocks=1), head)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(200):
        x = torch.rand(256, 1, generator=source)
        y = 30 * x[:, 0] + (1 + 4 * x[:, 0]) * torch.randn(256, generator=source)
        optimizer.zero_grad()
        composite_nll(network(x), y).mean().backward()
        optimizer.step()
    with torch.no_grad():
        dist = network(torch.tensor([[0.1], [0.9]]))
    assert dist.loc.tolist() == pytest.approx([3, 27], abs=1.0)
    assert (dist.scale[1] / dist.scale[0]).item() == pytest.approx(4.6 / 1.4, rel=0.2)
    assert dist.median.tolist() == pytest.approx([3, 27], abs=1.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"components": ["x", 1.0]}, "component 0, where it is no head, must be a number, got 'x'"),
        ({"components": [0.0, None]}, "component 1, where it is no head, must be a number, got N"),
        ({"weights": "ab"}, "weights must be a number, got 'a'"),
        ({"weights": 0.5}, "weights must be a list, got 0.5"),
        ({"from_origin": "x"}, "from_origin must be a whole number, at least 0, got 'x'"),
    ],
)
def test_components_of_another_kind_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        MixtureHead(**{"in_features": 2, "components": [0.0, 1.0]} | arguments)


def test_what_is_no_head_cannot_be_moved() -> None:
    with pytest.raises(TypeError, match="head must be a head of distributions, got 'x'"):
        AffineTransformedHead("x")
