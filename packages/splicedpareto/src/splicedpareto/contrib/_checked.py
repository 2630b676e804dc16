"""What scikit-learn checks of an estimator's rows, targets and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import validate_data

from splicedpareto.contrib._outcomes import Outcomes, are_intervals, read_outcomes, require_numbers
from splicedpareto.contrib._rows import Rows, are_sequences, sequence_rows, table_rows
from splicedpareto.nn import SequenceEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from sklearn.base import BaseEstimator

    from splicedpareto.nn import DistributionNetwork

# Of columns; scikit-learn refuses complex numbers in words of its own.
_KINDS = "fiubOc"
_FLOATS = (np.float64, np.float32)

TableOrSequences: TypeAlias = "npt.ArrayLike | Sequence[npt.ArrayLike]"


def training_rows(
    estimator: BaseEstimator, X: TableOrSequences, y: npt.ArrayLike, *, goes_on: bool
) -> tuple[Rows, Outcomes]:
    """Rows and targets to fit to; the estimator notes how many columns there are, and their names.

    Args:
        estimator: The estimator.
        X: Rows.
        y: Targets.
        goes_on: Whether it goes on from an earlier fit, with the same columns in the same order.

    Raises:
        ValueError: Rows or targets break their rule.
    """
    if are_sequences(X):
        rows = sequence_rows(X)
        if rows.count == 1:
            raise ValueError("X must hold at least two sequences, got one.")
        estimator.n_features_in_ = rows.values.shape[2]
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    elif are_intervals(y):
        require_numbers("X", X, _KINDS)
        rows = table_rows(
            validate_data(estimator, X, dtype=_FLOATS, ensure_min_samples=2, reset=not goes_on)
        )
    else:
        require_numbers("X", X, _KINDS)
        table, y = validate_data(
            estimator, X, y, dtype=_FLOATS, y_numeric=True, ensure_min_samples=2, reset=not goes_on
        )
        rows = table_rows(table)
    y = as_column(y)
    given = len(np.asarray(y))
    if rows.lengths is not None and given != rows.count:
        raise ValueError(
            f"y must hold one finite target for each of the {rows.count} sequences of X, got "
            f"{given}."
        )
    return rows, read_outcomes(y, rows.count)


def as_column(y: npt.ArrayLike) -> npt.ArrayLike:
    """Targets in one dimension, or both ends of each.

    Raises:
        ValueError: They have another shape.
    """
    return y if are_intervals(y) else column_or_1d(y, warn=True)


def check_kind(X: TableOrSequences, network: DistributionNetwork) -> bool:
    """Whether rows are sequences, as those of the fit were.

    Raises:
        ValueError: They are the one and those of the fit were the other.
    """
    fitted_to_sequences = isinstance(network.trunk, SequenceEncoder)
    if are_sequences(X) != fitted_to_sequences:
        kinds = {False: "a table of shape (n, p)", True: "sequences, (n, T, F) or a list"}
        raise ValueError(
            f"X must be {kinds[fitted_to_sequences]}, as in fit, "
            f"got {kinds[not fitted_to_sequences]}."
        )
    return fitted_to_sequences


def new_rows(estimator: BaseEstimator, X: TableOrSequences, network: DistributionNetwork) -> Rows:
    """Rows for a fitted network.

    Raises:
        ValueError: They break a rule, or differ in kind or columns from those of the fit.
    """
    if not check_kind(X, network):
        require_numbers("X", X, _KINDS)
        table = validate_data(estimator, X, dtype=_FLOATS, reset=False)
        rows = table_rows(table)
    else:
        rows = sequence_rows(X)
        if rows.values.shape[2] != estimator.n_features_in_:
            raise ValueError(
                f"X must hold sequences of {estimator.n_features_in_} columns, as in fit, got "
                f"{rows.values.shape[2]}."
            )
    return rows.typed(network)


def checked_levels(q: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """A quantile level, or several in one dimension.

    Raises:
        ValueError: They are no numbers in [0, 1], of another shape, or none.
    """
    levels = np.asarray(q)
    if (
        levels.dtype.kind not in "fiu"
        or levels.ndim > 1
        or not levels.size
        or not ((levels >= 0) & (levels <= 1)).all()
    ):
        raise ValueError(f"q must be a level in [0, 1] or a list of such, got {q!r:.80}.")
    return levels.astype(np.float64)


def sample_weights(weights: npt.ArrayLike | None, count: int) -> npt.NDArray[np.float64]:
    """Weights of the rows, shape ``(count,)``; all 1 for None.

    Raises:
        ValueError: A weight is negative or not finite, all are 0, or there are not `count`.
    """
    if weights is None:
        return np.ones(count)
    require_numbers("sample_weight", weights)
    checked: npt.NDArray[np.float64] = check_array(
        weights,
        dtype=np.float64,
        ensure_2d=False,
        ensure_non_negative=True,
        input_name="sample_weight",
    )
    if checked.shape != (count,):
        raise ValueError(
            f"sample_weight must hold one weight for each row of X, shape ({count},), got shape "
            f"{checked.shape}."
        )
    with np.errstate(over="ignore"):
        total = checked.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight must have a sum that is a number, got weights up to {checked.max():g}: "
            "divide them by one number."
        )
    if not checked.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return checked
