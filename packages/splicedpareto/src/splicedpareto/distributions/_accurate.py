"""Any base distribution, as one whose probabilities stay accurate in both tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch.distributions import Distribution, Normal
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

    A `Normal` is taken as `Gaussian`, a `LogNormal` and a `GeneralizedPareto` as ours.

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
    return cast("ScalarDistribution", base)


def log_prob_interval(
    base: Distribution, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
) -> Tensor:
    """Log-probability of (lower, upper], by the base's own method where it has one.

    Otherwise from the logarithms of its two tails.
    """
    accurate = as_accurate(base)
    if isinstance(accurate, ScalarDistribution):
        return accurate.log_prob_interval(lower, upper, width=width)
    return log_between(
        accurate.log_cdf(lower),
        accurate.log_cdf(upper),
        accurate.log_sf(lower),
        accurate.log_sf(upper),
    )
