"""Command that projects passers from their plays until a week."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dropback.cli._options import Overwrite

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer()


@app.command()
def project(
    table: Annotated[
        Path, typer.Argument(help="Folder of `dropback seasons`, or a table of plays with EPA.")
    ],
    as_of: Annotated[
        str, typer.Option(help="Season, or season and week: 2023 or 2023-10, to its end.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .parquet, ...")] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="nflverse's players or rosters, for age and draft position."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Project each passer: how good now, and next season, from all plays until a week.

    Numbers are EPA per play over the league's mean, with 90 % intervals.

    Example: `dropback project seasons --as-of 2023-10 --out projection.csv`
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._console import out as console
    from dropback.data._table_files import require_table_path, write_table

    if out is not None:
        require_table_path(out, overwrite=overwrite)
    rows, basis = workflows.project(table, as_of=as_of, roster=roster)
    _print(rows)
    console.print(basis)
    if out is not None:
        write_table(rows, out)
        errors.print(f"{out}: {rows.height} rows.")


def _print(rows: pl.DataFrame, most: int = 40) -> None:
    from dropback.cli._console import out, table_of

    season, week = rows.select("season", "week").row(0)
    # Two lines a row: the table fits a terminal of 80 columns.
    headings = ("rank", "passer", "team", "sea-\nsons", "plays", "now\n90 %", "next season\n90 %")
    table = table_of(f"Projection to the end of week {week}, {season}", headings, left=3)
    for row in rows.head(most).iter_rows(named=True):
        table.add_row(
            f"{row['rank']} of {row['population']}",
            row["passer_player_name"] or row["passer_player_id"],
            row["team"] or "",
            f"{row['experience']}",
            f"{row['plays']:,}\n{row['season_plays']:,}",
            *(
                f"{row[name]:+.3f}\n{row[f'{name}_low']:+.2f} to {row[f'{name}_high']:+.2f}"
                for name in ("now", "projection")
            ),
        )
    table.caption = f"Plays: in all, and of {season}. EPA per play over the league's mean."
    out.print(table)
    if rows.height > most:
        out.print(f"... and {rows.height - most} more rows")
