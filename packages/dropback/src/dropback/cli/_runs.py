"""Commands of runs: train one, predict and score plays with it, evaluate it."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dropback.cli._options import ExecutorOption, GamesOption, Overwrite, Seed
from dropback.data._table_files import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.data._selection import Games, Selection
    from dropback.evaluation import Evaluation
    from dropback.models._store import Run
    from dropback.tracking import PlayTensors

app = typer.Typer(help="Models: train, predict, score, evaluate.", no_args_is_help=True)

RunFolder = Annotated[
    str, typer.Argument(help="Run folder, a path or a URL, that `dropback train` wrote.")
]
Data = Annotated[
    str,
    typer.Argument(
        help="Folder, file, glob or URL of play_by_play_*.parquet or .csv; or tracking: files, a "
        "folder that `ingest` wrote, or one that `features` wrote."
    ),
]
Seasons = Annotated[
    str | None, typer.Option(help="For example 2021, 2016,2018-2020, 2018- or latest; default all.")
]
PlayByPlay = Annotated[
    str | None,
    typer.Option(
        "--pbp",
        help="Beside tracking: play-by-play that says how the plays ended. Default: the tracking "
        "set's own columns.",
    ),
]
Out = Annotated[str, typer.Option(help=f"File to write, a path or a URL: {ENDINGS}.")]
Static = Annotated[
    str | None,
    typer.Option(help="Run of play-by-play, for the plays of --pbp without tracking."),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads; default OMP_NUM_THREADS, else all cores, and 1 for networks of "
        "play-by-play alone.",
    ),
]


@app.command()
def predict(
    run: RunFolder,
    data: Data,
    out: Out,
    seasons: Seasons = None,
    games: GamesOption = "regular",
    pbp: PlayByPlay = None,
    static: Static = None,
    seed: Seed = 0,
    executor: ExecutorOption = "serial",
    overwrite: Overwrite = False,
) -> None:
    """Write the predictive distribution of each play in numbers, and where its outcome fell.

    Plays of training games are predicted out of fold.

    Example: `dropback predict runs/pbp data/pbp --seasons 2021 --out predictions.parquet`
    """
    from functools import partial

    from dropback import workflows
    from dropback.cli._console import errors, progress
    from dropback.execution import opened
    from dropback.storage import require_inputs

    workflows.require_table_path(out, overwrite=overwrite)
    require_inputs(pbp, static)
    with opened(executor) as runner, progress(None) as step:
        table_of = partial(workflows.predict, seed=seed, executor=runner, store=out, on_step=step)
        predictions = _over_runs(table_of, run, static, data, pbp, seasons, games)
    workflows.write_table(predictions, out, table="predictions")
    errors.print(f"{out}: {len(predictions):,} predictions.")


@app.command()
def yards(
    run: RunFolder,
    data: Data,
    out: Out,
    seasons: Seasons = None,
    games: GamesOption = "regular",
    pbp: PlayByPlay = None,
    static: Static = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the whole predictive distribution: the probability of each yard that a play may gain.

    A season has two million rows.

    Example: `dropback yards runs/pbp data/pbp --seasons 2021 --out yards.parquet`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.storage import require_inputs

    workflows.require_table_path(out, overwrite=overwrite)
    require_inputs(pbp, static)
    table = _over_runs(workflows.yard_probabilities, run, static, data, pbp, seasons, games)
    workflows.write_table(table, out, table="yards")
    plays = table.select("game_id", "play_id").n_unique()
    errors.print(f"{out}: {len(table):,} rows of {plays:,} plays.")


@app.command()
def score(
    run: RunFolder,
    data: Data,
    out: Out,
    seasons: Seasons = None,
    games: GamesOption = "regular",
    pbp: PlayByPlay = None,
    static: Static = None,
    executor: ExecutorOption = "serial",
    overwrite: Overwrite = False,
) -> None:
    """Write a score for each play: the mid-CDF of its outcome under its distribution.

    Example: `dropback score runs/pbp data/pbp --seasons 2021 --out scores.parquet`
    """
    from functools import partial

    from dropback import workflows
    from dropback.cli._console import errors, progress
    from dropback.cli._ranking_tables import drift_line
    from dropback.execution import opened
    from dropback.storage import require_inputs

    workflows.require_table_path(out, overwrite=overwrite)
    require_inputs(pbp, static)
    with opened(executor) as runner, progress(None) as step:
        table_of = partial(workflows.score, executor=runner, store=out, on_step=step)
        scores = _over_runs(table_of, run, static, data, pbp, seasons, games)
    workflows.write_table(scores, out, table="scores")
    mean = scores["play_score"].mean()
    errors.print(f"{out}: {len(scores):,} scores, mean {mean!s:.6}.")
    drift_line(scores)


def _over_runs(
    table_of: Callable[[Run, Selection], pl.DataFrame],
    run: str,
    static: str | None,
    data: str,
    pbp: str | None,
    seasons: str | None,
    games: Games,
) -> pl.DataFrame:
    """A table of the plays that `run` can predict, then of those that only `static` can."""
    import polars as pl

    from dropback import load_run, workflows
    from dropback.cli._console import errors, selection_summary

    loaded = load_run(run)
    source, tracked = open_source(data, tracked=loaded.model.settings.sequence is not None)
    use_threads(None, many=tracked or bool(loaded.model.boosted))
    selection = workflows.read_plays_for(
        loaded,
        source,
        seasons=seasons,
        games=games,
        play_by_play=pbp,
    )
    selection_summary(selection)
    if (longer := workflows.longer_than_trained(selection, loaded.record)) > 0:
        errors.print(
            f"{longer:,} plays last longer than any in training: their predictions extrapolate.",
        )
    table = table_of(loaded, selection)
    if static is None:
        return table
    beside = load_run(static)
    untracked = workflows.without_tracking(selection, beside.model)
    errors.print(f"{len(untracked.plays):,} plays without tracking, by {static}.")
    return pl.concat([table, table_of(beside, untracked)])


@app.command()
def evaluate(
    run: RunFolder,
    data: Data,
    seasons: Seasons = None,
    against: Annotated[
        str,
        typer.Option(
            help="Of gaussian, binned, hazard, cp-xyac, quantile-forest, air-yards, idr, tabpfn, "
            "climatology; with tracking of gaussian, binned, climatology, idr, idr-flat, static, "
            "tcn, release-only, early, oracle."
        ),
    ] = "",
    pbp: PlayByPlay = None,
    truth: Annotated[
        str | None, typer.Option(help="truth.parquet of a simulated league, for the oracle.")
    ] = None,
    games: GamesOption = "regular",
    sample: Annotated[
        int | None, typer.Option(help="Whole games, drawn until they hold this many plays.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(help="Report to write, path or URL, with plots beside it.")
    ] = None,
    plots: Annotated[str | None, typer.Option(help="Folder or URL for PNG plots.")] = None,
    seed: Seed = 0,
    executor: ExecutorOption = "serial",
    threads: Threads = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure accuracy and calibration, beside baselines fitted on the same games.

    Training seasons are predicted out of fold, by the model and by every baseline.

    Example: `dropback evaluate runs/pbp data/pbp --seasons 2021 --against climatology`
    """
    from dropback import workflows
    from dropback.cli._console import by_time_table, errors, evaluation_table, progress
    from dropback.execution import opened
    from dropback.models._store import read_record
    from dropback.models.baselines import BASELINES, TRACKING_BASELINES, parse_baselines
    from dropback.storage import require_inputs, require_new_output

    if json is not None:
        require_new_output(json, overwrite=overwrite, file=True)
    if plots is not None:
        require_new_output(plots, overwrite=overwrite)
    require_inputs(pbp, truth)
    settings = read_record(run).settings
    tracked = settings.sequence is not None
    names = parse_baselines(against, TRACKING_BASELINES if tracked else BASELINES)
    use_threads(threads, many=tracked or settings.boosted_share > 0)
    steps = len(names) * 50 if executor == "serial" else None
    with opened(executor) as runner, progress(steps) as step:
        evaluated = workflows.evaluate(
            run,
            open_source(data, tracked=tracked)[0],
            seasons=seasons,
            against=names,
            games=games,
            play_by_play=pbp,
            sample=sample,
            truth=truth,
            seed=seed,
            executor=runner,
            store=json,
            on_step=step,
            on_epoch=lambda name, fold, epoch, loss: step(
                f"{name}, fold {fold + 1}, epoch {epoch + 1}: {loss:.4f}"
            ),
        )
    result = evaluated.evaluation
    kind = "out of fold" if evaluated.out_of_fold else "unseen games"
    title = f"{seasons or 'All seasons'}, {kind}: {result.plays:,} plays of {result.games} games"
    evaluation_table(result, title)
    by_time_table(evaluated.by_time)
    if json is not None:
        workflows.write_json({"title": title, **evaluated.as_dict()}, json)
        errors.print(f"{json}: the report.")
    folder = plots or (json and f"{json.removesuffix(PurePath(json).suffix)}-plots")
    if folder is not None:
        for path in _write_plots(result, folder):
            errors.print(path)


def _write_plots(result: Evaluation, out: str) -> list[str]:
    """Draw an evaluation into a folder or to a URL; the pictures."""
    from dropback.storage import is_url, output_folder
    from dropback.workflows._plots import write_plots

    if not is_url(out):
        return [str(path) for path in write_plots(result, Path(out))]
    with output_folder(out, overwrite=True) as folder:
        return [f"{out}/{path.name}" for path in write_plots(result, folder)]


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="A run folder of a play network.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the graphs; by default in the run folder.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a run's networks as ONNX graphs, which `dropback serve` then runs.

    Example: `dropback export runs/tracking`
    """
    from dropback._files import require_new_folder
    from dropback.cli._console import out as console
    from dropback.live._engines import live_networks
    from dropback.live._export import export_onnx
    from dropback.live._predictor import GRAPHS
    from dropback.models._store import load_run

    if out is not None:
        require_new_folder(out, overwrite=overwrite)
    folder = out or run / GRAPHS
    export_onnx(live_networks(load_run(run)), folder)
    console.print(f"graphs in {folder}, equal to torch within 0.00001")


def open_source(
    data: str, *, tracked: bool | None = None, work: Path | None = None
) -> tuple[PlayByPlaySource | PlayTensors, bool]:
    """Open tracking, print the counts of what was read, and say whether it is tracking."""
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._tracking import print_report
    from dropback.tracking import PlayTensors

    source = workflows.open_source(
        data,
        tracked=tracked,
        work=work,
        on_report=lambda report: print_report(report, errors),
        on_passed_over=lambda files: errors.print(
            f"Passed over in {data}: {', '.join(file.name for file in files)}.", soft_wrap=True
        ),
    )
    return source, isinstance(source, PlayTensors)


# As the caller has it, before `main` gives it a value of its own. A list has one number a level.
_TOLD: Final = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]


def use_threads(threads: int | None, *, many: bool) -> None:
    """Give torch and trees `threads`.

    By default as many as OMP_NUM_THREADS says; where it says nothing one, or all usable cores
    where there is `many` to do.
    """
    import torch

    from dropback.execution import usable_cores

    told = int(_TOLD) if _TOLD.isdecimal() else 0
    torch.set_num_threads(threads or told or (usable_cores() if many else 1))
