"""Warn of targets that a distribution cannot be learned of."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from splicedpareto.contrib._target import distinct_masses

if TYPE_CHECKING:
    from torch import Tensor

    from splicedpareto.contrib._outcomes import Outcomes
    from splicedpareto.contrib._target import Target
    from splicedpareto.nn import DistributionHead

# Share of the rows that are one value from which on the density cannot be right.
_TIED_SHARE = 0.5
# Share of the rows outside the bins from which on these are of another target.
_FAR_SHARE = 0.5


def warn_of_targets(outcomes: Outcomes, weight: Tensor, target: Target) -> None:
    """Warn of targets that cannot tell their distribution: all beyond an end, or most one value."""
    values, known = outcomes.values, outcomes.known
    for end, side in ((outcomes.upper, "right"), (outcomes.lower, "left")):
        if end.isinf().all():
            warnings.warn(
                f"All targets are censored on the {side}: no row says how far beyond its end a "
                "target lies, and no distribution is learned of that but its start.",
                stacklevel=4,
            )
    if not known.any() and (outcomes.lower == outcomes.lower[0]).all():
        low, high = float(outcomes.lower[0]), float(outcomes.upper[0])
        if (outcomes.upper == high).all() and math.isfinite(high - low):
            warnings.warn(
                f"All targets are in one interval, {low:g} to {high:g}: nothing says where in it, "
                "and all distributions end up within it.",
                stacklevel=4,
            )
    absent = [
        atom
        for atom in target.atoms
        if not (
            (atom <= outcomes.upper)
            & ((outcomes.lower < atom) | ((known | target.discrete) & (outcomes.lower == atom)))
        ).any()
    ]
    if absent:
        warnings.warn(
            f"No target is at atoms {', '.join(f'{atom:g}' for atom in absent)}: what probability "
            "they keep is that of the start, and moves every mean.",
            stacklevel=4,
        )
    if target.discrete or target.atoms or not known.all():
        return
    distinct, mass = distinct_masses(values, weight)
    most = int(mass.argmax())
    if len(distinct) == 1:
        warnings.warn(
            f"All targets are equal, {float(distinct[0]):g}: every distribution is as narrow as "
            "its type allows.",
            stacklevel=4,
        )
    elif mass[most] > _TIED_SHARE:
        warnings.warn(
            f"A share of {float(mass[most]):.2f} of the targets is {float(distinct[most]):g}, "
            "which no density has: set atoms='auto', or discrete=True for counts.",
            stacklevel=4,
        )


def warn_of_far_targets(outcomes: Outcomes, target: Target, head: DistributionHead) -> None:
    """Warn where the bins of a fit that goes on do not hold most of its targets."""
    edges = target.location + target.scale * target.inner(head).edges.double()
    low, high = float(edges[0]), float(edges[-1])
    values = outcomes.values
    share = float(((values < low) | (values > high)).double().mean())
    if share > _FAR_SHARE:
        warnings.warn(
            f"A share of {share:.2f} of the targets lies outside the bins, {low:g} to {high:g}, "
            "of the fit that goes on: set warm_start=False to fit anew.",
            stacklevel=4,
        )
