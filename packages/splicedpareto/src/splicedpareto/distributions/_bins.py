"""The binned part of a spliced distribution: bins of constant density.

Shapes: `*B` is the batch, `S` the values beside each batch element, `K` the number of bins.
Bin `k` lies between `edges[k]` and `edges[k + 1]`. All look-ups are gathers along the last
dimension, so a batch costs O(B K) once and O(B S) for its values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from splicedpareto.distributions._areas import areas_beside
from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._lookup import Entries, SoftmaxSums, gather, rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Cell:
    """The bins that hold some values, with the probabilities on either side of each bin.

    Args:
        edges: Edges of all bins, shape ``(K + 1,)`` or ``(*B, K + 1)``.
        index: Bin indices, shape ``(*B, S)``.
        entries: The bins in the softmax.
    """

    edges: Tensor
    index: Tensor
    entries: Entries

    @property
    def log_prob(self) -> Tensor:
        """Log-probabilities."""
        return self.entries.log_prob

    @lazy
    def prob(self) -> Tensor:
        """Probabilities."""
        return self.log_prob.exp()

    @property
    def below(self) -> Tensor:
        """Probabilities to the left of the bins, summed from the left."""
        return self.entries.below

    @property
    def above(self) -> Tensor:
        """Probabilities to the right of the bins, summed from the right."""
        return self.entries.above

    @lazy
    def left(self) -> Tensor:
        """Left edges."""
        return gather(self.edges, self.index)

    @lazy
    def right(self) -> Tensor:
        """Right edges."""
        return gather(self.edges, self.index + 1)

    @lazy
    def width(self) -> Tensor:
        """Widths."""
        return self.right - self.left

    @property
    def log_density(self) -> Tensor:
        """Log-density within the bins."""
        return self.log_prob - self.width.log()

    def sides(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities up to values in the bins, and beyond them."""
        density = self.prob / self.width
        below = self.below + density * (value - self.left)
        return below, self.above + density * (self.right - value)

    def quantile(self, cdf: Tensor, sf: Tensor, from_left: Tensor) -> Tensor:
        """Values in the bins with a probability to the left, or to the right, as marked."""
        mass = torch.where(from_left, cdf - self.below, sf - self.above)
        step = self.width * bin_share(mass, self.prob)
        return torch.where(from_left, self.left + step, self.right - step)


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of constant density, and the probabilities outside them.

    Args:
        logits: Unnormalized log-probabilities, shape ``(*B, K)``; with an `offset` of one, shape
            ``(*B, K + 2)``, with the outside of the bins as the first and the last entry.
        edges: Increasing bin edges, shape ``(K + 1,)`` or ``(*B, K + 1)``.
        offset: Entries of `logits` before the first bin and after the last, 0 or 1.
    """

    logits: Tensor
    edges: Tensor
    offset: int

    @property
    def count(self) -> int:
        """Number of bins K."""
        return self.edges.shape[-1] - 1

    @lazy
    def sums(self) -> SoftmaxSums:
        """Running sums of the softmax, over the bins and what is outside them."""
        return SoftmaxSums(self.logits)

    @lazy
    def widths(self) -> Tensor:
        """Widths of all bins, shape ``(K,)`` or ``(*B, K)``."""
        return self.edges.diff()

    @property
    def probs(self) -> Tensor:
        """Probabilities of all bins, shape ``(*B, K)``."""
        return self.logits.softmax(-1)[..., self.offset : self.offset + self.count]

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities of all bins."""
        return self.logits.log_softmax(-1)[..., self.offset : self.offset + self.count]

    def cells(self, *index: Tensor, summed: int) -> Iterator[Cell]:
        """Edges and probabilities of bins.

        Args:
            index: Indices of bins, each of shape ``(*B, S)`` with an `S` of its own.
            summed: How many of them, from the first on, need the probabilities on either side.
        """
        entries = [at + self.offset for at in index] if self.offset else index
        found = zip(index, self.sums.look_up(*entries, summed=summed), strict=True)
        return (Cell(self.edges, *pair) for pair in found)

    def areas_beside(
        self, first: Tensor | None, at: Tensor, last: Tensor | None, power: int
    ) -> tuple[Tensor, Tensor]:
        """Integrals of a power of the probability below, and above, over the bins beside some.

        Args:
            first: Index of the bin after which the areas below begin, ``(*B, 1)``; None where they
                are not wanted.
            at: Indices of the bins between both areas, ``(*B, S)``.
            last: Index of the bin before which the areas above end, likewise.
            power: Exponent, 1 or 2.
        """
        widths, offset = self.widths, self.offset
        # What is outside the bins has no width.
        widths = functional.pad(widths, (offset, offset)) if offset else widths
        logits, from_left, from_right, widths = (
            table.expand((*at.shape[:-1], table.shape[-1]))
            for table in (self.logits, self.sums.from_left, self.sums.from_right, widths)
        )
        first, last = (None if end is None else end + offset for end in (first, last))
        at = at + offset
        return areas_beside(logits, from_left, from_right, widths, first, at, last, power)

    def locate(self, value: Tensor) -> Tensor:
        """Bin index of each value; a value on an edge belongs to the bin on its right.

        Values outside the bins, and NaN, belong to an outermost bin.
        """
        return (rank(self.edges, value, right=True) - 1).clamp(0, self.count - 1)

    def locate_mass(self, mass: Tensor, from_right: Tensor) -> Tensor:
        """Index of the bin, from one side, at whose end the summed probability reaches `mass`.

        From the right it must exceed it: on a flat stretch the right edge of that bin is the
        smallest value. Before the first bin and after the last the index runs on.
        """
        # A search for nothing takes two thirds of the time.
        right, left = torch.where(from_right, mass, 0), torch.where(from_right, 0, mass)
        entry = torch.where(
            from_right,
            self.sums.first_reaching(right, from_right=True, exceed=True),
            self.sums.first_reaching(left, from_right=False, exceed=False),
        )
        return entry - self.offset if self.offset else entry


def log_mass_between(
    lower: Tensor, upper: Tensor, width: Tensor, first: Cell, last: Cell
) -> Tensor:
    """Log-probability of (lower, upper], where `lower` lies in `first` and `upper` in `last`.

    The sum of what is left of the first bin, the whole bins between and what is taken of the
    last. Neighboring bins share no subtraction, so narrow intervals lose no digits; the sum of
    whole bins is a difference of two sums in double precision.
    """
    several = last.index > first.index
    taken = torch.where(several, first.right - lower, width)
    head = first.log_density + safe_log(taken)
    tail = last.log_density + safe_log(torch.where(several, upper - last.left, 0))
    from_left = last.below - (first.below + first.prob)
    from_right = first.above - (last.above + last.prob)
    between = torch.where(last.below < first.above, from_left, from_right).clamp(min=0)
    accurate = first.entries.mass_until(last.entries)
    between = accurate + (between - between.detach())
    middle = safe_log(torch.where(last.index > first.index + 1, between, 0))
    return log_sum_exp(torch.stack([head, middle, tail]))


def bin_share(mass: Tensor, prob: Tensor) -> Tensor:
    """Mass taken of a bin, as a share of the bin's probability."""
    # Of an empty bin nothing is taken; but NaN stays.
    return (mass / torch.where(prob == 0, math.inf, prob)).clamp(0, 1)
