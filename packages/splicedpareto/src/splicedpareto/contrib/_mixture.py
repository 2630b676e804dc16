"""Mixtures of scalar distributions, accurate in both tails."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import ScalarDistribution, broadcast_shapes, tensor_options
from splicedpareto.distributions._checks import require, resolve_validation
from splicedpareto.distributions._kernels import log_sum_exp, safe_log
from splicedpareto.distributions._location_scale import Continuous

# Evaluations between the components' quantiles; the last step, Newton's, squares the error.
_EVALUATIONS = 20
# Gauss-Legendre nodes on each piece between neighboring quantiles of the components.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
# Below the last level a tail adds less than 1e-9 to a CRPS for concentrations up to 0.9.
_LEVELS = (0.5, 0.2, 0.05, 0.01, 1e-3, 1e-4, 1e-6, 1e-8)


class Mixture(Continuous):
    r"""Mixture of `K` components, :math:`F = \sum_k \pi_k F_k`.

    A mixture of Gaussians is the distribution of a mixture density network, one of `HybridPareto`
    that of Carreau and Bengio's conditional model. `torch.distributions.MixtureSameFamily` has no
    survival functions, quantiles or CRPS.

    Args:
        logits: Unnormalized log-weights, shape ``(*B, K)``.
        components: Distribution of batch shape ``(*B, K)``.
        validate_args: As in torch.

    Raises:
        ValueError: If the shapes do not match or a logit is NaN or infinite.

    References:
        Bishop (1994), "Mixture Density Networks", NCRG/94/004, eq. 22 and 25.

    Example:
        >>> from splicedpareto.distributions import Gaussian
        >>> distribution = Mixture(torch.zeros(2), Gaussian(torch.tensor([-3.0, 3.0]), 1.0))
        >>> distribution.cdf(torch.tensor(0.0)), distribution.icdf(torch.tensor(0.4))
        (tensor(0.5000), tensor(-2.1584))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "logits": constraints.real_vector
    }
    has_rsample = False  # the choice of a component has no gradient

    def __init__(
        self,
        logits: Tensor,
        components: ScalarDistribution,
        *,
        validate_args: bool | None = None,
    ) -> None:
        validating = resolve_validation(validate_args)
        shape = broadcast_shapes(logits.shape, components.batch_shape)
        self.logits = logits.expand(shape)
        expands = components.batch_shape != shape
        self.components = components.expand(shape) if expands else components
        super().__init__(shape[:-1], validate_args=False)
        self.validating = validating
        if validating:
            require(self.logits.isfinite(), "logits", "finite", self.logits)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The real line; components may have no mass on parts of it."""
        return constraints.real

    @property
    def log_weights(self) -> Tensor:
        """Log-probabilities of the components, shape ``(*B, K)``."""
        return self.logits.log_softmax(-1)

    def _beside(self, value: Tensor | float) -> Tensor:
        """Append a dimension for the components to a value."""
        return torch.as_tensor(value, **tensor_options(self))[..., None]

    def _sum(self, probabilities: Tensor) -> Tensor:
        return (self.log_weights.exp() * probabilities).sum(-1)

    def _probability(self, probabilities: Tensor) -> Tensor:
        # The sum of the weights is rounded and may exceed 1.
        return self._sum(probabilities).clamp(max=1.0)

    def _log_sum(self, log_probabilities: Tensor) -> Tensor:
        return log_sum_exp((self.log_weights + log_probabilities).movedim(-1, 0))

    @property
    def mean(self) -> Tensor:
        """Mean, where the components have one."""
        return self._sum(self.components.mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density."""
        return self._log_sum(self.components.log_prob(self._beside(value)))

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self._probability(self.components.cdf(self._beside(value)))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self._probability(self.components.sf(self._beside(value)))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self._log_sum(self.components.log_cdf(self._beside(value)))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self._log_sum(self.components.log_sf(self._beside(value)))

    def icdf(self, value: Tensor) -> Tensor:
        """Outcome whose `cdf` is `value`, between the components' own quantiles."""
        level = self._level(value)
        return self._between(level, 1 - level, self.components.icdf(level[..., None]))

    def isf(self, value: Tensor) -> Tensor:
        """Outcome whose `sf` is `value`, between the components' own quantiles."""
        level = self._level(value)
        return self._between(1 - level, level, self.components.isf(level[..., None]))

    def _between(self, cdf: Tensor, sf: Tensor, quantiles: Tensor) -> Tensor:
        lower = cdf < sf
        with torch.no_grad():
            low, high = quantiles.amin(-1), quantiles.amax(-1)
            endless = low.isinf() | high.isinf() | (cdf == 0) | (sf == 0)
            end = torch.where(lower, low, high)
            low, high = torch.where(endless, 0, low), torch.where(endless, 0, high)
            value = self._bracketed_root(lower, cdf, sf, low, high)
            density = self.log_prob(value).exp()
            density = torch.where(density > 0, density, torch.inf)
        # One Newton step with gradient: its derivative is that of the implicit function.
        gap = torch.where(lower, cdf - self.cdf(value), self.sf(value) - sf)
        return torch.where(endless, end, value + gap / density)

    def _bracketed_root(
        self, lower: Tensor, cdf: Tensor, sf: Tensor, low: Tensor, high: Tensor
    ) -> Tensor:
        """Value in [low, high] at which the log of the smaller side equals that of the level.

        The regula falsi of Anderson and Björck (1973), which shrinks the function at the end that
        is kept.
        """
        target = torch.where(lower, safe_log(cdf), -safe_log(sf))

        def gap(at: Tensor) -> Tensor:
            return torch.where(lower, self.log_cdf(at), -self.log_sf(at)) - target

        below, above = gap(low), gap(high)
        value = low
        for step in range(_EVALUATIONS):
            share = (below / (below - above)).nan_to_num(0.5, 0.5, 0.5).clamp(0, 1)
            # Every third step halves, which bounds the number of steps.
            value = low + (high - low) * (share if step % 3 else 0.5)
            at = gap(value)
            short = at < 0
            kept = torch.where(short, above, below)
            replaced = torch.where(short, below, above)
            weight = 1 - at / replaced
            weight = torch.where(weight > 0, weight, 0.5).nan_to_num(0.5)
            low, high = torch.where(short, value, low), torch.where(short, high, value)
            below = torch.where(short, at, kept * weight)
            above = torch.where(short, kept * weight, at)
        return value

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high], by quadrature.

        Gauss-Legendre between neighboring quantiles of the components and the outcome, exact to
        1e-5 of the widest component's scale.
        """
        value, low, high = (torch.as_tensor(v, **tensor_options(self)) for v in (value, low, high))
        at = torch.minimum(torch.maximum(value, low), high)
        knots = self._knots()
        shape = broadcast_shapes(at.shape, knots.shape[:-1])
        knots = torch.cat([knots.expand(*shape, -1), at.expand(shape)[..., None]], -1)
        knots = torch.minimum(torch.maximum(knots, low[..., None]), high[..., None])
        knots = knots.sort(-1).values
        start, width = knots[..., :-1, None], knots.diff(dim=-1)[..., None]
        nodes, weights = (torch.as_tensor(v, **tensor_options(self)) for v in (_NODES, _WEIGHTS))
        x = (start + width * (nodes + 1) / 2).movedim((-2, -1), (0, 1))
        cdf = self.cdf(x)
        error = torch.where(x < at, cdf, 1 - cdf).square()
        return (
            (error * weights[:, *([None] * len(shape))])
            .sum(1)
            .mul(width.squeeze(-1).movedim(-1, 0) / 2)
            .sum(0)
        )

    @torch.no_grad()
    def _knots(self) -> Tensor:
        """Quantiles of all components at levels towards both ends, shape ``(*B, N)``."""
        levels = torch.tensor(_LEVELS, **tensor_options(self))
        levels = levels.reshape(-1, *([1] * self.logits.dim()))
        quantiles = torch.cat([self.components.icdf(levels), self.components.isf(levels)])
        return quantiles.movedim(0, -1).flatten(-2)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        draws = self.components.sample(sample_shape, generator=generator)
        noise = torch.empty_like(draws).exponential_(generator=generator)
        # The first of exponential times whose rates are the weights.
        chosen = (noise.log() - self.log_weights).argmin(-1, keepdim=True)
        return draws.gather(-1, chosen).squeeze(-1)

    def _expanded(self, batch_shape: torch.Size) -> Mixture:
        logits = self.logits.expand(*batch_shape, self.logits.shape[-1])
        return Mixture(logits, self.components.expand(logits.shape), validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.logits.shape[-1]} of {self.components!r})"
