"""Checks of arguments: each raises a ValueError naming the argument, its rule and the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.distributions import Distribution

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["is_validating", "require", "require_finite", "resolve_validation"]


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
    if value.is_meta or torch._is_all_true(valid):  # noqa: SLF001 - batched by torch.vmap
        return
    raise ValueError(f"{name} must be {rule}, got {_describe_broken(valid, value)}.")


def _describe_broken(valid: Tensor, value: Tensor) -> str:
    # Within torch.vmap a single value cannot be read.
    if any(torch._C._functorch.is_batchedtensor(t) for t in (valid, value)):  # noqa: SLF001
        return f"{value!r}"
    broken = value.detach().expand(valid.shape)[~valid]
    return f"{broken[0].item():g} ({len(broken)} of {valid.numel()} values break the rule)"


def require_finite(name: str, value: Tensor) -> None:
    """Raise unless every value is finite."""
    require(value.isfinite(), name, "finite", value)
