"""Parameters of a regressor, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# What holds several numbers.
_SEVERAL = ("support", "atoms", "concentration_range")


def plain_parameters(model: BaseEstimator) -> dict[str, Any]:
    """Parameters with Python's numbers for those of NumPy and torch, and tuples for several.

    What is neither stays as it is, for the checks to refuse.
    """
    found: dict[str, Any] = model.get_params()
    several = {name: _as_tuple(found[name], ordered=name != "atoms") for name in _SEVERAL}
    return {name: _plain(value) for name, value in (found | several).items()}


def _as_tuple(value: Any, *, ordered: bool) -> Any:  # noqa: ANN401  # any input
    kept = (str, bytes, dict, set, frozenset) if ordered else (str, bytes, dict)
    if isinstance(value, kept) or not hasattr(value, "__len__"):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_plain, value)) if hasattr(value, "__iter__") else value


def _plain(value: Any) -> Any:  # noqa: ANN401  # any input
    is_number = isinstance(value, np.generic) or (isinstance(value, Tensor) and value.dim() == 0)
    return value.item() if is_number else value
