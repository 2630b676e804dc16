"""Read the cells of tables that describe a player: name, position, height and weight."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback.tracking._schema import HEIGHT_RANGE_IN, WEIGHT_RANGE_LB

_POSITIONS: Final = {"HB": "RB", "OT": "T", "OG": "G", "LT": "T", "RT": "T", "LG": "G", "RG": "G"}

_KNOWN_POSITIONS: Final = (
    *("QB", "RB", "FB", "WR", "TE", "C", "G", "T", "OL", "OC", "K", "P", "LS"),
    *("DE", "DT", "NT", "DL", "EDGE", "LB", "OLB", "ILB", "MLB"),
    *("CB", "S", "SS", "FS", "DB", "SAF"),
)


def normalized_position(column: str) -> pl.Expr:
    """Positions in one vocabulary: HB is RB, OT and its sides are T, OG and its sides are G."""
    return pl.col(column).str.to_uppercase().replace(_POSITIONS)


def known_position(column: str) -> pl.Expr:
    """Positions in one vocabulary; null where a word is none of any set."""
    position = normalized_position(column)
    return pl.when(position.is_in(_KNOWN_POSITIONS)).then(position)


def height_in(column: str) -> pl.Expr:
    """Heights in inches, from ``6'03"``, ``6-3`` or inches; null where nobody has such a one."""
    feet_and_inches = pl.col(column).str.extract_groups(r"^(\d)['-](\d{1,2})\"?$")
    inches = pl.coalesce(
        feet_and_inches.struct.field("1").cast(pl.Float32) * 12
        + feet_and_inches.struct.field("2").cast(pl.Float32),
        pl.col(column).cast(pl.Float32, strict=False),
    )
    return _inside(inches, HEIGHT_RANGE_IN)


def weight_lb(column: str) -> pl.Expr:
    """Weights in pounds; null where nobody has such a one."""
    return _inside(pl.col(column).cast(pl.Float32, strict=False), WEIGHT_RANGE_LB)


def full_name() -> pl.Expr:
    """``display_name``, or the ``first_name`` and ``last_name`` of a table that has these."""
    parts = pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True)
    known = pl.any_horizontal(pl.col("first_name", "last_name").is_not_null())
    return pl.coalesce("display_name", pl.when(known).then(parts))


def _inside(values: pl.Expr, bounds: tuple[float, float]) -> pl.Expr:
    return pl.when(values.is_between(*bounds)).then(values)
