"""Runs: train one, predict and score by it, and judge it beside its baselines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.data._features import feature_matrix
from dropback.errors import RequestError, RunError
from dropback.evaluation._calibration import Evaluation, evaluate
from dropback.evaluation._over_time import OverTime, evaluate_over_time
from dropback.expected_points import save_expected_points
from dropback.models._predict import predict
from dropback.models._store import data_digest, load_run
from dropback.models._train import train
from dropback.models.baselines import fit_baseline, forecast
from dropback.scoring import score_plays
from dropback.workflows._files import read_truth, write_json
from dropback.workflows._selecting import (
    TrackedSelection,
    TrackingSource,
    features_of,
    keep_unseen,
    sample_games,
    select_for_run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dataframely as dy

    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games, Selection
    from dropback.data._tables import Plays, Predictions, Scores
    from dropback.expected_points import ExpectedPoints
    from dropback.models import ModelSettings
    from dropback.models._model import PassModel
    from dropback.models._store import RunRecord

__all__ = [
    "EvaluatedRun",
    "evaluate_run",
    "predict_plays",
    "score_run",
    "train_run",
]


def train_run(
    selection: Selection,
    out: Path,
    *,
    settings: ModelSettings,
    seed: int = 0,
    games: Games = "regular",
    overwrite: bool = False,
    expected_points: ExpectedPoints | None = None,
    initial: Path | None = None,
    on_epoch: Callable[[int, int, float], None] | None = None,
) -> tuple[PassModel, RunRecord, Evaluation]:
    """Train on selected plays, write the run, and put its held-out report beside the weights.

    The model that valued the plays, where that was ours, is stored with the run, so that new
    plays are valued alike. `initial` names a run whose networks are trained on.
    """
    reports: list[Evaluation] = []

    def complete(model: PassModel, folder: Path) -> None:
        unseen = keep_unseen(selection, model)
        forecasts = predict_plays(model, unseen, seed=seed)
        held_out = evaluate(unseen.plays, {settings.family: forecasts}, seed=seed)
        write_json({"held_out": "out of fold", **held_out.as_dict()}, folder / "report.json")
        if expected_points is not None:
            save_expected_points(expected_points, folder / "expected_points")
        reports.append(held_out)

    model, record = train(
        selection.plays,
        out,
        settings=settings,
        seed=seed,
        games=games,
        features=features_of(selection),
        initial=None if initial is None else load_run(initial)[0],
        overwrite=overwrite,
        on_epoch=on_epoch,
        complete=complete,
    )
    return model, record, reports[0]


def predict_plays(
    model: PassModel, selection: Selection, *, seed: int
) -> dy.DataFrame[Predictions]:
    """Predictions in the order of the selected plays."""
    return predict(model, selection.plays, features=features_of(selection), seed=seed)


def score_run(model: PassModel, selection: Selection) -> dy.DataFrame[Scores]:
    """Play scores of the selected plays."""
    return score_plays(selection.plays, predict_plays(model, selection, seed=0))


@dataclass(frozen=True)
class EvaluatedRun:
    """An evaluation and the plays it was made on.

    Attributes:
        evaluation: The model and its baselines.
        plays: The plays.
        out_of_fold: Whether plays of training games are among them.
        by_time: The model's evaluations as the plays unfold; empty but for a play network that was
            trained on prefixes.
    """

    evaluation: Evaluation
    plays: dy.DataFrame[Plays]
    out_of_fold: bool
    by_time: OverTime


def evaluate_run(
    run: Path,
    source: PlayByPlaySource | TrackingSource,
    *,
    seasons: Sequence[int] | None,
    against: Sequence[str] = (),
    games: Games = "regular",
    sample: int | None = None,
    truth: Path | None = None,
    seed: int = 0,
    on_epoch: Callable[[str, int, int, float], None] | None = None,
) -> EvaluatedRun:
    """Evaluate a run, and baselines fitted on its training plays, on the plays of `seasons`.

    Args:
        run: The run folder.
        source: Play-by-play or tracking that holds `seasons` and, for baselines, the training
            seasons.
        seasons: Seasons to evaluate; None is all. Training seasons are predicted out of fold, by
            all; plays that every network has seen are left out.
        against: Names of baselines.
        games: Games to evaluate on.
        sample: Evaluate on whole games drawn at random until they hold this many plays.
        truth: ``truth.parquet`` of a simulated tracking league, for the baseline ``oracle``.
        seed: Of the sample, the randomized PIT and the bootstrap.
        on_epoch: Called with baseline, fold, epoch and validation loss.

    Raises:
        RunError: The training plays in `source` are not those that the run was trained on.
        RequestError: `sample` is below 1, or an unknown baseline.
    """
    if sample is not None and sample < 1:
        raise RequestError(f"sample must be at least 1 play, got {sample}.")
    model, record = load_run(run)
    chosen = keep_unseen(
        select_for_run(model, source, seasons=seasons, games=games, run=run), model
    )
    if sample is not None:
        chosen = sample_games(chosen, sample, seed)
    plays, features = chosen.plays, features_of(chosen)
    inside = set(plays["game_id"]) & set(model.fold_of_game)
    ours = predict(model, plays, features=features, seed=seed)
    predictions: dict[str, dy.DataFrame[Predictions]] = {_name(model): ours}
    if against:
        training = select_for_run(
            model,
            source,
            seasons=record.seasons,
            games=record.games,  # type: ignore[arg-type]  # written by train from this type
            run=run,
        )
        known = features_of(training)
        if known is None:
            known = feature_matrix(training.plays, model.schema)
        if data_digest(known, training.plays[model.outcome.value].to_numpy()) != record.data_digest:
            raise RunError(
                f"{run}: trained on other plays than {source} holds for seasons "
                f"{record.seasons[0]}-{record.seasons[-1]}; baselines must be fitted on the same."
            )
        true_distributions = None if truth is None else read_truth(truth)
        with tempfile.TemporaryDirectory(prefix="dropback-") as work:
            for name in against:
                baseline = fit_baseline(
                    name,
                    model,
                    record,
                    training.plays,
                    work=Path(work),
                    features=known,
                    truth=true_distributions,
                    on_epoch=None if on_epoch is None else _named(on_epoch, name),
                )
                predictions[name] = forecast(baseline, plays, features=features, seed=seed)
    return EvaluatedRun(
        evaluate(plays, predictions, seed=seed),
        plays,
        bool(inside),
        _by_time(model, chosen, ours, seed),
    )


def _named(
    on_epoch: Callable[[str, int, int, float], None], name: str
) -> Callable[[int, int, float], None]:
    return lambda fold, epoch, loss: on_epoch(name, fold, epoch, loss)


def _name(model: PassModel) -> str:
    """What a model is called in an evaluation: its family, and how it reads tracking."""
    sequence = model.settings.sequence
    return (
        model.settings.family if sequence is None else f"{model.settings.family}-{sequence.encoder}"
    )


def _by_time(
    model: PassModel, selection: Selection, released: dy.DataFrame[Predictions], seed: int
) -> OverTime:
    """Nothing where the model has no distributions before the release."""
    sequence = model.settings.sequence
    if not isinstance(selection, TrackedSelection) or not (sequence and sequence.prefix_share):
        return OverTime({}, {})
    return evaluate_over_time(
        model, selection.plays, selection.features, released, name=_name(model), seed=seed
    )
