"""Find the window of a dropback: from the snap to the release, or to what ended it."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback._frames import collected, left_join

# Charted by hand first, automatic second: in 2023 both occur, one or two frames apart and in
# either order, and the one charted by hand is better. `snap_marker` is 2025's frameType.
SNAPS: Final = {"ball_snap": 0, "snap_direct": 0, "autoevent_ballsnap": 1, "snap_marker": 2}

RELEASES: Final = {
    "pass_forward": 0,
    "pass_shovel": 0,
    "autoevent_passforward": 1,
    "pass_lateral": 2,
    "pass_tipped": 3,
    "autoevent_passinterrupted": 3,
    "qb_sack": 4,
    "qb_strip_sack": 4,
    "qb_spike": 4,
    "run": 5,
    "fumble": 5,
    "handoff": 6,
}

# The passer lets go of the ball.
FORWARD_PASSES: Final = ("pass_forward", "pass_shovel", "autoevent_passforward")

SACKS: Final = ("qb_sack", "qb_strip_sack")

# Events that mean a forward pass left the hand.
THROWS: Final = (*FORWARD_PASSES, "pass_tipped", "autoevent_passinterrupted")

# Events that open a designed run, where no pass comes after them.
RUNS: Final = ("handoff", "run")

# How a pass ends, and the results of plays that end so: of 386 real plays none has another. An
# interception that is returned all the way has a touchdown of another name.
OUTCOMES: Final = {
    "pass_outcome_caught": ("C",),
    "pass_outcome_touchdown": ("C",),
    "pass_outcome_incomplete": ("I",),
    "pass_outcome_interception": ("IN",),
}

ARRIVALS: Final = ("pass_arrived", *OUTCOMES)


# All events that bound a window; a file's other events are not read.
KNOWN_EVENTS: Final = (*SNAPS, *RELEASES, *ARRIVALS)


def find_windows(events: pl.DataFrame) -> pl.DataFrame:
    """Snap, end and arrival of each play.

    Of two kinds of an event, the one charted by hand counts; a throw counts before a sack or run,
    because a quarterback may scramble and still throw; a pass arrives after its throw. Of repeated
    snaps and throws `settle_repeats` leaves one; of other repeats the first counts.

    Args:
        events: Rows of (play, frame, event), any order, repeats allowed.

    Returns:
        One row a play with a snap: ``play``, ``snap_frame``, ``snap_event``, ``end_frame``,
        ``end_event`` (null where nothing ends the play after its snap), ``early_end_frame`` (an
        end before or at the snap, null where there is none), ``arrival_frame``,
        ``early_arrival_frame`` (of a pass before its throw), the ``outcomes`` of passes after
        the snap, in order, and ``sack_frame``, of a sack after the snap.
    """
    known = events.lazy().with_columns(
        pl.col("event").replace_strict(SNAPS, default=None, return_dtype=pl.Int8).alias("snap"),
        pl.col("event").replace_strict(RELEASES, default=None, return_dtype=pl.Int8).alias("end"),
    )
    snaps = (
        known.drop_nulls("snap")
        .sort("play", "snap", "frame")
        .unique("play", keep="first", maintain_order=True)
        .select("play", snap_frame="frame", snap_event="event")
    )
    after_snap = known.join(snaps.select("play", "snap_frame"), on="play", how="inner")
    is_late = pl.col("frame") > pl.col("snap_frame")
    ends = (
        after_snap.drop_nulls("end")
        .filter(is_late)
        .sort("play", "end", "frame")
        .unique("play", keep="first", maintain_order=True)
        .select("play", end_frame="frame", end_event="event")
    )
    early = (
        after_snap.drop_nulls("end")
        .filter(~is_late)
        .group_by("play")
        .agg(early_end_frame=pl.col("frame").min())
    )
    thrown = ends.select(
        "play", thrown=pl.when(pl.col("end_event").is_in(THROWS)).then("end_frame")
    )
    is_before = pl.col("frame") <= pl.coalesce("thrown", "snap_frame")
    arrivals = (
        after_snap.join(thrown, on="play", how="left")
        .filter(is_late, pl.col("event").is_in(ARRIVALS))
        .group_by("play")
        .agg(
            arrival_frame=pl.col("frame").filter(~is_before).min(),
            early_arrival_frame=pl.col("frame").filter(is_before).min(),
        )
    )
    outcomes = (
        after_snap.filter(is_late, pl.col("event").is_in(list(OUTCOMES)))
        .sort("play", "frame", "event")
        .group_by("play", maintain_order=True)
        .agg(outcomes="event")
    )
    sacks = (
        after_snap.filter(is_late, pl.col("event").is_in(SACKS))
        .group_by("play")
        .agg(sack_frame=pl.col("frame").min())
    )
    windows = snaps
    for table in (ends, early, arrivals, outcomes, sacks):
        windows = left_join(windows, table, on="play")
    return windows.sort("play").pipe(collected)
