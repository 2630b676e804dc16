"""Streams and distributions as machine code, beside the modules and the distribution in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from splicedpareto.nn import (
    CompiledStreams,
    DistributionNetwork,
    GridDistribution,
    ItemSettings,
    SequenceEncoder,
    SequenceStream,
    SplicedBinnedParetoHead,
    pooled_distribution,
)

ITEMS = ItemSettings(items=4, features=3, groups=(3, 1), marker=2, anchors=(3,), width=6)
EDGES = torch.tensor([-4.0, -1.0, 0.0, 0.5, 2.0, 7.0])
POINTS = torch.tensor([-30.0, -4.0, -2.0, -1.0, 0.1, 0.6, 2.0, 6.9, 7.0, 7.5, 400.0])


def networks(count: int = 1, *, head: dict | None = None, **settings) -> list[DistributionNetwork]:
    """Networks of random weights that read steps of 14 columns and 2 static ones."""
    torch.manual_seed(11)
    made = []
    for _ in range(count):
        defaults = {"levels": 3, "shortcut": True, "channels": 6, "width": 5}
        encoder = SequenceEncoder(14, 2, **(defaults | settings))
        for standardize in (encoder.standardize, encoder.mlp.standardize):
            standardize.mean.normal_()
            standardize.scale.uniform_(0.5, 2)
        if encoder.items is not None:
            encoder.items.standardize.scale.uniform_(0.5, 2)
        for block in encoder.mlp.blocks:
            nn.init.normal_(block[0].weight)
            nn.init.normal_(block[0].bias)
        spliced = SplicedBinnedParetoHead(
            5, EDGES, **({"lower_mass": 0.1, "upper_mass": 0.2} | (head or {}))
        )
        nn.init.normal_(spliced.linear.weight)
        made.append(DistributionNetwork(encoder, spliced).eval())
    return made


def compiled(pool: list[DistributionNetwork]) -> CompiledStreams:
    streams = [SequenceStream(network.trunk) for network in pool]
    distribution = GridDistribution(pool[0].head, POINTS)
    return CompiledStreams(streams, [network.head.linear for network in pool], distribution)


def sequences(steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three sequences that end together, the second and third later begun; and static columns."""
    source = np.random.default_rng(seed)
    made = source.normal(size=(3, steps, 14)).astype(np.float32)
    made[..., 2:12:3] = source.random((3, steps, 4)) < 0.2  # the marker of the items
    made[source.random(made.shape) < 0.1] = np.nan
    lengths = np.maximum(np.array([steps, steps - 3, 1]), 1)
    static = source.normal(size=(3, 2)).astype(np.float32)
    static[1, 0] = np.nan
    return made, lengths, static


def expected(
    pool: list[DistributionNetwork], made: np.ndarray, lengths: np.ndarray, static: np.ndarray
) -> tuple[np.ndarray, ...]:
    """CDF and thresholds by the path of training."""
    steps = made.shape[1]
    moved = np.zeros_like(made)
    for row, length in enumerate(lengths):
        moved[row, :length] = made[row, steps - length :]
    with torch.inference_mode():
        distribution = pooled_distribution(
            pool, torch.from_numpy(moved), torch.from_numpy(lengths), torch.from_numpy(static)
        )
        lower, upper = distribution.lower_threshold, distribution.upper_threshold
        return distribution.cdf(POINTS[:, None]).T.numpy(), lower.numpy(), upper.numpy()


def assert_same(found: tuple[np.ndarray, ...], known: tuple[np.ndarray, ...]) -> None:
    for ours, theirs in zip(found, known, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 17, 40])
@pytest.mark.parametrize("items", [None, ITEMS], ids=["flat", "items"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_whole_sequences_have_the_distributions_of_training(kernel_size, items, steps) -> None:
    pool = networks(kernel_size=kernel_size, items=items)
    made = sequences(steps)
    assert_same(compiled(pool).last(*made), expected(pool, *made))


@pytest.mark.parametrize("items", [None, ITEMS], ids=["flat", "items"])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("count", [1, 3])
def test_every_step_has_the_distribution_of_the_sequence_up_to_it(
    count, kernel_size, items
) -> None:
    pool = networks(count, kernel_size=kernel_size, items=items)
    machine, (made, _, static) = compiled(pool), sequences(20)
    history = np.zeros((3, sum(SequenceStream(n.trunk).history_size for n in pool)), np.float32)
    for step in range(20):
        before = history.copy()
        distribution, after = machine.step(np.ascontiguousarray(made[:, step]), history, static)
        np.testing.assert_array_equal(history, before)
        history = after
        lengths = np.full(3, step + 1)
        assert_same(distribution, expected(pool, made[:, : step + 1], lengths, static))


def test_the_history_is_that_of_the_stream_in_torch() -> None:
    pool = networks(2)
    machine, (made, _, static) = compiled(pool), sequences(6)
    streams = [SequenceStream(network.trunk) for network in pool]
    theirs = [stream.begin(3) for stream in streams]
    history = torch.cat(theirs, dim=-1).numpy()
    for step in range(6):
        columns = np.ascontiguousarray(made[:, step])
        _, history = machine.step(columns, history, static)
        theirs = [
            stream(torch.from_numpy(columns), of_one, torch.from_numpy(static))[1]
            for stream, of_one in zip(streams, theirs, strict=True)
        ]
    np.testing.assert_allclose(history, torch.cat(theirs, dim=-1).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": 14},  # as many channels as columns: the first shortcut is the identity
        {"levels": 1},
        {"blocks": 0},
        {"blocks": 3},
        {"shortcut": False},
        {"items": ItemSettings(4, 3, groups=(4,), marker=None, anchors=(), width=3)},
        {"items": ItemSettings(4, 3, groups=(2, 2), marker=1, anchors=(0, 2), width=3)},
    ],
    ids=str,
)
def test_networks_of_any_build_are_read(settings) -> None:
    pool = networks(**settings)
    made = sequences(9)
    assert_same(compiled(pool).last(*made), expected(pool, *made))


@pytest.mark.parametrize(
    "head",
    [
        {"scale": "tied"},
        {"lower_mass": 0.0},
        {"upper_mass": 0.0},
        {"concentration_range": (-0.8, -0.1)},
        {"concentration_range": (-1e-7, 1e-7)},
        {"lower_mass": 0.45, "upper_mass": 0.5},
    ],
    ids=str,
)
def test_distributions_of_any_head_are_evaluated(head) -> None:
    pool = networks(2, head=head)
    made = sequences(9)
    assert_same(compiled(pool).last(*made), expected(pool, *made))


def test_nothing_is_left_of_a_bin_that_is_nearly_certain() -> None:
    pool = networks()
    with torch.no_grad():
        pool[0].head.linear.bias[:5] = torch.tensor([-200.0, -200.0, 90.0, -200.0, -200.0])
    made = sequences(4)
    assert_same(compiled(pool).last(*made), expected(pool, *made))


def test_thresholds_never_cross() -> None:
    # Almost all mass is in the tails: only rounding tells one threshold from the other.
    pool = networks(head={"lower_mass": 0.4999999, "upper_mass": 0.4999999})
    with torch.no_grad():
        pool[0].head.linear.weight *= 6
    machine = compiled(pool)
    for seed in range(100):
        distribution = machine.last(*sequences(3, seed))
        assert (distribution.lower_threshold <= distribution.upper_threshold).all()


def test_training_the_network_does_not_move_the_machine() -> None:
    pool = networks()
    machine, made = compiled(pool), sequences(5)
    before = machine.last(*made).cdf
    with torch.no_grad():
        for weights in pool[0].parameters():
            weights.add_(1)
    np.testing.assert_array_equal(machine.last(*made).cdf, before)


def test_each_stream_needs_a_head() -> None:
    (network,) = networks()
    with pytest.raises(ValueError, match="one for each of the 1 streams, got 0"):
        CompiledStreams([SequenceStream(network.trunk)], [], GridDistribution(network.head, POINTS))
