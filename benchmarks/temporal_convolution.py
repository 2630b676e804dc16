"""Speed of `TemporalConvolution` in training, as ratios to the same network from `Conv1d`.

`python benchmarks/temporal_convolution.py` prints sequences a second, forward and backward, best
of alternating runs on one thread: 256 sequences of 40 steps and 176 columns, 4 levels, kernel 3.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.networks import TemporalConvolution

if TYPE_CHECKING:
    from collections.abc import Callable

SEQUENCES, STEPS, COLUMNS, ROUNDS = 256, 40, 176, 6


class Conv1dFilter(nn.Module):
    """A causal filter from `torch.nn.functional.conv1d`, without weight normalisation."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        kernel = layer.kernel_size
        self.kernel_size = kernel
        filters = layer.weight.detach().unflatten(1, (kernel, -1)).transpose(1, 2)
        self.weight = nn.Parameter(filters.contiguous())
        self.bias = nn.Parameter(layer.bias.detach().clone())

    def forward(self, inputs: Tensor, *, dilation: int) -> Tensor:
        """States ``(B, T, C)`` of inputs ``(B, T, F)``."""
        padding = ((self.kernel_size - 1) * dilation, 0)
        channels_first = nn.functional.pad(inputs.transpose(1, 2), padding)
        states = nn.functional.conv1d(channels_first, self.weight, self.bias, dilation=dilation)
        return states.transpose(1, 2)


def main() -> None:
    """Print one line for each width."""
    torch.set_num_threads(1)
    inputs = torch.randn(SEQUENCES, STEPS, COLUMNS)
    lengths = torch.randint(25, STEPS + 1, (SEQUENCES,))
    for channels in (64, 128):
        network = TemporalConvolution(COLUMNS, channels)
        textbook = copy.deepcopy(network)
        for block in textbook.blocks:
            block.first, block.second = Conv1dFilter(block.first), Conv1dFilter(block.second)
        ways: dict[str, Callable[[], Tensor]] = {
            "Conv1d": lambda textbook=textbook: textbook(inputs),
            "every state": lambda network=network: network(inputs),
            "last state": lambda network=network: network.last_state(inputs),
            "last state, ragged": lambda network=network: network.last_state(inputs, lengths),
        }
        best = dict.fromkeys(ways, 0.0)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                start = time.perf_counter()
                way().sum().backward()
                best[name] = max(best[name], SEQUENCES / (time.perf_counter() - start))
        line = (
            f"{name} {rate:.0f}/s ({rate / best['Conv1d']:.2f} x)" for name, rate in best.items()
        )
        print(f"{channels} channels: {', '.join(line)}")


if __name__ == "__main__":
    main()
