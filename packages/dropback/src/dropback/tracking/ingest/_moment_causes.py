"""Say which event, or the ball, is of another moment where that explains a place."""

from __future__ import annotations

from typing import Final

import polars as pl

from dropback.tracking.ingest._moments import BALL_OFF, RELEASE_OFF, SNAP_OFF

# What is out of place already needs less to be blamed on its moment than to be flagged for it.
SLIGHTLY_OFF: Final = (-2.5, 2.5)


def another_snap(bounds: tuple[float, float] = SNAP_OFF) -> pl.Expr:
    """Why the ball is away from its place at the snap; null where nothing says so.

    Args:
        bounds: What ``snap_off_frames`` must be beyond, of plays with the columns of
            `dropback.tracking.ingest._moments.moments`.
    """
    off = pl.col("snap_off_frames")
    said = pl.format(
        "players and ball start {} frames {} than at other snaps: is {} at frame {} charted {}?",
        _frames(off),
        pl.when(off < 0).then(pl.lit("sooner")).otherwise(pl.lit("later")),
        pl.col("snap_event").fill_null("the snap"),
        "snap_frame",
        _charted(off),
    )
    return pl.coalesce(_another_ball(), pl.when(_is_beyond(off, bounds)).then(said))


def another_release() -> pl.Expr:
    """Why the ball is away from the passer at the release, as `another_snap`."""
    off = pl.col("release_off_frames")
    said = pl.format(
        "the ball leaves the passer {} frames {}: is {} at frame {} charted {}?",
        _frames(off),
        pl.when(off < 0).then(pl.lit("before")).otherwise(pl.lit("after")),
        "end_event",
        "end_frame",
        _charted(off),
    )
    bounds = max(SLIGHTLY_OFF[0], RELEASE_OFF[0]), RELEASE_OFF[1]
    return pl.coalesce(_another_ball(), pl.when(_is_beyond(off, bounds)).then(said))


def _another_ball() -> pl.Expr:
    off = pl.col("ball_off_frames")
    said = pl.format(
        "the ball starts and is with the passer {} frames {} than the players: are its places of "
        "{} frames?",
        _frames(off),
        pl.when(off < 0).then(pl.lit("sooner")).otherwise(pl.lit("later")),
        pl.when(off < 0).then(pl.lit("later")).otherwise(pl.lit("earlier")),
    )
    return pl.when(_is_beyond(off, BALL_OFF)).then(said)


def _is_beyond(off: pl.Expr, bounds: tuple[float, float]) -> pl.Expr:
    return (off < bounds[0]) | (off > bounds[1])


def _frames(off: pl.Expr) -> pl.Expr:
    return off.abs().round().cast(pl.Int64)


def _charted(off: pl.Expr) -> pl.Expr:
    """What starts sooner than its event has an event that is charted late."""
    return pl.when(off < 0).then(pl.lit("late")).otherwise(pl.lit("early"))
