"""Check targets and leave out those that were not observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._checks import is_validating, require, require_tensor

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution


def observed(
    dist: Distribution, value: Tensor, mask: Tensor | None, name: str
) -> tuple[Tensor, Tensor | None]:
    """Put a harmless number where nothing was observed, and check the rest."""
    require_tensor(name, value)
    if mask is not None:
        require_tensor("mask", mask)
        value = torch.where(mask, value, 0)
    if is_validating(dist):
        rule = "a number where it is not masked out"
        require(~value.isnan(), name, rule, value)
    return value, mask


def observed_interval(
    dist: Distribution, lower: Tensor, upper: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Put a harmless interval where nothing was observed, and check the rest."""
    require_tensor("upper", upper)
    lower, _ = observed(dist, lower, mask, "lower")
    if mask is not None:
        upper = torch.where(mask, upper, 1)
    upper, _ = observed(dist, upper, None, "upper")
    if is_validating(dist):
        require(lower < upper, "lower", "below upper", lower)
    return lower, upper, mask


def masked(loss: Tensor, mask: Tensor | None) -> Tensor:
    """Losses, zero where nothing was observed."""
    return loss if mask is None else torch.where(mask, loss, 0)
