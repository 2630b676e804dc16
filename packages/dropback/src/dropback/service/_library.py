"""Hold the stored plays: list them, find them, read one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl
from msgspec import Meta, Struct

from dropback._frames import left_join
from dropback._search import keep_found, search_column
from dropback.service import _messages as messages
from dropback.service._tables import Season, TableFormat  # noqa: TC001  # msgspec reads annotations
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.readers import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock


class PlaysQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/plays``."""

    season: Season | None = None
    game: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Keep one game.")] | None = None
    search: Annotated[
        str,
        Meta(max_length=100, description="Words of the description, teams, passer or target."),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0
    format: TableFormat = "json"


class PlayLibrary:
    """The plays of a canonical folder, which `dropback ingest` writes.

    The tables of plays are held in memory; frames are read when they are needed.

    Attributes:
        table: The plays, a row each, in the columns of `messages.PlayItem`.
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
            for name in messages.PlayItem.__struct_fields__
            if name != "note"
        ]
        note = pl.col("source_format").replace_strict(notes, return_dtype=pl.String).alias("note")
        plays = table.select(*items, note, "chunk")
        search = search_column(plays, "passer", "target", "offense", "defense", "description")
        self.table = plays.drop("chunk")
        self._plays = plays.with_columns(search)
        self._rows = {key: row for row, key in enumerate(table.select("game_id", "play_id").rows())}
        self.keys = frozenset(self._rows)

    def page(self, query: PlaysQuery) -> messages.PlaysPage:
        """A page of the plays."""
        found = self._plays
        if query.season is not None:
            found = found.filter(pl.col("season") == query.season)
        if query.game is not None:
            found = found.filter(pl.col("game") == query.game)
        found = keep_found(found, query.search)
        rows = found.drop("chunk", "search").slice(query.offset, query.limit).iter_rows(named=True)
        return messages.PlaysPage(
            [messages.PlayItem(**row) for row in rows], found.height, query.offset
        )

    def item(self, game: int, play: int) -> messages.PlayItem:
        """The list entry of a stored play."""
        return messages.PlayItem(
            **self._plays.drop("chunk", "search").row(self._rows[game, play], named=True)
        )

    def read(self, game: int, play: int) -> PlayBlock:
        """A stored play as a block of its own; damaged files raise `TrackingError`."""
        block = read_chunk(self._files[self._plays["chunk"][self._rows[game, play]]])
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
