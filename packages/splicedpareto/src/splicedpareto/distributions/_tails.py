"""A generalized Pareto tail as seen from its threshold."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from splicedpareto.distributions._kernels import finite_hazard, hazard_inverse, log1mexp


class Tail(NamedTuple):
    r"""One tail of a spliced distribution, in excesses that grow away from the body.

    The lower tail is an upper tail of the reflected outcome, so one set of formulas serves both.
    With :math:`L` the cumulative hazard of the excess over the scale, the probability beyond an
    excess is :math:`p\,e^{-L}`.

    Attributes:
        threshold: Where the tail starts, in units of the outcome.
        concentration: :math:`\xi`, any sign.
        scale: :math:`\sigma > 0`, in units of the outcome.
        log_mass: Log-probability :math:`\log p` of the tail, ``-inf`` where it is switched off; a
            mass that a batch shares is one number.
    """

    threshold: Tensor
    concentration: Tensor
    scale: Tensor
    log_mass: Tensor

    def hazard(self, excess: Tensor) -> Tensor:
        r"""Cumulative hazard :math:`L` at an excess, infinite at and past the end."""
        hazard, past_end = self._finite_hazard(excess)
        return torch.where(past_end, math.inf, hazard)

    def log_density(self, excess: Tensor) -> Tensor:
        r"""Conditional log-density of an excess: :math:`-\log\sigma - (1 + \xi) L`."""
        hazard, past_end = self._finite_hazard(excess)
        log_density = (-1 - self.concentration) * hazard - self.scale.log()
        return torch.where(past_end, -math.inf, log_density)

    def log_beyond(self, excess: Tensor) -> Tensor:
        """Log-probability of the tail beyond an excess."""
        return self.log_mass - self.hazard(excess)

    def log_share_between(self, near: Tensor, width: Tensor) -> Tensor:
        r"""Conditional log-probability that the excess lies in (near, near + width].

        The excess over a higher threshold is again generalized Pareto, with scale
        :math:`\sigma + \xi\,\mathrm{near}`, so no difference of two hazards is formed:

        .. math::
            -L(\mathrm{near}) + \log\bigl(1 - e^{-L(\xi,
            \mathrm{width} / (\sigma + \xi\,\mathrm{near}))}\bigr)
        """
        hazard, past_end = self._finite_hazard(near)
        start = torch.where(past_end, 0, near)
        scale = self.scale + self.concentration * start
        # Rounding may bring the scale to zero just before the end.
        scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)
        rest = self._replace(scale=scale).hazard(torch.where(past_end, 0, width))
        return torch.where(past_end, -math.inf, log1mexp(rest) - hazard)

    def log_mass_between(self, near: Tensor, width: Tensor) -> Tensor:
        """Log-probability that a value in this tail has an excess in (near, near + width]."""
        return self.log_mass + self.log_share_between(near, width)

    def excess_at(self, log_beyond: Tensor) -> Tensor:
        """Excess beyond which the tail keeps a log-probability (at most `log_mass`)."""
        empty = self.log_mass.isneginf()
        hazard = (torch.where(empty, 0, self.log_mass) - log_beyond).clamp(min=0)
        return self.excess_of(torch.where(empty, 0, hazard))

    def excess_of(self, hazard: Tensor) -> Tensor:
        """Excess at a cumulative hazard."""
        return self.scale * hazard_inverse(hazard, self.concentration)

    def mean_excess(self, excess: Tensor) -> Tensor:
        r"""Mean excess over a value in the tail, :math:`(\sigma + \xi z) / (1 - \xi)`.

        Infinite from :math:`\xi = 1`; zero past the end, and for a tail without mass.
        """
        finite = self.concentration < 1
        mean = (self.scale + self.concentration * excess) / (
            1 - torch.where(finite, self.concentration, 0)
        )
        mean = torch.where(finite, mean.clamp(min=0), math.inf)
        return torch.where(self.log_mass.isneginf(), 0, mean)

    def second_moment(self, distance: Tensor) -> Tensor:
        r"""Contribution to a second moment about a point `distance` before the threshold.

        .. math:: p\left(D^2 + \frac{2 D \sigma}{1 - \xi}
            + \frac{2 \sigma^2}{(1 - \xi)(1 - 2\xi)}\right)

        Infinite from :math:`\xi = 1/2`; zero for a tail without mass.
        """
        finite = self.concentration < 0.5
        concentration = torch.where(finite, self.concentration, 0)
        mean = self.scale / (1 - concentration)
        moment = distance.square() + 2 * mean * (distance + self.scale / (1 - 2 * concentration))
        moment = torch.where(finite, moment, math.inf)
        return torch.where(self.log_mass.isneginf(), 0, self.log_mass.exp() * moment)

    def integral_within(self, excess: Tensor, power: int) -> Tensor:
        r"""Integral of :math:`(p\,e^{-L})^m` from the threshold to an excess.

        .. math:: p^m \sigma\, E(\xi - m, L) = p^m \sigma \frac{1 - e^{-(m - \xi) L}}{m - \xi}
        """
        area = self.scale * hazard_inverse(self.hazard(excess), self.concentration - power)
        return torch.where(self.log_mass.isneginf(), 0, (power * self.log_mass).exp() * area)

    def integral_beyond(self, excess: Tensor, power: int) -> Tensor:
        r"""Integral of :math:`(p\,e^{-L})^m` from an excess on, infinite from :math:`\xi = m`.

        .. math:: p^m \sigma \frac{e^{-(m - \xi) L}}{m - \xi}
        """
        hazard, past_end = self._finite_hazard(excess)
        finite = self.concentration < power
        rest = power - torch.where(finite, self.concentration, 0)
        area = (power * self.log_mass - rest * hazard).exp() * self.scale / rest
        area = torch.where(finite, torch.where(past_end, 0, area), math.inf)
        return torch.where(self.log_mass.isneginf(), 0, area)

    def integral_of_rest(self, excess: Tensor, power: int) -> Tensor:
        r"""Integral of :math:`(1 - p\,e^{-L})^m` from the threshold to an excess, m = 1 or 2."""
        hazard, mass = self.hazard(excess), self.log_mass.exp()
        integral = excess
        for exponent, count in ((1, power), (2, power - 1))[:power]:
            area = self.scale * hazard_inverse(hazard, self.concentration - exponent)
            integral = integral + (-1) ** exponent * count * mass**exponent * area
        return torch.where(self.log_mass.isneginf(), excess, integral)

    def _finite_hazard(self, excess: Tensor) -> tuple[Tensor, Tensor]:
        """Hazard with any finite constant in place of infinity, and where that was."""
        return finite_hazard(excess, self.scale, self.concentration)


class Tails(NamedTuple):
    """The lower and the upper tail."""

    lower: Tail
    upper: Tail

    def clip(self, value: Tensor) -> Tensor:
        """Clamp values to the body."""
        return value.clamp(self.lower.threshold, self.upper.threshold)

    def excess(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values clamped to the body, their excess over it, and whether that is an upper one."""
        inside = self.clip(value)
        # In the body the difference is zero, and has no gradient.
        beyond = value - inside
        return inside, beyond.abs(), value > inside

    def select(self, is_upper: Tensor) -> Tail:
        """The upper tail where the condition holds, else the lower."""
        entries = zip(self.lower, self.upper, strict=True)
        return Tail(*(torch.where(is_upper, upper, lower) for lower, upper in entries))
