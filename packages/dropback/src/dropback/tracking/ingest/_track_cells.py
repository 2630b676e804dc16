"""Find rows of a track that name nobody, or say another team or role than the track's first row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dropback.data._columns import MISSING_WORDS
from dropback.tracking.ingest._entities import BALL_WORDS
from dropback.tracking.readers._cells import CELL, ROW, unread_by_play
from dropback.tracking.readers._coded import rows_where
from dropback.tracking.readers._row_faults import marked

if TYPE_CHECKING:
    from dropback.tracking.ingest._entities import PlayerRuns
    from dropback.tracking.readers._format import Format

# What does not change while a play lasts.
_OF_TRACK: Final = (
    "team",
    "role",
    "position",
    "jersey_number",
    "team_code",
    "home_flag",
    "gsis_id",
    "display_name",
    "height",
    "weight",
)
_OF_PLAY: Final = ("play_direction",)
# Files in the order of frames have tracks of a row each, whose rows cannot be held side by side.
_LEAST_RUN: Final = 3


def nameless_players(rows: pl.DataFrame, runs: PlayerRuns, layout: Format) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays with a player who has no id.

    Args:
        rows: Source rows.
        runs: Their runs by player.
        layout: Their layout.
    """
    at = np.flatnonzero(rows["player_id"].is_null().to_numpy())
    nobody = [*BALL_WORDS, *(word.lower() for word in MISSING_WORDS)]
    # A set without a ball has no rows of one.
    if "ball" not in layout.lacks:
        at = at[
            rows_where(
                rows["team"].gather(at),
                lambda team: ~team.str.to_lowercase().str.strip_chars().is_in(nobody),
            )
        ]
    found = pl.DataFrame({"play": runs.play_of(at), ROW: rows[ROW].gather(at)})
    column = layout.rows["player_id"]
    return found.unique("play", keep="first", maintain_order=True).select(
        pl.col("play").cast(pl.Int64),
        reason=pl.lit("a player without an id"),
        detail=pl.format(
            f"the column {column} is {{}} in row {{}} below the header, of the "
            f"{layout.rows['team']} {{}}; an id must be a whole number of at most 18 digits, "
            "or all must be text",
            marked("player_id", pl.col(ROW)),
            ROW,
            marked("team", pl.col(ROW)),
        ),
    )


def changing_cells(rows: pl.DataFrame, runs: PlayerRuns) -> pl.DataFrame:
    """``play``, ``name`` and `ROW` of the first row that differs from that before it in its track.

    Args:
        rows: Source rows.
        runs: Their runs by player.
    """
    found = [pl.DataFrame(schema={"play": pl.Int64, "name": pl.String, ROW: pl.UInt32})]
    of_play = [name for name in rows.columns if name.startswith("plays.") or name in _OF_PLAY]
    of_track = [name for name in _OF_TRACK if name in rows.columns]
    play_starts = runs.head[np.diff(runs.play, prepend=-1) != 0]
    for names, heads in ((of_track, runs.head), (of_play, play_starts)):
        if rows.height < max(_LEAST_RUN * len(heads), 1):
            continue
        for name in names:
            cells = rows[name].to_physical()
            differs = cells.ne_missing(cells.shift(1)).to_numpy().copy()
            differs[heads] = False
            at = np.flatnonzero(differs)
            if len(at):
                changes = {"play": runs.play_of(at), ROW: rows[ROW].gather(at)}
                found.append(
                    pl.DataFrame(changes).select(
                        pl.col("play").cast(pl.Int64), name=pl.lit(name), **{ROW: pl.col(ROW)}
                    )
                )
    return pl.concat(found).unique(["play", "name"], keep="first", maintain_order=True)


def team_changes(changes: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """Rows of (play, reason, detail) for plays in which a track changes its team."""
    column = layout.rows["team"]
    return changes.filter(name="team").select(
        "play",
        reason=pl.lit("a track of two teams"),
        detail=pl.format(
            f"the column {column} is {{}} in row {{}} below the header, and otherwise before",
            marked("team", pl.col(ROW)),
            ROW,
        ),
    )


def flags_of_changes(changes: pl.DataFrame, layout: Format) -> pl.DataFrame:
    """``play`` and `UNREAD` for other cells that change within a track."""
    others = changes.filter(pl.col("name") != "team").with_columns(
        column=pl.col("name").replace(dict(layout.rows)).str.strip_prefix("plays.")
    )
    cell = pl.lit(None, pl.String)
    for name in others["name"].unique():
        cell = pl.when(pl.col("name") == name).then(marked(name, pl.col(ROW))).otherwise(cell)
    said = pl.format(
        f"column {{}} changes within the play{CELL}{{}} is {{}} in row {{}}",
        "column",
        "column",
        cell,
        ROW,
    )
    return unread_by_play(others, ["play"], [said])
