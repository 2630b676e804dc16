"""A fit recovers what it is shown, depends on its seed alone, and survives being killed."""

import copy
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

pytest.importorskip("lightning", reason="the extra 'train' is not installed")

from example_fits import Killed, Whole, stop_at, weights
from splicedpareto.nn import DistributionNetwork, GaussianHead, ResidualMLP
from splicedpareto.objectives import exact_nll
from splicedpareto.training import (
    DivergedError,
    FitResult,
    FitSettings,
    ShuffledBatches,
    epoch_seed,
    fit,
)

SETTINGS = FitSettings(max_epochs=4, batch_size=64, seed=5)


def network(seed: int = 0, dropout: float = 0.2) -> DistributionNetwork:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return DistributionNetwork(
            ResidualMLP(1, 8, blocks=1, dropout=dropout), GaussianHead(8, scale=2.0)
        )


def observations(count: int, seed: int) -> TensorDataset:
    """Gaussian with mean ``2 x`` and standard deviation ``exp(x / 2)``."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, 1, generator=generator) - 1
    noise = torch.randn(count, generator=generator)
    return TensorDataset(x, 2 * x[:, 0] + (x[:, 0] / 2).exp() * noise)


TRAINING, VALIDATION = observations(300, 1), observations(200, 2)


def run(
    net: DistributionNetwork,
    folder: Path,
    settings: FitSettings = SETTINGS,
    on_epoch: Callable[[int, float], None] | None = None,
    training: TensorDataset = TRAINING,
    validation: TensorDataset = VALIDATION,
    objective: Callable[..., Tensor] = exact_nll,
) -> FitResult:
    return fit(
        net,
        training,
        validation,
        objective=objective,
        validation_objective=exact_nll,
        settings=settings,
        folder=folder,
        on_epoch=on_epoch,
    )


def validation_loss(net: DistributionNetwork) -> float:
    with torch.no_grad():
        return exact_nll(net(VALIDATION.tensors[0]), VALIDATION.tensors[1]).mean().item()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An uninterrupted fit with `SETTINGS`."""
    net = network()
    return net, run(net, tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_fit_recovers_a_known_conditional_distribution(tmp_path: Path) -> None:
    net = network(dropout=0.0)
    settings = FitSettings(max_epochs=12, batch_size=128, learning_rate=1e-2)
    run(net, tmp_path, settings, training=observations(6000, 3), validation=observations(1000, 4))
    x = torch.tensor([[-0.7], [0.0], [0.7]])
    distribution = net(x)
    # The standard error of a mean at one end over 6,000 observations is about 0.05.
    torch.testing.assert_close(distribution.mean.detach(), 2 * x[:, 0], atol=0.15, rtol=0)
    torch.testing.assert_close(distribution.stddev.detach(), (x[:, 0] / 2).exp(), atol=0, rtol=0.12)


def test_network_is_left_in_eval_mode_with_the_weights_of_its_best_epoch(whole: Whole) -> None:
    net, result = whole
    assert not net.training
    assert result.best_validation_loss == min(result.validation_losses)
    assert result.validation_losses[result.best_epoch] == result.best_validation_loss
    assert validation_loss(net) == pytest.approx(result.best_validation_loss, rel=1e-6)


def test_validation_loss_is_the_mean_over_observations_not_batches(tmp_path: Path) -> None:
    net = network()
    # 4,096 observations fill a batch; the last batch holds a single outlier.
    lone = TensorDataset(
        torch.zeros(4097, 1), torch.zeros(4097).index_fill(0, torch.tensor(4096), 99.0)
    )
    result = run(net, tmp_path, replace(SETTINGS, max_epochs=1), validation=lone)
    with torch.no_grad():
        expected = exact_nll(net(lone.tensors[0]), lone.tensors[1]).mean().item()
    assert result.best_validation_loss == pytest.approx(expected, rel=1e-5)


def test_other_seed_gives_other_weights(whole: Whole, tmp_path: Path) -> None:
    net = network()
    run(net, tmp_path, replace(SETTINGS, seed=6))
    assert not torch.equal(weights(net), weights(whole[0]))


def test_the_same_seed_gives_the_same_weights_whatever_the_callers_random_state(
    whole: Whole, tmp_path: Path
) -> None:
    net = network()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(999)
        before = torch.get_rng_state()
        assert run(net, tmp_path) == whole[1]
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(net), weights(whole[0]))


@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
@pytest.mark.parametrize("epochs", [(0,), (1,), (3,), (1, 2)])
@pytest.mark.sample(3)
def test_killed_fit_goes_on_to_the_same_weights(
    whole: Whole, tmp_path: Path, error: type[BaseException], epochs: tuple[int, ...]
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    for epoch in epochs:
        with pytest.raises(error):
            run(network(), tmp_path, on_epoch=stop_at(epoch, error))
    assert signal.getsignal(signal.SIGINT) is handler
    net, seen = network(), []
    result = run(net, tmp_path, on_epoch=lambda current, _loss: seen.append(current))
    assert torch.equal(weights(net), weights(whole[0]))
    assert result == whole[1]
    assert seen == list(range(epochs[-1], 4))  # whole epochs are not repeated


def trained_weights(folder: Path) -> Tensor:
    """Weights that the last epoch kept."""
    state = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    return torch.cat([value.flatten() for value in state.values()])


@pytest.mark.parametrize("power", [0.0, 3.0])
def test_averaged_weights_are_the_polynomial_mean_of_those_after_each_step(
    power: float, tmp_path: Path
) -> None:
    net, before_step = network(), []

    def noting(distribution: torch.distributions.Distribution, value: Tensor) -> Tensor:
        before_step.append(weights(net))
        return exact_nll(distribution, value)

    settings = replace(SETTINGS, max_epochs=2)
    run(net, tmp_path / "plain", settings, objective=noting)
    steps = [*before_step[1:], trained_weights(tmp_path / "plain")]
    assert len(steps) == 10
    # Shamir and Zhang (2013): the mean after step t gives that step (power + 1) / (t + power).
    expected = torch.zeros_like(steps[0])
    for number, step in enumerate(steps, start=1):
        share = (power + 1) / (number + power)
        expected = (1 - share) * expected + share * step
    averaged = network()
    result = run(averaged, tmp_path / "averaged", replace(settings, averaging=power))
    torch.testing.assert_close(trained_weights(tmp_path / "averaged"), expected)
    assert validation_loss(averaged) == pytest.approx(result.best_validation_loss, rel=1e-6)


def test_killed_fit_goes_on_with_its_average(tmp_path: Path) -> None:
    settings = replace(SETTINGS, averaging=2.0)
    first, second = network(), network()
    expected = run(first, tmp_path / "whole", settings)
    with pytest.raises(Killed):
        run(network(), tmp_path / "killed", settings, on_epoch=stop_at(1))
    assert run(second, tmp_path / "killed", settings) == expected
    assert torch.equal(weights(second), weights(first))


# Targets unlike those of validation: each step makes the validation loss worse.
MISLEADING = TensorDataset(TRAINING.tensors[0], TRAINING.tensors[1] + 50)
IMPATIENT = replace(SETTINGS, max_epochs=20, patience=2)


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    net = network()
    result = run(net, tmp_path, IMPATIENT, training=MISLEADING)
    assert len(result.validation_losses) == result.best_epoch + 1 + 2
    assert validation_loss(net) == pytest.approx(result.best_validation_loss, rel=1e-6)


@pytest.mark.parametrize("settings", [SETTINGS, IMPATIENT], ids=["finished", "stopped early"])
def test_fit_that_is_over_is_not_fitted_further(settings: FitSettings, tmp_path: Path) -> None:
    net, again = network(), network()
    first = run(net, tmp_path, settings, training=MISLEADING)
    on_epoch = lambda *_: pytest.fail("an epoch more")  # noqa: E731
    assert run(again, tmp_path, settings, on_epoch=on_epoch, training=MISLEADING) == first
    assert torch.equal(weights(again), weights(net))


def test_a_folder_of_another_fit_is_refused(tmp_path: Path) -> None:
    net = network()
    run(net, tmp_path, replace(SETTINGS, max_epochs=1))
    once = replace(SETTINGS, max_epochs=1)
    for changes, words in (
        ({"settings": SETTINGS}, "with max_epochs 1, got 4"),
        ({"settings": replace(once, learning_rate=1e-4)}, "with learning_rate 0.008, got 0.0001"),
        ({"training": observations(100, 1)}, "with number of training observations 300, got 100"),
        ({"validation": observations(200, 77)}, "with sum of validation tensor 0 .*, got"),
    ):
        call = {"settings": once} | changes
        with pytest.raises(
            ValueError, match=f"folder must be new, or .* {words}.*: choose another"
        ):
            run(network(), tmp_path, **call)
    wide = DistributionNetwork(ResidualMLP(1, 16, blocks=1), GaussianHead(16, scale=2.0))
    with pytest.raises(ValueError, match=r"with shape of .*, got \(16"):
        run(wide, tmp_path, once)
    again = network()
    run(again, tmp_path, once)
    assert torch.equal(weights(again), weights(net))


def test_killed_fit_repeats_no_epoch_after_the_best(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(network(), tmp_path, IMPATIENT, on_epoch=stop_at(2), training=MISLEADING)
    seen: list[int] = []
    run(network(), tmp_path, IMPATIENT, on_epoch=lambda e, _: seen.append(e), training=MISLEADING)
    assert seen == [2]


def nan_from(epoch: int, updates: list[int]) -> Callable[[Tensor, Tensor], Tensor]:
    """An objective whose loss is NaN from the given epoch of five batches on."""

    def objective(distribution: torch.distributions.Distribution, value: Tensor) -> Tensor:
        updates.append(1)
        return exact_nll(distribution, value) * (math.nan if len(updates) > 5 * epoch else 1.0)

    return objective


def test_divergence_in_the_first_epoch_keeps_the_initial_weights(tmp_path: Path) -> None:
    net = network()
    initial = copy.deepcopy(net)
    with pytest.raises(DivergedError, match=r"nan in epoch 1: the learning rate of 0\.008"):
        run(net, tmp_path, objective=nan_from(0, []))
    assert torch.equal(weights(net), weights(initial))


def test_divergence_later_keeps_the_best_weights_and_the_next_call_starts_anew(
    whole: Whole, tmp_path: Path
) -> None:
    net = network()
    with pytest.raises(DivergedError, match="nan in epoch 3"):
        run(net, tmp_path, objective=nan_from(2, []))
    assert validation_loss(net) == pytest.approx(min(whole[1].validation_losses[:2]), rel=1e-6)
    again = network()
    assert run(again, tmp_path) == whole[1]
    assert torch.equal(weights(again), weights(whole[0]))


@pytest.mark.parametrize("empty", ["training", "validation"])
def test_no_observations_are_refused(empty: str, tmp_path: Path) -> None:
    nothing = TensorDataset(torch.zeros(0, 1), torch.zeros(0))
    with pytest.raises(ValueError, match=f"{empty} must hold at least one observation"):
        run(network(), tmp_path, **{empty: nothing})


@pytest.mark.parametrize("name", ["max_epochs", "batch_size", "patience"])
@pytest.mark.parametrize("value", [1.5, math.nan, "9", None, True])
def test_counts_must_be_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number, at least 1, got"):
        FitSettings(**{name: value})


@pytest.mark.parametrize("name", ["learning_rate", "gradient_norm"])
@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_settings_must_be_positive(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive, got"):
        FitSettings(**{name: value})


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("averaging", -1.0, "must be at least 0 and finite"),
        ("averaging", math.nan, "must be at least 0 and finite"),
        ("averaging", math.inf, "must be at least 0 and finite"),
        ("seed", -1, "must be at least 0"),
        ("seed", 10**30, "must be at most 562949953421312"),
        ("max_epochs", 0, "must be at least 1"),
        ("batch_size", 10**30, "must be at most 2147483647"),
        ("learning_rate", 1e9, "must be at most 1"),
        ("weight_decay", 1e9, "must be at most 1 / learning_rate"),
        ("device", "tpu", "must be 'cpu', 'cuda' or 'auto'"),
        ("precision", "half", "must be 'float32' or 'bfloat16'"),
    ],
)
def test_other_settings_out_of_range_are_refused(setting: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} {message}, got {value!r}"):
        FitSettings(**{setting: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    rows = TensorDataset(torch.zeros(4, 2), torch.zeros(4))
    with pytest.raises(ValueError, match="device is 'cuda', but torch finds no GPU"):
        fit(
            DistributionNetwork(ResidualMLP(2, 2, blocks=0), GaussianHead(2)),
            rows,
            rows,
            objective=exact_nll,
            validation_objective=exact_nll,
            settings=FitSettings(device="cuda"),
            folder=tmp_path,
        )


def test_batches_of_an_epoch_are_a_permutation_that_the_epoch_decides() -> None:
    sampler = ShuffledBatches(10, 4, seed=3)
    first = list(sampler)
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert len(sampler) == 3
    assert sorted(index for batch in first for index in batch) == list(range(10))
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first


def test_epoch_seeds_differ_within_and_between_fits() -> None:
    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(50)}
    assert len(seeds) == 1000


def test_full_disk_at_a_checkpoint_leaves_a_state_to_go_on_from(
    whole: Whole,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[Path] = []
    write = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) < 4:
            return write(path, content)
        write(path, bytes(content)[:1000])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space left"):
            run(network(), tmp_path)
    net = network()
    assert run(net, tmp_path) == whole[1]
    assert torch.equal(weights(net), weights(whole[0]))


def test_ctrl_c_stops_a_fit_and_the_next_call_goes_on(whole: Whole, tmp_path: Path) -> None:
    def on_epoch(epoch: int, _: float) -> None:
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    # What starts tests in the background has them ignore it.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(network(), tmp_path, on_epoch=on_epoch)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, former)
    net = network()
    assert run(net, tmp_path) == whole[1]
    assert torch.equal(weights(net), weights(whole[0]))


ROWS = TensorDataset(torch.zeros(4, 3), torch.zeros(4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": 3}, "network must be a DistributionNetwork, got 3"),
        ({"training": [1]}, r"training must be a TensorDataset or a SequenceDataset, got \[1\]"),
        ({"objective": None}, "objective must be a function, got None"),
        ({"settings": {}}, "settings must be FitSettings, got {}"),
        ({"folder": "here"}, r"folder must be a pathlib\.Path, got 'here'"),
        ({"on_epoch": 3}, "on_epoch must be a function or None, got 3"),
        ({"inputs": 2}, "training must hold 2 inputs and a target, got 2 tensors"),
        ({"every_step": "no"}, "every_step must be True or False, got 'no'"),
        (
            {"training": TensorDataset(torch.zeros(4, 3), torch.zeros(4, 1))},
            r"losses must have shape \(4,\), .*got \(4, 4\).*must lose their second dimension",
        ),
    ],
)
def test_a_fit_of_other_kinds_is_refused(
    wrong: dict[str, object], message: str, tmp_path: Path
) -> None:
    given = {
        "network": DistributionNetwork(ResidualMLP(3, 4), GaussianHead(4)),
        "training": ROWS,
        "validation": ROWS,
        "objective": exact_nll,
        "validation_objective": exact_nll,
        "settings": FitSettings(max_epochs=1),
        "folder": tmp_path,
    }
    with pytest.raises((TypeError, ValueError), match=message):
        fit(**(given | wrong))  # type: ignore[arg-type]
