"""Put the tracks of a play on one clock, by each track's own snap event and time stamps.

A player's and the ball's frames are numbered by what recorded them. Of 511 highlights of 2017 to
2019, 19 number the ball's frames from another moment than the players', by up to 118 frames; a
game of 2017 has one player so. Joined by frame number, they are of two moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback._frames import collected, left_join
from dropback.data._field import RATE_HZ
from dropback.tracking._windows import SNAPS
from dropback.tracking.readers._coded import as_text

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.tracking.ingest._entities import PlayerRuns

# Stamps of one moment differ by rounding to 0.1 s at most; those cut to whole seconds by a second.
_SAME_MOMENT_S: Final = 0.15
_SAME_SECOND_S: Final = 1.05
# Of 23 tracks at most a few are odd: where fewer agree, none of the clocks is the play's.
_AGREEING_SHARE: Final = 0.6
# Of the 177 balls of 2017's game, none of which has an event, 173 change their second where the
# players do and four 18 frames later. Within a second stamps fall behind by .9 s.
_LEAST_BY_SECONDS: Final = 3
_WHOLE_SPAN_S: Final = 0.85
# Events whose stamps tell whether a set's are cut to whole seconds.
_STAMPS: Final = 2000


@dataclass(frozen=True)
class Clocks:
    """What the clocks of a batch's tracks say.

    Args:
        rows: The rows, with the frames of odd tracks shifted.
        shifted: ``play`` and ``clock_shift``, a sentence for each play with shifted tracks.
        problems: Rows of (play, reason, detail) for plays whose tracks cannot be put on one clock.
    """

    rows: pl.DataFrame
    shifted: pl.DataFrame
    problems: pl.DataFrame


def align_tracks(rows: pl.DataFrame, runs: PlayerRuns, at: Integers, events: pl.Series) -> Clocks:
    """Shift each track whose snap event has another frame number than most tracks' of its play.

    A track is shifted where its snap event and its time stamps say the same; where they
    contradict each other the play is set aside.

    Args:
        rows: Source rows with ``frame`` and, where the set has them, ``time`` stamps.
        runs: Their runs by player.
        at: Rows that hold an event.
        events: The events of these rows.
    """
    frame = rows["frame"].to_numpy()
    tracks = _tracks(frame, runs, at, events).lazy()
    # Stamps are read where frame numbers leave a doubt: text is dear to parse.
    doubtful = collected(tracks.join(_unsettled(tracks), on="play", how="semi"))
    if doubtful.is_empty():
        return Clocks(rows, _NO_SHIFT, _NO_PROBLEM)
    stamps = read_stamps(rows, doubtful["row"].to_numpy())
    exact = are_exact(read_stamps(rows, at[:_STAMPS]))
    stamped = doubtful.with_columns(stamp=pl.Series(stamps))
    odd = collected(_judged(stamped.lazy(), exact=exact))
    if odd.is_empty():
        return Clocks(rows, _NO_SHIFT, _NO_PROBLEM)
    broken = (
        odd.filter("contradicts")
        .group_by("play", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("offset").first())
    )
    problems = broken.select(
        "play",
        reason=pl.lit("tracks on several clocks"),
        detail=pl.format(
            "{} tracks number their frames otherwise than most (the first by {}), and their snap "
            "events and time stamps contradict each other",
            "count",
            "offset",
        ),
    )
    shift = odd.join(broken, on="play", how="anti").select("play", "player", "offset")
    offsets = _offsets_of(runs, shift)
    moved = frame - runs.over_rows(offsets) if offsets.any() else frame
    return Clocks(rows.with_columns(frame=pl.Series(moved)), _in_words(shift, "snap"), problems)


def align_by_seconds(
    rows: pl.DataFrame,
    runs: PlayerRuns,
    at: Integers,
    plays: pl.DataFrame,
    off: Floats | None,
    *,
    whole: bool,
) -> tuple[pl.DataFrame, pl.DataFrame, Floats | None]:
    """Shift each track without an event whose whole seconds begin in other frames.

    Args:
        rows: Source rows with ``frame``.
        runs: Their runs by player.
        at: Rows that hold an event.
        plays: Their plays with ``clock_shift``.
        off: Of each row its stamp less the time by its frame number, seconds, NaN without a stamp;
            None where there are no stamps.
        whole: Whether all stamps are; where they are not nothing is shifted here.

    Returns:
        The rows, the plays and `off`, with the shifted tracks.
    """
    if off is None or not whole:
        return rows, plays, off
    known = np.isfinite(off)
    has_event = np.zeros(len(runs.head), bool)
    has_event[np.searchsorted(runs.head, at.astype(np.int64), side="right") - 1] = True
    key = ["play", "player"]
    tracks = (
        pl.DataFrame(
            {
                "play": runs.play,
                "player": runs.player,
                "event": has_event,
                # When a second begins its stamp is not yet behind.
                "most": np.maximum.reduceat(np.where(known, off, -np.inf), runs.head),
                "least": np.minimum.reduceat(np.where(known, off, np.inf), runs.head),
            }
        )
        .group_by(key, maintain_order=True)
        .agg(pl.col("event").any(), pl.col("most").max(), pl.col("least").min())
        .filter(pl.col("most") - pl.col("least") >= _WHOLE_SPAN_S)
    )
    usual = pl.col("most").median().over("play")
    offset = ((usual - pl.col("most")) * RATE_HZ).round().cast(pl.Int64)
    shift = (
        tracks.with_columns(offset=offset, tracks=pl.len().over("play"))
        .filter(~pl.col("event"), pl.col("offset").abs() >= _LEAST_BY_SECONDS)
        .filter(pl.len().over("play") <= (1 - _AGREEING_SHARE) * pl.col("tracks"))
        .select(*key, "offset")
    )
    if shift.is_empty():
        return rows, plays, off
    offsets = runs.over_rows(_offsets_of(runs, shift))
    frame = rows["frame"].to_numpy() - offsets
    shifted = left_join(plays.select("play"), _in_words(shift, "whole seconds"), on="play")
    plays = plays.with_columns(pl.col("clock_shift").fill_null(shifted["clock_shift"]))
    return rows.with_columns(frame=pl.Series(frame)), plays, off + offsets / RATE_HZ


def _offsets_of(runs: PlayerRuns, shift: pl.DataFrame) -> Integers:
    """By how many frames each run is shifted."""
    return (
        pl.DataFrame({"play": runs.play, "player": runs.player})
        .join(shift, on=["play", "player"], how="left", maintain_order="left")["offset"]
        .fill_null(0)
        .to_numpy()
    )


def _in_words(shift: pl.DataFrame, what: str) -> pl.DataFrame:
    """``play`` and ``clock_shift`` of plays with shifted tracks."""
    return (
        shift.with_columns(
            word=pl.when(pl.col("player") < 0)
            .then(pl.lit("ball"))
            .otherwise(pl.format("player {}", "player"))
        )
        .group_by("play", maintain_order=True)
        .agg(pl.format("{} by {}", "word", -pl.col("offset")).alias("words"))
        .select(
            "play",
            clock_shift=pl.format(f"clock: frames shifted to the other tracks' {what}, {{}}",
                            pl.col("words").list.join(", ")),
        )
    )  # fmt: skip


_NO_SHIFT: Final = pl.DataFrame(schema={"play": pl.Int64, "clock_shift": pl.String})
_NO_PROBLEM: Final = pl.DataFrame(
    schema={"play": pl.Int64, "reason": pl.String, "detail": pl.String}
)


# Of a set all times are of one zone.
_ZONE: Final = r" ?(Z|UTC|[+-]\d{2}:?\d{2})$"


def parsed_stamps(column: str) -> pl.Expr:
    """Time stamps in seconds, by the clock of their own zone; null for text that is none."""
    text = pl.col(column).str.strip_chars().str.replace(_ZONE, "").str.replace("T", " ")
    stamp = text.str.to_datetime(strict=False)
    return stamp.dt.timestamp("ms") / 1000


def read_stamps(rows: pl.DataFrame, at: Integers) -> Floats:
    """Time stamps of a few rows in seconds, NaN where there is none."""
    if "time" not in rows.columns:
        return np.full(len(at), np.nan)
    found = as_text(rows.select("time")[at]).select(parsed_stamps("time")).to_series()
    return np.asarray(found.fill_null(np.nan).to_numpy())


def are_exact(stamp: Floats) -> bool:
    """Whether stamps are to a tenth of a second, and not cut to whole seconds as in 2017."""
    known = stamp[np.isfinite(stamp)]
    return bool(len(known)) and not bool((known % 1 == 0).all())


def _tracks(frame: Integers, runs: PlayerRuns, at: Integers, events: pl.Series) -> pl.DataFrame:
    """One row a track and snap: row, frame, and whether it is a snap event of its own.

    A track without one stands by its first row, which its stamp alone can place. Plays that leave
    no doubt have no row.
    """
    is_snap = events.is_in(list(SNAPS))
    rank = events.filter(is_snap).replace_strict(SNAPS, return_dtype=pl.Int8)
    at = at[is_snap.to_numpy()].astype(np.int64)
    run = np.searchsorted(runs.head, at, side="right") - 1
    # The kind of snap that most tracks of the play have: one charted by hand before others.
    kind = rank.to_numpy()
    best = np.full(len(runs.first_of_play), max(SNAPS.values()) + 1, np.int8)
    np.minimum.at(best, runs.play[run], kind)
    at, run = (values[kind == best[runs.play[run]]] for values in (at, run))
    doubtful = ~_of_one_frame(frame[at], run, runs)
    at, run = (values[doubtful[runs.play[run]]] for values in (at, run))
    snaps = pl.LazyFrame({"play": runs.play[run], "player": runs.player[run], "row": at})
    others = doubtful[runs.play]
    heads = (
        pl.LazyFrame(
            {
                "play": runs.play[others],
                "player": runs.player[others],
                "row": runs.head[others],
            }
        )
        .join(snaps, on=["play", "player"], how="anti")
        .join(snaps.select("play").unique(), on="play", how="semi")
    )
    tracks = collected(
        pl.concat([table.with_columns(snap=pl.lit(table is snaps)) for table in (snaps, heads)])
    )
    return tracks.with_columns(frame=pl.Series(frame[tracks["row"].to_numpy()]))


def _of_one_frame(frame: Integers, run: Integers, runs: PlayerRuns) -> Flags:
    """Which plays have a snap in each of their runs of rows, all in one frame: nearly all.

    Args:
        frame: Frames of the snaps.
        run: Their runs.
        runs: All runs.
    """
    count, play = len(runs.first_of_play), runs.play[run]
    some = np.zeros(count, np.int64)
    some[play] = frame
    alike = np.ones(count, bool)
    alike[play[frame != some[play]]] = False
    has_snap = np.zeros(len(runs.head), bool)
    has_snap[run] = True
    alike[runs.play[~has_snap]] = False
    return alike


def _reference(tracks: pl.LazyFrame) -> pl.LazyFrame:
    """The frame at which most tracks of each play have a snap, the first of several."""
    return (
        tracks.filter("snap")
        .group_by("play", "frame")
        .len("votes")
        .sort("play", "votes", "frame", descending=[False, True, False])
        .unique("play", keep="first", maintain_order=True)
    )


def _unsettled(tracks: pl.LazyFrame) -> pl.LazyFrame:
    """Tracks that have no snap where most of their play have theirs: hardly any."""
    key = ["play", "player"]
    settled = tracks.join(_reference(tracks), on=["play", "frame"], how="semi")
    return tracks.join(settled.select(key).unique(), on=key, how="anti")


def _judged(tracks: pl.LazyFrame, *, exact: bool) -> pl.LazyFrame:
    """The odd tracks: play, player, offset of their frames, and whether evidence contradicts it."""
    key = ["play", "player"]
    there = _reference(tracks)
    stamp = (
        tracks.filter("snap")
        .join(there, on=["play", "frame"], how="semi")
        .group_by("play")
        .agg(pl.col("stamp").median())
    )
    reference = there.join(stamp, on="play")
    doubtful = _unsettled(tracks)
    if not exact:
        # A repeated snap that many tracks share is on their clock, if stamps cannot tell.
        most = pl.col("votes") * 2 > pl.col("votes").max().over("play")
        shared = tracks.filter("snap").group_by("play", "frame").len("votes").filter(most)
        doubtful = doubtful.filter("snap").join(shared, on=["play", "frame"], how="anti")
    count = tracks.group_by("play").agg(tracks=pl.col("player").n_unique())
    found = (
        doubtful.sort("play", "player", "frame")
        .unique(key, keep="first", maintain_order=True)
        .join(
            reference.select("play", ref="frame", ref_stamp="stamp"),
            on="play",
            maintain_order="left",
        )
        .join(count, on="play", how="left", maintain_order="left")
        .with_columns(
            by_event=pl.when("snap").then(pl.col("frame") - pl.col("ref")),
            by_stamp=(
                (pl.col("frame") - pl.col("ref"))
                - (pl.col("stamp") - pl.col("ref_stamp")) * RATE_HZ
            ).round()
            if exact
            else pl.lit(None, pl.Float64),
            apart=(pl.col("stamp") - pl.col("ref_stamp")).abs(),
        )
    )
    # The event's stamp is the others' snap, so that its frame number is of another clock; or it is
    # not, and the event is charted at another moment on the same clock.
    same = pl.col("apart") <= (_SAME_MOMENT_S if exact else _SAME_SECOND_S)
    offset = pl.coalesce(pl.col("by_stamp").fill_nan(None), "by_event")
    return (
        found.with_columns(offset=offset.fill_null(0).cast(pl.Int64))
        .filter(pl.col("offset") != 0)
        .with_columns(
            contradicts=(
                (pl.col("snap") & ~same.fill_null(value=True) & pl.col("stamp").is_not_nan())
                | (pl.len().over("play") > (1 - _AGREEING_SHARE) * pl.col("tracks"))
            )
        )
        .select(*key, "offset", "contradicts")
    )
