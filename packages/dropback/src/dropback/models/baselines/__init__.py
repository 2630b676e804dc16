"""Baselines of the model, each as strong as its kind allows, fitted on the same games.

Baselines of a play network are other networks and trees on the same plays, the network itself with
less to see, and, where plays are simulated, the distribution that they were drawn from.

Every baseline gets the model's folds and validation games, so that the same play is held out for
all and all stop by the same plays. Each predicts a distribution, in whole yards bounded by the
field as the model's, so that all are judged by proper scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dropback._choices import nearest, parse_names
from dropback.data._features import feature_matrix
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._catch_point import fit_hazard, return_masses
from dropback.models._examples import Examples
from dropback.models._grid import GRIDS
from dropback.models._network import network_columns, observed_targets, validation_objective
from dropback.models._play_batches import TrackedPlays
from dropback.models._predict import fold_of_plays
from dropback.models._settings import TCN_NETWORK, ModelSettings
from dropback.models._train import Training, split_fold
from dropback.models.baselines._air_yards import fit_air_yards
from dropback.models.baselines._cp_xyac import fit_cp_xyac
from dropback.models.baselines._distributions import (
    Baseline,
    Climatology,
    Oracle,
    oracle_masses,
)
from dropback.models.baselines._forecasts import Pooled
from dropback.models.baselines._forest import extra_trees_regressor, fit_quantile_forest
from dropback.models.baselines._isotonic import fit_idr
from dropback.models.baselines._tabpfn import fit_tabpfn, tabpfn_regressor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import dataframely as dy
    import polars as pl
    from torch.distributions import Distribution

    from dropback._arrays import Floats
    from dropback.data._tables import Plays
    from dropback.models._catch_point import CatchPoint
    from dropback.models._model import PassModel, Predictor
    from dropback.models._network import PlayInputs
    from dropback.models._store import Run
    from dropback.models.baselines._forecasts import Forecast

__all__ = [
    "BASELINES",
    "TRACKING_BASELINES",
    "fit_baseline",
    "parse_baselines",
    "require_packages",
]


def with_one_return(forecast: CatchPoint, training: Examples) -> CatchPoint:
    """The forecast with one distribution of returns for all interceptions, as the recipe has it."""
    return replace(forecast, returns=return_masses(training))


def fit_recipe(training: Examples, validation: Examples, seed: int) -> CatchPoint:
    """Fit what happens, the hazard of each yard, and one distribution of returns."""
    return with_one_return(fit_hazard(training, validation, seed), training)


_FORECASTS: dict[str, Callable[[Examples, Examples, int], Forecast]] = {
    "hazard": fit_recipe,
    "cp-xyac": fit_cp_xyac,
    "quantile-forest": fit_quantile_forest,
    "air-yards": fit_air_yards,
    "idr": fit_idr,
    "tabpfn": fit_tabpfn,
}
_CAUGHT = ("hazard", "cp-xyac", "air-yards")
"""Those that count yards from the throw, so that they need air yards."""

BASELINES = {
    "gaussian": "a Gaussian on the same trunk",
    "binned": "the same network without tails",
    "hazard": "what happens, then the hazard of each yard after the catch, by boosted trees",
    "cp-xyac": "completion probability and classes of yards after the catch, as in nflfastR",
    "quantile-forest": "a forest's weights on the training outcomes",
    "air-yards": "a smoothed table of what happens and how far it goes, by air yards alone",
    "idr": "boosted trees, and isotonic distributional regression around their point",
    "tabpfn": "TabPFN, where it is installed",
    "climatology": "the distribution of all training outcomes",
}
"""Name and meaning of each baseline of a model of play-by-play."""

TRACKING_BASELINES = {
    "gaussian": BASELINES["gaussian"],
    "binned": BASELINES["binned"],
    "climatology": BASELINES["climatology"],
    "idr": "boosted trees on engineered columns of the release, and IDR around their point",
    "idr-flat": "boosted trees on all columns of three frames, and IDR around their point",
    "static": "a network that sees the situation alone",
    "tcn": "the published network, a temporal convolution over all columns of a frame",
    "release-only": "the play network, trained at the release alone",
    "early": "the play network, half a second before the release",
    "oracle": "the distribution that the plays were drawn from, where they are simulated",
}
"""Name and meaning of each baseline of a play network."""

# A point plus the residuals of all plays was no match for the spread of a throw.
_GONE = {
    "xgboost": "idr",
    "xgboost-mae": "idr",
    "xgboost-flat": "idr-flat",
    "xgboost-flat-mae": "idr-flat",
}


_EARLY_S = 0.5


def parse_baselines(
    text: str | Iterable[str], known: Mapping[str, str] = BASELINES
) -> tuple[str, ...]:
    """Names from a list, or from a text with commas between them.

    Args:
        text: The list.
        known: `BASELINES` or `TRACKING_BASELINES`.

    Raises:
        RequestError: A name that is no baseline, or no longer one.

    Example:
        >>> parse_baselines("gaussian, climatology")
        ('gaussian', 'climatology')
    """
    names = parse_names(text)
    for name in names:
        if _GONE.get(name) in known:
            raise RequestError(
                f"The baseline {name!r} is gone: take {_GONE[name]!r}, which has the same trees "
                "and a better distribution around their point."
            )
        if name not in known:
            raise RequestError(
                f"Unknown baseline {name!r}: choose among {', '.join(known)}.{nearest(name, known)}"
            )
    return names


def require_packages(names: Iterable[str]) -> None:
    """Raise unless what some baselines need is installed, before any of them is fitted.

    Raises:
        RequestError: A package is absent.
    """
    needs = {"tabpfn": tabpfn_regressor, "quantile-forest": extra_trees_regressor}
    for name in names:
        if name in needs:
            needs[name]()


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
        on_epoch: Called with fold, epoch and validation loss after each epoch; for baselines that
            are no networks, once a fold.

    Raises:
        RequestError: Unknown name, plays without the air yards that the baseline needs, an
            outcome that it does not predict, a package it needs is absent, or no truth for the
            oracle.
    """
    model, seed = run.model, run.record.seed
    known = BASELINES if model.settings.sequence is None else TRACKING_BASELINES
    parse_baselines(name, known)
    if features is None:
        features = feature_matrix(plays, model.schema)
    common = (model.schema, model.play_set, model.fold_of_game, model.members, model.outcome)
    if name == "oracle":
        return Oracle(*common, oracle_masses(truth))
    counts = _training_counts(model, plays)
    if name == "climatology":
        return Climatology(*common, counts)
    view = _view_of(name, model)
    if (fit := _FORECASTS.get(name.removesuffix("-flat"))) is not None:
        _require_throws(name, model)
        examples = Examples(plays, np.asarray(view(features)), model.schema, model.outcome)
        games, pooled = plays["game_id"].to_list(), Pooled(*common, (), counts, view)
        for fold in range(model.members):
            split = split_fold(games, model.fold_of_game, fold, model.settings, seed)
            learned, validation = examples[split.training], examples[split.validation]
            if name == "hazard" and model.boosted:
                # Trees of the model, learned from the same games.
                forecast: Forecast = with_one_return(model.boosted[fold], learned)
            else:
                forecast = fit(learned, validation, seed)
            pooled = replace(pooled, forecasts=(*pooled.forecasts, forecast))
            if on_epoch is not None:
                loss = validation_objective(model.settings)(
                    pooled.predict_distribution(features[split.validation], fold),
                    *observed_targets(plays[split.validation], model.outcome),
                )
                on_epoch(fold, 0, float(loss.mean()))
        return pooled
    settings, state = _network_settings(name, model.settings), work / name
    seen = view(features)
    training = Training(
        plays, seen, model.schema, settings, seed, state, model.fold_of_game, on_epoch
    )
    baseline, _ = training.model()
    return Viewed(*common, baseline, view)


def _training_counts(model: PassModel, plays: pl.DataFrame) -> tuple[Floats, ...]:
    """Smoothed counts of the outcomes outside each fold."""
    grid, observed = GRIDS[model.outcome], plays[model.outcome.value].to_numpy()
    folds = fold_of_plays(model, plays)
    return tuple(grid.counts(observed[folds != fold]) for fold in range(model.members))


def _require_throws(name: str, model: PassModel) -> None:
    if name not in _CAUGHT:
        return
    if model.outcome is not Outcome.YARDS:
        raise RequestError(
            f"The baseline {name!r} predicts yards, and the run predicts {model.outcome.value!r}."
        )
    if "air_yards" not in model.schema.names:
        raise RequestError(
            f"The baseline {name!r} needs air yards, which {model.play_set.value!r} plays lack (a "
            "sack has none): take a run of targeted attempts."
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
        # Beside trees a network has learned what it adds in half the epochs that it needs alone.
        epochs = settings.fit.max_epochs * (2 if settings.boosted_share else 1)
        return replace(
            settings,
            family=name,  # type: ignore[arg-type]
            objective="exact",
            boosted_share=0.0,
            fit=replace(settings.fit, max_epochs=epochs),
        )
    if name == "static":
        return ModelSettings(
            outcome=settings.outcome, folds=settings.folds, members=settings.members
        )
    assert settings.sequence is not None  # noqa: S101  # the others are baselines of play networks
    if name == "tcn":
        return replace(
            TCN_NETWORK,
            outcome=settings.outcome,
            folds=settings.folds,
            members=settings.members,
            fit=replace(TCN_NETWORK.fit, seed=settings.fit.seed, device=settings.fit.device),
        )
    if name == "release-only":
        return replace(settings, sequence=replace(settings.sequence, prefix_share=0.0))
    return settings


def _view_of(name: str, model: PassModel) -> Callable[[PlayInputs], PlayInputs]:
    """What a baseline sees of plays."""
    if model.settings.sequence is None:
        # Trees of the throw as a column lose by the weather what they gain: see
        # docs/results/index.md. The hazard has its correction, as the model has.
        whole = name == "hazard"
        return lambda features: features if whole else network_columns(features, model.schema)
    views: dict[str, Callable[[TrackedPlays], PlayInputs]] = {
        "static": TrackedPlays.static_matrix,
        "early": lambda tracked: tracked.before_release(_EARLY_S),
        "idr": TrackedPlays.engineered_matrix,
        "idr-flat": TrackedPlays.flat_matrix,
    }
    return views.get(name, lambda tracked: tracked)  # type: ignore[return-value]
