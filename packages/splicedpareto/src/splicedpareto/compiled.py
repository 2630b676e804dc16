"""Loops over arrays as machine code, where a pass per operator over memory would cost too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled", "compiled_exactly", "inlined"]

_Function = TypeVar("_Function", bound="Callable[..., object]")

# Sums may be taken in another order, so that eight numbers are added at once, and a product and a
# sum may round once. Missing values are NaN and must stay so: nothing may assume that none come.
_FREEDOMS: Final = frozenset({"reassoc", "contract", "nsz"})


def compiled(function: _Function) -> _Function:
    """Compile a function of arrays at its first call for each set of dtypes and layouts.

    The machine code is kept beside the source, or in the user's cache where that cannot be
    written, and serves every later process. While it runs, other threads run too. Division by
    zero gives infinity or NaN, as in NumPy. Sums may be taken in any order.

    The cache looks at the file of a function alone: what it calls belongs in the same file, or a
    change there goes unseen.

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
    return _compiled(function, _FREEDOMS)


def compiled_exactly(function: _Function) -> _Function:
    """`compiled`, with every operation rounded as it is written.

    Equal inputs then give equal bits, whatever the layout of the arrays and the machine.
    """
    return _compiled(function, frozenset())


def inlined(function: _Function) -> _Function:
    """Write a function of arrays into each `compiled` one that calls it.

    A call that hands arrays on counts who refers to them, for some 5 ns an array.
    """
    return _compiled(function, _FREEDOMS, inline="always")


def _compiled(function: _Function, freedoms: frozenset[str], inline: str = "never") -> _Function:
    settings: dict[str, Any] = {
        "error_model": "numpy",
        "fastmath": set(freedoms),
        "nogil": True,
        "inline": inline,
    }
    result: _Function
    try:
        result = njit(function, cache=True, **settings)
    except RuntimeError:  # a read-only machine, or a function with no file of its own
        result = njit(function, **settings)
    return result
