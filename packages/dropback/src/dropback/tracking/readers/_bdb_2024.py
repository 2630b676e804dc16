"""Big Data Bowl 2024: plays of 2022, weeks 1 to 9, that end in a tackle.

The columns of 2023 with ``club`` for ``team`` and a name. Completions are clipped to five frames
before the catch, so that most of them hold no snap and are set aside with that reason.
"""

from __future__ import annotations

from dropback.tracking.readers import _bdb
from dropback.tracking.readers._format import Format

__all__ = ["FORMAT"]

FORMAT = Format(
    name="bdb_2024",
    rows={**_bdb.ROWS, "team": "club"},
    signature=frozenset({"gameId", "playId", "nflId", "frameId", "club", "playDirection", "o"}),
    absent=frozenset({"frameType"}),
    possession="code",
    plays_file="plays.csv",
    plays=_bdb.PLAYS,
    players_file="players.csv",
    players=_bdb.PLAYERS,
)
