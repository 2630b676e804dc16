"""Look up stored tracking plays: a searchable list, and the frames of one play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.errors import RequestError
from dropback.service._messages import LivePlayer, PlayItem, PlaysPage
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.readers import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock

__all__ = ["PlayLibrary", "players_of"]


class PlayLibrary:
    """The plays of a canonical folder, which `dropback ingest` writes.

    The tables of plays are held in memory; frames are read when they are needed.

    Args:
        folder: The canonical folder.

    Raises:
        TrackingError: It holds no canonical plays.
    """

    def __init__(self, folder: Path) -> None:
        self._files = chunk_files(folder)
        counts = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in self._files]
        chunk = pl.Series("chunk", np.repeat(np.arange(len(counts)), counts))
        table = read_plays_table(folder).with_columns(chunk, *_names(self._files))
        notes = {
            source: layout.selection if (layout := FORMATS.get(source)) else ""
            for source in table["source_format"].unique()
        }
        self.notes = sorted(set(notes.values()) - {""})
        columns = {"game": "game_id", "play": "play_id"}
        items = [
            pl.col(columns.get(name, name)).alias(name)
            for name in PlayItem.__struct_fields__
            if name != "note"
        ]
        note = pl.col("source_format").replace_strict(notes, return_dtype=pl.String).alias("note")
        self._plays = table.select(*items, note, "chunk")
        self._rows = {key: row for row, key in enumerate(table.select("game_id", "play_id").rows())}
        self.keys = frozenset(self._rows)

    def page(
        self, *, season: int | None, game: int | None, search: str, limit: int, offset: int
    ) -> PlaysPage:
        """A page of the plays.

        Args:
            season: Keeps one season.
            game: Keeps one game.
            search: Words that the description, the passer or the target must hold.
            limit: Most plays to return.
            offset: Plays to skip.
        """
        found = self._plays
        if season is not None:
            found = found.filter(pl.col("season") == season)
        if game is not None:
            found = found.filter(pl.col("game") == game)
        text = pl.concat_str(
            "description", "passer", "target", separator=" ", ignore_nulls=True
        ).str.to_lowercase()
        for word in search.lower().split():
            found = found.filter(text.str.contains(word, literal=True))
        rows = found.drop("chunk").slice(offset, limit).iter_rows(named=True)
        return PlaysPage([PlayItem(**row) for row in rows], found.height, offset)

    def item(self, game: int, play: int) -> PlayItem:
        """The list entry of a play.

        Raises:
            RequestError: It is not stored.
        """
        return PlayItem(**self._plays.drop("chunk").row(self._row(game, play), named=True))

    def read(self, game: int, play: int) -> PlayBlock:
        """A play as a block of its own.

        Raises:
            RequestError: It is not stored.
            TrackingError: Its files are damaged.
        """
        block = read_chunk(self._files[self._plays["chunk"][self._row(game, play)]])
        keep = (block.plays["game_id"] == game) & (block.plays["play_id"] == play)
        return block.keep(keep.to_numpy())

    def _row(self, game: int, play: int) -> int:
        row = self._rows.get((game, play))
        if row is None:
            raise RequestError(
                f"No game {game}, play {play} is stored here: /v1/plays lists the plays that are."
            )
        return row


def players_of(block: PlayBlock) -> list[LivePlayer]:
    """The players of the first play of a block, and the ball."""
    columns = ("slot", "side", "role", "position", "display_name")
    return [LivePlayer(*row) for row in block.players.select(columns).iter_rows()]


def _names(files: list[Path]) -> list[pl.Series]:
    """Names of passer and target of each play, in chunk order."""
    named = []
    for path in files:
        beside = path.parent.parent.parent / "players" / path.relative_to(path.parent.parent)
        players = pl.read_parquet(beside, columns=["game_id", "play_id", "slot", "display_name"])
        plays = pl.read_parquet(path, columns=["game_id", "play_id", "passer_slot", "target_slot"])
        for slot, name in (("passer_slot", "passer"), ("target_slot", "target")):
            plays = plays.with_columns(pl.col(slot).cast(pl.UInt8)).join(
                players.rename({"slot": slot, "display_name": name}),
                on=["game_id", "play_id", slot],
                how="left",
                maintain_order="left",
            )
        named.append(plays.select("passer", "target"))
    return pl.concat(named).get_columns()
