r"""Sums over whole numbers of what a distribution gives the unit interval around each.

Near every cut, a breakpoint or a quantile, the number is summed itself. The :math:`N` numbers
between two cuts are summed by the Gaussian rule of four nodes for sums, which is to
:math:`\sum_k` what Gauss and Legendre's is to an integral: a sum of up to four numbers is itself,
and a polynomial of degree seven is exact for any :math:`N`. Beyond the last cut sixteen numbers
follow, and from there on an integral over the quantiles with Euler and Maclaurin's first
correction.

References:
    Szegő (1975), *Orthogonal Polynomials*, section 2.8, for the polynomials of Chebyshev's whose
    zeros are the nodes. DLMF, eq. 2.10.1, for Euler and Maclaurin's formula at midpoints.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from splicedpareto.distributions._quadrature import LEVELS, last_pieces, tail_nodes

if TYPE_CHECKING:
    from splicedpareto.distributions._base import ScalarDistribution

# Logarithms by which the levels of further cuts lie below the outermost; they reach as far as
# breakpoints do.
_FURTHER = np.array([1.5, 3, 4.5, 6, 8, 10.5, 14, 19, 26, 36, 50, 70])
# Numbers beyond the last cut: from there on a tail that has any mass left is a smooth function of
# the number. At a scale of 1 it has e**-16 of it.
_BESIDE = 16
_NODES = 4


class WholeNumbers(NamedTuple):
    """Values and how many whole numbers each stands for, ``(M, *B)``, without gradient.

    Attributes:
        value: Numbers, of which the first is the lowest and the second the highest.
        log_count: Logarithm of how many whole numbers a value stands for, ``-inf`` for none: where
            a mass is too small for a number, the product may not be.
    """

    value: Tensor
    log_count: Tensor


def whole_numbers(base: ScalarDistribution, like: Tensor, knots: Tensor) -> WholeNumbers:
    """All whole numbers up to sixteen beyond the outermost cuts, those between cuts by a rule.

    Args:
        base: The distribution whose breakpoints and quantiles are cuts.
        like: Tensor of its type and place.
        knots: Further cuts, shape ``(*B, N)``.
    """
    with torch.no_grad():
        single = _around_cuts(base, like, knots)
        gap = single.diff()
        is_new = torch.cat([torch.ones_like(gap[..., :1]), (gap > 0).to(gap.dtype)], -1)
        between, count = _between(single[..., :-1], (gap - 1).clamp(min=0))
        ends = _ends(single, 0.0)
        value = torch.cat([ends, single, between], -1)
        return _used(value, torch.cat([torch.ones_like(ends), is_new, count], -1))


def halves(base: ScalarDistribution, like: Tensor, knots: Tensor) -> WholeNumbers:
    """The middles between the same numbers: between two cuts a distribution function is smooth."""
    with torch.no_grad():
        single = _around_cuts(base, like, knots)
        between, count = _between(single[..., :-1] - 0.5, single.diff())
        ends = _ends(single, 0.5)
        return _used(torch.cat([ends, between], -1), torch.cat([torch.ones_like(ends), count], -1))


def _around_cuts(base: ScalarDistribution, like: Tensor, knots: Tensor) -> Tensor:
    """The whole numbers whose intervals hold a cut, sorted, shape ``(*B, N)``."""
    levels = np.concatenate([LEVELS, LEVELS[-1] * np.exp(-_FURTHER)])
    level = torch.as_tensor(levels, dtype=like.dtype, device=like.device)
    level = level.reshape(-1, *(1,) * len(base.batch_shape))
    quantiles = torch.stack([base.icdf(level), base.isf(level)], -1)
    parts = quantiles[: len(LEVELS)], quantiles[len(LEVELS) :]
    cuts, far = (part.movedim(0, -1).flatten(-2) for part in parts)
    at = torch.cat([base.knots, knots], -1)
    cuts = torch.cat([cuts, torch.where(at.isfinite(), at, cuts[..., :1])], -1)
    far = torch.minimum(torch.maximum(far, cuts.amin(-1, True)), cuts.amax(-1, True))
    # The number whose interval (k - 1/2, k + 1/2] holds a cut.
    return (torch.cat([cuts, far], -1) - 0.5).ceil().sort(-1).values


def _ends(single: Tensor, inward: float) -> Tensor:
    """Sixteen numbers on either side of all, the outermost two first."""
    steps = torch.arange(_BESIDE, 0, -1, dtype=single.dtype, device=single.device) - inward
    return torch.stack([single[..., :1] - steps, single[..., -1:] + steps], -1).flatten(-2)


def beyond_whole_numbers(
    base: ScalarDistribution, low: Tensor, high: Tensor
) -> tuple[WholeNumbers, Tensor]:
    """What stands for all numbers below `low` and above `high`, and its pieces, as in `Rule`.

    A sum from a number on is the integral from half a number before it and a 24th of the rise of
    its terms there, so that of the last number before it a 24th is to be taken off.
    """
    with torch.no_grad():
        values = [torch.stack([low - 1, high + 1])]
        log_counts = [torch.full_like(values[0], -math.log(24))]
        pieces = [torch.zeros_like(values[0], dtype=torch.long)]
        sides = ((base.log_cdf(low - 0.5), base.icdf), (base.log_sf(high + 0.5), base.isf))
        for tail, (log_mass, quantile) in enumerate(sides):
            nodes, width, index = tail_nodes(log_mass[None][:0])
            log_level = log_mass - nodes
            value = quantile(log_level.exp())
            counts, piece = last_pieces(index, value, tail)
            value = torch.where(counts, value, high)
            log_length = log_level - base.log_prob(value)
            possible = counts & log_length.isfinite()
            values.append(value)
            log_counts.append(torch.where(possible, width.log() + log_length, -math.inf))
            pieces.append(piece)
        return WholeNumbers(torch.cat(values), torch.cat(log_counts)), torch.cat(pieces)


def _between(before: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes for the sum over `count` whole numbers after `before`, and their weights.

    The zeros of the polynomial of degree four that is orthogonal over the numbers, from the
    coefficients of its recurrence, and the weights that are exact for squares.

    Returns:
        Two tensors of four times as many columns.
    """
    small = (count <= _NODES)[..., None]
    square = count.clamp(min=_NODES).reciprocal().square()
    first, second, third = (k**2 / (4 * k**2 - 1) * (1 - k**2 * square) for k in (1, 2, 3))
    total = first + second + third
    root = (total.square() - 4 * first * third).sqrt()
    outer, inner = (total + root) / 2, (total - root) / 2
    of_outer = (first - inner) / (2 * root)
    weight = torch.stack([of_outer, 0.5 - of_outer, 0.5 - of_outer, of_outer], -1)
    outer, inner = outer.sqrt(), inner.sqrt()
    share = torch.stack([-outer, -inner, inner, outer], -1)
    number = torch.arange(_NODES, dtype=count.dtype, device=count.device)
    count = count[..., None]
    offset = torch.where(small, torch.minimum(number, count) + 1, (count + 1 + share * count) / 2)
    weight = torch.where(small, (number < count).to(count.dtype), weight * count)
    return (before[..., None] + offset).flatten(-2), weight.flatten(-2)


def _used(value: Tensor, count: Tensor) -> WholeNumbers:
    """Both ends and all values that stand for a number in any row, where that can be read."""
    value, count = value.movedim(-1, 0), count.movedim(-1, 0)
    if not torch.compiler.is_compiling():
        used = (count > 0).reshape(len(count), math.prod(count.shape[1:])).any(1)
        used = used | (torch.arange(len(used), device=used.device) < 2)
        with suppress(RuntimeError):  # within `torch.vmap` it cannot
            value, count = value[used], count[used]
    return WholeNumbers(value, count.log())
