"""Hold what a set says of how a play ended against its events, its yards and its description."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback.tracking._described import (
    SPIKE,
    described_result,
    described_yards,
    last_ruling,
)
from dropback.tracking._windows import FORWARD_PASSES, OUTCOMES, SACKS
from dropback.tracking.readers._cells import CELL, cut, quoted
from dropback.tracking.readers._plays import NO_PLAY, PASS_RESULTS

OTHER_RESULT: Final = "a result unlike the events"
OTHER_WORDS: Final = "a result unlike the description"
OTHER_YARDS: Final = "yards unlike the result"
DESCRIBED_YARDS: Final = "yards unlike the description"
NULLIFIED: Final = "nullified unlike the description"

_PASSES: Final = ("C", "I", "IN")
# What ends the dropback of no real pass: all 525 have their throw.
_NO_THROWS: Final = (*SACKS, "qb_spike", "run", "fumble", "handoff", "pass_lateral")
_HELD: Final = "held_result"
_SAYS: Final = "says"


def with_results(plays: pl.DataFrame) -> pl.DataFrame:
    """Plays with the columns that `against_results` reads.

    As columns, for within one query each sentence would search the descriptions anew.

    Returns:
        The plays with ``described``, what their descriptions tell; ``held_result``, the result
        that events are held against, of a set without results the description's; ``says``, in
        words whose that is; and ``other_outcome``.
    """
    result = _known_result()
    described = plays.with_columns(described=described_result(pl.col("description")))
    by_words = pl.when(result.is_null() & pl.col("described").is_not_null())
    held = described.with_columns(
        pl.coalesce(result, pl.col("described").replace(SPIKE, "I")).alias(_HELD),
        by_words.then(pl.format("the description says {}, ", "described"))
        .when(result.is_not_null())
        .then(pl.format("pass_result is {}, ", quoted(result)))
        .otherwise(pl.lit(""))
        .alias(_SAYS),
    )
    return held.with_columns(other_outcome=_other_outcome(pl.col(_HELD)))


def against_results() -> list[pl.Expr]:
    """Sentences about what contradicts the results of plays `with_results`; null for none."""
    result, last = _known_result(), pl.col("end_event")
    described, outcome = pl.col("described"), pl.col("other_outcome")
    held, says = pl.col(_HELD), pl.col(_SAYS)
    thrown, no_throw = last.is_in(FORWARD_PASSES), last.is_in(_NO_THROWS)
    spiked = last == "qb_spike"
    no_pass = held.is_not_null() & ~held.is_in(_PASSES)
    ends = (thrown & no_pass) | (no_throw & held.is_in(_PASSES) & ~(spiked & (held == "I")))
    both = thrown & pl.col("sack_frame").is_not_null()
    penalty = pl.col("description").str.contains(r"(?i)penalty|fumbles").fill_null(value=False)
    words = cut(last_ruling(pl.col("description")).str.strip_chars(" ."))
    # A spike is charted as incomplete; a passer may rush and not scramble.
    other_words = (result != described) & ~(
        ((result == "I") & (described == SPIKE)) | ((result == "R") & (described == "a rush"))
    )
    gained = pl.col("yards_gained")
    yards = ((result == "I") & (gained != 0)) | ((result == "S") & (gained > 0))
    told = described_yards(pl.col("description"))
    no_play = pl.col("description").str.contains(NO_PLAY)
    return [
        # None of 525 real throws has a sack beside it.
        pl.when(both).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}{{}}with a sack {{}} frames after the snap and {{}} {{}} "
                "frames after it",
                says,
                pl.col("sack_frame") - pl.col("snap_frame"),
                last,
                pl.col("end_frame") - pl.col("snap_frame"),
            )
        ),
        pl.when(ends & ~both).then(
            pl.format(f"{OTHER_RESULT}{CELL}{{}}the dropback ends with {{}}", says, last)
        ),
        pl.when(~(ends | both).fill_null(value=False) & outcome.is_not_null()).then(
            pl.format(f"{OTHER_RESULT}{CELL}{{}}the pass ends with {{}}", says, outcome)
        ),
        pl.when(no_throw & held.is_null() & (pl.col("outcomes").list.len() > 0)).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}the dropback ends with {{}}, and a pass with {{}}",
                last,
                pl.col("outcomes").list.first(),
            )
        ),
        # All 20 spikes of 2015 and 2017 are charted as incomplete, one of them as a throw, which
        # does not arrive.
        pl.when(spiked & (held == "I") & described.is_in(_PASSES) & outcome.is_null()).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}the dropback ends with qb_spike, the description says {{}}: "
                "{}",
                described,
                words,
            )
        ),
        pl.when(
            thrown & (held == "I") & (described == SPIKE) & outcome.is_null(),
            pl.col("arrival_frame").is_not_null(),
        ).then(
            pl.format(
                f"{OTHER_RESULT}{CELL}the description says {SPIKE}, but a pass arrives {{}} frames "
                "after {}",
                pl.col("arrival_frame") - pl.col("end_frame"),
                last,
            )
        ),
        pl.when(other_words).then(
            pl.format(
                f"{OTHER_WORDS}{CELL}pass_result is {{}}, the description says {{}}: {{}}",
                quoted(result),
                described,
                words,
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


def _known_result() -> pl.Expr:
    """The set's result, null for a word that is none, which is flagged as a cell."""
    result = pl.col("pass_result").cast(pl.String)
    return pl.when(result.is_in(PASS_RESULTS)).then(result)


def _other_outcome(result: pl.Expr) -> pl.Expr:
    """The first outcome event of a play that its result does not have, null for none."""
    found = [
        pl.when(result.is_not_null(), ~result.is_in(results)).then(
            pl.col("outcomes").list.eval(pl.element().filter(pl.element() == event)).list.first()
        )
        for event, results in OUTCOMES.items()
    ]
    return pl.coalesce(found)
