"""Take any data frame at the public edge, give the same kind back; join and label.

Inside the package every table is a `polars.DataFrame`. Frames of other libraries come and go
through narwhals, whose ``stable.v2`` is the first stable interface that collects DuckDB relations.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import narwhals.stable.v2 as nw
import polars as pl

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import dataframely as dy
    from narwhals.stable.v2.typing import IntoFrame

FrameT = TypeVar("FrameT", bound="IntoFrame")
SchemaT = TypeVar("SchemaT", bound="dy.Schema")


def to_polars(
    frame: IntoFrame, *, what: str = "Play scores", columns: Collection[str] | None = None
) -> pl.DataFrame:
    """Convert a data frame of any library to polars.

    Args:
        frame: A polars frame (eager or lazy), a pandas frame, a pyarrow table, a DuckDB relation,
            or a frame of another library that narwhals reads.
        what: Content of the frame, for the errors.
        columns: Columns to convert; others are dropped, absent ones ignored. None converts all.

    Raises:
        RequestError: `frame` is not a data frame, names a column twice, or needs pyarrow, which is
            not installed.
    """
    if isinstance(frame, pl.DataFrame):
        return frame if columns is None else frame.select(c for c in frame.columns if c in columns)
    try:
        wrapped: Any = nw.from_native(frame)
        if columns is not None:
            wrapped = wrapped.select(c for c in wrapped.collect_schema().names() if c in columns)
        with _through_pyarrow(frame):
            if isinstance(wrapped, nw.LazyFrame):
                wrapped = wrapped.collect("polars")
            return pl.DataFrame([_to_series(column) for column in wrapped.iter_columns()])
    except TypeError as error:
        raise RequestError(
            f"{what} must be a data frame (of polars, pandas, pyarrow or DuckDB), got "
            f"{type(frame).__name__}: read a file with polars.read_parquet first."
        ) from error
    except nw.exceptions.DuplicateError as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"{what} must name each column once: {reason}.") from error


def like(frame: FrameT, result: pl.DataFrame) -> FrameT:
    """Convert `result` to the library that `frame` comes from.

    Example:
        >>> import pyarrow as pa
        >>> type(like(pa.table({"a": [1]}), pl.DataFrame({"b": [2.0]}))).__module__
        'pyarrow.lib'
    """
    if isinstance(frame, pl.DataFrame):
        return cast("FrameT", result)
    wrapped: Any = nw.from_native(cast("Any", frame))
    backend: Any = wrapped.implementation
    with _through_pyarrow(frame):
        if isinstance(wrapped, nw.LazyFrame):
            return cast("FrameT", nw.from_native(result).lazy(backend).to_native())
        return cast("FrameT", nw.from_arrow(result, backend=backend).to_native())


TableT = TypeVar("TableT", pl.DataFrame, pl.LazyFrame)


def left_join(
    table: TableT, other: TableT, *, on: str | Sequence[str], suffix: str = "_right"
) -> TableT:
    """The rows of `table`, all of them in their order, with the columns of `other` beside them."""
    return table.join(other, on=on, how="left", suffix=suffix, maintain_order="left")


def collected(query: pl.LazyFrame) -> pl.DataFrame:
    """The table of a query of several steps on a small table.

    One step at a time each would wake polars' threads and wait for them; the engine that polars
    chooses by default, which streams, takes two to three times as long as this one.
    """
    return query.collect(engine="in-memory")


def validated(schema: type[SchemaT], table: pl.DataFrame) -> dy.DataFrame[SchemaT]:
    """The rows of a table in the types of a schema, whose rules they keep.

    What dataframely does itself where it is to cast: there it keeps each column as it was, too, and
    asks of each cell whether it could be cast, for four times as long.

    Raises:
        ValidationError: A cell cannot be cast, or breaks a rule; dataframely's.
        SchemaError: A column is missing; dataframely's.
    """
    try:
        typed = schema.cast(table)
    except pl.exceptions.InvalidOperationError:
        return schema.validate(table, cast=True)  # which names the columns
    return schema.validate(typed)


def bands(column: str, below: Sequence[tuple[float, str]], last: str) -> pl.Expr:
    """Label of the first limit that the value is below; null stays null."""
    label: pl.Expr = pl.lit(last)
    for limit, name in reversed(below):
        label = pl.when(pl.col(column) < limit).then(pl.lit(name)).otherwise(label)
    return pl.when(pl.col(column).is_not_null()).then(label)


@contextmanager
def _through_pyarrow(frame: object) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise RequestError(
            f"Frames of {type(frame).__module__.split('.')[0].lstrip('_')} are converted through "
            "pyarrow: install it with `pip install 'dropback[pandas]'`."
        ) from error


def _to_series(column: nw.Series[Any]) -> pl.Series:
    try:
        return column.to_polars()
    except (TypeError, ValueError):
        # Numbers and text in one pandas column: as text, so that a check can name the play.
        # narwhals' own cast writes a missing value as "None" before its version 2.29.
        text = column.to_native().astype("string")
        whole: nw.Series[Any] = nw.from_native(text, series_only=True)
        return whole.to_polars()
