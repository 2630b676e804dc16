"""The state at a step is a function of that step and those before it, and of nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from splicedpareto.networks import (
    DistributionNetwork,
    GaussianHead,
    SequenceEncoder,
    TemporalConvolution,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

F64 = torch.float64


@pytest.fixture(autouse=True)
def _keep_random_state() -> Iterator[None]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        yield


def convolution(in_features: int = 3, channels: int = 5, **settings: float) -> TemporalConvolution:
    """A small network in float64, in eval mode."""
    network = TemporalConvolution(in_features, channels, **({"levels": 3} | settings))  # type: ignore[arg-type]
    return network.to(F64).eval()


def encoder(static: int = 2, pooling: str = "last") -> SequenceEncoder:
    network = SequenceEncoder(3, static, 5, 7, levels=2, pooling=pooling)  # type: ignore[arg-type]
    return network.to(F64).eval()


def with_conv1d(network: TemporalConvolution, inputs: Tensor) -> Tensor:
    """The same network from `torch.nn.Conv1d` with padding on the left, as Bai et al. draw it."""
    states = inputs.transpose(1, 2)
    for block in network.blocks:
        hidden = states
        for layer in (block.first, block.second):
            kernel = layer.kernel_size
            conv = nn.Conv1d(hidden.shape[1], network.channels, kernel, dilation=block.dilation)
            filters = layer.weight.unflatten(1, (kernel, -1)).transpose(1, 2)
            conv.weight, conv.bias = nn.Parameter(filters), layer.bias
            padding = (kernel - 1) * block.dilation
            hidden = conv(nn.functional.pad(hidden, (padding, 0))).relu()
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
    network = convolution(dropout=0.5, levels=1)
    block = network.blocks[0].train()
    kept = block._activate(torch.ones(50, 9, 5, dtype=F64))
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(block.eval()._activate(kept), kept)


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


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_encoder_reads_what_it_names(pooling: str) -> None:
    network = encoder(pooling=pooling)
    sequences, static = torch.randn(2, 6, 3, dtype=F64), torch.randn(2, 2, dtype=F64)
    lengths = torch.tensor([6, 4])
    whole = [network.convolution(s[None, :n])[0] for s, n in zip(sequences, lengths, strict=True)]
    read = torch.stack([states[-1] if pooling == "last" else states.mean(0) for states in whole])
    expected = network.mlp(torch.cat([read, static], dim=1))
    torch.testing.assert_close(network(sequences, lengths, static), expected)


def test_encoder_standardises_by_the_steps_alone() -> None:
    network = encoder(static=1)
    sequences, lengths = torch.randn(4, 9, 3, dtype=F64), torch.tensor([9, 2, 5, 1])
    steps = torch.cat([s[:n] for s, n in zip(sequences, lengths, strict=True)])
    for row, length in zip(sequences, lengths, strict=True):
        row[length:] = 1e9
    static = torch.tensor([[1.0], [2.0], [4.0], [8.0]], dtype=F64)
    network.fit_standardization(sequences, lengths, static)
    torch.testing.assert_close(network.standardize.mean, steps.mean(0))
    torch.testing.assert_close(network.standardize.scale, steps.std(0, correction=0))
    torch.testing.assert_close(network.standardize_static.mean, static.mean(0))


def test_encoder_without_static_features_is_a_trunk() -> None:
    network = DistributionNetwork(encoder(static=0), GaussianHead(7).to(F64))
    law = network(torch.randn(4, 9, 3, dtype=F64), torch.tensor([9, 2, 5, 1]))
    assert law.batch_shape == (4,)


def test_encoder_refuses_another_pooling() -> None:
    with pytest.raises(ValueError, match="pooling must be 'last' or 'mean', got 'max'"):
        encoder(pooling="max")


def test_encoder_refuses_a_negative_number_of_static_features() -> None:
    with pytest.raises(ValueError, match="static_features must be at least 0, got -1"):
        encoder(static=-1)


def test_network_exports_with_any_batch_and_steps() -> None:
    network = convolution()
    example = (torch.randn(2, 12, 3, dtype=F64), torch.tensor([12, 5]))
    batch, steps = torch.export.Dim("batch"), torch.export.Dim("steps", min=2)
    shapes = ({0: batch, 1: steps}, {0: batch})
    program = torch.export.export(network, example, dynamic_shapes=shapes)
    inputs, lengths = torch.randn(3, 20, 3, dtype=F64), torch.tensor([1, 20, 7])
    torch.testing.assert_close(program.module()(inputs, lengths), network(inputs, lengths))
