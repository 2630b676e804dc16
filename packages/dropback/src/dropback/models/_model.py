"""The pass model: a small ensemble of networks, each blind to one fold of the training games."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._play_batches import TrackedPlays
from dropback.models._play_network import SequenceSettings, build_trunk
from splicedpareto import objectives
from splicedpareto.distributions import Censored, Discretized
from splicedpareto.nn import (
    DistributionNetwork,
    GaussianHead,
    ResidualMLP,
    SplicedBinnedParetoHead,
    pooled_distribution,
)
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import polars as pl
    from torch import nn
    from torch.distributions import Distribution

    from dropback.data._features import FeatureMatrix, FeatureSchema
    from dropback.data._tables import PlaySet
    from splicedpareto.nn import DistributionHead

__all__ = [
    "OBJECTIVES",
    "PLAY_NETWORK",
    "Family",
    "Forecaster",
    "ModelSettings",
    "PassModel",
    "PlayInputs",
    "build_network",
    "exact_log_score",
    "network_inputs",
    "observed_interval",
    "observed_targets",
    "training_objective",
    "validation_objective",
    "whole_yard_distribution",
]

Family = Literal["sbp", "binned", "gaussian"]

PlayInputs: TypeAlias = "FeatureMatrix | TrackedPlays"
"""What is known of N plays: a matrix ``(N, F)`` of columns, or their tracking; both are indexed by
rows."""

# Points: 99.9 % of attempts lie between. Bins of 0.1 beat 0.05 and 0.2 in log score, and
# tail masses of 1 and 5 % beat 1 and 1, or 5 and 5 (research/epa_bins.py).
EPA_LOWEST, EPA_HIGHEST, EPA_BIN = -6.0, 6.0, 0.1
# No play of 2006-2023 is worth more than 14 points either way: from near one goal to the other.
EPA_REACH = 14.0

# Mean and scale of a column from so many plays are right to 2 % of its spread.
STANDARDIZED_PLAYS = 4096

OBJECTIVES: dict[Outcome, dict[str, Callable[..., Tensor]]] = {
    Outcome.YARDS: {
        "composite": objectives.composite_interval_nll,
        "exact": objectives.exact_interval_nll,
    },
    Outcome.EPA: {"composite": objectives.composite_nll, "exact": objectives.exact_nll},
}


@dataclass(frozen=True)
class ModelSettings:
    """What is fitted; how is `fit`.

    Attributes:
        outcome: What is predicted: ``yards`` or ``epa``.
        family: ``sbp`` (spliced binned-Pareto), ``binned`` (the same without tails) or
            ``gaussian`` (mean and standard deviation learned), on the same trunk.
        objective: ``composite`` or ``exact``; see `splicedpareto.objectives`. Without a splice
            there is no trap, so ``binned`` and ``gaussian`` are always fitted by ``exact``.
        lowest_bin_yd: Center of the lowest one-yard bin, where yards are predicted.
        highest_bin_yd: Center of the highest one-yard bin, where yards are predicted.
        lower_tail_mass: Probability of the lower tail.
        upper_tail_mass: Probability of the upper tail.
        tail_scale: ``free`` or ``tied`` to a continuous density.
        width: Channels of the trunk.
        blocks: Residual blocks of the trunk.
        dropout: Dropout of the trunk.
        folds: Folds of games, and so members of the ensemble.
        members: How many of the folds get a network, the first ones; None is all. Plays of a fold
            without one cannot be predicted, since every network has seen them.
        validation_share: Share of the games outside a fold that decide when to stop.
        fit: Settings of the loop.
        sequence: How tracking is read; None where a play is a row of columns.
    """

    outcome: Outcome = Outcome.YARDS
    family: Family = "sbp"
    objective: Literal["composite", "exact"] = "composite"
    lowest_bin_yd: int = -50
    highest_bin_yd: int = 100
    lower_tail_mass: float = 0.01
    upper_tail_mass: float = 0.05
    tail_scale: Literal["free", "tied"] = "free"
    width: int = 64
    blocks: int = 2
    dropout: float = 0.1
    folds: int = 5
    members: int | None = None
    validation_share: float = 0.1
    fit: FitSettings = field(default_factory=FitSettings)
    sequence: SequenceSettings | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", Outcome(self.outcome))  # from JSON it comes as text
        if self.folds < 2:
            raise RequestError(f"folds must be at least 2, got {self.folds}.")
        if self.members is not None and not 1 <= self.members <= self.folds:
            raise RequestError(f"members must be in [1, {self.folds}], got {self.members}.")
        if not 0 < self.validation_share < 1:
            raise RequestError(f"validation_share must be in (0, 1), got {self.validation_share}.")

    @property
    def networks(self) -> int:
        """Number of networks of the ensemble."""
        return self.folds if self.members is None else self.members


PLAY_NETWORK = ModelSettings(
    width=128,
    blocks=1,
    sequence=SequenceSettings(),
    fit=FitSettings(
        max_epochs=16,
        batch_size=256,
        learning_rate=2e-3,
        weight_decay=0.5,
        precision="bfloat16",
        averaging=8,
    ),
)
"""Settings of a play network, as found by the search that docs/results/play_network.md records."""


class Forecaster(Protocol):
    """Whatever predicts the outcome of a pass: our model and each baseline."""

    @property
    def schema(self) -> FeatureSchema:
        """The features it takes."""

    @property
    def play_set(self) -> PlaySet:
        """The plays it was trained on and can predict."""

    @property
    def fold_of_game(self) -> dict[str, int]:
        """Fold of each training game."""

    @property
    def members(self) -> int:
        """Folds, from the first, that it was fitted blind to."""

    @property
    def outcome(self) -> Outcome:
        """What it predicts."""

    def latent_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        """The distribution of EPA, or of yards before the field bounds it, batch shape ``(N,)``.

        Args:
            features: Of ``N`` plays, in the order of `schema`.
            fold: Use only what never saw a game of this fold; None pools all.
        """


@dataclass(frozen=True)
class PassModel:
    """Networks that together predict the outcome of a pass.

    Attributes:
        settings: What was fitted.
        schema: The features it takes.
        play_set: The plays it was trained on and can predict.
        networks: One a fold, in eval mode; network ``k`` never saw a game of fold ``k``.
        fold_of_game: Fold of each training game.
    """

    settings: ModelSettings
    schema: FeatureSchema
    play_set: PlaySet
    networks: tuple[DistributionNetwork, ...]
    fold_of_game: dict[str, int]

    @property
    def members(self) -> int:
        """Number of networks."""
        return len(self.networks)

    @property
    def outcome(self) -> Outcome:
        """What it predicts."""
        return self.settings.outcome

    @torch.inference_mode()
    def latent_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        """See `Forecaster`; the pool is that of `pooled_distribution`."""
        chosen = self.networks if fold is None else (self.networks[fold],)
        return pooled_distribution(chosen, *network_inputs(features))


def network_inputs(features: PlayInputs) -> tuple[Tensor, ...]:
    """The tensors that a network takes of `features`."""
    if isinstance(features, TrackedPlays):
        return features.batch()
    return (torch.from_numpy(features),)


def build_network(
    settings: ModelSettings, features: int, *, seed: int, inputs: PlayInputs | None = None
) -> DistributionNetwork:
    """A network with the initial weights of `seed`; the global random state is left alone.

    Args:
        settings: What to build.
        features: Number of input columns ``F``, where a play is a row of columns.
        seed: Of the initial weights.
        inputs: Training inputs, to standardize by; None where weights are loaded next.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return DistributionNetwork(_trunk(settings, features, inputs), _head(settings))


def _trunk(settings: ModelSettings, features: int, inputs: PlayInputs | None) -> nn.Module:
    sizes = {"width": settings.width, "blocks": settings.blocks, "dropout": settings.dropout}
    if settings.sequence is None:
        table = ResidualMLP(features, **sizes)  # type: ignore[arg-type]  # each of its own type
        if inputs is not None:
            table.standardize.fit(*network_inputs(inputs))
        return table
    sequence = build_trunk(settings.sequence, **sizes)  # type: ignore[arg-type]  # likewise
    if inputs is not None:
        spread = np.linspace(0, len(inputs) - 1, min(len(inputs), STANDARDIZED_PLAYS)).astype(int)
        sequence.fit_standardization(*network_inputs(inputs[spread]))
    return sequence


def _head(settings: ModelSettings) -> DistributionHead:
    if settings.family == "gaussian":
        # Mean and standard deviation of a targeted attempt, 2018-2020: 7 and 11 yards, 0.2 and
        # 1.6 points.
        location, scale = (7.0, 11.0) if settings.outcome is Outcome.YARDS else (0.2, 1.6)
        return GaussianHead(settings.width, location=location, scale=scale)
    tails = settings.family == "sbp"
    return SplicedBinnedParetoHead(
        settings.width,
        _edges(settings, holds_all=not tails),
        lower_mass=settings.lower_tail_mass if tails else 0.0,
        upper_mass=settings.upper_tail_mass if tails else 0.0,
        scale=settings.tail_scale,
    )


def _edges(settings: ModelSettings, *, holds_all: bool) -> Tensor:
    """Edges of the bins; without tails nothing lies outside, so they must hold every outcome."""
    if settings.outcome is Outcome.EPA:
        low, high = (-EPA_REACH, EPA_REACH) if holds_all else (EPA_LOWEST, EPA_HIGHEST)
        return torch.linspace(low, high, round((high - low) / EPA_BIN) + 1)
    lowest, highest = (
        (YARDS_LOWEST, YARDS_HIGHEST)
        if holds_all
        else (settings.lowest_bin_yd, settings.highest_bin_yd)
    )
    return torch.arange(lowest, highest + 2) - 0.5


def observed_targets(plays: pl.DataFrame, outcome: Outcome) -> tuple[Tensor, ...]:
    """What the objectives take of each play, each shape ``(N,)``: an interval of yards, or EPA."""
    if outcome is Outcome.YARDS:
        return observed_interval(plays)
    return (torch.tensor(plays["epa"].to_numpy(), dtype=torch.float32),)


def observed_interval(plays: pl.DataFrame) -> tuple[Tensor, Tensor]:
    """What is known of the latent yards of each play: an interval, shape ``(N,)`` each end.

    Yards are whole, so ``y`` stands for ``(y - 1/2, y + 1/2]``. A touchdown says only that the
    gain would have been at least the distance to the goal line, a return to the passer's goal
    line the same below.
    """
    yards = plays["yards"].to_numpy()
    lower = np.where(yards <= plays["yards_min"].to_numpy(), -np.inf, yards - 0.5)
    upper = np.where(yards >= plays["yards_max"].to_numpy(), np.inf, yards + 0.5)
    return torch.tensor(lower, dtype=torch.float32), torch.tensor(upper, dtype=torch.float32)


def whole_yard_distribution(
    latent: Distribution, yards_min: npt.NDArray[np.int64], yards_max: npt.NDArray[np.int64]
) -> Discretized:
    """The distribution of the recorded yards: bounded by the field, rounded to whole yards.

    The goal line is a censoring point: its mass is the latent distribution's survival from half a
    yard short of it.
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (yards_min, yards_max))
    return Discretized(Censored(latent, low, high, validate_args=False), validate_args=False)


def exact_log_score(distribution: Distribution, lower: Tensor, upper: Tensor) -> Tensor:
    """Minus the log probability of the observed interval: proper, whatever was trained by."""
    log_prob: Tensor = distribution.log_prob_interval(lower, upper)  # type: ignore[attr-defined]  # all ours
    return -log_prob


def training_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """The loss that `settings` name, of what `observed_targets` gives."""
    if settings.family != "sbp":
        return validation_objective(settings)
    return OBJECTIVES[settings.outcome][settings.objective]


def validation_objective(settings: ModelSettings) -> Callable[..., Tensor]:
    """The log score of the outcome: proper, whatever was trained by."""
    return exact_log_score if settings.outcome is Outcome.YARDS else _density_log_score


def _density_log_score(distribution: Distribution, value: Tensor) -> Tensor:
    """Minus the log density at the observed value."""
    return -distribution.log_prob(value)
