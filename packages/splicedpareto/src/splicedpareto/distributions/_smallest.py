"""Search for the number at which a function that never falls reaches zero, to the last bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._checks import are_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# Integers of the same width, as which floating-point numbers are counted.
_INTEGERS = {
    torch.float64: torch.int64,
    torch.float32: torch.int32,
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
}
# Even pieces into which a round cuts what is left: a candidate costs a tenth of a round.
_CUTS = 8


def smallest_number(
    gap: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, jumps: Tensor
) -> Tensor:
    """Smallest number at which a function that never falls is at least zero, or infinity.

    In each round all of a row's candidates are evaluated at once: even cuts of what lies between
    the bounds, two around the interpolated number, which end the search where the function is
    straight, the middle in the count of numbers, which finds one of any size, and the last one
    before the upper bound, which proves a jump. Mostly six rounds; at most one for each bit.

    Args:
        gap: Function of values of the shape of the bounds behind any sample shape.
        low: Guess of a number below the one sought; may be ``-inf``.
        high: Guess of a number not below it; may be ``inf``.
        jumps: Where the function may jump, shape ``(N, *B)``. These are found exactly, other
            numbers to their own rounding, or to that of the smaller guess, from above.

    Returns:
        Numbers above minus infinity, of the shape of the bounds.
    """
    # Not of the larger one: an atom at 1e9 would take the digits of all quantiles near 1.
    smaller, rounding = torch.minimum(low.abs(), high.abs()), 4 * torch.finfo(low.dtype).eps
    bounds = torch.full_like(low, -math.inf), torch.full_like(low, math.inf)
    below, above = (_rank(bound) for bound in bounds)
    lower, upper = -torch.ones_like(low), torch.ones_like(low)
    jumps = jumps.reshape(len(jumps), *(1,) * (low.dim() - jumps.dim() + 1), *jumps.shape[1:])
    rank = _rank(torch.cat([torch.stack([low, high]), jumps.expand(-1, *low.shape)]))
    for _ in range(torch.finfo(low.dtype).bits):
        at = gap(_number(rank, low.dtype))
        holds = at >= 0
        first = torch.where(holds, rank, above).min(0)
        # Rounding may let the function fall.
        fails = ~holds & (rank < first.values)
        last = torch.where(fails, rank, below).max(0)
        upper = torch.where(first.values < above, _taken(at, first.indices), upper)
        lower = torch.where(last.values > below, _taken(at, last.indices), lower)
        below, above = last.values, first.values
        start, stop = _number(below, low.dtype), _number(above, low.dtype)
        size = torch.where(start.sign() == stop.sign(), torch.minimum(start.abs(), stop.abs()), 0)
        found = (stop - start <= rounding * torch.maximum(size, smaller)) | (above - below == 1)
        if not torch.compiler.is_compiling() and are_all(found):
            break
        straight = start + (stop - start) * (lower / (lower - upper))
        cuts = [start + (stop - start) * (k / _CUTS) for k in range(1, _CUTS)]
        near = rounding / 2 * torch.maximum(straight.abs(), smaller)
        inner = torch.stack([straight - near, straight + near, *cuts])
        middle = _mean(below, above)
        rank = torch.where(inner.isfinite(), _rank(inner), middle)
        rank = torch.cat([rank, torch.stack([middle, above - 1])])
        rank = torch.minimum(torch.maximum(rank, below), above)
    # Of both zeros the positive one.
    return _number(above, low.dtype) + 0.0


def _taken(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(0, index[None])[0]


def _mean(below: Tensor, above: Tensor) -> Tensor:
    return (below & above) + ((below ^ above) >> 1)


def _rank(number: Tensor) -> Tensor:
    """Integers in the order of the numbers, one apart for neighbors."""
    bits = number.contiguous().view(_INTEGERS[number.dtype])
    return torch.where(bits < 0, bits ^ torch.iinfo(bits.dtype).max, bits)


def _number(rank: Tensor, dtype: torch.dtype) -> Tensor:
    """Undo `_rank`."""
    return torch.where(rank < 0, rank ^ torch.iinfo(rank.dtype).max, rank).view(dtype)
