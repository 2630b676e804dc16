"""The commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback.cli._bakeoff import app as bakeoff_app
from dropback.cli._ranking import app as ranking_app
from dropback.cli._seasons import app as seasons_app
from dropback.cli._tracking import app as tracking_app
from dropback.errors import RequestError
from dropback.tables import Outcome, PlaySet

if TYPE_CHECKING:
    from dropback.selection import Games

__all__ = ["app"]

app = typer.Typer(
    name="dropback",
    help="How good was that throw? Predictive laws, play scores and passer rankings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Run = Annotated[Path, typer.Argument(help="Run folder, made by `dropback train`.")]
Data = Annotated[
    str, typer.Argument(help="Folder, file or glob of play_by_play_*.parquet or .csv.")
]
Seasons = Annotated[str, typer.Option(help="For example 2021, 2018-2020 or 2016,2018-2020.")]
GamesOption = Annotated[str, typer.Option(help="regular, postseason or all.")]
Out = Annotated[Path, typer.Option(help="File to write; .parquet, .csv or .md.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def _games(text: str) -> Games:
    if text not in {"regular", "postseason", "all"}:
        raise RequestError(f"--games must be regular, postseason or all, got {text!r}.")
    return text  # type: ignore[return-value]  # checked above


@app.command()
def train(
    data: Data,
    seasons: Seasons,
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    plays: Annotated[
        PlaySet,
        typer.Option(help="targeted attempts; all attempts; dropbacks add sacks, throw-aways."),
    ] = PlaySet.TARGETED,
    outcome: Annotated[
        Outcome, typer.Option(help="What a play is judged by: yards, or expected points added.")
    ] = Outcome.YARDS,
    expected_points: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an expected-points model; by default nflverse's EPA where the data "
            "have it, else a model fitted on the same seasons."
        ),
    ] = None,
    games: GamesOption = "regular",
    seed: Seed = 0,
    epochs: Annotated[int, typer.Option(help="Epochs at most, a fold.")] = 12,
    folds: Annotated[int, typer.Option(help="Folds of games; one network each.")] = 5,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Train a model; killed, the same command goes on where it stopped.

    Example: `dropback train data/pbp --seasons 2018-2020 --out runs/pbp`
    """
    from dropback import pipeline
    from dropback.cli._console import errors, evaluation_table, progress, selection_summary
    from dropback.files import require_new_folder
    from dropback.model import ModelSettings
    from splicedpareto.training import FitSettings

    require_new_folder(out, overwrite=overwrite)
    try:
        fit = FitSettings(max_epochs=epochs, seed=seed, device=device)
    except ValueError as error:
        raise RequestError(str(error)) from error
    settings = ModelSettings(outcome=outcome, folds=folds, fit=fit)
    wanted = pipeline.parse_seasons(seasons)
    values = None
    if outcome is Outcome.EPA:
        values = pipeline.fit_expected_points_for(data, seasons=wanted, stored=expected_points)
    selection = pipeline.select_from(
        data,
        seasons=wanted,
        plays=plays,
        games=_games(games),
        outcome=outcome,
        expected_points=values,
    )
    selection_summary(selection)
    with progress(folds * epochs) as step:
        _, record, held_out = pipeline.train_run(
            selection,
            out,
            settings=settings,
            seed=seed,
            games=_games(games),
            overwrite=overwrite,
            expected_points=values,
            on_epoch=lambda fold, epoch, loss: step(
                f"fold {fold + 1} of {folds}, epoch {epoch + 1}: log score {loss:.4f}"
            ),
        )
    evaluation_table(held_out, f"Out of fold, {held_out.plays:,} plays of {held_out.games} games")
    best = ", ".join(str(epoch + 1) for epoch in record.best_epochs)
    errors.print(f"{out}: {folds} networks, best epochs {best}.", highlight=False)


@app.command()
def predict(
    run: Run,
    data: Data,
    seasons: Seasons,
    out: Out,
    games: GamesOption = "regular",
    seed: Seed = 0,
) -> None:
    """Write the predictive law of each play in numbers, and how its outcome met it.

    Plays of training games are predicted out of fold.
    """
    from dropback import pipeline
    from dropback.cli._console import errors, selection_summary
    from dropback.runs import load_run

    pipeline.require_table_path(out)
    model, _ = load_run(run)
    selection = pipeline.select_for_run(
        model, data, seasons=pipeline.parse_seasons(seasons), games=_games(games), run=run
    )
    selection_summary(selection)
    pipeline.write_table(pipeline.predict_plays(model, selection, seed=seed), out)
    errors.print(f"{out}: {len(selection.plays):,} predictions.", highlight=False)


@app.command()
def score(run: Run, data: Data, seasons: Seasons, out: Out, games: GamesOption = "regular") -> None:
    """Write a score for each play: the mid-CDF of its outcome under its law."""
    from dropback import pipeline
    from dropback.cli._console import errors, selection_summary
    from dropback.runs import load_run

    pipeline.require_table_path(out)
    model, _ = load_run(run)
    selection = pipeline.select_for_run(
        model, data, seasons=pipeline.parse_seasons(seasons), games=_games(games), run=run
    )
    selection_summary(selection)
    scores = pipeline.score_run(model, selection)
    pipeline.write_table(scores, out)
    mean = scores["play_score"].mean()
    errors.print(f"{out}: {len(scores):,} scores, mean {mean!s:.6}.", highlight=False)


@app.command()
def evaluate(
    run: Run,
    data: Data,
    seasons: Seasons,
    against: Annotated[
        str, typer.Option(help="Of gaussian, binned, xgboost, xgboost-mae, constant.")
    ] = "",
    games: GamesOption = "regular",
    sample: Annotated[
        int | None, typer.Option(help="Whole games, drawn until they hold this many plays.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Report to write.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for PNG plots.")] = None,
    seed: Seed = 0,
) -> None:
    """Measure accuracy and calibration, beside baselines fitted on the same games.

    Training seasons are predicted out of fold, by the model and by every baseline.
    """
    from dropback import pipeline
    from dropback.baselines import parse_baselines
    from dropback.cli._console import errors, evaluation_table, progress

    names = parse_baselines(against)
    with progress(len(names) * 50) as step:
        evaluated = pipeline.evaluate_run(
            run,
            data,
            seasons=pipeline.parse_seasons(seasons),
            against=names,
            games=_games(games),
            sample=sample,
            seed=seed,
            on_epoch=lambda name, fold, epoch, loss: step(
                f"{name}, fold {fold + 1}, epoch {epoch + 1}: {loss:.4f}"
            ),
        )
    result = evaluated.evaluation
    kind = "out of fold" if evaluated.out_of_fold else "unseen games"
    title = f"{seasons}, {kind}: {result.plays:,} plays of {result.games} games"
    evaluation_table(result, title)
    if json is not None:
        pipeline.write_json({"title": title, **result.as_dict()}, json)
        errors.print(f"{json}: the report.", highlight=False)
    if plots is not None or json is not None:
        from dropback.plots import write_plots

        folder = plots or json.with_name(f"{json.stem}-plots")  # type: ignore[union-attr]
        for path in write_plots(result, folder):
            errors.print(f"{path}", highlight=False)


# Without a name: their commands stand beside the others.
app.add_typer(ranking_app)
app.add_typer(bakeoff_app)
app.add_typer(seasons_app)
app.add_typer(tracking_app)

fetch_app = typer.Typer(help="Download data that anyone may use.", no_args_is_help=True)
app.add_typer(fetch_app, name="fetch")


@fetch_app.command("pbp")
def fetch_pbp(
    seasons: Annotated[str, typer.Argument(help="For example 2018-2023.")],
    out: Annotated[Path, typer.Option(help="Folder for play_by_play_<season>.parquet.")],
) -> None:
    """Get play-by-play from nflverse; seasons already there are kept."""
    from dropback import pipeline
    from dropback.cli._console import errors, progress
    from dropback.readers.nflverse import fetch_play_by_play

    wanted = pipeline.parse_seasons(seasons)
    with progress(len(wanted)) as step:
        files = fetch_play_by_play(
            wanted, out, on_season=lambda season, _: step(f"season {season}")
        )
    errors.print(f"{out}: {len(files)} seasons.", highlight=False)


simulate_app = typer.Typer(help="Make leagues whose truth is known.", no_args_is_help=True)
app.add_typer(simulate_app, name="simulate")


@simulate_app.command("pbp")
def simulate_pbp(
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    seasons: Seasons = "2018-2021",
    teams: Annotated[int, typer.Option(help="Number of teams, even.")] = 32,
    weeks: Annotated[int, typer.Option(help="Games of a team in a season.")] = 17,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate play-by-play in nflverse's layout, passers of known skill and laws of known form."""
    from dropback import pipeline
    from dropback.cli._console import errors
    from dropback.simulation import LeagueSettings, simulate_league, write_league

    settings = LeagueSettings(seasons=pipeline.parse_seasons(seasons), teams=teams, weeks=weeks)
    league = simulate_league(settings, seed=seed)
    write_league(league, out, overwrite=overwrite)
    errors.print(f"{out}: {league.plays.height:,} rows of simulated play-by-play.", highlight=False)


@simulate_app.command("tracking")
def simulate_tracking(
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    plays: Annotated[int, typer.Option(help="Targeted attempts.")] = 5000,
    tracking: Annotated[str, typer.Option(help="Tracking files as parquet or csv.")] = "parquet",
    workers: Annotated[int, typer.Option(min=1, help="Weeks made at once.")] = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate tracking in the Big Data Bowl 2025 layout, the law of every throw beside it."""
    from dropback.cli._console import errors, progress
    from dropback.simulation.tracking import (
        TrackingLeagueSettings,
        simulate_tracking_league,
        write_tracking_league,
    )

    league = simulate_tracking_league(TrackingLeagueSettings(plays=plays), seed=seed)
    with progress(league.weeks) as step:
        write_tracking_league(
            league,
            out,
            tracking=tracking,
            overwrite=overwrite,
            workers=workers,
            on_week=lambda done, weeks: step(f"week {done} of {weeks}"),
        )
    errors.print(f"{out}: {plays:,} simulated plays.", highlight=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("demo"),
    seed: Seed = 1,
    overwrite: Overwrite = False,
) -> None:
    """Run the whole job on a simulated league and hold the ranking against true skill."""
    from dropback.cli._console import errors, evaluation_table, leaderboard_table
    from dropback.cli._console import out as console
    from dropback.demo import run_demo

    with errors.status("starting") as status:
        result = run_demo(out, seed=seed, overwrite=overwrite, on_step=status.update)
    evaluation_table(result.evaluation, "A season the model has not seen (simulated)")
    shown = result.rows.select("true_rank", *result.rows.columns[:-2])
    leaderboard_table(shown, "Leaderboard beside true skill (simulated passers)")
    console.print(
        f"Rank correlation with true skill: {result.rank_correlation:.2f}. Share of the CRPS gap "
        f"between climatology and the known law that is closed: {result.gap_closed:.0%}.",
        highlight=False,
    )
    console.print(f"Open {out / 'report.html'}; tables and the run are in {out}.", highlight=False)
