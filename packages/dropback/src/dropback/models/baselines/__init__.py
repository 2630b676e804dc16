"""Baselines of the model, each as strong as its kind allows, fitted on the same games.

Baselines of a play network are other networks and trees on the same plays, the network itself with
less to see, and, where plays are simulated, the distribution that they were drawn from.

Every baseline gets the model's folds and validation games, so that the same play is held out for
all. XGBoost gives a point; its distribution is that point plus the residuals on its validation
games, so that it can be judged by proper scores too, not by its absolute error alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dropback._choices import parse_names
from dropback.data._features import feature_matrix
from dropback.data._tables import Predictions
from dropback.errors import RequestError
from dropback.models._play_batches import TrackedPlays
from dropback.models._predict import fold_of_plays, predict_plays
from dropback.models._settings import ModelSettings
from dropback.models._train import Training
from dropback.models.baselines._distributions import (
    GRIDS,
    Baseline,
    Climatology,
    Oracle,
    oracle_masses,
)
from dropback.models.baselines._trees import BoostedTrees, fit_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import dataframely as dy
    from torch.distributions import Distribution

    from dropback.data._tables import Plays
    from dropback.models._model import PassModel, Predictor
    from dropback.models._network import PlayInputs
    from dropback.models._store import Run

__all__ = ["BASELINES", "TRACKING_BASELINES", "fit_baseline", "parse_baselines", "predict_baseline"]

BASELINES = {
    "gaussian": "a Gaussian on the same trunk",
    "binned": "the same network without tails",
    "xgboost": "boosted trees, squared error",
    "xgboost-mae": "boosted trees, absolute error",
    "climatology": "the distribution of all training outcomes",
}
"""Name and meaning of each baseline of a model of play-by-play."""

TRACKING_BASELINES = {
    **BASELINES,
    "xgboost": "boosted trees on engineered columns of the release, squared error",
    "xgboost-mae": "the same, absolute error",
    "xgboost-flat": "boosted trees on all columns of three frames, squared error",
    "xgboost-flat-mae": "the same, absolute error",
    "static": "a network that sees the situation alone",
    "flat": "the play network on the columns of a frame side by side",
    "players": "the play network with a shared encoder of players",
    "release-only": "the play network, trained at the release alone",
    "no-engineered": "the play network without engineered columns",
    "early": "the play network, half a second before the release",
    "oracle": "the distribution that the plays were drawn from, where they are simulated",
}
"""Name and meaning of each baseline of a play network."""


_EARLY_S = 0.5


def parse_baselines(text: str, known: Mapping[str, str] = BASELINES) -> tuple[str, ...]:
    """Names from a comma-separated list.

    Args:
        text: The list.
        known: `BASELINES` or `TRACKING_BASELINES`.

    Raises:
        RequestError: A name that is no baseline.

    Example:
        >>> parse_baselines("gaussian, climatology")
        ('gaussian', 'climatology')
    """
    names = parse_names(text)
    for name in names:
        if name not in known:
            raise RequestError(f"Unknown baseline {name!r}: choose among {', '.join(known)}.")
    return names


def fit_baseline(
    name: str,
    run: Run,
    plays: dy.DataFrame[Plays],
    *,
    work: Path,
    features: PlayInputs | None = None,
    truth: pl.DataFrame | None = None,
    on_epoch: Callable[[int, int, float], None] | None = None,
) -> Predictor:
    """Fit one baseline on the training plays of a run.

    Args:
        name: One of `BASELINES`, or of `TRACKING_BASELINES` for a play network.
        run: The run, whose folds, features and seed the baseline shares.
        plays: The run's training plays.
        work: A folder for the state of a network's fit.
        features: What is known of the plays; None takes the columns of play-by-play.
        truth: ``truth.parquet`` of a simulated tracking league, for ``oracle``.
        on_epoch: Called with fold, epoch and validation loss after each epoch.

    Raises:
        RequestError: Unknown name, or no truth for the oracle.
    """
    model, seed = run.model, run.record.seed
    known = BASELINES if model.settings.sequence is None else TRACKING_BASELINES
    parse_baselines(name, known)
    if features is None:
        features = feature_matrix(plays, model.schema)
    common = (model.schema, model.play_set, model.fold_of_game, model.members, model.outcome)
    if name == "oracle":
        return Oracle(*common, oracle_masses(truth))
    if name == "climatology":
        grid, observed = GRIDS[model.outcome], plays[model.outcome.value].to_numpy()
        folds = fold_of_plays(model, plays)
        counts = [grid.counts(observed[folds != fold]) for fold in range(model.members)]
        return Climatology(*common, tuple(counts))
    view = _view_of(name, model)
    if name.startswith("xgboost"):
        return fit_trees(name, model, seed, plays, features, view, on_epoch)
    settings, state = _network_settings(name, model.settings), work / name
    seen = view(features)
    training = Training(plays, seen, settings, seed, state, model.fold_of_game, on_epoch)
    baseline, _ = training.model(model.schema)
    return Viewed(*common, baseline, view)


def predict_baseline(
    baseline: Predictor,
    plays: dy.DataFrame[Plays],
    *,
    features: PlayInputs | None = None,
    seed: int,
) -> dy.DataFrame[Predictions]:
    """Predictions of a baseline; of boosted trees the point is median and mean."""
    if features is None:
        features = feature_matrix(plays, baseline.schema)
    predictions = predict_plays(baseline, plays, features=features, seed=seed)
    if not isinstance(baseline, BoostedTrees):
        return predictions
    folds = fold_of_plays(baseline, plays)
    point = np.empty(len(plays))
    for fold in np.unique(folds):
        rows = folds == fold
        point[rows] = baseline.point(features[rows], None if fold < 0 else int(fold))
    return Predictions.validate(
        predictions.with_columns(median=pl.Series(point), mean=pl.Series(point))
    )


@dataclass(frozen=True)
class Viewed(Baseline):
    """A network that sees what `view` shows."""

    network: PassModel
    view: Callable[[PlayInputs], PlayInputs]

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        return self.network.predict_distribution(self.view(features), fold)


def _network_settings(name: str, settings: ModelSettings) -> ModelSettings:
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


def _view_of(name: str, model: PassModel) -> Callable[[PlayInputs], PlayInputs]:
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
