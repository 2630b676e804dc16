"""Name the rows of a tracking file whose cells cannot be read, by a further look at its text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.tracking._schema import X_RANGE_YD, Y_RANGE_YD
from dropback.tracking.readers._cells import MOST_LETTERS, shown
from dropback.tracking.readers._delimited import (
    BROKEN,
    column_names,
    has_broken_rows,
    is_padded,
    told_apart,
)
from dropback.tracking.readers._format import ROW_COLUMNS, SOURCE_KEY
from dropback.tracking.readers._ids import whole_number
from dropback.tracking.readers._packed import mapped_text
from dropback.tracking.readers._plain import lines_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback.tracking.readers._delimited import Delimited
    from dropback.tracking.readers._files import SourceFile

# What is counted, and never measured.
WHOLE_NUMBERS: Final = (*SOURCE_KEY, "player_id", "frame")

NO_FAULT: Final = pl.DataFrame(
    schema={**dict.fromkeys(SOURCE_KEY, pl.Int64), "reason": pl.String, "detail": pl.String}
)
"""Rows of ``source_game_id``, ``source_play_id``, ``reason`` and ``detail``, none."""

_RANGES: Final = {"x_yd": X_RANGE_YD, "y_yd": Y_RANGE_YD}


# A play and what is recorded around it lasts less than ten minutes.
_LONGEST_MS: Final = 600_000


def with_frames(batch: pl.DataFrame) -> pl.DataFrame:
    """Source rows with frame numbers, of time stamps where they have no others."""
    return batch if "frame" in batch.columns else batch.with_columns(frame=_frame_of_time())


def _frame_of_time() -> pl.Expr:
    """Frame numbers of rows that have time stamps alone, rounded to steps of 0.1 s.

    Repeats fall on the frame they repeat, and a skipped step leaves a gap that is seen. Null where
    the stamp is none, or is of another day than the play's.
    """
    stamp = pl.col("time").cast(pl.String).str.to_datetime(strict=False).dt.timestamp("ms")
    apart = (stamp - stamp.median().over(SOURCE_KEY)).abs()
    near = pl.when(apart <= _LONGEST_MS).then(stamp)
    return ((near - near.min().over(SOURCE_KEY)) / 100.0).round().cast(pl.Int64)


def fractions(source: SourceFile) -> pl.DataFrame:
    """Cells with a fraction where a whole number must be, by play and column.

    Returns:
        ``source_game_id`` and ``source_play_id`` (null where that is the fraction), ``name`` (of
        `WHOLE_NUMBERS`), ``row`` below the header and ``cell`` of the first, and ``rows``, their
        number.
    """
    rows = _text(source)
    found = []
    for name in WHOLE_NUMBERS:
        if name not in source.layout.rows or source.ids.get(name) == "text":
            continue
        number = pl.col(name).cast(pl.Float64, strict=False)
        found.append(
            rows.filter(number.is_finite() & (number != number.floor())).select(
                *(whole_number(key).alias(key) for key in SOURCE_KEY),
                pl.lit(name).alias("name"),
                "row",
                pl.col(name).alias("cell"),
            )
        )
    return (
        pl.concat(found)
        .group_by(*SOURCE_KEY, "name")
        .agg(pl.col("row", "cell").sort_by("row").first(), rows=pl.len())
        .sort("row")
        .collect(engine="streaming")
    )


def first_unreadable(source: SourceFile, passed_over: Sequence[int] = ()) -> str:
    """Where the first row is that lacks a key, a frame or a place on earth, in words.

    Args:
        source: The file.
        passed_over: Rows that are named otherwise.
    """
    rows = _text(source)
    wrong = {}
    for name in (*SOURCE_KEY, "player_id", "frame", "x_yd", "y_yd"):
        if name not in source.layout.rows:
            continue
        number = pl.col(name).cast(pl.Float64, strict=False)
        if name == "player_id":  # the ball has none
            good = number.is_null() | ~number.is_finite() | (number == number.floor())
        elif name in _RANGES:
            good = number.is_between(*_RANGES[name])
        else:
            good = whole_number(name).is_not_null()
        wrong[name] = ~good.fill_null(value=False)
    if "frame" not in source.layout.rows:
        wrong["time"] = _frame_of_time().is_null()
    flagged = rows.with_columns(**{f"{name}?": flag for name, flag in wrong.items()})
    is_bad = pl.any_horizontal(f"{name}?" for name in wrong)
    first = flagged.filter(is_bad, ~pl.col("row").is_in(passed_over)).head(1)
    for found in first.collect(engine="streaming").iter_rows(named=True):
        name = next(name for name in wrong if found[f"{name}?"])
        column, cell = source.layout.rows[name], found[name]
        game, play = ((found[key] or "").strip("\0")[:MOST_LETTERS] or "none" for key in SOURCE_KEY)
        return (
            f"; the first is row {found['row']} below the header, of game {game}, play {play}, "
            f"whose {column!r} is {_shown_number(cell)}"
        )
    return ""


_COMMA: Final = re.compile(r"\s*-?\d+,\d+\s*")


def _shown_number(cell: str | None) -> str:
    """A cell as a sentence shows it, and what is to be done about a decimal comma."""
    hint = " (write a point in place of the comma)" if cell and _COMMA.fullmatch(cell) else ""
    return shown(cell) + hint


_MARK: Final = "\x1e"
_MARKED: Final = f"{_MARK}([^{_MARK}]+){_MARK}([0-9]+){_MARK}"
# Of thousands of faults in one file as many are shown with what the file says.
_MOST_SHOWN: Final = 1000


def marked(name: str, row: pl.Expr) -> pl.Expr:
    """A place in a sentence where `with_cells` writes what the file says in a row.

    Args:
        name: Our name of the column.
        row: The row below the header.
    """
    return pl.format(f"{_MARK}{name}{_MARK}{{}}{_MARK}", row)


def with_cells(source: SourceFile, table: pl.DataFrame, column: str) -> pl.DataFrame:
    """A table of sentences with what the file says in the places that `marked` left.

    Args:
        source: The file.
        table: Any table.
        column: Its column of sentences.
    """
    marks = (
        table[column].str.extract_all(_MARKED).explode().drop_nulls().unique(maintain_order=True)
    )
    if marks.is_empty():
        return table
    place = marks.str.extract_groups(_MARKED).struct.unnest()
    names, rows = place.to_series(0), place.to_series(1).cast(pl.Int64)
    columns = {
        name: source.layout.rows.get(name, name.removeprefix("plays.")) for name in names.unique()
    }
    wanted = rows.unique().sort().head(_MOST_SHOWN)
    cells = (
        _rows_of_text(source, wanted)
        .select(
            "row", *(pl.col(theirs).cast(pl.String).alias(ours) for ours, theirs in columns.items())
        )
        .collect(engine="streaming")
    )
    said = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in cells.iter_rows()}
    words = [
        _shown_number(said[row][name] or None) if row in said else "not shown"
        for name, row in zip(names, rows, strict=True)
    ]
    return table.with_columns(pl.col(column).str.replace_many(marks.to_list(), words))


def _as_text(source: SourceFile) -> pl.LazyFrame:
    """The rows as the file writes them."""
    if not source.delimiter:
        return pl.scan_parquet(source.path)
    return pl.scan_csv(
        source.path if source.text is None else source.text,
        separator=source.delimiter,
        infer_schema=False,
        with_column_names=column_names,
    )


def _rows_of_text(source: SourceFile, rows: pl.Series) -> pl.LazyFrame:
    """Some rows as the file writes them, with their place, which must be in order."""
    if source.plain:
        some = replace(source, text=lines_at(source.path, rows.to_list(), source.marks))
        return _as_text(some).with_columns(row=rows)
    return (
        _as_text(source).with_row_index("row", offset=1).filter(pl.col("row").is_in(rows.implode()))
    )


def _text(source: SourceFile) -> pl.LazyFrame:
    """The rows' numbers as the file writes them, with their place."""
    columns = source.layout.rows
    wanted = [*WHOLE_NUMBERS, *_RANGES]
    if "frame" not in columns:
        wanted.append("time")
    return (
        _as_text(source)
        .with_row_index("row", offset=1)
        .select(
            "row",
            *(
                pl.col(columns[name]).cast(pl.String).str.strip_chars().alias(name)
                for name in wanted
                if name in columns
            ),
        )
    )


def without_broken(source: SourceFile) -> tuple[SourceFile, pl.DataFrame, list[int]]:
    """The file without rows that cannot be told apart into its columns.

    Returns:
        The file; rows of (source_game_id, source_play_id, reason, detail) for the plays that such
        rows are of, or lie between, null where none is known; and the rows.
    """
    if not source.delimiter:
        rows, types = source.layout.rows, pl.read_parquet_schema(source.path)
        numbers = [rows[name] for name in rows if ROW_COLUMNS[name] is not pl.String]
        padded = any(types[column] == pl.String for column in numbers)
        return replace(source, padded=padded), NO_FAULT, []
    with mapped_text(source.path) as content:
        source = replace(source, padded=is_padded(content, source.delimiter))
        if isinstance(content, bytes):  # unpacked once
            source = replace(source, text=content)
        if not has_broken_rows(content):
            return source, NO_FAULT, []
        text = told_apart(source.path, bytes(content), blanked=True)
    if not text.broken:
        return replace(source, text=text.content), NO_FAULT, []
    keys = _keys_around(text, source)
    faults = []
    for row in text.broken:
        columns = [source.layout.rows[name] for name in SOURCE_KEY]
        own: list[tuple[int | None, ...]] = row.keys(text.names, columns)
        near: list[tuple[int | None, ...]] = [
            keys[place] for place in (row.row - 1, row.row + 1) if place in keys
        ]
        # Its own keys, if a neighbor has them too; else the plays that it lies between.
        of = [key for key in own if key in near][:1] or list(dict.fromkeys(near)) or [(None, None)]
        faults += [(*key, BROKEN, row.sentence(source.path)) for key in of]
    table = pl.DataFrame(faults, schema=NO_FAULT.schema, orient="row")
    return replace(source, text=text.content), table, [row.row for row in text.broken]


def _keys_around(text: Delimited, source: SourceFile) -> dict[int, tuple[int, int]]:
    """The keys of games and plays in the rows before and after the broken ones."""
    bad = [row.row for row in text.broken]
    wanted = sorted({row + step for row in bad for step in (-1, 1)} - set(bad))
    rows = (
        _as_text(replace(source, text=text.content))
        .with_row_index("row", offset=1)
        .filter(pl.col("row").is_in(wanted))
        .select("row", *(whole_number(source.layout.rows[name]).alias(name) for name in SOURCE_KEY))
        .drop_nulls()
        .collect(engine="streaming")
    )
    return {row: (game, play) for row, game, play in rows.iter_rows()}
