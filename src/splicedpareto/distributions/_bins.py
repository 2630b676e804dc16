"""The binned part of a spliced distribution: bins of constant density.

Shapes: `*B` is the batch, `S` the values asked of each batch element, `K` the number of bins.
Bin `k` lies between `edges[k]` and `edges[k + 1]`. All lookups are gathers along the last
dimension, so a batch costs O(B K) once and O(B S) for its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._lazy import lazy
from splicedpareto.distributions._sums import sum_beside

__all__ = ["Bins", "Cell", "Quantile", "log_mass_between", "pick"]


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
        log_density: Log-density of that bin.
    """

    number: Tensor
    value: Tensor
    log_density: Tensor


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of constant density, and the probabilities outside them.

    Args:
        logits: Unnormalised log-probabilities, shape ``(*B, K)``; with an `offset` of one, shape
            ``(*B, K + 2)``, where the first and last entries stand for the outside of the bins.
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
    def _log_probs(self) -> Tensor:
        return self.logits.log_softmax(-1)

    @lazy
    def _probs(self) -> Tensor:
        return self._log_probs.exp()

    @lazy
    def _from_left(self) -> Tensor:
        """Inclusive sums of all entries from the left."""
        return self._probs.cumsum(-1)

    @lazy
    def _from_right(self) -> Tensor:
        """Inclusive sums of all entries from the right, in order of summation."""
        return self._probs.flip(-1).cumsum(-1)

    @property
    def _inner(self) -> slice:
        return slice(self.offset, self.offset + self.count)

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities of all bins, shape ``(*B, K)``."""
        return self._log_probs[..., self._inner]

    @property
    def outside(self) -> tuple[Tensor, Tensor]:
        """Log-probabilities left and right of the bins, shape ``(*B, 1)``; `offset` is one."""
        return self._log_probs[..., :1], self._log_probs[..., -1:]

    @property
    def below(self) -> Tensor:
        """Probabilities to the left of all bins, shape ``(*B, K)``."""
        return functional.pad(self._from_left, (1, 0))[..., self._inner]

    @property
    def above(self) -> Tensor:
        """Probabilities to the right of all bins, shape ``(*B, K)``."""
        return functional.pad(self._from_right, (1, 0))[..., self._inner].flip(-1)

    def left(self, number: Tensor) -> Tensor:
        """Left edges of bins."""
        return pick(self.edges, number)

    def right(self, number: Tensor) -> Tensor:
        """Right edges of bins."""
        return pick(self.edges, number + 1)

    def log_density(self, number: Tensor) -> Tensor:
        """Log-density within bins."""
        return self._log_prob(number) - (self.right(number) - self.left(number)).log()

    def _log_prob(self, number: Tensor) -> Tensor:
        return pick(self._log_probs, number + self.offset)

    def _below(self, number: Tensor) -> Tensor:
        index = number + self.offset
        below = _pick_or_zero(self._from_left, index - 1)
        if not self._is_single(number):
            return below
        return sum_beside(self._probs, below, index)

    def _above(self, number: Tensor) -> Tensor:
        index = number + self.offset
        above = _pick_or_zero(self._from_right, self._probs.shape[-1] - 2 - index)
        if not self._is_single(number):
            return above
        return sum_beside(self._probs, above, index, after=True)

    def _is_single(self, number: Tensor) -> bool:
        """Whether a gradient is asked for, and a single bin of each batch element."""
        # A traced graph takes no function with a forward-mode rule of its own.
        traced = torch.compiler.is_compiling()
        return self._probs.requires_grad and number.shape[-1] == 1 and not traced

    def cell(self, number: Tensor) -> Cell:
        """Edges and probabilities of bins."""
        return Cell(
            number=number,
            left=self.left(number),
            right=self.right(number),
            log_prob=self._log_prob(number),
            below=self._below(number),
            above=self._above(number),
        )

    def outer_quantiles(self, lower_mass: Tensor, upper_mass: Tensor) -> tuple[Quantile, Quantile]:
        """Values with masses to their left, and to their right, each shape ``(*B, S)``."""
        # The bin in which a mass is exceeded has probability, also where the mass is zero.
        first = self.locate_mass(lower_mass, exceed=True)
        last = self.locate_mass(upper_mass, from_right=True, exceed=True)
        # One lookup for both: each has a gradient as large as the table.
        both = torch.cat([first, last], -1)
        left, right, log_prob = self.left(both), self.right(both), self._log_prob(both)
        width = right - left
        beyond = torch.cat([self._below(first), self._above(last)], -1)
        step = width * _share(torch.cat([lower_mass, upper_mass], -1) - beyond, log_prob)
        log_density = log_prob - width.log()
        from_left, from_right = (left + step).chunk(2, -1)[0], (right - step).chunk(2, -1)[1]
        density_first, density_last = log_density.chunk(2, -1)
        return Quantile(first, from_left, density_first), Quantile(last, from_right, density_last)

    def locate(self, value: Tensor) -> Tensor:
        """Bin of each value; a value on an edge belongs to the bin on its right.

        Values outside the bins, and NaN, belong to an outermost bin.
        """
        number = _rank(self.edges.detach(), value.detach(), right=True) - 1
        return number.clamp(0, self.count - 1)

    def locate_mass(
        self, mass: Tensor, *, from_right: bool = False, exceed: bool = False
    ) -> Tensor:
        """First bin, from one side, at whose end the summed probability reaches `mass`.

        With `exceed`, exceeds it: the bin then has positive probability.
        """
        sums = self._from_right if from_right else self._from_left
        number = _rank(sums.detach(), mass.detach(), right=exceed) - self.offset
        number = number.clamp(0, self.count - 1)
        return self.count - 1 - number if from_right else number


def log_mass_between(lower: Tensor, first: Cell, upper: Tensor, last: Cell) -> Tensor:
    """Log-probability of (lower, upper], where `lower` lies in `first` and `upper` in `last`.

    The sum of what is left of the first bin, the whole bins between and what is taken of the
    last. Neighbouring bins share no subtraction, so narrow intervals lose no digits.
    """
    several = last.number > first.number
    head = first.log_density + safe_log(torch.minimum(upper, first.right) - lower)
    tail = last.log_density + safe_log(torch.where(several, upper - last.left, 0))
    from_left = last.below - (first.below + first.log_prob.exp())
    from_right = first.above - (last.above + last.log_prob.exp())
    between = torch.where(last.below < first.above, from_left, from_right).clamp(min=0)
    middle = safe_log(torch.where(last.number > first.number + 1, between, 0))
    return log_sum_exp(torch.stack([head, middle, tail]))


def pick(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table ``(*B, N)`` or ``(N,)`` at an index ``(*B, S)``."""
    return table.expand((*index.shape[:-1], table.shape[-1])).gather(-1, index)


def _share(mass: Tensor, log_prob: Tensor) -> Tensor:
    """Mass taken of a bin, as a share of the bin's probability."""
    prob = log_prob.exp()
    positive = prob > 0
    return (torch.where(positive, mass, 0) / torch.where(positive, prob, 1)).clamp(0, 1)


def _pick_or_zero(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table at an index, zero where the index is negative."""
    return torch.where(index < 0, 0, pick(table, index.clamp(min=0)))


def _rank(ordered: Tensor, value: Tensor, *, right: bool) -> Tensor:
    """Count the entries of ``(*B, N)`` that lie below values ``(*B, S)``; with `right`, or on."""
    if ordered.dim() == 1:
        return torch.bucketize(value.contiguous(), ordered, right=right)
    ordered = ordered.expand((*value.shape[:-1], ordered.shape[-1]))
    if torch.compiler.is_exporting():
        # ONNX has no sorted search. The comparison costs O(B S K).
        table, column = ordered[..., None, :], value[..., :, None]
        return (table <= column if right else table < column).sum(-1)
    return torch.searchsorted(ordered.contiguous(), value.contiguous(), right=right)
