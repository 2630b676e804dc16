"""Command that judges choices of target and throws apart, from tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dropback.cli._options import GamesOption, Overwrite
from dropback.cli._runs import Data, Out, PlayByPlay, RunFolder, Seasons

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer()


@app.command()
def decisions(
    run: RunFolder,
    data: Data,
    out: Out,
    by: Annotated[str, typer.Option(help="Groups to print: passer; passer,season; ...")] = "passer",
    split: Annotated[str, typer.Option(help="Keep one value of a split: depth=deep.")] = "",
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
    from dropback.ranking import decision_board

    workflows.require_table_path(out, overwrite=overwrite)
    table = workflows.decisions(run, data, seasons=seasons, games=games, play_by_play=pbp)
    rows = decision_board(table, by=by, split=split, min_attempts=min_attempts)
    _print(rows, by)
    workflows.write_table(table, out, table="decisions")
    errors.print(f"{out}: {len(table):,} throws.")


def _print(rows: pl.DataFrame, by: str, most: int = 50) -> None:
    from dropback.cli._console import out, table_of
    from dropback.ranking._decisions import NUMBERS

    keys = rows.columns[: rows.columns.index("plays")]
    keys = [key for key in keys if key.removesuffix("_id") + "_name" not in keys]
    digits = {"decision": 2, "execution": 3, "time": 2}
    table = table_of(
        f"Decision, execution and time by {by}",
        (*(key.removesuffix("_player_name") for key in keys), "throws", *NUMBERS),
        caption="Second lines: 90 % intervals, and the share of the variance that is a difference "
        "between rows. Called throws and progressions count against a decision; sacks and "
        "throw-aways are not in it.",
    )
    for row in rows.head(most).iter_rows(named=True):
        cells = []
        for name in NUMBERS:
            low, high, share = (row[f"{name}_{end}"] for end in ("low", "high", "reliability"))
            spread = f"{low:.{digits[name]}f} to {high:.{digits[name]}f}, {share:.0%}"
            cells.append(f"{row[name]:.{digits[name]}f}\n{spread}")
        table.add_row(*(str(row[key]) for key in keys), f"{row['plays']:,}", *cells)
    out.print(table)
    if rows.height > most:
        out.print(f"... and {rows.height - most} more rows")
