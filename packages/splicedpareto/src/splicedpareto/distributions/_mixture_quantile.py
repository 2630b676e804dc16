"""Quantiles of a mixture, whose distribution function may jump and may stand still."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._base import broadcast_shapes
from splicedpareto.distributions._smallest import smallest_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from splicedpareto.distributions._base import ScalarDistribution


def quantile(
    mixture: ScalarDistribution,
    level: Tensor,
    components: Sequence[ScalarDistribution],
    weights: Tensor,
    *,
    is_upper: bool,
) -> Tensor:
    """Smallest number at which a mixture reaches a level; the ends of its support at 0 and 1.

    Args:
        mixture: The mixture, of batch shape ``*B``.
        level: Levels in [0, 1], broadcastable with the batch.
        components: Its `K` components.
        weights: Their probabilities, shape ``(*B, K)``.
        is_upper: Whether of the survival function, which falls to the level, or of the
            distribution function, which rises to it.
    """

    def gap(value: Tensor) -> Tensor:
        return level - mixture.sf(value) if is_upper else mixture.cdf(value) - level

    with torch.no_grad():
        shape = broadcast_shapes(level.shape, mixture.batch_shape)
        value = smallest_number(lambda x: gap(x) >= 0, level.expand(shape))
        first, last = (1, 0) if is_upper else (0, 1)
        for end, side in ((first, torch.amin), (last, torch.amax)):
            value = torch.where(level == end, _end(components, weights, side), value)
        value = torch.where(level.isnan(), math.nan, value)
    if not torch.is_grad_enabled():
        return value
    with torch.no_grad():
        is_inner = value.isfinite() & (level > 0) & (level < 1)
        at = torch.where(is_inner, value, 0)
        density = mixture.log_prob(at).exp()
        moves = is_inner & (density > 0) & mixture.log_mass(at).isneginf()
        density = torch.where(moves, density, math.inf)
    # The sum is zero; its derivative is that of the implicit function.
    step = -gap(at) / density
    return value + (step - step.detach()) + _step_of_atoms(at, components, weights, is_inner)


def _end(
    components: Sequence[ScalarDistribution], weights: Tensor, side: Callable[..., Tensor]
) -> Tensor:
    """Lower or upper end of the components that have weight."""
    level, unused = (0.0, math.inf) if side is torch.amin else (1.0, -math.inf)
    at = torch.full_like(weights[..., 0], level)
    ends = torch.stack([component.icdf(at) for component in components], -1)
    return side(torch.where(weights > 0, ends, unused), -1)


def _step_of_atoms(
    value: Tensor, components: Sequence[ScalarDistribution], weights: Tensor, is_inner: Tensor
) -> Tensor:
    """Zero, with the derivative of the place of the atom that sits on a value."""
    total = torch.zeros_like(value)
    for index, part in enumerate(components):
        if part.is_continuous:
            continue
        with torch.no_grad():
            is_atom = (part.log_mass(value) > -math.inf) & (weights[..., index] > 0)
            level = (part.cdf_below(value) + part.cdf(value)) / 2
        place = part.icdf(level)
        # Of atoms on the same value the last one counts.
        total = torch.where(is_atom & is_inner, place - place.detach(), total)
    return total
