"""Hold the texts of rows as codes of the few different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dropback._arrays import Integers


def coded(
    codes: NDArray[np.uint32], texts: Sequence[str | None], categories: pl.Categories
) -> pl.Series:
    """A column of texts by their codes.

    Args:
        codes: Place of each row's text among `texts`.
        texts: The different ones.
        categories: Those of the column, the same in all batches of a file.
    """
    return pl.Series(texts, dtype=pl.Categorical(categories)).gather(pl.Series(codes))


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their texts as such; for a few rows, since it takes long for all of a file."""
    return rows.with_columns(cs.categorical().cast(pl.String))


def rows_where(text: pl.Series, judged: Callable[[pl.Series], pl.Series]) -> Integers:
    """Rows of whose text something is true, in order.

    Args:
        text: Texts, coded or not; of coded ones the function is asked once of each different one.
        judged: Takes texts and gives flags, null for neither.
    """
    if not isinstance(text.dtype, pl.Categorical):
        return np.flatnonzero(judged(text).fill_null(value=False).to_numpy())
    texts = text.dtype.categories.to_series()
    flags = np.append(judged(texts).fill_null(value=False).to_numpy(), False)
    return np.flatnonzero(flags[text.to_physical().fill_null(len(texts)).to_numpy()])
