"""Find the rows that hold an event, those of a play's window or all, and words near to one."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._columns import MISSING_WORDS
from dropback.tracking._windows import KNOWN_EVENTS, RELEASES, SNAPS
from dropback.tracking.readers._cells import MOST_LETTERS
from dropback.tracking.readers._coded import TWO_EVENTS, of_texts, rows_where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropback._arrays import Integers
    from dropback.tracking.ingest._entities import PlayerRuns
    from dropback.tracking.readers._format import Format

# Of the real sets' other events `lateral` is nearest to one, `pass_lateral`: .76 of its letters.
_NEAR: Final = 0.8
_BETWEEN_WORDS: Final = r"[\s_-]+"
# Words of other sets for a snap and a throw, and what is short for one: `pass_fwd`. Of the real
# sets' events that are not read none is such a word.
_SAYS: Final = (
    (r"(?i)(?:^|[\W_])(?:snap|snapped|hike|hiked)(?:$|[\W_])", "ballsnap"),
    (r"(?i)(?:^|[\W_])(?:throw|thrown|threw)(?:$|[\W_])", "passforward"),
    (r"(?i)^(?:(?:qb|forward|fwd)[\W_]*)?pass(?:[\W_]*f(?:or)?wa?r?d)?$", "passforward"),
)

NO_NEAR_EVENT: Final = pl.DataFrame(
    schema={"play": pl.Int64, "near_snap": pl.String, "near_end": pl.String}
)
"""What `near_events` says of no play."""


def event_rows(rows: pl.DataFrame, layout: Format) -> tuple[Integers, pl.Series]:
    """Rows that hold an event, and the events in the league's words.

    Case and what stands between the words, as in ``Ball Snap``, do not matter.
    """
    found, names = [np.zeros(0, np.int64)], [pl.Series([], dtype=pl.String)]
    if "event" in rows.columns:
        ours = _folded_events(layout)
        shortest = min(map(len, ours))
        # A length is in the string's head: it rules out nearly all rows without a look-up.
        at = rows_where(rows["event"], lambda text: text.str.len_bytes() >= shortest)
        at, texts = _each_event(rows["event"], at)
        words = of_texts(texts, _folded)
        known = words.is_in(list(ours))
        found.append(at[known.to_numpy()])
        names.append(words.filter(known).replace(ours))
    if "snap_marker" in rows.columns:
        at = rows_where(rows["snap_marker"], lambda text: text == "SNAP")
        found.append(at)
        names.append(pl.repeat("snap_marker", len(at), dtype=pl.String, eager=True))
    return np.concatenate(found), pl.concat(names)


def all_event_rows(rows: pl.DataFrame, layout: Format) -> tuple[Integers, pl.Series]:
    """Rows that hold any event: those of `event_rows` in the league's words, others as they are."""
    if "event" not in rows.columns:
        return np.zeros(0, np.int64), pl.Series([], dtype=pl.String)
    ours = _folded_events(layout)
    at = rows_where(rows["event"], lambda text: ~text.str.strip_chars().is_in(MISSING_WORDS))
    at, own = _each_event(rows["event"], at)
    words = of_texts(own, _folded).replace_strict(ours, default=None, return_dtype=pl.String)
    return at, words.fill_null(own.cast(pl.String).str.strip_chars())


def near_events(rows: pl.DataFrame, runs: PlayerRuns, layout: Format) -> pl.DataFrame:
    """``play``, ``near_snap`` and ``near_end``: events that are none, but near to one, in words.

    Args:
        rows: Source rows.
        runs: Their runs.
        layout: Names the column and its words.
    """
    if "event" not in rows.columns:
        return NO_NEAR_EVENT
    ours = _folded_events(layout)
    texts = rows["event"].unique().drop_nulls().cast(pl.String)
    texts = texts.str.split(TWO_EVENTS).explode().unique()
    others = texts.filter(~_folded(texts).is_in(list(ours))).to_list()
    found = [NO_NEAR_EVENT]
    for name, events in (("near_snap", SNAPS), ("near_end", RELEASES)):
        wanted = [word for word, event in ours.items() if event in events]
        near = dict(_nearest(others, wanted))
        if near:
            at = rows_where(rows["event"], partial(pl.Series.is_in, other=list(near)))
            said = pl.format(
                f"; {layout.rows['event']} is '{{}}' in row {{}}, near to '{{}}'",
                pl.col("text").str.slice(0, MOST_LETTERS),
                "row",
                pl.col("text").replace_strict(near).replace_strict(ours),
            )
            texts_there = rows["event"].gather(at).cast(pl.String)
            first = pl.DataFrame(
                {"play": runs.play_of(at), "text": texts_there, "row": rows["row"].gather(at)}
            ).unique("play", keep="first", maintain_order=True)
            found.append(first.select("play", said.alias(name)))
    return (
        pl.concat(found, how="diagonal_relaxed").group_by("play").agg(pl.all().drop_nulls().first())
    )


def _each_event(text: pl.Series, at: Integers) -> tuple[Integers, pl.Series]:
    """Some rows and their texts, a row of two events twice."""
    texts = text.gather(at)
    # Coded texts are as the set has them.
    if isinstance(texts.dtype, pl.Categorical):
        return at, texts
    several = texts.str.split(TWO_EVENTS)
    return np.repeat(at, several.list.len().to_numpy()), several.explode()


def _folded(text: pl.Series) -> pl.Series:
    return text.str.to_lowercase().str.replace_all(_BETWEEN_WORDS, "")


def _folded_events(layout: Format) -> dict[str, str]:
    """The events that are read, by their folded words and the layout's own."""
    named = dict(zip(KNOWN_EVENTS, KNOWN_EVENTS, strict=True)) | dict(layout.event_names)
    return dict(zip(_folded(pl.Series(list(named))), named.values(), strict=True))


def _nearest(words: Iterable[str], wanted: list[str]) -> Iterable[tuple[str, str]]:
    for word in words:
        folded = _folded(pl.Series([word]))[0]
        listed = [part for part in map(_fold, re.split(r"[;,|/+&]", word)) if part in wanted]
        named = [near for pattern, near in _SAYS if near in wanted and re.search(pattern, word)]
        near = [*listed, *get_close_matches(folded, wanted, n=1, cutoff=_NEAR), *named]
        if near:
            yield word, near[0]


def _fold(word: str) -> str:
    return re.sub(_BETWEEN_WORDS, "", word.lower())
