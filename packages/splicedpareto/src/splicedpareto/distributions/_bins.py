"""The binned part of a spliced distribution: bins of constant density.

Shapes: `*B` is the batch, `S` the values asked of each batch element, `K` the number of bins.
Bin `k` lies between `edges[k]` and `edges[k + 1]`. All lookups are gathers along the last
dimension, so a batch costs O(B K) once and O(B S) for its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._lookup import Sums, pick, rank

if TYPE_CHECKING:
    from splicedpareto.distributions._rows import RowSums

__all__ = ["Bins", "Cell", "Quantile", "log_mass_between"]


class Cell(NamedTuple):
    """The bins that hold some values, with the probabilities on either side of each bin.

    Attributes:
        number: Bin numbers, shape ``(*B, S)``, as all others.
        left: Left edges.
        right: Right edges.
        log_prob: Log-probabilities of the bins.
        below: Probabilities to the left of the bins, summed from the left.
        above: Probabilities to the right of the bins, summed from the right.
    """

    number: Tensor
    left: Tensor
    right: Tensor
    log_prob: Tensor
    below: Tensor
    above: Tensor

    @property
    def log_density(self) -> Tensor:
        """Log-density within the bins."""
        return self.log_prob - (self.right - self.left).log()

    def sides(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities up to values in the bins, and beyond them."""
        density = self.log_prob.exp() / (self.right - self.left)
        below = self.below + density * (value - self.left)
        return below, self.above + density * (self.right - value)

    def quantile(self, cdf: Tensor) -> Tensor:
        """Values in the bins with probability `cdf` to their left."""
        return self.left + (self.right - self.left) * _share(cdf - self.below, self.log_prob)

    def upper_quantile(self, sf: Tensor) -> Tensor:
        """Values in the bins with probability `sf` to their right."""
        return self.right - (self.right - self.left) * _share(sf - self.above, self.log_prob)


class Quantile(NamedTuple):
    """The value beyond which the bins keep some mass, entries of shape ``(*B, S)``.

    Attributes:
        number: Number of the bin that holds it, which has probability.
        value: The value itself.
        log_prob: Log-probability of that bin.
        width: Width of that bin.
    """

    number: Tensor
    value: Tensor
    log_prob: Tensor
    width: Tensor

    @property
    def log_density(self) -> Tensor:
        """Log-density of that bin."""
        return self.log_prob - self.width.log()


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of constant density, and the probabilities outside them.

    Args:
        logits: Unnormalized log-probabilities, shape ``(*B, K)``; with an `offset` of one, shape
            ``(*B, K + 2)``, where the first and last entries stand for the outside of the bins.
        edges: Increasing bin edges, shape ``(K + 1,)`` or ``(*B, K + 1)``.
        offset: Entries of `logits` before the first bin and after the last, 0 or 1.
        rows: Their sums by machine code, if it may look at the logits.
    """

    logits: Tensor
    edges: Tensor
    offset: int
    rows: RowSums | None

    @property
    def count(self) -> int:
        """Number of bins K."""
        return self.edges.shape[-1] - 1

    @lazy
    def _sums(self) -> Sums:
        return Sums.of(self.logits)

    def _lookups(self, asked: Tensor) -> Sums | RowSums:
        """What answers for entries or masses; machine code only where each row has its own."""
        if self.rows is None or asked.shape[:-1] != self.logits.shape[:-1]:
            return self._sums
        return self.rows

    @lazy
    def _widths(self) -> Tensor:
        return self.edges.diff()

    def _entry(self, number: Tensor) -> Tensor:
        """Entries of the logits that stand for bins."""
        return number + self.offset if self.offset else number

    @property
    def _inner(self) -> slice:
        return slice(self.offset, self.offset + self.count)

    @property
    def probs(self) -> Tensor:
        """Probabilities of all bins, shape ``(*B, K)``."""
        return (self._sums.weights / self._sums.total)[..., self._inner]

    @property
    def below(self) -> Tensor:
        """Probabilities to the left of all bins, shape ``(*B, K)``."""
        return functional.pad(self._sums.from_left / self._sums.total, (1, 0))[..., self._inner]

    @property
    def above(self) -> Tensor:
        """Probabilities to the right of all bins, shape ``(*B, K)``."""
        sums = functional.pad(self._sums.from_right / self._sums.total, (1, 0))
        return sums[..., self._inner].flip(-1)

    def left(self, number: Tensor) -> Tensor:
        """Left edges of bins."""
        return pick(self.edges, number)

    def right(self, number: Tensor) -> Tensor:
        """Right edges of bins."""
        return pick(self.edges, number + 1)

    def log_density(self, number: Tensor) -> Tensor:
        """Log-density within bins."""
        entry = self._entry(number)
        return self._lookups(entry).log_probs(entry) - pick(self._widths, number).log()

    def outside(self, batch_shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Log-probabilities left and right of the bins, shape ``(*B, 1)``; `offset` is one."""
        both = self._pair(0, self.count + 1, batch_shape)
        left, right = self._lookups(both).log_probs(both).chunk(2, -1)
        return left, right

    def _pair(self, first: int, last: int, batch_shape: torch.Size) -> Tensor:
        return torch.tensor([first, last], device=self.edges.device).expand((*batch_shape, 2))

    def cell(self, number: Tensor) -> Cell:
        """Edges and probabilities of bins."""
        index = self._entry(number)
        log_prob, below, above = self._lookups(index).look_up(index)
        left, right = self.left(number), self.right(number)
        return Cell(number, left, right, log_prob, below, above)

    def outermost(self, batch_shape: torch.Size) -> tuple[Quantile, Quantile]:
        """Outer edges of the outermost bins, entries of shape ``(*B, 1)``."""
        both = self._pair(0, self.count - 1, batch_shape)
        log_prob, width = self._lookups(both).log_probs(self._entry(both)), pick(self._widths, both)
        first, last = both[..., :1], both[..., 1:]
        return (
            Quantile(first, self.left(first), log_prob[..., :1], width[..., :1]),
            Quantile(last, self.right(last), log_prob[..., 1:], width[..., 1:]),
        )

    def outer_quantiles(self, masses: Tensor) -> tuple[Quantile, Quantile]:
        """Values with masses to their left, and to their right, in two columns ``(*B, 2)``."""
        both, log_prob, below, above = self._lookups(masses).find_outer(masses)
        first, last = both[..., :1], both[..., 1:]
        width = pick(self._widths, both)
        step = width * _share(masses - torch.cat([below, above], -1), log_prob)
        return (
            Quantile(first, self.left(first) + step[..., :1], log_prob[..., :1], width[..., :1]),
            Quantile(last, self.right(last) - step[..., 1:], log_prob[..., 1:], width[..., 1:]),
        )

    def locate(self, value: Tensor) -> Tensor:
        """Bin of each value; a value on an edge belongs to the bin on its right.

        Values outside the bins, and NaN, belong to an outermost bin.
        """
        number = rank(self.edges.detach(), value.detach(), right=True) - 1
        return number.clamp(0, self.count - 1)

    def locate_mass(self, mass: Tensor, from_right: Tensor) -> Tensor:
        """First bin, from one side, at whose end the summed probability reaches `mass`.

        From the right, exceeds it: on a flat stretch its right edge is the smallest value.
        """
        entry = self._lookups(mass).find(mass, from_right)
        return (entry - self.offset if self.offset else entry).clamp(0, self.count - 1)


def log_mass_between(lower: Tensor, first: Cell, upper: Tensor, last: Cell) -> Tensor:
    """Log-probability of (lower, upper], where `lower` lies in `first` and `upper` in `last`.

    The sum of what is left of the first bin, the whole bins between and what is taken of the
    last. Neighboring bins share no subtraction, so narrow intervals lose no digits.
    """
    several = last.number > first.number
    head = first.log_density + safe_log(torch.minimum(upper, first.right) - lower)
    tail = last.log_density + safe_log(torch.where(several, upper - last.left, 0))
    from_left = last.below - (first.below + first.log_prob.exp())
    from_right = first.above - (last.above + last.log_prob.exp())
    between = torch.where(last.below < first.above, from_left, from_right).clamp(min=0)
    middle = safe_log(torch.where(last.number > first.number + 1, between, 0))
    return log_sum_exp(torch.stack([head, middle, tail]))


def _share(mass: Tensor, log_prob: Tensor) -> Tensor:
    """Mass taken of a bin, as a share of the bin's probability."""
    prob = log_prob.exp()
    empty = prob == 0
    # Of an empty bin nothing is taken; but NaN stays.
    return (torch.where(empty, 0 * mass, mass) / prob.masked_fill(empty, 1)).clamp(0, 1)
