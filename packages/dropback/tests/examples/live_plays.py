"""Tracked plays and untrained networks for the tests of live inference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.distributions import Distribution

from dropback.live import PlayContext, PlayFrames, play_contexts
from dropback.models import PLAY_NETWORK, SequenceSettings
from dropback.models._frame_columns import FRAME_COLUMNS, frame_columns
from dropback.models._grid import YARDS
from dropback.models._model import whole_yard_distribution
from dropback.models._network import build_network
from dropback.models._play_network import PlayNetwork
from dropback.tracking._blocks import PlayBlock
from dropback.tracking.tensors._features import STATIC_COLUMNS, block_features
from splicedpareto.nn import (
    DistributionNetwork,
    SequenceEncoder,
    SplicedBinnedParetoHead,
    pooled_distribution,
)

# With a block, though the default has none: untrained and without one, the bins beyond the upper
# threshold hold the tail's mass to a few parts in 100,000, and rounding decides in which bin it is.
SMALL = replace(
    PLAY_NETWORK, width=8, blocks=1, sequence=SequenceSettings(channels=4, levels=2, player_width=6)
)


def play_network(seed: int = 0) -> PlayNetwork:
    """A small play network with weights that nearly all inputs move."""
    network = build_network(SMALL, 0, seed=seed)
    assert isinstance(network, PlayNetwork)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=0.3)
        for name, scale in network.named_buffers():
            if name.endswith("scale"):
                scale.uniform_(3, 9)
    return network.eval()


def networks(count: int, *, levels: int = 2) -> list[DistributionNetwork]:
    """Convolutions over columns with weights of the seed that nearly all inputs move."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(count)
        made = []
        for _ in range(count):
            encoder = SequenceEncoder(len(FRAME_COLUMNS), len(STATIC_COLUMNS), 6, 8, levels=levels)
            head = SplicedBinnedParetoHead(8, torch.arange(-50, 102) - 0.5, lower_mass=0.01)
            nn.init.normal_(head.linear.weight, std=1.0)
            scales = torch.rand(len(encoder.standardize.scale)) * 10 + 5
            encoder.standardize.scale.copy_(scales)
            encoder.standardize_static.mean.copy_(torch.tensor([2, 8, 50, 2, 900, 0, 0.5, 8]))
            encoder.standardize_static.scale.copy_(torch.tensor([1, 4, 25, 1, 500, 9, 0.5, 5]))
            made.append(DistributionNetwork(encoder, head).eval())
        return made


@dataclass(frozen=True)
class Play:
    """A play as the file's path knows it and as the live path takes it."""

    context: PlayContext
    frames: NDArray[np.float32]
    target_slot: int | None
    players: NDArray[np.float32]
    engineered: NDArray[np.float32]
    static: NDArray[np.float32]

    @property
    def whole(self) -> PlayFrames:
        return PlayFrames(self.context, self.frames, self.target_slot)

    def latent(
        self, pool: Sequence[DistributionNetwork], *, last: int | None = None, released: bool = True
    ) -> Distribution:
        """The distribution at frame `last`, before the field bounds it, by the path of training."""
        frames = len(self.frames) if last is None else last + 1
        slot = -1 if self.target_slot is None else self.target_slot
        columns = frame_columns(
            self.players[:frames],
            self.engineered[:frames],
            np.full(frames, slot),
            (np.arange(frames) == frames - 1) & released,
        )
        inputs = torch.from_numpy(columns)[None], torch.tensor([frames])
        with torch.inference_mode():
            return pooled_distribution(pool, *inputs, torch.from_numpy(self.static)[None])

    def cdf(
        self, pool: Sequence[DistributionNetwork], *, last: int | None = None, released: bool = True
    ) -> NDArray[np.float32]:
        """CDF at all whole yards by the path of training, shape ``(211,)``."""
        low, high = [self.context.yards_min], [self.context.yards_max]
        with torch.inference_mode():
            latent = self.latent(pool, last=last, released=released)
            distribution = whole_yard_distribution(latent, np.array(low), np.array(high))
            return distribution.cdf(torch.from_numpy(YARDS).float()[:, None])[:, 0].numpy()


def plays_of(block: PlayBlock) -> list[Play]:
    """The plays of a block."""
    players, engineered, static = block_features(block)
    plays = []
    for number, context in enumerate(play_contexts(block)):
        part = slice(*block.offsets[number : number + 2])
        frames = np.ascontiguousarray(block.frames[part])
        told = block.plays["target_slot"][number], players[part], engineered[part], static[number]
        plays.append(Play(context, frames, *told))
    return plays
