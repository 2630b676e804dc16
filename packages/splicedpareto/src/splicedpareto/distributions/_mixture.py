"""A mixture of any scalar distributions, atoms among them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._accurate import Foreign, as_accurate
from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_shapes,
    heaviest_atom,
    interval,
    tensor_options,
)
from splicedpareto.distributions._checks import require, require_tensor, resolve_validation
from splicedpareto.distributions._dispersion import dispersion
from splicedpareto.distributions._mixture_probabilities import MixtureProbabilities
from splicedpareto.distributions._mixture_quantile import quantile
from splicedpareto.distributions._quadrature import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.distributions import Distribution


# Each takes a third from what is left around the highest density: in the end 1e-9 of it.
_SEARCHES = 50


class Mixture(MixtureProbabilities):
    r"""Mixture :math:`F = \sum_k w_k F_k` of distributions of different families, and of atoms.

    For outcomes that come about in several ways: a claim or none, rain or none, and each part with
    an origin of its own (`AffineTransformed`). `log_prob` is the log of a density with respect to
    the Lebesgue measure plus the counting measure on the atoms: at a value that has mass it is the
    log of that mass, elsewhere of the density of the rest.

    The quantiles are the smallest numbers at which `cdf` reaches the level, exactly on atoms; their
    derivatives are those of the implicit function, right to the second, and at an atom those of its
    place.

    Args:
        logits: Unnormalized log-weights, shape ``(*B, K)``; ``-inf`` switches a component off.
        components: `K` scalar distributions, broadcastable to ``(*B,)``, of the type of `logits`;
            one of torch's `Normal`, `LogNormal` or
            `GeneralizedPareto` is taken as ours.
        validate_args: As in torch.

    Raises:
        ValueError: If there is no component, shapes do not match, or logits are NaN, ``inf`` or
            all ``-inf``.
        TypeError: If `logits` are no tensor, or a component is no scalar distribution of this
            package or of another type than `logits`.

    References:
        Gneiting and Ranjan (2013), "Combining predictive distributions", Electronic Journal of
        Statistics 7, eq. 3: the linear pool.

    Example:
        >>> from splicedpareto.distributions import Delta, Gaussian
        >>> weights = torch.tensor([0.3, 0.7])
        >>> dist = Mixture(weights.log(), [Delta(0.0), Gaussian(5.0, 1.0)])
        >>> dist.log_prob(torch.tensor(0.0)).exp(), dist.icdf(torch.tensor(0.2))
        (tensor(0.3000), tensor(0.))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "logits": constraints.independent(constraints.real, 1)  # type: ignore[no-untyped-call]
    }
    # The choice of a component has no pathwise gradient.
    has_rsample = False

    def __init__(
        self,
        logits: Tensor,
        components: Sequence[Distribution],
        *,
        validate_args: bool | None = None,
    ) -> None:
        require_tensor("logits", logits)
        validating = resolve_validation(validate_args)
        given: object = components  # the type is not what everybody gives
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(f"components must be a list of distributions, got {given!r:.80}.")
        accurate = [as_accurate(component) for component in components]
        if validating:
            _check_components(logits, accurate)
        shapes = [component.batch_shape for component in accurate]
        batch_shape = broadcast_shapes(logits.shape[:-1], *shapes)
        self.logits = logits.expand(*batch_shape, len(accurate))
        self.components = tuple(
            part if part.batch_shape == batch_shape else part.expand(batch_shape)
            for part in accurate
        )
        super().__init__(batch_shape, validate_args=False)
        self.is_continuous = all(component.is_continuous for component in accurate)
        self.validating = validating
        if validating:
            possible = ~(self.logits.isnan() | self.logits.isposinf())
            require(possible, "logits", "finite or -inf", self.logits)
            most = self.logits.amax(-1)
            require(~most.isneginf(), "logits", "finite for at least one component", most)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The interval that holds the supports of all components."""
        supports = [component.support for component in self.components]
        like = self.logits[..., 0]
        low, high = (
            torch.stack([torch.full_like(like, 0) + getattr(s, name, end) for s in supports])
            for name, end in (("lower_bound", -math.inf), ("upper_bound", math.inf))
        )
        return interval(low.amin(0), high.amax(0))

    def icdf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `cdf` reaches `value`; the ends of the support at 0 and 1."""
        return quantile(self, self._level(value), self.components, self.weights, is_upper=False)

    def isf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `sf` falls to `value`, accurate in the upper tail."""
        return quantile(self, self._level(value), self.components, self.weights, is_upper=True)

    @property
    def mean(self) -> Tensor:
        """Mean, where the components have one."""
        return self._average(torch.stack([part.mean for part in self.components], -1))

    def _variance_in_units(self) -> tuple[Tensor, Tensor]:
        """The mean of the components' variances and the variance of their means."""
        means = torch.stack([part.mean for part in self.components], -1)
        within = torch.stack([part.stddev for part in self.components], -1)
        apart = means - self.mean[..., None]
        with torch.no_grad():
            each = torch.where(self.weights > 0, torch.maximum(within, apart.abs()), 0)
            unit = each.amax(-1)
            unit = torch.where((unit > 0) & unit.isfinite(), unit, 1)
        units = unit[..., None]
        return unit, self._average((within / units).square() + (apart / units).square())

    @property
    def mode(self) -> Tensor:
        """The heaviest atom; without atoms the highest density, found by a search, no gradient.

        Candidates are the components' modes and the middles between their knots; the best is
        refined between its neighbors, which finds the mode of a part without a second one there.
        """
        with torch.no_grad():
            densest = self._densest()
            if self.is_continuous:
                return densest
            modes = torch.stack([part.mode for part in self.components], -1)
        # Of counts without end, the heaviest may lie beyond the breakpoints.
        atom, has_atom = heaviest_atom(self, modes)
        return torch.where(has_atom, atom, densest)

    @property
    def peaks(self) -> Tensor:
        """The components', and where the densities of all add up to most, without gradient."""
        with torch.no_grad():
            each = [part.peaks for part in self.components]
            return torch.cat([*each, self._densest()[..., None]], -1)

    def _densest(self) -> Tensor:
        """Where the density is highest, without gradient."""
        modes = torch.stack([part.mode for part in self.components], -1)
        places = torch.cat([self.knots, modes], -1).sort(-1).values.movedim(-1, 0)
        places = torch.cat([places, (places[1:] + places[:-1]) / 2]).sort(0).values
        # Not at an atom: its mass is no density.
        density = torch.where(self.log_mass(places) > -math.inf, -math.inf, self.log_prob(places))
        index = density.nan_to_num(-math.inf).argmax(0, keepdim=True)
        low, high = (
            places.gather(0, (index + step).clamp(0, len(places) - 1))[0] for step in (-1, 1)
        )
        best = places.gather(0, index)[0]
        for _ in range(_SEARCHES):
            inner = [low + (high - low) * share for share in (1 / 3, 2 / 3)]
            at = torch.stack([best, *inner])
            density = torch.where(self.log_mass(at) > -math.inf, -math.inf, self.log_prob(at))
            is_left = density[1] > density[2]
            low, high = torch.where(is_left, low, inner[0]), torch.where(is_left, inner[1], high)
            best = at.gather(0, density.argmax(0, keepdim=True))[0]
        return best

    @property
    def knots(self) -> Tensor:
        """Those of all components and their quantiles, between which the mixture is smooth."""
        # Far out too: what one part has left there may lie between two others.
        levels = [0.5**k for k in (*range(1, 15), 17, 21, 26, 33, 42)]
        level = torch.tensor(levels, **tensor_options(self))
        level = level.reshape(-1, *(1,) * len(self.batch_shape))
        with torch.no_grad():
            tails = [
                quantile.movedim(0, -1)
                for part in self.components
                for quantile in (part.icdf(level), part.isf(level))
            ]
        return torch.cat([*(part.knots for part in self.components), *tails], -1)

    def quadrature(self, knots: Tensor | None = None) -> Rule:
        """Those of the components, with their weights."""
        cuts = self.knots
        if knots is not None:
            cuts = torch.cat([cuts, knots.expand(*self.batch_shape, -1)], -1)
        rules = [part.quadrature(cuts) for part in self.components]
        weighted = [
            torch.where(weight > 0, weight * rule.prob, 0)
            for weight, rule in zip(self.weights.unbind(-1), rules, strict=True)
        ]
        before, pieces = 0, []
        for rule in rules:
            pieces.append(torch.where(rule.piece > 0, rule.piece + 2 * before, 0))
            before += rule.tails
        return Rule(
            torch.cat([rule.value for rule in rules]),
            torch.cat(weighted),
            torch.cat([rule.is_atom for rule in rules]),
            torch.cat(pieces),
            before,
        )

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite."""
        return self._average(self._each("clamped_mean", *self._bounds(low, high)))

    def crps(self, value: Tensor) -> Tensor:
        r"""Continuous ranked probability score, in units of the outcome.

        .. math:: \sum_k w_k \operatorname{CRPS}_k(y) - \sum_{j < k} w_j w_k \int (F_j - F_k)^2

        The scores are the components' closed forms, and so are the distances from a `Delta` and
        between bins. Tails and other families add a quadrature of pieces, with a relative error
        below 1e-6 up to a concentration of 1.2; it does not depend on the outcome.

        References:
            Gneiting and Raftery (2007), eq. 20 and 21, for the score and the distance.
        """
        value = self._value(value)
        endless = value.isinf()
        each = self._each("crps", torch.where(endless, 0, value))
        score = self._average(each) - dispersion(self.components, self.weights)
        return torch.where(endless, math.inf, score)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high], as `crps`."""
        bounds = self._range(low, high)
        each = self._each("crps_between", self._value(value), *bounds)
        return self._average(each) - dispersion(self.components, self.weights, *bounds)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        draws = [part.sample(sample_shape, generator=generator) for part in self.components]
        each = torch.stack(draws, -1)
        noise = torch.empty_like(each).exponential_(generator=generator)
        # The first of exponential times whose rates are the weights.
        chosen = (noise.log() - self.log_weights).argmin(-1, keepdim=True)
        return each.gather(-1, chosen).squeeze(-1)

    def _expanded(self, batch_shape: torch.Size) -> Mixture:
        logits = self.logits.expand(*batch_shape, -1)
        parts = [component.expand(batch_shape) for component in self.components]
        return Mixture(logits, parts, validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.components))})"


def _check_components(logits: Tensor, components: Sequence[ScalarDistribution]) -> None:
    count = len(components)
    if not count:
        raise ValueError("components must hold at least one distribution, got none.")
    if logits.dim() == 0 or logits.shape[-1] != count:
        raise ValueError(
            f"logits must end in {count} entries for {count} components, got shape "
            f"{tuple(logits.shape)}."
        )
    for component in components:
        if isinstance(component, Foreign):
            raise TypeError(
                f"components must be scalar distributions of splicedpareto, got {component!r}."
            )
        dtype = tensor_options(component)["dtype"]
        if dtype != logits.dtype:
            raise TypeError(
                f"components must be of the type of logits, {logits.dtype}, got {dtype} in "
                f"{component!r}."
            )
    shapes = [logits.shape[:-1], *(component.batch_shape for component in components)]
    broadcast_shapes(*shapes, what="The batches of logits and components")
