"""Loops over arrays as machine code, where a pass per operator over memory would cost too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled"]

_Function = TypeVar("_Function", bound="Callable[..., object]")

# Sums may be taken in another order, so that eight numbers are added at once, and a product and a
# sum may round once. Missing values are NaN and must stay so: nothing may assume that none come.
_FREEDOMS = {"reassoc", "contract", "nsz"}


def compiled(function: _Function) -> _Function:
    """Compile a function of arrays at its first call for each set of dtypes.

    The machine code is kept beside the source, or in the user's cache where that cannot be
    written, and serves every later process. While it runs, other threads run too. Division by
    zero gives infinity or NaN, as in NumPy.

    Args:
        function: Of NumPy arrays and numbers, in the language that Numba knows.

    Returns:
        The function, with the same arguments.

    Example:
        >>> import numpy as np
        >>> @compiled
        ... def total(values):
        ...     result = 0.0
        ...     for value in values:
        ...         result += value
        ...     return result
        >>> total(np.array([1.0, 2.5]))
        3.5
    """
    settings: dict[str, Any] = {"error_model": "numpy", "fastmath": _FREEDOMS, "nogil": True}
    result: _Function
    try:
        result = njit(function, cache=True, **settings)
    except RuntimeError:  # a read-only machine, or a function with no file of its own
        result = njit(function, **settings)
    return result
