"""Which observations make a batch, decided by the seed and the epoch alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from splicedpareto.training import FitSettings

__all__ = ["BatchesInOrder", "ShuffledBatches", "epoch_seed"]


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for one epoch; distinct for all epochs below 10,000 of all seeds."""
    return seed * 10_000 + epoch


class ShuffledBatches(Sampler[list[int]]):
    """Batches of indices in an order that depends on the seed and the epoch alone."""

    def __init__(self, size: int, settings: FitSettings) -> None:
        self._size = size
        self._batch_size = settings.batch_size
        self._seed = settings.seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the loop calls this before each."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(epoch_seed(self._seed, self._epoch))
        order = torch.randperm(self._size, generator=generator)
        for start in range(0, self._size, self._batch_size):
            yield order[start : start + self._batch_size].tolist()

    def __len__(self) -> int:
        return math.ceil(self._size / self._batch_size)


class BatchesInOrder(Sampler[list[int]]):
    """Batches of indices in order, large because nothing is kept for a backward pass."""

    def __init__(self, size: int, batch_size: int = 4096) -> None:
        self._size = size
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, self._size, self._batch_size):
            yield list(range(start, min(start + self._batch_size, self._size)))

    def __len__(self) -> int:
        return math.ceil(self._size / self._batch_size)
