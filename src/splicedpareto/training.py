"""Fit a network whose forward pass is a distribution.

The loop is Lightning's; this module states what is fitted, how randomness is tied to a seed, and
how a fit that was killed goes on where it stopped.
"""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from splicedpareto.networks import DistributionNetwork

__all__ = ["DivergedError", "FitResult", "FitSettings", "ShuffledBatches", "epoch_seed", "fit"]

Objective: TypeAlias = "Callable[..., Tensor]"
"""``objective(distribution, *targets)``: losses of shape ``(B,)``."""


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes:
        max_epochs: Passes over the training observations at most; the learning rate falls to 0
            along a half cosine over them, after a linear rise in the first fifth.
        batch_size: Observations a step.
        learning_rate: Highest learning rate of AdamW.
        weight_decay: Decoupled weight decay of AdamW.
        patience: Epochs without a better validation loss after which the fit stops.
        gradient_norm: Gradients are scaled down to this norm.
        seed: Seed of the order of the observations and of dropout.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
    """

    max_epochs: int = 12
    batch_size: int = 1024
    learning_rate: float = 8e-3
    weight_decay: float = 1e-2
    patience: int = 4
    gradient_norm: float = 1.0
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        positive = ("max_epochs", "batch_size", "learning_rate", "patience", "gradient_norm")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}.")
        if self.device not in {"cpu", "cuda", "auto"}:
            raise ValueError(f"device must be 'cpu', 'cuda' or 'auto', got {self.device!r}.")


@dataclass(frozen=True)
class FitResult:
    """What a fit came to.

    Attributes:
        best_epoch: Epoch, from 0, whose weights the network now has.
        best_validation_loss: Mean validation loss there.
        validation_losses: Mean validation loss after each epoch.
    """

    best_epoch: int
    best_validation_loss: float
    validation_losses: tuple[float, ...]


class DivergedError(ValueError):
    """The loss became NaN or infinite; the network keeps the best weights seen before that."""


def fit(
    network: DistributionNetwork,
    training: TensorDataset,
    validation: TensorDataset,
    *,
    inputs: int = 1,
    objective: Objective,
    validation_objective: Objective,
    settings: FitSettings,
    folder: Path,
    on_epoch: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Fit `network` in place and leave it with the weights of its best epoch, in eval mode.

    Killed at any point, the same call goes on after the last whole epoch kept in `folder` and
    ends with the same weights as an uninterrupted fit: the order of the observations and the
    dropout masks of an epoch depend on the seed and the epoch alone.

    Args:
        network: The network; its initial weights are the caller's.
        training: Tensors ``(inputs..., targets...)``, first dimension the observation.
        validation: The same for the observations that decide when to stop.
        inputs: How many of the tensors are inputs; the rest go to the objective.
        objective: What is minimised, ``objective(distribution, *targets)``, shape ``(B,)``.
        validation_objective: What early stopping watches, of the same form.
        settings: How.
        folder: Where the state of the fit is kept between epochs.
        on_epoch: Called with the epoch and its mean validation loss.

    Raises:
        ValueError: No training or no validation observations.
        DivergedError: A validation loss is not finite.
    """
    for name, dataset in (("training", training), ("validation", validation)):
        if len(dataset) == 0:
            raise ValueError(f"{name} must hold at least one observation, got none.")
    # Lightning takes seconds to import, and prediction does not need it.
    from splicedpareto._lightning import FitModule, make_trainer, quiet_lightning  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    module = FitModule(network, objective, validation_objective, inputs, settings, on_epoch)
    last = folder / "last.ckpt"
    devices = range(torch.cuda.device_count()) if settings.device != "cpu" else ()
    interrupt_handler = signal.getsignal(signal.SIGINT)
    with quiet_lightning(), torch.random.fork_rng(devices=devices):
        trainer, best = make_trainer(settings, folder)
        try:
            trainer.fit(
                module,
                _batches(training, ShuffledBatches(len(training), settings)),
                _batches(validation, _BatchesInOrder(len(validation))),
                ckpt_path=last if last.is_file() else None,
                weights_only=True,
            )
        except SystemExit as stopped:
            # Lightning turns Ctrl-C into an exit and leaves the signal ignored.
            signal.signal(signal.SIGINT, interrupt_handler)
            raise KeyboardInterrupt from stopped
    network.cpu().eval()
    losses = tuple(module.validation_losses)
    if losses and math.isfinite(losses[0]):
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["state_dict"])
    else:  # the first epoch is kept as the best so far even where its weights are NaN
        network.load_state_dict(initial)
    if not losses or not math.isfinite(losses[-1]):
        last.unlink(missing_ok=True)  # the same call must not go on from weights that are NaN
        raise DivergedError(
            f"The loss became {losses[-1] if losses else 'NaN'} in epoch {len(losses)}: the "
            f"learning rate of {settings.learning_rate} is too high for these data; the best "
            "weights seen before are kept."
        )
    chosen = min(range(len(losses)), key=losses.__getitem__)
    return FitResult(chosen, losses[chosen], losses)


class ShuffledBatches(Sampler[list[int]]):
    """Batches of indices in an order that depends on the seed and the epoch alone."""

    def __init__(self, size: int, settings: FitSettings) -> None:
        self._size = size
        self._batch_size = settings.batch_size
        self._seed = settings.seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the loop calls this before each."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(epoch_seed(self._seed, self._epoch))
        order = torch.randperm(self._size, generator=generator)
        for start in range(0, self._size, self._batch_size):
            yield order[start : start + self._batch_size].tolist()

    def __len__(self) -> int:
        return math.ceil(self._size / self._batch_size)


class _BatchesInOrder(Sampler[list[int]]):
    """Batches of indices in order, large because nothing is kept for a backward pass."""

    def __init__(self, size: int, batch_size: int = 4096) -> None:
        self._size = size
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, self._size, self._batch_size):
            yield list(range(start, min(start + self._batch_size, self._size)))

    def __len__(self) -> int:
        return math.ceil(self._size / self._batch_size)


def _batches(dataset: TensorDataset, sampler: Sampler[list[int]]) -> DataLoader[Any]:
    """A loader that gathers each batch in one indexing operation, not row by row."""
    # With batching switched off, the dataset is indexed by what the sampler yields: a whole list.
    return DataLoader(dataset, sampler=sampler, batch_size=None)


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for one epoch; distinct for all epochs below 10,000 of all seeds."""
    return seed * 10_000 + epoch
