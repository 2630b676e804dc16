"""A spliced distribution whose bins were moved, and what fits the movement."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._layout import from_columns, to_columns
from splicedpareto.distributions._special import ndtri
from splicedpareto.distributions._spliced_binned_pareto import SplicedBinnedPareto

# Where squeezed scores end; a normal number is beyond in 2e-9 of all cases. Of a tail with a
# concentration of 1.9 the quantile there is a number in single precision still.
_FURTHEST = 6.0
# Scores beyond this are no evidence of a movement.
_FURTHEST_PLAUSIBLE = 5.0
# Largest score of a number: what lies beyond is taken to lie there.
FURTHEST_SCORE = _FURTHEST * math.atanh(0.999)


class MovedSplicedBinnedPareto(SplicedBinnedPareto):
    r"""A `SplicedBinnedPareto` with bins of each batch element's own, moved by normal scores.

    With :math:`F` a distribution that is the same for all and :math:`z = \Phi^{-1}(F(y))`, an edge
    at :math:`z` is moved to where that is :math:`\mu + \sigma z`: where the outcomes of `F` are
    dense bins are narrow, wherever they are moved to, and no edge leaves its support. A network
    gives :math:`\mu` and :math:`\sigma`, fitted by `score_nll`; edges have no gradient.

    Args:
        moved: The distribution.
        reference: :math:`F`.
        scores: Gaussian of mean :math:`\mu` and deviation :math:`\sigma`, over the batch.
    """

    def __init__(
        self, moved: SplicedBinnedPareto, reference: SplicedBinnedPareto, scores: Gaussian
    ) -> None:
        super().__init__(
            moved.logits,
            moved.edges,
            moved.lower_concentration,
            moved.upper_concentration,
            moved.lower_scale,
            moved.upper_scale,
            moved.lower_mass,
            moved.upper_mass,
            validate_args=False,
        )
        self.reference = reference
        self.scores = scores

    def affine(self, loc: Tensor | float, scale: Tensor | float) -> MovedSplicedBinnedPareto:
        """Return the distribution of ``loc + scale * X``, whose bins move with it."""
        reference = self.reference.affine(loc, scale)
        return MovedSplicedBinnedPareto(super().affine(loc, scale), reference, self.scores)

    def _expanded(self, batch_shape: torch.Size) -> MovedSplicedBinnedPareto:
        scores = Gaussian(
            *(p.expand(batch_shape) for p in (self.scores.loc, self.scores.scale)),
            validate_args=False,
        )
        return MovedSplicedBinnedPareto(super()._expanded(batch_shape), self.reference, scores)

    def score_nll(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Negative log-likelihood of the Gaussian at the scores of known or censored outcomes.

        Args:
            lower: Lower ends, broadcastable with the batch; may be ``-inf``.
            upper: Upper ends; where equal to `lower` the outcome is known.
        """
        low = normal_scores(self.reference, lower)
        # What the reference thinks impossible says nothing of where the others lie.
        plausible = low.abs() < _FURTHEST_PLAUSIBLE
        if upper is lower:
            exact = -self.scores.log_prob(torch.where(plausible, low, 0))
            return torch.where(plausible, exact, 0)
        known, high = lower == upper, normal_scores(self.reference, upper)
        plausible = known & plausible
        exact = -self.scores.log_prob(torch.where(plausible, low, 0))
        # An interval beyond all scores is one at the last.
        low, high = low.clamp(max=_FURTHEST), high.clamp(min=-_FURTHEST)
        narrow = known | (high <= low)
        start = torch.where(narrow, 0, low)
        interval = -self.scores.log_prob_interval(start, torch.where(narrow, 1, high))
        return torch.where(known, torch.where(plausible, exact, 0), interval)


def normal_scores(reference: SplicedBinnedPareto, value: Tensor) -> Tensor:
    """Standard normal numbers of the probabilities that a distribution has below values.

    Stretched beyond some 3, so that any number is a score; infinite at the ends of the support.
    """
    (value,), shape = to_columns(reference.batch_shape, reference.logits, value=value)
    sides = reference.distribution.cdf_and_sf(value)
    below, above = (from_columns(side, shape) for side in sides)
    least = torch.minimum(below, above)
    number = ndtri(least.clamp(min=torch.finfo(least.dtype).tiny))
    size = _FURTHEST * (-number / _FURTHEST).clamp(max=0.999).atanh()
    score = torch.where(below < above, -size, size)
    end = torch.where(below < above, -math.inf, math.inf).to(score.dtype)
    return torch.where(least == 0, end, score)


def values_at_scores(reference: SplicedBinnedPareto, score: Tensor) -> Tensor:
    """Quantiles of a distribution at normal scores: the inverse of `normal_scores`."""
    number = torch.where(score.isinf(), score, _FURTHEST * (score / _FURTHEST).tanh())
    # `ndtr` loses its digits in single precision.
    level = torch.special.erfc(number.abs() / math.sqrt(2)) / 2
    is_low, rest = score < 0, 1 - level
    sides = {"cdf": torch.where(is_low, level, rest), "sf": torch.where(is_low, rest, level)}
    (below, above), shape = to_columns(reference.batch_shape, reference.logits, **sides)
    return from_columns(reference.distribution.quantile(below, above, None), shape)


def largest_edge(dtype: torch.dtype) -> float:
    """Largest edge in a type, so that the width of a bin, and the scale of a tail, are numbers."""
    return 1e30 if torch.finfo(dtype).max < 1e300 else 1e306


def strictly_increasing(edges: Tensor) -> Tensor:
    """Edges ``(*B, K + 1)``, each moved to above the one before if it is not."""
    end = largest_edge(edges.dtype)
    whole, largest = torch.int64, torch.iinfo(torch.int64).max
    if edges.dtype == torch.float32:
        whole, largest = torch.int32, torch.iinfo(torch.int32).max
    # As whole numbers, in the order of the floating-point ones.
    bits = edges.clamp(-end, end).contiguous().view(whole)
    order = torch.where(bits < 0, -(bits & largest), bits).to(torch.int64)
    steps = torch.arange(edges.shape[-1], device=edges.device)
    order = (order - steps).cummax(-1).values + steps
    size = order.abs().to(whole).view(edges.dtype)
    return torch.where(order < 0, -size, size)
