"""Gather observations in batches: rows of tensors, or sequences of unequal length.

Which observations make a batch depends on the seed and the epoch alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from splicedpareto.distributions._checks import require_number, require_tensor, require_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Times 10,000, for the seeds of epochs, it still is one.
LARGEST_SEED = 2**49

_WHOLE = {torch.int16, torch.int32, torch.int64, torch.uint8}

_Batch = TypeVar("_Batch")

Augmentation: TypeAlias = "Callable[[Tensor, Tensor, torch.Generator], Tensor]"
"""``augment(sequences, rows, generator)``: sequences of the same shape ``(B, T, F)``."""


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of one epoch; distinct for all epochs below 10,000 of all seeds.

    Raises:
        ValueError: One of them is no whole number, at least 0.
    """
    require_whole("seed", seed, 0, LARGEST_SEED)
    require_whole("epoch", epoch, 0)
    return seed * 10_000 + epoch


class _EpochBatches(Sampler[_Batch]):
    """Batches of `size` observations that depend on the seed and the epoch alone."""

    def __init__(self, size: int, batch_size: int) -> None:
        require_whole("size", size, 0)
        require_whole("batch_size", batch_size, 1)
        self._size = size
        self._batch_size = batch_size
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; called before each."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self._size / self._batch_size)


class ShuffledBatches(_EpochBatches[list[int]]):
    """Batches of indices in an order that depends on the seed and the epoch alone."""

    def __init__(self, size: int, batch_size: int, *, seed: int) -> None:
        super().__init__(size, batch_size)
        require_whole("seed", seed, 0, LARGEST_SEED)
        self._seed = seed

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(epoch_seed(self._seed, self._epoch))
        order = torch.randperm(self._size, generator=generator)
        for start in range(0, self._size, self._batch_size):
            yield order[start : start + self._batch_size].tolist()


class SequenceBatch(NamedTuple):
    """Index of a `SequenceDataset`: one batch.

    Attributes:
        positions: Observations, as indices in ``[0, len(dataset))``, shape ``(B,)``.
        lengths: Steps to take of each, from its first on, shape ``(B,)``.
        seed: Seed of the augmentation.
    """

    positions: Tensor
    lengths: Tensor
    seed: int


class SequenceDataset(Dataset[tuple[Tensor, ...]]):
    """Sequences of unequal length with static features and targets, for `fit` with ``inputs=3``.

    The sequences lie end to end in one tensor, so that no memory is lost to padding; in float16
    they take half the memory of float32. A batch holds sequences of nearly
    equal length: of exactly equal length where a length is frequent enough, for which
    `TemporalConvolution` needs no masks.

    Args:
        sequences: Steps of all sequences one after another, shape ``(sum T, F)``, of any floating
            type; NaN marks a missing value, if the network accepts it.
        offsets: Where each sequence starts, and where the last ends, shape ``(N + 1,)``,
            increasing from 0 to ``sum T``.
        static: Static features of each sequence, shape ``(N, S)``; ``S`` may be 0.
        targets: Further arguments of the objective, each of shape ``(N, ...)``.
        rows: Which of the sequences are observations, shape ``(R,)``, in ``[0, N)``; None for all.
            Two datasets may share the memory of the other tensors.
        prefix_share: Share of prefixes among the observations of an epoch. They are drawn uniformly
            from all prefixes of all observations, so that the distribution learned after ``t``
            steps is that of the sequences with at least ``t`` steps. With equally many prefixes
            for each observation, short sequences would weigh more, by ``1 / T``, which is not
            known at step ``t``.
        shortest_prefix: Fewest steps of a prefix; a shorter sequence is used whole.
        augment: Function ``augment(sequences, rows, generator)`` that changes the sequences of a
            batch, in float32 of shape ``(B, T, F)`` padded by 0, with `rows` as above; all of its
            randomness comes from `generator`.

    Raises:
        ValueError: A shape, an offset, a row, a share or a shortest prefix that breaks its rule.
        TypeError: An argument is of another kind.

    Example:
        >>> steps, ends = torch.arange(12.0).reshape(6, 2), torch.tensor([0, 1, 4, 6])
        >>> dataset = SequenceDataset(steps, ends, torch.zeros(3, 0), (torch.tensor([7, 8, 9]),))
        >>> batch = next(iter(dataset.batches_in_order()))
        >>> sequences, lengths, static, targets = dataset[batch]
        >>> sequences.shape, lengths, targets
        (torch.Size([3, 3, 2]), tensor([1, 2, 3]), tensor([7, 9, 8]))
    """

    def __init__(
        self,
        sequences: Tensor,
        offsets: Tensor,
        static: Tensor,
        targets: tuple[Tensor, ...],
        *,
        rows: Tensor | None = None,
        prefix_share: float = 0.0,
        shortest_prefix: int = 1,
        augment: Augmentation | None = None,
    ) -> None:
        _check_kinds(sequences, offsets, static, targets, rows)
        require_number("prefix_share", prefix_share)
        require_whole("shortest_prefix", shortest_prefix, 1)
        if augment is not None and not callable(augment):
            raise TypeError(f"augment must be a function or None, got {augment!r:.80}.")
        count = len(offsets) - 1
        if sequences.dim() != 2 or not sequences.is_floating_point():
            raise ValueError(
                "sequences must have shape (sum T, F) and a floating type, got "
                f"{tuple(sequences.shape)} of {sequences.dtype}."
            )
        ends = (int(offsets[0]), int(offsets[-1])) if count >= 0 else ()
        if ends != (0, len(sequences)) or not (offsets.diff() > 0).all():
            raise ValueError(
                f"offsets must increase from 0 to {len(sequences)}, the number of steps, with a "
                f"step at least in each sequence, got {offsets.tolist()[:3]} ... "
                f"{offsets.tolist()[-3:]}."
            )
        if static.dim() != 2 or any(len(tensor) != count for tensor in (static, *targets)):
            shapes = [tuple(tensor.shape) for tensor in (static, *targets)]
            raise ValueError(
                f"static must have shape ({count}, S) and each target ({count}, ...), one row for "
                f"each sequence, got {shapes}."
            )
        rows = torch.arange(count) if rows is None else rows
        if not ((rows >= 0) & (rows < count)).all():
            raise ValueError(
                f"rows must be in [0, {count}), got {int(rows.min())} to {int(rows.max())}."
            )
        if not 0 <= prefix_share <= 1:
            raise ValueError(f"prefix_share must be in [0, 1], got {prefix_share}.")
        self.sequences = sequences
        self.offsets = offsets
        self.static = static
        self.targets = targets
        self.rows = rows
        self.prefix_share = prefix_share
        self.shortest_prefix = shortest_prefix
        self.augment = augment

    def __len__(self) -> int:
        """Number of observations."""
        return len(self.rows)

    def __getitem__(self, batch: SequenceBatch) -> tuple[Tensor, ...]:
        """Gather ``(sequences, lengths, static, *targets)``.

        The sequences are in float32, shape ``(B, T, F)``, each followed by zeros (unless the
        augmentation writes there); the static features are in float32, shape ``(B, S)``.
        """
        rows = self.rows[batch.positions]
        lengths = batch.lengths
        step = torch.arange(int(lengths.max()))
        last = lengths[:, None] - 1
        index = self.offsets[rows][:, None] + torch.minimum(step, last)
        sequences = self.sequences.index_select(0, index.flatten()).float()
        sequences = sequences.view(*index.shape, -1)
        if (lengths != lengths[0]).any():
            sequences.masked_fill_((step > last)[..., None], 0)
        if self.augment is not None:
            generator = torch.Generator().manual_seed(batch.seed)
            sequences = self.augment(sequences, rows, generator)
        targets = (target[rows] for target in self.targets)
        return sequences, lengths, self.static[rows].float(), *targets

    def lengths(self) -> Tensor:
        """Steps of each whole observation, shape ``(R,)``."""
        return self.offsets.diff()[self.rows]

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the observations of an epoch: positions and step counts, shape ``(R,)`` each."""
        lengths = self.lengths()
        is_prefix = torch.rand(len(lengths), generator=generator) < self.prefix_share
        # Number all prefixes, those of one observation from its shortest to the whole.
        ends = (lengths - lengths.clamp(max=self.shortest_prefix) + 1).cumsum(0)
        number = torch.randint(int(ends[-1]), (len(lengths),), generator=generator)
        drawn = torch.searchsorted(ends, number, right=True)
        steps = lengths[drawn] - (ends[drawn] - 1 - number)
        whole = torch.arange(len(lengths))
        return torch.where(is_prefix, drawn, whole), torch.where(is_prefix, steps, lengths)

    def batches(self, batch_size: int, seed: int) -> SequenceBatches:
        """Batches for training: new prefixes, a new order and a new augmentation each epoch."""
        return SequenceBatches(self, batch_size, seed=seed)

    def batches_in_order(self, batch_size: int = 1024) -> SequenceBatches:
        """The same batches in every epoch, for validation and prediction."""
        return SequenceBatches(self, batch_size, seed=None)


def _check_kinds(
    sequences: Tensor, offsets: Tensor, static: Tensor, targets: object, rows: Tensor | None
) -> None:
    """Raise unless all are tensors with rows, and indices whole numbers in one dimension."""
    if not isinstance(targets, (tuple, list)):
        raise TypeError(f"targets must be a tuple of tensors, got {targets!r:.80}.")
    named = [("sequences", sequences), ("offsets", offsets), ("static", static)]
    named += [("a target", target) for target in targets]
    named += [] if rows is None else [("rows", rows)]
    for name, given in named:
        require_tensor(name, given)
        if not given.dim():
            raise ValueError(f"{name} must have a dimension for its rows, got a number.")
        is_index = name in {"offsets", "rows"}
        if is_index and (given.dim() != 1 or given.dtype not in _WHOLE):
            raise ValueError(
                f"{name} must be whole numbers in one dimension, got shape {tuple(given.shape)} of "
                f"{given.dtype}."
            )


class SequenceBatches(_EpochBatches[SequenceBatch]):
    """Batches of nearly equal length that depend on the seed and the epoch alone.

    Each length fills as many whole batches as it can; the remaining observations of all lengths
    are sorted and cut into batches too, so that the number of batches is that without buckets.

    Args:
        dataset: The observations.
        batch_size: Observations a batch; the last may hold fewer.
        seed: Seed of the draws; None for the same draws and the same order in each epoch.
    """

    def __init__(self, dataset: SequenceDataset, batch_size: int, *, seed: int | None) -> None:
        super().__init__(len(dataset), batch_size)
        if seed is not None:
            require_whole("seed", seed, 0, LARGEST_SEED)
        self._dataset = dataset
        self._seed = seed

    def __iter__(self) -> Iterator[SequenceBatch]:
        fixed = self._seed is None
        seed = 0 if self._seed is None else epoch_seed(self._seed, self._epoch)
        generator = torch.Generator().manual_seed(seed)
        positions, lengths = self._dataset.draw(generator)
        order = torch.randperm(len(lengths), generator=generator)
        order = order[lengths[order].argsort(stable=True)]
        batches = _bucketed(order, lengths[order], self._batch_size)
        seeds = torch.randint(2**62, (len(batches),), generator=generator).tolist()
        shuffled = torch.randperm(len(batches), generator=generator).tolist()
        for index in range(len(batches)) if fixed else shuffled:
            chosen = batches[index]
            yield SequenceBatch(positions[chosen], lengths[chosen], seeds[index])


def _bucketed(order: Tensor, lengths: Tensor, batch_size: int) -> list[Tensor]:
    """Cut indices sorted by length into batches, each of one length where possible."""
    first = torch.searchsorted(lengths, lengths)
    count = torch.searchsorted(lengths, lengths, right=True) - first
    rank = torch.arange(len(order)) - first
    in_whole_batch = rank < count // batch_size * batch_size
    parts = (order[in_whole_batch], order[~in_whole_batch])
    return [batch for part in parts if len(part) for batch in torch.split(part, batch_size)]
