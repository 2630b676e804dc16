"""Score many seasons of play-by-play, with leaderboards and calibration, in one call."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dropback._frames import left_join, validated
from dropback.data._play_by_play import chosen_seasons, read_play_by_play
from dropback.data._selection import Selection, select_plays
from dropback.data._table_files import write_table
from dropback.data._tables import PLAY_KEY, Outcome, Plays, PlaySet, Predictions, StandardScores
from dropback.errors import RequestError
from dropback.execution import open_executor, run_tasks
from dropback.expected_points import (
    attach_epa,
    expected_points_added,
    fit_expected_points,
    recorded_epa,
)
from dropback.models import ModelSettings
from dropback.projection import FEWEST_PLAYS
from dropback.scoring import score_plays, standard_scores
from dropback.storage import fetched, is_url, put_output, require_new_output, work_area
from dropback.win_probability import win_probability_added
from dropback.workflows._files import write_json
from dropback.workflows.seasons._boards import by_recipe, calibration, leaderboards
from dropback.workflows.seasons._fitting import (
    PREDICTIONS_FILE,
    fit_task,
    kinds_of,
    plan_fits,
    span,
)
from dropback.workflows.seasons._numbers import (
    passing_table,
    projection_table,
    qualified_passers,
    quarterback_table,
    runs_missing,
    scored_quarterback_plays,
    with_passing_score,
)
from splicedpareto.training import FitSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import dataframely as dy

    from dropback._choices import Seasons
    from dropback._files import AnyPath
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games
    from dropback.execution import ExecutorChoice, Task
    from dropback.storage import WorkArea
    from dropback.workflows.seasons._fitting import Fit

# Half that of a network with new weights: a larger rate forgets the season before.
_REFRESH_LEARNING_RATE = 4e-3


# Threads of the trees that value snaps, which are fitted in this process.
_TREE_THREADS = 2


@dataclass(frozen=True)
class SeasonsSettings:
    """Settings of `score_seasons`.

    Attributes:
        plays: Which plays; seasons before 2009 fall back as in `select_plays`.
        games: Which games.
        outcomes: What plays are judged by; the first gives `play_score`.
        folds: Folds of games in the first three seasons, which are scored out of fold.
        epochs: Epochs of a network with new weights.
        refresh_epochs: Epochs of one that starts from the network of the season before.
        seed: Of everything.
    """

    plays: PlaySet = PlaySet.TARGETED
    games: Games = "regular"
    outcomes: tuple[Outcome, ...] = (Outcome.YARDS, Outcome.EPA)
    folds: int = 2
    epochs: int = 12
    refresh_epochs: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.outcomes or len(set(self.outcomes)) < len(self.outcomes):
            raise RequestError(
                "outcomes must name yards, epa or both, each once, got "
                f"{', '.join(self.outcomes) or 'none'}."
            )
        for name, least in (("epochs", 1), ("refresh_epochs", 1), ("folds", 2)):
            if getattr(self, name) < least:
                raise RequestError(f"{name} must be at least {least}, got {getattr(self, name)}.")

    def model(self, fit: Fit) -> ModelSettings:
        """Settings of one network."""
        how = (
            FitSettings(max_epochs=self.epochs, seed=self.seed)
            if fit.starts_from is None
            else FitSettings(
                max_epochs=self.refresh_epochs,
                learning_rate=_REFRESH_LEARNING_RATE,
                seed=self.seed,
            )
        )
        return ModelSettings(outcome=fit.outcome, folds=self.folds, fit=how)


@dataclass(frozen=True)
class ScoredSeasons:
    """Results of `score_seasons`.

    Attributes:
        scores: One row a play, valid as `Scores` of the first outcome; of EPA, beside it,
            ``epa_cdf``, ``epa_median`` and ``epa_mean``.
        standard: One row a dropback, valid as `StandardScores`; None unless both outcomes are
            judged, of attempts.
        numbers: Name of the file to its table: ``passing_score``, ``qb_score`` and ``projection``,
            one row a passer and season; ``qb_plays``, one row a quarterback's play with its
            ``qb_score``.
            A table that cannot be made is absent, and the summary says why.
        leaderboards: Name of the file to rows: a season, or a career, by each outcome, and by the
            standardized score.
        summary: Calibration and counts, as in ``summary.json``.
        seconds: Of each stage, and of processor time of the fits, ``fits' processor time``; in no
            file, so that equal calls write equal bytes.
    """

    scores: pl.DataFrame
    standard: pl.DataFrame | None
    numbers: dict[str, pl.DataFrame]
    leaderboards: dict[str, pl.DataFrame]
    summary: dict[str, Any]
    seconds: dict[str, float]


@dataclass
class _Clock:
    """Seconds of each stage; `began` is the start of the one under way."""

    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self.began, 1)
        self.began = now


def score_seasons(
    source: PlayByPlaySource,
    out: AnyPath,
    *,
    seasons: Seasons,
    settings: SeasonsSettings | None = None,
    overwrite: bool = False,
    executor: ExecutorChoice = "processes:2",
    on_step: Callable[[str], None] = lambda _: None,
) -> ScoredSeasons:
    """Score every play of many seasons by models that never saw it, and rank the passers.

    A season is scored by a network fitted on the three seasons before it, the first three by
    networks blind to the fold of games that they score (see `plan_fits`). If the call is
    interrupted, the same call keeps the fits that were finished.

    Args:
        source: Play-by-play of the seasons.
        out: Folder or URL to write: ``scores.parquet`` (the published recipe),
            ``standard.parquet`` (see `standard_scores`), ``epa.parquet`` (every snap's EPA and
            win probability added), ``passing_score.parquet``, ``qb_score.parquet``,
            ``projection.parquet`` and ``qb_plays.parquet`` (see `ScoredSeasons`),
            ``leaderboards/``, ``expected_points/``, ``summary.json``.
        seasons: Seasons to score, and the only ones to learn from.
        settings: Outcomes, folds, epochs, workers.
        overwrite: Replace what `out` holds; its expected-points model is used again where the
            data are the same.
        executor: Where the fits run, a core each: see `dropback.execution.ExecutorChoice`. The
            results are the same everywhere.
        on_step: Called after each step with what was done: reading, expected points, every fit
            of the plan, leaderboards.

    Raises:
        RequestError: `out` is taken, settings out of range, or too few games to hold folds out.
        ReaderError: The source lacks a season.
        StoreError: `out` is a URL that cannot be written.
        TaskError: Some fits were lost with their workers; the same call does those that miss.
    """
    settings = settings or SeasonsSettings()
    require_new_output(out, overwrite=overwrite)
    years = sorted(set(chosen_seasons(source, seasons)))
    fits = plan_fits(years, plays=settings.plays, outcomes=settings.outcomes, folds=settings.folds)
    clock = _Clock()
    with work_area(out, "what was fitted") as area, ExitStack() as workers:
        runner, needs = workers.enter_context(open_executor(executor))
        work = area.folder
        rows = read_play_by_play(source, seasons=years)
        clock.stop("read")
        on_step(f"read {rows.height:,} rows")
        if Outcome.EPA in settings.outcomes:
            rows = _with_epa(rows, out, work)
            clock.stop("expected points")
        on_step("expected points")
        selections = _select(rows, years, settings)
        tasks = _tasks(fits, selections, area, settings)
        clock.stop("selection")
        cpu_seconds = 0.0
        for task, done in run_tasks(runner, tasks.values(), area.store, needs=needs):
            cpu_seconds += done.cpu_seconds
            on_step(task.label if done.fresh else f"{task.label} (kept)")
        workers.close()  # idle, two would hold 1.5 GB while the scores are made
        predictions: dict[Outcome, list[pl.DataFrame]] = {name: [] for name in settings.outcomes}
        for fit, task in tasks.items():  # in the order of the plan, whichever came first
            with fetched(area.store, task.name) as folder:
                predictions[fit.outcome].append(pl.read_parquet(folder / PREDICTIONS_FILE))
        clock.stop("fits and predictions")
        plays = pl.concat([selection.plays for selection in selections.values()])
        tables = {
            outcome: validated(Predictions, pl.concat(parts))
            for outcome, parts in predictions.items()
        }
        scores = _scores(plays, tables)
        standard = None
        if _is_standardized(settings):
            standard = _score_dropbacks(rows, scores, games=settings.games)
        scores, numbers, missing = _numbers(rows, scores, work, settings)
        boards = dict(leaderboards(by_recipe(scores, standard, settings.outcomes)))
        clock.stop("scores and leaderboards")
        summary = {
            "seasons": years,
            "plays": scores.height,
            "not_written": missing,
            "epa_source": scores["epa_source"].drop_nulls().first(),
            "scored_by": {fit.name: f"learned from {span(fit.learns)}" for fit in fits},
            "calibration": {name.value: calibration(table) for name, table in tables.items()},
            "left_out": {
                kind.value: dict(selection.left_out.iter_rows())
                for kind, selection in selections.items()
            },
        }
        finished = _write(work, scores, standard, numbers, boards, summary)
        put_output(finished, out, overwrite=overwrite)
    on_step("leaderboards")
    seconds = {**clock.seconds, "fits' processor time": round(cpu_seconds, 1)}
    return ScoredSeasons(scores, standard, numbers, boards, summary, seconds)


def _with_epa(rows: pl.DataFrame, out: AnyPath, work: Path) -> pl.DataFrame:
    """Attach EPA, by a model that is kept in `work`, and write every snap's, WPA beside it."""
    model = None
    if recorded_epa(rows) is None:
        kept = work / "expected_points"
        if not kept.exists() and not is_url(out) and (Path(out) / "expected_points").is_dir():
            shutil.copytree(Path(out) / "expected_points", kept)
        model = fit_expected_points(rows, folder=kept, threads=_TREE_THREADS)
    added = left_join(
        expected_points_added(rows, model),
        win_probability_added(rows, threads=_TREE_THREADS),
        on=PLAY_KEY,
    )
    added.write_parquet(work / "epa.parquet")
    return attach_epa(rows, added)


def _select(
    rows: pl.DataFrame, seasons: Sequence[int], settings: SeasonsSettings
) -> dict[PlaySet, Selection]:
    return {
        kind: select_plays(
            rows.filter(pl.col("season").is_in(group)),
            plays=settings.plays,
            games=settings.games,
            outcome=settings.outcomes[0],
        )
        for kind, group in kinds_of(seasons, settings.plays).items()
    }


def _tasks(
    fits: Sequence[Fit],
    selections: Mapping[PlaySet, Selection],
    area: WorkArea,
    settings: SeasonsSettings,
) -> dict[Fit, Task]:
    """Keep each season's plays where workers see them; the task of each fit, in plan order."""
    tables: dict[PlaySet, dict[int, str]] = {
        kind: {
            int(season): area.keep_file("plays", plays.write_parquet, ".parquet")
            for (season,), plays in selection.plays.group_by("season", maintain_order=True)
        }
        for kind, selection in selections.items()
    }
    tasks: dict[Fit, Task] = {}
    for fit in fits:
        before = None if fit.starts_from is None else tasks[fit.starts_from]
        tasks[fit] = fit_task(fit, tables[fit.play_set], settings.model(fit), settings.seed, before)
    return tasks


def _scores(plays: pl.DataFrame, tables: Mapping[Outcome, pl.DataFrame]) -> pl.DataFrame:
    """One row a play: scored by the first outcome, the distribution of EPA beside it."""
    first, *_ = tables
    scored: pl.DataFrame = score_plays(validated(Plays, plays), Predictions.validate(tables[first]))
    if Outcome.EPA not in tables:
        return scored
    beside = tables[Outcome.EPA].select(
        *PLAY_KEY,
        pl.col("mid_cdf").alias("epa_cdf"),
        pl.col("median").alias("epa_median"),
        pl.col("mean").alias("epa_mean"),
    )
    return left_join(scored, beside, on=PLAY_KEY)


def _score_dropbacks(
    play_by_play: pl.DataFrame,
    throws: pl.DataFrame,
    *,
    games: Games,
) -> dy.DataFrame[StandardScores]:
    """Score every dropback by `standard_scores`: attempts, throw-aways and sacks.

    Play scores of the targeted attempts, `throws`, give the dropbacks their ``mid_cdf``, and where
    EPA has a distribution ``epa_cdf`` and ``epa_mean``; other dropbacks have none.
    """
    chosen = select_plays(
        play_by_play, plays=PlaySet.DROPBACKS, games=games, outcome=Outcome.EPA
    ).plays
    distributions = [name for name in ("mid_cdf", "epa_cdf", "epa_mean") if name in throws.columns]
    table = left_join(chosen, throws.select(*PLAY_KEY, *distributions), on=PLAY_KEY)
    return validated(StandardScores, table.with_columns(standard_scores(table)))


def _numbers(
    rows: pl.DataFrame, scores: pl.DataFrame, work: Path, settings: SeasonsSettings
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame], dict[str, str]]:
    """The play scores with ``passing_score``, the tables of `numbers`, and why others are absent.

    Throws are judged by the place of their yards, quarterbacks by their EPA too.
    """
    if settings.outcomes[0] is not Outcome.YARDS or settings.plays is PlaySet.DROPBACKS:
        return scores, {}, {"passing_score": "It needs the yards of throws as first outcome."}
    scores = with_passing_score(scores)
    qualified = qualified_passers(rows)
    numbers = {"passing_score": passing_table(scores, qualified)}
    if Outcome.EPA not in settings.outcomes:
        return scores, numbers, {"qb_score": "It needs the outcome epa beside the yards."}
    snaps = pl.read_parquet(work / "epa.parquet")
    if missing := runs_missing(snaps):
        return scores, numbers, {"qb_score": missing}
    plays = scored_quarterback_plays(snaps, scores, settings.games)
    numbers["qb_score"] = quarterback_table(plays, qualified)
    numbers["qb_plays"] = plays
    most = plays.group_by("season", "passer_player_id").len()["len"].max()
    if not isinstance(most, int) or most < FEWEST_PLAYS:
        few = f"No passer has {FEWEST_PLAYS} plays in a season."
        return scores, numbers, {"projection": few}
    numbers["projection"] = projection_table(plays)
    return scores, numbers, {}


def _is_standardized(settings: SeasonsSettings) -> bool:
    """The standardized score takes predictions of a throw's yards and of a dropback's value."""
    both = set(settings.outcomes) == {Outcome.YARDS, Outcome.EPA}
    return both and settings.plays is not PlaySet.DROPBACKS


def _write(
    work: Path,
    scores: pl.DataFrame,
    standard: pl.DataFrame | None,
    numbers: Mapping[str, pl.DataFrame],
    boards: Mapping[str, pl.DataFrame],
    summary: dict[str, Any],
) -> Path:
    finished = work / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    (finished / "leaderboards").mkdir(parents=True)
    scores.write_parquet(finished / "scores.parquet")
    if standard is not None:
        standard.write_parquet(finished / "standard.parquet")
    for name, table in numbers.items():
        table.write_parquet(finished / f"{name}.parquet")
    for name, rows in boards.items():
        write_table(rows, finished / "leaderboards" / f"{name}.csv")
    write_json(summary, finished / "summary.json")
    for kept in ("epa.parquet", "expected_points"):
        if (work / kept).exists():
            (work / kept).rename(finished / kept)
    return finished
