"""Check targets and leave out those that were not observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._base import broadcast_shapes
from splicedpareto.distributions._checks import (
    is_validating,
    require,
    require_distribution,
    require_ordered,
    require_tensor,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution


def observed(
    dist: Distribution, value: Tensor, mask: Tensor | None, name: str
) -> tuple[Tensor, Tensor | None]:
    """Put a harmless number where nothing was observed, and check the rest."""
    require_distribution("dist", dist)
    require_tensor(name, value)
    value = replaced(value, mask, 0.0, name)
    if is_validating(dist):
        rule = "a number where it is not masked out"
        require(~value.isnan(), name, rule, value)
    return value, mask


def observed_interval(
    dist: Distribution,
    lower: Tensor,
    upper: Tensor,
    mask: Tensor | None,
    *,
    may_be_known: bool = False,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Put a harmless interval where nothing was observed, and check the rest.

    Args:
        dist: Distribution.
        lower: Lower ends.
        upper: Upper ends.
        mask: Where an interval is observed.
        may_be_known: Whether both ends may be equal.
    """
    require_tensor("upper", upper)
    lower, _ = observed(dist, lower, mask, "lower")
    upper, _ = observed(dist, replaced(upper, mask, 1.0, "upper"), None, "upper")
    broadcast_shapes(lower.shape, upper.shape, what="lower and upper")
    # Targets are their user's, of a distribution that a network gives too.
    if not torch.compiler.is_compiling():
        strictly = is_validating(dist) and not may_be_known
        require_ordered("lower", lower, "upper", upper, strictly=strictly)
    return lower, upper, mask


def replaced(value: Tensor, mask: Tensor | None, by: float, name: str) -> Tensor:
    """Values, but a number where a mask is false.

    Raises:
        TypeError: The mask is no tensor of truth values.
        ValueError: It does not broadcast with the values.
    """
    if mask is None:
        return value
    require_tensor("mask", mask)
    if mask.dtype != torch.bool:
        raise TypeError(
            f"mask must hold truth values, True where a target is observed, got {mask.dtype}: "
            "compare it, as in mask > 0."
        )
    broadcast_shapes(mask.shape, value.shape, what=f"mask and {name}")
    return torch.where(mask, value, by)


def masked(loss: Tensor, mask: Tensor | None) -> Tensor:
    """Losses, zero where nothing was observed."""
    return loss if mask is None else torch.where(mask, loss, 0)
