"""A base distribution moved and stretched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch.distributions import constraints

from splicedpareto.distributions._accurate import as_accurate
from splicedpareto.distributions._base import broadcast_shapes, interval, tensor_options
from splicedpareto.distributions._checks import as_tensor
from splicedpareto.distributions._kernels import width_of
from splicedpareto.distributions._location_scale import LocationScale

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Distribution

    from splicedpareto.distributions._quadrature import Rule


class AffineTransformed(LocationScale):
    r"""Distribution of :math:`Y = \mu + \sigma X`, with `X` from a base distribution.

    A network can give the location and the scale: bins that move with each observation, while the
    base keeps one set of edges for the whole batch. `SplicedBinnedPareto.affine` gives the same
    distribution, with edges of its own for each batch element.

    Args:
        base: Continuous scalar distribution; one of torch's `Normal`, `LogNormal` or
            `GeneralizedPareto` is taken as ours. An atom is
            moved by its own `loc`, and a mixture with atoms by its components.
        loc: :math:`\mu`, finite, broadcastable to ``(*B,)``, in units of the outcome.
        scale: :math:`\sigma > 0`, broadcastable, outcome units per unit of the base.
        validate_args: As in torch.

    Raises:
        ValueError: If `loc` is not finite, `scale` not positive and finite, or the base has events
            or atoms.
        TypeError: If the base gives no accurate tails.

    Example:
        >>> import torch
        >>> from splicedpareto.distributions import Gaussian
        >>> dist = AffineTransformed(Gaussian(0.0, 1.0), loc=10.0, scale=2.0)
        >>> dist.mean, dist.cdf(torch.tensor(10.0))
        (tensor(10.), tensor(0.5000))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(
        self,
        base: Distribution,
        loc: Tensor | float,
        scale: Tensor | float = 1.0,
        *,
        validate_args: bool | None = None,
    ) -> None:
        accurate = as_accurate(base)
        if not accurate.is_continuous:
            raise ValueError(
                f"base must be continuous, got {base!r}: move an atom by its own loc, and a "
                "mixture by its components."
            )
        options = tensor_options(accurate)
        loc = as_tensor("loc", loc, **options)
        scale = as_tensor("scale", scale, **options)
        batch_shape = broadcast_shapes(
            accurate.batch_shape, loc.shape, scale.shape, what="The base's batch, loc and scale"
        )
        super().__init__(validate_args, loc=loc.expand(batch_shape), scale=scale)
        expands = accurate.batch_shape != batch_shape
        self.base = accurate.expand(batch_shape) if expands else accurate
        self.has_rsample = accurate.has_rsample

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The base's support, moved and stretched."""
        support = self.base.support
        ends = (("lower_bound", -math.inf), ("upper_bound", math.inf))
        low, high = (self.loc + self.scale * getattr(support, name, end) for name, end in ends)
        return interval(low, high)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        return self.base.log_prob(self._standardized(value)) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self.base.cdf(self._standardized(value))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self.base.sf(self._standardized(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self.base.log_cdf(self._standardized(value))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self.base.log_sf(self._standardized(value))

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite."""
        lower, upper = self._value(lower, "lower"), self._value(upper, "upper")
        known = width_of(lower, upper) if width is None else self._value(width, "width")
        width = known / self.scale
        ends = self._standardized(lower), self._standardized(upper)
        return self.base.log_prob_interval(*ends, width=width)

    def icdf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `cdf` reaches `value`."""
        return self.loc + self.scale * self.base.icdf(self._level(value))

    def isf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `sf` falls to `value`."""
        return self.loc + self.scale * self.base.isf(self._level(value))

    @property
    def breakpoints(self) -> Tensor:
        """The base's, moved and stretched, shape ``(*B, N)``."""
        return self.loc[..., None] + self.scale[..., None] * self.base.breakpoints

    @property
    def knots(self) -> Tensor:
        """The base's, moved and stretched."""
        return self.loc[..., None] + self.scale[..., None] * self.base.knots

    def quadrature(self, knots: Tensor | None = None) -> Rule:
        """The base's, moved and stretched."""
        if knots is not None:
            knots = (knots - self.loc[..., None]) / self.scale[..., None]
        rule = self.base.quadrature(knots)
        return rule._replace(value=self._moved(rule.value))

    @property
    def mean(self) -> Tensor:
        """Mean."""
        return self.loc + self.scale * self.base.mean

    @property
    def mode(self) -> Tensor:
        """Mode."""
        return self._moved(self.base.mode)

    @property
    def peaks(self) -> Tensor:
        """The base's, moved and stretched."""
        return self._moved(self.base.peaks.movedim(-1, 0)).movedim(0, -1)

    @property
    def variance(self) -> Tensor:
        """Variance."""
        return self.scale.square() * self.base.variance

    @property
    def stddev(self) -> Tensor:
        """Standard deviation."""
        return self.scale * self.base.stddev

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        return self.base.entropy() + self.scale.log()

    def crps(self, value: Tensor) -> Tensor:
        """Continuous ranked probability score, in units of the outcome."""
        return self.scale * self.base.crps(self._standardized(value))

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high], in units of the outcome."""
        value, low, high = (self._standardized(v) for v in (value, *self._range(low, high)))
        return self.scale * self.base.crps_between(value, low, high)

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(Y, low), high)``; bounds may be infinite."""
        low, high = (self._standardized(end) for end in self._bounds(low, high))
        return self.loc + self.scale * self.base.clamped_mean(low, high)

    def _moved(self, value: Tensor) -> Tensor:
        """Values of the base, moved and stretched; those with a density stay so.

        One at the end of the support may be rounded beyond it, where the log-density is no number.
        """
        moved = self.loc + self.scale * value
        with torch.no_grad():
            lost = self.log_prob(moved).isneginf() & (self.base.log_prob(value) > -math.inf)
            if not (torch.compiler.is_compiling() or lost.any()):
                return moved
            size = self.loc.abs() + (self.scale * value).abs()
            inward = (self.base.median - value).sign() * size * 4 * torch.finfo(size.dtype).eps
        return moved + torch.where(lost, inward, 0)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        draw = self.base.rsample if self.has_rsample else self.base.sample
        return self.loc + self.scale * draw(sample_shape, generator=generator)

    def _expanded(self, batch_shape: torch.Size) -> AffineTransformed:
        loc, scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return AffineTransformed(self.base.expand(batch_shape), loc, scale, validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base!r})"
