"""The state at a step is a function of that step and those before it, and of nothing else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from splicedpareto.nn import TemporalConvolution

F64 = torch.float64


def convolution(in_features: int = 3, channels: int = 5, **settings: float) -> TemporalConvolution:
    """A small network in float64, in eval mode."""
    network = TemporalConvolution(in_features, channels, **({"levels": 3} | settings))  # type: ignore[arg-type]
    return network.to(F64).eval()


def with_conv1d(network: TemporalConvolution, inputs: Tensor) -> Tensor:
    """The same network from torch's `conv1d` with padding on the left, as Bai et al. draw it."""
    states = inputs.transpose(1, 2)
    for block in network.blocks:
        hidden = states
        for layer in (block.first, block.second):
            kernel = layer.kernel_size
            filters = layer.weight.unflatten(1, (kernel, -1)).transpose(1, 2)
            padded = nn.functional.pad(hidden, ((kernel - 1) * block.dilation, 0))
            hidden = nn.functional.conv1d(padded, filters, layer.bias, dilation=block.dilation)
            hidden = hidden.relu()
        shortcut = block.shortcut(states.transpose(1, 2)).transpose(1, 2)
        states = (shortcut + hidden).relu()
    return states.transpose(1, 2)


@pytest.mark.parametrize("in_features", [3, 5], ids=["wider", "equal width"])
@pytest.mark.parametrize(("levels", "kernel_size"), [(1, 1), (1, 4), (3, 3), (4, 2)])
def test_states_are_those_of_conv1d(in_features: int, levels: int, kernel_size: int) -> None:
    network = convolution(in_features, levels=levels, kernel_size=kernel_size)
    inputs = torch.randn(2, 19, in_features, dtype=F64)
    torch.testing.assert_close(network(inputs), with_conv1d(network, inputs), rtol=1e-12, atol=0)


def test_filters_have_their_gain_as_norm() -> None:
    layer = convolution().blocks[0].first
    with torch.no_grad():
        layer.gain.mul_(3.0)
        layer.direction.mul_(0.2)
    torch.testing.assert_close(layer.weight.norm(dim=1, keepdim=True), layer.gain)


@pytest.mark.parametrize(("levels", "kernel_size"), [(1, 2), (2, 3), (3, 2)])
def test_receptive_field_is_what_the_gradient_reaches(levels: int, kernel_size: int) -> None:
    network = convolution(levels=levels, kernel_size=kernel_size)
    inputs = torch.randn(8, 40, 3, dtype=F64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(inputs)[:, 29].sum(), inputs)
    reached = gradient.abs().sum(dim=(0, 2)).nonzero().flatten()
    assert reached.max() == 29
    assert reached.min() == 29 - network.receptive_field + 1


def test_receptive_field_of_the_defaults_is_61_steps() -> None:
    assert TemporalConvolution(1, 1).receptive_field == 61


@given(step=st.integers(0, 11), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_states_ignore_what_comes_later(step: int, seed: int) -> None:
    network = convolution()
    inputs = torch.randn(2, 12, 3, dtype=F64, generator=torch.Generator().manual_seed(seed))
    changed = inputs.clone()
    changed[:, step + 1 :] = 1e6
    assert torch.equal(network(changed)[:, : step + 1], network(inputs)[:, : step + 1])


@given(
    lengths=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    content=st.floats(allow_nan=True, allow_infinity=True),
    more=st.integers(0, 6),
)
@settings(max_examples=40)
def test_padding_changes_nothing(lengths: list[int], content: float, more: int) -> None:
    network = convolution()
    sequences = [torch.randn(length, 3, dtype=F64) for length in lengths]
    padded = torch.full((3, max(lengths) + more, 3), content, dtype=F64)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    counts = torch.tensor(lengths)
    states, last = network(padded, counts), network.last_state(padded, counts)
    for row, sequence in enumerate(sequences):
        alone = network(sequence[None])[0]
        torch.testing.assert_close(states[row, : len(sequence)], alone, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(last[row], alone[-1], rtol=1e-12, atol=1e-14)
        assert not states[row, len(sequence) :].any()


@pytest.mark.parametrize("read", ["forward", "last_state"])
def test_gradients_of_the_weights_are_blind_to_padding(read: str) -> None:
    network = convolution()
    inputs, lengths = torch.randn(2, 8, 3, dtype=F64), torch.tensor([8, 5])
    gradients = []
    for content in (0.0, math.nan):
        inputs[1, 5:] = content
        network.zero_grad()
        getattr(network, read)(inputs, lengths).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("steps", [1, 2, 7, 29, 30, 64])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_last_state_is_that_of_the_whole_network(steps: int, kernel_size: int) -> None:
    network = convolution(kernel_size=kernel_size)
    inputs = torch.randn(3, steps, 3, dtype=F64)
    torch.testing.assert_close(network.last_state(inputs), network(inputs)[:, -1])
    lengths = torch.tensor([steps, max(1, steps // 2), 1])
    at_the_end = network(inputs, lengths)[torch.arange(3), lengths - 1]
    torch.testing.assert_close(network.last_state(inputs, lengths), at_the_end)


def test_dropout_drops_whole_channels_in_training_alone() -> None:
    block = convolution(dropout=0.5, levels=1).blocks[0]
    inputs = torch.randn(50, 9, 3, dtype=F64)
    kept = block.train()._kept(inputs)
    assert kept.shape == (50, 1, 5)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(block.first(inputs, kept), block.first(inputs, None) * kept)
    assert block.eval()._kept(inputs) is None


def test_autocast_multiplies_in_bfloat16_and_leaves_float64_alone() -> None:
    network = TemporalConvolution(3, 5).eval()
    inputs, lengths = torch.randn(4, 9, 3), torch.tensor([9, 9, 4, 1])
    with torch.autocast("cpu", torch.bfloat16):
        states, last = network(inputs, lengths), network.last_state(inputs, lengths)
        double = network.double()(inputs.double(), lengths)
    assert states.dtype == last.dtype == torch.bfloat16
    assert double.dtype == F64
    # bfloat16 keeps 8 binary digits; nine layers lose some.
    torch.testing.assert_close(states.double(), double, rtol=0.05, atol=0.02)
    torch.testing.assert_close(last, states[torch.arange(4), lengths - 1], rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    "sizes", [{"in_features": 0}, {"channels": 0}, {"levels": 0}, {"kernel_size": 0}]
)
def test_sizes_below_one_are_refused(sizes: dict[str, int]) -> None:
    name = next(iter(sizes))
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        TemporalConvolution(**({"in_features": 2, "channels": 2} | sizes))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, math.nan])
def test_dropout_outside_the_unit_interval_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
        TemporalConvolution(2, 2, dropout=dropout)


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 5), (2, 0, 3)], ids=str)
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"inputs must have shape \(B, T, 3\) with T at least 1"):
        convolution().last_state(torch.zeros(shape, dtype=F64))


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([4], r"lengths must have shape \(2,\)"),
        ([4, 0], r"lengths must be in \[1, 4\], got 0 \(1 of 2"),
        ([5, 4], r"lengths must be in \[1, 4\], got 5"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convolution().last_state(torch.zeros(2, 4, 3, dtype=F64), torch.tensor(lengths))


def test_network_exports_with_any_batch_and_steps() -> None:
    network = convolution()
    example = (torch.randn(2, 12, 3, dtype=F64), torch.tensor([12, 5]))
    batch, steps = torch.export.Dim("batch"), torch.export.Dim("steps", min=2)
    shapes = ({0: batch, 1: steps}, {0: batch})
    program = torch.export.export(network, example, dynamic_shapes=shapes)
    inputs, lengths = torch.randn(3, 20, 3, dtype=F64), torch.tensor([1, 20, 7])
    torch.testing.assert_close(program.module()(inputs, lengths), network(inputs, lengths))
