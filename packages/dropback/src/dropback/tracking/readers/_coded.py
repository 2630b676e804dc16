"""Hold the texts of rows as codes of the few different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import polars.selectors as cs

from dropback.tracking._compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from dropback._arrays import Flags, Integers

TWO_EVENTS: Final = "\x1f"
"""What stands between two events of a row: no text of a set holds this control character."""


def coded(
    codes: NDArray[np.uint32], texts: Sequence[str | None], categories: pl.Categories
) -> pl.Series:
    """A column of texts by their codes.

    Args:
        codes: Place of each row's text among `texts`.
        texts: The different ones.
        categories: Those of the column, the same in all batches of a file.
    """
    few, places = pl.Series(texts, dtype=pl.Categorical(categories)), pl.Series(codes)
    # The first texts of a column are numbered as their codes are. Without a copy 1.1 million rows
    # take 4 ms, where to look each up takes 7.
    if np.array_equal(few.to_physical(), np.arange(len(few))):
        return places.cat.to(few.dtype)
    return few.gather(places)


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their texts as such; for a few rows, since it takes long for all of a file."""
    return rows.with_columns(cs.categorical().cast(pl.String))


def codes_of(text: pl.Series) -> tuple[NDArray[np.uint32], pl.Series]:
    """The codes of a column of coded texts, and the text of each; of a null its number is the code.

    Args:
        text: Coded texts.
    """
    texts = text.dtype.categories.to_series()  # type: ignore[attr-defined]
    return text.to_physical().fill_null(len(texts)).to_numpy(), texts


def of_texts(text: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """What a function makes of texts, in order, null of null.

    Args:
        text: Texts, coded or not; of coded ones the function is asked once of each different one.
        function: Takes texts and gives as many values.
    """
    if not isinstance(text.dtype, pl.Categorical):
        return function(text)
    values = function(text.dtype.categories.to_series())
    return values.gather(text.to_physical()).alias(text.name)


def rows_where(text: pl.Series, judged: Callable[[pl.Series], pl.Series]) -> Integers:
    """Rows of whose text something is true, in order.

    Args:
        text: As for `of_texts`.
        judged: Takes texts and gives flags, null for neither.
    """
    if not isinstance(text.dtype, pl.Categorical):
        return np.flatnonzero(judged(text).fill_null(value=False).to_numpy())
    codes, texts = codes_of(text)
    return flagged_rows(codes, np.append(judged(texts).fill_null(value=False).to_numpy(), False))


@compiled
def flagged_rows(codes: NDArray[np.uint32], flags: Flags) -> Integers:
    """Rows whose code is flagged, in order.

    Args:
        codes: Of rows, shape ``[R]``.
        flags: Of codes.
    """
    found, count = np.empty(len(codes), np.int64), 0
    for row in range(len(codes)):
        if flags[codes[row]]:
            found[count] = row
            count += 1
    return found[:count]
