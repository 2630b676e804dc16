"""Any base distribution, as one whose probabilities stay accurate in both tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import torch
from torch.distributions import Distribution, Normal, constraints
from torch.distributions import GeneralizedPareto as TorchGeneralizedPareto
from torch.distributions import LogNormal as TorchLogNormal

from splicedpareto.distributions._base import ScalarDistribution
from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._generalized_pareto import GeneralizedPareto
from splicedpareto.distributions._kernels import log_between
from splicedpareto.distributions._log_normal import LogNormal

if TYPE_CHECKING:
    from torch import Tensor


def as_accurate(base: Distribution) -> ScalarDistribution:
    """Return the base itself, or the accurate family for a torch distribution that has one.

    A `Normal` is taken as `Gaussian`, a `LogNormal` and a `GeneralizedPareto` as ours, and any
    other family with accurate tails as `Foreign`.

    Raises:
        TypeError: If the base gives no accurate tails.
        ValueError: If its events are not scalars.
    """
    if type(base) is Normal:
        return Gaussian(base.loc, base.scale, validate_args=False)
    if type(base) is TorchLogNormal:
        return LogNormal(base.loc, base.scale, validate_args=False)
    if type(base) is TorchGeneralizedPareto:
        parameters = base.loc, base.scale, base.concentration
        return GeneralizedPareto(*parameters, validate_args=False)
    missing = [name for name in ("cdf", "sf", "log_cdf", "log_sf") if not hasattr(base, name)]
    if missing:
        raise TypeError(
            f"base must have the methods {', '.join(missing)}, got {type(base).__name__}: one "
            "minus a cdf has no digits left in the upper tail."
        )
    if base.event_shape:
        raise ValueError(f"base must have scalar events, got event shape {base.event_shape}.")
    return base if isinstance(base, ScalarDistribution) else Foreign(base)


def log_prob_interval(base: Distribution, lower: Tensor, upper: Tensor) -> Tensor:
    """Log-probability of (lower, upper] of any distribution with accurate tails."""
    return as_accurate(base).log_prob_interval(lower, upper)


class Foreign(ScalarDistribution):
    """A family that is not this package's, and gives the probabilities of both tails itself.

    Moments and entropy of what is built on it are by quadrature, from the quantiles that it has;
    a CRPS it has none. It draws from the random state of its own library.

    Args:
        base: Scalar distribution without atoms, with the methods `log_prob`, `cdf`, `sf`,
            `log_cdf` and `log_sf`; for a quantile `icdf`, and `isf` where it has that.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, base: Distribution) -> None:
        self.base = cast("ScalarDistribution", base)
        super().__init__(base.batch_shape, validate_args=False)
        self.has_rsample = base.has_rsample
        self.is_continuous = getattr(base, "is_continuous", True)
        self.validating = False

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The base's."""
        return cast("constraints.Constraint", self.base.support)

    @property
    def mean(self) -> Tensor:
        """The base's."""
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        """The base's."""
        return self.base.variance

    @property
    def mode(self) -> Tensor:
        """The base's."""
        try:
            return self.base.mode
        except NotImplementedError:
            raise NotImplementedError(f"{type(self.base).__name__} has no mode.") from None

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, as the base has it."""
        return self.base.log_prob(self._value(value))

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self.base.cdf(self._value(value))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self.base.sf(self._value(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self.base.log_cdf(self._value(value))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self.base.log_sf(self._value(value))

    def log_prob_interval(
        self,
        lower: Tensor,
        upper: Tensor,
        *,
        width: Tensor | None = None,  # noqa: ARG002  # both tails decide
    ) -> Tensor:
        """Log-probability of (lower, upper], from the logarithms of both tails."""
        ends = self._value(lower, "lower"), self._value(upper, "upper")
        return log_between(*map(self.log_cdf, ends), *map(self.log_sf, ends))

    def icdf(self, value: Tensor) -> Tensor:
        """Quantile, as the base has it."""
        return self.base.icdf(self._level(value))

    def isf(self, value: Tensor) -> Tensor:
        """Upper quantile, of a base without one from ``1 - value``."""
        level, rest = self._level_and_rest(value)
        return self.base.isf(level) if hasattr(self.base, "isf") else self.base.icdf(rest)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Refuse: what is built on a base has its CRPS from the base's."""
        raise NotImplementedError(
            f"{type(self.base).__name__} has no CRPS: build the base from this package's "
            "distributions."
        )

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``, by quadrature."""
        low, high = (end.expand(self.batch_shape) for end in self._bounds(low, high))
        ends = torch.stack([low, high], -1)
        knots = torch.where(ends.isfinite(), ends, self.median.detach()[..., None])
        rule = self.quadrature(knots)
        return rule.expectation(torch.minimum(torch.maximum(rule.value, low), high))

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        if generator is not None:
            raise ValueError(
                f"{type(self.base).__name__} draws from its library's random state, got a "
                "generator: pass none and seed by torch.manual_seed."
            )
        draw = self.base.rsample if torch.is_grad_enabled() else self.base.sample
        return draw(sample_shape)

    def _expanded(self, batch_shape: torch.Size) -> Foreign:
        return Foreign(self.base.expand(batch_shape))

    def __repr__(self) -> str:
        return repr(self.base)
