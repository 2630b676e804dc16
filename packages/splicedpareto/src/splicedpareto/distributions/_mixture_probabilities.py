"""Densities and probabilities of a mixture: weighted sums of its components'."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splicedpareto.distributions._base import (
    ScalarDistribution,
    broadcast_tensors,
)
from splicedpareto.distributions._checks import require
from splicedpareto.distributions._kernels import log_sum_exp


class MixtureProbabilities(ScalarDistribution):
    """A mixture of `components` with weights of unnormalized logarithms `logits`."""

    logits: Tensor
    components: tuple[ScalarDistribution, ...]

    @property
    def log_weights(self) -> Tensor:
        """Log-probabilities of the components, shape ``(*B, K)``."""
        return self.logits.log_softmax(-1)

    @property
    def weights(self) -> Tensor:
        """Probabilities of the components, shape ``(*B, K)``."""
        return self.logits.softmax(-1)

    def _each(self, method: str, *values: Tensor | float) -> Tensor:
        """A method of every component, stacked behind the batch."""
        results = (getattr(component, method)(*values) for component in self.components)
        return torch.stack(broadcast_tensors(*results), -1)

    def _average(self, each: Tensor) -> Tensor:
        """Weighted sum of numbers, which may be infinite where the weight is zero."""
        weights = self.weights
        return (weights * torch.where(weights > 0, each, 0)).sum(-1)

    def _probability(self, each: Tensor) -> Tensor:
        # The sum of the weights is rounded.
        is_sure = ((each == 1) | (self.weights == 0)).all(-1)
        return torch.where(is_sure, 1, self._average(each).clamp(max=1))

    def _log_probability(self, each: Tensor) -> Tensor:
        """Mixed log-probabilities: one minus the rest where that is the smaller part."""
        rest = self._average(-torch.expm1(each))
        mostly = rest < 0.5
        complement = torch.log1p(-torch.where(mostly, rest, 0))
        return torch.where(mostly, complement, self._log_sum(each))

    def _log_sum(self, each: Tensor) -> Tensor:
        log_weights = self.log_weights
        terms = torch.where(log_weights.isneginf(), -math.inf, log_weights + each)
        return log_sum_exp(terms.movedim(-1, 0))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, and at an atom the log of its mass; NaN at NaN."""
        value = self._value(value)
        each = self._each("log_prob", value)
        if not self.is_continuous:
            mass = self._each("log_mass", value)
            has_mass = ((mass > -math.inf) & (self.weights > 0)).any(-1, keepdim=True)
            each = torch.where(has_mass, mass, each)
        return self._log_sum(each)

    def log_mass(self, value: Tensor) -> Tensor:
        """Log-probability of `value` itself; ``-inf`` where no component has an atom."""
        if self.is_continuous:
            return super().log_mass(value)
        return self._log_sum(self._each("log_mass", self._value(value)))

    @property
    def breakpoints(self) -> Tensor:
        """Those of all components, shape ``(*B, N)``."""
        return torch.cat([component.breakpoints for component in self.components], -1)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`, accurate in the lower tail."""
        return self._probability(self._each("cdf", self._value(value)))

    def cdf_below(self, value: Tensor) -> Tensor:
        """Probability of less than `value`: `cdf` without the atom on `value`."""
        return self._probability(self._each("cdf_below", self._value(value)))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`, accurate in the upper tail."""
        return self._probability(self._each("sf", self._value(value)))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`, accurate in either tail."""
        return self._log_probability(self._each("log_cdf", self._value(value)))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`, accurate in either tail."""
        return self._log_probability(self._each("log_sf", self._value(value)))

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; an atom on `upper` counts, on `lower` does not."""
        lower, upper = self._value(lower, "lower"), self._value(upper, "upper")
        if self.validating:
            require(~(lower > upper), "lower", "at most upper", lower)
        parts = (part.log_prob_interval(lower, upper, width=width) for part in self.components)
        return self._log_probability(torch.stack(broadcast_tensors(*parts), -1))
