"""Search for the number from which on a condition holds, to the last bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# Integers of the same width, as which floating-point numbers are counted.
_INTEGERS = {torch.float64: torch.int64, torch.float32: torch.int32}


def smallest_number(holds: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Smallest number for which a condition holds, or infinity.

    Bisection that halves the count of numbers between, not their distance: zero, a jump and a
    number of any size are found exactly, in 64 evaluations, 32 in float32.

    Args:
        holds: Condition that holds from some number on.
        like: Tensor of the shape and type of the result, float32 or float64.

    Returns:
        Numbers above minus infinity.
    """
    below = _rank(torch.full_like(like, -math.inf))
    above = _rank(torch.full_like(like, math.inf))
    for _ in range(torch.finfo(like.dtype).bits):
        # The mean rounded down, of numbers whose sum has no room.
        middle = (below & above) + ((below ^ above) >> 1)
        found = holds(_number(middle, like.dtype))
        below, above = torch.where(found, below, middle), torch.where(found, middle, above)
    # Of both zeros the positive one.
    return _number(above, like.dtype) + 0.0


def _rank(number: Tensor) -> Tensor:
    """Integers in the order of the numbers, one apart for neighbors."""
    bits = number.contiguous().view(_INTEGERS[number.dtype])
    return torch.where(bits < 0, bits ^ torch.iinfo(bits.dtype).max, bits)


def _number(rank: Tensor, dtype: torch.dtype) -> Tensor:
    """Undo `_rank`."""
    return torch.where(rank < 0, rank ^ torch.iinfo(rank.dtype).max, rank).view(dtype)
