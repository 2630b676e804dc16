"""Sums of a table on one side of single entries, with a gradient as cheap as the sums."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["sum_beside"]


def sum_beside(table: Tensor, running: Tensor, index: Tensor, *, after: bool = False) -> Tensor:
    """Give sums that are known from running sums the gradient of plain sums.

    The gradient of a running sum takes three passes over the table, two of them reversals, where
    that of a sum takes one.

    Args:
        table: What is summed, shape ``(*B, N)``.
        running: The sums of the entries before, or after, each index, shape ``(*B, 1)``.
        index: One index for each batch element, shape ``(*B, 1)``.
        after: Whether the entries after the index are summed.

    Returns:
        The sums.
    """
    table = table.expand((*index.shape[:-1], table.shape[-1]))
    result: Tensor = _SumBeside.apply(table, running.detach(), index, after)  # type: ignore[no-untyped-call]
    return result


class _SumBeside(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(_table: Tensor, running: Tensor, _index: Tensor, _after: bool) -> Tensor:
        return running.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], _: Tensor) -> None:  # noqa: ANN401
        table, _running, index, ctx.after = inputs
        ctx.size = table.shape[-1]
        ctx.save_for_backward(index)
        ctx.save_for_forward(index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (index,) = ctx.saved_tensors
        return grad * _steps(index, ctx.size, grad, after=ctx.after), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Tensor | None) -> Tensor:  # noqa: ANN401
        (index,) = ctx.saved_tensors
        steps = _steps(index, ctx.size, tangent, after=ctx.after)
        return (tangent * steps).sum(-1, keepdim=True)


def _steps(index: Tensor, size: int, like: Tensor, *, after: bool) -> Tensor:
    """One in the columns before, or after, each index, else zero, shape ``(*B, N)``."""
    ones = torch.ones(size, size, dtype=like.dtype, device=like.device)
    steps = ones.triu(1) if after else ones.tril(-1)
    # To copy rows takes half the time of comparing column numbers.
    return steps.index_select(0, index.reshape(-1)).reshape(*index.shape[:-1], size)
