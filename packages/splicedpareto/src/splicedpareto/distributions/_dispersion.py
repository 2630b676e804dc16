r"""Squared distance between the distribution functions of a mixture's components.

From an atom it is the other's CRPS, and between Gaussians a closed form. For others the line is cut
at all breakpoints and, in the tails, at quantiles. Where the distribution functions are straight,
as in bins, Gauss-Legendre quadrature is the closed form; in the tails it errs by less than 1e-6.
One substitution holds what lies beyond the last cut.

References:
    Székely and Rizzo (2013), "Energy statistics", Journal of Statistical Planning and Inference
    143, section 2.1, for the distance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from splicedpareto.distributions._affine import AffineTransformed
from splicedpareto.distributions._base import broadcast_shapes, tensor_options
from splicedpareto.distributions._delta import Delta
from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._kernels import hazard_inverse, hazard_of_units
from splicedpareto.distributions._lookup import gather
from splicedpareto.distributions._special import area_of_ndtr
from splicedpareto.distributions._spliced_binned_pareto import SplicedBinnedPareto

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from splicedpareto.distributions._base import ScalarDistribution

# Between levels a factor of 2 apart a tail of concentration 0.9 spans a factor of 1.9 in the
# outcome, one of 1.2 a factor of 2.3: at 1.2 five nodes err by less than 1e-6.
_LEVELS = 0.5 ** np.arange(1, 27)
# Cumulative hazards at which a generalized Pareto tail is cut: there too five nodes err by less
# than 1e-6 up to a concentration of 1.2.
_HAZARDS = np.cumsum([0.7, 0.8, 0.9, 1, 1, 1, 1.1, 1.1, 1.1, 1.2, 1.2, 1.2])
# Two nodes are exact where all are straight. In the tails three err by less than single precision.
_RULE, _SINGLE_RULE = (np.polynomial.legendre.leggauss(nodes) for nodes in (5, 3))
# Beyond, in t with x = a + l (t**-10 - 1), a power of x becomes one of t and stays integrable.
_POWER = 10
_OUTER_NODES, _OUTER_WEIGHTS = np.polynomial.legendre.leggauss(16)


def dispersion(
    components: Sequence[ScalarDistribution], weights: Tensor, *bounds: Tensor
) -> Tensor:
    r"""Mean squared distance of the components from their mixture.

    .. math:: \sum_{j < k} w_j w_k \int_{\mathrm{low}}^{\mathrm{high}} (F_j - F_k)^2

    Args:
        components: `K` distributions of batch shape ``*B``.
        weights: Their probabilities, shape ``(*B, K)``.
        bounds: Lower bounds and upper bounds above them, broadcastable with the batch, which may
            be infinite; none for the whole line.

    Returns:
        Dispersions of the broadcast shape, in units of the outcome.
    """
    total = torch.zeros_like(weights[..., 0])
    for k, second in enumerate(components):
        for j, first in enumerate(components[:k]):
            atom, other = (first, second) if isinstance(first, Delta) else (second, first)
            if isinstance(atom, Delta):
                product = weights[..., j] * weights[..., k]
                at = atom.loc
                distance = other.crps_between(at, *bounds) if bounds else other.crps(at)
                total = total + product * torch.where(product > 0, distance, 0)
    spread = [k for k, component in enumerate(components) if not isinstance(component, Delta)]
    if len(spread) < 2:
        return total
    gaussians = [part for part in components if isinstance(part, Gaussian)]
    if not bounds and len(gaussians) == len(spread):
        return total + _of_gaussians(gaussians, weights[..., spread])
    ends = bounds or tuple(total.new_tensor(end) for end in (-math.inf, math.inf))
    return total + _quadrature([components[k] for k in spread], weights[..., spread], *ends)


def _of_gaussians(components: Sequence[Gaussian], weights: Tensor) -> Tensor:
    r"""`dispersion` from the mean distances of draws of two components.

    .. math:: E|X - Y| = s (2 B(z) - z), \quad s^2 = \sigma_j^2 + \sigma_k^2, \quad
        z = (\mu_j - \mu_k) / s

    with :math:`B(z) = z \Phi(z) + \varphi(z)` (Grimit, Gneiting, Berrocal and Johnson 2006, eq. 5).
    """
    loc = torch.stack([component.loc for component in components], -1)
    scale = torch.stack([component.scale for component in components], -1)
    spread = torch.hypot(scale[..., None], scale[..., None, :])
    z = (loc[..., None] - loc[..., None, :]) / spread
    apart = spread * (2 * area_of_ndtr(z) - z)
    within = apart.diagonal(dim1=-2, dim2=-1)
    distance = apart - (within[..., None] + within[..., None, :]) / 2
    return (weights[..., None] * weights[..., None, :] * distance).sum((-2, -1)) / 2


def _quadrature(
    components: Sequence[ScalarDistribution], weights: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    r"""`dispersion` as :math:`W \sum_k w_k \int (F_k - \bar F)^2`, W the sum of the weights."""
    whole = weights.sum(-1)
    shares = (weights / torch.where(whole > 0, whole, 1)[..., None])[..., None, :]
    parts = [_part(component) for component in components]
    # A jump must move with its place, whichever of equal knots comes first.
    knots, order = torch.cat([part.knots for part in parts], -1).sort(-1)
    shape = broadcast_shapes(low.shape, high.shape, knots.shape[:-1])
    middle = knots.shape[-1] // 2
    # What is beyond the outermost knots is not cut.
    low, high = low[..., None].expand(*shape, 1), high[..., None].expand(*shape, 1)
    start, stop = knots[..., :1], knots[..., -1:]
    cuts = torch.minimum(torch.maximum(knots, torch.minimum(low, stop)), torch.maximum(high, start))

    def variance(each: Sequence[Tensor]) -> Tensor:
        pairs = list(zip(shares.unbind(-1), each, strict=True))
        center = torch.zeros_like(each[0])
        for share, one in pairs:
            center = center + share * one
        total = torch.zeros_like(center)
        for share, one in pairs:
            total = total + share * (one - center).square()
        return total

    first, functions = 0, []
    for part in parts:
        count = part.knots.shape[-1]
        own = ((order >= first) & (order < first + count)).cumsum(-1)[..., :-1]
        functions.append(part.on_pieces(own, middle))
        first += count
    width = cuts.diff()
    total = torch.zeros_like(width)
    rule = _SINGLE_RULE if knots.dtype == torch.float32 else _RULE
    for node, weight in zip((rule[0] + 1) / 2, rule[1] / 2, strict=True):
        x = cuts[..., :-1] + width * float(node)
        total = total + float(weight) * variance([function(x) for function in functions])
    result = (total * width).sum(-1)
    center = knots[..., middle : middle + 1]
    for sides, end, bound in (
        ([part.below for part in parts], torch.minimum(start, high), low),
        ([part.above for part in parts], torch.maximum(stop, low), high),
    ):
        result = result + _outer_integral(sides, variance, end, center, bound)
    return whole.square() * result


class _Part(Protocol):
    """A component, cut at knots ``(*B, N)`` of which no two of its kinks lie between."""

    knots: Tensor

    def on_pieces(self, own: Tensor, middle: int) -> Callable[[Tensor], Tensor]:
        """The distribution function on pieces, less 1 on those of the upper half.

        Args:
            own: How many of the part's own knots are at most each piece, shape ``(*B, M)``.
            middle: Index of the first piece of the upper half.
        """

    def below(self, value: Tensor) -> Tensor:
        """The distribution function before the first knot."""

    def above(self, value: Tensor) -> Tensor:
        """The survival function after the last knot."""


def _part(component: ScalarDistribution) -> _Part:
    like = torch.empty((), **tensor_options(component))
    loc, scale, base = torch.zeros_like(like), torch.ones_like(like), component
    while isinstance(base, AffineTransformed):
        loc, scale, base = loc + scale * base.loc, scale * base.scale, base.base
    if isinstance(base, SplicedBinnedPareto):
        shape = component.batch_shape
        return _BinnedPart(base, loc.expand(shape)[..., None], scale.expand(shape)[..., None])
    return _AnyPart(component)


class _AnyPart:
    """A component known by its methods alone."""

    def __init__(self, component: ScalarDistribution) -> None:
        self.component = component
        levels = torch.as_tensor(_LEVELS, **tensor_options(component))
        levels = levels.reshape(-1, *(1,) * len(component.batch_shape))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not component.is_continuous):
            tails = torch.cat([component.icdf(levels), component.isf(levels)]).movedim(0, -1)
            center = component.median[..., None]
        knots = torch.cat([component.breakpoints, tails], -1)
        self.knots = torch.where(knots.isfinite(), knots, center)

    def _columns(self, method: str, value: Tensor) -> Tensor:
        result: Tensor = getattr(self.component, method)(value.movedim(-1, 0))
        return result.movedim(0, -1)

    def on_pieces(self, own: Tensor, middle: int) -> Callable[[Tensor], Tensor]:  # noqa: ARG002

        def function(x: Tensor) -> Tensor:
            low, high = x[..., :middle], x[..., middle:]
            return torch.cat([self._columns("cdf", low), -self._columns("sf", high)], -1)

        return function

    def below(self, value: Tensor) -> Tensor:
        return self._columns("cdf", value)

    def above(self, value: Tensor) -> Tensor:
        return self._columns("sf", value)


class _BinnedPart:
    """A spliced distribution, moved and stretched: straight in its bins, and two known tails."""

    def __init__(self, base: SplicedBinnedPareto, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = loc, scale
        spliced = base.distribution
        self.tails = spliced.tails
        bins = spliced.bins
        with torch.no_grad():
            hazards = torch.as_tensor(_HAZARDS, **tensor_options(base))
            low, high = (
                tail.scale * hazard_inverse(hazards, tail.concentration) for tail in self.tails
            )
            edges = spliced.body_edges.expand(*base.batch_shape, -1)
            knots = [edges[..., :1] - low.flip(-1), edges, edges[..., -1:] + high]
            self.knots = loc + scale * torch.cat(knots, -1)
        density = bins.probs / bins.widths
        below = bins.probs.cumsum(-1) - bins.probs
        if bins.offset:
            below = below + self.tails.lower.log_mass.exp()
        self.slope, self.at_zero = density, below - density * bins.edges[..., :-1]

    def on_pieces(self, own: Tensor, middle: int) -> Callable[[Tensor], Tensor]:
        count, bins = len(_HAZARDS), self.slope.shape[-1]
        cell, dtype = own - count - 1, self.slope.dtype
        # Products with masks: `torch.where` takes eight times as long.
        is_upper, is_lower = (cell >= bins).to(dtype), (cell < 0).to(dtype)
        in_body = 1 - is_upper - is_lower
        at = cell.clamp(0, bins - 1)
        slope = gather(self.slope, at) * (in_body / self.scale)
        shift = (torch.arange(own.shape[-1], device=own.device) >= middle).to(dtype)
        constant = gather(self.at_zero, at) * in_body - slope * self.loc + (is_upper - shift)
        low, high = self.tails
        mass = is_lower * low.log_mass.exp() - is_upper * high.log_mass.exp()
        concentration = is_lower * low.concentration + is_upper * high.concentration
        threshold = is_lower * low.threshold + is_upper * high.threshold
        start = self.loc + self.scale * threshold
        unit = (is_upper / high.scale - is_lower / low.scale) / self.scale

        def function(x: Tensor) -> Tensor:
            units = ((x - start) * unit).clamp(min=0)
            before_end = concentration * units > -1
            hazard = hazard_of_units(units * before_end, concentration)
            beyond = (-hazard).exp() * before_end
            return torch.addcmul(torch.addcmul(constant, slope, x), mass, beyond)

        return function

    def below(self, value: Tensor) -> Tensor:
        z, tail = (value - self.loc) / self.scale, self.tails.lower
        return tail.log_beyond((tail.threshold - z).clamp(min=0)).exp()

    def above(self, value: Tensor) -> Tensor:
        z, tail = (value - self.loc) / self.scale, self.tails.upper
        return tail.log_beyond((z - tail.threshold).clamp(min=0)).exp()


def _outer_integral(
    sides: Sequence[Callable[[Tensor], Tensor]],
    variance: Callable[[Sequence[Tensor]], Tensor],
    start: Tensor,
    middle: Tensor,
    bound: Tensor,
) -> Tensor:
    """Integral from the outermost knot, away from the middle one, to a bound that may be infinite.

    With a length l from the middle to the start, x = start + l (t**-10 - 1) for t from 1 on down.
    Zero where the bound comes before the start.
    """
    # Nodes lie up to 1e23 away, which float16 has not.
    wide = torch.promote_types(start.dtype, torch.float32)
    nodes, weights = (
        torch.as_tensor(v, dtype=wide, device=start.device)
        for v in ((_OUTER_NODES + 1) / 2, _OUTER_WEIGHTS / 2)
    )
    step = (start - middle).detach()
    # Without a length there is nothing beyond.
    length = torch.where(step == 0, 1, step.abs())
    reach = ((bound - start) * step.sign()).clamp(min=0) / length
    last = (1 + reach) ** (-1 / _POWER)
    t = last + (1 - last) * nodes
    furthest = torch.finfo(wide).max / 8
    x = (start + step * (t**-_POWER - 1)).clamp(-furthest, furthest)
    # The length comes last: its product with the slope may have no number.
    share = variance([side(x) for side in sides]) * t ** (-_POWER - 1)
    area = (share * weights).sum(-1) * (_POWER * step.abs() * (1 - last)).squeeze(-1)
    return area.to(start.dtype)
