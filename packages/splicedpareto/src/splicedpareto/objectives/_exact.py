"""Exact likelihoods, where minimizing them is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splicedpareto.distributions import AffineTransformed, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._accurate import log_prob_interval
from splicedpareto.objectives._observed import masked, observed, observed_interval

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution


def exact_nll(dist: Distribution, value: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Negative log-density, where minimizing it is safe.

    Args:
        dist: Any distribution; a `SplicedBinnedPareto` must have tied scales or the edge splice,
            also as a component of a `Mixture`.
        value: Targets, broadcastable with ``(*B,)``.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: If scales are free under the quantile splice, or, if the distribution
            validates, an observed target is NaN.
        TypeError: If `dist` is no distribution, or a target is no tensor.
    """
    _refuse_moving_splice(dist)
    value, mask = observed(dist, value, mask, "value")
    return masked(-dist.log_prob(value), mask)


def exact_interval_nll(
    dist: Distribution, lower: Tensor, upper: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    """Negative log-probability of (lower, upper], where minimizing it is safe.

    Args:
        dist: As in `exact_nll`, with accurate tails.
        lower: Lower ends; ``-inf`` for a left-censored target.
        upper: Upper ends above `lower`; ``inf`` for a right-censored target.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: As `exact_nll`, and if an observed interval is empty.
        TypeError: As `exact_nll`, and if the distribution has no accurate tails.
    """
    _refuse_moving_splice(dist)
    lower, upper, mask = observed_interval(dist, lower, upper, mask)
    return masked(-log_prob_interval(dist, lower, upper), mask)


def _refuse_moving_splice(dist: Distribution) -> None:
    if isinstance(dist, Mixture):
        for component in dist.components:
            _refuse_moving_splice(component)
    if isinstance(dist, AffineTransformed):
        _refuse_moving_splice(dist.base)
    if isinstance(dist, SplicedBinnedPareto) and not (
        dist.splice == "edge" or dist.has_tied_scales
    ):
        raise ValueError(
            "The exact likelihood must not be maximized with free scales under the quantile "
            f"splice, got {dist!r}: its thresholds move with the logits, and the optimum moves "
            "the body's mass out of reach. Use a composite objective, leave the scales out to tie "
            "them, or choose splice='edge'."
        )
