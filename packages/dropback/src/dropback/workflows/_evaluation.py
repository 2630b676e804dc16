"""Evaluate a run beside baselines that are fitted on its training plays."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dropback._choices import Seasons, season_list
from dropback._statistics import whole_seed
from dropback.data._features import feature_matrix
from dropback.data._selection import Selection
from dropback.errors import ReaderError, RequestError, RunError
from dropback.evaluation import Evaluation, OverTime, evaluate_over_time
from dropback.evaluation import evaluate as evaluate_predictions
from dropback.models._predict import predict_plays
from dropback.models._store import Run, data_digest
from dropback.models.baselines import (
    BASELINES,
    TRACKING_BASELINES,
    fit_baseline,
    parse_baselines,
    require_packages,
)
from dropback.workflows._files import read_truth
from dropback.workflows._plays import (
    TrackedSelection,
    features_of,
    open_source,
    read_plays_for,
    sample_games,
)
from dropback.workflows._runs import as_run, predict_selection
from dropback.workflows._tasks import TaskRunner, task_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dataframely as dy
    import polars as pl

    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games
    from dropback.data._tables import Predictions
    from dropback.execution import ExecutorChoice
    from dropback.models._model import PassModel
    from dropback.workflows._plays import Source


@dataclass(frozen=True)
class RunEvaluation:
    """Accuracy and calibration of a run and its baselines.

    Attributes:
        evaluation: At the release of the ball: ``metrics`` by model and name, each an estimate
            with its 90 % interval, and the paired ``differences`` to each baseline.
        by_time: By time since the snap and before the release; empty but for a play network that
            was trained on prefixes.
        out_of_fold: Whether plays of training games are among those evaluated.
    """

    evaluation: Evaluation
    by_time: OverTime
    out_of_fold: bool

    def as_dict(self) -> dict[str, object]:
        """Content of the report that ``dropback evaluate --json`` writes."""
        by_time = {
            name: {f"{seconds:g}": each.as_dict() for seconds, each in evaluations.items()}
            for name, evaluations in (
                ("seconds_since_snap", self.by_time.since_snap),
                ("seconds_before_release", self.by_time.before_release),
            )
        }
        return self.evaluation.as_dict() | by_time


def evaluate(
    run: Run | AnyPath,
    data: Source | Selection,
    *,
    seasons: Seasons | None = None,
    against: str | Sequence[str] = (),
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
    sample: int | None = None,
    truth: AnyPath | None = None,
    seed: int = 0,
    executor: ExecutorChoice = "serial",
    store: AnyPath | None = None,
    on_epoch: Callable[[str, int, int, float], None] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> RunEvaluation:
    """Evaluate a run, and baselines fitted on its training plays, on the same plays.

    Args:
        run: A run, or its folder.
        data: Play-by-play or tracking, as for `read_plays`, or the plays that it returned. For
            baselines it must hold the training seasons too.
        seasons: Seasons to evaluate; None is all. Training seasons, which must not be mixed with
            others, are predicted out of fold, by all models; plays that every network has seen are
            left out.
        against: Baselines, several or separated by commas: ``hazard``, ``cp-xyac``,
            ``quantile-forest``, ``air-yards``, ``idr``, ``tabpfn``, ``gaussian``, ``binned``,
            ``climatology``; with tracking others (`dropback.models.baselines.TRACKING_BASELINES`).
        games: Games to evaluate on.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.
        sample: Evaluate on whole games drawn at random until they hold this many plays.
        truth: ``truth.parquet`` of a simulated tracking league, for the baseline ``oracle``.
        seed: Seed of the sample, the randomized PIT and the bootstrap.
        executor: Where plays are predicted: see `dropback.execution.ExecutorChoice`.
        store: Path or URL beside which tasks leave their results, where they run elsewhere; None
            takes a temporary folder of this machine.
        on_epoch: Called with baseline, fold, epoch and validation loss, where this process fits.
        on_step: Called with what was done elsewhere.

    Raises:
        RunError: As for `predict`, or the training plays in `data` are not those of the run.
        RequestError: Some of the seasons are training seasons, `sample` is below 1, a seed that is
            no whole number of 0 or more, a truth without the oracle, an unknown baseline, one that
            the run's plays or outcome do not suit or whose package is absent, or baselines without
            a source of training plays.

    Example:
        >>> found = dropback.evaluate(run, league, seasons=[2021], against=["climatology"])
        >>> crps = {name: row["crps"] for name, row in found.evaluation.metrics.items()}
        >>> list(crps), crps["sbp"].low < crps["sbp"].value < crps["sbp"].high
        (['sbp', 'climatology'], True)
    """
    if sample is not None and sample < 1:
        raise RequestError(f"sample must be at least 1 play, got {sample}.")
    if against and isinstance(data, Selection):
        raise RequestError(
            "Baselines are fitted on the training plays: give play-by-play or tracking that holds "
            "them, not selected plays."
        )
    whole_seed(seed)
    chosen = as_run(run)
    model = chosen.model
    tracked = model.settings.sequence is not None
    against = parse_baselines(against, TRACKING_BASELINES if tracked else BASELINES)
    if truth is not None and "oracle" not in against:
        raise RequestError(
            "truth (--truth) is what the baseline 'oracle' predicts by, which is not among those "
            f"asked for ({', '.join(against) or 'none'}): name it in against, or leave truth out."
        )
    require_packages(against)
    with task_runner(executor, store, on_step) as tasks:
        source = data if isinstance(data, Selection) else open_source(data, tracked=tracked)
        selection = read_plays_for(
            chosen, source, seasons=seasons, games=games, play_by_play=play_by_play
        )
        _require_apart(chosen, selection)
        if sample is not None:
            selection = sample_games(selection, sample, seed)
        training = None
        if against:
            assert not isinstance(source, Selection)  # noqa: S101  # refused above
            training = _training_plays(chosen, source, play_by_play)
        distributions = None if truth is None else read_truth(truth)
        ours = predict_selection(chosen, selection, seed, tasks)
        predictions = {_name(model): ours}
        if training is not None:
            predictions |= _baselines(
                against, chosen, training, selection, distributions, seed, tasks, on_epoch
            )
    return RunEvaluation(
        evaluate_predictions(selection.plays, predictions, seed=seed),
        _by_time(model, selection, ours, seed),
        bool(set(selection.plays["game_id"]) & set(model.fold_of_game)),
    )


def _training_plays(run: Run, source: Source, play_by_play: PlayByPlaySource | None) -> Selection:
    """The plays that a run was trained on; fail where the data do not hold them."""
    seasons = run.record.seasons
    try:
        training = read_plays_for(
            run,
            source,
            seasons=seasons,
            games=run.record.games,  # type: ignore[arg-type]  # written by train from this type
            play_by_play=play_by_play,
            keep_seen=True,
        )
    except (ReaderError, RequestError) as error:
        raise RunError(
            f"Baselines are fitted on the plays that {run.folder} was trained on, of "
            f"{season_list(seasons)}, so the data must hold them beside those to evaluate. {error}"
        ) from error
    _require_training_plays(run, training)
    return training


def _require_training_plays(run: Run, training: Selection) -> None:
    known = features_of(training)
    if known is None:
        known = feature_matrix(training.plays, run.model.schema)
    observed = training.plays[run.model.outcome.value].to_numpy()
    if data_digest(known, observed) != run.record.data_digest:
        raise RunError(
            f"{run.folder}: trained on other plays than the data hold for "
            f"{season_list(run.record.seasons)}, or on other weather of the same; baselines must "
            "be fitted on the same."
        )


def _baselines(
    names: Sequence[str],
    run: Run,
    training: Selection,
    selection: Selection,
    truth: pl.DataFrame | None,
    seed: int,
    tasks: TaskRunner | None,
    on_epoch: Callable[[str, int, int, float], None] | None,
) -> dict[str, dy.DataFrame[Predictions]]:
    """Predictions of selected plays by baselines that are fitted on the training plays."""
    if tasks is not None:
        return tasks.baselines(names, run, training, selection, truth, seed)
    predictions = {}
    with tempfile.TemporaryDirectory(prefix="dropback-") as work:
        for name in names:
            baseline = fit_baseline(
                name,
                run,
                training.plays,
                work=Path(work),
                features=features_of(training),
                truth=truth,
                on_epoch=None if on_epoch is None else partial(on_epoch, name),
            )
            predictions[name] = predict_plays(
                baseline, selection.plays, features=features_of(selection), seed=seed
            )
    return predictions


def _require_apart(run: Run, selection: Selection) -> None:
    """Fail where training seasons, predicted out of fold, would be averaged with others."""
    learned = set(run.record.seasons)
    judged = set(selection.plays["season"])
    if learned & judged and not judged <= learned:
        raise RequestError(
            f"Seasons {', '.join(map(str, sorted(judged)))} overlap the training seasons "
            f"{', '.join(map(str, sorted(learned)))} of {run.folder}, which are predicted out of "
            "fold: evaluate those and the others apart."
        )


def _name(model: PassModel) -> str:
    """Name of a model in an evaluation: its family, and how it reads tracking."""
    sequence = model.settings.sequence
    return (
        model.settings.family if sequence is None else f"{model.settings.family}-{sequence.encoder}"
    )


def _by_time(
    model: PassModel, selection: Selection, released: dy.DataFrame[Predictions], seed: int
) -> OverTime:
    """Empty where the model has no distributions before the release."""
    sequence = model.settings.sequence
    if not isinstance(selection, TrackedSelection) or not (sequence and sequence.prefix_share):
        return OverTime({}, {})
    return evaluate_over_time(
        model, selection.plays, selection.features, released, name=_name(model), seed=seed
    )
