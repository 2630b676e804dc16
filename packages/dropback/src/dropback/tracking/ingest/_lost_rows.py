"""Flag plays of which rows between snap and end cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.tracking._schema import X_RANGE_YD
from dropback.tracking.readers._cells import CELL, NO_FLAGS, ROW, unread_by_play
from dropback.tracking.readers._format import SOURCE_KEY
from dropback.tracking.readers._row_faults import marked, with_frames

if TYPE_CHECKING:
    from dropback.tracking.readers._format import Format

_FLAG: Final = "rows without a place or a frame"


def flags_of_lost_rows(
    batch: pl.DataFrame,
    readable: pl.DataFrame,
    plays: pl.DataFrame,
    layout: Format,
    *,
    resampled: bool,
) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays with rows that are passed over.

    Args:
        batch: Source rows.
        readable: Those with a frame and with coordinates that are on earth.
        plays: The plays with their windows.
        layout: Names the columns.
        resampled: Whether the plays' frames are other than the rows' own.
    """
    if readable.height == batch.height:
        return NO_FLAGS
    windows = plays.select("play", *SOURCE_KEY, "snap_frame", "end_frame")
    inside = pl.col("frame").is_between("snap_frame", "end_frame").fill_null(value=True)
    of_play = (
        with_frames(batch)
        .join(readable.select(ROW), on=ROW, how="anti", maintain_order="left")
        .join(windows, on=SOURCE_KEY, maintain_order="left")
        .filter(inside | resampled)
    )
    more = pl.len().over("play") - 1
    said = pl.format(
        f"{_FLAG}{CELL}{{}}{{}}",
        lost_cell(layout),
        pl.when(more > 0).then(pl.format(" and {} more", more)).otherwise(pl.lit("")),
    )
    return unread_by_play(of_play, ["play"], [said])


def lost_cell(layout: Format) -> pl.Expr:
    """Which cell of a row with ``frame``, ``x_yd`` and ``y_yd`` is no frame or place, in words."""
    frame = "frame" if "frame" in layout.rows else "time"
    no_x = pl.col("x_yd").is_between(*X_RANGE_YD).not_().fill_null(value=True)
    name = (
        pl.when(pl.col("frame").is_null())
        .then(pl.lit(frame))
        .when(no_x)
        .then(pl.lit("x_yd"))
        .otherwise(pl.lit("y_yd"))
    )
    cell = pl.coalesce(
        pl.when(name == ours).then(
            pl.format(f"{layout.rows[ours]} is {{}}", marked(ours, pl.col(ROW)))
        )
        for ours in (frame, "x_yd", "y_yd")
    )
    return pl.format("{} in row {}", cell, ROW)
