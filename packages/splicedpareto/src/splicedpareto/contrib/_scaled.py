"""The head of forecasters that divide each series by its scale."""

from __future__ import annotations

import math

import torch
from torch import nn

from splicedpareto.distributions._checks import require_switch
from splicedpareto.nn import MovingBinsHead, SplicedBinnedParetoHead


def scaled_head(
    in_features: int,
    *,
    bins: int,
    reach: float,
    lower_mass: float,
    upper_mass: float,
    highest_concentration: float,
    support: tuple[float | None, float | None] = (None, None),
    moving: bool,
) -> SplicedBinnedParetoHead | MovingBinsHead:
    r"""A head over bins that are narrow near 0 and widen outwards, all equally likely at first.

    Edges lie at :math:`r \sinh(4 t) / \sinh(4)` for even :math:`t` in :math:`[-1, 1]`, from 0 on at
    an end of the support; they are even between two ends.

    Args:
        in_features: Width of the state.
        bins: Number of bins.
        reach: Outermost edge :math:`r > 0`, in scales of the series.
        lower_mass: Probability of the lower tail; 0 switches it off.
        upper_mass: Probability of the upper tail; 0 switches it off.
        highest_concentration: Upper bound of both tails' concentrations; the lower bound is 0.
        support: Lowest and highest possible value, in scales of the series; None for no end.
        moving: Whether the bins move along that distribution, as in `MovingBinsHead`.
    """
    require_switch("moving", moving)
    low, high = support
    start, stop = 0.0 if low is not None else -4.0, 0.0 if high is not None else 4.0
    edges = reach * torch.linspace(start, stop, bins + 1).sinh() / math.sinh(4)
    if low is not None and high is not None:
        edges = torch.linspace(low, high, bins + 1)
    head = SplicedBinnedParetoHead(
        in_features,
        edges,
        lower_mass=lower_mass if low is None else 0.0,
        upper_mass=upper_mass if high is None else 0.0,
        concentration_range=(0.0, highest_concentration),
    )
    # Most of a scaled series lies in the narrow bins.
    nn.init.zeros_(head.linear.bias[:bins])
    return MovingBinsHead(head) if moving else head
