"""Store plays as memory-mapped float32 arrays, ragged in time, with their schema and hash.

A folder holds ``players.f32`` ``[F, 22, 8]``, ``engineered.f32`` ``[F, 17]``, ``static.f32``
``[N, 8]``, ``offsets.npy`` ``[N + 1]``, ``plays.parquet`` and ``schema.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import polars as pl

from dropback._files import POLARS_ERRORS
from dropback._frames import collected
from dropback.data._field import RATE_HZ
from dropback.errors import TrackingError
from dropback.tracking._roles import mirror_slots
from dropback.tracking._schema import PLAYERS, Plays
from dropback.tracking._splits import SPLITS, play_splits, split_definitions
from dropback.tracking._storage import with_splits
from dropback.tracking.tensors._features import (
    ENGINEERED_COLUMNS,
    PLAYER_COLUMNS,
    PLAYER_QUANTITIES,
    STATIC_COLUMNS,
    block_features,
    eligible_slots,
)

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from dropback._arrays import Flags, Integers, Singles
    from dropback.tracking._blocks import PlayBlock

SCHEMA: Final = "schema.json"
"""A file that every folder of play tensors has."""

_KEYS: Final = ("game_id", "play_id")
_PLAYER: Final = ("player_id", "gsis_id", "name")

TENSOR_PLAYS_COLUMNS: Final = (
    *Plays.column_names(),
    *(name for name in SPLITS if name not in Plays.column_names()),
    *(f"{role}_{what}" for role in ("passer", "target") for what in _PLAYER),
    "eligible_slots",
    "mirror_slots",
)


def tensor_plays(block: PlayBlock, splits: pl.DataFrame) -> pl.DataFrame:
    """The plays of a block in the columns of `TENSOR_PLAYS_COLUMNS`.

    Returns:
        The plays in their order: the columns of `dropback.tracking._schema.Plays`, the splits, who
        passed and who was the target (``passer_player_id``, ``passer_gsis_id``, ``passer_name``,
        ...; null where not known), ``eligible_slots`` (shape ``[11]``, of the offense's slots)
        and ``mirror_slots`` (shape ``[22]``): after a mirror image across the field's long axis
        the player of ``mirror_slots[slot]`` is in ``slot``.
    """
    plays = with_splits(block.plays, splits).lazy()
    players = block.players.lazy().select(
        *_KEYS, "slot", "player_id", "gsis_id", name="display_name"
    )
    for role in ("passer", "target"):
        of_role = players.rename({what: f"{role}_{what}" for what in _PLAYER})
        plays = plays.join(
            of_role.with_columns(pl.col("slot").cast(pl.Int8)),
            left_on=[*_KEYS, f"{role}_slot"],
            right_on=[*_KEYS, "slot"],
            how="left",
            maintain_order="left",
        )
    mirror = mirror_slots(block.groups_at_snap[:, :PLAYERS])
    eligible = eligible_slots(block)
    found = plays.with_columns(
        pl.Series("eligible_slots", eligible, dtype=pl.Array(pl.Boolean, eligible.shape[1])),
        pl.Series("mirror_slots", np.ascontiguousarray(mirror), dtype=pl.Array(pl.UInt8, PLAYERS)),
    ).select(TENSOR_PLAYS_COLUMNS)
    return found.pipe(collected)


_ARRAYS: Final = {
    "players": (PLAYERS, len(PLAYER_QUANTITIES)),
    "engineered": (len(ENGINEERED_COLUMNS),),
    "static": (len(STATIC_COLUMNS),),
}
_COPY_BYTES: Final = 8 << 20


def _columns() -> dict[str, Any]:
    return {
        "player_columns": list(PLAYER_COLUMNS),
        "engineered_columns": list(ENGINEERED_COLUMNS),
        "static_columns": list(STATIC_COLUMNS),
        "plays_columns": list(TENSOR_PLAYS_COLUMNS),
        "rate_hz": RATE_HZ,
        "dtype": "float32, little-endian",
    }


def schema_hash() -> str:
    """SHA-256 of the names and order of all columns, of arrays and plays."""
    return hashlib.sha256(json.dumps(_columns(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class PlayTensors:
    """N plays on disk, read by mapping.

    Args:
        players: Shape ``[F, 22, 8]``: `dropback.tracking.tensors._features.PLAYER_QUANTITIES`.
        engineered: Shape ``[F, 17]``: `ENGINEERED_COLUMNS`.
        static: Shape ``[N, 8]``: `STATIC_COLUMNS`.
        offsets: Shape ``[N + 1]``: play ``n`` has the frames ``offsets[n]:offsets[n + 1]``.
        plays: N rows of `tensor_plays`.
        schema: What ``schema.json`` holds: columns, hashes, counts, sources.
        folder: Where they are; None in memory.
    """

    players: Singles
    engineered: Singles
    static: Singles
    offsets: Integers
    plays: pl.DataFrame
    schema: dict[str, Any]
    folder: Path | None = None

    def __len__(self) -> int:
        return self.plays.height

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the plays of a folder.

        Raises:
            TrackingError: If the folder is none of ours, is incomplete, or has other columns.
        """
        try:
            schema = json.loads((folder / SCHEMA).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"{folder} must be a folder of play tensors with a schema.json: {error}."
            ) from error
        found = schema.get("schema_hash") if isinstance(schema, dict) else None
        if found != schema_hash():
            raise TrackingError(
                f"{folder} has columns of schema {str(found)[:12]}, this version "
                f"reads {schema_hash()[:12]}: build it again with `dropback features`."
            )
        try:
            return cls._mapped(folder, schema)
        except TrackingError:
            raise
        except (*POLARS_ERRORS, Exception) as error:  # NumPy parses a header as Python
            reason = str(error).partition("\n")[0]
            raise TrackingError(
                f"{folder}: the play tensors are damaged ({reason}): build them again with "
                "`dropback features`."
            ) from error

    @classmethod
    def _mapped(cls, folder: Path, schema: dict[str, Any]) -> Self:
        offsets = np.load(folder / "offsets.npy")
        lengths = {"players": offsets[-1], "engineered": offsets[-1], "static": len(offsets) - 1}
        arrays = {
            name: _map(folder / f"{name}.f32", (int(lengths[name]), *shape))
            for name, shape in _ARRAYS.items()
        }
        plays = pl.read_parquet(folder / "plays.parquet")
        return cls(**arrays, offsets=offsets, plays=plays, schema=schema, folder=folder)

    def frames_of(self, play: int) -> Singles:
        """Player features of one play, shape ``[T, 22, 8]``, a view of the file."""
        return self.players[self.offsets[play] : self.offsets[play + 1]]


def present_players(tensors: PlayTensors, rows: Integers | None = None) -> Flags:
    """Which of the 22 players the set has in each play, ``[N, 22]``, by its first frame."""
    first = tensors.offsets[:-1] if rows is None else tensors.offsets[rows]
    return np.asarray(~np.isnan(tensors.players[first, :, 0]))


class TensorPart:
    """Appends blocks to arrays on disk; a part of the whole, one a source file.

    Args:
        folder: Folder of the part; emptied first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.restart()

    def restart(self) -> None:
        """Forget everything written."""
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True)
        self._plays: list[pl.DataFrame] = []

    def take(self, block: PlayBlock, splits: pl.DataFrame | None = None) -> None:
        """Append a block's features, and its plays with their splits: the block's unless given."""
        splits = play_splits(block) if splits is None else splits
        for (name, shape), values in zip(_ARRAYS.items(), block_features(block), strict=True):
            with (self._folder / f"{name}.f32").open("ab") as file:
                file.write(np.ascontiguousarray(values.reshape(-1, *shape), "<f4").data)
        self._plays.append(tensor_plays(block, splits))

    def close(self) -> None:
        """Write the plays; the part is then complete."""
        if self._plays:
            pl.concat(self._plays).write_parquet(self._folder / "plays.parquet")


def require_tensors_or_nothing(out: Path) -> None:
    """Refuse to write over a folder that is no play tensors.

    Raises:
        TrackingError: It is there, and is none.
    """
    if out.exists() and not (out / SCHEMA).is_file():
        raise TrackingError(f"{out} exists and is no folder of play tensors; name another.")


class PartJoiner:
    """Joins complete parts into play tensors, one after the other; a play is kept from its first.

    Arrays are copied in a thread of their own, which `finish` waits for.

    Args:
        folder: An empty folder for them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests = {name: hashlib.sha256() for name in _ARRAYS}
        self._keys = pl.DataFrame(schema=dict.fromkeys(_KEYS, pl.Int64))
        self._plays: list[pl.DataFrame] = []
        self._copier = ThreadPoolExecutor(1)
        self._copies: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._copier.shutdown(cancel_futures=True)

    def join_part(self, part: Path) -> None:
        """Append the next folder of a `TensorPart`, less the plays that an earlier one has.

        Raises:
            OSError: The disk did not take an earlier part.
        """
        for copy in self._copies:
            if copy.done():
                copy.result()
        path = part / "plays.parquet"
        if not path.is_file():
            return
        plays = pl.read_parquet(path)
        self._keys = pl.concat([self._keys, plays.select(_KEYS)])
        first = self._keys.select(pl.struct(_KEYS).is_first_distinct()).to_series()
        kept = first.tail(plays.height).to_numpy()
        self._copies.append(self._copier.submit(self._copy, part, plays["frames"].to_numpy(), kept))
        self._plays.append(plays.filter(kept))

    def _copy(self, part: Path, frames: Integers, kept: Flags) -> None:
        """Append the arrays of a part."""
        for name in _ARRAYS:
            self._append(
                name, part, np.ones(len(frames), int) if name == "static" else frames, kept
            )

    def _append(self, name: str, part: Path, rows: Integers, kept: Flags) -> None:
        """Append one array, of which each play has some rows."""
        row_bytes = int(np.prod(_ARRAYS[name])) * 4
        bounds = np.concatenate([[0], np.cumsum(rows)]) * row_bytes
        with (
            (part / f"{name}.f32").open("rb") as source,
            (self._folder / f"{name}.f32").open("ab") as target,
        ):
            for start, end in _kept_ranges(kept, bounds):
                source.seek(start)
                left = end - start
                while left and (chunk := source.read(min(left, _COPY_BYTES))):
                    self._digests[name].update(chunk)
                    target.write(chunk)
                    left -= len(chunk)

    def finish(self, notes: dict[str, Any]) -> None:
        """Write what makes the folder whole.

        Args:
            notes: JSON-ready facts to record in ``schema.json``.

        Raises:
            TrackingError: If no play is left.
            OSError: The disk did not take a part.
        """
        for copy in self._copies:
            copy.result()
        if not self._plays:
            raise TrackingError(
                "no play is left to make tensors of; see the reasons of those set aside."
            )
        plays = pl.concat(self._plays)
        ends = np.cumsum(plays["frames"].to_numpy())
        np.save(self._folder / "offsets.npy", np.concatenate([[0], ends]))
        plays.write_parquet(self._folder / "plays.parquet")
        schema = {
            **_columns(),
            "schema_hash": schema_hash(),
            "data_sha256": {name: digest.hexdigest() for name, digest in self._digests.items()},
            "plays": plays.height,
            "frames": int(ends[-1]),
            "lacks": sorted({word for words in plays["lacks"].to_list() for word in words}),
            "splits": split_definitions(),
            "derived": sorted({word for words in plays["derived"].to_list() for word in words}),
            **notes,
        }
        (self._folder / SCHEMA).write_text(json.dumps(schema, indent=1), encoding="utf-8")


def _map(path: Path, shape: tuple[int, ...]) -> Singles:
    size = int(np.prod(shape)) * 4
    found = path.stat().st_size if path.is_file() else 0
    if found != size:
        raise TrackingError(
            f"{path} must have {size} bytes for shape {list(shape)} and has {found}: "
            "build the folder again with `dropback features`."
        )
    return np.memmap(path, dtype="<f4", mode="r", shape=shape)


def _kept_ranges(kept: Flags, bounds: Integers) -> list[tuple[int, int]]:
    """Byte ranges of runs of kept plays."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], kept.astype(np.int8), [0]])))
    return [(int(bounds[a]), int(bounds[b])) for a, b in edges.reshape(-1, 2)]
