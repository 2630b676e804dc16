"""Read from the scorer's description of a play how it ended, and its yards."""

from __future__ import annotations

from typing import Final

import polars as pl

SPIKE: Final = "a spike"
"""What a description of a spike tells, which counts as an incompletion."""

# A play whose ruling is reversed is told twice, at last as it counts.
_RULED: Final = r"(?s)^.*(?:REVERSED|play was reversed)"
# The league's scorers: of 17,500 described results of 2015, 2017, 2021 and 2022 two are others,
# passes from beyond the line after a scramble, of which nothing is said here. A set may have all
# in capitals, or none.
_WORDS: Final = (
    (r"INTERCEPTED|^[^A-Z]*\bintercepted by\b", "IN"),
    (r"pass incomplete|is incomplete", "I"),
    (r"\bsacked\b", "S"),
    (r"\bscrambles\b", "R"),
    (r"\bpass\b", "C"),
    # Of 35,236 plays of 2017, 2021 and 2022 all 19 that are told so are charted as incomplete, and
    # of the 13,518 of the kinds below two, runs of a passer, have a result at all.
    (r"(?i)\bspiked the ball\b", SPIKE),
    (r"(?i)\b(?:kneels|knelt|takes a knee)\b", "a kneel"),
    (r"(?i)\bpunts\b", "a punt"),
    (r"(?i)\bkicks\b|\b(?:field goal|extra point) is\b", "a kick"),
    (r"(?i)\b(?:left|right) (?:end|tackle|guard)\b|\bup the middle\b|\brushe[sd]\b", "a rush"),
)

# What ends with other yards than the first that are told. Of 15,205 other completions, sacks and
# scrambles of these sets none has other yards.
_OTHER_RUNS: Final = r"(?i)intercepted|penalty|fumble|lateral|muff|aborted|two-point|safety"


def last_ruling(description: pl.Expr) -> pl.Expr:
    """The scorer's words as they count, after a ruling that is reversed the last ones."""
    return description.str.replace(_RULED, "")


def described_result(description: pl.Expr) -> pl.Expr:
    """The result, or other kind of play, that the scorer's words tell; null for none or two.

    Example:
        >>> words = pl.Series(["J.Goff pass incomplete deep left to R.Woods.", "Two plays."])
        >>> words.to_frame("said").select(described_result(pl.col("said"))).to_series().to_list()
        ['I', None]
    """
    words = last_ruling(description)
    capitals = ~words.str.contains(r"[a-z]")
    words = pl.when(capitals).then(words.str.to_lowercase()).otherwise(words)
    said = pl.lit(None, pl.String)
    for pattern, result in reversed(_WORDS):
        said = pl.when(words.str.contains(pattern)).then(pl.lit(result)).otherwise(said)
    both = words.str.contains(r"\bscrambles\b") & words.str.contains(r"\bpass\b|\bsacked\b")
    return pl.when(~both).then(said)


def described_yards(description: pl.Expr) -> pl.Expr:
    """The yards that the scorer's words tell, null where they tell none or of more than one run.

    Example:
        >>> words = pl.Series(["J.Goff pass to R.Woods for 12 yards.", "J.Goff pass for no gain."])
        >>> words.to_frame("said").select(described_yards(pl.col("said"))).to_series().to_list()
        [12, 0]
    """
    words = last_ruling(description)
    said = words.str.extract(r"\bfor (no gain|-?\d+ yards?)\b", 1)
    yards = (
        pl.when(said == "no gain").then(0).otherwise(said.str.extract(r"(-?\d+)").cast(pl.Int64))
    )
    return pl.when(~words.str.contains(_OTHER_RUNS)).then(yards)
