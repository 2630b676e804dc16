"""The trunk of the play network: tracking and what is known at the snap, to a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dropback.errors import RequestError
from dropback.models._frame_columns import FRAME_COLUMNS, PLAYER_WIDTH
from dropback.tracking._schema import PLAYERS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import ItemSettings, SequenceEncoder

__all__ = ["SequenceSettings", "build_trunk"]


@dataclass(frozen=True)
class SequenceSettings:
    """How the play network reads tracking.

    Attributes:
        encoder: ``flat``: all columns of a frame side by side; ``players``: each player through
            one shared network with his place relative to passer and target, then pooled by side.
        channels: Channels of the convolution.
        levels: Residual blocks of the convolution; four see 61 frames.
        kernel_size: Frames that one convolution sees.
        player_width: Width of a player's embedding, where the encoder is ``players``.
        prefix_share: Share of an epoch's plays that end at a frame drawn among all frames of all
            plays, which trains a distribution at every frame; 0 trains the distribution at the
        release alone. mirror: Whether half of the training plays are seen in a mirror.
        shortcut: Whether the perceptron also sees the present frame itself.
    """

    encoder: Literal["flat", "players"] = "flat"
    channels: int = 128
    levels: int = 4
    kernel_size: int = 3
    player_width: int = 48
    prefix_share: float = 0.75
    mirror: bool = True
    shortcut: bool = True

    def __post_init__(self) -> None:
        if self.encoder not in {"flat", "players"}:
            raise RequestError(f"encoder must be 'flat' or 'players', got {self.encoder!r}.")
        if not 0 <= self.prefix_share <= 1:
            raise RequestError(f"prefix_share must be in [0, 1], got {self.prefix_share}.")


def build_trunk(
    settings: SequenceSettings, *, width: int, blocks: int, dropout: float
) -> SequenceEncoder:
    """The trunk of `settings`, with weights of the current random state."""
    items = ItemSettings(
        items=PLAYERS,
        features=PLAYER_WIDTH,
        groups=(PLAYERS // 2, PLAYERS // 2),
        coordinates=(0, 1),
        anchors=(0,),  # the passer
        marker=PLAYER_WIDTH - 1,  # the target, when he is known
        width=settings.player_width,
    )
    return SequenceEncoder(
        len(FRAME_COLUMNS),
        len(STATIC_COLUMNS),
        settings.channels,
        width,
        levels=settings.levels,
        kernel_size=settings.kernel_size,
        blocks=blocks,
        dropout=dropout,
        items=items if settings.encoder == "players" else None,
        shortcut=settings.shortcut,
    )
