"""Stream a tracking file as batches of whole plays."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl

from dropback._files import POLARS_ERRORS
from dropback.errors import ReaderError
from dropback.tracking.readers._cells import ROW
from dropback.tracking.readers._delimited import column_names
from dropback.tracking.readers._format import OF_FIRST_ROW, ROW_COLUMNS, SOURCE_KEY
from dropback.tracking.readers._ids import id_number, whole
from dropback.tracking.readers._packed import DAMAGED_GZIP, damaged_gzip
from dropback.tracking.readers._plain import KINDS, PlainColumn, read_plain
from dropback.tracking.readers._plain_kernel import TEXT
from dropback.tracking.readers._row_faults import WHOLE_NUMBERS
from dropback.tracking.readers._tables import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dropback._arrays import Integers
    from dropback.tracking.readers._files import SourceFile
    from dropback.tracking.readers._ids import IdKind

# About 1,500 plays: a batch and its arrays stay near 400 MB, and the evidence of one batch decides
# a file's conventions.
ROWS_PER_BATCH: Final = 1_500_000

# Of columns of text; rows with more of them, as where each repeats its play's, come in fewer.
_USUAL_TEXTS: Final = 8

NOT_WHOLE: Final = "not_whole"
"""The column of rows that hold a fraction where a whole number must be."""


class InterleavedPlaysError(ReaderError):
    """A file whose plays are not each in one run of rows; see `plays_apart`."""


def _key(column: str) -> pl.Expr:
    """An id as text, as `id_number` takes it."""
    return pl.col(column).cast(pl.String).str.strip_chars()


def scan_rows(source: SourceFile) -> pl.LazyFrame:
    """The rows of a tracking file in the names of `ROW_COLUMNS`, typed, not yet read.

    Cells that are no number become null: the play they belong to is set aside later by name.
    `NOT_WHOLE` marks rows with a fraction where a whole number must be, which is cut here but of
    games and plays.

    Args:
        source: The file.
    """
    columns = source.layout.rows
    in_rows = _columns_of_plays(source)
    read = sorted({*columns.values(), *in_rows})
    frame = _scan(source, columns).select(read)
    text = source.ids.get("player_id") == "text"
    source = _with_exact_ids(source, frame)
    # Read as decimals, since some files write 33131.0.
    decimals = [
        name
        for name in WHOLE_NUMBERS
        if name in columns and source.ids.get(name, "number") == "number"
    ]
    cut = (pl.col(name) != pl.col(name).floor() for name in decimals)
    return (
        frame.select(
            *(_typed(source, name, column) for name, column in columns.items()),
            *([_key(columns["player_id"]).alias("player_key")] if text else []),
            *(pl.col(column).alias(f"plays.{column}") for column in in_rows),
        )
        .with_columns(
            pl.any_horizontal(pl.lit(value=False), *cut).fill_null(value=False).alias(NOT_WHOLE)
        )
        .with_columns(
            (whole(pl.col(name)) if name in SOURCE_KEY else pl.col(name)).cast(
                pl.Int64, strict=False
            )
            for name in decimals
        )
    )


def _with_exact_ids(source: SourceFile, frame: pl.LazyFrame) -> SourceFile:
    """The file with its numbers as long ones where they are whole by their type in Parquet."""
    if source.delimiter:
        return source
    types, columns = frame.collect_schema(), source.layout.rows
    exact: dict[str, IdKind] = {
        name: "long"
        for name in WHOLE_NUMBERS
        if name in columns and types[columns[name]].is_integer()
    }
    return replace(source, ids={**exact, **source.ids})


def _typed(source: SourceFile, name: str, column: str) -> pl.Expr:
    if source.ids.get(name) == "text":
        return id_number(column).alias(name)
    if name in OF_FIRST_ROW:
        return pl.col(column).alias(name)
    cell, dtype = pl.col(column), _row_type(source, name)
    if source.padded and dtype is not pl.String:
        cell = cell.cast(pl.String).str.strip_chars()
    return cell.cast(dtype, strict=False).alias(name)


def _row_type(source: SourceFile, name: str) -> type[pl.DataType]:
    kinds: dict[str, type[pl.DataType]] = {"long": pl.Int64, "text": pl.String}
    return kinds.get(source.ids.get(name, ""), ROW_COLUMNS[name])


def read_batches(
    source: SourceFile, *, apart: pl.DataFrame | None = None, plain: bool = False
) -> Iterator[pl.DataFrame]:
    """Batches of about `ROWS_PER_BATCH` rows, each of whole plays, with the column `ROW`.

    Args:
        source: The file.
        apart: Keys of plays whose rows are not together: they come last, in a batch of their own.
        plain: Read it as plain text.

    Raises:
        InterleavedPlaysError: If a play goes on after another play's rows in a later batch.
        NotPlainError: If it is not plain and is to be read so.
        ReaderError: If the file cannot be parsed.
    """
    with _named_errors(source):
        # The last play of a batch may go on in the next, and waits for it; the rest waits too, so
        # that the last batch of a file is not a single play.
        waiting, heads, start, read = pl.DataFrame(), np.zeros(0, np.int64), 0, 0
        seen: set[tuple[int | None, int | None]] = set()
        last: list[pl.DataFrame] = []
        for batch in _parsed(source, plain=plain):
            fresh = _numbered(batch, read)
            read += batch.height
            if apart is not None:
                last.append(_among(fresh, apart, "semi"))
                fresh = _among(fresh, apart, "anti")
            if fresh.is_empty():
                continue
            held = waiting.slice(start)
            if start:
                yield _not_seen_before(waiting.slice(0, start), heads[:-1], seen, source)
            # One chunk a column: a parser's many would be joined anew by every step.
            waiting = pl.concat([held, fresh]) if held.height else fresh
            waiting = waiting.rechunk() if waiting.n_chunks() > 1 else waiting
            heads = play_heads(waiting)
            start = int(heads[-1])
        if waiting.height:
            yield _not_seen_before(waiting, heads, seen, source)
        if last and (rest := pl.concat(last)).height:
            yield rest.rechunk()


def plays_apart(source: SourceFile, *, plain: bool) -> pl.DataFrame:
    """Keys of the plays whose rows are not together.

    Args:
        source: The file.
        plain: As for `read_batches`.

    Raises:
        NotPlainError: As `read_batches`.
        ReaderError: As `read_batches`.
    """
    with _named_errors(source):
        if plain:
            keys = pl.concat(batch.select(SOURCE_KEY) for batch in _parsed(source, plain=True))
        else:
            keys = scan_rows(source).select(SOURCE_KEY).collect(engine="streaming")
    return keys[play_heads(keys)].filter(pl.struct(SOURCE_KEY).is_duplicated()).unique()


def _among(rows: pl.DataFrame, keys: pl.DataFrame, how: Literal["semi", "anti"]) -> pl.DataFrame:
    """The rows of some plays, or all others."""
    return rows.join(keys, on=SOURCE_KEY, how=how, nulls_equal=True, maintain_order="left")


@contextmanager
def _named_errors(source: SourceFile) -> Iterator[None]:
    """Say of which file an error of its parser is."""
    try:
        yield
    except DAMAGED_GZIP as error:
        raise ReaderError(damaged_gzip(source.path, error)) from error
    except POLARS_ERRORS as error:
        raise ReaderError(
            f"{source.path} cannot be read as {source.layout.name}: {first_line(error)}."
        ) from error


def may_be_plain(source: SourceFile) -> bool:
    """Whether to try to read a file as plain text."""
    return bool(source.delimiter) and source.text is None and not source.ids


def _parsed(source: SourceFile, *, plain: bool) -> Iterator[pl.DataFrame]:
    """The rows of `scan_rows` in order, batch by batch."""
    if not plain:
        rows = scan_rows(source)
        texts = sum(dtype == pl.String for dtype in rows.collect_schema().dtypes())
        size = ROWS_PER_BATCH * _USUAL_TEXTS // max(_USUAL_TEXTS, texts)
        yield from rows.collect_batches(chunk_size=size, maintain_order=True)
        return
    read = [
        PlainColumn(name, column, KINDS[ROW_COLUMNS[name]])
        for name, column in source.layout.rows.items()
    ]
    read += [PlainColumn(f"plays.{column}", column, TEXT) for column in _columns_of_plays(source)]
    source.marks.clear()
    for batch in read_plain(source.path, read, ROWS_PER_BATCH, source.marks):
        yield batch.with_columns(pl.lit(value=False).alias(NOT_WHOLE))


def _columns_of_plays(source: SourceFile) -> list[str]:
    """The columns of the rows that hold what is said of plays."""
    if source.layout.plays_file:
        return []
    return sorted({names[0] for names in source.layout.plays.values()})


def _numbered(rows: pl.DataFrame, before: int) -> pl.DataFrame:
    """The rows with `ROW`; those that `NOT_WHOLE` marks have no place, so that none reads them."""
    row = pl.int_range(before + 1, before + 1 + rows.height, dtype=pl.UInt32, eager=True)
    rows = rows.with_columns(row.alias(ROW))
    if not rows[NOT_WHOLE].any():
        return rows
    return rows.with_columns(pl.when(~pl.col(NOT_WHOLE)).then(pl.col("x_yd", "y_yd")))


def _scan(source: SourceFile, columns: Mapping[str, str]) -> pl.LazyFrame:
    if not source.delimiter:
        return pl.scan_parquet(source.path)
    types: dict[str, Any] = {
        column: dtype
        for name, column in columns.items()
        if (dtype := _row_type(source, name)) is not pl.String and not source.padded
    }
    return pl.scan_csv(
        source.path if source.text is None else source.text,
        separator=source.delimiter,
        # No null_values: each costs a comparison a cell, six of them 2.5 times the whole scan.
        # A word in a numeric column is null already; the few text cells that matter are put right
        # by `nulls_restored`.
        infer_schema=False,
        schema_overrides=types,
        with_column_names=column_names,
        ignore_errors=True,
    )


def play_heads(rows: pl.DataFrame) -> Integers:
    """The first row of each run of one play's rows."""
    return run_heads([rows[name].fill_null(-1).to_numpy() for name in SOURCE_KEY])


def run_heads(keys: list[Integers]) -> Integers:
    """The first row of each run of rows with equal keys."""
    new = np.ones(len(keys[0]), bool)
    new[1:] = keys[0][1:] != keys[0][:-1]
    for key in keys[1:]:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _not_seen_before(
    batch: pl.DataFrame,
    heads: Integers,
    seen: set[tuple[int | None, int | None]],
    source: SourceFile,
) -> pl.DataFrame:
    keys = set(batch.select(SOURCE_KEY)[heads].iter_rows())
    if keys & seen:
        raise InterleavedPlaysError(
            f"{source.path}: the rows of game and play {min(keys & seen, key=str)} "
            "are not together."
        )
    seen |= keys
    return batch
