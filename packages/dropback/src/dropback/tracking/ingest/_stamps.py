"""Hold the time stamps of all rows against their frame numbers, which are what is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from dropback.data._columns import MISSING_WORDS
from dropback.data._field import RATE_HZ
from dropback.tracking.ingest._clocks import parsed_stamps
from dropback.tracking.ingest._conventions import Check
from dropback.tracking.ingest._passes import off_frames, span_by_play, used_codes
from dropback.tracking.readers._cells import CELL, ROW, rows_of, shown, unread_by_play
from dropback.tracking.readers._coded import codes_of, rows_where
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dropback._arrays import Floats, Integers
    from dropback.tracking.ingest._conventions import Decision
    from dropback.tracking.ingest._entities import PlayerRuns, WindowRows
    from dropback.tracking.readers._format import Format

OFF_FRAMES: Final = "time stamps unlike frame numbers"
NO_TIME: Final = "time stamps that are no time"

# From ten frames before the snap to the release the stamps of 302 highlights are all where their
# frames are, but for nine balls of another clock; cut to whole seconds they are within 1 s.
_APART_S: Final = 0.35
_WHOLE_APART_S: Final = 1.05

_FOUND: Final = {
    "play": pl.Int64,
    **dict.fromkeys(SOURCE_KEY, pl.Int64),
    ROW: pl.UInt32,
    "text": pl.String,
    "flag": pl.String,
    "rows": pl.UInt32,
}


@dataclass(frozen=True)
class Stamps:
    """What the time stamps of a batch of rows say.

    Args:
        stamped: Rows with a stamp.
        whole: Whether all are whole seconds.
        faults: One row a play and `OFF_FRAMES` or `NO_TIME`: ``play``, its source key, ``flag``,
            the first such row (`ROW`), what it has (``text``) and ``rows``, the number of them.
    """

    stamped: int
    whole: bool
    faults: pl.DataFrame


NO_STAMPS: Final = Stamps(0, whole=True, faults=pl.DataFrame(schema=_FOUND))


def read_all_stamps(
    rows: pl.DataFrame, runs: PlayerRuns, layout: Format
) -> tuple[Stamps, Floats | None]:
    """What the time stamps of rows say, where the layout has stamps beside frame numbers.

    Args:
        rows: Source rows on one clock, with ``frame``.
        runs: Their runs by player.
        layout: Their layout.

    Returns:
        The findings, and of each row its stamp less the time by its frame number, seconds, NaN
        without a stamp; None where there are no stamps.
    """
    if not {"time", "frame"} <= set(layout.rows) or not rows.height:
        return NO_STAMPS, None
    place, seconds, words, whole = _seconds(rows["time"])
    off, count = off_frames(place, seconds, rows["frame"].to_numpy(), RATE_HZ)
    drift = span_by_play(off, runs.length, runs.play)
    found = [NO_STAMPS.faults]
    if (doubtful := drift > _WHOLE_APART_S).any():
        at = np.flatnonzero(runs.over_rows(doubtful[runs.play].astype(np.int64)))
        found.append(_first_of(_apart(at, off, runs), OFF_FRAMES, rows, runs))
    if len(words):
        at = rows_where(rows["time"], lambda text: text.is_in(words.implode()))
        found.append(_first_of(at, NO_TIME, rows, runs))
    return Stamps(count, whole, pl.concat(found)), off


def _apart(at: Integers, off: Floats, runs: PlayerRuns) -> Integers:
    """Those of some rows whose stamps are not where most of their play's are."""
    table = pl.DataFrame({"play": runs.play_of(at), "at": at, "off": off[at]}).filter(
        pl.col("off").is_finite()
    )
    middle = pl.col("off").median().over("play")
    apart = (pl.col("off") - middle).abs()
    # Of two clocks with as many rows each the later rows are apart.
    odd = (apart > _APART_S) & (2 * apart >= apart.max().over("play"))
    return table.filter(odd)["at"].to_numpy()


def _seconds(text: pl.Series) -> tuple[NDArray[np.uint32], Floats, pl.Series, bool]:
    """Places of stamps among seconds, NaN for none; words that are no time; whether all are whole.

    A moment is written for each of two dozen tracks, and is parsed once.
    """
    if not isinstance(text.dtype, pl.Categorical):
        text = text.cast(pl.Categorical(pl.Categories.random()))
    # The last place is that of rows without a stamp.
    place, texts = codes_of(text)
    there = used_codes(place, len(texts) + 1)
    there[-1] = False
    words = texts.filter(pl.Series(there[:-1])).alias("time")
    parsed = words.to_frame().select(parsed_stamps("time")).to_series()
    bad = words.filter(parsed.is_null() & ~words.is_in(MISSING_WORDS))
    whole = bool((parsed.drop_nulls() % 1 == 0).all())
    seconds = np.full(len(there), np.nan)
    seconds[there] = parsed.fill_null(np.nan).to_numpy()
    return place, seconds, bad, whole


def _first_of(at: Integers, flag: str, rows: pl.DataFrame, runs: PlayerRuns) -> pl.DataFrame:
    """The first of some rows of each play, and their number."""
    found = rows.select(*SOURCE_KEY, ROW, text="time")[at]
    return (
        found.with_columns(play=pl.Series(runs.play_of(at)), flag=pl.lit(flag))
        .group_by("play", maintain_order=True)
        .agg(pl.col(*SOURCE_KEY, ROW, "text", "flag").first(), rows=pl.len())
        .select(pl.col(name).cast(dtype) for name, dtype in _FOUND.items())
    )


def flags_of_stamps(
    stamps: Stamps, off: Floats | None, window: WindowRows, runs: PlayerRuns, layout: Format
) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays with stamps that run otherwise than frames, or are none.

    After the play a track may lose samples, and its frames run ahead of its stamps: a third of the
    highlights has one. From the snap to the release none does.

    Args:
        stamps: What the stamps of all rows say.
        off: As `read_all_stamps` gives it.
        window: The rows inside the windows of fit plays.
        runs: Runs by player of all rows.
        layout: Their layout.
    """
    faults = stamps.faults.filter(flag=NO_TIME)
    if off is not None and len(window.row):
        play = window.play[window.entity]
        drift = span_by_play(off[window.row], window.length, play)
        doubtful = drift > (_WHOLE_APART_S if stamps.whole else _APART_S)
        if doubtful.any():
            at = window.row[np.repeat(doubtful[play], window.length)]
            odd = _first_of(_apart(at, off, runs), OFF_FRAMES, window.rows, runs)
            faults = pl.concat([odd, faults])
    column = layout.rows.get("time", "")
    more = pl.when(pl.col("rows") > 1).then(pl.format(" and {} more", pl.col("rows") - 1))
    said = pl.format(
        f"{{}}{CELL}{column} is {{}} in row {{}}{{}}",
        "flag",
        marked("time", pl.col(ROW)),
        ROW,
        more.otherwise(pl.lit("")),
    )
    return unread_by_play(faults, ["play"], [said])


def check_of_stamps(stamps: Sequence[Stamps], layout: Format) -> Check:
    """Whether a file's time stamps run with the frame numbers; these are what is used."""
    name = "time jumps"
    if not {"time", "frame"} <= set(layout.rows):
        return Check(name, "not measurable", None, "the set lacks time or frame number")
    faults = pl.concat([NO_STAMPS.faults, *(part.faults for part in stamps)])
    count = sum(part.stamped for part in stamps)
    whole = bool(count) and all(part.whole for part in stamps)
    off, words = (faults.filter(flag=flag) for flag in (OFF_FRAMES, NO_TIME))
    apart = int(off["rows"].sum())
    evidence = (
        f"{apart} of {count} time stamps are not where most of their play and their frame "
        f"numbers put them{_of_plays(off)}"
        f"{', all cut to whole seconds' if whole else ''}; frame numbers are used instead"
    )
    if words.height:
        evidence += f"; {layout.rows['time']!r} is no time in {rows_of(int(words['rows'].sum()))}"
        evidence += _of_plays(words)
    wrong = apart or whole or words.height
    decision: Decision = "wrong, not corrected" if wrong else "ok"
    return Check(name, decision, float(apart), evidence)


def _of_plays(faults: pl.DataFrame) -> str:
    """How many plays something is of, and the first row, in words; empty for none."""
    if faults.is_empty():
        return ""
    first: Mapping[str, Any] = faults.row(0, named=True)
    game, play = (first[key] for key in SOURCE_KEY)
    return (
        f" (in {faults.height} {'play' if faults.height == 1 else 'plays'}, the first in game "
        f"{game}, play {play}, row {first[ROW]} below the header: {shown(first['text'])})"
    )
