"""Check the columns of a table by name and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "None", "<NA>", "NaT", "null", "NULL")
"""What R, pandas, Arrow and databases write for a missing value, in numbers and text alike."""


@dataclass(frozen=True)
class Column:
    """One column of a source table.

    Attributes:
        name: The source's own name.
        dtype: ``pl.Int64``, ``pl.Float64`` or ``pl.String``.
        required: Whether a table without it is refused. A missing optional column is null.
    """

    name: str
    dtype: type[pl.DataType]
    required: bool = True


def columns_of(dtype: type[pl.DataType], *names: str, required: bool = True) -> tuple[Column, ...]:
    """Columns of one type."""
    return tuple(Column(name, dtype, required) for name in names)


def conform(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    *,
    origin: str,
    keys: Sequence[str] = (),
    kind: str = "play-by-play with nflverse's column names",
) -> pl.DataFrame:
    """Select `columns` from `frame` and cast each to its type.

    Args:
        frame: A table as read.
        columns: Columns of the result, in this order; others are ignored.
        origin: File or object of the table, for errors.
        keys: Columns that name the row in an error.
        kind: Description of the table, for errors.

    Raises:
        ReaderError: A required column is missing, a column holds neither numbers nor text, or a
            value is not of its column's type (text where a number belongs, or a fraction where a
            whole number does).
    """
    missing = [c.name for c in columns if c.required and c.name not in frame.columns]
    if missing:
        raise ReaderError(
            f"{origin}: the required column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))} {'are' if len(missing) > 1 else 'is'} missing; "
            f"it must hold {kind}."
        )
    # Pandas keeps repeated text as categories, which cast to no number.
    frame = frame.with_columns((cs.categorical() | cs.enum()).cast(pl.String))
    for column in columns:
        dtype = frame.schema.get(column.name, pl.Null())
        if not (dtype.is_numeric() or isinstance(dtype, pl.String | pl.Boolean | pl.Null)):
            raise ReaderError(
                f"{origin}: the column {column.name!r} must hold numbers or text, not {dtype}; "
                "convert it first."
            )
    absent = [pl.lit(None).alias(c.name) for c in columns if c.name not in frame.columns]
    frame = frame.with_columns(absent)
    typed = frame.select(_typed(column, frame.schema[column.name]) for column in columns)
    for column in columns:
        if column.dtype != pl.String:
            _refuse_bad_values(frame, typed, column, origin=origin, keys=keys)
    return typed


def _typed(column: Column, source: pl.DataType) -> pl.Expr:
    value = pl.col(column.name)
    if column.dtype == pl.Int64:
        # Through float64, because nflverse stores whole numbers as doubles and CSV writes "1.0".
        as_float = value.cast(pl.Float64, strict=False).fill_nan(None)
        return (
            pl.when(as_float == as_float.round())
            .then(as_float)
            .cast(pl.Int64, strict=False)
            .alias(column.name)
        )
    if column.dtype == pl.Float64:
        return value.cast(pl.Float64, strict=False).fill_nan(None)
    if column.name.endswith("_id"):
        # A key that was once a double joins nothing: "2024090801.0".
        if source.is_float():
            value = pl.coalesce(pl.when(value == value.round()).then(value.cast(pl.Int64)), value)
        value = value.cast(pl.String).str.replace(r"^(\d+)\.0+$", "$1")
    text = value.cast(pl.String)
    return pl.when(~text.str.strip_chars().is_in(MISSING_WORDS)).then(text).alias(column.name)


def _refuse_bad_values(
    frame: pl.DataFrame,
    typed: pl.DataFrame,
    column: Column,
    *,
    origin: str,
    keys: Sequence[str],
) -> None:
    raw = frame[column.name]
    lost = raw.is_not_null() & typed[column.name].is_null()
    if raw.dtype.is_float():
        lost &= raw.is_not_nan()
    if raw.dtype == pl.String:
        lost &= ~raw.str.strip_chars().is_in(MISSING_WORDS)
    if not lost.any():
        return
    row = lost.arg_max() or 0
    where = ", ".join(f"{key} {frame[key][row]}" for key in keys if key in frame.columns)
    kind = "a whole number" if column.dtype == pl.Int64 else "a number"
    raise ReaderError(
        f"{origin}, {where or f'row {row}'}: {column.name!r} is {raw[row]!r}, not {kind} "
        f"({int(lost.sum())} such value{'s' if lost.sum() > 1 else ''}); "
        "correct the file or leave the value empty."
    )
