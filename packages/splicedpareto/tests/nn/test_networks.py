"""Networks give the distributions that their parameters state, from the first step on."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from splicedpareto.distributions import Gaussian, SplicedBinnedPareto
from splicedpareto.nn import (
    AffineTransformedHead,
    DistributionHead,
    DistributionNetwork,
    GaussianHead,
    MixtureHead,
    MovingBinsHead,
    ResidualMLP,
    SplicedBinnedParetoHead,
    Standardize,
    TemporalConvolution,
    pooled_distribution,
)

EDGES = torch.arange(-5.5, 6.0)


def network(seed: int = 0, *, dropout: float = 0.0, head: str = "sbp") -> DistributionNetwork:
    """A network of three inputs whose head is not at its initial zeros."""
    torch.manual_seed(seed)
    last: DistributionHead = (
        SplicedBinnedParetoHead(8, EDGES) if head == "sbp" else GaussianHead(8, scale=3.0)
    )
    nn.init.normal_(last.linear.weight, std=0.5)
    return DistributionNetwork(ResidualMLP(3, 8, blocks=1, dropout=dropout), last)


def test_initial_distribution_has_uniform_bins_and_concentration_one_tenth() -> None:
    distribution = SplicedBinnedParetoHead(8, EDGES)(torch.randn(4, 8))
    assert isinstance(distribution, SplicedBinnedPareto)
    torch.testing.assert_close(distribution.logits.softmax(-1), torch.full((4, 11), 1 / 11))
    for value in (distribution.lower_concentration, distribution.upper_concentration):
        torch.testing.assert_close(value, torch.full((4,), 0.1))


def test_initial_density_is_equal_over_bins_of_unequal_width() -> None:
    distribution = SplicedBinnedParetoHead(2, torch.tensor([0.0, 1.0, 3.0, 10.0]))(torch.zeros(2))
    torch.testing.assert_close(distribution.logits.softmax(-1), torch.tensor([0.1, 0.2, 0.7]))


def test_initial_scale_is_where_the_density_is_continuous() -> None:
    # Uniform bins over 11 with 5 % tails: both densities at a splice are 1 / 11 at scale 0.55.
    distribution = SplicedBinnedParetoHead(8, EDGES)(torch.zeros(8))
    assert distribution.upper_scale.item() == pytest.approx(0.05 * 11, rel=2e-3)
    assert distribution.lower_scale.item() == pytest.approx(0.05 * 11, rel=2e-3)


@pytest.mark.parametrize(
    ("allowed", "initial"), [((0.2, 0.9), 0.2 + 0.02 * 0.7), ((-0.5, 0.0), -0.5 + 0.98 * 0.5)]
)
def test_initial_concentration_is_the_nearest_allowed(
    allowed: tuple[float, float], initial: float
) -> None:
    distribution = SplicedBinnedParetoHead(4, EDGES, concentration_range=allowed)(torch.zeros(4))
    assert distribution.upper_concentration.item() == pytest.approx(initial, abs=1e-6)


def test_initial_gaussian_has_the_given_location_and_scale() -> None:
    distribution = GaussianHead(4, location=7.0, scale=11.0)(torch.randn(5, 4))
    assert isinstance(distribution, Gaussian)
    torch.testing.assert_close(distribution.loc, torch.full((5,), 7.0))
    torch.testing.assert_close(distribution.scale, torch.full((5,), 11.0 * 1.001))


def test_gaussian_links_are_those_stated() -> None:
    distribution = GaussianHead(2, location=1.0, scale=4.0).distribution(torch.tensor([0.5, -2.0]))
    assert distribution.loc.item() == pytest.approx(3.0)
    assert distribution.scale.item() == pytest.approx(
        4 * (math.log1p(math.exp(-2.0)) + 1e-3), rel=1e-6
    )


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=15, max_size=15))
def test_parameters_stay_in_their_ranges_whatever_the_raw_ones(raw: list[float]) -> None:
    head = SplicedBinnedParetoHead(2, EDGES, concentration_range=(-0.3, 0.7))
    distribution = head.distribution(torch.tensor(raw))
    for value in (distribution.lower_concentration, distribution.upper_concentration):
        # Sigmoid rounds to the ends in float32.
        assert -0.3 - 1e-6 <= value.item() <= 0.7 + 1e-6
    assert distribution.lower_scale.item() > 0
    assert distribution.upper_scale.item() > 0
    assert math.isfinite(distribution.upper_scale.item())


def test_first_concentration_and_scale_belong_to_the_lower_tail() -> None:
    head = SplicedBinnedParetoHead(2, EDGES, lower_mass=0.02, upper_mass=0.1)
    raw = torch.zeros(15)
    raw[11], raw[13] = 2.0, 3.0
    distribution = head.distribution(raw)
    assert distribution.lower_concentration > distribution.upper_concentration
    assert distribution.lower_scale.item() == pytest.approx(
        0.02 * 11 * (math.log1p(math.exp(3.0)) + 1e-3), rel=1e-6
    )
    assert distribution.upper_scale.item() == pytest.approx(
        0.1 * 11 * (math.log(2) + 1e-3), rel=1e-6
    )


def test_tied_scale_needs_no_raw_parameter_and_makes_the_density_continuous() -> None:
    head = SplicedBinnedParetoHead(2, EDGES, scale="tied")
    assert head.linear.out_features == 11 + 2
    distribution = head(torch.zeros(2))
    at = distribution.upper_threshold
    below, above = distribution.log_prob(at - 1e-4), distribution.log_prob(at + 1e-4)
    assert below.item() == pytest.approx(above.item(), abs=1e-2)


def test_tails_of_mass_zero_leave_the_bins_alone() -> None:
    distribution = SplicedBinnedParetoHead(2, EDGES, lower_mass=0.0, upper_mass=0.0)(torch.zeros(2))
    assert distribution.cdf(torch.tensor(-5.5)).item() == 0
    assert distribution.cdf(torch.tensor(5.5)).item() == pytest.approx(1)


@pytest.mark.parametrize("allowed", [(0.5, 0.5), (0.9, 0.0), (0.0, math.nan)])
def test_empty_concentration_range_is_refused(allowed: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="concentration_range must be"):
        SplicedBinnedParetoHead(2, EDGES, concentration_range=allowed)


@pytest.mark.parametrize(
    "head",
    [
        SplicedBinnedParetoHead(8, EDGES),
        GaussianHead(8),
        MovingBinsHead(SplicedBinnedParetoHead(8, EDGES)),
        AffineTransformedHead(SplicedBinnedParetoHead(8, EDGES)),
        MixtureHead(8, [0.0, GaussianHead(8)]),
    ],
    ids=lambda head: type(head).__name__,
)
def test_states_of_another_width_or_type_are_refused(head: DistributionHead) -> None:
    with pytest.raises(ValueError, match=r"state must have shape .*, 8\), .* shape \(2, 7\)"):
        head(torch.zeros(2, 7))
    with pytest.raises(ValueError, match=r"state must have shape \(\*B, 8\), .* got shape \(\)"):
        head(torch.tensor(1.0))
    with pytest.raises(TypeError, match=r"state must be torch.float32, .* got torch.float64"):
        head(torch.zeros(2, 8, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"state must have shape \(\*B, 8\)"):
        DistributionNetwork(ResidualMLP(3, 9), head)(torch.zeros(2, 3))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_gaussian_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="scale must be positive and finite, got"):
        GaussianHead(2, scale=scale)


@pytest.mark.parametrize(
    "sizes", [{"features": 0}, {"width": 0}, {"blocks": -1}], ids=lambda sizes: next(iter(sizes))
)
def test_sizes_below_their_least_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        ResidualMLP(**{"features": 2, "width": 2, "blocks": 1} | sizes)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, math.nan])
def test_dropout_outside_the_unit_interval_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
        ResidualMLP(2, 2, dropout=dropout)


def test_standardization_is_numpys() -> None:
    inputs = torch.randn(500, 3) * torch.tensor([1.0, 50.0, 1e-2]) + torch.tensor([0.0, 1e4, 3.0])
    layer = Standardize(3)
    layer.fit(inputs)
    array = inputs.double().numpy()
    expected = (array - array.mean(axis=0)) / array.std(axis=0)
    # Shifting 1e4 in float32 leaves 1e-3 of 50.
    np.testing.assert_allclose(layer(inputs).numpy(), expected, atol=1e-4)


def test_standardization_survives_a_large_mean_over_many_rows() -> None:
    inputs = 4096 + torch.randn(60_000, 1)
    layer = Standardize(1)
    layer.fit(inputs)
    assert layer.scale.item() == pytest.approx(inputs.double().std(correction=0).item(), rel=1e-6)


def test_column_without_variation_is_shifted_only() -> None:
    inputs = torch.tensor([[3.0, 1.0], [3.0, 2.0]])
    layer = Standardize(2)
    layer.fit(inputs)
    torch.testing.assert_close(layer(torch.tensor([[3.0, 1.5]])), torch.zeros(1, 2))
    assert layer(torch.tensor([[5.0, 1.5]]))[0, 0].item() == 2


def test_standardization_travels_with_the_weights_and_is_not_trained() -> None:
    layer = Standardize(2)
    layer.fit(torch.tensor([[3.0, 1.0], [3.0, 2.0]]))
    assert set(layer.state_dict()) == {"mean", "scale"}
    assert not list(layer.parameters())


def test_residual_block_is_added_to_its_input() -> None:
    trunk = ResidualMLP(3, 4, blocks=1)
    inputs = torch.randn(6, 3)
    state = nn.functional.silu(trunk.lift(inputs))
    norm, linear = trunk.blocks[0][0], trunk.blocks[0][1]
    centered = state - state.mean(-1, keepdim=True)
    normal = centered / (state.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
    inner = linear(normal)
    torch.testing.assert_close(trunk(inputs), state + inner * torch.sigmoid(inner))


@pytest.mark.parametrize("batch", [(), (7,), (2, 3)])
def test_distribution_has_the_batch_shape_of_the_inputs(batch: tuple[int, ...]) -> None:
    assert network()(torch.randn(*batch, 3)).batch_shape == batch


def test_dropout_acts_in_training_alone() -> None:
    net, inputs = network(dropout=0.5), torch.randn(5, 3)
    assert not torch.equal(net.raw_parameters(inputs), net.raw_parameters(inputs))
    net.eval()
    assert torch.equal(net.raw_parameters(inputs), net.raw_parameters(inputs))


@pytest.mark.parametrize("head", ["sbp", "gaussian"])
def test_gradients_are_finite_far_from_the_training_inputs(head: str) -> None:
    net = network(head=head)
    distribution = net(torch.tensor([[0.0, 0.0, 0.0], [1e3, -1e3, 1e3], [-1e4, 0.0, 1e4]]))
    targets = torch.tensor([-40.0, 0.0, 40.0])
    (-distribution.log_prob_interval(targets - 0.5, targets + 0.5)).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("head", ["sbp", "gaussian"])
def test_pool_of_equal_networks_is_one_of_them(head: str) -> None:
    inputs, at = torch.randn(4, 3), torch.linspace(-20, 20, 9)[:, None]
    net = network(head=head)
    pooled = pooled_distribution([net, network(head=head), net], inputs)
    torch.testing.assert_close(pooled.cdf(at), net(inputs).cdf(at))


def test_pool_of_bins_is_the_normalized_geometric_mean() -> None:
    members, inputs = [network(1), network(2), network(3)], torch.randn(5, 3)

    def probabilities(distribution: SplicedBinnedPareto) -> np.ndarray:
        return distribution.logits.detach().double().softmax(-1).numpy()

    product = np.prod([probabilities(member(inputs)) for member in members], axis=0) ** (1 / 3)
    expected = product / product.sum(axis=-1, keepdims=True)
    pooled = probabilities(pooled_distribution(members, inputs))
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


def test_pool_ignores_the_order_of_its_networks() -> None:
    members, inputs = [network(1), network(2)], torch.randn(5, 3)
    at: Tensor = torch.tensor(1.0)
    one, other = (pooled_distribution(order, inputs) for order in (members, members[::-1]))
    torch.testing.assert_close(one.cdf(at), other.cdf(at))


def test_pool_of_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one network, got none"):
        pooled_distribution([], torch.zeros(1, 3))
    for wrong in (["a"], "a", network(1), 3):
        with pytest.raises(TypeError, match="networks must "):
            pooled_distribution(wrong, torch.zeros(1, 3))
    wider = DistributionNetwork(ResidualMLP(3, 8), GaussianHead(8))
    with pytest.raises(ValueError, match=r"networks must have heads of one kind, got .*\(1, 2\)"):
        pooled_distribution([network(1), wider], torch.zeros(1, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int64])
def test_inputs_of_any_real_type_are_read_in_that_of_the_weights(dtype: torch.dtype) -> None:
    inputs = torch.arange(12).reshape(4, 3)
    net, convolution = network(1), TemporalConvolution(3, 4, levels=1).eval()
    expected, at = net(inputs.float()), torch.tensor(1.0)
    found = net(inputs.to(dtype))
    torch.testing.assert_close(found.cdf(at), expected.cdf(at))
    steps = inputs.reshape(1, 4, 3)
    torch.testing.assert_close(convolution(steps.to(dtype)), convolution(steps.float()))
    for layer in (net, ResidualMLP(3, 4), lambda wrong: convolution(wrong[None])):
        with pytest.raises(TypeError, match=r"must hold real numbers, got torch\.bool"):
            layer(inputs > 3)


def test_large_inputs_are_rounded_once_they_are_standardized() -> None:
    layer = Standardize(1)
    years = 1e9 + torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    layer.mean.fill_(1e9)
    torch.testing.assert_close(layer(years), torch.tensor([[0.0], [1.0], [2.0]]))


def test_standardization_leaves_its_inputs_alone() -> None:
    inputs = torch.randn(5, 2, dtype=torch.float64)
    before = inputs.clone()
    Standardize(2).fit(inputs)
    assert torch.equal(inputs, before)


def test_distribution_started_from_data_has_their_histogram() -> None:
    head = SplicedBinnedParetoHead(2, torch.tensor([0.0, 1.0, 2.0, 4.0]))
    # One value below the edges, one above, none in the second bin; the last counts three times.
    values, weight = torch.tensor([-9.0, 0.5, 3.0, 50.0]), torch.tensor([1.0, 1.0, 1.0, 3.0])
    head.start_from_data(values, weight=weight)
    distribution = head(torch.zeros(2))
    expected = 0.99 * torch.tensor([2 / 6, 0, 4 / 6]) + 0.01 / 3
    torch.testing.assert_close(distribution.logits.softmax(-1), expected)
    head.start_from_data(values)
    even = head(torch.zeros(2))
    assert even.logits.softmax(-1)[0].item() == pytest.approx(0.99 / 2 + 0.01 / 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"robust": "no"}, "robust must be True or False, got 'no'"),
        ({"blocks": "x"}, "blocks must be a whole number, at least 0, got 'x'"),
        ({"width": 1.5}, "width must be a whole number, at least 1, got 1.5"),
        ({"width": 10**30}, "width must be at most 2147483647, got 10"),
    ],
)
def test_settings_of_another_kind_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        ResidualMLP(**{"features": 2, "width": 4} | arguments)
