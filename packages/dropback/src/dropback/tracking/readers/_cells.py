"""Name the rows and cells of a small table that hold something and say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_YES: Final = ("Y", "TRUE", "1", "1.0", "YES", "T")
_NO: Final = ("N", "FALSE", "0", "0.0", "NO", "F")

UNREAD: Final = "unread"
"""The column of sentences about cells of a play that hold something and say nothing."""


def yes_or_no(column: str) -> pl.Expr:
    """A flag in words or figures; null where it is neither yes nor no."""
    word = pl.col(column).cast(pl.String).str.strip_chars().str.to_uppercase()
    return pl.when(word.is_in((*_YES, *_NO))).then(word.is_in(_YES))


def unread_where(
    column: str, wrong: pl.Expr, known: str, table: str, *, name: str | None = None
) -> pl.Expr:
    """A sentence where a cell of a table is wrong and not absent, else null.

    Args:
        column: The column.
        wrong: Where it is wrong.
        known: What it must be.
        table: Name of the table.
        name: The column's name there, where it is another.
    """
    sentence = f"column {name or column} is no {known} in {table}"
    return pl.when(pl.col(column).is_not_null() & wrong).then(pl.lit(sentence))


def unread_by_play(table: pl.DataFrame, key: list[str], sentences: list[pl.Expr]) -> pl.DataFrame:
    """``key`` and `UNREAD` of the plays that have a wrong cell in any row."""
    named = table.select(*key, *(said.alias(str(n)) for n, said in enumerate(sentences)))
    said = pl.exclude(key)
    return (
        named.filter(pl.any_horizontal(pl.lit(value=False), said.is_not_null()))
        .select(*key, pl.concat_list(pl.lit(None, dtype=pl.String), said).alias(UNREAD))
        .explode(UNREAD)
        .drop_nulls(UNREAD)
        .unique(maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(UNREAD)
    )


def with_keys(
    table: pl.DataFrame, path: Path, keys: Mapping[str, pl.Expr]
) -> tuple[pl.DataFrame, list[str]]:
    """The rows of a table that have all of their keys, and what is wrong with the others.

    Args:
        table: Cells as text.
        path: The table, for sentences.
        keys: By column what it says, null where it says nothing.

    Returns:
        The rows, and a sentence for each column in which a row has no key, with the first.

    Raises:
        ReaderError: If no row is left.
    """
    notes = []
    kept = table.with_row_index("row", offset=1)
    for column, key in keys.items():
        lost = kept.filter(key.is_null())
        if lost.is_empty():
            continue
        sentence = (
            f"{path}: every row must have a whole number in {column!r}; "
            f"{first_cell(lost, column)} ({rows_of(lost.height)} not read)"
        )
        if lost.height == kept.height:
            raise ReaderError(f"{sentence}: none is left.")
        notes.append(sentence)
        kept = kept.filter(key.is_not_null())
    return kept.drop("row"), notes


def without_repeats(
    table: pl.DataFrame, path: Path, key: list[str], what: str
) -> tuple[pl.DataFrame, list[str]]:
    """The first row of each key, and a sentence about the others."""
    kept = table.unique(key, keep="first", maintain_order=True)
    if kept.height == table.height:
        return kept, []
    twice = table.filter(pl.struct(key).is_duplicated()).select(key).row(0)
    return kept, [
        f"{path}: a {what} must have one row; {' and '.join(map(str, twice))} has more, of which "
        f"the first is read ({rows_of(table.height - kept.height)} not read)"
    ]


def unread_cells(
    table: pl.DataFrame, path: Path, column: str, good: pl.Expr, known: str
) -> list[str]:
    """A sentence about the cells of a column that hold something and say nothing."""
    bad = table.with_row_index("row", offset=1).filter(
        pl.col(column).is_not_null() & good.is_null()
    )
    if bad.is_empty():
        return []
    return [
        f"{path}: {column!r} must be {known}; {first_cell(bad, column)} ({rows_of(bad.height)})"
    ]


def first_cell(rows: pl.DataFrame, column: str) -> str:
    """Where the first of some rows is, and what it has, in words."""
    row, cell = rows.select("row", column).row(0)
    return f"row {row} below the header has {'none' if cell is None else repr(cell)}"


def rows_of(count: int) -> str:
    """A number of such rows, in words."""
    return f"{count} such {'row' if count == 1 else 'rows'}"
