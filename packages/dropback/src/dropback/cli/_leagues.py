"""Define the commands that fetch nflverse's plays or simulate a league, and the demo."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from dropback.cli._options import OutFolder, Overwrite, Seed

fetch_app = typer.Typer(help="Download data that anyone may use.", no_args_is_help=True)


@fetch_app.command("pbp")
def fetch_pbp(
    seasons: Annotated[str, typer.Argument(help="For example 2018-2023.")],
    out: Annotated[Path, typer.Option(help="Folder for play_by_play_*.parquet.")],
    refresh: Annotated[bool, typer.Option("--refresh", help="Get past seasons again too.")] = False,
) -> None:
    """Get play-by-play from nflverse; past seasons already there are kept.

    It writes `play_by_play_<season>.parquet`, a file a season.

    Example: `dropback fetch pbp 2018-2023 --out data/pbp`
    """
    from dropback import workflows
    from dropback.cli._console import errors, progress
    from dropback.data._nflverse import fetch

    years = workflows.parse_seasons(seasons)
    states: Counter[str] = Counter()
    with progress(len(years)) as step:

        def fetched(season: int, _: Path, state: str) -> None:
            states[state] += 1
            step(f"season {season}: {state}")

        fetch(years, out, refresh=refresh, on_season=fetched)
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    errors.print(f"{out}: {len(years)} season{'s' if len(years) > 1 else ''} ({told}).")


@fetch_app.command("players")
def fetch_players(
    out: Annotated[Path, typer.Option(help="File to write, for example players.parquet.")],
    overwrite: Overwrite = False,
) -> None:
    """Get nflverse's table of all players: full names, positions, teams, headshots.

    Example: `dropback fetch players --out players.parquet`
    """
    from dropback.cli._console import errors
    from dropback.data._nflverse import fetch_roster

    table = fetch_roster(out, overwrite=overwrite)
    errors.print(f"{out}: {len(table):,} players.")


@fetch_app.command("rosters")
def fetch_rosters(
    seasons: Annotated[str, typer.Argument(help="For example 2018-2023.")],
    out: Annotated[Path, typer.Option(help="File to write, for example rosters.parquet.")],
    overwrite: Overwrite = False,
) -> None:
    """Get nflverse's rosters of seasons.

    Example: `dropback fetch rosters 2023 --out rosters.parquet`
    """
    from dropback.cli._console import errors
    from dropback.data._nflverse import fetch_roster

    table = fetch_roster(out, seasons=seasons, overwrite=overwrite)
    errors.print(f"{out}: {len(table):,} rows.")


simulate_app = typer.Typer(help="Simulate leagues whose truth is known.", no_args_is_help=True)


@simulate_app.command("pbp")
def simulate_pbp(
    out: OutFolder,
    seasons: Annotated[str, typer.Option(help="For example 2018-2021.")] = "2018-2021",
    teams: Annotated[int, typer.Option(help="Number of teams, even.")] = 32,
    weeks: Annotated[int, typer.Option(help="Games of a team in a season.")] = 17,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate play-by-play in nflverse's layout, with passers of known skill.

    Example: `dropback simulate pbp --out league --seasons 2018-2021`
    """
    from dropback import workflows
    from dropback.cli._console import errors

    league = workflows.simulate_league(
        out,
        seasons=seasons,
        teams=teams,
        weeks=weeks,
        seed=seed,
        overwrite=overwrite,
    )
    errors.print(f"{out}: {league.plays.height:,} rows of simulated play-by-play.")


@simulate_app.command("tracking")
def simulate_tracking(
    out: OutFolder,
    plays: Annotated[int, typer.Option(help="Targeted attempts.")] = 5000,
    tracking: Annotated[str, typer.Option(help="Tracking files as parquet or csv.")] = "parquet",
    reads_sd: Annotated[
        float, typer.Option(help="Spread between passers of how often they find the best receiver.")
    ] = 0.0,
    motion: Annotated[
        str,
        typer.Option(
            help="sharp, as published figures have it; real, with the inertia of players."
        ),
    ] = "sharp",
    all_plays: Annotated[
        bool,
        typer.Option(
            "--all-plays",
            help="Also the sacks, scrambles, throw-aways and designed runs between them.",
        ),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Weeks simulated at once.")] = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate tracking in the Big Data Bowl 2025 layout, with the true distributions.

    Example: `dropback simulate tracking --plays 5000 --out league`
    """
    from dropback.cli._console import errors, progress
    from dropback.simulation.tracking import (
        TrackingLeagueSettings,
        simulate_tracking_league,
        write_tracking_league,
    )

    settings = TrackingLeagueSettings(
        plays=plays,
        reads_sd=reads_sd,
        motion=motion,  # type: ignore[arg-type]  # checked there
        all_plays=all_plays,
    )
    league = simulate_tracking_league(settings, seed=seed)
    with progress(league.weeks) as step:
        write_tracking_league(
            league,
            out,
            tracking=tracking,
            overwrite=overwrite,
            workers=workers,
            on_week=lambda done, weeks: step(f"week {done} of {weeks}"),
        )
    others = f" and {league.others.height:,} other plays" if all_plays else ""
    errors.print(
        f"{out}: {plays:,} simulated {'targeted attempts' if others else 'plays'}{others}."
    )


demo_app = typer.Typer(help="The demo.", no_args_is_help=True)


@demo_app.command()
def demo(
    out: OutFolder = Path("demo"),
    seed: Seed = 1,
    overwrite: Overwrite = False,
) -> None:
    """Run the whole job on a simulated league and hold the ranking against true skill.

    Example: `dropback demo --out demo`
    """
    from dropback.cli._console import errors, evaluation_table
    from dropback.cli._console import out as console
    from dropback.cli._ranking_tables import leaderboard_table
    from dropback.workflows._demo import run_demo

    with errors.status("starting") as status:
        result = run_demo(out, seed=seed, overwrite=overwrite, on_step=status.update)
    evaluation_table(result.evaluation, "A season the model has not seen (simulated)")
    shown = result.rows.select("true_rank", *result.rows.columns[:-2])
    leaderboard_table(shown, "Leaderboard beside true skill (simulated passers)")
    console.print(
        f"Rank correlation with true skill: {result.rank_correlation:.2f}. Share of the CRPS gap "
        f"between climatology and the known distribution that is closed: {result.gap_closed:.0%}.",
    )
    console.print(f"Open {out / 'report.html'}; tables and the run are in {out}.")
    console.print(
        "Watch plays and rankings on a page (simulated, by a network trained for ten seconds):\n"
        f"{_this_program()} serve {out / 'play-run'} --scores {out / 'scores.parquet'} "
        f"--plays {out / 'plays'}",
        soft_wrap=True,
    )


def _this_program() -> str:
    """Relative path of the command: `make demo` runs one that is not on the PATH."""
    called = Path(sys.argv[0])
    if called.name != "dropback" or not called.is_file():
        return "dropback"
    return os.path.relpath(called)
