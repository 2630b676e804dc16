"""Train a run, and predict and score plays with it."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, overload

from dropback._frames import FrameT, like
from dropback._statistics import whole_seed
from dropback.data._selection import Selection
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError
from dropback.evaluation import evaluate as evaluate_predictions
from dropback.execution import opened
from dropback.expected_points import load_expected_points, save_expected_points
from dropback.models import PLAY_NETWORK, ModelSettings, settings_for
from dropback.models._predict import predict_plays
from dropback.models._store import Run, load_run
from dropback.models._train import train_run
from dropback.models._yard_probabilities import yard_probabilities as probabilities_of_yards
from dropback.scoring import score_plays
from dropback.tracking import PlayTensors
from dropback.workflows._files import write_json
from dropback.workflows._plays import (
    TrackedSelection,
    features_of,
    fit_expected_points_for,
    keep_unseen,
    open_source,
    read_plays,
    read_plays_for,
)
from dropback.workflows._tasks import TaskRunner, member_fitter, task_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import TypeAlias, TypedDict, Unpack

    import dataframely as dy
    import polars as pl

    from dropback._choices import Seasons
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

    class _PlayOptions(TypedDict, total=False):
        seasons: Seasons | None
        games: Games
        play_by_play: PlayByPlaySource | None

    class _Options(_PlayOptions, total=False):
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
    whole_seed(seed)
    with opened(executor) as runner:
        source = data if isinstance(data, Selection) else open_source(data)
        tracked = isinstance(source, PlayTensors | TrackedSelection)
        if settings is None:
            play_set = source.plays["play_set"][0] if isinstance(source, Selection) else plays
            settings = PLAY_NETWORK if tracked else settings_for(play_set, Outcome.YARDS)
        if tracked != (settings.sequence is not None):
            needed, found = (
                ("play-by-play", "tracking") if tracked else ("tracking", "play-by-play")
            )
            raise RequestError(f"The settings are for {needed}, but the data are {found}.")
        values = expected_points
        if isinstance(values, str | PathLike):
            values = load_expected_points(values)
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
            predictions = predict_plays(
                model, unseen.plays, features=features_of(unseen), seed=seed
            )
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
            initial=None if initial is None else as_run(initial).model,
            overwrite=overwrite,
            on_epoch=on_epoch,
            complete=complete,
            fit_model=member_fitter(runner, out, on_step),
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
    whole_seed(seed)
    chosen = as_run(run)
    with task_runner(executor, store, on_step) as tasks:
        selection = read_plays_for(
            chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
        )
        return _as_given(data, predict_selection(chosen, selection, seed, tasks))


@overload
def yard_probabilities(
    run: Run | AnyPath, data: NoFrame, **options: Unpack[_PlayOptions]
) -> pl.DataFrame: ...
@overload
def yard_probabilities(
    run: Run | AnyPath, data: FrameT, **options: Unpack[_PlayOptions]
) -> FrameT: ...
def yard_probabilities(
    run: Run | AnyPath,
    data: Any,
    *,
    seasons: Seasons | None = None,
    games: Games = "regular",
    play_by_play: PlayByPlaySource | None = None,
) -> Any:
    """The whole predictive distribution of each play: a row for every yard that it may gain.

    How the play came out is not looked at: change a column of a play, such as its air yards, to
    see what the distribution would have been.

    Args:
        run: A run that predicts yards, or its folder.
        data: Play-by-play or tracking, as for `read_plays`, or the plays that it returned.
        seasons: Seasons to predict; None takes all. A season has two million rows.
        games: Which games: ``regular``, ``postseason`` or ``all``.
        play_by_play: Beside tracking: says how the plays ended, as for `read_plays`.

    Returns:
        In a frame of the kind of `data`, else polars: ``game_id``, ``play_id``, ``season``,
        ``week``, ``passer_player_id``; ``yards`` from the fewest that the field allows to a
        touchdown; their ``probability``, and that of at most so many, ``cdf``, both in [0, 1].

    Raises:
        RunError: As for `predict`, or a run that predicts expected points.
        ReaderError: As for `read_plays`.
        RequestError: As for `predict`.

    Example:
        >>> yards = dropback.yard_probabilities(run, league, seasons=[2021])
        >>> plays = yards.select("game_id", "play_id").n_unique()
        >>> plays, round(yards["probability"].sum(), 3)  # one for each play
        (486, 486.0)
    """
    chosen = as_run(run)
    selection = read_plays_for(
        chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
    )
    features = features_of(selection)
    return _as_given(data, probabilities_of_yards(chosen.model, selection.plays, features))


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
    chosen = as_run(run)
    with task_runner(executor, store, on_step) as tasks:
        selection = read_plays_for(
            chosen, data, seasons=seasons, games=games, play_by_play=play_by_play
        )
        predictions = predict_selection(chosen, selection, 0, tasks)
    return _as_given(data, score_plays(selection.plays, predictions))


def as_run(run: Run | AnyPath) -> Run:
    """A run, from its folder where it is a path."""
    return run if isinstance(run, Run) else load_run(run)


def predict_selection(
    run: Run, selection: Selection, seed: int, tasks: TaskRunner | None
) -> dy.DataFrame[Predictions]:
    """Predictions of selected plays, here or elsewhere."""
    if tasks is not None:
        return tasks.predict(run, selection, seed)
    return predict_plays(run.model, selection.plays, features=features_of(selection), seed=seed)


def _as_given(data: Any, table: pl.DataFrame) -> Any:  # noqa: ANN401  # any frame, see `like`
    if isinstance(data, str | PathLike | list | tuple | PlayTensors | Selection):
        return table
    return like(data, table)
