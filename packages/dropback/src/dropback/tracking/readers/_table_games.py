"""Count the plays of each game that the tables of plays name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.errors import ReaderError
from dropback.tracking.readers._format import candidates
from dropback.tracking.readers._ids import whole_number
from dropback.tracking.readers._tables import found_column, read_table, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dropback.tracking.readers._format import Format


def plays_by_game(folder: Path, layouts: Iterable[Format]) -> pl.DataFrame:
    """``game_id`` and ``listed``, how many plays the tables of plays below a folder have of each.

    Args:
        folder: Where a set is, searched to any depth.
        layouts: Its layouts, which name the table and its columns.

    Returns:
        No row where a layout has no such table.
    """
    found = [pl.DataFrame(schema={"game_id": pl.Int64})]
    places = [folder, *(place for place in folder.rglob("*") if place.is_dir())]
    for layout in layouts:
        for place in places if layout.plays_file else ():
            path = spelled(place / layout.plays_file)
            if path is None:
                continue
            try:
                table = read_table(path, candidates(layout.plays)).rows
            except ReaderError:
                continue  # the reader of the set says what is wrong
            if column := found_column(table, layout.plays.get("game_id", ())):
                found.append(table.select(whole_number(column).alias("game_id")))
    games = pl.concat(found, how="vertical_relaxed").drop_nulls()
    return games.group_by("game_id").agg(listed=pl.len()).sort("game_id")
