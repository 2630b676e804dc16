"""Checks of arguments: each raises a ValueError naming the argument, its rule and the value."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

# Of sizes and counts: of more than that no tensor has room.
_LARGEST_WHOLE = 2**31 - 1


def as_tensor(
    name: str, value: Tensor | float, *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """A tensor or a number in a type and place.

    Raises:
        TypeError: If it is anything else, such as a NumPy array or a list, whose type and gradient
            torch would silently drop, or holds truth values or complex numbers.
    """
    require_real(name, value, or_number=True)
    return torch.as_tensor(value, dtype=dtype, device=device)


def require_tensor(name: str, value: object, *, or_number: bool = False) -> None:
    """Raise a TypeError unless an argument is a tensor or, if allowed, a number."""
    if isinstance(value, Tensor) or (or_number and isinstance(value, (float, int, Real))):
        return
    kind = "a tensor or a number" if or_number else "a tensor"
    raise TypeError(
        f"{name} must be {kind}, got {type(value).__module__}.{type(value).__qualname__}: convert "
        f"it by torch.as_tensor({name})."
    )


def require_real(name: str, value: object, *, or_number: bool = False) -> None:
    """Raise a TypeError unless an argument is a tensor of real numbers or, if allowed, a number."""
    require_tensor(name, value, or_number=or_number)
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype in _NO_NUMBERS):
        kind = value.dtype if isinstance(value, Tensor) else value
        raise TypeError(f"{name} must hold real numbers, got {kind}: convert it.")


def require_number(name: str, value: object) -> None:
    """Raise a TypeError unless a setting is one number, so that it can be compared with others."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")


def require_whole(name: str, value: object, least: int, most: int = _LARGEST_WHOLE) -> None:
    """Raise unless a value is a whole number, at least `least`, that a size can be."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}.")  # noqa: TRY004
    if int(value) < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")
    if int(value) > most:
        raise ValueError(f"{name} must be at most {most}, got {value}.")


def require_shape(name: str, value: object) -> torch.Size:
    """A shape, of whole numbers that are at least 0.

    Raises:
        TypeError: It is anything else.
    """
    if isinstance(value, (tuple, list)) and all(map(_is_size, value)):
        return torch.Size(value)
    raise TypeError(f"{name} must be a shape such as (3,), of whole numbers, got {value!r:.80}.")


def _is_size(value: object) -> bool:
    # While a graph is traced a size may be a symbol.
    if isinstance(value, torch.SymInt):
        return True
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 0


def require_generator(value: object) -> None:
    """Raise a TypeError unless a source of random numbers is None or torch's."""
    if not (value is None or isinstance(value, torch.Generator)):
        raise TypeError(f"generator must be a torch.Generator or None, got {value!r:.80}.")


def require_distribution(name: str, value: object, *methods: str) -> None:
    """Raise a TypeError unless a value is a distribution that has some methods."""
    if not isinstance(value, Distribution):
        raise TypeError(f"{name} must be a distribution, got {value!r:.80}.")
    missing = [method for method in methods if not hasattr(value, method)]
    if missing:
        raise TypeError(
            f"{name} must have the method {' and '.join(missing)}, got {type(value).__name__}: use "
            "a distribution of splicedpareto."
        )


def require_switch(name: str, value: object) -> None:
    """Raise a TypeError unless a setting is True or False: the word "no" would switch it on."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def require_choice(name: str, value: object, *allowed: str) -> None:
    """Raise unless a setting is one of some words."""
    if isinstance(value, str) and value in allowed:
        return
    *others, last = map(repr, allowed)
    raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {value!r:.80}.")


def resolve_validation(validate_args: bool | None) -> bool:
    """Decide whether to check: as the caller says, else torch's default, never while tracing.

    A check reads values, which a traced graph cannot do.
    """
    if validate_args is not None:
        require_switch("validate_args", validate_args)
        return validate_args
    return not torch.compiler.is_compiling() and _Probe().validating


def is_validating(dist: Distribution) -> bool:
    """Whether a distribution checks its arguments; torch's own are taken to follow the default."""
    validating: bool | None = getattr(dist, "validating", None)
    return resolve_validation(validating)


def require(valid: Tensor, name: str, rule: str, value: Tensor) -> None:
    """Raise unless all of `valid` holds, naming the first value that breaks the rule."""
    if are_all(valid):
        return
    raise ValueError(f"{name} must be {rule}, got {_describe_broken(valid, value)}.")


def are_all(valid: Tensor) -> bool:
    """Whether all hold; so do values without storage, on the meta device."""
    if valid.is_meta:
        return True
    try:
        return bool(valid.all())
    except RuntimeError:
        # Within `torch.vmap` no value can be read, but torch's own distributions are checked there.
        try:
            _Probe(valid.reshape(-1), validate_args=True)
        except ValueError:
            return False
        return True


def require_in_unit_interval(name: str, value: Tensor) -> None:
    """Raise unless every value lies in [0, 1]; NaN passes."""
    if not lie_within(-math.ulp(0), math.nextafter(1, 2), value):
        require(~((value < 0) | (value > 1)), name, "in [0, 1]", value)


def lie_within(low: float, high: float, *values: Tensor) -> bool:
    """Whether all entries surely lie strictly within bounds, in few passes; NaN does not."""
    for value in values:
        if value.is_meta or not value.numel():
            continue
        least, largest = value.aminmax() if value.numel() > 1 else (value, value)
        try:
            if not (low < least.item() and largest.item() < high):
                return False
        except RuntimeError:  # within `torch.vmap` no number can be read
            return False
    return True


def require_ordered(
    lower_name: str, lower: Tensor, upper_name: str, upper: Tensor, *, strictly: bool = False
) -> None:
    """Raise unless every lower end is at most its upper, or below it; NaN passes."""
    broken = lower >= upper if strictly else lower > upper
    rule = f"{'below' if strictly else 'at most'} {upper_name}"
    require(~broken, lower_name, rule, lower)


def require_finite(name: str, value: Tensor) -> None:
    """Raise unless every value is finite."""
    if not _are_surely_finite(value):
        require(value.isfinite(), name, "finite", value)


def _are_surely_finite(value: Tensor) -> bool:
    """Whether the sum is finite: no entry is NaN or infinite then.

    One quick pass. The converse fails only where finite entries sum past the largest number.
    """
    total = value.sum()
    return are_all(total - total == 0)


def _describe_broken(valid: Tensor, value: Tensor) -> str:
    value = value.detach().expand(valid.shape)
    try:
        broken = value[~valid]
        return f"{broken[0].item():g} ({len(broken)} of {valid.numel()} values break the rule)"
    except RuntimeError:  # within `torch.vmap` and while tracing
        return f"{value!r}"


_NO_NUMBERS = {torch.bool, torch.complex32, torch.complex64, torch.complex128}


class _Probe(Distribution):
    """A distribution without events that notes whether torch checks its parameters, and may fail.

    torch has no public getter of its default, but it reads `arg_constraints` only to check them.

    Args:
        valid: Truth values that torch's check is to find true, shape ``(N,)``; None for no check.
        validate_args: As in torch.
    """

    def __init__(self, valid: Tensor | None = None, *, validate_args: bool | None = None) -> None:
        self.valid, self.validating = valid, False
        super().__init__(validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        self.validating = True
        return {} if self.valid is None else {"valid": _IsTrue()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _IsTrue(constraints.Constraint):
    """Constraint of truth values."""

    def check(self, value: Tensor) -> Tensor:
        return value
