"""Checks of arguments: each raises a ValueError naming the argument, its rule and the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.distributions import Distribution

from splicedpareto.compiled import compiled
from splicedpareto.distributions._eager import flat

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "are_all",
    "is_readable",
    "is_validating",
    "lie_between",
    "require",
    "require_finite",
    "resolve_validation",
]


def resolve_validation(validate_args: bool | None) -> bool:
    """Decide whether to check: as asked, else torch's default, and never while tracing.

    A check reads values, which a traced graph cannot do.
    """
    if validate_args is not None:
        return validate_args
    default: bool = Distribution._validate_args  # noqa: SLF001 - torch has no public getter
    return default and not torch.compiler.is_compiling()


def is_validating(dist: Distribution) -> bool:
    """Tell whether a distribution checks its arguments."""
    flag: bool = dist._validate_args  # noqa: SLF001 - torch has no public getter
    return flag


def require(valid: Tensor, name: str, rule: str, value: Tensor) -> None:
    """Raise unless all of `valid` holds, naming the first value that breaks the rule."""
    if are_all(valid):
        return
    raise ValueError(f"{name} must be {rule}, got {_describe_broken(valid, value)}.")


def are_all(valid: Tensor) -> bool:
    """Tell whether all hold; so do values without storage, on the meta device."""
    return valid.is_meta or bool(torch._is_all_true(valid))  # noqa: SLF001 - batched by torch.vmap


def lie_between(low: float, high: float, *values: Tensor) -> bool:
    """Tell whether all entries lie strictly within; of values for which `is_eager` holds."""
    return all(_count_between(flat(value), low, high) == value.numel() for value in values)


@compiled
def _count_between(values: NDArray[Any], low: float, high: float) -> int:
    count = 0
    for value in values:
        count += (value > low) & (value < high)
    return count


def _describe_broken(valid: Tensor, value: Tensor) -> str:
    if not all(map(is_readable, (valid, value))):
        return f"{value!r}"
    broken = value.detach().expand(valid.shape)[~valid]
    return f"{broken[0].item():g} ({len(broken)} of {valid.numel()} values break the rule)"


def is_readable(value: Tensor) -> bool:
    """Tell whether single values can be read: not while tracing, nor within `torch.vmap`."""
    batched: bool = torch._C._functorch.is_batchedtensor(value)  # noqa: SLF001 - no public test
    return not (batched or value.is_meta or torch.compiler.is_compiling())


def require_finite(name: str, value: Tensor) -> None:
    """Raise unless every value is finite."""
    if not _are_surely_finite(value):
        require(value.isfinite(), name, "finite", value)


def _are_surely_finite(value: Tensor) -> bool:
    """Tell whether the sum is finite: no entry is NaN or infinite then.

    One quick pass. The converse fails only where finite entries sum past the largest number.
    """
    total = value.sum()
    return are_all(total - total == 0)
