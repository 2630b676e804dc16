"""The parts of a distribution that are trained each by a likelihood of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions import AffineTransformed, Delta, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._checks import (
    is_validating,
    require,
    require_distribution,
    require_tensor,
)
from splicedpareto.distributions._moved import MovedSplicedBinnedPareto
from splicedpareto.objectives._observed import masked, replaced

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution


# Degrees of freedom of the likelihood that fits a location and a scale. Of 1, 4, 10 and 30 the best
# on the series of `research/capabilities.py`, seeds 0 and 1: with 1 a location follows one mode.
_LOCATION_DF = 10.0


def movement_nll(
    dist: Distribution, lower: Tensor, upper: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    """Loss of what moves the bins of a `MovingBinsHead`, in nats, beside a loss that does not.

    Args:
        dist: Distribution of any head; 0 for all others. Of a `Mixture` of atoms and such a
            distribution, for outcomes on no atom.
        lower: Lower ends of the outcomes.
        upper: Upper ends, equal to `lower` where the outcome is known.
        mask: True where an outcome is observed.

    Raises:
        TypeError: If `dist` is no distribution, or an end is no tensor.
    """
    require_distribution("dist", dist)
    require_tensor("lower", lower)
    require_tensor("upper", upper)
    if mask is not None:
        same = upper is lower
        lower = replaced(lower, mask, 0.0, "lower")
        upper = lower if same else replaced(upper, mask, 0.0, "upper")
        return masked(movement_nll(dist, lower, upper), mask)
    if isinstance(dist, Mixture):
        rest, _, locations, _ = split_atoms(dist)
        on_atom = ((lower == upper)[..., None] & (lower[..., None] == locations)).any(-1)
        return torch.where(on_atom, 0, movement_nll(rest, lower, upper))
    if isinstance(dist, MovedSplicedBinnedPareto):
        return dist.score_nll(lower, upper)
    return lower.new_zeros(())


def require_possible(
    dist: Distribution, lower: Tensor, upper: Tensor, mask: Tensor | None, name: str
) -> None:
    """Raise where the bins validate and a target lies beyond them on a side without a tail.

    Args:
        dist: As in `composite_nll`.
        lower: Targets, or the lower ends of their intervals.
        upper: Targets, or the upper ends.
        mask: Where a target is observed.
        name: Of the targets.
    """
    if isinstance(dist, Mixture):
        dist, _, locations, _ = split_atoms(dist)
        no_atom = ~((lower[..., None] <= locations) & (locations <= upper[..., None])).any(-1)
        mask = no_atom if mask is None else mask & no_atom
    if isinstance(dist, AffineTransformed):
        lower, upper, dist = in_units(dist, lower), in_units(dist, upper), dist.base
    dist = spliced(dist)
    if dist.splice == "edge" or not is_validating(dist):
        return
    with torch.no_grad():
        below = (upper < dist.edges[..., 0]) & (dist.lower_mass == 0)
        above = (lower > dist.edges[..., -1]) & (dist.upper_mass == 0)
        possible = ~(below | above) if mask is None else ~(below | above) | ~mask
        value = torch.where(below, upper, lower)
        require(possible, name, "within the bins on a side without a tail", value)


def spliced(dist: Distribution) -> SplicedBinnedPareto:
    """The distribution, which must be of bins and tails."""
    if not isinstance(dist, SplicedBinnedPareto):
        raise TypeError(
            "dist must be a SplicedBinnedPareto or an AffineTransformed around one, got "
            f"{dist!r}: for others use an exact objective or crps_loss."
        )
    return dist


def split_atoms(
    dist: Mixture,
) -> tuple[SplicedBinnedPareto | AffineTransformed, Tensor, Tensor, Tensor]:
    """The one component with bins, its log-weight, and places and log-weights of the atoms.

    The last two have shape ``(*B, A)``.
    """
    atoms = [k for k, part in enumerate(dist.components) if isinstance(part, Delta)]
    places = [part.loc for part in dist.components if isinstance(part, Delta)]
    rest = [part for part in dist.components if not isinstance(part, Delta)]
    if len(rest) != 1 or not isinstance(rest[0], (SplicedBinnedPareto, AffineTransformed)):
        raise TypeError(
            "dist must be a Mixture of atoms and one SplicedBinnedPareto, or AffineTransformed "
            f"around one, got {dist!r}: for others use an exact objective or crps_loss."
        )
    locations = torch.stack(places, -1) if places else dist.logits[..., :0]
    log_weights = dist.logits.log_softmax(-1)
    (index,) = set(range(len(dist.components))) - set(atoms)
    return rest[0], log_weights[..., index], locations, log_weights[..., atoms]


def in_units(dist: AffineTransformed, value: Tensor) -> Tensor:
    """Values in units of the location and scale, which learn nothing from them."""
    return (value - dist.loc.detach()) / dist.scale.detach()


def location_scale_nll(dist: AffineTransformed, value: Tensor) -> Tensor:
    """Likelihood of Student's t in location and scale, but for a constant; 0 at infinite values."""
    endless = value.isinf()
    z = (torch.where(endless, dist.loc.detach(), value) - dist.loc) / dist.scale
    loss = (_LOCATION_DF + 1) / 2 * (z.square() / _LOCATION_DF).log1p() + dist.scale.log()
    return torch.where(endless, 0, loss)
