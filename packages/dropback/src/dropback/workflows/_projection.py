"""Project passers from a table of plays, or from the folder of `dropback seasons`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback.data._table_files import read_table
from dropback.errors import ReaderError
from dropback.projection import project_passers, read_birth_and_draft
from dropback.projection._table import NEEDED

if TYPE_CHECKING:
    from dropback._files import AnyPath

_PLAYS = "qb_plays.parquet"
_TYPES = {
    "game_id": pl.String,
    "season": pl.Int64,
    "week": pl.Int64,
    "passer_player_id": pl.String,
    "defteam": pl.String,
    "epa": pl.Float64,
    "mid_cdf": pl.Float64,
}


def project(
    table: AnyPath, *, as_of: str | int, roster: AnyPath | None = None
) -> tuple[pl.DataFrame, str]:
    """Project the passers of a table of plays, from all of them until a week.

    Args:
        table: ``qb_plays.parquet`` of `dropback seasons`, its folder, any of its tables of
            passers' seasons, or another table of plays with EPA (see
            `dropback.projection.season_values`).
        as_of: Season, or season and week, like ``2023-10``.
        roster: File of ages and draft positions; see `dropback.projection.read_birth_and_draft`.

    Returns:
        What `project_passers` returned, and a sentence on the plays that it rests on.

    Raises:
        ReaderError: No such table or roster.
        RequestError: See `project_passers`.
    """
    path = Path(table)
    if path.is_dir():
        path = path / _PLAYS
    if not path.exists():
        raise ReaderError(
            f"{path}: no such file; 'dropback seasons' writes {_PLAYS} into its folder."
        )
    plays = read_table(path, types=_TYPES)
    beside = path.with_name(_PLAYS)
    if not set(NEEDED) <= set(plays.columns) and beside.is_file():
        plays = read_table(beside, types=_TYPES)  # a season's table does not know its plays
    people = None if roster is None else read_birth_and_draft(roster)
    rows = project_passers(plays, as_of, roster=people)
    return rows, _basis(plays, rows, people)


def _basis(plays: pl.DataFrame, rows: pl.DataFrame, roster: pl.DataFrame | None) -> str:
    season, week = rows.select("season", "week").row(0)
    weeks = sorted(plays.select(pl.col("season", "week").cast(pl.Int64)).unique().rows())
    last_season, last_week = [at for at in weeks if at <= (season, week)][-1]
    parts = [
        f"Population: {rows.height} passers with ten plays in {season - 1} or {season}, from "
        f"plays of {weeks[0][0]} to week {last_week} of {last_season}.",
        "A projection is what a passer would be as a starter: benched passers do worse.",
    ]
    if "designed_run" not in plays.columns or not plays["designed_run"].any():
        parts.append("The table has no designed runs: dropbacks alone are judged.")
    if roster is not None:
        known = rows["passer_player_id"].is_in(roster["player_id"].implode()).sum()
        parts.append(f"The roster knows {known} of them.")
    return " ".join(parts)
