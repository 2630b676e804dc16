"""Big Data Bowl 2019: every play of 2017, weeks 1 to 6.

``frame.id`` with a dot, numbers written as ``2017090700.0``, no orientation, no acceleration, no
play direction and no absolute yard line; ``team`` is home, away or ball. 2017's ``time`` is cut to
whole seconds.
"""

from __future__ import annotations

from dropback.tracking.readers import _bdb
from dropback.tracking.readers._format import Format

__all__ = ["FORMAT"]

_ABSENT = ("acceleration_yd_per_s2", "orientation_deg", "play_direction")

FORMAT = Format(
    name="bdb_2019",
    rows={
        **{name: column for name, column in _bdb.ROWS.items() if name not in _ABSENT},
        "frame": "frame.id",
        "team": "team",
        "display_name": "displayName",
    },
    signature=frozenset({"gameId", "playId", "nflId", "frame.id", "team", "x", "y", "s", "dir"}),
    possession="home_or_away",
    plays_file="plays.csv",
    plays={
        **_bdb.PLAYS,
        "clock": ("GameClock",),
        "home_score": ("HomeScoreBeforePlay",),
        "away_score": ("VisitorScoreBeforePlay",),
        "pass_result": ("PassResult",),
        "yards_gained": ("PlayResult",),
    },
    players_file="players.csv",
    players={
        "player_id": ("nflId",),
        "position": ("PositionAbbr",),
        "height": ("Height",),
        "weight": ("Weight",),
    },
    lacks=("acceleration", "orientation"),
)
