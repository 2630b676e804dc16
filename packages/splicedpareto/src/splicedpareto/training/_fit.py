"""Fit a network whose forward pass is a distribution.

The loop is Lightning's; this module defines what is fitted, how randomness is tied to a seed, and
how a fit that was interrupted resumes.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

from splicedpareto.training._batches import ShuffledBatches
from splicedpareto.training._settings import DivergedError, FitResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch.utils.data import Sampler

    from splicedpareto.nn import DistributionNetwork
    from splicedpareto.training._batches import SequenceDataset
    from splicedpareto.training._settings import FitSettings, Objective


def fit(
    network: DistributionNetwork,
    training: TensorDataset | SequenceDataset,
    validation: TensorDataset | SequenceDataset,
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

    If a fit is interrupted, the same call resumes after the last complete epoch stored in
    `folder` and ends with the same weights as an uninterrupted fit: the order of the observations
    and the dropout masks of an epoch depend on the seed and the epoch alone.

    Args:
        network: The network, with its initial weights.
        training: Tensors ``(inputs..., targets...)``, first dimension the observation, or
            sequences.
        validation: Observations for early stopping, in the same form.
        inputs: Number of tensors that are inputs; the others are arguments of the objective.
        every_step: Whether the network is trained for a distribution at every step of a sequence:
            the loss of an observation is then the mean over its steps, in validation too. Where
            outcomes depend on lengths, train on prefixes instead, which weigh all steps alike. The
            inputs are ``(sequences, lengths, ...)``.
        objective: Loss to minimize, ``objective(distribution, *targets)``, shape ``(B,)``.
        validation_objective: Loss for early stopping, of the same form.
        settings: Settings of the fit.
        folder: Folder in which the state of the fit is stored after each epoch.
        on_epoch: Called with the epoch and its mean validation loss.

    Raises:
        ValueError: No training or no validation observations, or no GPU where the settings ask
            for one.
        DivergedError: A loss is not finite, in training or in validation.
        ModuleNotFoundError: Lightning is not installed.
    """
    for name, dataset in (("training", training), ("validation", validation)):
        if len(dataset) == 0:
            raise ValueError(f"{name} must hold at least one observation, got none.")
    try:
        # Lightning takes seconds to import, and prediction does not need it.
        from splicedpareto.training._lightning import (  # noqa: PLC0415
            FitModule,
            make_trainer,
            quiet_lightning,
        )
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "splicedpareto.training.fit needs Lightning: pip install 'splicedpareto[train]'."
        ) from missing

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no GPU: set it to 'auto' or 'cpu'.")
    in_training = (
        ShuffledBatches(len(training), settings.batch_size, seed=settings.seed)
        if isinstance(training, TensorDataset)
        else training.batches(settings.batch_size, settings.seed)
    )
    in_validation = (
        # Large batches, because nothing is kept for a backward pass.
        BatchSampler(SequentialSampler(validation), batch_size=4096, drop_last=False)
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
    diverged: DivergedError | None = None
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
        except DivergedError as error:
            diverged = error
        except SystemExit as stopped:
            # Lightning turns Ctrl-C into an exit and leaves the signal ignored.
            signal.signal(signal.SIGINT, interrupt_handler)
            raise KeyboardInterrupt from stopped
    network.cpu().eval()
    losses = tuple(module.validation_losses)
    if losses:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["state_dict"])
    else:
        network.load_state_dict(initial)
    if diverged is not None:
        last.unlink(missing_ok=True)  # the same call must not resume a fit that diverged
        raise diverged
    chosen = min(range(len(losses)), key=losses.__getitem__)
    return FitResult(chosen, losses[chosen], losses)


def _loader(dataset: TensorDataset | SequenceDataset, sampler: Sampler[Any]) -> DataLoader[Any]:
    """A loader that gathers each batch in one indexing operation, not row by row."""
    # With `batch_size=None` the dataset is indexed by the sampler's whole list at once.
    return DataLoader(dataset, sampler=sampler, batch_size=None)
