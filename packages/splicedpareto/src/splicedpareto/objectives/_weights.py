"""Weights of observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splicedpareto.distributions._base import broadcast_shapes
from splicedpareto.distributions._checks import require_real

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.distributions import Distribution


def weighted(objective: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An objective whose last target is a weight, by which its losses are multiplied.

    With weights of mean 1 over the training set, the mean loss over random batches estimates the
    weighted mean loss over the set, in which a weight of 2 counts as two observations.

    Args:
        objective: ``objective(distribution, *targets)``, with finite losses wherever the weight
            is 0. A `mask` is passed on.

    Example:
        >>> import torch
        >>> from splicedpareto.distributions import Gaussian
        >>> from splicedpareto.objectives import exact_nll
        >>> distribution, value = Gaussian(torch.zeros(2), 1.0), torch.zeros(2)
        >>> weighted(exact_nll)(distribution, value, torch.tensor([0.0, 2.0]))
        tensor([0.0000, 1.8379])
    """

    def of_weighted(dist: Distribution, *targets: Tensor, **mask: Tensor | None) -> Tensor:
        *observed, weight = targets
        require_real("weight", weight)
        loss = objective(dist, *observed, **mask)
        broadcast_shapes(weight.shape, loss.shape, what="weight and the losses")
        return weight * loss

    return of_weighted
