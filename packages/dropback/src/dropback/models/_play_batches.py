"""Prepare tracked plays for a network: rows of play tensors, cut, mirrored, flattened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import polars as pl
import torch

from dropback.data._features import FeatureSchema
from dropback.data._field import RATE_HZ
from dropback.errors import TrackingError
from dropback.models._frame_columns import (
    ENGINEERED,
    FRAME_COLUMNS,
    PLAYER_WIDTH,
    frame_columns,
    mirror_signs,
    mirrored_order,
)
from dropback.tracking._schema import FIRST_RECEIVER, PLAYERS, RECEIVERS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from dropback.tracking.tensors._play_tensors import present_players
from splicedpareto.training import SequenceDataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray
    from torch import Tensor

    from dropback._arrays import Flags, Integers, Singles
    from dropback.data._features import FeatureMatrix
    from dropback.tracking.tensors._play_tensors import PlayTensors

    Augmentation: TypeAlias = Callable[[Tensor, Tensor, torch.Generator], Tensor]

# Plays whose columns are computed at once for training: 30 MB in float32.
_CHUNK: Final = 1024

# Shares of the receivers and of the defense that are dropped at most: a 2026 play may have two of
# five and four of eleven.
_MOST_RECEIVERS: Final = 0.6
_MOST_DEFENDERS: Final = 0.7

# Frames a tree sees: that of the release, and half a second and a second before it.
_FLATTENED_FRAMES: Final = (0, 5, 10)


def tracking_schema() -> FeatureSchema:
    """Names and order of all columns that the play network takes."""
    return FeatureSchema((*FRAME_COLUMNS, *STATIC_COLUMNS))


@dataclass(frozen=True)
class TrackedPlays:
    """N plays of a folder of play tensors, indexed by rows.

    Attributes:
        tensors: All plays of the folder.
        rows: Which of them, shape ``(N,)``.
        cut_frames: Frames at the end that are hidden, the release first of all.
    """

    tensors: PlayTensors
    rows: Integers
    cut_frames: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Integers | Flags) -> Self:
        """Some of the plays, chosen as rows of an array are."""
        return replace(self, rows=self.rows[rows])

    @property
    def lengths(self) -> Integers:
        """Frames of each play that are shown, shape ``(N,)``."""
        return np.maximum(self._all_frames() - self.cut_frames, 1)

    def before_release(self, seconds: float) -> Self:
        """The plays up to `seconds` before the release; at the snap where that is later."""
        return replace(self, cut_frames=round(seconds * RATE_HZ))

    def reaches(self, seconds: float) -> Flags:
        """Which plays have a frame so long before the release, shape ``(N,)``."""
        return self._all_frames() > round(seconds * RATE_HZ)

    @property
    def complete(self) -> bool:
        """Whether the set has all 22 players in each play."""
        return bool(present_players(self.tensors, self.rows).all())

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs of a network: sequences ``(N, T, 259)``, lengths ``(N,)``, static ``(N, 8)``."""
        lengths = self.lengths
        columns = self._columns()
        steps = int(lengths.max(initial=1))
        padded = np.zeros((len(self), steps, columns.shape[1]), np.float32)
        padded[np.arange(steps) < lengths[:, None]] = columns
        return torch.from_numpy(padded), torch.from_numpy(lengths), self.static()

    def static(self) -> Tensor:
        """Static columns, shape ``(N, 8)``, NaN where the set lacks them."""
        return torch.from_numpy(np.asarray(self.tensors.static[self.rows]))

    def dataset(
        self,
        targets: tuple[Tensor, ...],
        *,
        prefix_share: float,
        mirror: bool,
        reorder: bool = True,
        player_dropout: float = 0.0,
    ) -> SequenceDataset:
        """The plays to learn from, their columns held in memory as float16.

        Half precision keeps 0.03 yards 60 yards from the ball and halves the memory: 50,000 plays
        are 0.8 GB.

        Args:
            targets: Targets of the objective, each shape ``(N,)``.
            prefix_share: Share of prefixes among the plays of an epoch, each frame as likely.
            mirror: Whether half of the plays of a batch are seen in a mirror.
            reorder: Whether the players of a mirrored play take the slots that they have there.
            player_dropout: Share of the plays of a batch that players are dropped from.
        """
        stored = torch.empty((int(self.lengths.sum()), len(FRAME_COLUMNS)), dtype=torch.float16)
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        for start in range(0, len(self), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(self)))
            block = torch.from_numpy(self[rows]._columns())  # noqa: SLF001  # its own kind
            stored[offsets[start] : offsets[rows[-1] + 1]] = block
        slots = self.tensors.plays["mirror_slots"].to_numpy()
        return SequenceDataset(
            stored,
            torch.from_numpy(offsets),
            self.static(),
            targets,
            prefix_share=prefix_share,
            augment=_augmented(
                _Mirror(slots[self.rows] if reorder else None) if mirror else None,
                _DropPlayers(player_dropout, self.target_places()) if player_dropout else None,
            ),
        )

    def target_places(self) -> Tensor:
        """Place of each target among the receivers, -1 where it is none of them, shape ``(N,)``."""
        slots = self.tensors.plays["target_slot"][self.rows].cast(pl.Int64).fill_null(-1)
        places = torch.tensor(slots.to_numpy()) - FIRST_RECEIVER
        return torch.where((places >= 0) & (places < RECEIVERS), places, -1)

    def static_matrix(self) -> FeatureMatrix:
        """Columns known at the snap, for a network without tracking, shape ``(N, 16)``.

        The static columns, 0 where missing, and a flag for each missing one.
        """
        static = self.static().numpy()
        return np.concatenate([np.nan_to_num(static), np.isnan(static)], axis=1, dtype=np.float32)

    def engineered_matrix(self) -> FeatureMatrix:
        """Engineered columns of the last frame and static ones, for trees, shape ``(N, 25)``."""
        last = self._last_columns(0)[:, ENGINEERED]
        return np.concatenate([last, self.static().numpy()], axis=1)

    def flat_matrix(self) -> FeatureMatrix:
        """All columns of three frames and the static ones, for trees, shape ``(N, 785)``."""
        frames = [self._last_columns(back) for back in _FLATTENED_FRAMES]
        return np.concatenate([*frames, self.static().numpy()], axis=1)

    def tobytes(self) -> bytes:
        """Content to digest: digests of the arrays, rows and cuts."""
        digests = sorted(self.tensors.schema["data_sha256"].items())
        return repr((digests, self.cut_frames)).encode() + self.rows.tobytes()

    def keys(self) -> pl.DataFrame:
        """The tracking set's keys of the plays: game_id and play_id."""
        return self.tensors.plays.select("game_id", "play_id")[self.rows]

    def _all_frames(self) -> Integers:
        offsets = self.tensors.offsets
        return np.asarray(offsets[self.rows + 1] - offsets[self.rows], np.int64)

    def _columns(self) -> Singles:
        """Columns of all frames shown, shape ``(F, 259)``, play by play."""
        lengths = self.lengths
        ends = np.cumsum(lengths)
        starts = self.tensors.offsets[self.rows]
        frames = np.repeat(starts - (ends - lengths), lengths) + np.arange(
            ends[-1] if len(ends) else 0
        )
        play = np.repeat(np.arange(len(self)), lengths)
        released = np.zeros(len(frames), bool)
        if not self.cut_frames:
            released[ends - 1] = True
        return self._columns_of(frames, play, released)

    def _last_columns(self, back: int) -> Singles:
        """Columns of one frame a play, `back` before the last shown or else the first."""
        starts = self.tensors.offsets[self.rows]
        frames = starts + np.maximum(self.lengths - 1 - back, 0)
        released = np.full(len(self), self.cut_frames == 0 and back == 0)
        return self._columns_of(frames, np.arange(len(self)), released)

    def _columns_of(self, frames: Integers, play: Integers, released: Flags) -> Singles:
        target = self.tensors.plays["target_slot"][self.rows].cast(pl.Int64).fill_null(-1)
        columns = frame_columns(
            self.tensors.players[frames],
            self.tensors.engineered[frames],
            target.to_numpy()[play],
            released,
        )
        self._require_players(columns, play)
        return columns

    def _require_players(self, columns: Singles, play: Integers) -> None:
        """Refuse plays in which a player who is there lacks a position or a velocity."""
        by_player = columns[:, : ENGINEERED.start].reshape(len(columns), -1, PLAYER_WIDTH)
        there = present_players(self.tensors, self.rows)
        there[:, 0] = True  # without a passer there is no throw
        lacking = (~np.isfinite(by_player[..., :4]).all(axis=2) & there[play]).any(axis=1)
        if lacking.any():
            game, number = self.keys().row(int(play[lacking.argmax()]))
            raise TrackingError(
                "A network needs position and velocity of the passer and of every player whom the "
                f"set has, in every frame, and game {game}, play {number} lacks some: leave the "
                "play out, or use a set that has them."
            )


def _augmented(*steps: Augmentation | None) -> Augmentation | None:
    """One change after another; None for none."""
    chosen = [step for step in steps if step is not None]
    if not chosen:
        return None

    def augment(sequences: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
        for step in chosen:
            sequences = step(sequences, rows, generator)
        return sequences

    return augment


class _DropPlayers:
    """Drops receivers but the target, and defenders, from a share of the plays of a batch.

    How many differs from play to play: of a set without linemen the line is absent, of one with
    the players of the route and the coverage alone half of the defense.
    """

    def __init__(self, share: float, targets: Tensor) -> None:
        self._share = share
        self._targets = targets

    def __call__(self, sequences: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
        def drawn(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator)

        plays = len(rows)
        dropped = torch.zeros((plays, PLAYERS), dtype=torch.bool)
        receivers = slice(FIRST_RECEIVER, FIRST_RECEIVER + RECEIVERS)
        for players, most in ((receivers, _MOST_RECEIVERS), (slice(11, PLAYERS), _MOST_DEFENDERS)):
            count = players.stop - players.start
            dropped[:, players] = drawn(plays, count) < most * drawn(plays, 1)
        dropped &= drawn(plays, 1) < self._share
        places = self._targets[rows]
        known = (places >= 0).nonzero().squeeze(-1)
        dropped[known, FIRST_RECEIVER + places[known]] = False
        columns = dropped.repeat_interleave(PLAYER_WIDTH, 1)
        columns = torch.nn.functional.pad(columns, (0, sequences.shape[2] - columns.shape[1]))
        columns[:, PLAYER_WIDTH - 1 :: PLAYER_WIDTH] = False  # the target's flag
        return sequences.masked_fill(columns[:, None], torch.nan)


class _Mirror:
    """Shows half of the plays of a batch in a mirror along the field's long axis."""

    def __init__(self, mirror_slots: NDArray[np.uint8] | None) -> None:
        self._slots = mirror_slots
        self._signs = torch.from_numpy(mirror_signs())

    def __call__(self, sequences: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.rand(len(rows), generator=generator) < 0.5
        if self._slots is None:
            signs = torch.where(chosen[:, None, None], self._signs, 1)
            return sequences * signs
        order = torch.from_numpy(mirrored_order(self._slots[rows[chosen].numpy()]))
        index = order[:, None].expand(-1, sequences.shape[1], -1)
        sequences[chosen] = sequences[chosen].gather(2, index) * self._signs
        return sequences
