"""Bin edges from a sample of the outcome."""

from __future__ import annotations

import math
import warnings
from collections.abc import Set
from typing import Literal

import torch
from torch import Tensor

from splicedpareto.distributions._checks import require_choice, require_number, require_whole
from splicedpareto.nn._sample import check_sample, distinct_shares, location_and_scale

EdgeSpacing = Literal["robust", "quantile", "uniform", "mixed"]
Support = tuple[float | None, float | None]

# Outermost level of the edges at even steps of the logit, and its mirror image.
_FURTHEST_LEVEL = 0.999
# Of more bins a batch of a thousand rows takes a quarter of a gigabyte.
MOST_BINS = 2**16
# How many times as far as the furthest value an end of the support is far.
_FAR = 10.0
# Fewer bins than these are no attempt to tell values apart.
_ENOUGH_BINS = 8
# By how much sums of shares may differ that are the same.
_ROUNDING = 1e-9
# A bin that holds more of the distinct values cannot tell them apart.
_LOST_SHARE = 0.2


def edges_from_data(
    values: Tensor,
    bins: int,
    *,
    spacing: EdgeSpacing = "robust",
    outside: float = 0.002,
    weight: Tensor | None = None,
    support: Support = (None, None),
) -> Tensor:
    r"""Edges of `bins` bins, strictly increasing whatever ties the values have.

    Which spacing when:

    - ``"robust"``: half of the edges at even levels, a quarter at even steps of the levels' logit,
      which resolve the ends, a quarter at even steps of
      :math:`\operatorname{arcsinh}((y - m) / s)`, with the median :math:`m` and the range
      :math:`s` between the quartiles. Whatever the outcome: a few far values neither widen the
      bins of the bulk nor take many bins.
    - ``"uniform"``: equal widths. Where the spread of the outcome given the input is about that
      of the outcome itself, or where a unit (a whole number) sets the width.
    - ``"quantile"``: equal shares of the values. Where the outcome is skewed and its density given
      the input differs little from the marginal one: far out, bins are wide.
    - ``"mixed"``: half of the edges by quantiles, half equally wide. Where the outcome is not heavy
      tailed, and none of its bins may be so wide that a distribution out there is one block.

    Edges by quantiles lie half-way between neighboring values, so that a value which occurs
    often falls within a bin. Where ties or rounding leave fewer edges than asked for, the widest
    bins are halved until there are enough.

    Args:
        values: Outcomes, finite, shape ``(N,)``, N at least 1.
        bins: Number of bins ``K``.
        spacing: See above.
        outside: Share of the values below the lowest edge, and share above the highest, in
            ``[0, 0.5)``; the tails describe them. At 0 a single extreme value stretches the bins.
        weight: Weights at least 0, shape ``(N,)``; a weight of 2 counts as two values.
        support: Lowest and highest possible outcome, None where there is none; an end is an edge,
            and nothing lies outside there. To one over ten times as far from the median as any
            value an eighth of the bins lead, two at least, each some times as wide as the one
            before.

    Returns:
        Edges, shape ``(K + 1,)``, of the type of `values`. Where all values are equal, a range as
        wide as the value is large, or of width 1 at 0, around it.

    Raises:
        ValueError: An argument that breaks its rule.

    Example:
        >>> values = torch.tensor([0.0, 0, 0, 0, 1, 2, 4, 8])
        >>> edges_from_data(values, 4, spacing="mixed", outside=0.0)
        tensor([0.0000, 0.5000, 1.5000, 4.0000, 8.0000])
    """
    check_sample(values, weight)
    check_bins(bins)
    require_number("outside", outside)
    if not 0 <= outside < 0.5:
        raise ValueError(f"outside must be in [0, 0.5), got {outside}: it is a share at each end.")
    require_choice("spacing", spacing, "robust", "quantile", "uniform", "mixed")
    check_support(support, values)
    distinct, share = distinct_shares(values, weight)
    numbers = torch.finfo(values.dtype)
    support, below, above = _near_support(support, distinct, values, weight, bins)
    bins -= len(below) + len(above)
    lowest, highest = _ends(distinct, share, bins, outside, support, numbers)
    inner = _inner_edges(distinct, share, bins, spacing, (lowest, highest), values, weight)
    edges = _separated(inner, lowest, highest, numbers)
    edges = [*below, *_halved(edges, bins), *above]
    return torch.tensor(edges, dtype=values.dtype, device=values.device)


def _halved(edges: list[float], bins: int) -> list[float]:
    """Edges of as many bins, the widest halved until there are enough."""
    at = torch.tensor(edges, dtype=torch.float64)
    while len(at) <= bins:
        widths, middles = at.diff(), (at[1:] + at[:-1]) / 2
        # Of those that are as wide, two halves of one bin, the ones nearer to the center, so that
        # mirrored values have mirrored edges.
        far = (middles - (at[0] + at[-1]) / 2).abs()
        ranked, by_width = widths.sort(descending=True)
        group = torch.zeros(len(ranked), dtype=torch.long)
        group[by_width[1:]] = (ranked[1:] < (1 - _ROUNDING) * ranked[:-1]).cumsum(0)
        order = far.argsort(stable=True)
        order = order[group[order].argsort(stable=True)]
        # All are halved before the halves of the widest are.
        count = int((ranked > (1 + _ROUNDING) * ranked[0] / 2).sum())
        chosen = order[: min(count, bins + 1 - len(at))]
        at = torch.cat([at, middles[chosen]]).sort().values
    halved: list[float] = at.tolist()
    return halved


def check_bins(bins: int) -> None:
    """Raise unless `bins` is a whole number of bins."""
    require_whole("bins", bins, 1, MOST_BINS)


def check_support(support: Support, values: Tensor | None = None) -> None:
    """Raise unless `support` is an interval that holds all of `values`."""
    try:
        lowest, highest = support
        for end in (lowest, highest):
            if end is not None:
                require_number("support", end)
        low = -math.inf if lowest is None else float(lowest)
        high = math.inf if highest is None else float(highest)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"support must be (lowest, highest), None for no end, got {support!r}."
        ) from error
    if isinstance(support, Set):  # of which no end is the first
        raise ValueError(f"support must be (lowest, highest), in order, got the set {support!r}.")  # noqa: TRY004
    if math.inf in {lowest, highest} or -math.inf in {lowest, highest}:
        raise ValueError(f"support must be finite, None for no end, got {support}.")
    if not low < high:
        raise ValueError(f"support must be (lowest, highest) with lowest < highest, got {support}.")
    if values is None or not len(values):
        return
    outside = int(((values < low) | (values > high)).sum())
    if outside:
        raise ValueError(
            f"support must hold all values, got {support} for values from {float(values.min()):g} "
            f"to {float(values.max()):g}, of which {outside} lie outside."
        )


def _near_support(
    support: Support, distinct: Tensor, values: Tensor, weight: Tensor | None, bins: int
) -> tuple[Support, list[float], list[float]]:
    """A support near the values, and edges from there to ends of the given one that are far.

    A bound of 1e9 on values near 1 would take the bins from the values, and spread what share lies
    outside them up to it. Edges beyond lie at even steps of the logarithm of the distance.
    """
    middle = location_and_scale(values, weight)[0]
    near: list[float | None] = []
    beyond: list[list[float]] = []
    for end, furthest in zip(support, (float(distinct[0]), float(distinct[-1])), strict=True):
        reach = furthest - middle
        if end is None or reach == 0 or bins < _ENOUGH_BINS or (end - middle) / reach <= _FAR:
            near.append(end)
            beyond.append([])
            continue
        start, decades = middle + 2 * reach, math.log10((end - middle) / (2 * reach))
        count = min(math.ceil(decades), max(2, bins // 8))
        steps = (2 * reach * 10 ** (decades * k / count) for k in range(1, count))
        near.append(start)
        beyond.append([*(middle + step for step in steps), end])
    return (near[0], near[1]), beyond[0][::-1], beyond[1]


def _ends(
    distinct: Tensor,
    share: Tensor,
    bins: int,
    outside: float,
    support: Support,
    numbers: torch.finfo,
) -> tuple[float, float]:
    """Outermost edges: of the support, else those with the share `outside` beyond."""
    low, high = support
    lowest = float(distinct[share > outside + _ROUNDING][0]) if low is None else float(low)
    highest = float(distinct[share >= 1 - outside - _ROUNDING][0]) if high is None else float(high)
    resolution = max(4 * numbers.eps * max(abs(lowest), abs(highest)), numbers.tiny)
    if highest - lowest <= 2 * bins * resolution:
        # Half of a subnormal number has no room for the bins.
        reach = abs(lowest) / 2 if abs(lowest) > 2 * bins * resolution else 0.5
        lowest = lowest - reach if low is None else lowest
        highest = highest + reach if high is None else highest
    return lowest, highest


def _inner_edges(
    distinct: Tensor,
    share: Tensor,
    bins: int,
    spacing: EdgeSpacing,
    ends: tuple[float, float],
    values: Tensor,
    weight: Tensor | None,
) -> list[float]:
    """Edges between the outermost, as the spacing says, sorted; fewer where values are tied."""
    lowest, highest = ends
    by_quantile = {"quantile": bins - 1, "uniform": 0}.get(spacing, bins // 2)
    levels = torch.arange(1, by_quantile + 1, dtype=torch.float64) / (by_quantile + 1)
    if spacing == "robust":
        at_ends = (bins - 1 - by_quantile) // 2
        furthest = math.log(_FURTHEST_LEVEL / (1 - _FURTHEST_LEVEL))
        logits = torch.linspace(-furthest, furthest, at_ends + 2, dtype=torch.float64)[1:-1]
        levels = torch.cat([levels, logits.sigmoid()])
    cuts = _between_neighbors(distinct, share, levels)
    steps = bins - len(levels)
    if spacing == "robust":
        middle, unit = location_and_scale(values, weight)
        unit = unit if unit > 0 else 1.0
        start, stop = (math.asinh((end - middle) / unit) for end in ends)
        even = torch.linspace(start, stop, steps + 1, dtype=torch.float64)[1:-1].sinh()
        even = middle + unit * even
    else:
        even = torch.linspace(lowest, highest, steps + 1, dtype=torch.float64)[1:-1]
    inner: list[float] = torch.cat([cuts, even]).sort().values.tolist()
    return inner


def _between_neighbors(distinct: Tensor, share: Tensor, levels: Tensor) -> Tensor:
    """The middle of the two neighboring values between which the share is nearest to each level.

    The mean of two such, where they are equally near: those of ``-distinct`` at one minus the
    levels are the same mirrored. None where all values are equal.
    """
    below, middles = share[:-1], (distinct[:-1] + distinct[1:]) / 2
    if not len(middles):
        return middles
    after = torch.searchsorted(below, levels).clamp(max=len(below) - 1)
    before = (after - 1).clamp(min=0)
    nearer = (levels - below[before]).abs() - (levels - below[after]).abs()
    both = (middles[before] + middles[after]) / 2
    # A share is a sum of weights and so is rounded.
    one = torch.where(nearer < 0, middles[before], middles[after])
    return torch.where(nearer.abs() < _ROUNDING, both, one)


def _separated(
    inner: list[float], lowest: float, highest: float, numbers: torch.finfo
) -> list[float]:
    """Both ends and those of the sorted inner edges that leave bins wide enough for the type."""

    def narrowest(edge: float) -> float:
        return max(4 * numbers.eps * abs(edge), numbers.tiny)

    edges = [lowest]
    for edge in inner:
        room = max(narrowest(edge), narrowest(edges[-1]))
        if edge - edges[-1] >= room and highest - edge >= max(room, narrowest(highest)):
            edges.append(edge)
    return [*edges, highest]


def warn_of_lost_resolution(edges: Tensor, values: Tensor, spacing: EdgeSpacing) -> None:
    """Warn where one bin holds over a fifth of the distinct values, of bins enough for all."""
    bins, distinct = len(edges) - 1, torch.unique(values)
    held = torch.bincount(torch.bucketize(distinct.to(edges.dtype), edges[1:-1]), minlength=bins)
    index = int(held.argmax())
    few = bins < _ENOUGH_BINS or len(distinct) < 2 * bins
    if few or held[index] <= _LOST_SHARE * len(distinct):
        return
    other = "" if spacing == "robust" else " spacing='robust',"
    warnings.warn(
        f"One bin, from {float(edges[index]):g} to {float(edges[index + 1]):g}, holds "
        f"{int(held[index])} of the {len(distinct)} distinct values, which the distribution does "
        f"not tell apart: choose more bins,{other} or transform the outcome.",
        stacklevel=3,
    )
