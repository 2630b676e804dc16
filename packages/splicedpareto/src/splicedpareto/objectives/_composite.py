"""Composite likelihoods: bins and tails trained each by a likelihood of their own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from splicedpareto.distributions import AffineTransformed, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._accurate import log_prob_interval
from splicedpareto.distributions._base import broadcast_shapes, widened
from splicedpareto.distributions._bins import log_mass_between
from splicedpareto.distributions._checks import require_tensor
from splicedpareto.distributions._kernels import width_of
from splicedpareto.distributions._layout import from_columns, to_columns
from splicedpareto.objectives._observed import masked, observed, observed_interval, replaced
from splicedpareto.objectives._parts import (
    in_units,
    location_scale_nll,
    movement_nll,
    require_possible,
    spliced,
    split_atoms,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution

    from splicedpareto.distributions._bins import Bins


def composite_nll(
    dist: SplicedBinnedPareto | AffineTransformed | Mixture,
    value: Tensor,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Composite negative log-likelihood: the bins' for every value, each tail's for its excesses.

    .. math::
        -\log b(y) - 1\{y > \tau_U\} \log g_U(y - \tau_U)
        - 1\{y < \tau_L\} \log g_L(\tau_L - y)

    with :math:`b` the density of the bins of the logits alone, where a value outside the edges
    counts for the outermost bin, and :math:`g` the conditional density of an excess, its
    threshold detached. On a side without a tail (a mass of 0) such a value has no density: a
    distribution that validates refuses it; one that a head gives does not look, and has a finite
    loss where `log_prob` is ``-inf``. For fixed thresholds each term is the log-likelihood of a
    coarser or of a conditional observation, so its score has mean zero at the truth. With the edge
    splice the thresholds are fixed, the tails are classes of the softmax, and this is `exact_nll`.

    A location and a scale that a network gives (`AffineTransformed`) are fitted by a likelihood of
    their own, Student's t with ten degrees of freedom, and detached where the bins use them: edges
    that moved with the loss would let values outside shrink the scale. Those of a `MovingBinsHead`
    are fitted by the Gaussian likelihood of the outcome's normal scores.

    Of a `Mixture` of atoms and one such distribution, a value on an atom counts for the atom's
    weight, any other for the weight of the rest and its composite likelihood.

    Args:
        dist: Spliced distribution over the batch ``(*B,)``, `AffineTransformed` around one, or a
            `Mixture` of either and of `Delta`.
        value: Targets, broadcastable with ``(*B,)``, in units of the outcome. Below zero
            concentration a target past the end of the support has infinite loss, gradient zero.
        mask: True where a target is observed, broadcastable with `value`.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: If an observed target is NaN, or beyond the bins on a side without a tail, and
            the distribution validates.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    value, mask = observed(dist, value, mask, "value")
    loss = _terms(dist, value)
    require_possible(dist, value, value, mask, "value")
    return masked(loss, mask)


def _terms(dist: Distribution, value: Tensor) -> Tensor:
    """The loss at checked targets."""
    if isinstance(dist, Mixture):
        rest, log_rest, locations, log_atoms = split_atoms(dist)
        hits = value[..., None] == locations
        is_atom = hits.any(-1)
        at_atom = torch.where(hits, log_atoms, -math.inf).logsumexp(-1)
        other = _terms(rest, torch.where(is_atom, 0, value)) - log_rest
        return torch.where(is_atom, -at_atom, other)
    if isinstance(dist, AffineTransformed):
        loss = _terms(spliced(dist.base), in_units(dist, value))
        return loss + dist.scale.detach().log() + location_scale_nll(dist, value)
    dist = spliced(dist)
    if dist.splice == "edge":
        return -dist.log_prob(value)
    (columns,), shape = _columns(dist, value=value)
    distribution = dist.distribution
    index = distribution.bins.locate(columns)
    tails, (*_, cell) = distribution.look_up(index, with_sums=False)
    loss = -cell.log_density
    for tail, excess in (
        (tails.lower, tails.lower.threshold.detach() - columns),
        (tails.upper, columns - tails.upper.threshold.detach()),
    ):
        exceeds = (excess > 0) & ~tail.log_mass.isneginf()
        loss = loss - torch.where(exceeds, tail.log_density(excess.clamp(min=0)), 0)
    loss = from_columns(torch.where(columns.isnan(), math.nan, loss), shape)
    return loss + movement_nll(dist, value, value)


def composite_interval_nll(
    dist: SplicedBinnedPareto | AffineTransformed | Mixture,
    lower: Tensor,
    upper: Tensor,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Composite negative log-likelihood of targets known to lie in (lower, upper].

    .. math::
        -\log B\bigl((a, b]\bigr) - w_U \log G_U\bigl((a, b] \cap (\tau_U, \infty)\bigr)
        - w_L \log G_L\bigl((a, b] \cap (-\infty, \tau_L)\bigr)

    with :math:`B` the distribution of the bins alone, :math:`G` the conditional distribution of a
    tail, and
    :math:`w` the share of the interval's :math:`B`-mass beyond the threshold; thresholds and
    shares are detached. An interval within the body or within one tail thus counts as in
    `composite_nll`, and one that straddles a threshold counts for the tail as often as its value
    lies there, as in the expectation step of an EM algorithm. An interval that reaches past the
    outermost edge counts for the whole outermost bin: the bins do not say how its mass is spread
    out there.

    For fixed thresholds, and bins that share a straddling interval's mass as the truth does, each
    term is smallest in expectation at the truth: Gibbs' inequality on the parts into which the
    intervals cut the bins and the tails. That holds for any way to cut the line, one for each
    observation if need be, in which an interval past an outermost edge either starts in the
    outermost bin or has no end. With the edge splice this is `exact_interval_nll`.

    A location and a scale that a network gives are fitted as in `composite_nll`, by the middle of
    the interval, or its finite end. Of a `Mixture` of atoms and one such distribution, an interval
    has the mass of its atoms beside that of the bins, and counts for the tails by the share that
    is not the atoms'.

    Args:
        dist: As in `composite_nll`.
        lower: Lower ends, broadcastable with ``(*B,)``: half a unit below a rounded target,
            ``-inf`` for a left-censored one.
        upper: Upper ends above `lower`: half a unit above, ``inf`` for a right-censored one.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: If an observed lower end is above the upper; if the distribution validates and
            an observed interval is NaN, empty, or beyond the bins on a side without a tail.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    lower, upper, mask = observed_interval(dist, lower, upper, mask)
    log_mass, tails = _interval_terms(dist, lower, upper)
    require_possible(dist, lower, upper, mask, "lower")
    return masked(tails - log_mass, mask)


def composite_censored_nll(
    dist: SplicedBinnedPareto | AffineTransformed | Mixture,
    lower: Tensor,
    upper: Tensor,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Composite negative log-likelihood where some targets are known and others censored.

    Args:
        dist: As in `composite_nll`.
        lower: Lower ends, broadcastable with ``(*B,)``; ``-inf`` where left-censored.
        upper: Upper ends, not below `lower`; ``inf`` where right-censored. Where both are equal the
            target is known and counts as in `composite_nll`, elsewhere as in
            `composite_interval_nll`.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: As `composite_interval_nll`.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    require_tensor("lower", lower)
    require_tensor("upper", upper)
    broadcast_shapes(lower.shape, upper.shape, what="lower and upper")
    known = replaced(lower, mask, 0.0, "lower") == replaced(upper, mask, 0.0, "upper")
    exact = composite_nll(dist, lower, mask=known if mask is None else known & mask)
    return exact + composite_interval_nll(dist, lower, upper, mask=~known)


def _interval_terms(dist: Distribution, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Log-mass that the bins, and atoms, give to (lower, upper], and the loss of the tails."""
    if isinstance(dist, Mixture):
        rest, log_rest, locations, log_atoms = split_atoms(dist)
        holds = (lower[..., None] < locations) & (locations <= upper[..., None])
        at_atoms = torch.where(holds, log_atoms, -math.inf)
        log_mass, tails = _interval_terms(rest, lower, upper)
        of_rest = log_rest + log_mass
        log_mass = torch.cat([at_atoms, of_rest[..., None]], -1).logsumexp(-1)
        return log_mass, (of_rest - log_mass).exp().detach() * tails
    if isinstance(dist, AffineTransformed):
        middle = torch.where(lower.isinf(), upper, torch.where(upper.isinf(), lower, 0))
        middle = torch.where(lower.isfinite() & upper.isfinite(), (lower + upper) / 2, middle)
        ends = in_units(dist, lower), in_units(dist, upper)
        log_mass, tails = _interval_terms(spliced(dist.base), *ends)
        return log_mass, tails + location_scale_nll(dist, middle)
    dist = spliced(dist)
    if dist.splice == "edge":
        log_mass = log_prob_interval(dist, lower, upper)
        return log_mass, torch.zeros_like(log_mass)
    (start, stop), shape = _columns(dist, lower=lower, upper=upper)
    distribution = dist.distribution
    bins, low, high = distribution.bins, distribution.lower, distribution.upper
    low_threshold, high_threshold = low.threshold.detach(), high.threshold.detach()
    log_mass = _binned_log_mass(bins, *_with_whole_outermost_bins(bins.edges, start, stop))
    with torch.no_grad():
        starts = torch.cat([start, start, torch.maximum(start, high_threshold)], -1)
        stops = torch.cat([stop, torch.minimum(stop, low_threshold), stop], -1)
        parts = _binned_log_mass(bins, starts, torch.maximum(starts, stops))
        everything, low_part, high_part = parts.chunk(3, -1)
    tails = torch.zeros_like(log_mass)
    below, above = torch.minimum(stop, low_threshold), torch.maximum(start, high_threshold)
    for tail, near, far, width, part in (
        (low, low_threshold - stop, low_threshold - start, width_of(start, below), low_part),
        (high, start - high_threshold, stop - high_threshold, width_of(above, stop), high_part),
    ):
        share = (part - everything).exp().nan_to_num(0).clamp(0, 1)
        share = torch.where(near >= 0, 1, share)
        counts = (far > 0) & (share > 0) & ~tail.log_mass.isneginf()
        log_part = tail.log_share_between(near.clamp(min=0), width.clamp(min=0))
        tails = tails - torch.where(counts, share * torch.where(counts, log_part, 0), 0)
    return from_columns(log_mass, shape), from_columns(tails, shape) + movement_nll(
        dist, lower, upper
    )


def _columns(dist: SplicedBinnedPareto, **values: Tensor) -> tuple[list[Tensor], torch.Size]:
    """Values as columns of every batch element, those that all share too."""
    columns, shape = to_columns(dist.batch_shape, dist.logits, **values)
    batch = broadcast_shapes(dist.batch_shape, *(column.shape[:-1] for column in columns))
    return [widened(column, (*batch, column.shape[-1])) for column in columns], shape


def _with_whole_outermost_bins(
    edges: Tensor, lower: Tensor, upper: Tensor
) -> tuple[Tensor, Tensor]:
    """Widen intervals that reach past the outermost edges to the whole outermost bins."""
    bottom, second = edges[..., :1], edges[..., 1:2]
    penultimate, top = edges[..., -2:-1], edges[..., -1:]
    return (
        torch.where(upper > top, torch.minimum(lower, penultimate), lower),
        torch.where(lower < bottom, torch.maximum(upper, second), upper),
    )


def _binned_log_mass(bins: Bins, lower: Tensor, upper: Tensor) -> Tensor:
    """Log-probability of (lower, upper] of the bins alone, in columns ``(*B, S)``."""
    bottom, top = bins.edges[..., :1], bins.edges[..., -1:]
    start, stop = torch.cat([lower, upper], -1).clamp(bottom, top).chunk(2, -1)
    both = torch.cat([start, stop], -1)
    first, last = bins.cells(*bins.locate(both).chunk(2, -1), summed=2)
    return log_mass_between(start, stop, stop - start, first, last)
