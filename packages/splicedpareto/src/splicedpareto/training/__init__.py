"""Fit a network whose forward pass is a distribution.

The loop is Lightning's; this module states what is fitted, how randomness is tied to a seed, and
how a fit that was killed goes on where it stopped.
"""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from splicedpareto.training._batches import BatchesInOrder, ShuffledBatches, epoch_seed
from splicedpareto.training._sequences import SequenceDataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch.utils.data import Sampler

    from splicedpareto.nn import DistributionNetwork

__all__ = [
    "DivergedError",
    "FitResult",
    "FitSettings",
    "OwnBatches",
    "SequenceDataset",
    "ShuffledBatches",
    "epoch_seed",
    "fit",
]

Objective: TypeAlias = "Callable[..., Tensor]"
"""``objective(distribution, *targets)``: losses of shape ``(B,)``."""


class OwnBatches(Protocol):
    """A dataset that says itself which observations make a batch."""

    def __len__(self) -> int:
        """Number of observations."""

    def __getitem__(self, index: Any, /) -> tuple[Tensor, ...]:  # noqa: ANN401  # its own affair
        """Inputs and targets of a batch, by what the samplers yield."""

    def batches(self, batch_size: int, seed: int) -> Sampler[Any]:
        """Batches for training; `set_epoch`, where there, is called with the epoch before each."""

    def batches_in_order(self) -> Sampler[Any]:
        """Batches for validation, the same in each epoch."""


@dataclass(frozen=True)
class FitSettings:
    r"""How a network is fitted.

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
        precision: Type in which the trunk computes in training: ``"bfloat16"`` is faster where the
            processor multiplies matrices of it. Weights, head, distribution and validation are in
            the network's own type.
        averaging: Power :math:`\eta` of the average of the weights that is validated and kept, in
            which those after step :math:`s` weigh about as :math:`s^\eta`: the larger, the fewer
            of the last steps count. None keeps the weights as they are.

    References:
        Shamir and Zhang (2013), "Stochastic Gradient Descent for Non-smooth Optimization:
        Convergence Results and Optimal Averaging Schemes", ICML, section 4: polynomial-decay
        averaging.
    """

    max_epochs: int = 12
    batch_size: int = 1024
    learning_rate: float = 8e-3
    weight_decay: float = 1e-2
    patience: int = 4
    gradient_norm: float = 1.0
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    averaging: float | None = None

    def __post_init__(self) -> None:
        positive = ("max_epochs", "batch_size", "learning_rate", "patience", "gradient_norm")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}.")
        if self.device not in {"cpu", "cuda", "auto"}:
            raise ValueError(f"device must be 'cpu', 'cuda' or 'auto', got {self.device!r}.")
        if self.precision not in {"float32", "bfloat16"}:
            raise ValueError(f"precision must be 'float32' or 'bfloat16', got {self.precision!r}.")
        if self.averaging is not None and not 0 <= self.averaging < math.inf:
            raise ValueError(f"averaging must be at least 0 and finite, got {self.averaging}.")


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
    training: TensorDataset | OwnBatches,
    validation: TensorDataset | OwnBatches,
    *,
    inputs: int = 1,
    every_step: bool = False,
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
        training: Tensors ``(inputs..., targets...)``, first dimension the observation; or a
            dataset with batches of its own, such as `SequenceDataset`.
        validation: The same for the observations that decide when to stop.
        inputs: How many of the tensors are inputs; the rest go to the objective.
        every_step: Whether the network is trained for a distribution at every step of a sequence:
            the loss of an observation is then the mean over its steps, in validation too; where
            outcomes depend on lengths, train on prefixes instead, which weigh all steps alike. The
            inputs are ``(sequences, lengths, ...)``.
        objective: What is minimized, ``objective(distribution, *targets)``, shape ``(B,)``.
        validation_objective: What early stopping watches, of the same form.
        settings: How.
        folder: Where the state of the fit is kept between epochs.
        on_epoch: Called with the epoch and its mean validation loss.

    Raises:
        ValueError: No training or no validation observations.
        DivergedError: A loss is not finite, in training or in validation.
    """
    for name, dataset in (("training", training), ("validation", validation)):
        if len(dataset) == 0:
            raise ValueError(f"{name} must hold at least one observation, got none.")
    # Lightning takes seconds to import, and prediction does not need it.
    from splicedpareto.training._lightning import (  # noqa: PLC0415
        FitModule,
        NotFiniteError,
        make_trainer,
        quiet_lightning,
    )

    in_training = (
        ShuffledBatches(len(training), settings)
        if isinstance(training, TensorDataset)
        else training.batches(settings.batch_size, settings.seed)
    )
    in_validation = (
        BatchesInOrder(len(validation))
        if isinstance(validation, TensorDataset)
        else validation.batches_in_order()
    )
    folder.mkdir(parents=True, exist_ok=True)
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    module = FitModule(
        network,
        objective,
        validation_objective,
        inputs=inputs,
        every_step=every_step,
        settings=settings,
        on_epoch=on_epoch,
    )
    last = folder / "last.ckpt"
    devices = range(torch.cuda.device_count()) if settings.device != "cpu" else ()
    interrupt_handler = signal.getsignal(signal.SIGINT)
    not_finite: float | None = None
    with quiet_lightning(), torch.random.fork_rng(devices=devices):
        trainer, best = make_trainer(settings, folder)
        try:
            trainer.fit(
                module,
                _loader(training, in_training),
                _loader(validation, in_validation),
                ckpt_path=last if last.is_file() else None,
                weights_only=True,
            )
        except NotFiniteError as stopped:
            not_finite = stopped.loss
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
    epoch = len(losses)
    if not_finite is not None:
        epoch += 1
    elif not losses or not math.isfinite(losses[-1]):
        not_finite = losses[-1] if losses else math.nan
    if not_finite is not None:
        last.unlink(missing_ok=True)  # the same call must not go on towards the same end
        raise DivergedError(
            f"The loss became {not_finite} in epoch {epoch}: the learning rate of "
            f"{settings.learning_rate} is too high for these data; the best weights seen before "
            "are kept."
        )
    chosen = min(range(len(losses)), key=losses.__getitem__)
    return FitResult(chosen, losses[chosen], losses)


def _loader(dataset: TensorDataset | OwnBatches, sampler: Sampler[Any]) -> DataLoader[Any]:
    """A loader that gathers each batch in one indexing operation, not row by row."""
    # With batching switched off, the dataset is indexed by what the sampler yields: a whole list.
    return DataLoader(dataset, sampler=sampler, batch_size=None)  # type: ignore[arg-type]
