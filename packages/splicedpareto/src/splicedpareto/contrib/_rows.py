"""Convert tables and sequences to the tensors that a network takes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from splicedpareto.contrib._outcomes import as_array, require_numbers, require_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from splicedpareto.nn import DistributionNetwork

# Rows whose distributions are in memory at once where only statistics of them are returned.
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Rows:
    """Observations: a table, or sequences each followed by zeros.

    Attributes:
        values: Shape ``(n, p)``, or ``(n, T, F)`` for sequences.
        lengths: Steps of each sequence, shape ``(n,)``; None for a table.
    """

    values: Tensor
    lengths: Tensor | None

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Arguments of the network."""
        return (self.values,) if self.lengths is None else (self.values, self.lengths)

    def take(self, index: Tensor) -> Rows:
        """The rows of an index."""
        return Rows(self.values[index], None if self.lengths is None else self.lengths[index])

    def typed(self, network: DistributionNetwork) -> Rows:
        """Rows of the type of a network's weights."""
        return Rows(self.values.to(network.head.linear.weight.dtype), self.lengths)

    def contents(self) -> Iterator[bytes]:
        """Content of each row, equal for equal rows."""
        lengths = torch.zeros(self.count) if self.lengths is None else self.lengths
        for row, length in zip(self.values.numpy(), lengths.numpy(), strict=True):
            yield row.tobytes() + length.tobytes()


def are_sequences(X: Any) -> bool:  # noqa: ANN401  # any input
    """Whether `X` holds sequences, ``(n, T, F)`` or n of shape ``(T_i, F)``, not a table."""
    if getattr(X, "ndim", None) == 3:
        return True
    is_list = isinstance(X, (list, tuple)) or getattr(X, "dtype", None) == np.object_
    return is_list and len(X) > 0 and as_array("row 0 of X", X[0]).ndim == 2


def table_rows(table: npt.NDArray[Any]) -> Rows:
    """Rows of a checked table ``(n, p)`` of floats."""
    # A copy, because torch warns about arrays that may not be written to.
    return Rows(torch.from_numpy(np.array(table, order="C")), None)


def sequence_rows(sequences: Any) -> Rows:  # noqa: ANN401  # any input
    """Rows of sequences for which `are_sequences` holds, in float32 where all are, else in float64.

    Raises:
        ValueError: A sequence is empty or not finite, has masked cells, or differs from the first
            in its number of columns.
    """
    for index, sequence in enumerate(sequences):
        require_plain(f"sequence {index} of X", sequence)
    arrays = [
        as_array(f"sequence {index} of X", sequence) for index, sequence in enumerate(sequences)
    ]
    if not arrays:
        raise ValueError("X must hold at least one sequence, got none.")
    single = all(array.dtype == np.float32 for array in arrays)
    dtype = np.float32 if single else np.float64
    columns = arrays[0].shape[-1]
    for index, array in enumerate(arrays):
        if array.ndim != 2 or not len(array) or array.shape[1] != columns:
            raise ValueError(
                f"X must hold sequences of shape (T, {columns}) with T at least 1, got "
                f"{array.shape} at {index}."
            )
        require_numbers(f"sequence {index} of X", array)
        if not np.isfinite(array.astype(dtype)).all():
            raise ValueError(
                f"X must be finite, got NaN or infinity in sequence {index}: fill gaps or leave "
                "the sequence out."
            )
    lengths = torch.tensor([len(array) for array in arrays])
    values = np.zeros((len(arrays), int(lengths.max()), columns), dtype=dtype)
    for padded, array in zip(values, arrays, strict=True):
        padded[: len(array)] = array
    return Rows(torch.from_numpy(values), lengths)


def held_out_rows(rows: Rows, targets: Tensor, *, share: float, seed: int) -> Tensor:
    """Choose rows for early stopping, shape ``(n,)``; equal rows with equal targets stay together.

    Args:
        rows: Rows.
        targets: Shape ``(n,)``.
        share: Share of the distinct rows to hold out; at least one of two, none where all are
            equal or the share is 0.
        seed: Seed of the choice.

    Raises:
        ValueError: The share leaves no row.
    """
    # Chosen by a hash of the row's content, so that a repeated row and a row of weight 2 are
    # treated alike, and of the target's rank from the nearer end, so that neither its units nor its
    # sign matter.
    key = seed.to_bytes(8, "little")
    _, ranks = np.unique(targets.numpy(), return_inverse=True)
    ranks = np.minimum(ranks, ranks.max(initial=0) - ranks)
    digests = [
        hashlib.blake2b(row + rank.tobytes(), digest_size=8, key=key).digest()
        for row, rank in zip(rows.contents(), ranks, strict=True)
    ]
    distinct, index = np.unique(np.frombuffer(b"".join(digests), dtype=">u8"), return_inverse=True)
    count = math.ceil(share * len(distinct)) if len(distinct) > 1 else 0
    if count and count == len(distinct):
        raise ValueError(
            f"validation_share must leave rows to train on, got {share} of {count} distinct rows: "
            "set a smaller one."
        )
    return torch.from_numpy(index < count)


def parts_of(count: int) -> tuple[Tensor, ...]:
    """Indices of all rows in parts of bounded size."""
    return torch.arange(count).chunk(max(1, math.ceil(count / _ROWS_AT_ONCE)))
