"""Hold plays as arrays, the form that every step between files and tensors works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._field import RATE_HZ
from dropback.errors import RequestError, TrackingError
from dropback.tracking._schema import BALL_SLOT, FRAME_QUANTITIES, GROUPS_AT_SNAP, PLAYERS, SLOTS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers, Singles

_FIRST_DEFENDER: Final = PLAYERS // 2

X, Y, SPEED, ACCELERATION, DIRECTION, ORIENTATION = range(len(FRAME_QUANTITIES))


def empty_frames(count: int) -> Singles:
    """NaN frames, shape ``[count, 23, 6]``, with each quantity contiguous in memory.

    Nearly every step works on one quantity of all players: with the six side by side it would
    fetch six times what it reads, and no loop over it could use wide instructions.
    """
    planes = np.full((len(FRAME_QUANTITIES), count, SLOTS), np.nan, np.float32)
    return _by_quantity(planes)


def _by_quantity(planes: Singles) -> Singles:
    return np.moveaxis(planes, 0, -1)


def _planes(frames: Singles) -> Singles:
    return np.moveaxis(frames, -1, 0)


def _kept_frames(frames: Singles, kept: Flags) -> Singles:
    # An index of flags would lay the frames out the other way round.
    return _by_quantity(np.compress(kept, _planes(frames), axis=1))


@dataclass(frozen=True)
class Around:
    """How far frames are read beyond the window from the snap to the end of the dropback.

    Attributes:
        before: Frames before the snap.
        after: Frames after the end; None for all that the source has.
    """

    before: int
    after: int | None


@dataclass(frozen=True)
class Wanted:
    """What is read of a set beyond its dropbacks from the snap to the release.

    Attributes:
        around: Frames beyond the window; None for none.
        runs: Whether designed runs are read too, from the snap to the handoff.
    """

    around: Around | None = None
    runs: bool = False


DROPBACKS: Final = Wanted()
"""Dropbacks alone, to the release."""


@dataclass(frozen=True)
class WideFrames:
    """Frames of N plays from before the snap to after the end, the window among them.

    Attributes:
        frames: Shape ``[F, 23, 6]``, as in `PlayBlock`; NaN where the source has no row.
        offsets: Shape ``[N + 1]``.
        before: Frames before the snap in each play, shape ``[N]``.
        events: ``n``, ``frame`` since the snap and ``event``, a row a frame; of several events in
            one frame by the alphabet, with ``"; "`` between.
    """

    frames: Singles
    offsets: Integers
    before: Integers
    events: pl.DataFrame

    def keep(self, kept: Flags) -> WideFrames:
        """The plays to keep, chosen by flags of shape ``[N]``."""
        lengths = np.diff(self.offsets)
        place = pl.DataFrame({"n": np.flatnonzero(kept)}).with_row_index("to")
        events = self.events.join(place, on="n", maintain_order="left").select(
            pl.col("to").cast(pl.Int64).alias("n"), "frame", "event"
        )
        return WideFrames(
            frames=_kept_frames(self.frames, np.repeat(kept, lengths)),
            offsets=np.concatenate([[0], np.cumsum(lengths[kept])]),
            before=self.before[kept],
            events=events,
        )


@dataclass(frozen=True)
class PlayBlock:
    """N plays: their tables, and their frames stacked into one array.

    Args:
        plays: N rows, one a play, in the order of the frames.
        players: One row a play and slot, in the same order.
        frames: Shape ``[F, 23, 6]``, float32: frames of all plays by slot by
            `FRAME_QUANTITIES`, in the units of `Frames`; NaN where there is nothing. Laid out
            as `empty_frames` does.
        offsets: Shape ``[N + 1]``: play ``n`` has the frames ``offsets[n]:offsets[n + 1]``.
        arrival_xy: Shape ``[N, 23, 2]``: x and y in yards when the pass arrives, NaN where the
            source does not say. It is after the release: it may name the target and serve splits.
        wide: Frames beyond the window, where they were asked for.
    """

    plays: pl.DataFrame
    players: pl.DataFrame
    frames: Singles
    offsets: Integers
    arrival_xy: Singles
    wide: WideFrames | None = None

    @property
    def play_of_frame(self) -> Integers:
        """Index of each frame's play, shape ``[F]``."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def frame_in_play(self) -> Integers:
        """Frame number within its play, 0 at the snap, shape ``[F]``."""
        return np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], np.diff(self.offsets))

    @property
    def lacks_defenders(self) -> Flags:
        """Whether the set has fewer than eleven defenders of a play, shape ``[N]``."""
        first = self.frames[self.offsets[:-1], _FIRST_DEFENDER:BALL_SLOT, X]
        return np.asarray(np.isnan(first).any(axis=1))

    @cached_property
    def groups_at_snap(self) -> NDArray[np.int8]:
        """Group of each slot, an index of `GROUPS_AT_SNAP` or -1 for nobody, shape ``[N, 23]``."""
        indices = {name: index for index, name in enumerate(GROUPS_AT_SNAP)}
        players = self.players.select("game_id", "play_id", "slot", "role_at_snap").join(
            self.plays.select("game_id", "play_id").with_row_index("n"),
            on=["game_id", "play_id"],
            how="inner",
        )
        groups = np.full((self.plays.height, SLOTS), -1, np.int8)
        groups[players["n"].to_numpy(), players["slot"].to_numpy()] = (
            players["role_at_snap"].cast(pl.String).replace_strict(indices, return_dtype=pl.Int8)
        ).to_numpy()
        return groups

    def keep(self, kept: Flags) -> PlayBlock:
        """The plays to keep, chosen by flags of shape ``[N]``."""
        if kept.all():
            return self
        lengths = np.diff(self.offsets)
        keys = self.plays.filter(pl.Series(kept)).select("game_id", "play_id")
        return PlayBlock(
            plays=self.plays.filter(pl.Series(kept)),
            players=self.players.join(
                keys, on=["game_id", "play_id"], how="semi", maintain_order="left"
            ),
            frames=_kept_frames(self.frames, np.repeat(kept, lengths)),
            offsets=np.concatenate([[0], np.cumsum(lengths[kept])]),
            arrival_xy=self.arrival_xy[kept],
            wide=None if self.wide is None else self.wide.keep(kept),
        )

    def to_polars(self) -> pl.DataFrame:
        """The frames in rows, with who each player is.

        Returns:
            One row a play, frame and player on the field: the columns of ``Frames``,
            ``source_frame`` (the source's own number), ``seconds`` since the snap, and of the
            player ``player_id``, ``gsis_id``, ``display_name``, ``position``, ``side`` and
            ``role``; null for the ball where it has none. Frames beyond the window too where they
            were read, with the ``event`` of each.
        """
        keys = ["game_id", "play_id"]
        who = ("player_id", "gsis_id", "display_name", "position", "side", "role")
        table = self.frames_table() if self.wide is None else self.wide_table()
        rows = table.join(
            self.players.select(*keys, "slot", *who), on=[*keys, "slot"], maintain_order="left"
        )
        snaps = self.plays.select(*keys, "snap_frame")
        return rows.join(snaps, on=keys, how="left", maintain_order="left").select(
            *keys,
            "frame",
            (pl.col("frame").cast(pl.Int32) + pl.col("snap_frame")).alias("source_frame"),
            (pl.col("frame") / RATE_HZ).alias("seconds"),
            "slot",
            *who,
            *FRAME_QUANTITIES,
            *(["event"] if self.wide is not None else []),
        )

    def to_pandas(self) -> pd.DataFrame:
        """The same as `to_polars`, as a pandas frame.

        Raises:
            RequestError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: F401, PLC0415  # an extra
        except ImportError as error:
            raise RequestError(
                "A pandas frame needs pandas: install it with `pip install 'dropback[pandas]'`."
            ) from error
        return self.to_polars().to_pandas()

    def frames_table(self) -> pl.DataFrame:
        """The frames as rows of `Frames`, NaN as null."""
        return self._table(self.frames, self.play_of_frame, self.frame_in_play)

    def wide_table(self) -> pl.DataFrame:
        """All frames that were read, those beyond the window too, with the ``event`` of each.

        Raises:
            TrackingError: The plays were read from the snap to the end alone.
        """
        wide = self.wide
        if wide is None:
            raise TrackingError(
                "These plays were read from the snap to the end of the dropback alone: read them "
                "again with frames around it (`--from -2s --to end`)."
            )
        lengths = np.diff(wide.offsets)
        plays = np.repeat(np.arange(len(lengths)), lengths)
        frame = np.arange(len(plays)) - np.repeat(wide.offsets[:-1] + wide.before, lengths)
        keys = self.plays.select("game_id", "play_id")
        named = wide.events.join(keys.with_row_index("n").cast({"n": pl.Int64}), on="n").select(
            "game_id", "play_id", pl.col("frame").cast(pl.Int16), "event"
        )
        return self._table(wide.frames, plays, frame).join(
            named, on=["game_id", "play_id", "frame"], how="left", maintain_order="left"
        )

    def _table(self, frames: Singles, plays: Integers, frame: Integers) -> pl.DataFrame:
        planes = _planes(frames)
        return pl.DataFrame(
            {
                "game_id": np.repeat(self.plays["game_id"].to_numpy()[plays], SLOTS),
                "play_id": np.repeat(self.plays["play_id"].to_numpy()[plays], SLOTS),
                "frame": np.repeat(frame.astype(np.int16), SLOTS),
                "slot": np.tile(np.arange(SLOTS, dtype=np.uint8), len(plays)),
                **{name: planes[n].ravel() for n, name in enumerate(FRAME_QUANTITIES)},
            }
        ).with_columns(pl.col(FRAME_QUANTITIES).fill_nan(None))
