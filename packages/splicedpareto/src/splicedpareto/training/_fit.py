"""Fit a network whose forward pass is a distribution.

The loop is Lightning's; this module defines what is fitted, how randomness is tied to a seed, and
how a fit that was interrupted resumes.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

from splicedpareto.distributions._checks import require_switch, require_whole
from splicedpareto.nn import DistributionNetwork
from splicedpareto.training._batches import SequenceDataset, ShuffledBatches
from splicedpareto.training._calls import describe_call
from splicedpareto.training._settings import DivergedError, FitResult, FitSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.utils.data import Sampler

    from splicedpareto.training._settings import Objective


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
        folder: Folder in which the state of the fit is stored after each epoch; new, or that of the
            same call.
        on_epoch: Called with the epoch and its mean validation loss.

    Raises:
        ValueError: No training or no validation observations, fewer tensors than inputs, losses
            that are not one an observation, no GPU where the settings ask for one, or a folder
            that holds the state of another fit: of other settings, data or shapes of weights.
        TypeError: An argument is of another kind.
        DivergedError: A loss is not finite, in training or in validation.
        ModuleNotFoundError: Lightning is not installed.
    """
    _check_kinds(network, (objective, validation_objective), settings, folder, on_epoch)
    require_switch("every_step", every_step)
    require_whole("inputs", inputs, 1)
    for name, dataset in (("training", training), ("validation", validation)):
        _check_dataset(name, dataset, inputs)
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
        call=describe_call(network, (training, validation), inputs, every_step, settings),
        folder=folder,
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


def _check_kinds(
    network: object,
    objectives: tuple[object, object],
    settings: object,
    folder: object,
    then: object,
) -> None:
    """Raise a TypeError unless the arguments of a fit are of their kinds."""
    if not isinstance(network, DistributionNetwork):
        raise TypeError(f"network must be a DistributionNetwork, got {network!r:.80}.")
    for name, given in zip(("objective", "validation_objective"), objectives, strict=True):
        if not callable(given):
            raise TypeError(f"{name} must be a function, got {given!r:.80}.")
    if not isinstance(settings, FitSettings):
        raise TypeError(f"settings must be FitSettings, got {settings!r:.80}.")
    if not isinstance(folder, Path):
        raise TypeError(f"folder must be a pathlib.Path, got {folder!r:.80}.")
    if then is not None and not callable(then):
        raise TypeError(f"on_epoch must be a function or None, got {then!r:.80}.")


def _check_dataset(name: str, dataset: object, inputs: int) -> None:
    """Raise unless a dataset holds observations, of inputs and a target at least."""
    if isinstance(dataset, TensorDataset):
        if len(dataset.tensors) <= inputs:
            raise ValueError(
                f"{name} must hold {inputs} inputs and a target, got {len(dataset.tensors)} "
                "tensors: tell how many are inputs."
            )
    elif not isinstance(dataset, SequenceDataset):
        raise TypeError(
            f"{name} must be a TensorDataset or a SequenceDataset, got {dataset!r:.80}."
        )
    if len(dataset) == 0:
        raise ValueError(f"{name} must hold at least one observation, got none.")


def _loader(dataset: TensorDataset | SequenceDataset, sampler: Sampler[Any]) -> DataLoader[Any]:
    """A loader that gathers each batch in one indexing operation, not row by row."""
    # With `batch_size=None` the dataset is indexed by the sampler's whole list at once.
    return DataLoader(dataset, sampler=sampler, batch_size=None)
