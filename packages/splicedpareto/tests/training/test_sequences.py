"""Batches of sequences hold what was stored, and depend on the seed and the epoch alone."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from splicedpareto.training._batches import SequenceBatch

pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from example_fits import Killed, Whole, stop_at, weights
from splicedpareto.nn import DistributionNetwork, GaussianHead, SequenceEncoder
from splicedpareto.objectives import exact_nll
from splicedpareto.training import (
    DivergedError,
    FitResult,
    FitSettings,
    SequenceDataset,
    ShuffledBatches,
    epoch_seed,
    fit,
)

COUNT = 240
SETTINGS = FitSettings(max_epochs=3, batch_size=32, seed=5)


def dataset(**settings: object) -> SequenceDataset:
    """Sequences of 1 to 9 steps; the target is the sum of the first column, plus noise."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 10, (COUNT,), generator=generator)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    steps = torch.randn(int(offsets[-1]), 3, generator=generator).half()
    static = torch.randn(COUNT, 2, generator=generator)
    sums = torch.stack([s[:, 0].sum() for s in steps.float().split(lengths.tolist())])
    targets = sums + 0.3 * torch.randn(COUNT, generator=generator)
    return SequenceDataset(steps, offsets, static, (targets,), **settings)  # type: ignore[arg-type]


def zeros(lengths: Tensor, **settings: float) -> SequenceDataset:
    offsets = torch.cat([torch.tensor([0]), lengths.cumsum(0)])
    steps, static = torch.zeros(int(offsets[-1]), 1), torch.zeros(len(lengths), 0)
    return SequenceDataset(steps, offsets, static, (), **settings)  # type: ignore[arg-type]


def batches(
    whole: SequenceDataset, *, batch_size: int = 32, seed: int = 0, epoch: int = 0
) -> list[SequenceBatch]:
    sampler = whole.batches(batch_size, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def network(seed: int = 0, dropout: float = 0.2) -> DistributionNetwork:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trunk = SequenceEncoder(3, 2, 8, 8, levels=2, dropout=dropout)
        return DistributionNetwork(trunk, GaussianHead(8, scale=2.0))


def run(
    net: DistributionNetwork,
    folder: Path,
    settings: FitSettings = SETTINGS,
    training: SequenceDataset | TensorDataset | None = None,
    validation: SequenceDataset | TensorDataset | None = None,
    *,
    every_step: bool = False,
    objective: Callable[..., Tensor] = exact_nll,
    on_epoch: Callable[[int, float], None] | None = None,
) -> FitResult:
    if training is None:
        training = dataset(rows=torch.arange(180), prefix_share=0.5, augment=noisy)
    return fit(
        net,
        training,
        dataset(rows=torch.arange(180, COUNT)) if validation is None else validation,
        inputs=3,
        every_step=every_step,
        objective=objective,
        validation_objective=exact_nll,
        settings=settings,
        folder=folder,
        on_epoch=on_epoch,
    )


def noisy(sequences: Tensor, _rows: Tensor, generator: torch.Generator) -> Tensor:
    return sequences + 0.1 * torch.randn(sequences.shape, generator=generator)


def test_every_sequence_comes_once_as_stored_and_padded_by_zeros() -> None:
    whole = dataset()
    seen: list[int] = []
    for batch in batches(whole):
        sequences, lengths, static, targets = whole[batch]
        assert sequences.dtype == static.dtype == torch.float32
        assert sequences.shape == (len(lengths), int(lengths.max()), 3)
        for row, length, sequence, beside, target in zip(
            batch.positions, lengths, sequences, static, targets, strict=True
        ):
            stored = whole.sequences[whole.offsets[row] : whole.offsets[row + 1]].float()
            assert torch.equal(sequence[:length], stored)
            assert not sequence[length:].any()
            assert torch.equal(beside, whole.static[row])
            assert target == whole.targets[0][row]
            seen.append(int(row))
    assert sorted(seen) == list(range(COUNT)) == list(range(len(whole)))


def test_rows_choose_among_the_sequences() -> None:
    whole, rows = dataset(), torch.tensor([7, 3, 100])
    part = dataset(rows=rows)
    (batch,) = batches(part)
    assert len(part) == 3
    assert torch.equal(part.lengths(), whole.offsets.diff()[rows])
    assert torch.equal(part[batch][3], whole.targets[0][rows[batch.positions]])


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_batches_are_as_many_as_without_buckets(batch_size: int) -> None:
    whole = dataset(prefix_share=0.4)
    drawn = batches(whole, batch_size=batch_size)
    assert len(drawn) == len(whole.batches(batch_size, 0)) == math.ceil(COUNT / batch_size)
    assert sorted(len(batch.positions) for batch in drawn)[1:] == [batch_size] * (len(drawn) - 1)


def test_lengths_fill_batches_of_their_own_and_the_rest_are_neighbors() -> None:
    whole, size = dataset(), 8
    drawn = batches(whole, batch_size=size)
    spreads = [int(batch.lengths.max() - batch.lengths.min()) for batch in drawn]
    counts = whole.lengths().bincount()
    assert spreads.count(0) >= int((counts // size).sum())
    # 9 lengths with at most 7 sequences left over each, in batches of 8 in order of length.
    assert sum(spreads) <= 8
    in_order = [int(batch.lengths.max()) for batch in drawn]
    assert in_order != sorted(in_order)


def test_epoch_and_seed_decide_order_prefixes_and_augmentation() -> None:
    whole = dataset(prefix_share=0.5, augment=noisy)
    first, again = ([whole[b] for b in batches(whole, seed=3, epoch=1)] for _ in range(2))
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    for seed, epoch in ((3, 2), (4, 1)):
        changed = [whole[batch] for batch in batches(whole, seed=seed, epoch=epoch)]
        assert [len(b[0][0]) for b in changed] != [len(b[0][0]) for b in first]
    noise = {batch.seed for epoch in range(3) for batch in batches(whole, epoch=epoch)}
    assert len(noise) == 3 * len(first)


def test_validation_draws_are_the_same_in_every_epoch() -> None:
    whole = dataset(prefix_share=0.5, augment=noisy)
    sampler = whole.batches_in_order(64)
    first = [whole[batch] for batch in sampler]
    sampler.set_epoch(7)
    torch.testing.assert_close([whole[batch] for batch in sampler], first, rtol=0, atol=0)


def test_prefixes_are_uniform_from_the_shortest_to_all() -> None:
    count = 8000
    whole = zeros(torch.full((count,), 6), prefix_share=0.5, shortest_prefix=3)
    lengths = torch.cat([batch.lengths for batch in batches(whole, batch_size=512)])
    share = lengths.bincount() / count
    assert not share[:3].any()
    # Half are whole; the others are of 3, 4, 5 or 6 steps. A standard error is at most 0.006.
    expected = torch.tensor([0.125, 0.125, 0.125, 0.625])
    torch.testing.assert_close(share[3:], expected, atol=0.025, rtol=0)


def test_prefix_of_a_long_sequence_is_as_likely_as_one_of_a_short() -> None:
    count = 4000
    each = torch.tensor([2, 6, 1]).repeat(count // 3 + 1)[:count]
    whole = zeros(each, prefix_share=1.0, shortest_prefix=2)
    drawn = torch.zeros(7, 7)
    epochs = 5
    for epoch in range(epochs):
        for batch in batches(whole, batch_size=512, epoch=epoch):
            pairs = (each[batch.positions], batch.lengths)
            drawn.index_put_(pairs, torch.ones(len(batch.lengths)), accumulate=True)
    # Sequences of 2 steps give one prefix of at least 2, those of 6 give five; of 1, themselves.
    # 20,000 draws of 7 kinds: a standard error is 0.0025.
    expected = torch.zeros(7, 7)
    expected[[2, 6, 6, 6, 6, 6, 1], [2, 2, 3, 4, 5, 6, 1]] = 1 / 7
    torch.testing.assert_close(drawn / (epochs * count), expected, atol=0.01, rtol=0)


def test_sequences_shorter_than_the_shortest_prefix_stay_whole() -> None:
    whole = dataset(prefix_share=1.0, shortest_prefix=5)
    for batch in batches(whole):
        full = whole.lengths()[batch.positions]
        assert (batch.lengths >= full.clamp(max=5)).all()
        assert (batch.lengths <= full).all()


def test_augmentation_is_told_which_of_all_sequences_it_changes() -> None:
    told: list[Tensor] = []

    def augment(sequences: Tensor, rows: Tensor, _generator: torch.Generator) -> Tensor:
        told.append(rows)
        return sequences.flip(-1)

    part = dataset(rows=torch.arange(100, 110), augment=augment)
    (batch,) = batches(part)
    plain = dataset(rows=torch.arange(100, 110))
    assert torch.equal(part[batch][0], plain[batch][0].flip(-1))
    assert torch.equal(told[0], 100 + batch.positions)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sequences": torch.zeros(5)}, r"sequences must have shape \(sum T, F\)"),
        ({"sequences": torch.zeros(5, 1, dtype=torch.int64)}, "floating type, got .*int64"),
        ({"offsets": torch.tensor([0, 2, 4])}, "offsets must increase from 0 to 5"),
        ({"offsets": torch.tensor([0, 0, 5])}, "offsets must increase from 0 to 5"),
        ({"offsets": torch.tensor([1, 2, 5])}, "offsets must increase from 0 to 5"),
        ({"offsets": torch.tensor([], dtype=torch.int64)}, "offsets must increase from 0 to 5"),
        ({"static": torch.zeros(3, 1)}, r"static must have shape \(2, S\)"),
        ({"targets": (torch.zeros(2), torch.zeros(1))}, r"each target \(2, ...\)"),
        ({"rows": torch.tensor([0, 2])}, r"rows must be in \[0, 2\), got 0 to 2"),
        ({"prefix_share": 1.1}, r"prefix_share must be in \[0, 1\], got 1.1"),
        ({"prefix_share": math.nan}, r"prefix_share must be in \[0, 1\], got nan"),
        ({"shortest_prefix": 0}, "shortest_prefix must be at least 1, got 0"),
    ],
)
def test_datasets_that_do_not_fit_are_refused(changed: dict[str, object], message: str) -> None:
    given = {
        "sequences": torch.zeros(5, 1),
        "offsets": torch.tensor([0, 2, 5]),
        "static": torch.zeros(2, 0),
        "targets": (torch.zeros(2),),
    }
    with pytest.raises(ValueError, match=message):
        SequenceDataset(**(given | changed))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole_fit(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An uninterrupted fit with `SETTINGS`."""
    net = network()
    return net, run(net, tmp_path_factory.mktemp("whole"))


def test_fit_learns_the_sum_of_a_sequence(tmp_path: Path) -> None:
    net = network()
    settings = replace(SETTINGS, max_epochs=12, learning_rate=0.02)
    result = run(net, tmp_path, settings, training=dataset(rows=torch.arange(180)))
    spread = dataset().targets[0].std()
    climatology = float(0.5 * (2 * math.pi * math.e * spread.square()).log())
    assert result.best_validation_loss < climatology - 0.5


def test_killed_fit_of_sequences_goes_on_to_the_same_weights(
    whole_fit: Whole, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        run(network(), tmp_path, on_epoch=stop_at(1))
    net = network()
    assert run(net, tmp_path) == whole_fit[1]
    assert torch.equal(weights(net), weights(whole_fit[0]))


def test_loss_at_every_step_is_the_mean_over_the_steps_of_a_sequence(tmp_path: Path) -> None:
    net, lone = network(), dataset(rows=torch.tensor([3, 11, 40, 41]))
    settings = replace(SETTINGS, max_epochs=1)
    result = run(net, tmp_path, settings, validation=lone, every_step=True)
    (batch,) = lone.batches_in_order()
    sequences, lengths, static, targets = lone[batch]
    losses = []
    with torch.no_grad():
        for row, length in enumerate(lengths.tolist()):
            prefixes = [
                exact_nll(
                    net(
                        sequences[row, None, : step + 1],
                        torch.tensor([step + 1]),
                        static[row, None],
                    ),
                    targets[row],
                )
                for step in range(length)
            ]
            losses.append(torch.cat(prefixes).mean())
    assert len(lengths.unique()) > 1
    assert result.best_validation_loss == pytest.approx(torch.stack(losses).mean().item(), rel=1e-5)


def test_bfloat16_comes_close_to_float32(whole_fit: Whole, tmp_path: Path) -> None:
    net = network()
    result = run(net, tmp_path, replace(SETTINGS, precision="bfloat16"))
    assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
    assert not torch.equal(weights(net), weights(whole_fit[0]))
    assert result.best_validation_loss == pytest.approx(whole_fit[1].best_validation_loss, abs=0.05)


def test_objective_sees_a_distribution_in_float32_whatever_the_precision(tmp_path: Path) -> None:
    seen: set[tuple[torch.dtype, bool]] = set()

    def objective(distribution: torch.distributions.Distribution, value: Tensor) -> Tensor:
        seen.add((distribution.mean.dtype, torch.is_autocast_enabled("cpu")))
        return exact_nll(distribution, value)

    settings = replace(SETTINGS, max_epochs=1, precision="bfloat16")
    run(network(), tmp_path, settings, objective=objective)
    assert seen == {(torch.float32, False)}


def test_float64_network_is_fitted_in_bfloat16_settings_too(tmp_path: Path) -> None:
    settings = replace(SETTINGS, max_epochs=1, precision="bfloat16")
    result = run(network().double(), tmp_path / "half", settings)
    assert result == run(network().double(), tmp_path / "full", replace(SETTINGS, max_epochs=1))


def test_fit_takes_sequences_of_one_step(tmp_path: Path) -> None:
    ones = SequenceDataset(
        torch.randn(64, 3), torch.arange(65), torch.zeros(64, 2), (torch.randn(64),)
    )
    for every_step in (False, True):
        folder = tmp_path / str(every_step)
        result = run(network(), folder, training=ones, validation=ones, every_step=every_step)
        assert math.isfinite(result.best_validation_loss)


def test_training_loss_that_is_not_finite_stops_at_once_with_the_best_weights(
    whole_fit: Whole, tmp_path: Path
) -> None:
    batch_count, updates = math.ceil(180 / 32), []

    def objective(distribution: torch.distributions.Distribution, value: Tensor) -> Tensor:
        updates.append(1)
        return exact_nll(distribution, value) * (
            math.inf if len(updates) == batch_count + 3 else 1.0
        )

    net = network()
    with pytest.raises(DivergedError, match=r"(inf|nan) in epoch 2: the learning rate of 0\.008"):
        run(net, tmp_path, objective=objective)
    assert len(updates) == batch_count + 3
    held = dataset(rows=torch.arange(180, COUNT))
    (batch,) = held.batches_in_order()
    *inputs, target = held[batch]
    with torch.no_grad():
        loss = exact_nll(net(*inputs), target).mean().item()
    assert whole_fit[1].validation_losses[0] == pytest.approx(loss, rel=1e-6)
    assert not (tmp_path / "last.ckpt").exists()


def test_dataset_and_tensors_of_one_length_train_alike(tmp_path: Path) -> None:
    # One batch holds all, so that the order matters up to rounding alone.
    torch.manual_seed(1)
    sequences, static, targets = torch.randn(40, 5, 3), torch.randn(40, 2), torch.randn(40)
    ragged = SequenceDataset(sequences.flatten(0, 1), torch.arange(41) * 5, static, (targets,))
    plain = TensorDataset(sequences, torch.full((40,), 5), static, targets)
    settings = FitSettings(max_epochs=3, batch_size=40)
    losses = []
    for name, data in (("ragged", ragged), ("plain", plain)):
        result = run(network(dropout=0.0), tmp_path / name, settings, data, data)
        losses.append(result.validation_losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sequences": None}, "sequences must be a tensor, got"),
        ({"offsets": torch.zeros(3)}, r"offsets must be whole numbers .*got shape \(3,\) of torch"),
        ({"rows": torch.tensor([True])}, r"rows must be whole numbers .* of torch\.bool"),
        ({"targets": torch.zeros(2)}, "targets must be a tuple of tensors, got tensor"),
        ({"targets": (torch.tensor(1.0),)}, "a target must have a dimension for its rows"),
        ({"prefix_share": "a"}, "prefix_share must be a number, got 'a'"),
        ({"shortest_prefix": 1.5}, "shortest_prefix must be a whole number, at least 1"),
        ({"augment": 3}, "augment must be a function or None, got 3"),
    ],
    ids=str,
)
def test_a_dataset_of_another_kind_is_refused(wrong: dict[str, object], message: str) -> None:
    steps, ends = torch.zeros(6, 2), torch.tensor([0, 2, 6])
    given = {"sequences": steps, "offsets": ends, "static": torch.zeros(2, 0), "targets": ()}
    with pytest.raises((TypeError, ValueError), match=message):
        SequenceDataset(**(given | wrong))  # type: ignore[arg-type]


def test_sizes_and_seeds_of_batches_are_whole_numbers() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        dataset().batches(0, seed=0)
    with pytest.raises(ValueError, match=r"seed must be a whole number, at least 0, got 1\.5"):
        dataset().batches(4, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size must be a whole number, at least 0, got 'a'"):
        ShuffledBatches("a", 4, seed=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="epoch must be at least 0, got -1"):
        epoch_seed(0, -1)
