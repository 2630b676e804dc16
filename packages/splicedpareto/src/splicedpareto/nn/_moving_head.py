"""A head whose bins move along the distribution of a sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from splicedpareto.distributions import Gaussian, SplicedBinnedPareto
from splicedpareto.distributions._moved import (
    FURTHEST_SCORE,
    MovedSplicedBinnedPareto,
    normal_scores,
    strictly_increasing,
    values_at_scores,
)
from splicedpareto.nn._head_checks import check_raw, check_state
from splicedpareto.nn._heads import (
    SOFTPLUS_ONE,
    DistributionHead,
    SplicedBinnedParetoHead,
    positive,
)
from splicedpareto.nn._sample import is_bulk

if TYPE_CHECKING:
    from typing import Self

# Largest score of a location, and largest scale: all but a 1e-6th of a sample lies within.
_FURTHEST_LOCATION, _LARGEST_SCALE = 5.0, 4.0
# Score beyond which a bin on the side of a bound only leads there.
_LAST_SCORE = 4.0
# How far a tail is stretched at most, so that no scale is 0 or infinite.
_STRETCH = (1e-9, 1e9)


class MovingBinsHead(DistributionHead):
    r"""State to a `SplicedBinnedPareto` whose bins have moved to where the outcomes are.

    A linear head over fixed bins must learn each shift of the outcome as a change of all logits.
    Here the state gives a location :math:`\mu` and a scale :math:`\sigma` beside them, of the
    outcome's normal score :math:`z = \Phi^{-1}(F(y))` under the initial distribution `F` of another
    head: an edge at :math:`z` moves to :math:`\mu + \sigma z`, and the scales of the tails stretch
    with the outcomes out there. So bins are narrow where outcomes are dense, and nothing moves past
    the end of a support, whatever the tails: on lognormal (sigma of 5), Cauchy and Pareto (.5)
    targets as on normal ones.

    Train it by `composite_nll` or another composite objective, which fits location and scale by the
    Gaussian likelihood of the scores: edges that moved with the loss would let values outside
    shrink the scale.

    Args:
        head: Head at whose initial distribution bins and tails start.
        reference: Head whose initial distribution is :math:`F`, with the same edges; None for
            `head`. Without values that lie apart from all others, bins do not move there.

    Example:
        >>> levels = (torch.arange(1000) + 0.5) / 1000
        >>> values = torch.distributions.Cauchy(0.0, 1.0).icdf(levels)
        >>> head = MovingBinsHead.from_data(8, values)
        >>> head(torch.zeros(3, 8)).edges.shape
        torch.Size([3, 51])
    """

    reference_logits: Tensor
    reference_tails: Tensor
    edge_scores: Tensor
    mark_scores: Tensor
    distances: Tensor

    def __init__(
        self, head: SplicedBinnedParetoHead, reference: SplicedBinnedParetoHead | None = None
    ) -> None:
        for name, given in (("head", head), ("reference", reference)):
            if not (isinstance(given, SplicedBinnedParetoHead) or given is reference is None):
                raise TypeError(f"{name} must be a SplicedBinnedParetoHead, got {given!r}.")
        if reference is not None and not torch.equal(head.edges, reference.edges):
            raise ValueError("reference must have the edges of head, got others.")
        super().__init__(head.linear.in_features, 2)
        self.head = head
        with torch.no_grad():
            self.linear.bias[1] = SOFTPLUS_ONE
            source = head if reference is None else reference
            start = source.distribution(source.linear.bias.detach().clone())
            self.register_buffer("reference_logits", start.logits)
            tails = (
                start.lower_concentration,
                start.upper_concentration,
                start.lower_scale,
                start.upper_scale,
            )
            self.register_buffer("reference_tails", torch.stack(tails))
            # In single precision a mass of 1e-12 is lost beside the bins, though not the tail: only
            # a bound is an edge at an infinite score.
            ends = [
                FURTHEST_SCORE if mass else math.inf for mass in (head.lower_mass, head.upper_mass)
            ]
            scores = normal_scores(start, head.edges).clamp(-ends[0], ends[1])
            self.register_buffer("edge_scores", scores)
            # Beyond each threshold, where a quarter of the tail is left.
            levels = [max(mass, 1e-3) / 4 for mass in (head.lower_mass, head.upper_mass)]
            low, high = (start.logits.new_tensor(level) for level in levels)
            marks = torch.stack(
                [start.icdf(low), start.icdf(2 * low), start.isf(2 * high), start.isf(high)]
            )
            self.register_buffer("mark_scores", normal_scores(start, marks))
            self.register_buffer("distances", marks.diff()[[0, 2]])

    @classmethod
    def from_data(
        cls,
        in_features: int,
        values: Tensor,
        *,
        weight: Tensor | None = None,
        **settings: Any,  # noqa: ANN401  # those of another function
    ) -> Self:
        """A head whose initial distribution is that of a sample, and whose bins move along it.

        Args:
            in_features: Width ``C`` of the state.
            values: Outcomes, finite, shape ``(N,)``.
            weight: Weights at least 0, shape ``(N,)``; a weight of 2 counts as two values.
            settings: As in `SplicedBinnedParetoHead.from_data`.

        Raises:
            ValueError: An argument that breaks its rule.
        """
        head = SplicedBinnedParetoHead.from_data(in_features, values, weight=weight, **settings)
        weight = torch.ones_like(values) if weight is None else weight
        bulk = is_bulk(values, weight)
        settings |= {
            "edges": head.edges,
            "lower_mass": head.lower_mass,
            "upper_mass": head.upper_mass,
            "concentration_range": head.concentration_range,
        }
        reference = SplicedBinnedParetoHead.from_data(
            in_features, values[bulk], weight=weight[bulk], **settings
        )
        return cls(head, reference)

    @property
    def edges(self) -> Tensor:
        """Edges of the bins before they move."""
        return self.head.edges

    @property
    def raw_features(self) -> int:
        """Number of raw parameters: location, scale, and the head's."""
        return 2 + self.head.raw_features

    def raw_parameters(self, state: Tensor) -> Tensor:
        """Raw parameters, shape ``(*B, P)``, for a state of shape ``(*B, C)``."""
        check_state(state, self.linear)
        return torch.cat([self.linear(state), self.head.raw_parameters(state)], -1)

    def distribution(self, raw: Tensor) -> MovedSplicedBinnedPareto:
        """The distribution for raw parameters ``(*B, P)``: location, scale, the head's."""
        check_raw(raw, self.raw_features)
        location = _FURTHEST_LOCATION * (raw[..., 0] / _FURTHEST_LOCATION).tanh()
        scale = positive(raw[..., 1]).clamp(max=_LARGEST_SCALE)
        left, right, lower, upper = self.reference_tails
        reference = SplicedBinnedPareto(
            self.reference_logits,
            self.head.edges,
            left,
            right,
            lower,
            upper,
            self.head.lower_mass,
            self.head.upper_mass,
            validate_args=False,
        )
        with torch.no_grad():
            scores = torch.cat([self.edge_scores, self.mark_scores])
            moved = self._within_bounds(location[..., None] + scale[..., None] * scores)
            values = values_at_scores(reference, moved)
            edges, marks = values[..., :-4], values[..., -4:]
            edges = strictly_increasing(edges)
            stretch = marks.diff(dim=-1)[..., [0, 2]] / self.distances
            lower, upper = stretch.nan_to_num(1.0).clamp(*_STRETCH).unbind(-1)
        still = self.head.distribution(raw[..., 2:])
        tied = self.head.scale == "tied"
        distribution = SplicedBinnedPareto(
            still.logits,
            edges,
            still.lower_concentration,
            still.upper_concentration,
            None if tied else lower * still.lower_scale,
            None if tied else upper * still.upper_scale,
            self.head.lower_mass,
            self.head.upper_mass,
            validate_args=False,
        )
        scores_of_outcome = Gaussian(location, scale, validate_args=False)
        return MovedSplicedBinnedPareto(distribution, reference, scores_of_outcome)

    def _within_bounds(self, moved: Tensor) -> Tensor:
        """Moved scores of edges and marks, none further into the bins that lead to a far bound.

        Such a bin may be a million times as wide as its neighbor: an edge that moved into it would
        take a twentieth of the mass along.
        """
        edges = self.edge_scores
        highest = torch.where(edges > _LAST_SCORE, edges, math.inf).amin()
        lowest = torch.where(edges < -_LAST_SCORE, edges, -math.inf).amax()
        inner = moved[..., : len(edges)]
        if not self.head.upper_mass:
            inner = inner.minimum(edges.clamp(min=highest))
        if not self.head.lower_mass:
            inner = inner.maximum(edges.clamp(max=lowest))
        return torch.cat([inner, moved[..., len(edges) :]], -1)
