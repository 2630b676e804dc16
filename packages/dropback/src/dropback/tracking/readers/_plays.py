"""Read the set's table of plays, with what its tables of games and charting add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._frames import left_join
from dropback.data._field import QUARTER_SECONDS
from dropback.data._teams import TEAMS
from dropback.errors import ReaderError
from dropback.tracking.readers._cells import (
    ROW,
    UNREAD,
    quoted,
    unread_where,
    with_keys,
    without_repeats,
    yes_or_no,
)
from dropback.tracking.readers._format import PLAY_COLUMNS, SOURCE_KEY, candidates
from dropback.tracking.readers._ids import require_number, whole, whole_number
from dropback.tracking.readers._missing_columns import (
    PURPOSES,
    absent_table,
    missing_columns,
    require_own_columns,
    without_key,
)
from dropback.tracking.readers._tables import (
    SmallTable,
    beside,
    found_column,
    is_whole,
    read_table,
    shaped,
    team_code,
)
from dropback.tracking.readers._words import CHARTED, spelled, unknown_words

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

NO_PLAY: Final = r"(?i)- No Play\."
"""What the description of a play says that a penalty has nullified."""

PASS_RESULTS: Final = ("C", "I", "IN", "S", "R")
CLOCK: Final = r"^(\d*):(\d\d)"

# Keys that are kept as the table writes them, beside the number.
_NUMBERED: Final = ("game_id", "play_id", "passer_id", "target_id")

# Of a play that no table is there to say more of.
_NOTHING_SAID: Final = {
    "unread": pl.lit([], dtype=pl.List(pl.String)),
    "in_games": pl.lit(None, dtype=pl.Boolean),
    "copies": pl.lit(1, dtype=pl.UInt32),
    "beyond": pl.lit(None, dtype=pl.String),
    "table_row": pl.lit(None, dtype=pl.Int64),
    "line_cells": pl.lit(None, dtype=pl.String),
    **{f"{name}_cell": pl.lit(None, dtype=pl.String) for name in _NUMBERED},
}

_FLAGS: Final = ("nullified", "play_action", "recorded_pressure")

_MOST_RUSHERS: Final = 11
_TIME: Final = "recorded_time_to_throw_s"
# No dropback has lasted as long.
_LONGEST_S: Final = 30

_RANGES: Final = {
    # No game has had a third overtime.
    "quarter": (1, 6),
    "down": (0, 4),
    "yards_to_go": (0, 109),
    "yards_gained": (-110, 110),
    "air_yards": (-110, 110),
}
"""What a play can have, as `Plays` asks for it; a play with another number is set aside."""
_MOST_APART: Final = 100


@dataclass(frozen=True)
class PlayTable:
    """What the tables of plays and games say.

    Attributes:
        plays: One row a play in the columns of `PLAY_COLUMNS`, plus ``offense_label``; ``copies``,
            the number of rows that it has in the table; ``unread``, sentences about its cells; and
            ``beyond``, a sentence about a number that no play can have, or null.
        notes: Sentences about rows that are not read.
        broken: Rows of `BROKEN_PLAYS`.
        lacking: Sentences about columns that are not there.
        absent: Sentences about tables that are not there.
    """

    plays: pl.DataFrame
    notes: tuple[str, ...] = ()
    broken: pl.DataFrame | None = None
    lacking: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def read_plays(layout: Format, folder: Path, recorded: pl.DataFrame) -> PlayTable:
    """The set's table of plays in the columns of `PLAY_COLUMNS` plus ``offense_label``.

    Args:
        layout: The layout; its ``plays_file`` is looked for in the folder, then its parent.
        folder: Where the tracking files lie.
        recorded: What other tables say of plays, see `Recorded`.

    Returns:
        The plays; none where the table is not there and the rows tell the offense.

    Raises:
        ReaderError: If the table is missing, lacks a key column or that of the offense, or has no
            readable row.
    """
    path = beside(folder, layout.plays_file)
    if path is None and layout.possession == "label":
        # The rows say who has the ball; what the table tells besides stays unknown.
        none = shaped(pl.DataFrame(), {}, PLAY_COLUMNS).clear()
        flags = dict.fromkeys(_FLAGS, pl.lit(None, pl.Boolean))
        none = none.with_columns(**_NOTHING_SAID, **flags)
        return PlayTable(with_offense_label(layout, none))
    if path is None:
        raise ReaderError(
            f"{layout.name} needs {layout.plays_file} in {folder} or its parent: "
            "only that table says which team has the ball."
        )
    found = read_table(path, candidates(layout.plays))
    path = found.path
    keys = [_key_column(layout, found, key) for key in SOURCE_KEY]
    for needed in ("game_id", "play_id", *(("offense",) * (layout.possession != "label"))):
        _key_column(layout, found, needed)
    plays, notes = shaped_plays(layout, found.rows, path)
    plays = _with_recorded(plays, recorded)
    absent = missing_columns(
        path, found.header, layout.plays, layout.plays_lack, layout.plays_first
    )
    games_path = beside(folder, "games.csv")
    at_home = layout.possession == "home_or_away"
    if at_home and games_path is None:
        raise ReaderError(
            f"{layout.name} needs games.csv in {folder} or its parent: its rows say home and "
            "away, and only that table says which team is at home; none is there."
        )
    no_games: tuple[str, ...] = ()
    if games_path is None and not {"home_team", "week"} & set(layout.plays):
        no_games = absent_table("games.csv")
    if games_path is not None:
        games = read_table(games_path, ("gameId", *_OF_GAMES))
        require_own_columns(layout, games.path, games.header, "games.csv")
        absent += _missing_of_games(games, needed=at_home)
        plays, more = _with_games(plays, games.rows, games.path)
        notes += [*games.notes, *more]
    if at_home and plays["home_team"].null_count() == plays.height:
        raise ReaderError(
            f"{layout.name} needs games.csv in {folder} or its parent: its rows say home and "
            f"away, and only that table says which team is at home; {games_path} has none of the "
            f"games of {path}."
        )
    copies = pl.len().over(SOURCE_KEY)
    plays = plays.with_columns(copies=copies).unique(SOURCE_KEY, keep="first", maintain_order=True)
    return PlayTable(
        with_offense_label(layout, plays),
        (*found.notes, *notes),
        found.broken_plays(keys),
        absent,
        no_games,
    )


def _key_column(layout: Format, table: SmallTable, key: str) -> str:
    """The column of a quantity without which no play can be read.

    Raises:
        ReaderError: The table has none.
    """
    names = layout.plays.get(key, (key,))
    column = found_column(table.rows, names)
    if column is None:
        raise ReaderError(without_key(layout, table.path, table.header, key))
    return column


def _missing_of_games(games: SmallTable, *, needed: bool) -> tuple[str, ...]:
    """Sentences about columns that the table of games lacks.

    Raises:
        ReaderError: One of them is needed.
    """
    names = {"game_id": ("gameId",)} | {ours: (column,) for column, ours in _OF_GAMES.items()}
    absent = missing_columns(games.path, games.header, names, (), {})
    grave = [said for said in absent if PURPOSES["week"] not in said]
    if needed and grave:
        raise ReaderError(
            f"{grave[0]}: the rows say home and away, and only that table says which team is which."
        )
    return absent


def shaped_plays(layout: Format, table: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """A table of plays, whatever its columns, in the columns and types of `PLAY_COLUMNS`.

    Args:
        layout: The layout.
        table: Cells as text, with the column `ROW`.
        path: The table, for messages.

    Returns:
        The plays as in `PlayTable`, without ``offense_label``, and sentences about rows that are
        not read.
    """
    for key in ("game_id", "play_id", *SOURCE_KEY):
        for column in layout.plays.get(key, ()):
            if column in table.columns:
                require_number(path, column, table[column])
    table, notes = with_keys(table, path, _keys(layout, table, path))
    told = table.unique(pl.exclude(ROW), keep="first", maintain_order=True)
    if told.height < table.height:
        notes.append(f"{path}: {table.height - told.height} rows repeat another word for word")
    table = told
    yards = pl.col("yardline_number")
    plays = shaped(table, layout.plays, PLAY_COLUMNS).with_columns(
        pl.when(yards.is_between(1, _MIDDLE)).then(yards),
        pl.when(pl.col(_TIME).is_between(0, _LONGEST_S)).then(_TIME),
        week=_week(pl.col("week")),
    )
    plays = plays.with_columns(
        *(pl.when(pl.col(name) >= 0).then(name).alias(name) for name in _SCORES),
        unread=_unread(table, layout.plays, plays),
        beyond=_beyond(table, layout.plays, plays, path),
        table_row=table[ROW].cast(pl.Int64),
        line_cells=_line_cells(table, layout.plays, path),
        **{f"{name}_cell": _cells_of(table, layout.plays.get(name, ())) for name in _NUMBERED},
        in_games=_NOTHING_SAID["in_games"],
        copies=_NOTHING_SAID["copies"],
    )
    plays = plays.with_columns(
        *map(team_code, ("offense", "defense", "home_team", "away_team", "yardline_side")),
        *(yes_or_no(flag).alias(flag) for flag in _FLAGS),
        *map(spelled, CHARTED),
    ).with_columns(
        # 2021 and 2023 have no flag; where 2024 has one, it is Y on the 337 of 12,486 plays whose
        # description says so, and on no other.
        nullified=pl.coalesce("nullified", pl.col("description").str.contains(NO_PLAY))
    )
    return plays, notes


def _keys(layout: Format, table: pl.DataFrame, path: Path) -> dict[str, pl.Expr]:
    """The columns that hold the keys of plays."""
    found = SmallTable(path, table, tuple(table.columns))
    return {
        column: whole_number(column)
        for column in (_key_column(layout, found, key) for key in SOURCE_KEY)
    }


def _week(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_between(1, _LAST_WEEK)).then(number)


def _unread(
    table: pl.DataFrame, names: Mapping[str, tuple[str, ...]], shaped: pl.DataFrame
) -> pl.Series:
    """The columns of each play that hold something and say nothing, a sentence each."""
    unknown = {name: pl.lit(shaped[name].is_null()) for name in PLAY_COLUMNS}
    rules = {
        "week": (unknown["week"], _A_WEEK),
        "yardline_number": (unknown["yardline_number"], f"yard line from 1 to {_MIDDLE}"),
        _TIME: (unknown[_TIME], f"time from 0 to {_LONGEST_S} seconds"),
        "pass_rushers": (
            pl.lit(~shaped["pass_rushers"].is_between(0, _MOST_RUSHERS).fill_null(value=False)),
            f"number of players from 0 to {_MOST_RUSHERS}",
        ),
        **{name: (pl.lit((shaped[name] < 0).fill_null(value=True)), "score") for name in _SCORES},
    }
    words = [pl.lit(None, dtype=pl.String)]
    for name, dtype in PLAY_COLUMNS.items():
        column = found_column(table, names.get(name, ()))
        # A play without its keys is not read, or set aside.
        if column is None or name in (*SOURCE_KEY, "game_id", "play_id"):
            continue
        of_words = {
            "pass_result": (~pl.col(column).is_in(PASS_RESULTS), "result of a pass"),
            "clock": (~pl.col(column).str.contains(CLOCK), "game clock"),
            **dict.fromkeys(_FLAGS, (yes_or_no(column).is_null(), "word for yes or no")),
        }
        rule = unknown_words(table, column, name) if name in CHARTED else None
        if (rule := rule or rules.get(name) or of_words.get(name)) is None:
            if dtype is pl.String:
                continue
            rule = unknown[name], "whole number" if is_whole(name, dtype) else "number"
        words.append(unread_where(column, *rule, "the table of plays"))
    return table.select(pl.concat_list(words).list.drop_nulls()).to_series()


def _cells_of(table: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    column = found_column(table, names)
    if column is None:
        return pl.Series([None] * table.height, dtype=pl.String)
    return table[column].cast(pl.String)


def _line_cells(table: pl.DataFrame, names: Mapping[str, tuple[str, ...]], path: Path) -> pl.Series:
    """What the table says of each play's line of scrimmage, by column."""
    kinds = ("absolute_yardline_x_yd", "yardline_side", "yardline_number")
    columns = [found_column(table, names.get(kind, ())) for kind in kinds]
    cells = [pl.format(f"{name} {{}}", quoted(pl.col(name))) for name in columns if name]
    if not cells:
        return pl.Series([None] * table.height, dtype=pl.String)
    said = pl.concat_str(cells, separator=", ")
    return table.select(pl.format(f"{{}} in row {{}} of {path.name}", said, ROW)).to_series()


def _beyond(
    table: pl.DataFrame, names: Mapping[str, tuple[str, ...]], shaped: pl.DataFrame, path: Path
) -> pl.Series:
    """Of each play the first cell with a number that no play can have, in words, or null."""

    def said(column: str, wrong: pl.Expr, must: str) -> pl.Expr:
        return pl.when(wrong.fill_null(value=False)).then(
            pl.format(
                f"the column {column} of {path.name} is {{}} in row {{}}, must be {must}",
                quoted(pl.col(column)),
                ROW,
            )
        )

    sentences = [pl.lit(None, dtype=pl.String)]
    for name, (least, most) in _RANGES.items():
        if column := found_column(table, names.get(name, ())):
            wrong = pl.lit(~shaped[name].is_between(least, most))
            sentences.append(said(column, wrong, f"from {least} to {most}"))
    if column := found_column(table, names.get("clock", ())):
        clock = pl.col(column).str.extract_groups(CLOCK)
        minutes, seconds = (
            clock.struct.field(part).cast(pl.Float64, strict=False) for part in "12"
        )
        wrong = (minutes.fill_null(0.0) * 60 + seconds > QUARTER_SECONDS) | (seconds >= 60)
        sentences.append(said(column, wrong, "a time of a quarter, up to 15:00"))
    if column := found_column(table, names.get("yards_to_go", ())):
        # Tries and kicks alone have no down, and no line to gain.
        none = (shaped["yards_to_go"] == 0) & (shaped["down"] > 0)
        sentences.append(said(column, pl.lit(none), "at least 1 on a down"))
    home, away = (found_column(table, names.get(name, ())) for name in _SCORES)
    if home and away:
        apart = (shaped["home_score"] - shaped["away_score"]).abs() > _MOST_APART
        both = pl.format(
            f"the columns {home} and {away} of {path.name} are {{}} and {{}} in row {{}}, must be "
            f"within {_MOST_APART} of each other",
            quoted(pl.col(home)),
            quoted(pl.col(away)),
            ROW,
        )
        sentences.append(pl.when(pl.lit(apart.fill_null(value=False))).then(both))
    return table.select(pl.coalesce(sentences)).to_series()


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
        return plays, []
    games, notes = with_keys(games, path, {"gameId": whole_number("gameId")})
    games = games.with_columns(gameId=whole_number("gameId"))
    games = games.unique(pl.exclude(ROW), keep="first", maintain_order=True)
    games, repeats = without_repeats(games, path, ["gameId"], "game")
    there = {column: name for column, name in _OF_GAMES.items() if column in games.columns}
    unread = []
    if "week" in there:
        week = _week(whole(pl.col("week").cast(pl.Float64, strict=False)))
        unread = [unread_where("week", week.is_null(), _A_WEEK, "games.csv")]
    teams = [column for column in there if column != "week"]
    known = {column: team_code(column).is_in(list(TEAMS)) for column in teams}
    # A set under pseudonyms has no team that is known.
    if 2 * sum(games.select(flag.sum()).item() for flag in known.values()) >= max(
        1, len(teams) * games.height
    ):
        unread += [
            unread_where(column, ~flag, "team of the league", "games.csv")
            for column, flag in known.items()
        ]
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
