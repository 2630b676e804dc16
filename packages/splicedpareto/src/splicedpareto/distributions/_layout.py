"""Values of any sample shape as columns beside a batch of parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splicedpareto.distributions._base import broadcast_shapes, widened
from splicedpareto.distributions._checks import as_tensor


def to_columns(
    batch_shape: torch.Size, like: Tensor, **values: Tensor | float
) -> tuple[list[Tensor], torch.Size]:
    """Lay values ``(*sample, *B)`` out as ``(*B, S)``, so that tables ``(*B, K)`` are not copied.

    Args:
        batch_shape: The batch ``*B``.
        like: Tensor whose dtype and device the values take.
        values: Values broadcastable with the batch and with each other, by the name that an
            error calls them.

    Returns:
        The columns, ``(1, ..., 1, S)`` where the batch shares the values, and the common shape
        that `from_columns` restores.

    Raises:
        ValueError: If the values do not broadcast with the batch.
        TypeError: If a value is neither a tensor nor a number.
    """
    tensors = [
        as_tensor(name, value, dtype=like.dtype, device=like.device)
        for name, value in values.items()
    ]
    what = f"{', '.join(values)} and the batch"
    shape = broadcast_shapes(*(tensor.shape for tensor in tensors), batch_shape, what=what)
    if shape == batch_shape:
        return [widened(tensor, shape).unsqueeze(-1) for tensor in tensors], shape
    sample = shape[: len(shape) - len(batch_shape)]
    # A value may also widen the batch: ones of the batch shape then stand for many.
    batch = shape[len(sample) :]
    own = broadcast_shapes(*(tensor.shape for tensor in tensors))
    if math.prod(own[max(len(own) - len(batch), 0) :]) == 1:
        # Values that the batch shares stay one row: their bins are found once.
        batch = torch.Size([1] * len(batch))
    flat = (tensor.expand(sample + batch).reshape(math.prod(sample), *batch) for tensor in tensors)
    return [tensor.movedim(0, -1) for tensor in flat], shape


def from_columns(columns: Tensor, shape: torch.Size) -> Tensor:
    """Undo `to_columns`."""
    if columns.shape[:-1] == shape:
        return columns.squeeze(-1)
    return columns.movedim(-1, 0).reshape(shape)
