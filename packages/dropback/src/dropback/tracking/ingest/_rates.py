"""Bring tracks of another frame rate to ten frames a second."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback.data._field import RATE_HZ
from dropback.tracking.ingest._clocks import are_exact, read_stamps
from dropback.tracking.readers._coded import TWO_EVENTS, as_text
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._rows import play_heads, run_heads

_INTERPOLATED: Final = ("x_yd", "y_yd", "speed_yd_per_s", "acceleration_yd_per_s2")
# Stamps of ten frames a second that are rounded to tenths or jump once are none of another rate.
_OFF: Final = 0.05
_TIMED_PLAYS: Final = 50
# Rows between two stamps that are held together: at 50 frames a second tenths still tell them.
_STEP: Final = 10
_LOWEST_HZ, _HIGHEST_HZ = 4.0, 120.0


def frame_rate(rows: pl.DataFrame) -> float | None:
    """Frames a second by the stamps, the median of the first plays; None if they do not say."""
    if "time" not in rows.columns or not rows.height:
        return None
    heads = np.append(play_heads(rows), rows.height)[: _TIMED_PLAYS + 1]
    rate = _median_rate(rows.head(int(heads[-1])))
    if rate is not None or len(heads) <= _TIMED_PLAYS:
        return rate
    # Of plays whose rows lie apart, as those of all plays by frame, these are too few rows.
    plays = rows.select(SOURCE_KEY).unique(maintain_order=True).head(_TIMED_PLAYS)
    return _median_rate(rows.join(plays, on=SOURCE_KEY, how="semi", maintain_order="left"))


def _median_rate(rows: pl.DataFrame) -> float | None:
    """Frames a second by the stamps of plays, a median of them."""
    # Of one track in each play: another, the ball's above all, may be of another clock.
    tracks = (
        rows.select(*SOURCE_KEY, "frame", player=pl.col("player_id").fill_null(-1))
        .with_row_index("row")
        .filter(pl.col("player") == pl.col("player").first().over(SOURCE_KEY))
    )
    stamp = read_stamps(rows, tracks["row"].to_numpy().astype(np.int64))
    if not are_exact(stamp):
        return None
    # A clock that jumps once does not change the median of the steps.
    lasted, frames = (
        (pl.col(name) - pl.col(name).shift(_STEP)).over(SOURCE_KEY) for name in ("stamp", "frame")
    )
    rates = (
        tracks.with_columns(stamp=pl.Series(stamp))
        .select(*SOURCE_KEY, rate=frames / lasted)
        .filter(pl.col("rate").is_finite() & (pl.col("rate") > 0))
        .group_by(SOURCE_KEY)
        .agg(pl.col("rate").median())
    )
    found = rates["rate"].median()
    return found if isinstance(found, float) else None


def resampled(rows: pl.DataFrame) -> tuple[pl.DataFrame, float | None]:
    """Rows at ten frames a second, and the rate that they had; None where they had it before.

    Positions, speeds and accelerations are interpolated along each track; all else, angles among
    it, is that of the nearest row, and an event goes to the nearest frame. Frames are numbered
    from each play's first.

    Args:
        rows: Source rows with ``frame``, whole plays.
    """
    rate = frame_rate(rows)
    if rate is None or abs(rate / RATE_HZ - 1) <= _OFF or not _LOWEST_HZ <= rate <= _HIGHEST_HZ:
        return rows, None
    rate, rows = round(rate, 1), as_text(rows)
    first = pl.col("frame").min().over(SOURCE_KEY)
    track = pl.struct(*SOURCE_KEY, pl.col("player_id").fill_null(-1)).rank("dense")
    ordered = rows.with_columns(
        _at=(pl.col("frame") - first) * (RATE_HZ / rate), _track=track.cast(pl.Int64)
    ).sort("_track", "_at", maintain_order=True)
    at, tracks = ordered["_at"].to_numpy(), ordered["_track"].to_numpy()
    head = run_heads([tracks])
    last = np.append(head[1:], len(at)) - 1
    lowest, highest = np.ceil(at[head] - 1e-9).astype(int), np.floor(at[last] + 1e-9).astype(int)
    count = np.maximum(highest - lowest + 1, 0)
    run = np.repeat(np.arange(len(head)), count)
    frame = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count) + lowest[run]
    # One axis for all tracks, far enough apart.
    wide = float(at.max(initial=0.0)) + 10.0
    place = np.searchsorted(tracks * wide + at, tracks[head][run] * wide + frame, side="right") - 1
    before = np.clip(place, head[run], last[run])
    after = np.minimum(before + 1, last[run])
    span = np.maximum(at[after] - at[before], 1e-9)
    share = np.clip((frame - at[before]) / span, 0.0, 1.0)
    nearest = np.where(share < 0.5, before, after)
    found = ordered[nearest].with_columns(frame=pl.Series(frame, dtype=pl.Int64))
    for name in _INTERPOLATED:
        if name in rows.columns:
            values = ordered[name].to_numpy()
            values = values[before] + share * (values[after] - values[before])
            found = found.with_columns(pl.Series(name, values, rows.schema[name]))
    for name in ("event", "snap_marker"):
        if name in rows.columns:
            found = _with_events(found, ordered, name)
    # Across a gap in the track there is nothing to interpolate.
    return found.filter(pl.Series(span <= max(RATE_HZ / rate, 1.0) * 1.5)).select(
        rows.columns
    ), rate


def _with_events(found: pl.DataFrame, ordered: pl.DataFrame, name: str) -> pl.DataFrame:
    """The rows with each event at the frame nearest to where it was charted.

    Several at one frame are one text, with `TWO_EVENTS` between.
    """
    marked = ordered.filter(pl.col(name).is_not_null() & ~pl.col(name).is_in(["", "NA", "None"]))
    if name == "snap_marker":
        marked = marked.filter(pl.col(name) == "SNAP")
    # The last half of a frame has none of its own.
    last = found.group_by("_track").agg(last=pl.col("frame").max())
    at = pl.min_horizontal(pl.col("_at").round().cast(pl.Int64), "last")
    events = (
        left_join(marked, last, on="_track")
        .select("_track", frame=at, _event=name)
        .unique(maintain_order=True)
        .group_by("_track", "frame", maintain_order=True)
        .agg(pl.col("_event").str.join(TWO_EVENTS))
    )
    joined = found.join(events, on=["_track", "frame"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("_event").alias(name)).drop("_event")
