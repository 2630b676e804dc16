"""The head of forecasters that divide each series by its scale."""

from __future__ import annotations

import math

import torch
from torch import nn

from splicedpareto.distributions._checks import require_number, require_switch
from splicedpareto.distributions._moved import largest_edge
from splicedpareto.nn import MovingBinsHead, SplicedBinnedParetoHead
from splicedpareto.nn._edges import check_bins, check_support


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

    Raises:
        ValueError: An argument breaks its rule.
    """
    check_scaled(bins, reach, support)
    require_switch("moving", moving)
    low, high = support
    start, stop = 0.0 if low is not None else -4.0, 0.0 if high is not None else 4.0
    edges = float(reach) * torch.linspace(start, stop, bins + 1).sinh() / math.sinh(4)
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


def check_scaled(bins: int, reach: float, support: tuple[float | None, float | None]) -> None:
    """Raise unless there are bins, and edges are numbers in single precision."""
    check_bins(bins)
    require_number("reach", reach)
    furthest = largest_edge(torch.float32)
    if not 0 < reach <= furthest:
        raise ValueError(
            f"reach must be positive, at most {furthest:.0e}, got {reach}: it is the outermost "
            "edge, in scales of a series."
        )
    check_support(support)
    if any(end is not None and abs(end) > furthest for end in support):
        raise ValueError(f"support must end within {furthest:.0e}, got {support}.")
