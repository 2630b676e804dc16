"""Read schedules and results with nflverse's column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.data._columns import Column, conform
from dropback.data._table_files import read_table
from dropback.data._teams import franchise
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from dropback._files import AnyPath

GAME_COLUMNS: tuple[Column, ...] = (
    Column("game_id", pl.String),
    Column("season", pl.Int64),
    Column("game_type", pl.String),
    Column("away_team", pl.String),
    Column("away_score", pl.Int64),
    Column("home_team", pl.String),
    Column("home_score", pl.Int64),
    Column("phase", pl.String, required=False),
)

GAME_TYPES: dict[str, tuple[str, ...]] = {
    "PRE": ("PRESEASON",),
    "REG": ("REGULAR",),
    "WC": ("WILDCARD", "WILD CARD"),
    "DIV": ("DIVISIONAL",),
    # nflverse's schedules say CON, its older files and this project's tables CONF.
    "CONF": ("CON", "CONFERENCE", "CHAMPIONSHIP"),
    "SB": ("SUPERBOWL", "SUPER BOWL"),
}
"""Preseason, regular season and the playoffs' rounds, and how others write them."""

_TYPES = {word: kind for kind, others in GAME_TYPES.items() for word in (kind, *others)}


def read_games(source: AnyPath | pl.DataFrame) -> pl.DataFrame:
    """Read results: `GAME_COLUMNS`, teams under their franchise's code, and ``final``.

    Preseason games are left out. A game is final where ``phase`` begins with FINAL, or where there
    is no phase (as in ``nflreadpy.load_schedules()``) and both scores are recorded.

    Args:
        source: A Parquet or CSV file, or a frame.

    Raises:
        ReaderError: No file, a missing column, a value of the wrong type, an unknown game type,
            a game twice, or a final game without a score.
    """
    origin = "the table of games" if isinstance(source, pl.DataFrame) else str(source)
    raw = source if isinstance(source, pl.DataFrame) else read_table(source)
    kind = "a table of games with nflverse's column names"
    games = conform(raw, GAME_COLUMNS, origin=origin, keys=("game_id",), kind=kind)
    written = pl.col("game_type").str.strip_chars().str.to_uppercase()
    known = written.replace_strict(_TYPES, default=None)
    unknown = games.filter(known.is_null())
    if not unknown.is_empty():
        game, kind = unknown.select("game_id", "game_type").row(0)
        raise ReaderError(
            f"{origin}, game {game}: game_type is {kind!r}, not one of {', '.join(GAME_TYPES)}."
        )
    games = games.with_columns(known.alias("game_type")).filter(pl.col("game_type") != "PRE")
    if games["game_id"].is_duplicated().any():
        twice = games.filter(pl.col("game_id").is_duplicated())["game_id"][0]
        raise ReaderError(f"{origin}: game {twice} is there twice; each game must have one row.")
    scored = pl.col("home_score").is_not_null() & pl.col("away_score").is_not_null()
    ended = pl.col("phase").str.starts_with("FINAL").fill_null(scored)
    games = games.with_columns(
        franchise(pl.col("home_team")), franchise(pl.col("away_team")), ended.alias("final")
    )
    if not (unscored := games.filter(pl.col("final") & ~scored)).is_empty():
        raise ReaderError(
            f"{origin}, game {unscored['game_id'][0]}: it is final but a score is missing."
        )
    return games
