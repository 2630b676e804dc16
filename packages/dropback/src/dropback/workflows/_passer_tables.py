"""Read what is shown of passers beside their play scores: decisions, seasons, projection, games."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join
from dropback.data._games import read_games
from dropback.data._table_files import read_table
from dropback.data._tables import Plays
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from dropback._files import AnyPath

_KEYS: Final = ["season", "passer_player_id"]
# Of each table of `dropback seasons`, the columns that are shown beside its score.
_SEASONS: Final = {
    "passing_score": (),
    "qb_score": ("dropbacks", "designed_runs", "epa_per_play", "wpa"),
}
_PROJECTION: Final = (
    *("season", "week", "passer_player_id", "rank", "population"),
    *("projection", "projection_low", "projection_high", "now", "now_low", "now_high"),
)
# Of a throw, always known; the others are null where there was no alternative, or no time.
_NUMBERS: Final = ("play_score", "execution", "chosen_yards")
_DECISIONS: Final = (
    *("passer_player_id", "season", "game_id", "play_id", "old_game_id", "play_score"),
    *("decision", "execution", "time", "chosen_yards", "best_yards"),
    *("receiver_slots", "expected_yards", "target_probability"),
)


@dataclass(frozen=True)
class PasserTables:
    """Tables of passers; None where there is none.

    Attributes:
        decisions: What `dropback.workflows.decisions` returned, with ``decision_percentile``: of
            how many of the table's decisions a play's is no worse, 0 to 100, and ``decision_sd``,
            the standard deviation of them all.
        seasons: ``passing_score`` and ``qb_score`` of each passer's season, each with ``_low``,
            ``_high`` (90 %) and ``_place``.
        projection: What `dropback.projection.project_passers` returned, the newest week of each
            passer.
        games: What `read_games` returned.
    """

    decisions: pl.DataFrame | None = None
    seasons: pl.DataFrame | None = None
    projection: pl.DataFrame | None = None
    games: pl.DataFrame | None = None


def read_passer_tables(
    *,
    decisions: AnyPath | None = None,
    seasons: AnyPath | None = None,
    projection: AnyPath | None = None,
    games: AnyPath | None = None,
) -> PasserTables:
    """Read the tables that are named.

    Args:
        decisions: File that ``dropback decisions`` wrote.
        seasons: Folder that ``dropback seasons`` wrote: its ``passing_score``, ``qb_score`` and
            ``projection``.
        projection: File that ``dropback project`` wrote; it replaces that of the folder.
        games: Table of games, see `read_games`.

    Raises:
        ReaderError: No such file or folder, or it is not such a table.
    """
    folder = None if seasons is None else Path(seasons)
    beside = None if folder is None else folder / "projection.parquet"
    if projection is None and beside is not None and beside.is_file():
        projection = beside
    return PasserTables(
        decisions=None if decisions is None else read_decisions(decisions),
        seasons=None if folder is None else _read_seasons(folder),
        projection=None if projection is None else _read_projection(Path(projection)),
        games=None if games is None else read_games(games),
    )


def read_decisions(path: AnyPath) -> pl.DataFrame:
    """Read what ``dropback decisions`` wrote, with the columns of `PasserTables.decisions`.

    Raises:
        ReaderError: No such file, or not such a table.
    """
    path = Path(path)
    types: dict[str, pl.DataType | type[pl.DataType]] = {
        name: column.dtype for name, column in Plays.columns().items()
    }
    types |= dict.fromkeys((*_NUMBERS, "decision", "time", "best_yards"), pl.Float64)
    table = read_table(path, types=types, table="decisions")
    _require(table, path, _DECISIONS, "decisions", "dropback decisions RUN TRACKING --out")
    if not isinstance(table.schema["expected_yards"], pl.List):
        raise ReaderError(
            f"{path}: its expected_yards are no lists, which only .parquet keeps: write decisions "
            "again with --out decisions.parquet."
        )
    for name in _NUMBERS:
        if table[name].null_count():
            raise ReaderError(
                f"{path}: {name} is null in {table[name].null_count()} of {table.height} throws, "
                "and each has one: write it with 'dropback decisions RUN TRACKING --out'."
            )
    worse = pl.col("decision").rank("max") / pl.col("decision").count()
    return table.with_columns(decision_percentile=100 * worse, decision_sd=pl.col("decision").std())


def _read_seasons(folder: Path) -> pl.DataFrame:
    paths = {name: folder / f"{name}.parquet" for name in _SEASONS}
    held = {name: path for name, path in paths.items() if path.is_file()}
    if not held:
        raise ReaderError(
            f"{folder}: it has neither passing_score.parquet nor qb_score.parquet: name a folder "
            "that 'dropback seasons' wrote."
        )
    tables = []
    for name, path in held.items():
        table = read_table(path)
        needed = (*_KEYS, name, f"{name}_low", f"{name}_high", "place")
        _require(table, path, needed, name, "dropback seasons")
        extra = [column for column in _SEASONS[name] if column in table.columns]
        tables.append(table.select(*needed[:-1], *extra, pl.col("place").alias(f"{name}_place")))
    first, *others = tables
    for other in others:
        keys = pl.concat([first.select(_KEYS), other.select(_KEYS)]).unique()
        first = left_join(left_join(keys, first, on=_KEYS), other, on=_KEYS)
    return first.sort(_KEYS)


def _read_projection(path: Path) -> pl.DataFrame:
    table = read_table(path, types={"passer_player_id": pl.String, "season": pl.Int64})
    _require(table, path, _PROJECTION, "a projection", "dropback project SEASONS --as-of 2023")
    newest = table.sort("season", "week", maintain_order=True)
    return newest.unique("passer_player_id", keep="last", maintain_order=True).select(_PROJECTION)


def _require(
    table: pl.DataFrame, path: Path, columns: tuple[str, ...], what: str, command: str
) -> None:
    if missing := [name for name in columns if name not in table.columns]:
        raise ReaderError(
            f"{path}: not a table of {what}, the columns {', '.join(missing)} are missing; write "
            f"it with '{command}'."
        )
