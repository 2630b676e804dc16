"""Bases of continuous distributions: quantile levels, interval masses, location and scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_shapes,
    broadcast_tensors,
)
from splicedpareto.distributions._checks import (
    as_tensor,
    require,
    require_finite,
    resolve_validation,
)
from splicedpareto.distributions._kernels import log_between, log_mass_of_narrow, width_of

if TYPE_CHECKING:
    from typing import Self


class Continuous(ScalarDistribution):
    """A distribution without point masses, whose quantiles follow from both levels."""

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        """Outcome with a probability of `cdf` below and `sf` above it."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Outcome whose `cdf` is `value`."""
        level, rest = self._level_and_rest(value)
        return self._quantile(level, rest)

    def isf(self, value: Tensor) -> Tensor:
        """Outcome whose `sf` is `value`."""
        level, rest = self._level_and_rest(value)
        return self._quantile(rest, level)

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite.

        Of a narrow interval it is the integral of the density, of a wide one a difference.
        """
        lower, upper = self._interval(lower, upper)
        known = width_of(lower, upper) if width is None else self._value(width, "width")
        lower, upper, known = broadcast_tensors(lower, upper, known)
        narrow = self._is_narrow(lower, upper, known) & (known > 0)
        inner = log_mass_of_narrow(
            self.log_prob, torch.where(narrow, lower, self._inner()), torch.where(narrow, known, 1)
        )
        start, stop = torch.where(narrow, -math.inf, lower), torch.where(narrow, math.inf, upper)
        outer = log_between(
            self.log_cdf(start), self.log_cdf(stop), self.log_sf(start), self.log_sf(stop)
        )
        return torch.where(narrow, inner, outer)

    def _interval(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """Ends of intervals in the type of the parameters, checked."""
        lower, upper = self._value(lower, "lower"), self._value(upper, "upper")
        if self.validating:
            require(~(lower > upper), "lower", "at most upper", lower)
        return lower, upper

    def _is_narrow(self, lower: Tensor, upper: Tensor, width: Tensor) -> Tensor:
        """Where the log-density changes by less than about six over an interval."""
        raise NotImplementedError

    def _inner(self) -> Tensor:
        """Any value in the support."""
        return self.median.detach()


class LocationScale(Continuous):
    """A distribution of ``loc + scale * Z``."""

    loc: Tensor
    scale: Tensor

    def __init__(self, validate_args: bool | None, **parameters: Tensor | float) -> None:
        self.validating = resolve_validation(validate_args)
        vars(self).update(zip(parameters, promote(**parameters), strict=True))
        super().__init__(self.loc.shape, validate_args=False)
        if self.validating:
            require_finite("loc", self.loc)
            positive = (self.scale > 0) & self.scale.isfinite()
            require(positive, "scale", "positive and finite", self.scale)

    @property
    def mode(self) -> Tensor:
        """Mode, `loc`."""
        return self.loc

    def _expanded(self, batch_shape: torch.Size) -> Self:
        parameters = {name: getattr(self, name) for name in self.arg_constraints}
        expanded = {name: value.expand(batch_shape) for name, value in parameters.items()}
        return type(self)(validate_args=False, **expanded)

    def _standardized(self, value: Tensor | float) -> Tensor:
        """Return ``(value - loc) / scale``; infinite values stay as they are."""
        value = self._value(value)
        # An infinite value must not reach the quotient: its gradient would be 0 * inf.
        infinite = value.isinf()
        standardized = (torch.where(infinite, 0, value) - self.loc) / self.scale
        return torch.where(infinite, value, standardized)


def promote(**parameters: Tensor | float) -> tuple[Tensor, ...]:
    """All as tensors of a common shape, and of the type and place of the first that has fractions.

    So a number, or a tensor of whole numbers, takes those of a tensor beside it.
    """
    tensors_given = [p for p in parameters.values() if isinstance(p, Tensor)]
    default = torch.empty((), device=tensors_given[0].device if tensors_given else None)
    first = next((p for p in tensors_given if p.is_floating_point()), default)
    tensors = [
        as_tensor(name, value, dtype=first.dtype, device=first.device)
        for name, value in parameters.items()
    ]
    broadcast_shapes(*(tensor.shape for tensor in tensors), what=" and ".join(parameters))
    return broadcast_tensors(*tensors)
