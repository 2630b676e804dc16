"""Predictions of a pandas table keep its index."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def with_index_of(
    X: Any,  # noqa: ANN401  # any input
    values: npt.NDArray[Any],
    names: npt.NDArray[np.float64] | float | str,
) -> Any:  # noqa: ANN401  # pandas is no requirement
    """Return values under the index of `X` where that is a pandas table, else as they are.

    Args:
        X: Rows, n of them.
        values: Shape ``(n,)`` or ``(n, Q)``.
        names: Of the columns, or of the one.
    """
    if not (hasattr(X, "iloc") and hasattr(X, "index")):
        return values
    if values.ndim == 1:
        return _series_type()(values, index=X.index, name=names)
    return importlib.import_module("pandas").DataFrame(values, index=X.index, columns=names)


@cache
def _series_type() -> Any:  # noqa: ANN401  # pandas is no requirement
    """A series that has an array's `reshape`, which scikit-learn's meta-estimators ask for."""
    pandas = importlib.import_module("pandas")

    def reshape(self: Any, *shape: int) -> Any:  # noqa: ANN401
        return self.to_numpy().reshape(*shape)

    return type("Predictions", (pandas.Series,), {"reshape": reshape})
