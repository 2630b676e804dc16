"""Read ids of any kind: whole numbers, long ones, and text beside a number that stands for it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from dropback.data._columns import MISSING_WORDS
from dropback.errors import ReaderError
from dropback.tracking.readers._cells import shown

if TYPE_CHECKING:
    from pathlib import Path

IdKind = Literal["number", "long", "text"]

# Beyond, a float is no longer exact: two 18-digit ids would become one.
_EXACT: Final = 2**53
# Numbers that stand for text begin here, above every league's own.
TEXT_FROM: Final = 1 << 60


def id_kind(cells: pl.Series) -> IdKind:
    """What most of a column's cells are: numbers, numbers of more than 15 digits, or text."""
    known = cells.cast(pl.String).drop_nulls()
    known = known.str.strip_chars().unique()
    known = known.filter(~known.is_in(MISSING_WORDS))
    whole = known.cast(pl.Int64, strict=False)
    if (whole.abs() >= _EXACT).any():
        return "long"
    numbers = known.cast(pl.Float64, strict=False).is_not_null().sum()
    return "number" if 2 * numbers >= len(known) else "text"


def id_number(column: str) -> pl.Expr:
    """A number for each id: itself where it is one, else one that its text alone determines."""
    return pl.col(column).cast(pl.String).map_batches(_numbers, return_dtype=pl.Int64)


def whole_number(column: str) -> pl.Expr:
    """Whole numbers from text, exact to 18 digits, also as ``33131.0``; null where it is none."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.coalesce(
        text.cast(pl.Int64, strict=False),
        whole(text.cast(pl.Float64, strict=False)).cast(pl.Int64, strict=False),
    )


def whole(number: pl.Expr) -> pl.Expr:
    """The number where it is whole; null where a cast would cut its decimals off."""
    return pl.when(number == number.floor()).then(number)


def require_number(path: Path, column: str, cells: pl.Series) -> None:
    """Require the numbers of a game or a play.

    Raises:
        ReaderError: If most cells are text, with the first.
    """
    if id_kind(cells) == "text":
        known = cells.drop_nulls()
        first = known.filter(~known.is_in(MISSING_WORDS))[0]
        raise ReaderError(
            f"{path}: the games and plays of {column!r} must be whole numbers, for a game as "
            f"2022091100, of which the first four digits give the season; got {shown(first)}."
        )


def _numbers(texts: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"id": texts.str.strip_chars()}).with_columns(number=whole_number("id"))
    other = frame.filter(pl.col("number").is_null(), pl.col("id").is_not_null())["id"].unique()
    # Words for absence and numbers beyond all bounds are no ids.
    named = [text for text in other.to_list() if text not in MISSING_WORDS and not _is_float(text)]
    if not named:
        return frame["number"]
    numbers = [TEXT_FROM | (_digest(text) & (TEXT_FROM - 1)) for text in named]
    standing = pl.col("id").replace_strict(named, numbers, default=None, return_dtype=pl.Int64)
    return frame.select(pl.coalesce("number", standing)).to_series()


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
