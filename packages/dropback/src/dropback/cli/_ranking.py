"""Rank and compare passers, list games, say how many attempts are enough, write a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback.cli._options import (
    AtHome,
    BesidePlays,
    ExpectedPointsFolder,
    GamesFile,
    KeepSeasons,
    Last,
    Opponent,
    OutTable,
    Overwrite,
    Roster,
    ScoresFile,
    Seed,
    Team,
    Week,
    filter_options,
    play_filter,
)

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="Rank play scores.", no_args_is_help=True)

By = Annotated[
    str,
    typer.Option(
        help="Any of passer, receiver, season, week, game, team, opponent, quarter, down, depth, "
        "location, home, shotgun, score_state; with tracking pressure, time_to_throw."
    ),
]
SplitOption = Annotated[
    str,
    typer.Option(
        "--split", help="Keep one value of a split, for example depth=deep or depth=deep,down=3."
    ),
]
Where = Annotated[
    str | None, typer.Option(help="SQL predicate of one play, for example 'air_yards >= 20'.")
]
MinAttempts = Annotated[
    str | None,
    typer.Option(
        help="Plays a row needs; 20%: that share of its team's; nfl: 14 attempts per team game; "
        "reliable: as many as make half of a score's variance skill. Default: nfl for passers, 15 "
        "in a split of them, 14 by game or week, 32 for receivers, else 1."
    ),
]
Tracking = Annotated[
    Path | None,
    typer.Option(help="Folder that `dropback ingest` wrote: adds pressure and time_to_throw."),
]


@app.command()
def leaderboard(
    scores: ScoresFile,
    by: By = "passer,season",
    split: SplitOption = "",
    where: Where = None,
    seasons: KeepSeasons = None,
    team: Team = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    min_attempts: MinAttempts = None,
    pbp: BesidePlays = None,
    roster: Roster = None,
    expected_points: ExpectedPointsFolder = None,
    tracking: Tracking = None,
    decisions: Annotated[
        Path | None,
        typer.Option(help="File of `dropback decisions`: adds decision, execution and time."),
    ] = None,
    out: OutTable = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    center: Annotated[
        bool, typer.Option(help="Subtract each season's drift from one half; it is printed below.")
    ] = True,
) -> None:
    """Rank passers, receivers, teams or games by their mean play score, with intervals.

    Examples: `dropback leaderboard scores.parquet --by passer --split depth=deep`,
    `dropback leaderboard scores.parquet --seasons 2023 --week 10-18 --pbp data/pbp
    --roster players.parquet --out late.xlsx`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import (
        decisions_table,
        drift_line,
        leaderboard_table,
        stats_table,
    )

    if out is not None:
        workflows.require_table_path(out, overwrite=overwrite)
    only = play_filter(seasons, team, opponent, week, last, home)
    table = _read(scores, tracking)
    rows = workflows.passing_board(
        table,
        play_by_play=pbp,
        roster=workflows.roster_of(scores, roster),
        expected_points=expected_points,
        decisions=decisions,
        on_note=errors.print,
        by=by,
        split=split,
        where=where,
        min_attempts=min_attempts,
        seed=seed,
        center=center,
        **filter_options(only),
    )
    if "season" in rows.columns and "season" not in by:
        errors.print("Several seasons: each week is that of its season.")
    title = ", ".join(filter(None, (f"Mean play score by {by}", split, str(only))))
    leaderboard_table(rows, title)
    stats_table(rows)
    decisions_table(rows, "Decision, execution and time of tracked throws")
    drift_line(table, center=center)
    if out is not None:
        workflows.write_table(rows, out, table="leaderboard")
        errors.print(f"{out}: {len(rows)} rows.")


@app.command()
def games(
    scores: ScoresFile,
    passer: Annotated[str, typer.Argument(help="Full name, P.Mahomes, or nflverse's id.")],
    seasons: KeepSeasons = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    results: GamesFile = None,
    pbp: BesidePlays = None,
    roster: Roster = None,
    expected_points: ExpectedPointsFolder = None,
    receiver: Annotated[
        bool, typer.Option("--receiver", help="The name is a receiver's, not a passer's.")
    ] = False,
    out: OutTable = None,
    overwrite: Overwrite = False,
) -> None:
    """List the games of a passer: opponent, result, score with interval, best and worst throw.

    Example: `dropback games scores.parquet "Patrick Mahomes" --seasons 2022 --games games.parquet`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import drift_line, games_table

    if out is not None:
        workflows.require_table_path(out, overwrite=overwrite)
    only = play_filter(seasons, None, opponent, week, last, home)
    role = "receiver" if receiver else "passer"
    table = workflows.read_scores(scores)
    player, rows = workflows.player_games(
        table,
        passer,
        only=only,
        role=role,
        games=results,
        play_by_play=pbp,
        roster=workflows.roster_of(scores, roster),
        expected_points=expected_points,
        on_note=errors.print,
    )
    games_table(rows, ", ".join(filter(None, (f"Games of {player.name}", str(only)))))
    drift_line(table, seasons=set(rows["season"]))
    if out is not None:
        workflows.write_table(rows, out, table="games")
        errors.print(f"{out}: {len(rows)} rows.")


@app.command()
def compare(
    scores: ScoresFile,
    first: Annotated[str, typer.Argument(help="A passer: full name, P.Mahomes, or id.")],
    second: Annotated[str, typer.Argument(help="The other passer.")],
    seasons: KeepSeasons = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    split: SplitOption = "",
    where: Where = None,
    pbp: BesidePlays = None,
    roster: Roster = None,
    expected_points: ExpectedPointsFolder = None,
    out: OutTable = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Compare two passers: who is better with which probability, in all and by season.

    Example: `dropback compare scores.parquet "Josh Allen" "Patrick Mahomes" --seasons 2020-2023`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import drift_line, versus_table

    if out is not None:
        workflows.require_table_path(out, overwrite=overwrite)
    only = play_filter(seasons, None, opponent, week, last, home)
    table = workflows.read_scores(scores)
    found, rows = workflows.compare_players(
        table,
        first,
        second,
        only=only,
        split=split,
        where=where,
        play_by_play=pbp,
        roster=workflows.roster_of(scores, roster),
        expected_points=expected_points,
        seed=seed,
        on_note=errors.print,
    )
    versus_table(found, rows, ", ".join(filter(None, ("Two passers", split, str(only)))))
    drift_line(table, seasons=set(found.seasons["season"]))
    if out is not None:
        workflows.write_table(rows, out, table="passers")
        errors.print(f"{out}: {len(rows)} rows.")


@app.command()
def reliability(
    scores: ScoresFile,
    split: SplitOption = "",
    where: Where = None,
    tracking: Tracking = None,
    target: Annotated[float, typer.Option(help="Share of the variance that is skill.")] = 0.5,
    out: OutTable = None,
    plot: Annotated[Path | None, typer.Option(help="Picture: .png or .svg.")] = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Estimate how many attempts a passer's season needs to be more skill than luck.

    Example: `dropback reliability scores.parquet --plot reliability.png`
    """
    from dropback import ranking, workflows
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import reliability_table

    if out is not None:
        workflows.require_table_path(out, overwrite=overwrite)
    if plot is not None:
        workflows.require_picture_path(plot, overwrite=overwrite)
    kept = ranking.keep_plays(_read(scores, tracking), split=split, where=where)
    found = ranking.reliability(kept, seed=seed)
    minimum = found.minimum(target)
    reliability_table(found)
    from dropback.cli._console import out as console

    console.print(f"Minimum for reliability {target:g}: {minimum} attempts.")
    if out is not None:
        workflows.write_table(found.curve, out, table="reliability")
        errors.print(f"{out}: the curve.")
    if plot is not None:
        from dropback.workflows._plots import draw_reliability, write_figure

        write_figure(draw_reliability(found), plot)
        errors.print(f"{plot}: the picture.")


@app.command()
def report(
    scores: ScoresFile,
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    evaluation: Annotated[
        Path | None, typer.Argument(help="Report, from `dropback evaluate --json`.")
    ] = None,
    comparison: Annotated[
        Path | None, typer.Option(help="Folder that `dropback bakeoff` wrote.")
    ] = None,
    projection: Annotated[
        Path | None, typer.Option(help="Table that `dropback project --out` wrote.")
    ] = None,
    results: GamesFile = None,
    roster: Roster = None,
    min_attempts: Annotated[
        str, typer.Option(help="Plays a row needs: a number, 20%, nfl or reliable.")
    ] = "nfl",
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Passing scores",
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Write one HTML page: every season and career, tiers, game logs, reliability, calibration.

    It needs no network and fits a phone.

    Example: `dropback report scores.parquet report.json --projection projection.csv
    --out report.html`
    """
    from dropback import workflows
    from dropback._files import require_new_file
    from dropback.cli._console import errors, progress
    from dropback.data import read_roster
    from dropback.workflows._report import (
        passer_boards,
        read_comparison,
        read_projection,
        write_report,
    )

    require_new_file(out, overwrite=overwrite)
    table = workflows.read_scores(scores)
    found = None if evaluation is None else workflows.read_evaluation(evaluation)
    compared = None if comparison is None else read_comparison(comparison)
    games = workflows.read_results(results, None, [])
    projected = None if projection is None else read_projection(projection)
    known = workflows.roster_of(scores, roster)
    names = None if known is None else read_roster(known)
    with progress(table["season"].n_unique() + 3) as step:
        boards = passer_boards(
            table, min_attempts=min_attempts, seed=seed, games=games, roster=names, on_board=step
        )
        write_report(
            out,
            title=title,
            boards=boards,
            evaluation=found,
            comparison=compared,
            projection=projected,
        )
        step("the page")
    errors.print(f"{out}: the page, {out.stat().st_size / 1e6:.1f} MB.")


def _read(scores: Path, tracking: Path | None) -> pl.DataFrame:
    from dropback import workflows

    table = workflows.read_scores(scores)
    return table if tracking is None else workflows.with_tracking(table, tracking)
