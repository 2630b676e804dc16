"""Stored tracking plays behind the HTTP routes: a list to choose from, and one play's frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.errors import RequestError
from dropback.service._messages import Field, LivePlayer, PlayItem, PlaysPage
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.readers import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.tracking._blocks import PlayBlock

__all__ = ["PlayLibrary", "field_of", "frame_rows", "players_of"]


class PlayLibrary:
    """The plays of a canonical folder, which `dropback ingest` makes.

    The tables of plays are held in memory; frames are read when they are asked for.

    Args:
        folder: The canonical folder.

    Raises:
        TrackingError: It holds no canonical plays.
    """

    def __init__(self, folder: Path) -> None:
        files = chunk_files(folder)
        self._files = files
        chunk = np.repeat(
            np.arange(len(files)),
            [pl.scan_parquet(path).select(pl.len()).collect().item() for path in files],
        )
        self._plays = read_plays_table(folder).with_columns(
            pl.Series("chunk", chunk), *_names(files)
        )
        self.keys = frozenset(self._plays.select("game_id", "play_id").iter_rows())
        self.notes = sorted({_note(name) for name in self._plays["source_format"].unique()} - {""})

    def page(
        self, *, season: int | None, game: int | None, search: str, limit: int, offset: int
    ) -> PlaysPage:
        """Some of the plays.

        Args:
            season: Keeps one season.
            game: Keeps one game.
            search: Words that the description, the passer or the target must hold.
            limit: Most plays to return.
            offset: Plays to pass over.
        """
        found = self._plays
        if season is not None:
            found = found.filter(pl.col("season") == season)
        if game is not None:
            found = found.filter(pl.col("game_id") == game)
        text = pl.concat_str(
            "description", "passer", "target", separator=" ", ignore_nulls=True
        ).str.to_lowercase()
        for word in search.lower().split():
            found = found.filter(text.str.contains(word, literal=True))
        rows = found.slice(offset, limit).iter_rows(named=True)
        return PlaysPage([_item(row) for row in rows], found.height, offset)

    def item(self, game: int, play: int) -> PlayItem:
        """What is known of a play.

        Raises:
            RequestError: It is not here.
        """
        return _item(self._row(game, play))

    def read(self, game: int, play: int) -> PlayBlock:
        """A play as a block of its own.

        Raises:
            RequestError: It is not here.
            TrackingError: Its files are damaged.
        """
        block = read_chunk(self._files[self._row(game, play)["chunk"]])
        wanted = (block.plays["game_id"] == game) & (block.plays["play_id"] == play)
        return block.keep(wanted.to_numpy())

    def _row(self, game: int, play: int) -> dict[str, Any]:
        if (game, play) not in self.keys:
            raise RequestError(
                f"No game {game}, play {play} is stored here: /v1/plays lists the plays that are."
            )
        found = self._plays.filter((pl.col("game_id") == game) & (pl.col("play_id") == play))
        return found.row(0, named=True)


def field_of(block: PlayBlock) -> Field:
    """Where the lines of the first play of a block are."""
    row = block.plays.row(0, named=True)
    line = row["line_of_scrimmage_x_yd"]
    to_go = row["yards_to_go"]
    goal = line + row["yards_to_goal"]
    return Field(
        length_yd=FIELD_LENGTH_YD,
        width_yd=FIELD_WIDTH_YD,
        line_of_scrimmage_x_yd=line,
        # A first down at or past the goal line is the goal line.
        first_down_x_yd=None if not to_go else min(line + to_go, goal),
        goal_line_x_yd=goal,
    )


def players_of(block: PlayBlock) -> list[LivePlayer]:
    """The men of the first play of a block, and the ball."""
    columns = ("slot", "side", "role", "position", "display_name")
    return [LivePlayer(*row) for row in block.players.select(columns).iter_rows()]


def frame_rows(block: PlayBlock) -> list[list[list[float | None]]]:
    """Frames of a block of one play as lists, NaN as None, to the hundredth."""
    rounded = np.round(block.frames.astype(np.float64), 2)
    return np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[no-any-return, call-overload]


def _names(files: list[Path]) -> list[pl.Series]:
    """Names of passer and target of each play, in chunk order."""
    named = []
    for path in files:
        beside = path.parent.parent.parent / "players" / path.relative_to(path.parent.parent)
        men = pl.read_parquet(beside, columns=["game_id", "play_id", "slot", "display_name"])
        plays = pl.read_parquet(path, columns=["game_id", "play_id", "passer_slot", "target_slot"])
        for slot, name in (("passer_slot", "passer"), ("target_slot", "target")):
            plays = plays.with_columns(pl.col(slot).cast(pl.UInt8)).join(
                men.rename({"slot": slot, "display_name": name}),
                on=["game_id", "play_id", slot],
                how="left",
                maintain_order="left",
            )
        named.append(plays.select("passer", "target"))
    return pl.concat(named).get_columns()


def _note(source_format: str) -> str:
    layout = FORMATS.get(source_format)
    return layout.selection if layout else ""


def _item(row: dict[str, Any]) -> PlayItem:
    return PlayItem(
        game=row["game_id"],
        play=row["play_id"],
        season=row["season"],
        week=row["week"],
        offense=row["offense"],
        defense=row["defense"],
        quarter=row["quarter"],
        game_clock_s=row["game_clock_s"],
        down=row["down"],
        yards_to_go=row["yards_to_go"],
        yards_to_goal=row["yards_to_goal"],
        pass_result=row["pass_result"],
        yards_gained=row["yards_gained"],
        description=row["description"],
        frames=row["frames"],
        passer=row["passer"],
        target=row["target"],
        note=_note(row["source_format"]),
    )
