"""Adapt a fit to Lightning: module, trainer and checkpoints. Imported when `fit` is called."""

from __future__ import annotations

import io
import logging
import math
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.plugins import TorchCheckpointIO

from splicedpareto.nn._tcn import valid_steps
from splicedpareto.training._batches import epoch_seed
from splicedpareto.training._calls import require_same_call
from splicedpareto.training._settings import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from splicedpareto.nn import DistributionNetwork
    from splicedpareto.training._settings import FitSettings, Objective

# Share of the steps over which the learning rate rises from 0 to its highest value.
_WARM_UP = 0.2


class FitModule(LightningModule):
    """A network with its objective and its optimizer."""

    def __init__(
        self,
        network: DistributionNetwork,
        objective: Objective,
        validation_objective: Objective,
        *,
        inputs: int,
        every_step: bool,
        settings: FitSettings,
        on_epoch: Callable[[int, float], None] | None,
        call: dict[str, Any],
        folder: Path,
    ) -> None:
        super().__init__()
        self.network = network
        self.validation_losses: list[float] = []
        self._objective = objective
        self._validation_objective = validation_objective
        self._inputs = inputs
        self._every_step = every_step
        self._settings = settings
        self._on_epoch = on_epoch
        self._call = call
        self._folder = folder

    def on_train_start(self) -> None:
        """Leave a fit that had stopped early as it was; Lightning would run one more epoch."""
        losses = self.validation_losses
        if losses and len(losses) - 1 - losses.index(min(losses)) >= self._settings.patience:
            self.trainer.should_stop = True

    def on_train_batch_start(self, _batch: object, index: int) -> None:
        """Tie dropout to the epoch, so that a resumed fit repeats an uninterrupted one."""
        # Not at the start of the epoch: there the loader may still draw a seed of its own, at
        # another time in a resumed fit than in an uninterrupted one.
        if index == 0:
            torch.manual_seed(epoch_seed(self._settings.seed, self.current_epoch))

    def training_step(self, batch: tuple[Tensor, ...], _index: int) -> Tensor:
        """Mean loss of one batch."""
        half = self._settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            raw = self._raw_parameters(batch)
        loss = self._losses(self._objective, raw, batch).mean()
        return self._require_finite(loss)

    def validation_step(self, batch: tuple[Tensor, ...], _index: int) -> None:
        """Mean validation loss of one batch, averaged over the epoch by observations."""
        loss = self._losses(self._validation_objective, self._raw_parameters(batch), batch)
        self.log("validation_loss", loss.mean(), batch_size=len(loss))

    def _raw_parameters(self, batch: tuple[Tensor, ...]) -> Tensor:
        return self.network.raw_parameters(*batch[: self._inputs], every_step=self._every_step)

    def _losses(self, objective: Objective, raw: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        """Loss of each observation, shape ``(B,)``: the mean over its steps, at every step."""
        targets = batch[self._inputs :]
        if not self._every_step:
            losses = objective(self.network.head.distribution(raw), *targets)
            if losses.shape[:1] != raw.shape[:1] or losses.dim() >= raw.dim():
                raise ValueError(
                    f"losses must have shape ({len(raw)},), one for each observation, got "
                    f"{tuple(losses.shape)} from the objective: targets of shape (N, 1) must lose "
                    "their second dimension."
                )
            return losses
        lengths = batch[1]
        # Only the steps before the padding, flattened: an objective needs no mask, and no
        # distribution is built for padding.
        sequence, step = valid_steps(lengths, raw.shape[1]).nonzero(as_tuple=True)
        distribution = self.network.head.distribution(raw[sequence, step])
        losses = objective(distribution, *(target[sequence] for target in targets))
        return losses.new_zeros(len(lengths)).index_add(0, sequence, losses) / lengths

    def on_validation_epoch_end(self) -> None:
        """Record the loss and report it to the caller."""
        loss = float(self._require_finite(self.trainer.callback_metrics["validation_loss"]))
        self.validation_losses.append(loss)
        if self._on_epoch is not None:
            self._on_epoch(self.current_epoch, loss)

    def _require_finite(self, loss: Tensor) -> Tensor:
        if loss.isfinite():
            return loss
        raise DivergedError(
            f"The loss became {loss.item()} in epoch {self.current_epoch + 1}: the learning rate "
            f"of {self._settings.learning_rate} is too high for these data, or they hold NaN or "
            "infinite numbers that the network or the objective cannot take; the best weights "
            "before that are kept."
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the losses, and what is fitted, with the state of the fit."""
        checkpoint["call"] = self._call
        checkpoint["validation_losses"] = list(self.validation_losses)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the losses of the same fit.

        Raises:
            ValueError: The state is that of another fit.
        """
        # None in what versions before 0.2.0 wrote.
        if (call := checkpoint.get("call")) is not None:
            require_same_call(call, self._call, self._folder)
        self.validation_losses = list(checkpoint["validation_losses"])

    def configure_optimizers(self) -> Any:  # noqa: ANN401  # Lightning's own union of types
        """AdamW whose learning rate rises linearly and falls along a half cosine."""
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,  # one pass over the weights
        )
        steps = int(self.trainer.estimated_stepping_batches)
        warm_up = max(1, round(_WARM_UP * steps))

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class _WholeFileIO(TorchCheckpointIO):
    """Writes a checkpoint atomically.

    Lightning's own writer copies the file in from the system's temporary folder, so that a full
    disk or a kill leaves half a checkpoint, from which no fit can resume.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: object = None,  # noqa: ARG002  # of other file systems
    ) -> None:
        """Write beside `path` and rename."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        whole = Path(path)
        aside = whole.with_suffix(".writing")
        aside.write_bytes(content.getbuffer())
        aside.replace(whole)


def _polynomial_decay(power: float, device: str) -> WeightAveraging:
    """Polynomial-decay averaging of the weights; see `FitSettings.averaging`."""

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        return averaged.lerp(current, (power + 1) / (float(count) + 1 + power))

    on_cuda = device != "cpu" and torch.cuda.is_available()
    # Buffers (edges, the scales of columns) are not weights and are not averaged.
    return WeightAveraging("cuda" if on_cuda else "cpu", use_buffers=False, avg_fn=average)


def make_trainer(settings: FitSettings, folder: Path) -> tuple[Trainer, ModelCheckpoint]:
    """The trainer, and the callback that stores the best weights; both write to `folder`."""
    best = ModelCheckpoint(
        folder, filename="best", monitor="validation_loss", enable_version_counter=False
    )
    # Not `save_last`, which stores the latest best epoch: a resumed fit would repeat all epochs
    # since then. It comes after `best`, whose state it stores.
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False)
    power = settings.averaging
    averaging = [] if power is None else [_polynomial_decay(power, settings.device)]
    trainer = Trainer(
        accelerator={"cuda": "gpu"}.get(settings.device, settings.device),
        devices=1,
        max_epochs=settings.max_epochs,
        gradient_clip_val=settings.gradient_norm,
        callbacks=[
            *averaging,  # before the checkpoints, which store the average
            EarlyStopping("validation_loss", patience=settings.patience, check_finite=True),
            best,
            last,
        ],
        plugins=[_WholeFileIO()],
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    return trainer, best


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hints; `fit` raises or reports what matters."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
