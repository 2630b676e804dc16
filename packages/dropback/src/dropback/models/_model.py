"""The pass model: a small ensemble of networks, each blind to one fold of the training games."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from dropback.models._network import network_inputs
from splicedpareto.distributions import Censored, Discretized
from splicedpareto.nn import pooled_distribution

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from dropback._arrays import Integers
    from dropback.data._features import FeatureSchema
    from dropback.data._tables import Outcome, PlaySet
    from dropback.models._network import PlayInputs
    from dropback.models._settings import ModelSettings
    from splicedpareto.nn import DistributionNetwork


class Predictor(Protocol):
    """Anything that predicts the outcome of a pass: our model and each baseline."""

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
        """Folds, from the first, that have a network blind to them."""

    @property
    def outcome(self) -> Outcome:
        """What it predicts."""

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        """Distribution of EPA, or of yards before the field bounds it, batch shape ``(N,)``.

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
    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        """See `Predictor`; networks are pooled by `pooled_distribution`."""
        chosen = self.networks if fold is None else (self.networks[fold],)
        return pooled_distribution(chosen, *network_inputs(features, self.settings, self.schema))


def whole_yard_distribution(
    latent: Distribution, yards_min: Integers | torch.Tensor, yards_max: Integers | torch.Tensor
) -> Discretized:
    """Distribution of the recorded yards: bounded by the field, rounded to whole yards.

    The goal line is a censoring point: its mass is the latent distribution's survival from half a
    yard short of it.
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (yards_min, yards_max))
    return Discretized(Censored(latent, low, high, validate_args=False), validate_args=False)
