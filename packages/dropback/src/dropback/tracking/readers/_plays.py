"""Read the set's table of plays, with what its tables of games and charting add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join
from dropback.errors import ReaderError
from dropback.tracking.readers._format import PLAY_COLUMNS, SOURCE_KEY
from dropback.tracking.readers._ids import require_number, whole, whole_number
from dropback.tracking.readers._tables import (
    beside,
    candidates,
    is_whole,
    read_beside,
    read_table,
    shaped,
    team_code,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dropback.tracking.readers._format import Format

_OF_GAMES: Final = {
    "week": "week", "homeTeamAbbr": "home_team", "visitorTeamAbbr": "away_team",
}  # fmt: skip

_SCORES: Final = ("home_score", "away_score")

PASS_RESULTS: Final = ("C", "I", "IN", "S", "R")
CLOCK: Final = r"^(\d*):(\d\d)"

# Of a play that no table is there to say more of.
_NOTHING_SAID: Final = {
    "unread": pl.lit([], dtype=pl.List(pl.String)),
    "in_games": pl.lit(None, dtype=pl.Boolean),
}

TRUE_WORDS: Final = ("Y", "TRUE", "1", "1.0", "YES", "T")
_FALSE_WORDS: Final = ("N", "FALSE", "0", "0.0", "NO", "F")
_FLAGS: Final = ("nullified", "play_action", "recorded_pressure")


def read_plays(layout: Format, folder: Path) -> pl.DataFrame:
    """The set's table of plays in the columns of `PLAY_COLUMNS` plus ``offense_label``.

    Args:
        layout: The layout; its ``plays_file`` is looked for in the folder, then its parent.
        folder: Where the tracking files lie.

    Returns:
        One row a play; none where the table is not there and the rows tell the offense.

    Raises:
        ReaderError: If the table is missing, holds a play twice or lacks a key column.
    """
    path = beside(folder, layout.plays_file)
    if path is None and layout.possession == "label":
        # The rows say who has the ball; what the table tells besides stays unknown.
        none = shaped(pl.DataFrame(), {}, PLAY_COLUMNS).clear()
        return with_offense_label(layout, none.with_columns(**_NOTHING_SAID))
    if path is None:
        raise ReaderError(
            f"{layout.name} needs {layout.plays_file} in {folder} or its parent: "
            "only that table says which team has the ball."
        )
    plays = shaped_plays(layout, read_table(path, candidates(layout.plays)), path)
    plays = _with_recorded(layout, folder, plays)
    games = beside(folder, "games.csv")
    if games is not None:
        plays = _with_games(plays, read_table(games, ("gameId", *_OF_GAMES)))
    if layout.possession == "home_or_away" and plays["home_team"].null_count() == plays.height:
        found = "none is there" if games is None else f"{games} has none of the games of {path}"
        raise ReaderError(
            f"{layout.name} needs games.csv in {folder} or its parent: its rows say home and "
            f"away, and only that table says which team is at home; {found}."
        )
    repeated = plays.filter(pl.struct(SOURCE_KEY).is_duplicated())
    if repeated.height:
        first = repeated.row(0, named=True)
        raise ReaderError(
            f"{path}: game {first['source_game_id']}, play {first['source_play_id']} "
            f"is there more than once ({repeated.height} such rows); a play must have one row."
        )
    return with_offense_label(layout, plays)


def shaped_plays(layout: Format, table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """A table of plays, whatever its columns, in the columns and types of `PLAY_COLUMNS`."""
    for key in ("game_id", "play_id", *SOURCE_KEY):
        for column in layout.plays.get(key, ()):
            if column in table.columns:
                require_number(path, column, table[column])
    plays = shaped(table, layout.plays, PLAY_COLUMNS)
    _require_keys(layout, table, plays, path)
    plays = plays.with_columns(
        *(pl.when(pl.col(name) >= 0).then(name).alias(name) for name in _SCORES),
        unread=_unread(table, layout.plays, plays),
        in_games=pl.lit(None, dtype=pl.Boolean),
    )
    return plays.with_columns(
        *map(team_code, ("offense", "defense", "home_team", "away_team", "yardline_side")),
        *(
            pl.when(_word(flag).is_in((*TRUE_WORDS, *_FALSE_WORDS)))
            .then(_word(flag).is_in(TRUE_WORDS))
            .alias(flag)
            for flag in _FLAGS
        ),
    ).with_columns(
        # 2021 and 2023 have no flag; where 2024 has one, it is Y on the 337 of 12,486 plays whose
        # description says so, and on no other.
        nullified=pl.coalesce(
            "nullified", pl.col("description").str.contains("- No Play.", literal=True)
        )
    )


def _require_keys(layout: Format, table: pl.DataFrame, plays: pl.DataFrame, path: Path) -> None:
    for key in SOURCE_KEY:
        absent = plays[key].is_null().arg_true()
        if absent.is_empty():
            continue
        names = layout.plays.get(key, (key,))
        column = next((name for name in names if name in table.columns), None)
        if column is None:
            raise ReaderError(f"{path} must have a column {' or '.join(names)}, and has none.")
        row = int(absent[0])
        cell = table[column][row]
        raise ReaderError(
            f"{path}: every row must have a whole number in {column!r}; row {row + 1} below the "
            f"header has {'none' if cell is None else repr(cell)} ({len(absent)} such rows)."
        )


def _word(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.to_uppercase()


def _unread(
    table: pl.DataFrame, names: Mapping[str, tuple[str, ...]], shaped: pl.DataFrame
) -> pl.Series:
    """The columns of each play that hold something and say nothing, a sentence each."""
    words = [pl.lit(None, dtype=pl.String)]
    for name, dtype in PLAY_COLUMNS.items():
        column = next((column for column in names.get(name, ()) if column in table.columns), None)
        if column is None or name in SOURCE_KEY:
            continue
        wrong = pl.lit(shaped[name].is_null())
        known = "whole number" if is_whole(name, dtype) else "number"
        if name == "pass_result":
            wrong, known = ~pl.col(column).is_in(PASS_RESULTS), "result of a pass"
        elif name == "clock":
            wrong, known = ~pl.col(column).str.contains(CLOCK), "game clock"
        elif name in _SCORES:
            wrong, known = pl.lit((shaped[name] < 0).fill_null(value=True)), "score"
        elif name in _FLAGS:
            wrong, known = ~_word(column).is_in((*TRUE_WORDS, *_FALSE_WORDS)), "word for yes or no"
        elif dtype is pl.String:
            continue
        sentence = f"column {column} is no {known} in the table of plays"
        words.append(pl.when(pl.col(column).is_not_null() & wrong).then(pl.lit(sentence)))
    return table.select(pl.concat_list(words).list.drop_nulls()).to_series()


def _with_recorded(layout: Format, folder: Path, plays: pl.DataFrame) -> pl.DataFrame:
    found = read_beside(layout.recorded_plays, folder)
    if found is None:
        return plays
    columns = [name for name in found.columns if name not in SOURCE_KEY]
    return left_join(plays.drop(columns), found, on=SOURCE_KEY)


def _with_games(plays: pl.DataFrame, games: pl.DataFrame) -> pl.DataFrame:
    if "gameId" not in games.columns:
        return plays
    keyed = games.select(
        whole_number("gameId").alias("game_id"),
        *(
            pl.col(column).alias(f"{name}_of_game")
            for column, name in _OF_GAMES.items()
            if column in games.columns
        ),
        in_games_of_game=pl.lit(value=True),
    ).unique("game_id")
    joined = left_join(plays.drop("in_games"), keyed, on="game_id").with_columns(
        in_games=pl.col("in_games_of_game").fill_null(value=False)
    )
    of_games = [name for name in _OF_GAMES.values() if f"{name}_of_game" in joined.columns]
    if "week" in of_games:
        said = pl.col("week_of_game")
        week = whole(said.cast(pl.Float64, strict=False)).cast(pl.Int32, strict=False)
        wrong = said.is_not_null() & week.is_null()
        sentence = pl.when(wrong).then(pl.lit("column week is no whole number in games.csv"))
        joined = joined.with_columns(
            unread=pl.concat_list("unread", pl.concat_list(sentence).list.drop_nulls()),
            week_of_game=week,
        )
    filled = [pl.coalesce(name, f"{name}_of_game").alias(name) for name in of_games]
    return (
        joined.with_columns(filled)
        .select(plays.columns)
        .with_columns(team_code("home_team"), team_code("away_team"))
    )


def with_offense_label(layout: Format, plays: pl.DataFrame) -> pl.DataFrame:
    """The plays with ``offense_label``: the word in a row's ``team`` that means the offense."""
    label = {
        "code": pl.col("offense"),
        "home_or_away": pl.when(pl.col("offense") == pl.col("home_team"))
        .then(pl.lit("home"))
        .when(pl.col("offense") == pl.col("away_team"))
        .then(pl.lit("away")),
        "label": pl.lit(layout.offense_label),
    }[layout.possession]
    return plays.with_columns(label.alias("offense_label"))
