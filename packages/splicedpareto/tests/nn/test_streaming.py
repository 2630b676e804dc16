"""Sequences read step by step, and their last state where all end together."""

import pytest
import torch

from splicedpareto.nn import SequenceEncoder

F64 = torch.float64
TOLERANCE = {torch.float32: 1e-5, F64: 1e-12}


def encoder(
    *, dtype: torch.dtype = F64, kernel_size: int = 3, shortcut: bool = True
) -> SequenceEncoder:
    torch.manual_seed(7)
    made = SequenceEncoder(14, 2, 6, 5, levels=3, kernel_size=kernel_size, shortcut=shortcut)
    made.standardize.scale.uniform_(0.5, 2)
    made.standardize.mean.normal_()
    return made.to(dtype).eval()


def sequences(generator: torch.Generator, steps: int, dtype: torch.dtype = F64) -> torch.Tensor:
    made = torch.randn(3, steps, 14, generator=generator, dtype=dtype)
    made[:, ::4, 13] = torch.nan
    return made


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
@pytest.mark.sample(5)
def test_every_step_gives_the_state_of_the_whole_sequence(
    kernel_size, shortcut, dtype, generator
) -> None:
    whole = encoder(dtype=dtype, kernel_size=kernel_size, shortcut=shortcut)
    steps = sequences(generator, 60, dtype)
    static = torch.tensor([[1.0, torch.nan], [0.0, 2.0], [-1.0, 0.5]], dtype=dtype)
    expected = whole.states(steps, torch.full((3,), 60), static)
    history = whole.begin(3)
    found = []
    for step in range(60):
        state, history = whole.step(steps[:, step], history, static)
        found.append(state)
    torch.testing.assert_close(torch.stack(found, dim=1), expected, rtol=0, atol=TOLERANCE[dtype])
    assert history.shape == (3, whole.convolution.history_size)


def test_a_step_leaves_the_history_that_it_was_given(generator) -> None:
    whole = encoder()
    steps = sequences(generator, 2)
    static = torch.zeros(3, 2, dtype=F64)
    _, history = whole.step(steps[:, 0], whole.begin(3), static)
    before = history.clone()
    first = whole.step(steps[:, 1], history, static)
    torch.testing.assert_close(history, before, rtol=0, atol=0)
    torch.testing.assert_close(whole.step(steps[:, 1], history, static), first, rtol=0, atol=0)


@pytest.mark.parametrize("steps", [1, 2, 8, 9, 17])
@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_the_last_state_of_whole_sequences_ignores_what_is_before_them(
    kernel_size, steps, shortcut, generator
) -> None:
    whole = encoder(kernel_size=kernel_size, shortcut=shortcut)
    static = torch.randn(3, 2, generator=generator, dtype=F64)
    of_play = sequences(generator, steps)
    for length in (9, 17, 33):
        if length < steps:
            continue
        before = torch.randn(3, length - steps, 14, generator=generator, dtype=F64)
        valid = (torch.arange(length) >= length - steps).to(F64)[None, :, None].expand(3, -1, -1)
        found = whole.last_state(torch.cat([before, of_play], dim=1), valid, static)
        expected = whole(of_play, torch.full((3,), steps), static)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_mean_over_steps_cannot_be_streamed() -> None:
    mean = SequenceEncoder(3, 0, 4, 4, pooling="mean")
    with pytest.raises(ValueError, match="pooling must be 'last', got 'mean'"):
        mean.step(torch.zeros(1, 3), mean.begin())
    with pytest.raises(ValueError, match="pooling must be 'last', got 'mean'"):
        mean.last_state(torch.zeros(1, 17, 3), torch.ones(1, 17, 1))
