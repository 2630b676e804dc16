"""A state reads the sequence up to its step, its static features, and no number that is missing."""

import math
from typing import Any

import pytest
import torch

from splicedpareto.nn import (
    DistributionNetwork,
    GaussianHead,
    ResidualMLP,
    SequenceEncoder,
    Standardize,
    pooled_distribution,
)

F64 = torch.float64


def encoder(static: int = 2, pooling: str = "last") -> SequenceEncoder:
    network = SequenceEncoder(3, static, 5, 7, levels=2, pooling=pooling)  # type: ignore[arg-type]
    return network.to(F64).eval()


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_encoder_reads_what_it_names(pooling: str) -> None:
    network = encoder(pooling=pooling)
    sequences, static = torch.randn(2, 6, 3, dtype=F64), torch.randn(2, 2, dtype=F64)
    lengths = torch.tensor([6, 4])
    whole = [network.convolution(s[None, :n])[0] for s, n in zip(sequences, lengths, strict=True)]
    read = torch.stack([states[-1] if pooling == "last" else states.mean(0) for states in whole])
    expected = network.mlp(torch.cat([read, static], dim=1))
    torch.testing.assert_close(network(sequences, lengths, static), expected)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_shortcut_shows_the_last_step_itself(pooling: str) -> None:
    network = SequenceEncoder(3, 2, 5, 7, levels=2, pooling=pooling, shortcut=True)  # type: ignore[arg-type]
    network = network.to(F64).eval()
    sequences, static = torch.randn(2, 6, 3, dtype=F64), torch.randn(2, 2, dtype=F64)
    sequences[1, 2, 0] = torch.nan
    lengths = torch.tensor([6, 3])
    network.fit_standardization(sequences, lengths)
    steps = network.standardize.filled(sequences)
    whole = [network.convolution(s[None, :n])[0] for s, n in zip(steps, lengths, strict=True)]
    read = torch.stack([states[-1] if pooling == "last" else states.mean(0) for states in whole])
    last = torch.stack([steps[0, 5], steps[1, 2]])
    expected = network.mlp(torch.cat([read, last, static], dim=1))
    torch.testing.assert_close(network(sequences, lengths, static), expected)
    every = network.states(sequences, lengths, static)
    torch.testing.assert_close(every[[0, 1], lengths - 1], expected)


def test_flags_keep_their_zeros_and_rare_ones_are_bounded() -> None:
    network = encoder(static=2)
    rare = torch.zeros(50, 4, 3, dtype=F64)
    rare[3, 1, 0] = 1
    rare[:, :, 1] = torch.randn(50, 4, dtype=F64) * 3
    static = torch.tensor([[0.0, 5.0], [1.0, 7.0]], dtype=F64).repeat(25, 1)
    network.fit_standardization(rare, torch.full((50,), 4), static)
    assert network.standardize.mean[0] == 0
    # One in 200 would be 14 deviations; ones of the static flag, half of all, are 2.
    assert network.standardize.scale[0] == pytest.approx(0.1)
    assert network.standardize_static.scale.tolist() == pytest.approx([0.5, 1])
    assert network.standardize.scale[1] == pytest.approx(3, rel=0.2)
    assert network.standardize.scale[2] == 1  # a flag that nobody has
    assert network.standardize_static.mean.tolist() == [0, 6]
    plain = Standardize(2).to(F64)
    plain.fit(static)
    assert plain.mean.tolist() == [0.5, 6]


def test_encoder_standardizes_by_the_steps_alone() -> None:
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
    distribution = network(torch.randn(4, 9, 3, dtype=F64), torch.tensor([9, 2, 5, 1]))
    assert distribution.batch_shape == (4,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "max"}, "pooling must be 'last' or 'mean', got 'max'"),
        ({"static": -1}, "static_features must be at least 0, got -1"),
    ],
)
def test_encoders_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder(**settings)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_state_at_a_step_is_that_of_the_sequence_up_to_there(pooling: str) -> None:
    network = encoder(pooling=pooling)
    sequences, static = torch.randn(3, 6, 3, dtype=F64), torch.randn(3, 2, dtype=F64)
    lengths = torch.tensor([6, 4, 1])
    states = network.states(sequences, lengths, static)
    for row, length in enumerate(lengths.tolist()):
        for step in range(length):
            prefix = sequences[row, None, : step + 1], torch.tensor([step + 1]), static[row, None]
            torch.testing.assert_close(states[row, step], network(*prefix)[0])
        assert not states[row, length:].any()
    last = states[torch.arange(3), lengths - 1]
    torch.testing.assert_close(last, network(sequences, lengths, static))


def test_missing_numbers_count_as_the_mean_of_those_present() -> None:
    network = encoder()
    sequences, static = 3 + torch.randn(5, 6, 3, dtype=F64), 2 + torch.randn(5, 2, dtype=F64)
    lengths = torch.tensor([6, 4, 1, 6, 6])
    sequences[1, 2, 0] = sequences[3, :, 1] = static[2, 1] = math.nan
    network.fit_standardization(sequences, lengths, static)
    steps = torch.cat([s[:n] for s, n in zip(sequences, lengths, strict=True)])
    torch.testing.assert_close(network.standardize.mean, steps.nanmean(0))
    filled = torch.where(sequences.isnan(), steps.nanmean(0), sequences)
    filled_static = torch.where(static.isnan(), static.nanmean(0), static)
    torch.testing.assert_close(
        network(sequences, lengths, static), network(filled, lengths, filled_static)
    )


def test_standardization_of_present_numbers_is_weighted() -> None:
    standardize = Standardize(2).to(F64)
    inputs = torch.tensor([[1.0, 5.0], [3.0, math.nan], [math.nan, 9.0]], dtype=F64)
    standardize.fit(inputs, torch.tensor([1.0, 3.0, 1.0], dtype=F64))
    torch.testing.assert_close(standardize.mean, torch.tensor([2.5, 7.0], dtype=F64))
    torch.testing.assert_close(standardize.scale, torch.tensor([0.75**0.5, 2.0], dtype=F64))


def test_column_of_nothing_present_is_left_as_it_is() -> None:
    standardize = Standardize(1)
    standardize.fit(torch.full((4, 1), math.nan))
    assert (standardize.mean.item(), standardize.scale.item()) == (0, 1)
    assert standardize.filled(torch.tensor([[math.nan]])).item() == 0


def test_infinity_is_not_taken_for_missing() -> None:
    assert Standardize(1).filled(torch.tensor([[math.inf]])).item() == math.inf


@pytest.mark.parametrize("read", ["forward", "states"])
def test_gradients_of_the_encoder_are_finite_whatever_is_missing_or_padding(read: str) -> None:
    network = encoder()
    sequences, static = torch.randn(2, 5, 3, dtype=F64), torch.randn(2, 2, dtype=F64)
    sequences[0, 1] = static[0, 0] = math.nan
    sequences[1, 3:] = math.inf
    getattr(network, read)(sequences, torch.tensor([5, 3]), static).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_distribution_at_every_step_is_the_head_of_the_states() -> None:
    network = DistributionNetwork(encoder(), GaussianHead(7).to(F64))
    with torch.no_grad():
        network.head.linear.weight.normal_()
    inputs = (torch.randn(2, 6, 3, dtype=F64), torch.tensor([6, 4]), torch.zeros(2, 2, dtype=F64))
    distribution = network(*inputs, every_step=True)
    assert distribution.batch_shape == (2, 6)
    last = network(*inputs)
    torch.testing.assert_close(distribution.mean[torch.arange(2), inputs[1] - 1], last.mean)
    pooled = pooled_distribution([network, network], *inputs, every_step=True)
    torch.testing.assert_close(pooled.stddev, distribution.stddev)


def test_every_step_needs_a_trunk_with_states() -> None:
    network = DistributionNetwork(ResidualMLP(1, 4), GaussianHead(4))
    with pytest.raises(TypeError, match=r"a trunk with a method `states`.* got ResidualMLP"):
        network(torch.zeros(2, 1), every_step=True)


def test_autocast_leaves_head_and_distribution_in_the_type_of_the_head() -> None:
    network = DistributionNetwork(encoder(static=0).float(), GaussianHead(7))
    seen: list[torch.dtype] = []
    network.trunk.register_forward_hook(lambda _m, _a, state: seen.append(state.dtype))
    network.trunk.mlp.lift.register_forward_hook(lambda _m, _a, state: seen.append(state.dtype))
    inputs = torch.randn(2, 6, 3), torch.tensor([6, 4])
    with torch.autocast("cpu", torch.bfloat16):
        distribution = network(*inputs)
        assert network.raw_parameters(*inputs).dtype == torch.float32
    assert torch.bfloat16 in seen
    assert distribution.mean.dtype == torch.float32
    assert network.double()(inputs[0].double(), inputs[1]).mean.dtype == F64
