"""Arguments and options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dropback.data._selection import Games
from dropback.data._table_files import ENDINGS
from dropback.data._tables import PlaySet

if TYPE_CHECKING:
    from dropback.ranking import PlayFilter

GamesOption = Annotated[Games, typer.Option(help="Which games.")]
PlaysOption = Annotated[
    PlaySet, typer.Option(help="targeted attempts; all attempts; dropbacks add sacks, throw-aways.")
]
ScoresFile = Annotated[
    Path, typer.Argument(help="Play scores that `score` wrote, or a folder that `update` keeps.")
]
OutTable = Annotated[Path | None, typer.Option(help=f"File to write: {ENDINGS}.")]
Team = Annotated[str | None, typer.Option(help="Keep plays of this team, by code or name.")]
Opponent = Annotated[str | None, typer.Option(help="Keep plays against this team.")]
Week = Annotated[str | None, typer.Option(help="Keep weeks, for example 3, 10-18 or 1,5-8.")]
Last = Annotated[int | None, typer.Option(min=1, help="Keep the last so many games of each row.")]
AtHome = Annotated[bool | None, typer.Option("--home/--away", help="Keep games at home or away.")]
KeepSeasons = Annotated[
    str | None, typer.Option("--seasons", help="Keep seasons, for example 2021 or 2018-2020.")
]
Roster = Annotated[
    Path | None,
    typer.Option(help="Table of players or rosters with nflverse's columns, for full names."),
]
BesidePlays = Annotated[
    str | None,
    typer.Option(
        "--pbp",
        "--plays",
        help="Play-by-play of the same seasons: adds EPA, success, CPOE, ANY/A, rating, sacks.",
    ),
]
ExpectedPointsFolder = Annotated[
    Path | None,
    typer.Option(
        "--expected-points", help="Expected-points model, where the play-by-play has no EPA."
    ),
]
GamesFile = Annotated[
    Path | None,
    typer.Option("--games", help="Results with nflverse's columns of games, for the score."),
]
OutFolder = Annotated[Path, typer.Option(help="Folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
ExecutorOption = Annotated[
    str,
    typer.Option(
        help="Where tasks run: serial, processes:N, ray, ray://HOST:PORT or dask://HOST:PORT, and "
        "what each needs, as in 'ray?cores=1&memory=2GB&accelerators=0.25'. The results are the "
        "same everywhere."
    ),
]
OutFolderOrUrl = Annotated[str, typer.Option("--out", help="Folder or URL (s3://...) to write.")]


def play_filter(
    seasons: str | None,
    team: str | None,
    opponent: str | None,
    week: str | None,
    last: int | None,
    home: bool | None,
) -> "PlayFilter":
    """The plays that the options of a command keep."""
    from dropback.ranking import PlayFilter

    venue = None if home is None else ("home" if home else "away")
    return PlayFilter(team, opponent, week, last, venue, seasons)  # type: ignore[arg-type]  # home, away


def filter_options(only: "PlayFilter") -> dict[str, Any]:
    """A filter as the arguments of `dropback.leaderboard`."""
    return {
        "team": only.team,
        "opponent": only.opponent,
        "weeks": only.weeks,
        "last": only.last,
        "venue": only.venue,
        "seasons": only.seasons,
    }
