"""Hold the frames that rows mark as before and after the snap against the snap by the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.tracking.ingest._entities import AROUND_SNAP
from dropback.tracking.readers._cells import CELL, NO_FLAGS, ROW, unread_by_play
from dropback.tracking.readers._row_faults import marked
from dropback.tracking.readers._tables import nulls_restored

if TYPE_CHECKING:
    from dropback._arrays import Integers
    from dropback.tracking.ingest._entities import PlayerRuns, WindowRows
    from dropback.tracking.readers._format import Format

_BEFORE: Final = "BEFORE_SNAP"
_AFTER: Final = "AFTER_SNAP"


def flags_of_markers(
    window: WindowRows, plays: pl.DataFrame, runs: PlayerRuns, at: Integers, layout: Format
) -> pl.DataFrame:
    """``play`` and `UNREAD` of plays whose rows half a second from the snap are marked otherwise.

    Args:
        window: The rows inside the windows of fit plays, and those around their snaps.
        plays: The plays with ``snap_frame``.
        runs: Runs by player of all rows.
        at: Rows that are marked as the snap.
        layout: Names the columns.
    """
    rows = window.rows
    if "snap_marker" not in rows.columns:
        return NO_FLAGS
    early, _, soon, _ = AROUND_SNAP
    near = np.isin(window.since_snap, (early, soon))
    beside, is_before = window.around[near], pl.Series(window.since_snap[near] < 0)
    word = nulls_restored(rows.select("snap_marker")[beside])["snap_marker"].str.to_uppercase()
    odd = ((word != _BEFORE) & is_before) | ((word != _AFTER) & ~is_before)
    snap = np.full(len(runs.first_of_play), -1)
    snap[plays["play"].to_numpy()] = plays["snap_frame"].to_numpy()
    snap_of_mark = snap[runs.play_of(at)]
    off = np.abs(rows["frame"].to_numpy()[at] - snap_of_mark)
    at = np.concatenate(
        [at[(snap_of_mark >= 0) & (off > soon)], beside[odd.fill_null(value=False).to_numpy()]]
    )
    found = pl.DataFrame({"play": runs.play_of(at), ROW: rows[ROW].gather(at)}).sort(ROW)
    column = layout.rows["snap_marker"]
    said = pl.format(
        f"column {column} against the snap{CELL}{column} is {{}} in row {{}}",
        marked("snap_marker", pl.col(ROW)),
        ROW,
    )
    return unread_by_play(found, ["play"], [said])
