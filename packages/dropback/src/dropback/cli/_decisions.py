"""Command that judges choices of target and throws apart, from tracking."""

from __future__ import annotations

from typing import Annotated

import typer

from dropback.cli._options import GamesOption, Overwrite
from dropback.cli._runs import Data, Out, PlayByPlay, RunFolder, Seasons

app = typer.Typer()


@app.command()
def decisions(
    run: RunFolder,
    data: Data,
    out: Out,
    by: Annotated[str, typer.Option(help="Groups to print: passer; passer,season; ...")] = "passer",
    split: Annotated[
        str, typer.Option(help="Print one value of a split: depth=deep; OUT has all.")
    ] = "",
    min_attempts: Annotated[
        str | None, typer.Option(help="Throws that a row needs, as for `dropback leaderboard`.")
    ] = None,
    seasons: Seasons = None,
    games: GamesOption = "regular",
    pbp: PlayByPlay = None,
    overwrite: Overwrite = False,
) -> None:
    """Tell the choice of target from the throw: a tracked play, thrown to each receiver.

    A decision is the expected yards of the throw to the target less those of the best alternative;
    execution is where the outcome fell within the distribution of the throw that was chosen; time
    is what the last half second before the release brought.

    Example: `dropback decisions runs/tracking tensors --out decisions.parquet`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._ranking_tables import decisions_table
    from dropback.ranking import decision_board

    workflows.require_table_path(out, overwrite=overwrite)
    table = workflows.decisions(run, data, seasons=seasons, games=games, play_by_play=pbp)
    rows = decision_board(table, by=by, split=split, min_attempts=min_attempts)
    decisions_table(rows, f"Decision, execution and time by {by}")
    workflows.write_table(table, out, table="decisions")
    errors.print(f"{out}: {len(table):,} throws.")
