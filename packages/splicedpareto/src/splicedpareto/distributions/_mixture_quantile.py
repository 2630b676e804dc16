"""Quantiles of a mixture, whose distribution function may jump and may stand still."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._base import broadcast_shapes, broadcast_tensors
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

    An atom is met exactly, other numbers to the rounding of the components' own quantiles.

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
        low, high = (
            _end(components, weights, side, level, is_upper=is_upper).expand(shape)
            for side in (torch.amin, torch.amax)
        )
        is_end = (level == 0) | (level == 1)
        start = torch.nextafter(torch.where(is_end, 0, low), low.new_tensor(-math.inf))
        atoms = [part.breakpoints for part in components if not part.is_continuous]
        jumps = torch.cat([weights[..., :0], *atoms], -1).movedim(-1, 0)
        value = smallest_number(gap, start, torch.where(is_end, 0, high), jumps)
        first = level == (1 if is_upper else 0)
        value = torch.where(is_end, torch.where(first, low, high), value)
        value = torch.where(level.isnan(), math.nan, value)
    if not torch.is_grad_enabled():
        return value
    with torch.no_grad():
        is_inner = value.isfinite() & (level > 0) & (level < 1)
        at = torch.where(is_inner, value, 0)
        density = mixture.log_prob(at).exp()
        moves = is_inner & (density > 0) & mixture.log_mass(at).isneginf()
        density = torch.where(moves, density, math.inf)
    # Newton's steps from the root are zero; the derivative of one is that of the implicit function,
    # that of two is right to the second order.
    for _ in range(2):
        step = -gap(at) / density
        at = at + (step - step.detach())
    return value + (at - at.detach()) + _step_of_atoms(value, components, weights, is_inner)


def _end(
    components: Sequence[ScalarDistribution],
    weights: Tensor,
    side: Callable[..., Tensor],
    level: Tensor,
    *,
    is_upper: bool,
) -> Tensor:
    """Lowest or highest quantile of the components that have weight, between which theirs lies."""
    unused = math.inf if side is torch.amin else -math.inf
    each = [component.isf(level) if is_upper else component.icdf(level) for component in components]
    return side(torch.where(weights > 0, torch.stack(broadcast_tensors(*each), -1), unused), -1)


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
            # Far from the rest of its part an atom has a cdf of 0 or 1: that place may be infinite.
            level = torch.where((level > 0) & (level < 1), level, 0.5)
        place = part.icdf(level)
        # Of atoms on the same value the last one counts.
        total = torch.where(is_atom & is_inner, place - place.detach(), total)
    return total
