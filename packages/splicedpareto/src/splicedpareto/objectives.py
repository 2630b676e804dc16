r"""Training objectives: losses of a distribution at targets, one per observation.

`log_prob` is the log of a density, and with the quantile splice and free scales its negative must
not be minimized: the thresholds move with the logits, so the fit can push mass that belongs to
the body into a tail, or out of it. On two heavy-tailed samples of 20,000 it put 2 % instead of
5 % above the upper splice and missed the .99 quantile by 40 %. The composite objectives train the
bins and the tails each by a likelihood of their own.

Every objective takes a boolean `mask`, True where the target is observed; the loss and its
gradient are zero elsewhere, whatever the target holds there. Reduction is the caller's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions import AffineTransformed, Delta, Mixture, SplicedBinnedPareto
from splicedpareto.distributions._accurate import log_prob_interval
from splicedpareto.distributions._bins import log_mass_between
from splicedpareto.distributions._checks import is_validating, require, require_tensor
from splicedpareto.distributions._kernels import width_of
from splicedpareto.distributions._layout import from_columns, to_columns
from splicedpareto.distributions._moved import MovedSplicedBinnedPareto

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.distributions import Distribution

    from splicedpareto.distributions._base import ScalarDistribution
    from splicedpareto.distributions._bins import Bins

__all__ = [
    "composite_censored_nll",
    "composite_interval_nll",
    "composite_nll",
    "crps_censored_loss",
    "crps_loss",
    "exact_interval_nll",
    "exact_nll",
    "movement_nll",
    "weighted",
]


# Degrees of freedom of the likelihood that fits a location and a scale. Of 1, 4, 10 and 30 the best
# on the series of `research/capabilities.py`, seeds 0 and 1: with 1 a location follows one mode.
_LOCATION_DF = 10.0


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
    threshold detached. For fixed thresholds each term is the log-likelihood of a coarser or of a
    conditional observation, so its score has mean zero at the truth. With the edge splice the
    thresholds are fixed, the tails are classes of the softmax, and this is `exact_nll`.

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
        ValueError: If an observed target is NaN and the distribution validates.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    if isinstance(dist, Mixture):
        value, mask = _observed(dist, value, mask, "value")
        rest, log_rest, locations, log_atoms = _split_atoms(dist)
        hits = value[..., None] == locations
        is_atom = hits.any(-1)
        at_atom = torch.where(hits, log_atoms, -math.inf).logsumexp(-1)
        other = composite_nll(rest, value, mask=~is_atom) - log_rest
        return _masked(torch.where(is_atom, -at_atom, other), mask, None)
    if isinstance(dist, AffineTransformed):
        value, mask = _observed(dist, value, mask, "value")
        loss = composite_nll(_spliced(dist.base), _in_units(dist, value))
        loss = loss + dist.scale.detach().log() + _location_scale_nll(dist, value)
        return _masked(loss, mask, None)
    dist = _spliced(dist)
    if dist.splice == "edge":
        return exact_nll(dist, value, mask=mask)
    value, mask = _observed(dist, value, mask, "value")
    (columns,), shape = to_columns(dist.batch_shape, dist.logits, value=value)
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
    return _masked(loss + movement_nll(dist, value, value), mask, None)


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
        ValueError: If the distribution validates and an observed interval is NaN or empty.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    lower, upper, mask = _observed_interval(dist, lower, upper, mask)
    log_mass, tails = _interval_terms(dist, lower, upper)
    return _masked(tails - log_mass, mask, None)


def composite_censored_nll(
    dist: SplicedBinnedPareto | AffineTransformed | Mixture, lower: Tensor, upper: Tensor
) -> Tensor:
    """Composite negative log-likelihood where some targets are known and others censored.

    Args:
        dist: As in `composite_nll`.
        lower: Lower ends, broadcastable with ``(*B,)``; ``-inf`` where left-censored.
        upper: Upper ends, not below `lower`; ``inf`` where right-censored. Where both are equal the
            target is known and counts as in `composite_nll`, elsewhere as in
            `composite_interval_nll`.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: As `composite_interval_nll`.
        TypeError: If the distribution is of another family, or a target is no tensor.
    """
    known = lower == upper
    exact = composite_nll(dist, lower, mask=known)
    return exact + composite_interval_nll(dist, lower, upper, mask=~known)


def _interval_terms(dist: Distribution, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Log-mass that the bins, and atoms, give to (lower, upper], and the loss of the tails."""
    if isinstance(dist, Mixture):
        rest, log_rest, locations, log_atoms = _split_atoms(dist)
        holds = (lower[..., None] < locations) & (locations <= upper[..., None])
        at_atoms = torch.where(holds, log_atoms, -math.inf)
        log_mass, tails = _interval_terms(rest, lower, upper)
        of_rest = log_rest + log_mass
        log_mass = torch.cat([at_atoms, of_rest[..., None]], -1).logsumexp(-1)
        return log_mass, (of_rest - log_mass).exp().detach() * tails
    if isinstance(dist, AffineTransformed):
        middle = torch.where(lower.isinf(), upper, torch.where(upper.isinf(), lower, 0))
        middle = torch.where(lower.isfinite() & upper.isfinite(), (lower + upper) / 2, middle)
        ends = _in_units(dist, lower), _in_units(dist, upper)
        log_mass, tails = _interval_terms(_spliced(dist.base), *ends)
        return log_mass, tails + _location_scale_nll(dist, middle)
    dist = _spliced(dist)
    if dist.splice == "edge":
        log_mass = log_prob_interval(dist, lower, upper)
        return log_mass, torch.zeros_like(log_mass)
    (start, stop), shape = to_columns(dist.batch_shape, dist.logits, lower=lower, upper=upper)
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


def exact_nll(dist: Distribution, value: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Negative log-density, where minimizing it is safe.

    Args:
        dist: Any distribution; a `SplicedBinnedPareto` must have tied scales or the edge splice,
            also as a component of a `Mixture`.
        value: Targets, broadcastable with ``(*B,)``.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: If scales are free under the quantile splice, or, if the distribution
            validates, an observed target is NaN.
    """
    _refuse_moving_splice(dist)
    value, mask = _observed(dist, value, mask, "value")
    return _masked(-dist.log_prob(value), mask, None)


def exact_interval_nll(
    dist: Distribution, lower: Tensor, upper: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    """Negative log-probability of (lower, upper], where minimizing it is safe.

    Args:
        dist: As in `exact_nll`, with accurate tails.
        lower: Lower ends; ``-inf`` for a left-censored target.
        upper: Upper ends above `lower`; ``inf`` for a right-censored target.
        mask: True where a target is observed.

    Returns:
        Losses in nats, of the broadcast shape.

    Raises:
        ValueError: As `exact_nll`, and if an observed interval is empty.
    """
    _refuse_moving_splice(dist)
    lower, upper, mask = _observed_interval(dist, lower, upper, mask)
    return _masked(-log_prob_interval(dist, lower, upper), mask, None)


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
    """
    value, mask = _observed(dist, value, mask, "value")
    return _masked(dist.crps(value), mask, None)


def movement_nll(dist: Distribution, lower: Tensor, upper: Tensor) -> Tensor:
    """Loss of what moves the bins of a `MovingBinsHead`, in nats, beside a loss that does not.

    Args:
        dist: Distribution of any head; 0 for all others. Of a `Mixture` of atoms and such a
            distribution, for outcomes on no atom.
        lower: Lower ends of the outcomes.
        upper: Upper ends, equal to `lower` where the outcome is known.
    """
    if isinstance(dist, Mixture):
        rest, _, locations, _ = _split_atoms(dist)
        on_atom = ((lower == upper)[..., None] & (lower[..., None] == locations)).any(-1)
        return torch.where(on_atom, 0, movement_nll(rest, lower, upper))
    if isinstance(dist, MovedSplicedBinnedPareto):
        return dist.score_nll(lower, upper)
    return lower.new_zeros(())


def crps_censored_loss(dist: ScalarDistribution, lower: Tensor, upper: Tensor) -> Tensor:
    r"""CRPS of the thresholds at which a censored target is known to lie above or below.

    .. math:: \int_{-\infty}^{a} F(x)^2 dx + \int_b^\infty (1 - F(x))^2 dx

    for a target in :math:`(a, b]`, which is the CRPS where :math:`a = b`.

    Args:
        dist: Distribution with a method `crps_between`.
        lower: Lower ends :math:`a`, broadcastable with ``(*B,)``; ``-inf`` where left-censored.
        upper: Upper ends :math:`b`, not below `lower`; ``inf`` where right-censored.

    Returns:
        Losses of the broadcast shape, in units of the outcome.

    References:
        Avati et al. (2019), "Countdown Regression: Sharp and Calibrated Survival Predictions",
        UAI, eq. 2.
    """
    below_known, above_known = lower > -math.inf, upper < math.inf
    start = torch.where(below_known, lower, torch.where(above_known, upper, 0))
    stop = torch.where(above_known, upper, start)
    below = dist.crps_between(start, -math.inf, start)
    above = dist.crps_between(stop, stop, math.inf)
    return torch.where(below_known, below, 0) + torch.where(above_known, above, 0)


def weighted(objective: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An objective whose last target is a weight, by which its losses are multiplied.

    With weights of mean 1 over the training set, the mean loss over random batches estimates the
    weighted mean loss over the set, in which a weight of 2 counts as two observations.

    Args:
        objective: ``objective(distribution, *targets)``, with finite losses wherever the weight
            is 0.

    Example:
        >>> from splicedpareto.distributions import Gaussian
        >>> distribution, value = Gaussian(torch.zeros(2), 1.0), torch.zeros(2)
        >>> weighted(exact_nll)(distribution, value, torch.tensor([0.0, 2.0]))
        tensor([0.0000, 1.8379])
    """

    def of_weighted(dist: Distribution, *targets: Tensor) -> Tensor:
        *observed, weight = targets
        require_tensor("weight", weight)
        return weight * objective(dist, *observed)

    return of_weighted


def _refuse_moving_splice(dist: Distribution) -> None:
    if isinstance(dist, Mixture):
        for component in dist.components:
            _refuse_moving_splice(component)
    if isinstance(dist, AffineTransformed):
        _refuse_moving_splice(dist.base)
    if isinstance(dist, SplicedBinnedPareto) and not (
        dist.splice == "edge" or dist.has_tied_scales
    ):
        raise ValueError(
            "The exact likelihood must not be maximized with free scales under the quantile "
            f"splice, got {dist!r}: its thresholds move with the logits, and the optimum moves "
            "the body's mass out of reach. Use a composite objective, leave the scales out to tie "
            "them, or choose splice='edge'."
        )


def _observed(
    dist: Distribution, value: Tensor, mask: Tensor | None, name: str
) -> tuple[Tensor, Tensor | None]:
    """Put a harmless number where nothing was observed, and check the rest."""
    require_tensor(name, value)
    if mask is not None:
        require_tensor("mask", mask)
    if mask is not None:
        value = torch.where(mask, value, 0)
    if is_validating(dist):
        rule = "a number where it is not masked out"
        require(~value.isnan(), name, rule, value)
    return value, mask


def _observed_interval(
    dist: Distribution, lower: Tensor, upper: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Put a harmless interval where nothing was observed, and check the rest."""
    require_tensor("upper", upper)
    lower, _ = _observed(dist, lower, mask, "lower")
    if mask is not None:
        upper = torch.where(mask, upper, 1)
    upper, _ = _observed(dist, upper, None, "upper")
    if is_validating(dist):
        require(lower < upper, "lower", "below upper", lower)
    return lower, upper, mask


def _spliced(dist: Distribution) -> SplicedBinnedPareto:
    if not isinstance(dist, SplicedBinnedPareto):
        raise TypeError(
            "dist must be a SplicedBinnedPareto or an AffineTransformed around one, got "
            f"{dist!r}: for others use an exact objective or crps_loss."
        )
    return dist


def _split_atoms(
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


def _in_units(dist: AffineTransformed, value: Tensor) -> Tensor:
    return (value - dist.loc.detach()) / dist.scale.detach()


def _location_scale_nll(dist: AffineTransformed, value: Tensor) -> Tensor:
    """Likelihood of Student's t in location and scale, but for a constant; 0 at infinite values."""
    endless = value.isinf()
    z = (torch.where(endless, dist.loc.detach(), value) - dist.loc) / dist.scale
    loss = (_LOCATION_DF + 1) / 2 * (z.square() / _LOCATION_DF).log1p() + dist.scale.log()
    return torch.where(endless, 0, loss)


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


def _masked(loss: Tensor, mask: Tensor | None, shape: torch.Size | None) -> Tensor:
    """Return losses from columns to their shape, zero where nothing was observed."""
    if shape is not None:
        loss = from_columns(loss, shape)
    return loss if mask is None else torch.where(mask, loss, 0)
