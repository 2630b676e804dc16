"""Know the words in which the sets chart coverages, dropbacks and routes."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

# A set with words of its own has them in most of its plays.
_OWN_FROM: Final = 10

_SHELLS: Final = (
    *(f"Cover-{number}" for number in (0, 1, 2, 3, 4, 5, 6, 9)),
    *("Quarters", "2-Man", "Bracket", "Prevent", "Miscellaneous", "Red Zone", "Goal Line"),
    # 2025 splits some; 2026 adds man or zone.
    *("Cover-1 Double", "Cover-3 Seam", "Cover-3 Double Cloud", "Cover-3 Cloud Left"),
    *("Cover-3 Cloud Right", "Cover-6 Left", "Cover-6 Right"),
    *(f"COVER_{number}_{kind}" for number in (0, 1, 2, 3, 4, 6) for kind in ("MAN", "ZONE")),
)
_SPELLED: Final = {
    # 2023's, 2025's and 2026's.
    "coverage": _SHELLS,
    "coverage_type": ("Man", "Zone", "Other", "MAN_COVERAGE", "ZONE_COVERAGE"),
    # All of 8,557 real plays of 2021, and 2025's.
    "dropback_type": (
        *("TRADITIONAL", "SCRAMBLE", "DESIGNED_RUN", "QB_DRAW", "QB_SNEAK", "UNKNOWN"),
        *("DESIGNED_ROLLOUT", "DESIGNED_ROLLOUT_LEFT", "DESIGNED_ROLLOUT_RIGHT"),
        *("SCRAMBLE_ROLLOUT_LEFT", "SCRAMBLE_ROLLOUT_RIGHT"),
    ),
    "target_route": (
        *("SLANT", "HITCH", "OUT", "IN", "GO", "POST", "CORNER", "CROSS", "FLAT", "ANGLE"),
        # nflverse's participation and simulated leagues have these too.
        *("SCREEN", "WHEEL", "SWING", "COMEBACK", "CHECKDOWN", "CURL", "DIG", "DRAG"),
        *("HITCH/CURL", "IN/DIG", "SHALLOW CROSS/DRAG", "DEEP OUT", "QUICK OUT", "TEXAS/ANGLE"),
    ),
}  # fmt: skip
_WORDS: Final = {
    name: {re.sub(r"[\W_]", "", word).upper(): word for word in words}
    for name, words in _SPELLED.items()
}
_KINDS: Final = {
    "coverage": "coverage that is known",
    "coverage_type": "word for man or zone coverage",
    "dropback_type": "kind of dropback that is known",
    "target_route": "route that is known",
}

CHARTED: Final = tuple(_WORDS)
"""Quantities that are charted in words."""


def folded_word(column: str) -> pl.Expr:
    """A column's words without case, blanks and punctuation."""
    return pl.col(column).cast(pl.String).str.to_uppercase().str.replace_all(r"[\W_]", "")


def spelled(name: str) -> pl.Expr:
    """A column of `CHARTED` in one spelling of each word; words of a set's own stay as they are.

    Args:
        name: The column, by our name.
    """
    word = folded_word(name).replace_strict(_WORDS[name], default=None, return_dtype=pl.String)
    return pl.coalesce(word, name).alias(name)


def unknown_words(table: pl.DataFrame, column: str, name: str) -> tuple[pl.Expr, str]:
    """Where a column says a word that no set is known to use, and what it should be.

    A table of which most words are unknown has its own: of them numbers alone are wrong.

    Args:
        table: Any table.
        column: Its column.
        name: What it tells, of `CHARTED`.
    """
    number = pl.col(column).cast(pl.Float64, strict=False).is_not_null()
    unknown = ~folded_word(column).is_in(list(_WORDS[name]))
    said = pl.col(column).is_not_null()
    count, strange = table.select(said.sum(), (said & unknown).sum().alias("strange")).row(0)
    own = count >= _OWN_FROM and 2 * strange > count
    return (number if own else unknown), _KINDS[name]
