"""A property computed once, on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 - used as a decorator, like property
    """Like `functools.cached_property`, without the lock that it takes in Python 3.11.

    `torch.compile` cannot trace that lock.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Value:
        value = self._compute(instance)
        # The class defines no __set__, so from here on the instance's own entry is found first.
        instance.__dict__[self._name] = value
        return value
