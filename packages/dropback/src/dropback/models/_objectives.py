"""Losses of a pass model, and what they take of each play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from dropback.data._tables import Outcome
from splicedpareto import objectives

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from torch import Tensor
    from torch.distributions import Distribution

    from dropback.models._settings import ModelSettings

OBJECTIVES: dict[Outcome, dict[str, Callable[..., Tensor]]] = {
    Outcome.YARDS: {
        "composite": objectives.composite_interval_nll,
        "exact": objectives.exact_interval_nll,
    },
    Outcome.EPA: {"composite": objectives.composite_nll, "exact": objectives.exact_nll},
}


def observed_targets(plays: pl.DataFrame, outcome: Outcome) -> tuple[Tensor, ...]:
    """Targets of the objectives, each shape ``(N,)``: both ends of an interval of yards, or EPA."""
    if outcome is Outcome.YARDS:
        return observed_interval(plays)
    return (torch.tensor(plays["epa"].to_numpy(), dtype=torch.float32),)


def observed_interval(plays: pl.DataFrame) -> tuple[Tensor, Tensor]:
    """Interval in which the latent yards of each play lie, shape ``(N,)`` each end.

    Yards are whole, so ``y`` means ``(y - 1/2, y + 1/2]``. A touchdown says only that the gain
    would have been at least the distance to the goal line; a return to the passer's goal line says
    the same below.
    """
    yards = plays["yards"].to_numpy()
    lower = np.where(yards <= plays["yards_min"].to_numpy(), -np.inf, yards - 0.5)
    upper = np.where(yards >= plays["yards_max"].to_numpy(), np.inf, yards + 0.5)
    return torch.tensor(lower, dtype=torch.float32), torch.tensor(upper, dtype=torch.float32)


def training_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """Loss that `settings` name, as a function of a distribution and `observed_targets`."""
    if settings.family != "sbp":
        return validation_objective(settings)
    return OBJECTIVES[settings.outcome][settings.objective]


def validation_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """Log score of the outcome: proper, whatever loss the network was trained by."""
    return exact_log_score if settings.outcome is Outcome.YARDS else _density_log_score


def exact_log_score(distribution: Distribution, lower: Tensor, upper: Tensor) -> Tensor:
    """Minus the log probability of the observed interval."""
    log_prob: Tensor = distribution.log_prob_interval(lower, upper)  # type: ignore[attr-defined]  # all ours
    return -log_prob


def _density_log_score(distribution: Distribution, value: Tensor) -> Tensor:
    """Minus the log density at the observed value."""
    return -distribution.log_prob(value)
