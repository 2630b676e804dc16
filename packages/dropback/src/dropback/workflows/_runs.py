"""Train a run, predict and score plays with it, and evaluate it beside its baselines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from dropback._choices import Seasons, parse_names
from dropback._frames import FrameT, like
from dropback.data._features import feature_matrix
from dropback.data._selection import Selection
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError, RunError
from dropback.evaluation import Evaluation, OverTime, evaluate_over_time
from dropback.evaluation import evaluate as evaluate_predictions
from dropback.expected_points import load_expected_points, save_expected_points
from dropback.models import PLAY_NETWORK, ModelSettings, settings_for
from dropback.models._predict import predict_plays
from dropback.models._store import Run, data_digest, load_run
from dropback.models._train import train_run
from dropback.models.baselines import fit_baseline
from dropback.scoring import score_plays
from dropback.tracking import PlayTensors
from dropback.workflows._files import read_truth, write_json
from dropback.workflows._plays import (
    TrackedSelection,
    features_of,
    fit_expected_points_for,
    keep_unseen,
    open_source,
    read_plays,
    read_plays_for,
    sample_games,
)
from dropback.workflows._tasks import TaskRunner, member_fitter, task_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias, TypedDict, Unpack

    import dataframely as dy
    import polars as pl

    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games
    from dropback.data._tables import Predictions
    from dropback.execution import ExecutorChoice
    from dropback.expected_points import ExpectedPoints
    from dropback.models._model import PassModel
    from dropback.workflows._plays import Source

    # No data frame: the table comes back as polars.
    NoFrame: TypeAlias = AnyPath | Sequence[str | Path] | PlayTensors | Selection

    class _Options(TypedDict, total=False):
        seasons: Seasons | None
        games: Games
        play_by_play: PlayByPlaySource | None
        executor: ExecutorChoice
        store: AnyPath | None
        on_step: Callable[[str], None]

    class _SeedOptions(_Options, total=False):
        seed: int


def train(
    data: Source | Selection,
    out: AnyPath,
    *,
    seasons: Seasons | None = None,
    plays: PlaySet | str = PlaySet.TARGETED,
    games: Games = "regular",
    settings: ModelSettings | None = None,
    play_by_play: PlayByPlaySource | None = None,
    expected_points: ExpectedPoints | AnyPath | None = None,
    initial: Run | AnyPath | None = None,
    seed: int = 0,
    overwrite: bool = False,
    executor: ExecutorChoice = "serial",
    on_epoch: Callable[[int, int, float], None] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train a model on plays and write its run folder, whole or not at all.

    Each fold of the games gets a network that never sees it, so that every training play can be
    predicted out of fold; that evaluation is ``report.json`` in the folder. If training is
    interrupted, the same call resumes from the last epoch.

    Args:
        data: Play-by-play or tracking, as for `read_plays`, or the plays that it returned.
        out: The run folder, a path or a URL, to write.
        seasons: Seasons to train on; None takes all.
        plays: Which plays, as for `read_plays`.
        games: Which games: ``regular``, ``postseason`` or ``all``.
        settings: What and how to fit, the outcome included; None takes yards and
            `dropback.models.settings_for` the plays, or for tracking `PLAY_NETWORK`.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.
        expected_points: Where the outcome is EPA: the model that values the snaps, or its folder;
            None takes nflverse's EPA, or fits a model where the data have none. Stored with the
            run, so that new plays are valued alike.
        initial: A run whose networks are trained further; None takes new weights.
        seed: Seed of folds, initial weights and fits.
        overwrite: Replace what `out` holds.
        executor: Where the members are fitted: ``serial`` is this process; others are
            `dropback.execution.ExecutorChoice`. The run is the same everywhere.
        on_epoch: Called with fold, epoch and validation loss (nats) after each epoch, where this
            process fits.
        on_step: Called with the name of each member that was fitted elsewhere.

    Returns:
        The run, as `load_run` loads it.

    Raises:
        ReaderError: As for `read_plays`.
        RequestError: `out` is taken, too few games for the folds, a setting out of range, or the
            fit diverged.

    Example:
        >>> from dropback.models import ModelSettings
        >>> from splicedpareto.training import FitSettings
        >>> small = ModelSettings(folds=2, width=8, fit=FitSettings(max_epochs=1))
        >>> trained = dropback.train(league, f"{folder}/new", seasons=[2020], settings=small)
        >>> trained.record.seasons, trained.record.plays, trained.model.members
        ((2020,), 525, 2)
    """
    source = data if isinstance(data, Selection) else open_source(data)
    tracked = isinstance(source, PlayTensors | TrackedSelection)
    if settings is None:
        play_set = source.plays["play_set"][0] if isinstance(source, Selection) else plays
        settings = PLAY_NETWORK if tracked else settings_for(play_set, Outcome.YARDS)
    if tracked != (settings.sequence is not None):
        needed, found = ("play-by-play", "tracking") if tracked else ("tracking", "play-by-play")
        raise RequestError(f"The settings are for {needed}, but the data are {found}.")
    values = expected_points
    if isinstance(values, str | PathLike):
        values = load_expected_points(Path(values))
    if isinstance(source, Selection):
        selection = source
    else:
        if values is None and settings.outcome is Outcome.EPA:
            values = fit_expected_points_for(source, seasons=seasons, play_by_play=play_by_play)
        selection = read_plays(
            source,
            seasons=seasons,
            plays=plays,
            games=games,
            outcome=settings.outcome,
            play_by_play=play_by_play,
            expected_points=values,
        )

    def complete(model: PassModel, folder: Path) -> None:
        unseen = keep_unseen(selection, model)
        predictions = predict_plays(model, unseen.plays, features=features_of(unseen), seed=seed)
        held_out = evaluate_predictions(unseen.plays, {settings.family: predictions}, seed=seed)
        write_json({"held_out": "out of fold", **held_out.as_dict()}, folder / "report.json")
        if values is not None:
            save_expected_points(values, folder / "expected_points")

    return train_run(
        selection.plays,
        out,
        settings=settings,
        seed=seed,
        games=games,
        features=features_of(selection),
        initial=None if initial is None else _as_run(initial).model,
        overwrite=overwrite,
        on_epoch=on_epoch,
        complete=complete,
        fit_model=member_fitter(executor, out, on_step),
    )


@overload
def predict(run: Run | AnyPath, data: NoFrame, **options: Unpack[_SeedOptions]) -> pl.DataFrame: ...
@overload
def predict(run: Run | AnyPath, data: FrameT, **options: Unpack[_SeedOptions]) -> FrameT: ...
def predict(
    run: Run | AnyPath,
    data: Any,
    *,
    seasons: Seasons | None = None,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
    seed: int = 0,
    executor: ExecutorChoice = "serial",
    store: AnyPath | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Any:
    """Predictive distribution of each play in numbers, and where its outcome fell in it.

    A play of a training game is predicted by the network that never saw that game, any other play
    by all networks together.

    Args:
        run: A run, or its folder.
        data: Play-by-play or tracking, as for `read_plays`, or the plays that it returned.
        seasons: Seasons to predict; None takes all.
        games: Which games: ``regular``, ``postseason`` or ``all``.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.
        seed: Seed of the randomized PIT.
        executor: Where plays are predicted: see `dropback.execution.ExecutorChoice`.
        store: Path or URL beside which tasks leave their results, where they run elsewhere; None
            takes a temporary folder of this machine.
        on_step: Called with what was done elsewhere.

    Returns:
        One row a play, in a frame of the kind of `data`, else polars: the keys, ``observed``,
        ``median``, ``mean``, quantiles ``q01`` to ``q99`` and ``crps`` in the outcome's units
        (yards or points), ``mid_cdf`` and ``pit`` in [0, 1], ``log_score`` in nats.

    Raises:
        RunError: The run is damaged, reads other data, or learned EPA from another source.
        ReaderError: As for `read_plays`.
        RequestError: Every network was trained on all of the plays.

    Example:
        >>> predictions = dropback.predict(run, league, seasons=[2021])
        >>> ordered = predictions["q05"] <= predictions["median"]
        >>> predictions.height, ordered.all(), predictions["mid_cdf"].is_between(0, 1).all()
        (486, True, True)
    """
    chosen = _as_run(run)
    selection = read_plays_for(
        chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
    )
    with task_runner(executor, store, on_step) as tasks:
        return _as_given(data, _predict(chosen, selection, seed, tasks))


@overload
def score(run: Run | AnyPath, data: NoFrame, **options: Unpack[_Options]) -> pl.DataFrame: ...
@overload
def score(run: Run | AnyPath, data: FrameT, **options: Unpack[_Options]) -> FrameT: ...
def score(
    run: Run | AnyPath,
    data: Any,
    *,
    seasons: Seasons | None = None,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
    executor: ExecutorChoice = "serial",
    store: AnyPath | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Any:
    """Score of each play: the mid-CDF of its outcome under the distribution predicted for it.

    Args:
        run: A run, or its folder.
        data: Play-by-play or tracking, as for `read_plays`, or the plays that it returned.
        seasons: Seasons to score; None takes all.
        games: Which games: ``regular``, ``postseason`` or ``all``.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.
        executor: Where plays are predicted: see `dropback.execution.ExecutorChoice`.
        store: Path or URL beside which tasks leave their results, where they run elsewhere; None
            takes a temporary folder of this machine.
        on_step: Called with what was done elsewhere.

    Returns:
        One row a play, in a frame of the kind of `data`, else polars: the play's context, its
        ``median`` and ``mean``, and ``play_score`` in [0, 1], on average one half.

    Raises:
        RunError: As for `predict`.
        ReaderError: As for `read_plays`.
        RequestError: As for `predict`.

    Example:
        >>> scores = dropback.score(run, league, seasons=[2021])
        >>> scores.height, 0.4 < scores["play_score"].mean() < 0.6
        (486, True)
    """
    chosen = _as_run(run)
    selection = read_plays_for(
        chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
    )
    with task_runner(executor, store, on_step) as tasks:
        predictions = _predict(chosen, selection, 0, tasks)
    return _as_given(data, score_plays(selection.plays, predictions))


def _as_run(run: Run | AnyPath) -> Run:
    return run if isinstance(run, Run) else load_run(run)


def _predict(
    run: Run, selection: Selection, seed: int, tasks: TaskRunner | None
) -> dy.DataFrame[Predictions]:
    if tasks is not None:
        return tasks.predict(run, selection, seed)
    return predict_plays(run.model, selection.plays, features=features_of(selection), seed=seed)


def _as_given(data: Any, table: pl.DataFrame) -> Any:  # noqa: ANN401  # any frame, see `like`
    if isinstance(data, str | PathLike | list | tuple | PlayTensors | Selection):
        return table
    return like(data, table)


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
        RequestError: Some of the seasons are training seasons, `sample` is below 1, an unknown
            baseline, one that the run's plays or outcome do not suit or whose package is absent, or
            baselines without a source of training plays.

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
    against = parse_names(against)
    chosen = _as_run(run)
    model = chosen.model
    tracked = model.settings.sequence is not None
    source = data if isinstance(data, Selection) else open_source(data, tracked=tracked)
    selection = read_plays_for(
        chosen, source, seasons=seasons, games=games, play_by_play=play_by_play
    )
    _require_apart(chosen, selection)
    if sample is not None:
        selection = sample_games(selection, sample, seed)
    training = None
    if against:
        training = read_plays_for(
            chosen,
            source,
            seasons=chosen.record.seasons,
            games=chosen.record.games,  # type: ignore[arg-type]  # written by train from this type
            play_by_play=play_by_play,
            keep_seen=True,
        )
        _require_training_plays(chosen, training)
    distributions = None if truth is None else read_truth(Path(truth))
    with task_runner(executor, store, on_step) as tasks:
        ours = _predict(chosen, selection, seed, tasks)
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


def _require_training_plays(run: Run, training: Selection) -> None:
    """Fail where the data do not hold the plays that a run was trained on."""
    known = features_of(training)
    if known is None:
        known = feature_matrix(training.plays, run.model.schema)
    observed = training.plays[run.model.outcome.value].to_numpy()
    if data_digest(known, observed) != run.record.data_digest:
        trained = run.record.seasons
        raise RunError(
            f"{run.folder}: trained on other plays than the data hold for seasons "
            f"{trained[0]}-{trained[-1]}; baselines must be fitted on the same."
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
