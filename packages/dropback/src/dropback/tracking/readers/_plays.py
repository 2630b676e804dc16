"""Read the set's table of plays, with what its tables of games and charting add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join
from dropback.errors import ReaderError
from dropback.tracking.readers._cells import (
    UNREAD,
    unread_where,
    with_keys,
    without_repeats,
    yes_or_no,
)
from dropback.tracking.readers._format import PLAY_COLUMNS, SOURCE_KEY
from dropback.tracking.readers._ids import require_number, whole, whole_number
from dropback.tracking.readers._tables import (
    beside,
    candidates,
    found_column,
    is_whole,
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
# Eighteen weeks and four of playoffs, which count on: the Super Bowl is the last.
_LAST_WEEK: Final = 22
_MIDDLE: Final = 50
_A_WEEK: Final = "week of a season"
MORE: Final = "more_unread"
"""The column of such sentences from another table, until `with_more` adds them."""

_SCORES: Final = ("home_score", "away_score")

PASS_RESULTS: Final = ("C", "I", "IN", "S", "R")
CLOCK: Final = r"^(\d*):(\d\d)"

# Of a play that no table is there to say more of.
_NOTHING_SAID: Final = {
    "unread": pl.lit([], dtype=pl.List(pl.String)),
    "in_games": pl.lit(None, dtype=pl.Boolean),
    "copies": pl.lit(1, dtype=pl.UInt32),
}

_FLAGS: Final = ("nullified", "play_action", "recorded_pressure")


def read_plays(
    layout: Format, folder: Path, recorded: pl.DataFrame
) -> tuple[pl.DataFrame, list[str]]:
    """The set's table of plays in the columns of `PLAY_COLUMNS` plus ``offense_label``.

    Args:
        layout: The layout; its ``plays_file`` is looked for in the folder, then its parent.
        folder: Where the tracking files lie.
        recorded: What other tables say of plays, see `Recorded`.

    Returns:
        One row a play, with ``copies``, the number of rows that it has in the table, and
        ``unread``, sentences about its cells; none where the table is not there and the rows tell
        the offense. And sentences about rows that are not read.

    Raises:
        ReaderError: If the table is missing, lacks a key column or has no readable row.
    """
    path = beside(folder, layout.plays_file)
    if path is None and layout.possession == "label":
        # The rows say who has the ball; what the table tells besides stays unknown.
        none = shaped(pl.DataFrame(), {}, PLAY_COLUMNS).clear()
        return with_offense_label(layout, none.with_columns(**_NOTHING_SAID)), []
    if path is None:
        raise ReaderError(
            f"{layout.name} needs {layout.plays_file} in {folder} or its parent: "
            "only that table says which team has the ball."
        )
    table = read_table(path, candidates(layout.plays))
    plays, notes = shaped_plays(layout, table, path)
    plays = _with_recorded(plays, recorded)
    games = beside(folder, "games.csv")
    if games is not None:
        plays, more = _with_games(plays, read_table(games, ("gameId", *_OF_GAMES)), games)
        notes += more
    if layout.possession == "home_or_away" and plays["home_team"].null_count() == plays.height:
        found = "none is there" if games is None else f"{games} has none of the games of {path}"
        raise ReaderError(
            f"{layout.name} needs games.csv in {folder} or its parent: its rows say home and "
            f"away, and only that table says which team is at home; {found}."
        )
    copies = pl.len().over(SOURCE_KEY)
    plays = plays.with_columns(copies=copies).unique(SOURCE_KEY, keep="first", maintain_order=True)
    return with_offense_label(layout, plays), notes


def shaped_plays(layout: Format, table: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """A table of plays, whatever its columns, in the columns and types of `PLAY_COLUMNS`.

    Returns:
        The plays, and sentences about rows that are not read.
    """
    for key in ("game_id", "play_id", *SOURCE_KEY):
        for column in layout.plays.get(key, ()):
            if column in table.columns:
                require_number(path, column, table[column])
    table, notes = with_keys(table, path, _keys(layout, table, path))
    told = table.unique(maintain_order=True)
    if told.height < table.height:
        notes.append(f"{path}: {table.height - told.height} rows repeat another word for word")
    table = told
    yards = pl.col("yardline_number")
    plays = shaped(table, layout.plays, PLAY_COLUMNS).with_columns(
        pl.when(yards.is_between(1, _MIDDLE)).then(yards), week=_week(pl.col("week"))
    )
    plays = plays.with_columns(
        *(pl.when(pl.col(name) >= 0).then(name).alias(name) for name in _SCORES),
        unread=_unread(table, layout.plays, plays),
        in_games=_NOTHING_SAID["in_games"],
        copies=_NOTHING_SAID["copies"],
    )
    plays = plays.with_columns(
        *map(team_code, ("offense", "defense", "home_team", "away_team", "yardline_side")),
        *(yes_or_no(flag).alias(flag) for flag in _FLAGS),
    ).with_columns(
        # 2021 and 2023 have no flag; where 2024 has one, it is Y on the 337 of 12,486 plays whose
        # description says so, and on no other.
        nullified=pl.coalesce(
            "nullified", pl.col("description").str.contains("- No Play.", literal=True)
        )
    )
    return plays, notes


def _keys(layout: Format, table: pl.DataFrame, path: Path) -> dict[str, pl.Expr]:
    """The columns that hold the keys of plays."""
    keys = {}
    for key in SOURCE_KEY:
        names = layout.plays.get(key, (key,))
        column = found_column(table, names)
        if column is None:
            raise ReaderError(f"{path} must have a column {' or '.join(names)}, and has none.")
        keys[column] = whole_number(column)
    return keys


def _week(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_between(1, _LAST_WEEK)).then(number)


def _unread(
    table: pl.DataFrame, names: Mapping[str, tuple[str, ...]], shaped: pl.DataFrame
) -> pl.Series:
    """The columns of each play that hold something and say nothing, a sentence each."""
    words = [pl.lit(None, dtype=pl.String)]
    for name, dtype in PLAY_COLUMNS.items():
        column = found_column(table, names.get(name, ()))
        if column is None or name in SOURCE_KEY:
            continue
        wrong = pl.lit(shaped[name].is_null())
        known = "whole number" if is_whole(name, dtype) else "number"
        if name == "week":
            known = _A_WEEK
        elif name == "yardline_number":
            known = f"yard line from 1 to {_MIDDLE}"
        elif name == "pass_result":
            wrong, known = ~pl.col(column).is_in(PASS_RESULTS), "result of a pass"
        elif name == "clock":
            wrong, known = ~pl.col(column).str.contains(CLOCK), "game clock"
        elif name in _SCORES:
            wrong, known = pl.lit((shaped[name] < 0).fill_null(value=True)), "score"
        elif name in _FLAGS:
            wrong, known = yes_or_no(column).is_null(), "word for yes or no"
        elif dtype is pl.String:
            continue
        words.append(unread_where(column, wrong, known, "the table of plays"))
    return table.select(pl.concat_list(words).list.drop_nulls()).to_series()


def _with_recorded(plays: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in recorded.columns if name not in (*SOURCE_KEY, UNREAD)]
    found = recorded.rename({UNREAD: MORE})
    return with_more(left_join(plays.drop(columns), found, on=SOURCE_KEY))


def with_more(plays: pl.DataFrame) -> pl.DataFrame:
    """The plays with the sentences of another table after those of their own."""
    more = pl.col(MORE).fill_null(pl.lit([], dtype=pl.List(pl.String)))
    return plays.with_columns(pl.concat_list(UNREAD, more).alias(UNREAD)).drop(MORE)


def _with_games(
    plays: pl.DataFrame, games: pl.DataFrame, path: Path
) -> tuple[pl.DataFrame, list[str]]:
    if "gameId" not in games.columns:
        return plays, [f"{path} must have a column gameId, and has none: it is not read"]
    games, notes = with_keys(games, path, {"gameId": whole_number("gameId")})
    games = games.with_columns(gameId=whole_number("gameId")).unique(maintain_order=True)
    games, repeats = without_repeats(games, path, ["gameId"], "game")
    there = {column: name for column, name in _OF_GAMES.items() if column in games.columns}
    unread = []
    if "week" in there:
        week = _week(whole(pl.col("week").cast(pl.Float64, strict=False)))
        unread = [unread_where("week", week.is_null(), _A_WEEK, "games.csv")]
    keyed = games.with_columns(
        pl.concat_list([pl.lit(None, pl.String), *unread]).list.drop_nulls().alias(MORE)
    )
    if "week" in there:
        keyed = keyed.with_columns(week=week.cast(pl.Int32))
    keyed = keyed.select(
        *(pl.col(column).alias(f"{name}_of_game") for column, name in there.items()),
        MORE,
        game_id="gameId",
        in_games_of_game=pl.lit(value=True),
    )
    joined = left_join(plays.drop("in_games"), keyed, on="game_id").with_columns(
        *(pl.coalesce(name, f"{name}_of_game").alias(name) for name in there.values()),
        in_games=pl.col("in_games_of_game").fill_null(value=False),
    )
    plays = (
        with_more(joined)
        .select(plays.columns)
        .with_columns(team_code("home_team"), team_code("away_team"))
    )
    return plays, [*notes, *repeats]


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
