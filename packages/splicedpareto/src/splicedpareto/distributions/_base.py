"""What the distributions here share: scalar events, and both tails with all their digits."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, TypedDict, TypeVar

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.distributions import Distribution, constraints

from splicedpareto.distributions._checks import (
    as_tensor,
    require_generator,
    require_in_unit_interval,
    require_ordered,
    require_shape,
)
from splicedpareto.distributions._quadrature import Rule, smooth_rule

if TYPE_CHECKING:
    from collections.abc import Sequence


Scalar = TypeVar("Scalar", bound="ScalarDistribution")


class TensorOptions(TypedDict):
    """Type and place of a distribution's parameters."""

    dtype: torch.dtype
    device: torch.device


class ScalarDistribution(Distribution, metaclass=ABCMeta):
    """A distribution of scalars with survival functions, interval masses and seeded sampling."""

    # Whether no value has mass of its own.
    is_continuous: bool = True
    # Whether arguments are checked: torch's own flag is private.
    validating: bool

    @abstractmethod
    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value` (survival function)."""

    @abstractmethod
    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""

    @abstractmethod
    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""

    @abstractmethod
    def log_prob_interval(
        self, lower: Tensor, upper: Tensor, *, width: Tensor | None = None
    ) -> Tensor:
        """Log-probability of (lower, upper]; either end may be infinite.

        Args:
            lower: Lower ends, broadcastable with the batch.
            upper: Upper ends, not below `lower`.
            width: Length of the intervals where it is known better than as the difference of the
                ends, which in float32 keeps two digits of a unit at 100,000.
        """

    @abstractmethod
    def isf(self, value: Tensor) -> Tensor:
        """Smallest outcome whose `sf` falls to `value`."""

    def cdf_below(self, value: Tensor) -> Tensor:
        """Probability of less than `value`: `cdf` without the mass on `value` itself."""
        return self.cdf(value)

    def log_mass(self, value: Tensor) -> Tensor:
        """Log-probability of `value` itself; ``-inf`` where the distribution has no atom."""
        value = self._value(value)
        shape = broadcast_shapes(value.shape, self.batch_shape)
        return torch.full(shape, -math.inf, dtype=value.dtype, device=value.device)

    @property
    def breakpoints(self) -> Tensor:
        """Values between which `cdf` is smooth, in any order, shape ``(*B, N)``."""
        return torch.empty((*self.batch_shape, 0), **tensor_options(self))

    @property
    def median(self) -> Tensor:
        """Smallest outcome whose `cdf` reaches one half."""
        return self.icdf(torch.tensor(0.5, **tensor_options(self)))

    @property
    def knots(self) -> Tensor:
        """Where a logarithm of the density is not smooth for a quadrature, shape ``(*B, N)``."""
        return self.breakpoints

    @property
    def peaks(self) -> Tensor:
        """Values of which one is the densest, were any atoms spread out, shape ``(*B, N)``.

        Of a distribution of several parts the mode of each, for an interval of some length holds
        other masses than a point.
        """
        return self.mode[..., None]

    def quadrature(self, knots: Tensor | None = None) -> Rule:
        """Values and probabilities that stand for the distribution in an expectation.

        Args:
            knots: Where else what is averaged is not smooth, shape ``(*B, N)``.
        """
        return smooth_rule(self, torch.empty((), **tensor_options(self)), knots)

    def _rule_and_mean(self) -> tuple[Rule, Tensor]:
        """The rule of moments, and the mean."""
        return self.quadrature(), self.mean

    @property
    def variance(self) -> Tensor:
        """Variance, by quadrature; infinite where it has none, NaN where the mean is not finite."""
        unit, squares = self._variance_in_units()
        return unit.square() * squares

    @property
    def stddev(self) -> Tensor:
        """Standard deviation, a number also where the variance overflows."""
        unit, squares = self._variance_in_units()
        return unit * squares.sqrt()

    def _variance_in_units(self) -> tuple[Tensor, Tensor]:
        """A length of the distribution, without gradient, and the variance in its square."""
        rule, mean = self._rule_and_mean()
        center = torch.where(mean.isfinite(), mean, 0)
        with torch.no_grad():
            # The largest part of the root of the variance: no square, in its unit, is larger than
            # one over its probability.
            part = rule.prob.sqrt() * (rule.value - center).abs()
            unit = torch.where(part.isfinite(), part, 0).amax(0)
            unit = torch.where(unit > 0, unit, 1)
        squares = rule.expectation(((rule.value - center) / unit).square())
        return unit, torch.where(mean.isfinite(), squares, math.nan)

    def entropy(self) -> Tensor:
        """Mean of minus `log_prob`, in nats, by quadrature; at an atom the log of its mass."""
        rule = self.quadrature()
        return rule.expectation(-self.log_prob(rule.value))

    def crps(self, value: Tensor) -> Tensor:
        """Continuous ranked probability score at `value`, in units of the outcome."""
        return self.crps_between(value, -math.inf, math.inf)

    def crps_between(self, value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
        r"""CRPS with its integral over [low, high], bounds that may be infinite.

        .. math:: \int_{\mathrm{low}}^{\mathrm{high}} (F(x) - 1\{y \le x\})^2 dx

        Raises:
            ValueError: If `low` is above `high`, and the distribution validates.
        """
        raise NotImplementedError(f"{type(self).__name__} has no closed-form CRPS.")

    def clamped_mean(self, low: Tensor | float, high: Tensor | float) -> Tensor:
        """Mean of ``min(max(X, low), high)``, bounds that may be infinite.

        Raises:
            ValueError: If `low` is above `high`, and the distribution validates.
        """
        raise NotImplementedError(f"{type(self).__name__} has no closed-form mean.")

    def sample(
        self, sample_shape: Sequence[int] = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw without gradient, shape ``(*sample_shape, *B)``."""
        require_generator(generator)
        with torch.no_grad():
            return self._draw(require_shape("sample_shape", sample_shape), generator)

    def rsample(
        self, sample_shape: Sequence[int] = (), *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw with pathwise gradients to the parameters, shape ``(*sample_shape, *B)``."""
        if not self.has_rsample:
            raise NotImplementedError(f"{type(self).__name__} has no pathwise gradient.")
        require_generator(generator)
        return self._draw(require_shape("sample_shape", sample_shape), generator)

    @abstractmethod
    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draw, with pathwise gradients where the distribution has such."""

    def _value(self, value: Tensor | float, name: str = "value") -> Tensor:
        """An argument in the type and place of the parameters, which broadcasts with the batch."""
        tensor = as_tensor(name, value, **tensor_options(self))
        broadcast_shapes(tensor.shape, self.batch_shape, what=f"{name} and the batch")
        return tensor

    def _bounds(self, low: Tensor | float, high: Tensor | float) -> tuple[Tensor, Tensor]:
        """Bounds of a clamp, checked."""
        low, high = self._value(low, "low"), self._value(high, "high")
        if self.validating:
            require_ordered("low", low, "high", high)
        return low, high

    def _range(self, low: Tensor | float, high: Tensor | float) -> tuple[Tensor, Tensor]:
        """Bounds of an integral, checked; an empty range at infinity is moved to 0."""
        low, high = self._bounds(low, high)
        is_empty = (low == high) & low.isinf()
        return torch.where(is_empty, 0, low), torch.where(is_empty, 0, high)

    def _level(self, value: Tensor | float) -> Tensor:
        """A quantile level in the type of the parameters, checked."""
        level = self._value(value)
        if self.validating:
            require_in_unit_interval("value", level)
        return level

    def _level_and_rest(self, value: Tensor | float) -> tuple[Tensor, Tensor]:
        """A quantile level and one minus it, of a number with all digits of the number."""
        level = self._level(value)
        return level, self._value(1 - value)

    @abstractmethod
    def _expanded(self, batch_shape: torch.Size) -> ScalarDistribution:
        """Return the distribution over a larger batch."""

    def expand(
        self, batch_shape: Sequence[int], _instance: Distribution | None = None
    ) -> ScalarDistribution:
        """Return the distribution over a larger batch, without copying its parameters.

        Raises:
            ValueError: The batch does not expand to it.
            TypeError: It is no shape.
        """
        shape = require_shape("batch_shape", batch_shape)
        if broadcast_shapes(self.batch_shape, shape, what="The batch and batch_shape") != shape:
            raise ValueError(
                f"batch_shape must be one that {tuple(self.batch_shape)} expands to, got "
                f"{tuple(shape)}."
            )
        return self._checked_alike(self._expanded(shape))

    def _checked_alike(self, new: Scalar) -> Scalar:
        """Return another distribution, checking its arguments as this one does."""
        new.validating = self.validating
        return new


def heaviest_atom(dist: ScalarDistribution, beside: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The value with the largest mass of its own, and whether there is one, shape ``*B``.

    It is the mode of a distribution with atoms: however short an interval, none holds as much.
    """
    values = dist.breakpoints if beside is None else torch.cat([dist.breakpoints, beside], -1)
    values = values.movedim(-1, 0)
    finite = values.isfinite()
    mass = dist.log_mass(torch.where(finite, values, 0))
    heaviest, index = torch.where(finite, mass, -math.inf).max(0, keepdim=True)
    return values.gather(0, index)[0], heaviest[0] > -math.inf


def tensor_options(base: Distribution) -> TensorOptions:
    """Type and place of a distribution's first floating-point parameter."""
    if not base.arg_constraints and hasattr(base, "base"):  # a wrapper without parameters
        return tensor_options(base.base)
    parameters = (getattr(base, name) for name in base.arg_constraints)
    tensors = (p for p in parameters if isinstance(p, Tensor) and p.is_floating_point())
    first = next(tensors, torch.empty(0))
    return {"dtype": first.dtype, "device": first.device}


def are_plain(*tensors: Tensor) -> bool:
    """Whether no derivative is taken of tensors, and no transform of `torch.func` maps them.

    A function with a derivative of its own is then called directly: by way of torch a call takes
    60 us more. A tensor that a transform wraps has no storage to point at; in a traced graph none
    is plain.
    """
    if torch.compiler.is_compiling():
        return False
    differentiates = torch.is_grad_enabled()
    try:
        for tensor in tensors:
            moves = unpack_dual(tensor).tangent is not None  # type: ignore[no-untyped-call]
            if moves or (differentiates and tensor.requires_grad):
                return False
            tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def broadcast_shapes(*shapes: Sequence[int], what: str = "Parameters") -> torch.Size:
    """Shape to which all shapes broadcast.

    Args:
        shapes: Shapes.
        what: What has them, as the error says.

    Raises:
        ValueError: They do not broadcast.
    """
    batched = [tuple(shape) for shape in shapes if len(shape)] or [()]
    if all(shape == batched[0] for shape in batched):
        # The common case, in a tenth of the time.
        return torch.Size(batched[0])
    try:
        return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        got = ", ".join(str(tuple(shape)) for shape in shapes)
        raise ValueError(f"{what} must broadcast, got shapes {got}.") from error


def widened(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """A view of a tensor in a larger shape, or itself where it has that."""
    return tensor if tensor.shape == shape else tensor.expand(shape)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Views of all tensors in their common shape."""
    return tuple(torch.broadcast_tensors(*tensors))  # type: ignore[no-untyped-call]


def interval(low: Tensor, high: Tensor) -> constraints.Constraint:
    """Constraint of values in [low, high]."""
    return constraints.interval(low, high)  # type: ignore[no-untyped-call]
