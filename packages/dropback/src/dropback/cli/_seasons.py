"""Command that scores many seasons at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dropback._choices import nearest, parse_names
from dropback.cli._options import (
    ExecutorOption,
    GamesOption,
    OutFolderOrUrl,
    Overwrite,
    PlaysOption,
    Seed,
)
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError

if TYPE_CHECKING:
    from dropback.workflows.seasons import SeasonsSettings

app = typer.Typer(help="Many seasons at once.", no_args_is_help=True)


@app.command("seasons")
def seasons_command(
    data: Annotated[
        str, typer.Argument(help="Folder, file or glob of play_by_play_*.parquet or .csv.")
    ],
    out: OutFolderOrUrl,
    seasons: Annotated[str, typer.Option(help="For example 2006-2023.")],
    outcomes: Annotated[str, typer.Option(help="yards, epa or both.")] = "yards,epa",
    plays: PlaysOption = PlaySet.TARGETED,
    games: GamesOption = "regular",
    epochs: Annotated[int, typer.Option(help="Epochs of a network with new weights.")] = 12,
    refresh_epochs: Annotated[
        int, typer.Option(help="Epochs of a network that starts from the one of the season before.")
    ] = 3,
    folds: Annotated[int, typer.Option(help="Folds of games in the first three seasons.")] = 2,
    executor: ExecutorOption = "processes:2",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Score and rank many seasons, each by models of the three seasons before it.

    The first three seasons are scored out of fold. If the command is interrupted, run it again to
    resume: fits that were finished are kept.

    Example: `dropback seasons data/pbp --seasons 2006-2023 --out seasons`
    """
    from dropback import workflows
    from dropback.cli._console import errors, progress
    from dropback.cli._ranking_tables import drift_line, leaderboard_table
    from dropback.execution import opened
    from dropback.workflows.seasons import SeasonsSettings, plan_fits, score_seasons

    settings = SeasonsSettings(
        plays=plays,
        games=games,
        outcomes=_outcomes(outcomes),
        epochs=epochs,
        refresh_epochs=refresh_epochs,
        folds=folds,
        seed=seed,
    )
    with opened(executor) as runner:
        wanted = workflows.seasons_of(data, seasons)
        fits = plan_fits(wanted, plays=plays, outcomes=settings.outcomes, folds=folds)
        with progress(len(fits) + 3) as step:
            result = score_seasons(
                data,
                out,
                seasons=wanted,
                settings=settings,
                overwrite=overwrite,
                executor=runner,
                on_step=step,
            )
    titles = {
        "standard": "Standardized score",
        **{outcome.value: f"Mean CDF of {outcome.value}" for outcome in settings.outcomes},
    }
    for name, title in titles.items():
        careers = [board for board in result.leaderboards if board.startswith(f"{name}-career")]
        if careers:
            leaderboard_table(result.leaderboards[careers[-1]], f"{title}, {careers[-1]}", most=10)
    drift_line(result.scores)
    _print_summary(result.summary, settings)
    took = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in result.seconds.items())
    errors.print(f"Seconds: {took}.")
    for name, why in result.summary["not_written"].items():
        errors.print(f"Not written: {name}.parquet. {why}")
    errors.print(
        f"{out}: {len(result.leaderboards)} leaderboards; "
        f"{', '.join(f'{name}.parquet' for name in result.numbers) or 'no table of seasons'}."
    )


def _outcomes(text: str) -> tuple[Outcome, ...]:
    try:
        return tuple(Outcome(name) for name in parse_names(text))
    except ValueError as error:
        raise RequestError(
            f"--outcomes must be yards, epa or both, got {text!r}.{nearest(text, Outcome)}"
        ) from error


def _print_summary(summary: dict[str, Any], settings: SeasonsSettings) -> None:
    """Calibration of each season, and what was left out."""
    from dropback.cli._console import errors, out, table_of

    headings = ("season", "plays", "CRPS", "log score", "mean CDF", "98 %", "PP error")
    for outcome in settings.outcomes:
        table = table_of(f"Calibration, {outcome.value}", headings, left=0)
        for season, row in summary["calibration"][outcome.value].items():
            table.add_row(
                season,
                f"{row['plays']:,}",
                f"{row['crps']:.4f}",
                f"{row['log_score']:.4f}",
                f"{row['mean_mid_cdf']:.4f}",
                f"{100 * row['coverage_98']:.1f}",
                f"{row['pp_error']:.4f}",
            )
        out.print(table)
    for kind, reasons in summary["left_out"].items():
        errors.print(
            f"Left out ({kind}): " + "; ".join(f"{why} {n:,}" for why, n in reasons.items()),
        )
    if summary["epa_source"]:
        errors.print(f"EPA from {summary['epa_source']}.")
