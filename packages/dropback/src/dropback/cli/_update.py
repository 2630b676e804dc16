"""Command that keeps a folder of play-by-play, its scores, rankings and page up to date."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback._choices import season_list
from dropback.cli._options import Seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from dropback.workflows import Update

app = typer.Typer(help="The season in progress.", no_args_is_help=True)

_MOST_SHOWN = 10


@app.command()
def update(
    folder: Annotated[
        Path, typer.Argument(help="Folder of play_by_play_*.parquet or .csv, and of the store.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(help="Run that scores plays; needed the first time, then remembered."),
    ] = None,
    seasons: Annotated[
        str | None,
        typer.Option(
            help="Seasons to look at: 2006-, current, latest, ... or all; remembered. At first all."
        ),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(
            help="Table of players or rosters, for full names; remembered. Without one the "
            "folder's players.parquet, which is downloaded."
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing: read the files that are there.")
    ] = False,
    drop_missing: Annotated[
        bool,
        typer.Option("--drop-missing", help="Accept that games are gone, or lack many plays."),
    ] = False,
    seed: Seed = 0,
) -> None:
    """Refresh play-by-play, score what is new, and redo rankings, projection and the page.

    The folder then holds `report.html`, `projection.csv` and `qb_score.csv`, and a store that
    `leaderboard`, `report` and all commands of play scores read. Safe to run from cron, twice at
    once and after it was stopped.

    Example: `dropback update data/pbp --model runs/pbp --seasons 2018-`, then each Tuesday
    `dropback update data/pbp`
    """
    from dropback import workflows
    from dropback.cli._console import errors

    with errors.status("starting") as status:
        done = workflows.update(
            folder,
            model=model,
            seasons=seasons,
            roster=roster,
            offline=offline,
            drop_missing=drop_missing,
            seed=seed,
            on_step=status.update,
        )
    _print(done, folder)


def _print(done: Update, folder: Path) -> None:
    """What the update changed, and what there is now."""
    from dropback.cli._console import errors, out, table_of

    if done.fetched:
        states = Counter(done.fetched.values())
        told = ", ".join(f"{count} {state}" for state, count in states.items())
        errors.print(f"Downloaded: {told}.")
    games = {
        "New games": done.new,
        "Corrected games": done.corrected_games,
        "Games that are gone": done.lost,
        "Games under another id now": [f"{before} -> {after}" for before, after in done.moved],
        "Final games without plays yet": done.awaited,
    }
    for title, ids in games.items():
        if ids:
            out.print(f"{title}: {len(ids)} ({_shortened(ids)}).", soft_wrap=True)
    if not (done.new or done.corrected_games or done.lost or done.moved):
        out.print("Nothing new.")
    if not done.corrected.is_empty():
        headings = ("play", "passer", "what", "yards", "score")
        table = table_of(f"Plays scored otherwise: {len(done.corrected)}", headings, left=3)
        for row in done.corrected.head(_MOST_SHOWN).iter_rows(named=True):
            table.add_row(
                f"{row['game_id']} {row['play_id']}",
                row["passer_player_name"] or "",
                row["change"],
                _before_and_now(row["yards_before"], row["yards"], "d"),
                _before_and_now(row["score_before"], row["score"], ".3f"),
            )
        out.print(table)
    _print_movers(done.movers, f"Movers of {done.mover_season}", "score", ".4f")
    _print_movers(done.projected, "Movers of the projection", "EPA per play", "+.3f")
    for note in done.notes:
        errors.print(note, soft_wrap=True)
    errors.print(
        f"{folder}: {done.scored:,} plays scored; the store holds "
        f"{season_list(done.store.seasons)}, {len(done.store.boards)} rankings.",
        soft_wrap=True,
    )
    for name in done.rewritten:
        errors.print(f"{folder / name}: written.", soft_wrap=True)


def _print_movers(movers: pl.DataFrame, title: str, number: str, shape: str) -> None:
    from dropback.cli._console import out, table_of

    if movers.is_empty():
        return
    table = table_of(title, ("passer", "rank", number))
    for row in movers.iter_rows(named=True):
        table.add_row(
            row["passer_player_name"],
            _before_and_now(row["rank_before"], row["rank"], "d"),
            _before_and_now(row["score_before"], row["score"], shape),
        )
    out.print(table)


def _before_and_now(before: float | None, now: float | None, shape: str) -> str:
    shown = ["" if value is None else format(value, shape) for value in (before, now)]
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} -> {shown[1]}".strip()


def _shortened(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_SHOWN
    return ", ".join(ids[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
