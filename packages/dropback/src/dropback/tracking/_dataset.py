"""Offer play tensors as a torch dataset: plays of any length, padded, masked and mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import torch
from torch.utils.data import Dataset

from dropback._statistics import random_generator
from dropback.tracking.tensors._features import PLAYER_QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from torch import Tensor

    from dropback._arrays import Integers, Singles
    from dropback.tracking.tensors._play_tensors import PlayTensors

    PlayItem: TypeAlias = "dict[str, Tensor]"

# Across the field's long axis. Angles are compass degrees, 0 is +y and 90 is +x.
_CHANGES_SIGN: Final = [
    PLAYER_QUANTITIES.index(f"y_{what}")
    for what in ("from_middle_yd", "velocity_yd_per_s", "acceleration_yd_per_s2")
]
_ANGLES: Final = [PLAYER_QUANTITIES.index(f"{what}_deg") for what in ("direction", "orientation")]


class PlayDataset(Dataset["PlayItem"]):
    """Plays from snap to release for a network of your own.

    An item is a play: ``players`` ``(T, 22, 8)`` by `PLAYER_QUANTITIES`, ``engineered``
    ``(T, 17)``, ``static`` ``(8,)``, ``present`` ``(22,)``, false for players that the set lacks
    and whose quantities are NaN, ``target_slot`` (-1 where unknown) and ``play``, its row in
    `tensors.plays`, where outcomes can be joined by ``game_id`` and ``play_id``. NaN is missing.

    Args:
        tensors: A folder of features, as `open_tracking` returns it.
        rows: Which of its plays; None takes all.
        mirror: Share of the items that are seen in a mirror along the field's long axis, whose
            players take the slots that they have there.
        seed: Seed of the mirror.

    Raises:
        ValueError: `mirror` is no share.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from dropback.tracking import PlayDataset, collate_plays
        >>> plays = PlayDataset(dropback.open_tracking(tracking), mirror=0.5)
        >>> loader = DataLoader(plays, batch_size=8, collate_fn=collate_plays)
        >>> batch = next(iter(loader))
        >>> batch["players"].shape[0], batch["mask"].dtype
        (8, torch.bool)
    """

    def __init__(
        self,
        tensors: PlayTensors,
        *,
        rows: Sequence[int] | Integers | None = None,
        mirror: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0 <= mirror <= 1:
            raise ValueError(f"mirror must be a share in [0, 1], got {mirror}.")
        self.tensors = tensors
        self.rows = np.arange(len(tensors)) if rows is None else np.asarray(rows)
        self.mirror = mirror
        self._generator = random_generator(seed)
        self._targets = tensors.plays["target_slot"].cast(pl.Int64).fill_null(-1).to_numpy()
        self._order = tensors.plays["mirror_slots"].to_numpy().astype(np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: int) -> PlayItem:
        play = int(self.rows[item])
        start, end = self.tensors.offsets[play : play + 2]
        players = np.array(self.tensors.players[start:end])
        target = int(self._targets[play])
        if self.mirror and self._generator.random() < self.mirror:
            order = self._order[play]
            players = mirrored(players[:, order])
            target = int(np.flatnonzero(order == target)[0]) if target >= 0 else target
        return {
            "players": torch.from_numpy(players),
            "engineered": torch.from_numpy(np.array(self.tensors.engineered[start:end])),
            "static": torch.from_numpy(np.array(self.tensors.static[play])),
            "present": torch.from_numpy(~np.isnan(players[0, :, 0])),
            "target_slot": torch.tensor(target),
            "play": torch.tensor(play),
        }


def mirrored(players: Singles) -> Singles:
    """Players ``(*B, 8)`` as a mirror along the field's long axis shows each; slots stay."""
    seen = players.copy()
    seen[..., _CHANGES_SIGN] *= -1
    seen[..., _ANGLES] = (180 - seen[..., _ANGLES]) % 360
    return seen


def collate_plays(items: Sequence[PlayItem]) -> PlayItem:
    """Pad plays to the longest: ``(B, T, ...)``, and ``mask`` ``(B, T)``, true in a play's frames.

    Padded frames are 0; ``lengths`` has each play's frames.
    """
    lengths = torch.tensor([len(item["players"]) for item in items])
    batch = {
        name: torch.nn.utils.rnn.pad_sequence([item[name] for item in items], batch_first=True)
        for name in ("players", "engineered")
    }
    batch |= {
        name: torch.stack([item[name] for item in items])
        for name in ("static", "present", "target_slot", "play")
    }
    steps = torch.arange(int(lengths.max()))
    return batch | {"lengths": lengths, "mask": steps < lengths[:, None]}
