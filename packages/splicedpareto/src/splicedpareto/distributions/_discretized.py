"""A variable rounded to whole numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

from splicedpareto.distributions._accurate import as_accurate
from splicedpareto.distributions._base import ScalarDistribution, broadcast_shapes, tensor_options
from splicedpareto.distributions._checks import lie_within, resolve_validation
from splicedpareto.distributions._kernels import width_of
from splicedpareto.distributions._quadrature import Rule
from splicedpareto.distributions._whole_numbers import (
    WholeNumbers,
    beyond_whole_numbers,
    halves,
    whole_numbers,
)

if TYPE_CHECKING:
    from torch.distributions import Distribution


# Bounded supports of up to so many whole numbers are summed one by one.
_WHOLE_NUMBERS = 4096
# Else so many on either side of the median, over which a sum without end is taken.
_REACH = 256
# Numbers of a sum that are held at once: of a score in blocks, each of 8 MB in double precision.
_BLOCK = 2**20


class Discretized(ScalarDistribution):
    r"""Distribution of a base variable rounded to the nearest whole number.

    .. math:: P(Y = k) = F(k + \tfrac12) - F(k - \tfrac12)

    With ``Discretized(Censored(base, low, high))`` and whole bounds,
    :math:`P(Y = \mathrm{high}) = S(\mathrm{high} - \tfrac12)`.

    Args:
        base: Scalar distribution with the methods `cdf`, `sf`, `log_cdf` and `log_sf`; a torch
            `Normal` is taken as `Gaussian`. A family that is not this package's needs `icdf` for
            moments and `mode` for the mode, and gives no CRPS.
        validate_args: As in `SplicedBinnedPareto`.

    Raises:
        TypeError: If the base gives no accurate tails.

    Example:
        >>> dist = Discretized(torch.distributions.Normal(0.0, 0.5))
        >>> dist.log_prob(torch.tensor([0.0, 1.0, 0.5])).exp()
        tensor([0.6827, 0.1573, 0.0000])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    is_continuous = False

    def __init__(self, base: Distribution, *, validate_args: bool | None = None) -> None:
        validating = resolve_validation(validate_args)
        self.base = as_accurate(base)
        super().__init__(self.base.batch_shape, validate_args=False)
        self.validating = validating

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The whole numbers; those without mass have `log_prob` ``-inf``."""
        return _whole

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of `value`; ``-inf`` unless it is whole, NaN at NaN."""
        value = self._value(value)
        whole = value.round()
        log_prob = self.log_mass_around(whole)
        return torch.where((value == whole) | value.isnan(), log_prob, -math.inf)

    def log_mass(self, value: Tensor) -> Tensor:
        """Log-probability of `value`, as `log_prob`."""
        return self.log_prob(value)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`, continuous from the right."""
        return self.base.cdf(self._value(value).floor() + 0.5)

    def cdf_below(self, value: Tensor) -> Tensor:
        """Probability of less than `value`."""
        return self.base.cdf(self._value(value).ceil() - 0.5)

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self.base.sf(self._value(value).floor() + 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self.base.log_cdf(self._value(value).floor() + 0.5)

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self.base.log_sf(self._value(value).floor() + 0.5)

    def log_prob_interval(
        self,
        lower: Tensor,
        upper: Tensor,
        *,
        width: Tensor | None = None,  # the whole numbers decide
    ) -> Tensor:
        """Log-probability of the whole numbers in (lower, upper]."""
        start = self._value(lower, "lower").floor()
        stop = self._value(upper, "upper").floor()
        width = width_of(start, stop)
        return self.base.log_prob_interval(start + 0.5, stop + 0.5, width=width)

    def icdf(self, value: Tensor) -> Tensor:
        """Smallest whole number whose `cdf` reaches `value`, and has mass itself at level 0."""
        level = self._level(value)
        with torch.no_grad():
            return self._first_reaching(level, self.base.icdf(level), is_upper=False)

    def isf(self, value: Tensor) -> Tensor:
        """Smallest whole number whose `sf` falls to `value`, and has mass itself at level 1."""
        level = self._level(value)
        with torch.no_grad():
            return self._first_reaching(level, self.base.isf(level), is_upper=True)

    def _first_reaching(self, level: Tensor, quantile: Tensor, *, is_upper: bool) -> Tensor:
        """The base's quantile, rounded to the first whole number that reaches a level."""
        has_ends = torch.compiler.is_compiling() or not lie_within(0.0, 1.0, level)
        lowest, highest = (level == 1, level == 0) if is_upper else (level == 0, level == 1)

        def reaches(whole: Tensor) -> Tensor:
            reached = self.sf(whole) <= level if is_upper else self.cdf(whole) >= level
            if has_ends:
                # Also where the mass is below the smallest number.
                reached = torch.where(lowest, self.log_cdf(whole) > -math.inf, reached)
                reached = torch.where(highest, self.log_sf(whole).isneginf(), reached)
            return reached

        whole = _rounded(quantile)
        # The base's quantile is rounded, so its neighbor may be the smallest.
        whole = torch.where(reaches(whole - 1), whole - 1, whole)
        # One below is -1, and -1 + 1 is 0 without a sign.
        return torch.where(reaches(whole), whole, whole + 1)

    @property
    def breakpoints(self) -> Tensor:
        """Whole numbers, shape ``(*B, N)``: all of a bounded support, at most 4,096.

        Of a wider one the 513 around the median, beyond which the distribution function is taken
        as smooth.
        """
        return self._numbers().movedim(0, -1).expand(*self.batch_shape, -1)

    @property
    def knots(self) -> Tensor:
        """Ends of the units in which the base's density is not smooth."""
        around = _rounded(self.base.knots.detach())
        return torch.cat([around - 0.5, around + 0.5], -1)

    @property
    def mean(self) -> Tensor:
        """Mean; infinite where one tail has none, NaN where both have none."""
        ends = torch.tensor([-math.inf, math.inf], **tensor_options(self.base))
        return self.clamped_mean(*ends)

    @property
    def mode(self) -> Tensor:
        """The whole number with the largest mass, without gradient."""
        with torch.no_grad():
            places = torch.cat([self.base.breakpoints, self.base.peaks], -1)
            places = torch.where(places.isfinite(), places, self.base.median[..., None])
            # The mass of the interval around a number is largest where an end, or the middle, is
            # such a place, or at a whole number beside it: an atom counts with what is around it.
            ends = torch.cat([places - 0.5, places, places + 0.5], -1)
            whole = torch.cat([ends.floor(), ends.ceil()], -1).movedim(-1, 0)
            index = self.log_prob(whole).argmax(0, keepdim=True)
            return whole.gather(0, index)[0] + 0.0

    def quadrature(self, knots: Tensor | None = None) -> Rule:
        """Whole numbers with their masses: all, or those near knots and a few that stand for more.

        A number far from all knots and quantiles stands for those around it.
        """
        rule = self.unrounded_quadrature(knots)
        return rule._replace(value=rule.value.round())

    def unrounded_quadrature(self, knots: Tensor | None = None) -> Rule:
        """`quadrature` before values that stand for more than one number are rounded."""
        every = self._all_numbers()
        if every is not None:
            return every
        numbers = self._some_numbers(knots)
        low, high = numbers.value[:2]
        beyond, pieces = beyond_whole_numbers(self.base, low, high)
        value = torch.cat([numbers.value, beyond.value])
        ends, inner = numbers.log_count[:2] + math.log(23 / 24), numbers.log_count[2:]
        log_count = torch.cat([ends, inner, beyond.log_count])
        pieces = torch.cat([torch.zeros_like(numbers.value, dtype=pieces.dtype), pieces])
        prob = self._prob_of(WholeNumbers(value, log_count))
        return Rule(value, prob, torch.ones_like(prob, dtype=torch.bool), pieces, 2)

    def _some_numbers(self, knots: Tensor | None) -> WholeNumbers:
        like = torch.empty((), **tensor_options(self.base))
        knots = like.new_empty(0) if knots is None else knots
        return whole_numbers(self.base, like, knots.expand(*self.batch_shape, -1))

    def _prob_of(self, numbers: WholeNumbers) -> Tensor:
        """Probabilities of all whole numbers that values stand for."""
        used = numbers.log_count > -math.inf
        value = torch.where(used, numbers.value, numbers.value[:1])
        return (numbers.log_count + self.log_mass_around(value)).exp()

    def _all_numbers(self) -> Rule | None:
        """All whole numbers of a small support, with masses as differences of the table."""
        if self._ends() is None:
            return None
        whole = self._numbers()
        cdf = self.cdf(whole)
        prob = cdf.diff(dim=0, prepend=torch.zeros_like(cdf[:1]))
        piece = torch.zeros_like(prob, dtype=torch.long)
        return Rule(whole.expand(prob.shape), prob, piece == 0, piece, 0)

    def _rule_and_mean(self) -> tuple[Rule, Tensor]:
        rule = self.unrounded_quadrature()
        return rule, rule.expectation(rule.value)

    def entropy(self) -> Tensor:
        """Entropy of the masses in nats, by `quadrature`."""
        rule = self.unrounded_quadrature()
        return rule.expectation(-self.log_mass_around(rule.value))

    def log_mass_around(self, value: Tensor) -> Tensor:
        """Log-probability of a unit interval around any number, whole or not."""
        return self.base.log_prob_interval(value - 0.5, value + 0.5, width=torch.ones_like(value))

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        """CRPS at any `value` with its integral over [low, high].

        A sum over all whole numbers of a bounded support, at most 4,096. Of a wider one a sum over
        513 around the median; beyond them the score of the base, whose error is below a 100,000th
        of it where the distribution is wider, and nothing where it is not.
        """
        value, (low, high) = self._value(value), self._range(low, high)
        shape = broadcast_shapes(value.shape, low.shape, high.shape, self.batch_shape)
        samples = (1,) * (len(shape) - len(self.batch_shape))
        with torch.no_grad():
            whole = self._numbers()
        whole = whole.reshape(len(whole), *samples, *whole.shape[1:])
        first, last = whole[0], whole[-1] + 1
        is_all = self._ends() is not None
        if is_all:
            below = (torch.minimum(high, first) - torch.maximum(low, value)).clamp(min=0)
            above = (torch.minimum(high, value) - torch.maximum(low, last)).clamp(min=0)
        else:
            below, above = (
                self.base.crps_between(value, clamp(low, end), clamp(high, end))
                for clamp, end in ((torch.minimum, first), (torch.maximum, last))
            )
        total = below + above
        for some in torch.split(whole, max(1, _BLOCK // max(1, shape.numel()))):
            # Of the unit from a number on, what lies before the value and what after it.
            left, right = (torch.minimum(torch.maximum(end, low), high) for end in (some, some + 1))
            at = torch.minimum(torch.maximum(value, left), right)
            cdf = self.base.cdf(some + 0.5)
            sf = 1 - cdf if is_all else self.base.sf(some + 0.5)
            area = (at - left) * cdf.square() + (right - at) * sf.square()
            total = total + area.sum(0)
        return total

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``; bounds may be infinite.

        The sum of what lies beyond each number, up to sixteen beyond the outermost quantiles; there
        the base's, and Euler and Maclaurin's correction.
        """
        low, high = self._bounds(low, high)
        shape = broadcast_shapes(low.shape, high.shape, self.batch_shape)
        low, high = low.expand(shape), high.expand(shape)
        if shape != self.batch_shape:
            return self.expand(shape).clamped_mean(low, high)
        every = self._all_numbers()
        if every is not None:
            return every.expectation(torch.minimum(torch.maximum(every.value, low), high))
        like = torch.empty((), **tensor_options(self.base))
        base, offset = self.base, self._offset
        ends = torch.stack([low.floor(), low.ceil(), high.floor(), high.ceil()], -1)
        half, log_count = halves(base, like, ends)
        with torch.no_grad():
            middle = _rounded(base.median)
        # Of the unit around a half what lies within the bounds.
        length = (high - half).clamp(-0.5, 0.5) + (half - low).clamp(-0.5, 0.5)
        length = length.clamp(min=0) * log_count.exp()
        beyond = torch.where(half > middle, base.sf(half), -base.cdf(half))
        total = torch.minimum(torch.maximum(middle, low), high) + (length * beyond).sum(0)
        outermost = torch.stack([half[0] - 0.5, half[1] + 0.5])
        first, last = torch.minimum(torch.maximum(outermost, low), high)
        below = base.clamped_mean(low, first) - first + offset(first) - offset(low)
        above = base.clamped_mean(last, high) - last + offset(high) - offset(last)
        total = total + torch.where(low < first, below, 0) + torch.where(last < high, above, 0)
        return torch.where(low == high, low, total)

    def _offset(self, value: Tensor) -> Tensor:
        r"""Difference of the areas under both survival functions up to a value far out.

        .. math:: f(x) \left(\frac{(x - \lfloor x \rfloor - \frac12)^2}{2} - \frac1{12}\right)

        with `f` the density of the base: the first term of Euler and Maclaurin's formula.
        """
        finite = value.isfinite()
        x = torch.where(finite, value, 0)
        share = (x - x.floor() - 0.5).square() / 2 - 1 / 12
        return torch.where(finite, self.base.log_prob(x).exp() * share, 0)

    def _numbers(self) -> Tensor:
        """All whole numbers of a small support, or those around the median, ``(N, *1 or *B)``."""
        ends, options = self._ends(), tensor_options(self.base)
        with torch.no_grad():
            middle = self.median if ends is None else torch.zeros((), **options)
        first, last = ends or (-_REACH, _REACH)
        steps = torch.arange(first, last + 1, **options)
        return middle + steps.reshape(-1, *(1,) * len(self.batch_shape))

    def _ends(self) -> tuple[float, float] | None:
        """Lowest and highest whole number with mass in any row, where there are few between."""
        support = self.base.support
        ends = [getattr(support, name, None) for name in ("lower_bound", "upper_bound")]
        low, high = (torch.as_tensor(math.inf if end is None else end) for end in ends)
        try:
            first, last = ((end - 0.5).ceil().item() for end in (low.min(), high.max()))
        except RuntimeError:  # within `torch.vmap` no number can be read
            return None
        return (first, last) if last - first < _WHOLE_NUMBERS else None

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        draws = self.base.sample(sample_shape, generator=generator)
        return _rounded(draws)

    def _expanded(self, batch_shape: torch.Size) -> Discretized:
        return Discretized(self.base.expand(batch_shape), validate_args=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base!r})"


class _Whole(constraints.Constraint):
    """Whole numbers of either sign."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return value == value.round()


_whole = _Whole()


def _rounded(value: Tensor) -> Tensor:
    """Nearest whole numbers; halves go down, as in the interval (k - 1/2, k + 1/2]."""
    return (value - 0.5).ceil() + 0.0
