"""Hold the stored plays of a folder: list them, find them, read one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback._search import keep_found, search_column
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.readers import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock

LIBRARY_COLUMNS: Final = (
    *("game", "play", "season", "week", "offense", "defense", "quarter", "game_clock_s", "down"),
    *("yards_to_go", "yards_to_goal", "pass_result", "yards_gained", "description", "frames"),
    *("passer", "target", "note"),
)
"""Columns of `PlayLibrary.table`; ``note`` says what selection of plays its source is."""


class PlayLibrary:
    """The plays of a canonical folder, which `dropback ingest` writes.

    The tables of plays are held in memory; frames are read when they are needed.

    Attributes:
        table: `LIBRARY_COLUMNS` of the plays, a row each.
        keys: Game and play of each.
        notes: What selections the plays are.

    Args:
        folder: The canonical folder.

    Raises:
        TrackingError: It holds no canonical plays.
    """

    def __init__(self, folder: Path) -> None:
        self._files = chunk_files(folder)
        counts = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in self._files]
        self._chunks = np.repeat(np.arange(len(counts)), counts)
        plays = read_plays_table(folder).with_columns(*_names(self._files))
        notes = {
            source: layout.selection if (layout := FORMATS.get(source)) else ""
            for source in plays["source_format"].unique()
        }
        self.notes = sorted(set(notes.values()) - {""})
        note = pl.col("source_format").replace_strict(notes, return_dtype=pl.String).alias("note")
        renamed = plays.with_columns(note).rename({"game_id": "game", "play_id": "play"})
        self.table = renamed.select(LIBRARY_COLUMNS)
        self._search = search_column(
            self.table, "passer", "target", "offense", "defense", "description"
        )
        self._rows = {key: row for row, key in enumerate(self.table.select("game", "play").rows())}
        self.keys = frozenset(self._rows)

    def find(self, *, season: int | None, game: int | None, search: str) -> pl.DataFrame:
        """The rows of a season, of a game, and of what `keep_found` finds."""
        found = self.table.with_columns(self._search)
        for name, value in (("season", season), ("game", game)):
            if value is not None:
                found = found.filter(pl.col(name) == value)
        return keep_found(found, search).drop("search")

    def row(self, game: int, play: int) -> dict[str, Any]:
        """The row of a play."""
        return self.table.row(self._rows[game, play], named=True)

    def read(self, game: int, play: int) -> PlayBlock:
        """A stored play as a block of its own; damaged files raise `TrackingError`."""
        block = read_chunk(self._files[self._chunks[self._rows[game, play]]])
        keep = (block.plays["game_id"] == game) & (block.plays["play_id"] == play)
        return block.keep(keep.to_numpy())


def _names(files: list[Path]) -> list[pl.Series]:
    """Names of passer and target of each play, in chunk order."""
    named = []
    for path in files:
        beside = path.parent.parent.parent / "players" / path.relative_to(path.parent.parent)
        players = pl.read_parquet(beside, columns=["game_id", "play_id", "slot", "display_name"])
        plays = pl.read_parquet(path, columns=["game_id", "play_id", "passer_slot", "target_slot"])
        for slot, name in (("passer_slot", "passer"), ("target_slot", "target")):
            plays = left_join(
                plays.with_columns(pl.col(slot).cast(pl.UInt8)),
                players.rename({"slot": slot, "display_name": name}),
                on=["game_id", "play_id", slot],
            )
        named.append(plays.select("passer", "target"))
    return pl.concat(named).get_columns()
