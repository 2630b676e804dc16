"""Bin edges from a sample of the outcome."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from splicedpareto.distributions._checks import require_tensor

EdgeSpacing = Literal["quantile", "uniform", "mixed"]


def edges_from_data(
    values: Tensor,
    bins: int,
    *,
    spacing: EdgeSpacing = "mixed",
    outside: float = 0.002,
    weight: Tensor | None = None,
) -> Tensor:
    """Edges of `bins` bins, strictly increasing whatever ties the values have.

    Which spacing when:

    - ``"uniform"``: equal widths. Where the spread of the outcome given the input is about that
      of the outcome itself, or where a unit (a whole number) sets the width.
    - ``"quantile"``: equal shares of the values. Where the outcome is skewed and its density given
      the input differs little from the marginal one: far out, bins are wide.
    - ``"mixed"``: half of the edges of each kind. Where little is known: narrow bins in the bulk,
      and none so wide that a distribution which moves out there would be a single block.

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

    Returns:
        Edges, shape ``(K + 1,)``, of the type of `values`. Where all values are equal, a range as
        wide as the value is large, or of width 1 at 0, around it.

    Raises:
        ValueError: An argument that breaks its rule.

    Example:
        >>> edges_from_data(torch.tensor([0.0, 0, 0, 0, 1, 2, 4, 8]), 4, outside=0.0)
        tensor([0.0000, 0.5000, 3.0000, 4.0000, 8.0000])
    """
    require_tensor("values", values)
    if values.dim() != 1 or not len(values) or not values.isfinite().all():
        raise ValueError(
            f"values must be finite, of shape (N,) with N at least 1, got {values.shape} with "
            f"{int((~values.isfinite()).sum())} that are not finite."
        )
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}.")
    if not 0 <= outside < 0.5:
        raise ValueError(f"outside must be in [0, 0.5), got {outside}: it is a share at each end.")
    if spacing not in {"quantile", "uniform", "mixed"}:
        raise ValueError(f"spacing must be 'quantile', 'uniform' or 'mixed', got {spacing!r}.")
    distinct, share = _distribution(values, weight)
    lowest = float(distinct[share > outside][0])
    highest = float(distinct[share >= 1 - outside][0])
    numbers = torch.finfo(values.dtype)
    resolution = max(4 * numbers.eps * max(abs(lowest), abs(highest)), numbers.tiny)
    if highest - lowest <= 2 * bins * resolution:
        # Half of a subnormal number has no room for the bins.
        reach = abs(lowest) / 2 if abs(lowest) > 2 * bins * resolution else 0.5
        lowest, highest = lowest - reach, highest + reach
    by_quantile = {"quantile": bins - 1, "uniform": 0, "mixed": bins // 2}[spacing]
    levels = torch.arange(1, by_quantile + 1, dtype=torch.float64) / (by_quantile + 1)
    cuts = torch.searchsorted(share, levels)
    cuts = cuts[cuts < len(distinct) - 1]
    even = torch.linspace(lowest, highest, bins - by_quantile + 1, dtype=torch.float64)[1:-1]
    inner = torch.cat([(distinct[cuts] + distinct[cuts + 1]) / 2, even]).sort().values
    # Bins narrower than a millionth of the range would vanish in float32.
    narrowest = max(1e-6 * (highest - lowest), resolution)
    edges = _separated(inner.tolist(), lowest, highest, narrowest)
    while len(edges) <= bins:
        widest = max(range(len(edges) - 1), key=lambda k: edges[k + 1] - edges[k])
        edges.insert(widest + 1, (edges[widest] + edges[widest + 1]) / 2)
    return torch.tensor(edges, dtype=values.dtype, device=values.device)


def _distribution(values: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Distinct values with weight, and the share of the weight up to each."""
    if weight is None:
        weight = torch.ones_like(values)
    usable = weight.isfinite() & (weight >= 0)
    if weight.shape != values.shape or not usable.all() or not weight.any():
        raise ValueError(
            f"weight must be finite, at least 0, not 0 throughout, and of shape "
            f"{tuple(values.shape)}, got {weight!r}."
        )
    kept = weight > 0
    distinct, index = torch.unique(values[kept].double(), return_inverse=True)
    share = torch.zeros_like(distinct).index_add_(0, index, weight[kept].double()).cumsum(0)
    return distinct, share / share[-1]


def _separated(inner: list[float], lowest: float, highest: float, narrowest: float) -> list[float]:
    """Both ends and those of the sorted inner edges that leave bins of the least width."""
    edges = [lowest]
    for edge in inner:
        if edge - edges[-1] >= narrowest and highest - edge >= narrowest:
            edges.append(edge)
    return [*edges, highest]
