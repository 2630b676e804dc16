"""Hold what a set says of how a play ended against its events, its yards and its description."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback.tracking._windows import FORWARD_PASSES, OUTCOMES, SACKS
from dropback.tracking.readers._cells import CELL, cut, quoted
from dropback.tracking.readers._plays import NO_PLAY

OTHER_RESULT: Final = "a result unlike the events"
OTHER_WORDS: Final = "a result unlike the description"
OTHER_YARDS: Final = "yards unlike the result"
DESCRIBED_YARDS: Final = "yards unlike the description"
NULLIFIED: Final = "nullified unlike the description"

_PASSES: Final = ("C", "I", "IN")

# A play whose ruling is reversed is told twice, at last as it counts.
_RULED: Final = r"(?s)^.*REVERSED"
# The league's scorers: of 17,500 described results of 2015, 2017, 2021 and 2022 two are others,
# passes from beyond the line after a scramble, of which nothing is said here.
_WORDS: Final = (
    ("INTERCEPTED", "IN"),
    (r"pass incomplete|is incomplete", "I"),
    (r"\bsacked\b", "S"),
    (r"\bscrambles\b", "R"),
    (r"\bpass\b", "C"),
    # All 20 spikes of 2015 and 2017 are charted as incomplete, no kneel of 135 as a dropback.
    (r"\bspiked the ball\b", "I"),
    (r"\bkneels\b", "a kneel"),
)

# What ends with other yards than the first that are told. Of 15,205 other completions, sacks and
# scrambles of these sets none has other yards.
_OTHER_RUNS: Final = r"(?i)intercepted|penalty|fumble|lateral|muff|aborted|two-point|safety"


def described_result(description: pl.Expr) -> pl.Expr:
    """The result that the scorer's words tell, null where they tell none or two.

    Example:
        >>> words = pl.Series(["J.Goff pass incomplete deep left to R.Woods.", "Two plays."])
        >>> words.to_frame("said").select(described_result(pl.col("said"))).to_series().to_list()
        ['I', None]
    """
    words = description.str.replace(_RULED, "")
    said = pl.lit(None, pl.String)
    for pattern, result in reversed(_WORDS):
        said = pl.when(words.str.contains(pattern)).then(pl.lit(result)).otherwise(said)
    both = words.str.contains(r"\bscrambles\b") & words.str.contains(r"\bpass\b|\bsacked\b")
    return pl.when(~both).then(said)


def with_results(plays: pl.DataFrame) -> pl.DataFrame:
    """Plays with ``described`` and ``other_outcome``, which `against_results` reads.

    As columns, for within one query each sentence would search the descriptions anew.
    """
    described = plays.with_columns(described=described_result(pl.col("description")))
    # A set without results has descriptions.
    return described.with_columns(
        other_outcome=_other_outcome(pl.coalesce("pass_result", "described"))
    )


def described_yards(description: pl.Expr) -> pl.Expr:
    """The yards that the scorer's words tell, null where they tell none or of more than one run.

    Example:
        >>> words = pl.Series(["J.Goff pass to R.Woods for 12 yards.", "J.Goff pass for no gain."])
        >>> words.to_frame("said").select(described_yards(pl.col("said"))).to_series().to_list()
        [12, 0]
    """
    words = description.str.replace(_RULED, "")
    said = words.str.extract(r"\bfor (no gain|-?\d+ yards?)\b", 1)
    yards = (
        pl.when(said == "no gain").then(0).otherwise(said.str.extract(r"(-?\d+)").cast(pl.Int64))
    )
    return pl.when(~words.str.contains(_OTHER_RUNS)).then(yards)


def against_results() -> list[pl.Expr]:
    """Sentences about what contradicts the results of plays `with_results`; null for none."""
    result, last = pl.col("pass_result"), pl.col("end_event")
    described, outcome = pl.col("described"), pl.col("other_outcome")
    thrown, sacked = last.is_in(FORWARD_PASSES), last.is_in(SACKS)
    ends = (thrown & result.is_in(["S", "R"])) | (sacked & result.is_in(_PASSES))
    both = thrown & pl.col("sack_frame").is_not_null()
    penalty = pl.col("description").str.contains(r"(?i)penalty|fumbles").fill_null(value=False)
    gained = pl.col("yards_gained")
    yards = ((result == "I") & (gained != 0)) | ((result == "S") & (gained > 0))
    told = described_yards(pl.col("description"))
    no_play = pl.col("description").str.contains(NO_PLAY, literal=True)
    return [
        # None of 525 real throws has a sack beside it.
        pl.when(both).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}pass_result is {{}}, with a sack {{}} frames after the snap "
                "and {} {} frames after it",
                quoted(result),
                pl.col("sack_frame") - pl.col("snap_frame"),
                last,
                pl.col("end_frame") - pl.col("snap_frame"),
            )
        ),
        pl.when(ends & ~both).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}pass_result is {{}}, the dropback ends with {{}}",
                quoted(result),
                last,
            )
        ),
        pl.when(~(ends | both).fill_null(value=False) & outcome.is_not_null()).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}pass_result is {{}}, the pass ends with {{}}",
                quoted(result),
                outcome,
            )
        ),
        pl.when(sacked & result.is_null() & (pl.col("outcomes").list.len() > 0)).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}the dropback ends with {{}}, and a pass with {{}}",
                last,
                pl.col("outcomes").list.first(),
            )
        ),
        pl.when((result != described) & result.is_in([end for _, end in _WORDS])).then(
            pl.format(
                f"{OTHER_WORDS}{CELL}pass_result is {{}}, the description says {{}}: {{}}",
                quoted(result),
                described,
                cut(pl.col("description").str.replace(_RULED, "").str.strip_chars(" .")),
            )
        ),
        pl.when(yards & ~penalty).then(
            pl.format(
                f"{OTHER_YARDS}{CELL}pass_result is {{}}, yards_gained {{}}",
                quoted(result),
                gained.cast(pl.Int64),
            )
        ),
        pl.when((told != gained) & (result == described)).then(
            pl.format(
                f"{DESCRIBED_YARDS}{CELL}yards_gained is {{}}, the description says {{}}",
                gained.cast(pl.Int64),
                told,
            )
        ),
        # Where a set has no flag the description tells it.
        pl.when(pl.col("nullified") != no_play).then(
            pl.format(
                f"{NULLIFIED}{CELL}the play is{{}} nullified, the description says that it is{{}}",
                pl.when("nullified").then(pl.lit("")).otherwise(pl.lit(" not")),
                pl.when(no_play).then(pl.lit("")).otherwise(pl.lit(" not")),
            )
        ),
    ]


def _other_outcome(result: pl.Expr) -> pl.Expr:
    """The first outcome event of a play that its result does not have, null for none."""
    found = [
        pl.when(result.is_not_null(), ~result.is_in(results)).then(
            pl.col("outcomes").list.eval(pl.element().filter(pl.element() == event)).list.first()
        )
        for event, results in OUTCOMES.items()
    ]
    return pl.coalesce(found)
