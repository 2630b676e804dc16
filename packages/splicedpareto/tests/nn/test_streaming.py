"""Sequences read step by step, and distributions at fixed points."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from splicedpareto.nn import (
    GridDistribution,
    ItemSettings,
    SequenceEncoder,
    SequenceStream,
    SplicedBinnedParetoHead,
)

F64 = torch.float64
ITEMS = ItemSettings(items=4, features=3, groups=(2, 2), marker=2, width=6)
TOLERANCE = {torch.float32: 1e-5, F64: 1e-12}


def encoder(
    *, dtype: torch.dtype = F64, items: ItemSettings | None = None, kernel_size: int = 3
) -> SequenceEncoder:
    torch.manual_seed(7)
    made = SequenceEncoder(
        14, 2, 6, 5, levels=3, kernel_size=kernel_size, items=items, shortcut=items is None
    )
    made.standardize.scale.uniform_(0.5, 2)
    made.standardize.mean.normal_()
    return made.to(dtype).eval()


def sequences(generator: torch.Generator, steps: int, dtype: torch.dtype = F64) -> torch.Tensor:
    made = torch.randn(3, steps, 14, generator=generator, dtype=dtype)
    made[:, ::4, 13] = torch.nan
    return made


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("items", [None, ITEMS], ids=["flat", "items"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_every_step_gives_the_state_of_the_whole_sequence(
    kernel_size, items, dtype, generator
) -> None:
    whole = encoder(dtype=dtype, items=items, kernel_size=kernel_size)
    stream = SequenceStream(whole)
    steps = sequences(generator, 60, dtype)
    static = torch.tensor([[1.0, torch.nan], [0.0, 2.0], [-1.0, 0.5]], dtype=dtype)
    expected = whole.states(steps, torch.full((3,), 60), static)
    history = stream.begin(3)
    found = []
    for step in range(60):
        state, history = stream(steps[:, step], history, static)
        found.append(state)
    torch.testing.assert_close(torch.stack(found, dim=1), expected, rtol=0, atol=TOLERANCE[dtype])
    assert history.shape == (3, stream.history_size)


def test_a_step_leaves_the_history_that_it_was_given(generator) -> None:
    stream = SequenceStream(encoder())
    steps = sequences(generator, 2)
    static = torch.zeros(3, 2, dtype=F64)
    _, history = stream(steps[:, 0], stream.begin(3), static)
    before = history.clone()
    first = stream(steps[:, 1], history, static)
    torch.testing.assert_close(history, before, rtol=0, atol=0)
    torch.testing.assert_close(stream(steps[:, 1], history, static), first, rtol=0, atol=0)


def test_training_the_encoder_does_not_move_the_stream(generator) -> None:
    whole = encoder()
    stream = SequenceStream(whole)
    steps, static = sequences(generator, 1), torch.zeros(3, 2, dtype=F64)
    before, _ = stream(steps[:, 0], stream.begin(3), static)
    with torch.no_grad():
        for weights in whole.parameters():
            weights.add_(1)
    after, _ = stream(steps[:, 0], stream.begin(3), static)
    torch.testing.assert_close(after, before, rtol=0, atol=0)


@pytest.mark.parametrize("items", [None, ITEMS], ids=["flat", "items"])
@pytest.mark.parametrize("steps", [1, 2, 8, 9, 17])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_the_last_state_of_whole_sequences_ignores_what_is_before_them(
    kernel_size, steps, items, generator
) -> None:
    whole = encoder(kernel_size=kernel_size, items=items)
    stream = SequenceStream(whole)
    static = torch.randn(3, 2, generator=generator, dtype=F64)
    of_play = sequences(generator, steps)
    for length in (9, 17, 33):
        if length < steps:
            continue
        before = torch.randn(3, length - steps, 14, generator=generator, dtype=F64)
        valid = (torch.arange(length) >= length - steps).to(F64)[None, :, None].expand(3, -1, -1)
        found = stream.last(torch.cat([before, of_play], dim=1), valid, static)
        expected = whole(of_play, torch.full((3,), steps), static)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_mean_over_steps_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match="pooling must be 'last', got 'mean'"):
        SequenceStream(SequenceEncoder(3, 0, 4, 4, pooling="mean"))


EDGES = {
    "yards": torch.arange(-50, 102, dtype=F64) - 0.5,
    "uneven": torch.tensor([-30.0, -29.5, -12.0, 0.0, 1.0, 2.5, 2.75, 14.0, 60.0], dtype=F64),
}


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("concentrations", [(0.0, 0.9), (-0.6, 0.4)])
@pytest.mark.parametrize(
    ("masses", "scale"),
    [((0.01, 0.05), "free"), ((0.05, 0.3), "tied"), ((0.0, 0.0), "free"), ((0.49, 0.49), "free")],
)
@pytest.mark.parametrize("bins", EDGES)
def test_a_distribution_on_a_grid_is_the_distribution_of_the_head(
    bins, masses, scale, concentrations, dtype, generator
) -> None:
    head = SplicedBinnedParetoHead(
        4,
        EDGES[bins].to(dtype),
        lower_mass=masses[0],
        upper_mass=masses[1],
        concentration_range=concentrations,
        scale=scale,
    )
    points = torch.cat([torch.linspace(-110, 130, 61), EDGES[bins].float()])
    grid = GridDistribution(head, points)
    raw = 3 * torch.randn(50, head.linear.out_features, generator=generator, dtype=dtype)
    cdf, lower, upper = grid(raw)
    distribution = head.distribution(raw)
    expected = distribution.cdf(points.to(dtype)[:, None]).T
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(cdf, expected, rtol=0, atol=3 * tolerance)
    # A threshold lies where the sum of probabilities reaches the mass: in a bin without much
    # probability the rounding of the sum moves it.
    torch.testing.assert_close(lower, distribution.lower_threshold, rtol=0, atol=1000 * tolerance)
    torch.testing.assert_close(upper, distribution.upper_threshold, rtol=0, atol=1000 * tolerance)


def test_thresholds_on_a_grid_never_cross(generator) -> None:
    # Almost all mass is in the tails: only rounding tells one threshold from the other.
    head = SplicedBinnedParetoHead(
        4, EDGES["uneven"].float(), lower_mass=0.4999999, upper_mass=0.4999999
    )
    raw = 6 * torch.randn(1000, head.linear.out_features, generator=generator)
    _, lower, upper = GridDistribution(head, torch.zeros(1))(raw)
    assert (lower <= upper).all()


def test_the_grid_takes_any_batch(generator) -> None:
    head = SplicedBinnedParetoHead(4, EDGES["yards"])
    nn.init.normal_(head.linear.weight)
    grid = GridDistribution(head, torch.arange(5.0))
    raw = torch.randn(2, 3, head.linear.out_features, generator=generator, dtype=F64)
    cdf, lower, _ = grid(raw)
    assert (cdf.shape, lower.shape) == ((2, 3, 5), (2, 3))
    torch.testing.assert_close(cdf[1, 2], grid(raw[1, 2])[0])
