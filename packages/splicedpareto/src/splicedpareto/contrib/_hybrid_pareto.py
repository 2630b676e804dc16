"""The hybrid Pareto distribution: a Gaussian with a generalized Pareto upper tail."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._base import broadcast_tensors, tensor_options
from splicedpareto.distributions._checks import require
from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._kernels import log_sum_exp, safe_log, width_of
from splicedpareto.distributions._location_scale import LocationScale
from splicedpareto.distributions._special import (
    area_of_ndtr,
    area_of_squared_ndtr,
    lambert_w,
    log_ndtr,
    ndtr,
    ndtri,
    normal_density,
)
from splicedpareto.distributions._tails import Tail


class HybridPareto(LocationScale):
    r"""Gaussian up to a junction, generalized Pareto beyond, smooth where they meet.

    .. math::
        f(x) = \frac{1}{\gamma} \begin{cases}
            \varphi(x; \mu, \sigma) & x \le \alpha \\
            g(x - \alpha; \xi, \beta) & x > \alpha \end{cases}

    Density and derivative are continuous, which fixes the junction, the tail's scale and the
    weight, when the distribution is built: with :math:`w = W((1 + \xi)^2 / 2 \pi)`, where
    :math:`W` is Lambert's function, :math:`\alpha = \mu + \sigma \sqrt w`,
    :math:`\beta = \sigma (1 + \xi) / \sqrt w` and :math:`\gamma = 1 + \Phi(\sqrt w)`. The
    distribution therefore has three parameters, its lower tail is Gaussian, and the generalized
    Pareto part holds more than half of its mass.

    Args:
        loc: :math:`\mu`, the mode, shape ``(*B,)``, in units of the outcome.
        scale: :math:`\sigma > 0`, broadcastable.
        concentration: :math:`\xi > -1` of the upper tail, broadcastable.
        validate_args: As in torch.

    Raises:
        ValueError: If a parameter breaks its rule.

    References:
        Carreau and Bengio (2009), "A hybrid Pareto model for asymmetric fat-tailed data: the
        univariate case", Extremes 12, section 2. A `splicedpareto.Mixture` of them is the
        conditional model of Carreau and Bengio (2009), IEEE Transactions on Neural Networks 20(7).

    Example:
        >>> distribution = HybridPareto(0.0, 1.0, 0.3)
        >>> distribution.junction, distribution.sf(torch.tensor(1000.0))
        (tensor(0.4654), tensor(9.8211e-08))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.greater_than(-1.0),  # type: ignore[no-untyped-call]
    }
    has_rsample = True
    concentration: Tensor

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        concentration: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(validate_args, loc=loc, scale=scale, concentration=concentration)
        if self.validating:
            allowed = (self.concentration > -1) & self.concentration.isfinite()
            require(allowed, "concentration", "above -1 and finite", self.concentration)
        step = lambert_w((1 + self.concentration).square() / (2 * math.pi)).sqrt()
        self._junction_step = step
        self._log_weight = -ndtr(step).log1p()
        self._tail = Tail(
            threshold=self.loc + self.scale * step,
            concentration=self.concentration,
            scale=self.scale * (1 + self.concentration) / step,
            log_mass=self._log_weight,
        )

    @property
    def mean(self) -> Tensor:
        r"""Mean, infinite from :math:`\xi = 1` on.

        .. math:: \frac{1}{\gamma} \left(\mu \Phi(s) - \sigma \varphi(s) + \alpha
            + \frac{\beta}{1 - \xi}\right), \qquad s = \sqrt w
        """
        return self.loc + self.scale * self._standard_moments()[0]

    @property
    def variance(self) -> Tensor:
        r"""Variance; infinite from :math:`\xi = 1/2` on, NaN where the mean is not finite."""
        return self.scale.square() * self._standard_moments()[1]

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, a number also where the variance overflows."""
        return self.scale * self._standard_moments()[1].sqrt()

    def _standard_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance at location 0 and scale 1."""
        step, weight = self._junction_step, self._log_weight.exp()
        below, density = ndtr(step), normal_density(step)
        tail = self._tail._replace(threshold=step, scale=self._tail.scale / self.scale)
        mean = weight * (step - density) + tail.integral_beyond(torch.zeros_like(step), 1)
        center = torch.where(mean.isfinite(), mean, 0)
        squares = (1 + center.square()) * below - (step - 2 * center) * density
        variance = weight * squares + tail.second_moment(step - center)
        return mean, torch.where(mean.isfinite(), variance, math.nan)

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        step, log_weight = self._junction_step, self._log_weight
        below = ndtr(step)
        body = (self.scale.log() + math.log(2 * math.pi) / 2) * below
        body = body + (below - step * normal_density(step)) / 2
        tail = self._tail.scale.log() + 1 + self.concentration
        return log_weight.exp() * (body + tail) - log_weight

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite."""
        low, high = self._bounds(low, high)
        # From the junction, or the bound next to it, on either side: a far bound has no digits.
        start, no_high = torch.minimum(torch.maximum(self.junction, low), high), high.isposinf()
        (z, excess), (lowest, _) = self._split(start), self._split(low)
        below = area_of_ndtr(z) - area_of_ndtr(torch.minimum(z, lowest))
        below = self._log_weight.exp() * self.scale * below
        above = self._sf_until(start) - self._sf_until(torch.where(no_high, start, high))
        above = torch.where(no_high, self._tail.integral_beyond(excess, 1), above)
        return torch.where(low == high, low, start - below + above)

    def _sf_until(self, value: Tensor) -> Tensor:
        """Integral of the survival function from a value to the junction, negative beyond it."""
        z, excess = self._split(value)
        step, weight = self._junction_step, self._log_weight.exp()
        body = step - z - weight * (area_of_ndtr(step) - area_of_ndtr(z))
        return self.scale * body - self._tail.integral_within(excess, 1)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The line up to the end of the tail, which is infinite from zero concentration on."""
        end = self.junction + self._tail.excess_at(torch.full_like(self.loc, -math.inf))
        return constraints.less_than(end)  # type: ignore[no-untyped-call]

    @property
    def junction(self) -> Tensor:
        r"""Where the tail starts, :math:`\alpha`, in units of the outcome, shape ``(*B,)``."""
        return self._tail.threshold

    @property
    def breakpoints(self) -> Tensor:
        """The junction and a finite end, without gradient, shape ``(*B, 2)``."""
        end = self.support.upper_bound
        end = torch.where(end.isfinite(), end, self.junction)
        return torch.stack([self.junction, end], -1).detach()

    @property
    def tail_mass(self) -> Tensor:
        r"""Probability of the tail, :math:`1 / \gamma`, shape ``(*B,)``."""
        return self._log_weight.exp()

    def _split(self, value: Tensor | float) -> tuple[Tensor, Tensor]:
        """Standardized value within the Gaussian part, and the excess in the tail."""
        value = self._value(value)
        excess = value - self._tail.threshold
        in_tail = excess > 0
        z = torch.where(in_tail, self._junction_step, self._standardized(value))
        return z, torch.where(in_tail, excess, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; ``-inf`` past the end of the support."""
        z, excess = self._split(value)
        body = -z.square() / 2 - self.scale.log() - math.log(2 * math.pi) / 2
        return self._log_weight + torch.where(excess > 0, self._tail.log_density(excess), body)

    def _cdf_and_sf(self, value: Tensor) -> tuple[Tensor, Tensor]:
        z, excess = self._split(value)
        body = self._log_weight.exp() * ndtr(z)
        beyond = self._tail.log_beyond(excess).exp()
        in_tail = excess > 0
        return torch.where(in_tail, 1 - beyond, body), torch.where(in_tail, beyond, 1 - body)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self._cdf_and_sf(value)[0]

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self._cdf_and_sf(value)[1]

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        z, excess = self._split(value)
        beyond = self._tail.log_beyond(excess).exp()
        return torch.where(excess > 0, (-beyond).log1p(), self._log_weight + log_ndtr(z))

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        z, excess = self._split(value)
        body = (-(self._log_weight.exp() * ndtr(z))).log1p()
        return torch.where(excess > 0, self._tail.log_beyond(excess), body)

    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]: the sum of its parts on both sides of the junction."""
        lower, upper = self._interval(lower, upper)
        junction = self.junction
        below, above = torch.minimum(upper, junction), torch.maximum(lower, junction)
        in_body, in_tail = width_of(lower, below), width_of(above, upper)
        if width is not None:
            width = self._value(width, "width")
            in_body = torch.where(upper <= junction, width, in_body)
            in_tail = torch.where(lower >= junction, width, in_tail)
        start = torch.minimum(lower, below)
        gaussian = Gaussian(self.loc, self.scale, validate_args=False)
        body = gaussian.log_prob_interval(start, below, width=in_body.clamp(min=0))
        tail = self._tail.log_mass_between((lower - junction).clamp(min=0), in_tail.clamp(min=0))
        outside = self.cdf(lower) + self.sf(upper)
        mostly = outside < 0.5
        parts = torch.stack(broadcast_tensors(self._log_weight + body, tail))
        complement = torch.log1p(-torch.where(mostly, outside, 0))
        return torch.where(mostly, complement, log_sum_exp(parts))

    def _quantile(self, cdf: Tensor, sf: Tensor) -> Tensor:
        in_tail = sf < self._log_weight.exp()
        share = torch.where(in_tail, 0.5, cdf / self._log_weight.exp()).clamp(max=1.0)
        body = self.loc + self.scale * ndtri(share)
        log_beyond = safe_log(torch.where(in_tail, sf, self._log_weight.exp()))
        return torch.where(in_tail, self._tail.threshold + self._tail.excess_at(log_beyond), body)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high], in units of the outcome.

        The integrals of :math:`F^2` and :math:`(1 - F)^2` are those of a Gaussian up to the
        junction and of a generalized Pareto tail beyond. Infinite from :math:`\xi = 2` on.
        """
        value, (low, high) = self._value(value), self._range(low, high)
        at = torch.minimum(torch.maximum(value, low), high)
        return (self._below(at) - self._below(low)) + (self._above(at) - self._above(high))

    def _below(self, value: Tensor) -> Tensor:
        """Integral of the squared cdf up to a value; meaningless at ``inf``."""
        z, excess = self._split(torch.where(value == math.inf, self.junction, value))
        body = self.scale * (2 * self._log_weight).exp() * area_of_squared_ndtr(z)
        return body + self._tail.integral_of_rest(excess, 2)

    def _above(self, value: Tensor) -> Tensor:
        """Integral of the squared survival function from a value on."""
        z, excess = self._split(torch.where(value == -math.inf, self.junction, value))
        weight, step = self._log_weight.exp(), self._junction_step
        body = step - z
        body = body - 2 * weight * (area_of_ndtr(step) - area_of_ndtr(z))
        body = body + weight.square() * (area_of_squared_ndtr(step) - area_of_squared_ndtr(z))
        # Beyond an infinite value the integral is 0; the value must not enter the graph.
        nothing = excess.isinf()
        beyond = self._tail.integral_beyond(torch.where(nothing, 0, excess), 2)
        return self.scale * body + torch.where(nothing, 0, beyond)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draw as by two uniform numbers.

        The excess is drawn from an exponential variable: one minus a float32 uniform stops at
        6e-8, which would cut off the tail.
        """
        shape = sample_shape + self.batch_shape
        uniform = torch.rand(shape, generator=generator, **tensor_options(self))
        hazard = torch.empty_like(uniform).exponential_(generator=generator)
        mass = self._log_weight.exp()
        in_tail = 1 - uniform < mass
        body = self._quantile(torch.where(in_tail, (1 - mass) / 2, uniform), torch.ones_like(mass))
        tail = self._tail.threshold + self._tail.excess_at(self._log_weight - hazard)
        return torch.where(in_tail, tail, body)
