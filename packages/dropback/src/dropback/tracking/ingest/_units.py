"""Tell plays whose places are in feet, inches or centimeters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD
from dropback.tracking.readers._format import SOURCE_KEY

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format

# Units in a yard. Meters are nearly yards: the line of scrimmage and the hash marks tell them.
_IN_A_YARD: Final = {"feet": 3.0, "inches": 36.0, "centimeters": 91.44}
# Of a play that share of the rows has smaller places: one slipped track is no unit.
_MOST: Final = 0.95
# Beside the field by so much: of 530 real plays that share is within 7.2 yards of it.
_BESIDE_YD: Final = 10.0


def with_units(
    faults: pl.DataFrame | None, batch: pl.DataFrame, readable: int, layout: Format
) -> pl.DataFrame | None:
    """Rows of (source_game_id, source_play_id, reason, detail), those of plays in another unit too.

    Args:
        faults: Rows that are known.
        batch: Source rows, those without a place on earth too.
        readable: How many of them have a place on earth; of a batch of such no play is looked at.
        layout: Names the columns.
    """
    if readable == batch.height:
        return faults
    length, width = FIELD_LENGTH_YD + _BESIDE_YD, FIELD_WIDTH_YD + _BESIDE_YD
    of_plays = (
        batch.lazy()
        .drop_nulls(SOURCE_KEY)
        .group_by(SOURCE_KEY, maintain_order=True)
        .agg(pl.col(name).abs().quantile(_MOST).cast(pl.Float64) for name in ("x_yd", "y_yd"))
        .filter((pl.col("x_yd") > length) | (pl.col("y_yd") > width))
        # These fit the field the other way round: x and y are exchanged, see `misread_plays`.
        .filter((pl.col("x_yd") > width) | (pl.col("y_yd") > length))
    )
    unit = pl.lit(None, pl.String)
    for name, count in reversed(_IN_A_YARD.items()):
        fits = (pl.col("x_yd") < count * length) & (pl.col("y_yd") < count * width)
        unit = pl.when(fits).then(pl.lit(name)).otherwise(unit)
    in_a_yard = pl.col("unit").replace_strict(_IN_A_YARD, return_dtype=pl.Float64)
    x, y = layout.rows["x_yd"], layout.rows["y_yd"]
    found = (
        of_plays.with_columns(unit=unit)
        .drop_nulls("unit")
        .select(
            *SOURCE_KEY,
            reason=pl.lit("places in another unit"),
            detail=pl.format(
                f"the columns {x} and {y} are up to {{}} and {{}} in {100 * _MOST:g} % of the "
                "rows, as in {} ({} and {} yards): they must be in yards",
                pl.col("x_yd").round(1),
                pl.col("y_yd").round(1),
                "unit",
                (pl.col("x_yd") / in_a_yard).round(1),
                (pl.col("y_yd") / in_a_yard).round(1),
            ),
        )
        .collect()
    )
    return found if faults is None else pl.concat([faults, found], how="diagonal_relaxed")
