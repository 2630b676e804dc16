"""The two graphs of inference: a whole play, and one more frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dropback.errors import RunError
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.models._predict import YARDS
from dropback.models._store import weights_digest
from dropback.tracking.tensors._features import STATIC_COLUMNS
from splicedpareto.nn import (
    GridDistribution,
    SequenceEncoder,
    SequenceStream,
    SplicedBinnedParetoHead,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from splicedpareto.nn import DistributionNetwork

__all__ = ["FrameGraph", "PlayGraph", "PoolSizes", "PooledStreams"]


@dataclass(frozen=True)
class PoolSizes:
    """What a caller of the graphs must know.

    Attributes:
        history: Numbers that are kept of each play between two frames.
        stride: Whole plays are padded to a multiple of this number of frames and one more.
        receptive_field: Frames that a distribution sees.
        digest: SHA-256 of all weights.
    """

    history: int
    stride: int
    receptive_field: int
    digest: str


class PooledStreams(nn.Module):
    """The networks of a run, pooled as `pooled_distribution` does.

    Args:
        networks: At least one, of equal sizes.

    Attributes:
        sizes: Of the graphs.

    Raises:
        RunError: No network, or one that does not read frames or has no spliced distribution.
    """

    def __init__(self, networks: Sequence[DistributionNetwork]) -> None:
        super().__init__()
        if not networks:
            raise RunError("networks must hold at least one network, got none.")
        trunks: list[SequenceEncoder] = []
        for network in networks:
            trunk, head = network.trunk, network.head
            if not isinstance(trunk, SequenceEncoder) or trunk.pooling != "last":
                raise RunError(
                    f"A network must read its state at the last frame, got {type(trunk).__name__}: "
                    "train a play network, `dropback train` on play tensors."
                )
            if not isinstance(head, SplicedBinnedParetoHead):
                raise RunError(
                    f"The head must be spliced binned-Pareto, got {type(head).__name__}: train "
                    "with family 'sbp' or 'binned'."
                )
            trunks.append(trunk)
        streams = [SequenceStream(trunk) for trunk in trunks]
        self.streams = nn.ModuleList(streams)
        self.heads = nn.ModuleList(network.head.linear for network in networks)
        # A whole yard stands for half a yard to either side.
        points = torch.from_numpy(YARDS) + 0.5
        self.distribution = GridDistribution(networks[0].head, points)  # type: ignore[arg-type]  # checked
        sizes = {(stream.receptive_field, stream.stride, stream.history_size) for stream in streams}
        if len(sizes) > 1:
            raise RunError(f"networks must be of equal sizes, got {len(sizes)} kinds.")
        ((field, stride, history),) = sizes
        self.sizes = PoolSizes(history * len(trunks), stride, field, weights_digest(networks))
        self.requires_grad_(requires_grad=False)
        self.eval()

    def pooled(self, states: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """CDF ``(B, 211)`` and thresholds ``(B,)`` of the networks' states, each ``(B, C)``."""
        raw = [head(state) for head, state in zip(self.heads, states, strict=True)]
        mean = raw[0] if len(raw) == 1 else torch.stack(raw).mean(dim=0)
        distribution: tuple[Tensor, Tensor, Tensor] = self.distribution(mean)
        return distribution


class PlayGraph(nn.Module):
    """Whole plays to their distributions."""

    def __init__(self, pool: PooledStreams) -> None:
        super().__init__()
        self.pool = pool

    def forward(
        self, columns: Tensor, valid: Tensor, static: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The distributions at the last frame.

        Args:
            columns: Shape ``(B, T, 259)`` with ``T - 1`` a multiple of `stride`, all plays ending
                at the last frame.
            valid: 1 from the snap on, 0 before it, shape ``(B, T, 1)``.
            static: Shape ``(B, 8)``.

        Returns:
            CDF at whole yards before the field bounds them, shape ``(B, 211)``, lower and upper
            threshold, shape ``(B,)``.
        """
        return self.pool.pooled(
            [stream.last(columns, valid, static) for stream in self.pool.streams]  # type: ignore[operator]
        )

    def example(self, plays: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs to trace with."""
        frames = 2 * self.pool.sizes.stride + 1
        return (
            torch.randn(plays, frames, len(FRAME_COLUMNS)),
            torch.ones(plays, frames, 1),
            torch.randn(plays, len(STATIC_COLUMNS)),
        )


class FrameGraph(nn.Module):
    """One more frame of plays to their distributions."""

    def __init__(self, pool: PooledStreams) -> None:
        super().__init__()
        self.pool = pool

    def forward(
        self, columns: Tensor, history: Tensor, static: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The distributions at this frame.

        Args:
            columns: Shape ``(B, 259)``.
            history: What is kept of the frames before, shape ``(B, H)``; 0 at the snap.
            static: Shape ``(B, 8)``.

        Returns:
            As `PlayGraph.forward`, and the history with this frame.
        """
        streams = self.pool.streams
        parts = history.chunk(len(streams), dim=-1)
        steps = [stream(columns, part, static) for stream, part in zip(streams, parts, strict=True)]
        kept = [after for _, after in steps]
        distribution = self.pool.pooled([state for state, _ in steps])
        return (*distribution, kept[0] if len(kept) == 1 else torch.cat(kept, dim=-1))

    def example(self, plays: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs to trace with."""
        return (
            torch.randn(plays, len(FRAME_COLUMNS)),
            torch.randn(plays, self.pool.sizes.history),
            torch.randn(plays, len(STATIC_COLUMNS)),
        )
