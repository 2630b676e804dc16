"""Define how a network is fitted, and what a fit returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from splicedpareto.distributions._checks import require_choice, require_number, require_whole
from splicedpareto.training._batches import LARGEST_SEED

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Objective: TypeAlias = "Callable[..., Tensor]"
"""``objective(distribution, *targets)``: losses of shape ``(B,)``."""


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
        gradient_norm: Largest norm of the gradient; a larger one is scaled down.
        seed: Seed of the order of the observations and of dropout.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        precision: Type in which the trunk computes in training; ``"bfloat16"`` is faster on
            processors with matrix products of that type. Weights, head, distribution and
            validation keep the network's own type.
        averaging: Power :math:`\eta` of the polynomial-decay average of the weights, which is what
            is validated and kept: the weights after step :math:`s` count about as
            :math:`s^\eta`, so that a larger power averages over fewer of the last steps. None
            switches averaging off.

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
        for name in ("max_epochs", "batch_size", "patience"):
            require_whole(name, getattr(self, name), 1)
        require_whole("seed", self.seed, 0, LARGEST_SEED)
        for name in ("learning_rate", "gradient_norm"):
            require_number(name, getattr(self, name))
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        for name in ("weight_decay", "averaging"):
            value = getattr(self, name)
            if name == "averaging" and value is None:
                continue
            require_number(name, value)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0 and finite, got {value}.")
        # Numbers of NumPy, of which a checkpoint could not be read again.
        for name in ("max_epochs", "batch_size", "patience", "seed"):
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("learning_rate", "weight_decay", "gradient_norm", "averaging"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))
        self._check_steps()
        require_choice("device", self.device, "cpu", "cuda", "auto")
        require_choice("precision", self.precision, "float32", "bfloat16")

    def _check_steps(self) -> None:
        """Raise where a step is larger than any weight."""
        if not self.learning_rate <= 1:
            raise ValueError(
                f"learning_rate must be at most 1, got {self.learning_rate}: a step moves each "
                "weight by about as much."
            )
        if not self.learning_rate * self.weight_decay <= 1:
            raise ValueError(
                f"weight_decay must be at most 1 / learning_rate, got {self.weight_decay} with "
                f"learning_rate={self.learning_rate}: a step would turn every weight around."
            )


@dataclass(frozen=True)
class FitResult:
    """Result of a fit.

    Attributes:
        best_epoch: Epoch, from 0, whose weights the network holds.
        best_validation_loss: Mean validation loss of that epoch.
        validation_losses: Mean validation loss after each epoch.
    """

    best_epoch: int
    best_validation_loss: float
    validation_losses: tuple[float, ...]


class DivergedError(ValueError):
    """The loss became NaN or infinite; the network keeps the best weights before that."""
