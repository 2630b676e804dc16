"""The continuous ranked probability score as a loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions._checks import require_distribution
from splicedpareto.objectives._observed import masked, observed, observed_interval

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.distributions._base import ScalarDistribution


def crps_loss(dist: ScalarDistribution, value: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Continuous ranked probability score as a loss, in units of the outcome.

    Finite for targets past the end of the support too, where a likelihood is not.

    Args:
        dist: Distribution with a method `crps`.
        value: Targets, broadcastable with ``(*B,)``.
        mask: True where a target is observed.

    Returns:
        Losses of the broadcast shape.

    Raises:
        ValueError: If an observed target is NaN and the distribution validates.
        TypeError: If the distribution has no `crps`, or a target is no tensor.
    """
    require_distribution("dist", dist, "crps")
    value, mask = observed(dist, value, mask, "value")
    return masked(dist.crps(value), mask)


def crps_censored_loss(
    dist: ScalarDistribution, lower: Tensor, upper: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    r"""CRPS of the thresholds at which a censored target is known to lie above or below.

    .. math:: \int_{-\infty}^{a} F(x)^2 dx + \int_b^\infty (1 - F(x))^2 dx

    for a target in :math:`(a, b]`, which is the CRPS where :math:`a = b`.

    Args:
        dist: Distribution with a method `crps_between`.
        lower: Lower ends :math:`a`, broadcastable with ``(*B,)``; ``-inf`` where left-censored.
        upper: Upper ends :math:`b`, not below `lower`; ``inf`` where right-censored.
        mask: True where a target is observed.

    Returns:
        Losses of the broadcast shape, in units of the outcome.

    Raises:
        ValueError: If an observed lower end is above the upper, or one is NaN and the distribution
            validates.
        TypeError: If the distribution has no `crps_between`, or an end is no tensor.

    References:
        Avati et al. (2019), "Countdown Regression: Sharp and Calibrated Survival Predictions",
        UAI, eq. 2.
    """
    require_distribution("dist", dist, "crps_between")
    lower, upper, mask = observed_interval(dist, lower, upper, mask, may_be_known=True)
    below_known, above_known = lower > -math.inf, upper < math.inf
    start = torch.where(below_known, lower, torch.where(above_known, upper, 0))
    stop = torch.where(above_known, upper, start)
    below = dist.crps_between(start, -math.inf, start)
    above = dist.crps_between(stop, stop, math.inf)
    loss = torch.where(below_known, below, 0) + torch.where(above_known, above, 0)
    return masked(loss, mask)
