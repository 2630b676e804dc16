"""Commands that draw pictures to publish: tiers, scatter, trend, passer, game."""

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
    from matplotlib.figure import Figure

    from dropback.workflows._pictures import Images, Look

app = typer.Typer(help="Draw pictures to publish, as .png or .svg.", no_args_is_help=True)

Picture = Annotated[Path, typer.Option(help="Picture to write: .png or .svg.")]
Dark = Annotated[bool, typer.Option("--dark", help="Light letters on a dark ground.")]
Phone = Annotated[bool, typer.Option("--phone", help="Narrow, with letters for a phone.")]
Title = Annotated[str | None, typer.Option(help="Heading; by default what is shown.")]
Logos = Annotated[
    Path | None, typer.Option(help="Folder of your own logos, named by team: KC.png.")
]
Headshots = Annotated[
    Path | None, typer.Option(help="Folder of your own headshots, named by id: 00-0033873.png.")
]
Passer = Annotated[str, typer.Argument(help="Full name, P.Mahomes, or nflverse's id.")]
MinAttempts = Annotated[
    str | None, typer.Option(help="Plays a passer needs: a number, 20%, nfl or reliable.")
]

_NOUNS = {
    "passer": "passers",
    "receiver": "receivers",
    "team": "offenses",
    "opponent": "defenses, the lowest first",
    "passer,season": "seasons of passers",
}


@app.command("tiers")
def tiers_command(
    scores: ScoresFile,
    out: Picture,
    seasons: KeepSeasons = None,
    team: Team = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    by: Annotated[
        str, typer.Option(help="passer, receiver, team, opponent, or with season.")
    ] = "passer",
    min_attempts: MinAttempts = None,
    roster: Roster = None,
    logos: Logos = None,
    title: Title = None,
    dark: Dark = False,
    phone: Phone = False,
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Draw passers from best to worst with the interval of each, in tiers.

    SCORES may also be a table of seasons: `qb_score.parquet`, `passing_score.parquet` or
    `projection.parquet` of `dropback seasons`, or what `dropback project` wrote.

    Example: `dropback chart tiers scores.parquet --seasons 2023 --out tiers.png`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.workflows._charts import season_board
    from dropback.workflows._pictures import draw_tiers

    only = play_filter(seasons, team, opponent, week, last, home)
    look, images = _look(out, dark, phone, overwrite, logos)
    if (board := season_board(scores, only)) is not None:
        rows, measure = board
        if roster is not None:
            rows = workflows.with_names(rows, roster, on_note=errors.print)
        heading = title or measure.label[0].upper() + measure.label[1:]
        words = ", ".join(filter(None, (str(only), f"{rows.height} passers")))
        _write(
            draw_tiers(
                rows, title=heading, subtitle=words, measure=measure, look=look, images=images
            ),
            out,
        )
        return
    table = workflows.read_scores(scores)
    rows = workflows.passing_board(
        table,
        roster=workflows.roster_of(scores, roster),
        by=by,
        min_attempts=min_attempts,
        seed=seed,
        on_note=errors.print,
        **filter_options(only),
    )
    subtitle = ", ".join(filter(None, (str(only), f"{rows.height} {_NOUNS.get(by, 'rows')}")))
    _write(
        draw_tiers(
            rows, title=title or "Mean play score", subtitle=subtitle, look=look, images=images
        ),
        out,
        table,
    )


@app.command("scatter")
def scatter_command(
    scores: ScoresFile,
    out: Picture,
    pbp: BesidePlays = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Column of the other metric: epa_per_dropback, success_rate, cpoe, any_a, "
            "passer_rating or plays. Default: EPA where it is there, else CPOE."
        ),
    ] = None,
    seasons: KeepSeasons = None,
    team: Team = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    min_attempts: MinAttempts = None,
    expected_points: ExpectedPointsFolder = None,
    logos: Logos = None,
    title: Title = None,
    dark: Dark = False,
    phone: Phone = False,
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Draw the score of each passer against EPA or CPOE, with both means.

    Example: `dropback chart scatter scores.parquet --pbp data/pbp --seasons 2023 --out scatter.png`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.workflows._pictures import AGAINST, draw_scatter

    only = play_filter(seasons, team, opponent, week, last, home)
    look, images = _look(out, dark, phone, overwrite, logos)
    table = workflows.read_scores(scores)
    rows = workflows.passing_board(
        table,
        play_by_play=pbp,
        expected_points=expected_points,
        by="passer",
        min_attempts=min_attempts,
        seed=seed,
        on_note=errors.print,
        **filter_options(only),
    )
    chosen = against or next((name for name in AGAINST if name in rows.columns), "plays")
    label = AGAINST.get(chosen, (chosen,))[0]
    # Within a title EPA and ANY/A keep their capitals.
    label = label if label[1].isupper() else label[0].lower() + label[1:]
    heading = title or f"Mean play score against {label}"
    subtitle = ", ".join(filter(None, (str(only), f"{rows.height} passers")))
    _write(
        draw_scatter(
            rows, against=chosen, title=heading, subtitle=subtitle, look=look, images=images
        ),
        out,
        table,
    )


@app.command("trend")
def trend_command(
    scores: ScoresFile,
    passers: Annotated[list[str], typer.Argument(help="One to four passers, by name or id.")],
    out: Picture,
    seasons: KeepSeasons = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    roster: Roster = None,
    title: Title = None,
    dark: Dark = False,
    phone: Phone = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw the games of passers one after another, with a moving mean and its interval.

    Example: `dropback chart trend scores.parquet "Josh Allen" "Patrick Mahomes" --out trend.png`
    """
    from dropback import workflows
    from dropback.workflows._pictures import draw_trend

    only = play_filter(seasons, None, opponent, week, last, home)
    look, _ = _look(out, dark, phone, overwrite)
    table = workflows.read_scores(scores)
    names = workflows.roster_of(scores, roster)
    logs = {}
    for passer in passers:
        player, log = workflows.player_games(table, passer, only=only, roster=names)
        logs[f"{player.name} ({player.id})" if player.name in logs else player.name] = log
    heading = title or ("Game by game: " + ", ".join(logs))
    years = sorted({year for log in logs.values() for year in log["season"]})
    span = f"seasons {years[0]}-{years[-1]}" if len(years) > 1 else f"season {years[0]}"
    games = ", ".join(f"{log.height}" for log in logs.values())
    words = f"{str(only) or span}; games: {games}"
    _write(draw_trend(logs, title=heading, subtitle=words, look=look), out, table)


@app.command("passer")
def passer_command(
    scores: ScoresFile,
    passer: Passer,
    out: Picture,
    seasons: KeepSeasons = None,
    opponent: Opponent = None,
    week: Week = None,
    last: Last = None,
    home: AtHome = None,
    pbp: BesidePlays = None,
    roster: Roster = None,
    expected_points: ExpectedPointsFolder = None,
    logos: Logos = None,
    headshots: Headshots = None,
    dark: Dark = False,
    phone: Phone = False,
    overwrite: Overwrite = False,
    seed: Seed = 0,
) -> None:
    """Draw a passer's card: numbers, seasons, depths, where the throws fall, best and worst.

    Example: `dropback chart passer scores.parquet "Patrick Mahomes" --seasons 2022 --out card.png`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.workflows._charts import passer_card

    only = play_filter(seasons, None, opponent, week, last, home)
    look, images = _look(out, dark, phone, overwrite, logos, headshots)
    table = workflows.read_scores(scores)
    figure = passer_card(
        table,
        passer,
        only=only,
        play_by_play=pbp,
        roster=workflows.roster_of(scores, roster),
        expected_points=expected_points,
        look=look,
        images=images,
        seed=seed,
        on_note=errors.print,
    )
    _write(figure, out, table)


@app.command("game")
def game_command(
    scores: ScoresFile,
    passer: Passer,
    out: Picture,
    seasons: KeepSeasons = None,
    opponent: Opponent = None,
    week: Week = None,
    home: AtHome = None,
    games: GamesFile = None,
    pbp: BesidePlays = None,
    roster: Roster = None,
    expected_points: ExpectedPointsFolder = None,
    throws: Annotated[int, typer.Option(min=1, max=6, help="Best, and worst, throws.")] = 3,
    logos: Logos = None,
    headshots: Headshots = None,
    dark: Dark = False,
    phone: Phone = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw a passer's game: every throw by its time, the best and the worst with description.

    Example: `dropback chart game scores.parquet "Patrick Mahomes" --seasons 2022 --week 6
    --games games.parquet --out game.png`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.workflows._charts import game_card

    only = play_filter(seasons, None, opponent, week, None, home)
    look, images = _look(out, dark, phone, overwrite, logos, headshots)
    table = workflows.read_scores(scores)
    figure = game_card(
        table,
        passer,
        only=only,
        games=games,
        play_by_play=pbp,
        roster=workflows.roster_of(scores, roster),
        expected_points=expected_points,
        throws=throws,
        look=look,
        images=images,
        on_note=errors.print,
    )
    _write(figure, out, table)


def _look(
    out: Path,
    dark: bool,
    phone: bool,
    overwrite: bool,
    logos: Path | None = None,
    headshots: Path | None = None,
) -> tuple[Look, Images]:
    """Refuse a picture that cannot be written before anything is computed for it."""
    from dropback import workflows
    from dropback.workflows._pictures import Images, Look

    workflows.require_picture_path(out, overwrite=overwrite)
    return Look(dark, phone), Images(logos, headshots)


def _write(figure: Figure, out: Path, scores: pl.DataFrame | None = None) -> None:
    """Write a picture, and say by how much the seasons of its play scores drift."""
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import drift_line
    from dropback.workflows._plots import write_figure

    write_figure(figure, out)
    errors.print(f"{out}: the picture.")
    if scores is not None:
        drift_line(scores)
