"""Name the rows and cells of a small table that hold something and say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import collected
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_YES: Final = ("Y", "TRUE", "1", "1.0", "YES", "T")
_NO: Final = ("N", "FALSE", "0", "0.0", "NO", "F")

UNREAD: Final = "unread"
"""The column of sentences about cells of a play that hold something and say nothing.

Each is a flag, and after `CELL` where and what the cell is: see `flags_in` and `cells_in`.
"""

ROW: Final = "row"
"""The column of a row's place in its file, from 1 below the header."""

CELL: Final = "\x1f"
"""What stands between a flag and its cell: no text of a table holds this control character."""


NO_FLAGS: Final = pl.DataFrame(schema={"play": pl.Int64, UNREAD: pl.List(pl.String)})
"""Sentences of no play."""

MOST_LETTERS: Final = 40
"""Of a cell a sentence shows no more."""


def flags_in(sentences: pl.Expr) -> pl.Expr:
    """The flags of lists of sentences."""
    return sentences.list.eval(pl.element().str.extract(f"^([^{CELL}]*)", 1))


def cells_in(sentences: pl.Expr) -> pl.Expr:
    """What the sentences of lists add to their flags; those that add nothing are gone.

    Of several flags each says which it is of.
    """
    one = sentences.list.eval(pl.element().str.extract(f"{CELL}(.*)$", 1))
    each = sentences.list.eval(
        pl.when(pl.element().str.contains(CELL, literal=True)).then(
            pl.element().str.replace(CELL, ": ", literal=True)
        )
    )
    return pl.when(sentences.list.len() > 1).then(each).otherwise(one).list.drop_nulls()


def said_of(flag: pl.Expr, column: str, cell: pl.Expr, row: pl.Expr) -> pl.Expr:
    """A flag with a column's cell and the row that it is in, null for none."""
    where = pl.when(row.is_not_null()).then(pl.format(" in row {}", row)).otherwise(pl.lit(""))
    return pl.format(f"{{}}{CELL}{column} is {{}}{{}}", flag, quoted(cell), where)


def quoted(cell: pl.Expr) -> pl.Expr:
    """A cell as a sentence shows it."""
    return pl.format("'{}'", cut(cell)).fill_null("empty")


def cut(cell: pl.Expr) -> pl.Expr:
    """The start of a cell, as much as a sentence shows."""
    return cell.cast(pl.String).str.slice(0, MOST_LETTERS)


def shown(cell: str | None) -> str:
    """A cell as a sentence shows it."""
    if cell is None:
        return "empty"
    return repr(cell[:MOST_LETTERS]) if cell.strip("\0") else f"{len(cell)} zero bytes"


def yes_or_no(column: str) -> pl.Expr:
    """A flag in words or figures; null where it is neither yes nor no."""
    word = pl.col(column).cast(pl.String).str.strip_chars().str.to_uppercase()
    return pl.when(word.is_in((*_YES, *_NO))).then(word.is_in(_YES))


def unread_where(
    column: str, wrong: pl.Expr, known: str, table: str, *, name: str | None = None
) -> pl.Expr:
    """A sentence where a cell of a table with the column `ROW` is wrong and not absent, else null.

    Args:
        column: The column.
        wrong: Where it is wrong.
        known: What it must be.
        table: Name of the table.
        name: The column's name there, where it is another.
    """
    named = name or column
    flag = pl.lit(f"column {named} is no {known} in {table}")
    said = said_of(flag, named, pl.col(column), pl.col(ROW))
    return pl.when(pl.col(column).is_not_null() & wrong).then(said)


def unread_by_play(table: pl.DataFrame, key: list[str], sentences: list[pl.Expr]) -> pl.DataFrame:
    """``key`` and `UNREAD` of the plays that have a wrong cell in any row."""
    if table.is_empty():
        return table.select(*key, pl.lit(None, pl.List(pl.String)).alias(UNREAD))
    # By itself: within the query each sentence would be made once more for the filter.
    named = table.select(*key, *(said.alias(str(n)) for n, said in enumerate(sentences)))
    said = pl.exclude(key)
    return (
        named.lazy()
        .filter(pl.any_horizontal(pl.lit(value=False), said.is_not_null()))
        .select(*key, pl.concat_list(pl.lit(None, dtype=pl.String), said).alias(UNREAD))
        .explode(UNREAD)
        .drop_nulls(UNREAD)
        # Of a flag that several rows of a play have the first cell is shown.
        .with_columns(flag=pl.col(UNREAD).str.extract(f"^([^{CELL}]*)", 1))
        .unique([*key, "flag"], keep="first", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(UNREAD)
        .pipe(collected)
    )


def with_keys(
    table: pl.DataFrame, path: Path, keys: Mapping[str, pl.Expr]
) -> tuple[pl.DataFrame, list[str]]:
    """The rows of a table that have all of their keys, and what is wrong with the others.

    Args:
        table: Cells as text, with the column `ROW`.
        path: The table, for sentences.
        keys: By column what it says, null where it says nothing.

    Returns:
        The rows, and a sentence for each column in which a row has no key, with the first.

    Raises:
        ReaderError: If no row is left.
    """
    notes = []
    kept = table
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
    return kept, notes


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
    bad = table.filter(pl.col(column).is_not_null() & good.is_null())
    if bad.is_empty():
        return []
    return [
        f"{path}: {column!r} must be {known}; {first_cell(bad, column)} ({rows_of(bad.height)})"
    ]


def first_cell(rows: pl.DataFrame, column: str) -> str:
    """Where the first of some rows is, and what it has, in words."""
    row, cell = rows.select(ROW, column).row(0)
    return f"row {row} below the header has {'none' if cell is None else shown(cell)}"


def rows_of(count: int) -> str:
    """A number of such rows, in words."""
    return f"{count} such {'row' if count == 1 else 'rows'}"
