"""Networks as baselines: the model with another head or trunk, or with less to see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dropback.models._play_batches import TrackedPlays
from dropback.models._settings import ModelSettings
from dropback.models.baselines._distributions import Baseline

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.distributions import Distribution

    from dropback.models._model import PassModel
    from dropback.models._network import PlayInputs

_EARLY_S = 0.5


@dataclass(frozen=True)
class Viewed(Baseline):
    """A network that sees what `view` shows."""

    network: PassModel
    view: Callable[[PlayInputs], PlayInputs]

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        return self.network.predict_distribution(self.view(features), fold)


def network_settings(name: str, settings: ModelSettings) -> ModelSettings:
    """Settings of a baseline that is a network: the model's but for what its name says."""
    if name in {"gaussian", "binned"}:
        return replace(settings, family=name, objective="exact")  # type: ignore[arg-type]
    if name == "static":
        return ModelSettings(
            outcome=settings.outcome, folds=settings.folds, members=settings.members
        )
    assert settings.sequence is not None  # noqa: S101  # the others are baselines of play networks
    changed: dict[str, dict[str, Any]] = {
        "flat": {"encoder": "flat"},
        "players": {"encoder": "players"},
        "release-only": {"prefix_share": 0.0},
    }
    return replace(settings, sequence=replace(settings.sequence, **changed.get(name, {})))


def view_of(name: str, model: PassModel) -> Callable[[PlayInputs], PlayInputs]:
    """What a baseline sees of plays."""
    if model.settings.sequence is None:
        return lambda features: features
    views: dict[str, Callable[[TrackedPlays], PlayInputs]] = {
        "static": TrackedPlays.static_matrix,
        "no-engineered": TrackedPlays.without_engineered,
        "early": lambda tracked: tracked.before_release(_EARLY_S),
        "xgboost": TrackedPlays.engineered_matrix,
        "xgboost-mae": TrackedPlays.engineered_matrix,
        "xgboost-flat": TrackedPlays.flat_matrix,
        "xgboost-flat-mae": TrackedPlays.flat_matrix,
    }
    return views.get(name, lambda tracked: tracked)  # type: ignore[return-value]
