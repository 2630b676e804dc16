"""Targets of a regression: numbers, or intervals of which a number is known to lie in."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

    from splicedpareto.nn._edges import Support

# Cells of the estimated distribution of censored targets, and steps of its iteration.
_CELLS, _STEPS = 200, 200
# Places at least, in which targets past the ends that are known of them are taken to be.
_PLACES = 256


@dataclass(frozen=True)
class Outcomes:
    """Targets in float64.

    Attributes:
        lower: Shape ``(n,)``; ``-inf`` where left-censored.
        upper: Shape ``(n,)``; ``inf`` where right-censored, `lower` where the target is known.
    """

    lower: Tensor
    upper: Tensor

    @property
    def known(self) -> Tensor:
        """Where the target itself is known."""
        return self.lower == self.upper

    @property
    def values(self) -> Tensor:
        """The target, the middle of its interval, or the end of it that is finite."""
        middle = self.lower + (self.upper - self.lower) / 2
        ends = torch.where(self.upper.isinf(), self.lower, self.upper)
        return torch.where(self.lower.isinf() | self.upper.isinf(), ends, middle)

    def within(self, support: Support) -> Outcomes:
        """The part of each interval with two ends that lies within a support."""
        low, high = support
        lower, upper = self.lower, self.upper
        if low is not None:
            lower = torch.where(lower.isinf(), lower, lower.clamp(min=low))
        if high is not None:
            upper = torch.where(upper.isinf(), upper, upper.clamp(max=high))
        return Outcomes(lower, upper)

    def imputed(self, scale: float, support: Support, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Values that targets may have, and their weights, so that bins reach where none was seen.

        Even in an interval with two ends, and by an exponential distribution of a scale past the
        end that is known of one, cut off at the support. Which row has which interval changes
        nothing, nor whether a row of weight 2 is two rows.
        """
        within = self.within(support)
        is_left, is_right = within.lower.isinf(), within.upper.isinf()
        inside = ~(within.known | is_left | is_right)
        parts = [
            (within.lower[within.known], weight[within.known]),
            _inside(within.lower[inside], within.upper[inside], weight[inside]),
            _beyond(within.lower[is_right], scale, support[1], weight[is_right]),
            _beyond(within.upper[is_left], -scale, support[0], weight[is_left]),
        ]
        values, weights = (torch.cat(each) for each in zip(*parts, strict=True))
        has_end = any(end is not None for end in support)
        return values.clamp(*support) if has_end else values, weights

    def take(self, index: Tensor) -> Outcomes:
        """The targets of an index."""
        return Outcomes(self.lower[index], self.upper[index])


def _inside(lower: Tensor, upper: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Places in intervals, and their weights."""
    distinct, row = torch.unique(torch.stack([lower, upper]), dim=1, return_inverse=True)
    start = torch.full(distinct.shape[1:], 0.5, dtype=torch.float64)
    level, weights = _levels(start, row, weight)
    low, high = distinct[..., None]
    return (low + (high - low) * level).flatten(), weights


def _beyond(
    end: Tensor, scale: float, furthest: float | None, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Places beyond ends, below them for a negative scale, and their weights, as `_inside`."""
    sign = math.copysign(1, scale)
    distinct, row = torch.unique(sign * end, return_inverse=True)
    # Multiples of the golden ratio fill the unit interval evenly along the ends.
    start = (torch.arange(len(distinct), dtype=torch.float64) + 1) * 0.6180339887498949 % 1
    level, weights = _levels(start, row, weight)
    if furthest is not None:
        room = (furthest - sign * distinct) / scale
        level = level * -torch.expm1(-room.clamp(min=0))[:, None]
    values = sign * distinct[:, None] - scale * torch.log1p(-level)
    return values.flatten(), weights


def _levels(start: Tensor, row: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Levels in the unit interval, a row for each start, and their weights, one after the other.

    Each distinct interval has as many, of equal shares, as make 256 in all.

    Args:
        start: Where in its share each level lies, of each distinct interval.
        row: Which of these each target has.
        weight: Weights of the targets.
    """
    total = weight.new_zeros(len(start)).index_add_(0, row, weight)
    each = math.ceil(_PLACES / max(len(start), 1))
    level = (torch.arange(each, dtype=torch.float64) + start[:, None]) / each
    return level, (total / each).repeat_interleave(each)


def read_outcomes(y: Any, count: int) -> Outcomes:  # noqa: ANN401  # any input
    """Targets of `count` rows, of shape ``(n,)``, or ``(n, 2)`` for intervals.

    Raises:
        ValueError: A date, a word, a shape, a NaN, an infinite target, an empty interval or one of
            the whole line.
    """
    require_numbers("y", y)
    try:
        ends = np.array(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must hold numbers, got {y!r:.80}.") from error
    if ends.ndim == 1:
        ends = np.stack([ends, ends], axis=-1)
    if ends.shape != (count, 2):
        raise ValueError(
            f"y must hold one target for each row of X, got {len(ends)} for {count}."
            if len(ends) != count
            else f"y must have shape ({count},), or ({count}, 2) for lower and upper ends, got "
            f"{np.shape(y)}."
        )
    low, high = ends.T
    for broken, rule in (
        (np.isnan(ends).any(1), "finite, got NaN"),
        (
            (low == high) & np.isinf(low) | (low == np.inf) | (high == -np.inf),
            "finite, got infinity",
        ),
        (np.isinf(low) & np.isinf(high), "known at one end at least, got -inf to inf"),
        (low > high, "an interval whose lower end is not above its upper, got others"),
    ):
        if broken.any():
            raise ValueError(
                f"y must be {rule} in {int(broken.sum())} of {count} rows, the first of them row "
                f"{int(broken.argmax())}: leave these rows out, or correct them."
            )
    return Outcomes(*(torch.from_numpy(end.copy()) for end in (low, high)))


def require_plain(name: str, values: Any) -> None:  # noqa: ANN401  # any input
    """Raise where NumPy would read a masked cell as a number, or cannot read a tensor."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} must have no masked cells, got some: leave these rows out.")
    if isinstance(values, Tensor) and values.requires_grad:
        raise ValueError(f"{name} must need no gradient, got a tensor that does: detach it.")


def require_numbers(name: str, values: Any, kinds: str = "fiubO") -> None:  # noqa: ANN401
    """Raise where NumPy would make numbers of dates, words or complex numbers."""
    require_plain(name, values)
    if not (hasattr(values, "iloc") and hasattr(values, "columns")):
        _require_kind(name, as_array(name, values), kinds, "")
        return
    for index, column in enumerate(values.columns):
        _require_kind(name, values.iloc[:, index], kinds, f" in column {column!r}")


def _require_kind(name: str, values: Any, kinds: str, where: str) -> None:  # noqa: ANN401
    if values.dtype.kind not in kinds:
        raise ValueError(f"{name} must hold numbers, got {values.dtype}{where}: convert it.")
    if values.dtype.kind != "O" or values.ndim == 0:
        return
    # What else is no number, such as a dict or a sparse matrix, scikit-learn refuses in words that
    # its checks ask for.
    with contextlib.suppress(TypeError):
        try:
            np.asarray(values, dtype=np.float64)
        except ValueError as error:
            raise ValueError(
                f"{name} must hold numbers, got words or categories{where} ({error}): encode them "
                "as numbers."
            ) from None


def as_array(name: str, values: Any) -> npt.NDArray[Any]:  # noqa: ANN401
    """An array of what holds several values.

    Raises:
        ValueError: It holds none, such as a generator, or rows of different lengths.
    """
    if isinstance(values, Iterator):
        raise ValueError(  # noqa: TRY004  # as scikit-learn does
            f"{name} must be an array or a table, got {type(values).__name__}."
        )
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, got {values!r:.80}.") from None


def are_intervals(y: Any) -> bool:  # noqa: ANN401  # any input
    """Whether `y` holds two ends for each row, not one target."""
    require_plain("y", y)
    shape = as_array("y", y).shape
    return len(shape) == 2 and shape[1] != 1


def climatology_loss(outcomes: Outcomes, weight: Tensor) -> float:
    """Least mean score of a forecast that is the same for all: of the outcomes' own distribution.

    The score is the CRPS, over thresholds at which an outcome is known to be above or below. Half
    of Gini's mean difference where all outcomes are known; elsewhere of the distribution on up to
    200 cells, found by self-consistency.

    References:
        Turnbull (1976), "The Empirical Distribution Function with Arbitrarily Grouped, Censored and
        Truncated Data", JRSS B 38.
    """
    share = weight.double() / weight.double().sum()
    if outcomes.known.all():
        values, order = outcomes.lower.sort()
        cdf = share[order].cumsum(0)[:-1]
        return float((values.diff() * cdf * (1 - cdf)).sum())
    ends = torch.cat([outcomes.lower, outcomes.upper])
    ends = torch.unique(ends[ends.isfinite()])
    if len(ends) > _CELLS:
        ends = ends[torch.linspace(0, len(ends) - 1, _CELLS).round().long()]
    # Cells (e_k, e_k+1], before the first and after the last too. An outcome may be in any cell
    # that its interval meets.
    first = torch.searchsorted(ends, outcomes.lower, right=True)
    last = torch.searchsorted(ends, outcomes.upper)
    first = torch.where(outcomes.known, last, first).clamp(max=len(ends))
    last = torch.maximum(first, last)
    cell = torch.arange(len(ends) + 1)
    possible = ((cell >= first[:, None]) & (cell <= last[:, None])).double()
    mass = torch.full((len(ends) + 1,), 1 / (len(ends) + 1), dtype=torch.float64)
    for _ in range(_STEPS):
        mass = mass * (share / (possible @ mass) @ possible)
    cdf = mass.cumsum(0)[:-1]
    # Between e_k and e_k+1 the distribution function is its value at e_k.
    below, above = cdf[:-1].square() * ends.diff(), (1 - cdf[:-1]).square() * ends.diff()
    zero = torch.zeros(1, dtype=torch.float64)
    below, above = torch.cat([zero, below.cumsum(0)]), torch.cat([zero, above.cumsum(0)])
    at_low = torch.searchsorted(ends, outcomes.lower).clamp(max=len(ends) - 1)
    at_high = torch.searchsorted(ends, outcomes.upper).clamp(max=len(ends) - 1)
    score = torch.where(outcomes.lower.isinf(), 0, below[at_low])
    score = score + torch.where(outcomes.upper.isinf(), 0, above[-1] - above[at_high])
    return float(share @ score)
