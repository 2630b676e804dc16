"""Store the canonical tables as Parquet, partitioned by season.

``plays/season=2022/week1-000.parquet`` is beside ``players/...``, ``frames/...`` and
``splits/...`` of the same name: one chunk of plays, in one order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dataframely as dy
import numpy as np
import polars as pl

from dropback._files import POLARS_ERRORS, whole_file
from dropback._frames import left_join
from dropback.errors import TrackingError
from dropback.tracking._blocks import PlayBlock, empty_frames
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS, Players, Plays
from dropback.tracking._splits import play_splits

if TYPE_CHECKING:
    from pathlib import Path

TABLES: Final = ("plays", "players", "frames", "splits")
AROUND: Final = "around"
"""Frames beyond the window, where they were asked for; beside the other tables."""


def write_chunk(block: PlayBlock, folder: Path, name: str) -> None:
    """Write a block, a file a table and season."""
    seasons = block.plays["season"].to_numpy()
    for season in np.unique(seasons).tolist():
        part = block.keep(seasons == season)
        tables = (part.plays, part.players, part.frames_table(), play_splits(part))
        for table, rows in zip(TABLES, tables, strict=True):
            _write_table(rows, folder / table / f"season={season}" / f"{name}.parquet")
        if part.wide is not None:
            keys = ["game_id", "play_id"]
            inside = pl.col("frame").is_between(0, pl.col("frames") - 1)
            beyond = (
                part.wide_table()
                .join(part.plays.select(*keys, "frames"), on=keys, maintain_order="left")
                .filter(~inside)
                .drop("frames")
            )
            _write_table(beyond, folder / AROUND / f"season={season}" / f"{name}.parquet")


def chunk_files(folder: Path) -> list[Path]:
    """The chunks of a canonical folder, as paths of their plays, in name order.

    Raises:
        TrackingError: If there is none.
    """
    files = sorted((folder / "plays").glob("season=*/*.parquet"))
    if not files:
        raise TrackingError(
            f"{folder} must hold canonical plays (plays/season=*/*.parquet) and has none; "
            "write them with `dropback ingest`."
        )
    return files


def read_plays_table(folder: Path) -> pl.DataFrame:
    """All plays of a canonical folder with their splits, in chunk order."""
    return pl.concat(
        with_splits(_valid(Plays, path), read_splits(path)) for path in chunk_files(folder)
    )


def with_splits(plays: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Plays followed by their splits; ``play_action`` is in both."""
    return left_join(plays, splits.drop("play_action"), on=["game_id", "play_id"])


def read_splits(plays_file: Path) -> pl.DataFrame:
    """The splits of a chunk."""
    folder = plays_file.parent.parent.parent
    return _read(folder / "splits" / plays_file.relative_to(folder / "plays"))


def _read(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """A table of a chunk.

    Raises:
        TrackingError: If it is missing or damaged.
    """
    try:
        return pl.read_parquet(path, columns=columns)
    except POLARS_ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise TrackingError(
            f"{path} must be a whole Parquet file ({reason}): write the folder again with "
            "`dropback ingest`."
        ) from error


def _valid(schema: type[Plays | Players], path: Path) -> pl.DataFrame:
    """A table of this version's columns.

    Raises:
        TrackingError: If it has others.
    """
    table = _read(path)
    if missing := [name for name in schema.column_names() if name not in table.columns]:
        raise TrackingError(
            f"{path} must hold {', '.join(missing)}, which this version adds: "
            "write the folder again with `dropback ingest`."
        )
    try:
        return schema.validate(table)
    except (dy.exc.ValidationError, dy.exc.SchemaError) as error:
        reason = " ".join(str(error).split())
        raise TrackingError(
            f"{path} is damaged ({reason}): write the folder again with `dropback ingest`."
        ) from error


def read_chunk(plays_file: Path) -> PlayBlock:
    """A chunk as a block.

    Args:
        plays_file: Its plays, one of `chunk_files`.

    Raises:
        TrackingError: If its frames are not the 23 slots of each frame of its plays, in order, or
            its tables have another version's columns.
    """
    beside = plays_file.parent.parent.parent
    place = plays_file.relative_to(beside / "plays")
    plays = _valid(Plays, plays_file)
    players = _valid(Players, beside / "players" / place)
    frames_file = beside / "frames" / place
    rows = _read(frames_file, columns=["play_id", *FRAME_QUANTITIES])
    offsets = np.concatenate([[0], np.cumsum(plays["frames"].to_numpy())]).astype(np.int64)
    starts = offsets[:-1] * SLOTS
    in_order = rows.height == offsets[-1] * SLOTS and bool(
        (rows["play_id"].gather(starts) == plays["play_id"]).all()
    )
    if not in_order:
        raise TrackingError(
            f"{frames_file} must hold {offsets[-1]} frames of {SLOTS} slots in the order of "
            f"{plays_file}; it has {rows.height} rows that do not fit: ingest that file again."
        )
    frames = empty_frames(int(offsets[-1]))
    for column, name in enumerate(FRAME_QUANTITIES):
        frames[:, :, column] = rows[name].to_numpy().reshape(-1, SLOTS)
    arrival_xy = np.full((plays.height, SLOTS, 2), np.nan, np.float32)
    return PlayBlock(plays, players, frames, offsets, arrival_xy)


def drop_plays(plays_file: Path, keys: pl.DataFrame) -> None:
    """Remove plays from a chunk, and the chunk where nothing is left.

    Args:
        plays_file: The chunk's plays.
        keys: Rows of (game_id, play_id) to remove.
    """
    folder = plays_file.parent.parent.parent
    place = plays_file.relative_to(folder / "plays")
    for table in (*TABLES, AROUND):
        path = folder / table / place
        if table == AROUND and not path.is_file():
            continue
        kept = _read(path).join(keys, on=["game_id", "play_id"], how="anti", maintain_order="left")
        if kept.is_empty():
            path.unlink()
        else:
            _write_table(kept, path)


def _write_table(rows: pl.DataFrame, path: Path) -> None:
    with whole_file(path) as aside:
        # Level 1: a fifth larger than the default level and twice as fast to write.
        rows.write_parquet(aside, compression="zstd", compression_level=1, statistics=False)
