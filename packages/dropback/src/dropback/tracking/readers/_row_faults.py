"""Name the rows of a tracking file whose cells cannot be read, by a further look at its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.tracking._schema import X_RANGE_YD, Y_RANGE_YD
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._ids import whole_number

if TYPE_CHECKING:
    from dropback.tracking.readers._files import SourceFile

# What is counted, and never measured.
WHOLE_NUMBERS: Final = (*SOURCE_KEY, "player_id", "frame")

_RANGES: Final = {"x_yd": X_RANGE_YD, "y_yd": Y_RANGE_YD}


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


def first_unreadable(source: SourceFile) -> str:
    """Where the first row is that lacks a key, a frame or a place on earth, in words."""
    rows = _text(source)
    wrong = {}
    for name in (*SOURCE_KEY, "frame", "x_yd", "y_yd"):
        if name not in source.layout.rows:
            continue
        number = pl.col(name).cast(pl.Float64, strict=False)
        if name in _RANGES:
            good = number.is_between(*_RANGES[name])
        else:
            good = whole_number(name).is_not_null()
        wrong[name] = ~good.fill_null(value=False)
    bad = rows.filter(pl.any_horizontal(wrong.values())).head(1)
    first = bad.select("row", *wrong, **{f"{name}?": flag for name, flag in wrong.items()})
    for found in first.collect(engine="streaming").iter_rows(named=True):
        name = next(name for name in wrong if found[f"{name}?"])
        column, cell = source.layout.rows[name], found[name]
        return f"; the first is row {found['row']} below the header, whose {column!r} is {cell!r}"
    return ""


def _text(source: SourceFile) -> pl.LazyFrame:
    """The rows' numbers as the file writes them, with their place."""
    columns = source.layout.rows
    wanted = (*WHOLE_NUMBERS, *_RANGES)
    rows = (
        pl.scan_csv(source.path, separator=source.delimiter, infer_schema=False)
        if source.delimiter
        else pl.scan_parquet(source.path)
    )
    return rows.with_row_index("row", offset=1).select(
        "row",
        *(pl.col(columns[name]).cast(pl.String).alias(name) for name in wanted if name in columns),
    )
