"""Moments, scores and expected excesses of a distribution with a spliced distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from splicedpareto.distributions import _functionals as functionals
from splicedpareto.distributions._base import ScalarDistribution
from splicedpareto.distributions._checks import (
    require_in_unit_interval,
    require_switch,
    require_tensor,
)
from splicedpareto.distributions._distribution import SplicedDistribution
from splicedpareto.distributions._kernels import weighted
from splicedpareto.distributions._layout import from_columns, to_columns

if TYPE_CHECKING:
    from splicedpareto.distributions._parameters import SplicedParameters


class Expectations(ScalarDistribution):
    """The closed forms of `functionals` as methods, on values of any sample shape."""

    _parameters: SplicedParameters

    @property
    def distribution(self) -> SplicedDistribution:
        """The formulas on values in columns, from which every method reads.

        Built anew each time: a kept one would miss a change of the parameters in place, and a
        kept graph could be walked once.
        """
        return SplicedDistribution(self._parameters)

    def _columns(self, **values: Tensor | float) -> tuple[list[Tensor], torch.Size]:
        return to_columns(self.batch_shape, self._parameters.logits, **values)

    def _levels(self, **values: Tensor | float) -> tuple[list[Tensor], torch.Size]:
        """Lay out values of which the last is a quantile level, and one minus the level.

        Of a number it has all digits: 1 - 0.99999 is off by .1 % in float32.
        """
        name, level = list(values.items())[-1]
        require_tensor(name, level, or_number=True)
        columns, shape = self._columns(**values)
        if self.validating:
            require_in_unit_interval(name, columns[-1])
        rest = 1 - columns[-1]
        if not (isinstance(level, Tensor) and level.dtype == rest.dtype):
            rest = self._columns(**{**values, name: 1 - level})[0][-1]
        return [*columns, rest], shape

    @property
    def breakpoints(self) -> Tensor:
        """Edges and thresholds of the body, and finite ends, ``(*B, K + 3)``.

        The density jumps at a threshold, which moves with the logits: an integral moves with it.
        """
        edges, tails = self.distribution.body_edges, self.distribution.tails
        with torch.no_grad():
            ends = []
            for tail, sign in zip(tails, (-1, 1), strict=True):
                nothing = torch.full_like(tail.threshold, -math.inf)
                ends.append(tail.threshold + sign * tail.excess_at(nothing))
        # An infinite end is a threshold again, which moves with the other.
        ends = [
            torch.where(end.isfinite(), end, tail.threshold)
            for end, tail in zip(ends, tails, strict=True)
        ]
        return torch.cat([edges, *ends], -1).expand(*self.batch_shape, -1)

    @property
    def mean(self) -> Tensor:
        r"""Mean; infinite where one tail has :math:`\xi \ge 1`, NaN where both have."""
        return functionals.mean(self.distribution).squeeze(-1)

    @property
    def variance(self) -> Tensor:
        r"""Variance; infinite from :math:`\xi = 1/2` on, NaN where the mean is not finite."""
        return functionals.variance(self.distribution).squeeze(-1)

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, a number also where the variance overflows."""
        return functionals.stddev(self.distribution).squeeze(-1)

    @property
    def mode(self) -> Tensor:
        """Middle of the densest bin, or the threshold of a tail that is denser."""
        return functionals.mode(self.distribution).squeeze(-1)

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        return functionals.entropy(self.distribution).squeeze(-1)

    def crps(self, value: Tensor) -> Tensor:
        r"""Continuous ranked probability score, in units of the outcome.

        .. math:: \int (F(x) - 1\{y \le x\})^2 dx

        Infinite where a tail has :math:`\xi \ge 2`, so finite in many cases in which the mean is
        not.

        References:
            Gneiting and Raftery (2007), eq. 20; the tails as in Friederichs and Thorarinsdottir
            (2012), eq. 8.
        """
        (value,), shape = self._columns(value=value)
        return from_columns(functionals.crps(self.distribution, value), shape)

    def tw_crps(self, value: Tensor, threshold: Tensor | float) -> Tensor:
        """CRPS of what happens above a threshold: its integral from `threshold` on.

        References:
            Gneiting and Ranjan (2011), eq. 3.
        """
        return self.crps_between(value, threshold, math.inf)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS with its integral over [low, high], bounds that may be infinite."""
        low, high = self._range(low, high)
        (value, low, high), shape = self._columns(value=value, low=low, high=high)
        return from_columns(functionals.crps_between(self.distribution, value, low, high), shape)

    def pinball(self, value: Tensor, level: Tensor | float) -> Tensor:
        r"""Pinball loss of a quantile, :math:`(1\{y < Q(q)\} - q)(Q(q) - y)`.

        At level 0 or 1 of a tail without end it is 0: a side of weight zero costs nothing.

        Raises:
            ValueError: If a level lies outside [0, 1].
        """
        (value, level, rest), shape = self._levels(value=value, level=level)
        quantile = self.distribution.quantile(level, rest, None)
        error = value - quantile
        loss = torch.where(error > 0, weighted(level, error), weighted(rest, -error))
        return from_columns(loss, shape)

    def stop_loss(self, threshold: Tensor | float) -> Tensor:
        r"""Stop-loss :math:`E[(X - t)^+] = \int_t^\infty S`, infinite where :math:`\xi_U \ge 1`."""
        (threshold,), shape = self._columns(threshold=threshold)
        return from_columns(functionals.stop_loss(self.distribution, threshold), shape)

    def mean_excess(self, threshold: Tensor | float) -> Tensor:
        r"""Mean excess :math:`E[X - t \mid X > t]`, infinite where :math:`\xi_U \ge 1`."""
        (threshold,), shape = self._columns(threshold=threshold)
        return from_columns(functionals.mean_excess(self.distribution, threshold), shape)

    def expected_shortfall(self, level: Tensor | float, *, upper: bool = True) -> Tensor:
        r"""Mean of what lies beyond a quantile: :math:`E[X \mid X > Q(q)]`.

        Args:
            level: Quantile level :math:`q` in [0, 1].
            upper: Whether beyond is above the quantile; else :math:`E[X \mid X < Q(q)]`.

        Raises:
            ValueError: If a level lies outside [0, 1].
        """
        require_switch("upper", upper)
        (level, rest), shape = self._levels(level=level)
        return from_columns(
            functionals.expected_shortfall(self.distribution, level, rest, upper=upper), shape
        )

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite."""
        low, high = self._bounds(low, high)
        (low, high), shape = self._columns(low=low, high=high)
        return from_columns(functionals.clamped_mean(self.distribution, low, high), shape)
