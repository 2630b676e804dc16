r"""Expectations by a rule of values and probabilities, where no closed form is known.

The line is cut at the breakpoints of a distribution and at its quantiles of levels a factor of two
apart. Between cuts Gauss and Legendre's rule holds the density; beyond the outermost quantiles,
of level :math:`2^{-14}`, the values are quantiles themselves:

.. math:: \int_{Q(1 - e)}^\infty g\,dF = e \int_0^\infty g(Q(1 - e\,e^{-h})) e^{-h}\,dh

Of a generalized Pareto tail a log-density is a straight line in `h` and a power an exponential, so
that six nodes on each of nine pieces of doubling length hold either. Of an exponential
:math:`e^{-a h}` the last piece is to the one before it as :math:`q + q^2` to 1, with `q` the decay
over a half of the last; what lies beyond them is the last times :math:`q^2 / (1 - q^2)`. Where the
ratio is 2 or more, the expectation is infinite: of squares from a concentration of .5 on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch import Size

LEVELS = 0.5 ** np.arange(1, 15)
_RULE, _SINGLE_RULE = (np.polynomial.legendre.leggauss(nodes) for nodes in (6, 4))
# Ends of the pieces of the tails; single precision has no number for a level below e**-87.
_ENDS = np.array([0.0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
_SINGLE_ENDS = _ENDS[:8]
# Distances below 2 at which a ratio of the last pieces is taken as 2: that of squares at a
# concentration of .5 - 3e-9, and in single precision of .4998.
_MARGIN, _SINGLE_MARGIN = 1e-6, 0.02


class Rule(NamedTuple):
    """Values and probabilities that stand for a distribution, ``(M, *B)`` each.

    Attributes:
        value: Values of the support.
        prob: Their probabilities, of sum 1.
        is_atom: Where a value has a mass, of which this is a part.
        piece: For the k-th tail 2 k + 2 in its last piece, 2 k + 1 in the one before it; else 0.
        tails: Number of tails.
    """

    value: Tensor
    prob: Tensor
    is_atom: Tensor
    piece: Tensor
    tails: int

    def expectation(self, result: Tensor) -> Tensor:
        """Mean of a function from its values at `value`; infinite where it diverges."""
        terms = torch.where(self.prob > 0, self.prob * result, 0)
        if not self.tails:
            return terms.sum(0)
        sums = terms.new_zeros(1 + 2 * self.tails, *terms.shape[1:])
        sums = sums.scatter_add(0, self.piece.expand_as(terms), terms)[1:]
        with torch.no_grad():
            size = terms.abs().sum(0)
        return terms.sum(0) + _beyond(sums[::2], sums[1::2], size).sum(0)


def _beyond(before: Tensor, last: Tensor, size: Tensor) -> Tensor:
    """What lies beyond the last pieces of tails, from these and the ones before, ``(T, *B)``."""
    options = torch.finfo(last.dtype)
    limit = 2 - (_MARGIN if options.bits > 32 else _SINGLE_MARGIN)
    with torch.no_grad():
        matters = last.abs() > options.eps * size
        falls = last.abs() < limit * before.abs()
        goes_on = matters & falls & (before * last > 0)
        limitless = torch.where(matters & ~falls, math.inf * last.sign(), 0)
    last = torch.where(goes_on, last, 0)
    ratio = last / torch.where(goes_on, before, 1)
    decay = 2 * ratio / (1 + (1 + 4 * ratio).sqrt())
    return last * decay.square() / (1 - decay.square()) + limitless


class Smooth(Protocol):
    """What a rule needs of a distribution without atoms."""

    @property
    def batch_shape(self) -> Size:
        """The batch."""

    @property
    def breakpoints(self) -> Tensor:
        """Where the density is not smooth."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""

    def log_cdf(self, value: Tensor) -> Tensor:
        """Log-probability of at most `value`."""

    def log_sf(self, value: Tensor) -> Tensor:
        """Log-probability of more than `value`."""

    def icdf(self, value: Tensor) -> Tensor:
        """Quantile."""

    def isf(self, value: Tensor) -> Tensor:
        """Upper quantile."""


def smooth_rule(dist: Smooth, like: Tensor, knots: Tensor | None) -> Rule:
    """Rule of a distribution without atoms.

    Args:
        dist: The distribution.
        like: Tensor of its type and place.
        knots: Where else what is averaged is not smooth, shape ``(*B, N)``.
    """
    at = dist.breakpoints
    if knots is not None:
        at = torch.cat([at, knots.expand(*dist.batch_shape, -1)], -1)
    x, width = _inner_nodes(dist, like, at)
    with torch.no_grad():
        outer, mass, piece = _outer_nodes(dist, at)
    value = torch.cat([x, outer])
    log_density = dist.log_prob(value)
    inner, beyond = log_density[: len(x)], log_density[len(x) :]
    possible = beyond > -math.inf
    beyond = torch.where(possible, beyond, 0)
    prob = torch.cat(
        [
            torch.where(width > 0, width * torch.where(width > 0, inner, 0).exp(), 0),
            torch.where(possible, mass * (beyond - beyond.detach()).exp(), 0),
        ]
    )
    piece = torch.cat([torch.zeros_like(x, dtype=piece.dtype), piece])
    return Rule(value, prob, torch.zeros_like(prob, dtype=torch.bool), piece, 2)


def _nodes(ends: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes between neighbors of sorted ends ``(*B, N)`` and their lengths, ``(*B, N - 1, n)``."""
    nodes, weights = _SINGLE_RULE if ends.dtype == torch.float32 else _RULE
    share, weight = (
        torch.as_tensor(each, dtype=ends.dtype, device=ends.device)
        for each in ((nodes + 1) / 2, weights / 2)
    )
    width = ends.diff()[..., None]
    return ends[..., :-1, None] + width * share, width * weight


def _inner_nodes(dist: Smooth, like: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes between the outermost cuts, and the lengths that they stand for, ``(M, *B)``."""
    with torch.no_grad():
        level = torch.as_tensor(LEVELS, dtype=like.dtype, device=like.device)
        level = level.reshape(-1, *(1,) * len(dist.batch_shape))
        cuts = torch.cat([dist.icdf(level), dist.isf(level)]).movedim(0, -1)
        low, high = cuts.amin(-1, keepdim=True), cuts.amax(-1, keepdim=True)
    bounded = torch.minimum(torch.maximum(knots, low), high)
    x, width = _nodes(torch.cat([cuts, bounded], -1).sort(-1).values)
    return x.flatten(-2).movedim(-1, 0), width.flatten(-2).movedim(-1, 0)


def _outer_nodes(dist: Smooth, knots: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Quantiles beyond the outermost cuts, their probabilities and their pieces, ``(M, *B)``."""
    outermost = float(LEVELS[-1])
    at = knots.movedim(-1, 0)
    values, probs, pieces = [], [], []
    sides = ((dist.log_cdf(at), dist.icdf), (dist.log_sf(at), dist.isf))
    for tail, (log_level, quantile) in enumerate(sides):
        nodes, width, index = tail_nodes(math.log(outermost) - log_level)
        value = quantile(outermost * (-nodes).exp())
        counts, piece = last_pieces(index, value, tail)
        values.append(torch.where(counts, value, 0))
        probs.append(torch.where(counts, outermost * width * (-nodes).exp(), 0))
        pieces.append(piece)
    return torch.cat(values), torch.cat(probs), torch.cat(pieces)


def tail_nodes(hazards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes in the cumulative hazard of a tail, their lengths, and how far out their pieces are.

    Args:
        hazards: Where else a function is not smooth, shape ``(N, *B)``.

    Returns:
        Three tensors of shape ``(M, *B)``; pieces are counted from 1.
    """
    ends = torch.as_tensor(
        _SINGLE_ENDS if hazards.dtype == torch.float32 else _ENDS,
        dtype=hazards.dtype,
        device=hazards.device,
    )
    hazards = hazards.clamp(0, float(ends[-1])).nan_to_num(0)
    cuts = torch.cat([ends.expand(*hazards.shape[1:], -1), hazards.movedim(0, -1)], -1)
    nodes, width = _nodes(cuts.sort(-1).values)
    nodes, width = (each.flatten(-2).movedim(-1, 0) for each in (nodes, width))
    return nodes, width, torch.bucketize(nodes.contiguous(), ends)


def last_pieces(index: Tensor, quantile: Tensor, tail: int) -> tuple[Tensor, Tensor]:
    """Which nodes of a tail count, and their pieces as in `Rule`.

    Of a tail whose quantiles overflow no piece counts in which they do.
    """
    last = torch.where(quantile.isfinite(), index.amax(0) + 1, index).amin(0) - 1
    counts = index <= last
    step = (index - last + 2).clamp(min=0)
    return counts, torch.where(counts & (step > 0), 2 * tail + step, 0)
