"""Lookups in the softmax of each row by machine code, with their gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from splicedpareto.distributions import _row_kernels as kernels
from splicedpareto.distributions._eager import differentiate, must_be_traced
from splicedpareto.distributions._lookup import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RowSums", "as_rows"]


class RowSums(NamedTuple):
    """What `Sums` answers, from a few numbers a row: no table is written but the gradient.

    Attributes:
        logits: The logits, shape ``(*B, N)``.
        rows: Their numbers as rows, ``(R, N)``, as all that follows an array in memory.
        largest: The rows' largest logits, ``(R,)``.
        total: Sums of the weights, the exponentials of the logits less the largest, ``(R,)``.
        sums: Sums of the weights before each block of entries, and after it, ``(2, R, M)``.
        log_total: Logarithms of the sums of the logits' exponentials, ``(*B, 1)``.
        outer: Entries that hold the outer masses, ``(R, 2)``.
        beside: Probabilities before the first of them and after the second.
    """

    logits: Tensor
    rows: NDArray[Any]
    largest: NDArray[Any]
    total: NDArray[Any]
    sums: NDArray[Any]
    log_total: Tensor
    outer: NDArray[Any]
    beside: NDArray[Any]

    @classmethod
    def of(cls, logits: Tensor, masses: Tensor) -> RowSums:
        """Sum the softmax of logits, for which `is_eager` holds.

        Args:
            logits: The logits, shape ``(*B, N)``.
            masses: The masses that `find_outer` will ask for, shape ``(*B, 2)``.
        """
        rows, levels = as_rows(logits), as_rows(masses)
        count, length = rows.shape
        largest, total = np.empty(count, rows.dtype), np.empty(count, rows.dtype)
        sums = np.empty((2, count, -(-length // kernels.BLOCK)), rows.dtype)
        outer, beside = np.empty(levels.shape, np.int64), np.empty(levels.shape, rows.dtype)
        kernels.sum_rows(rows, levels, largest, total, sums, outer, beside)
        log_total = torch.from_numpy(total).log().add_(torch.from_numpy(largest))
        log_total = log_total.reshape((*logits.shape[:-1], 1))
        return cls(logits, rows, largest, total, sums, log_total, outer, beside)

    def find(self, mass: Tensor, from_right: Tensor) -> Tensor:
        """As `Sums.find`."""
        entry = torch.empty(mass.shape, dtype=torch.int64)
        kernels.find(*self.kernel_arguments(), *map(as_rows, (mass, from_right, entry)))
        return entry

    def find_outer(self, masses: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `Sums.find_outer`, for the masses given beforehand."""
        both = torch.from_numpy(self.outer).reshape(masses.shape)
        below, above = torch.from_numpy(self.beside).reshape(masses.shape).chunk(2, -1)
        first, last = both.chunk(2, -1)
        return both, *self._answer(both, first, last, below, above)

    def kernel_arguments(self) -> tuple[NDArray[Any], ...]:
        """What kernels that look into the rows' blocks take first."""
        return *self[1:5], np.empty(kernels.BLOCK, self.rows.dtype)

    def log_probs(self, at: Tensor) -> Tensor:
        """As `Sums.log_probs`."""
        nothing, none = at[..., :0], self.logits.detach()[..., :0]
        return self._answer(at, nothing, nothing, none, none)[0]

    def look_up(self, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Sums.look_up`."""
        below, above = (torch.empty(at.shape, dtype=self.logits.dtype) for _ in range(2))
        kernels.look_up(*self.kernel_arguments(), *map(as_rows, (at, below, above)))
        return self._answer(at, at, at, below, above)

    def _answer(
        self, at: Tensor, before: Tensor, after: Tensor, below: Tensor, above: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities of entries, and the sums beside entries with their gradient."""
        log_prob = self.logits.detach().gather(-1, at) - self.log_total
        if not self.logits.requires_grad:
            return log_prob, below, above
        result: tuple[Tensor, Tensor, Tensor] = _Answer.apply(  # type: ignore[no-untyped-call]
            self, self.logits, at, before, after, log_prob, below, above
        )
        return result


class _Answer(torch.autograd.Function):
    """Numbers looked up in the softmax of rows, with the gradient of `Sums.answer`."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        sums: RowSums,
        logits: Tensor,
        *looked_up: Tensor,
    ) -> tuple[Tensor, ...]:
        *entries, log_prob, below, above = looked_up
        ctx.sums = sums
        ctx.save_for_backward(logits, *entries, below, above)
        return log_prob, below, above

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        logits, *entries, below, above = ctx.saved_tensors
        if must_be_traced(gradients):
            (gradient,) = differentiate(
                lambda moved: Sums.of(moved).answer(*entries), [logits], gradients
            )
        else:
            gradient = torch.empty(logits.shape, dtype=logits.dtype)
            arrays = (as_rows(t) for t in (*entries, below, above, *gradients, gradient))
            kernels.pull_back(*ctx.sums[1:4], *arrays)
        return None, gradient, *(None,) * 6


def as_rows(tensor: Tensor) -> NDArray[Any]:
    """A tensor's numbers as rows of its last dimension."""
    rows: NDArray[Any] = tensor.detach().contiguous().numpy()
    return rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])
