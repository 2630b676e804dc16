"""The pass model: networks and boosted trees, each blind to one fold of the training games."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from dropback.data._tables import Outcome
from dropback.models._catch_point import mean_masses
from dropback.models._grid import GRIDS
from dropback.models._network import network_inputs
from splicedpareto.distributions import Censored, Discretized, Mixture
from splicedpareto.nn import pooled_distribution

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from dropback._arrays import Integers
    from dropback.data._features import FeatureSchema
    from dropback.data._tables import PlaySet
    from dropback.models._catch_point import CatchPoint
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
    """Networks, and trees beside them, that together predict the outcome of a pass.

    Attributes:
        settings: What was fitted.
        schema: The features it takes.
        play_set: The plays it was trained on and can predict.
        networks: One a fold, in eval mode; network ``k`` never saw a game of fold ``k``.
        fold_of_game: Fold of each training game.
        boosted: Trees, one a fold as the networks, then those of all games; or none.
    """

    settings: ModelSettings
    schema: FeatureSchema
    play_set: PlaySet
    networks: tuple[DistributionNetwork, ...]
    fold_of_game: dict[str, int]
    boosted: tuple[CatchPoint, ...] = ()

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
        """See `Predictor`; the mean of the members' probabilities where they count from the catch.

        What happens to the ball is told by the trees alone, where there are any: networks add how
        far it goes once that is known. Other networks are pooled by `pooled_distribution`, which
        keeps their family.
        """
        chosen = slice(None) if fold is None else slice(fold, fold + 1)
        networks, trees = self.networks[chosen], self.boosted[chosen]
        inputs = network_inputs(features, self.settings, self.schema)
        if self.settings.family != "catch-point" or self.settings.sequence is not None:
            return pooled_distribution(networks, *inputs)
        parts: list[Distribution] = [network(*inputs) for network in networks]
        weights = [(1 - self.settings.boosted_share) / len(parts)] * len(parts)
        if trees:
            matrix = np.asarray(features)
            shares = [each.shares(matrix) for each in trees]
            logits = torch.from_numpy(np.mean(shares, axis=0)).log().float()
            parts = [with_shares(part, logits) for part in parts]
            masses = mean_masses(trees, matrix, shares)
            parts.append(GRIDS[Outcome.YARDS].distribution(masses))
            weights.append(self.settings.boosted_share)
        return Mixture(torch.tensor(weights).log(), parts, validate_args=False)


def with_shares(network: Distribution, logits: torch.Tensor) -> Mixture:
    """A network's `Mixture` with other weights, those of what happens to the ball.

    Args:
        network: What a network of family ``catch-point`` predicts.
        logits: Log-probabilities of an incompletion, a completion and an interception, ``(N, 3)``.
    """
    if not isinstance(network, Mixture):
        raise TypeError(f"network must predict a Mixture, got {type(network).__name__}.")
    return Mixture(logits, network.components, validate_args=False)


def whole_yard_distribution(
    latent: Distribution, yards_min: Integers | torch.Tensor, yards_max: Integers | torch.Tensor
) -> Discretized:
    """Distribution of the recorded yards: bounded by the field, rounded to whole yards.

    The goal line is a censoring point: its mass is the latent distribution's survival from half a
    yard short of it.
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (yards_min, yards_max))
    return Discretized(Censored(latent, low, high, validate_args=False), validate_args=False)
