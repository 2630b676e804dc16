"""Read the numbers of a folder that `dropback seasons` wrote, to compare them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.data._table_files import read_table
from dropback.data._tables import PLAY_KEY
from dropback.errors import ReaderError, RequestError
from dropback.scoring import PASSING_SHRINKAGE, QUARTERBACK_SHRINKAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from dropback._files import AnyPath

NUMBERS = ("qb_score", "passing_score", "projection")
"""The numbers of a folder of `dropback seasons`, each the name of its file and column."""

SHRINKAGE = {
    "qb_score": QUARTERBACK_SHRINKAGE.plays,
    "passing_score": PASSING_SHRINKAGE.plays,
}
"""Plays that the mean of a number is shrunk by."""

_PLAYS = {"qb_score": "qb_plays", "passing_score": "scores"}


@dataclass(frozen=True)
class SeasonsFolder:
    """What a comparison takes from a folder.

    Attributes:
        scores: `PLAY_KEY`, ``season`` and the play scores whose means are compared.
        names: Their columns.
        season_values: The projection: ``season``, ``passer_player_id``, ``value``.
        snaps: What `expected_points_added` returned, with ``wpa`` where the folder has it.
    """

    scores: pl.DataFrame
    names: tuple[str, ...]
    season_values: dict[str, pl.DataFrame]
    snaps: pl.DataFrame


def seasons_folder_of(path: AnyPath) -> Path | None:
    """The folder of `dropback seasons` that `path` is, or one of whose numbers it is; else None."""
    place = Path(path)
    if place.is_dir():
        return place
    beside = place.parent / "qb_plays.parquet"
    return place.parent if place.stem in NUMBERS and beside.is_file() else None


def read_seasons_folder(folder: Path, wanted: Sequence[str]) -> SeasonsFolder:
    """Read the numbers `wanted`, among `NUMBERS`, that are means over plays first.

    Raises:
        ReaderError: A file is missing or not readable.
        RequestError: An unknown number, or none that is a mean over plays.
    """
    if unknown := [name for name in wanted if name not in NUMBERS]:
        raise RequestError(
            f"A folder of 'dropback seasons' has the numbers {', '.join(NUMBERS)}, not "
            f"{', '.join(map(repr, unknown))}: name a file of play scores to compare others."
        )
    names = tuple(name for name in wanted if name in _PLAYS)
    if not names:
        raise RequestError(
            "A projection is no mean over plays: compare it with qb_score or passing_score first."
        )
    scores = None
    for name in names:
        column = _read(folder, _PLAYS[name], name).select(*PLAY_KEY, "season", name)
        scores = (
            column
            if scores is None
            else scores.join(column, on=[*PLAY_KEY, "season"], how="full", coalesce=True)
        )
    values = {}
    if "projection" in wanted:
        table = _read(folder, "projection", "projection")
        values["projection"] = table.select("season", "passer_player_id", value="projection")
    return SeasonsFolder(scores, names, values, _read(folder, "epa", "epa"))  # type: ignore[arg-type]


def _read(folder: Path, stem: str, column: str) -> pl.DataFrame:
    path = folder / f"{stem}.parquet"
    if not path.is_file():
        raise ReaderError(
            f"{path}: no such file; the folder must be one that 'dropback seasons' wrote, with the "
            "outcomes yards and epa."
        )
    table = read_table(path)
    if column not in table.columns:
        raise ReaderError(
            f"{path}: the column {column!r} is missing; write the folder again with 'dropback "
            "seasons'."
        )
    return table
