"""Bases of continuous distributions: quantile levels, interval masses, location and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_tensors,
)
from splicedpareto.distributions._checks import (
    require,
    require_finite,
    resolve_validation,
)
from splicedpareto.distributions._kernels import log_between

if TYPE_CHECKING:
    from typing import Self


class Continuous(ScalarDistribution):
    """A distribution without point masses, whose quantiles follow from both levels."""

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        """Outcome with a probability of `cdf` below and `sf` above it."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Outcome whose `cdf` is `value`."""
        level = self._level(value)
        return self._quantile(level, 1 - level)

    def isf(self, value: Tensor) -> Tensor:
        """Outcome whose `sf` is `value`."""
        level = self._level(value)
        return self._quantile(1 - level, level)

    def log_prob_interval(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite."""
        return log_between(
            self.log_cdf(lower), self.log_cdf(upper), self.log_sf(lower), self.log_sf(upper)
        )


class LocationScale(Continuous):
    """A distribution of ``loc + scale * Z``."""

    loc: Tensor
    scale: Tensor

    def __init__(self, validate_args: bool | None, **parameters: Tensor | float) -> None:
        self.validating = resolve_validation(validate_args)
        vars(self).update(zip(parameters, promote(*parameters.values()), strict=True))
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
        value = torch.as_tensor(value, dtype=self.loc.dtype, device=self.loc.device)
        # An infinite value must not reach the quotient: its gradient would be 0 * inf.
        infinite = value.isinf()
        standardized = (torch.where(infinite, 0, value) - self.loc) / self.scale
        return torch.where(infinite, value, standardized)


def promote(*parameters: Tensor | float) -> tuple[Tensor, ...]:
    """All as tensors of a common shape; a number takes the type and place of a tensor beside it."""
    first = next((p for p in parameters if isinstance(p, Tensor)), torch.tensor(0.0))
    return broadcast_tensors(
        *(torch.as_tensor(p, dtype=first.dtype, device=first.device) for p in parameters)
    )
