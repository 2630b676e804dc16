"""Read the small tables beside tracking files into one vocabulary."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._files import POLARS_ERRORS
from dropback._frames import left_join
from dropback.data._columns import MISSING_WORDS
from dropback.data._teams import franchise
from dropback.errors import ReaderError
from dropback.tracking.readers._archives import require_safe
from dropback.tracking.readers._files import is_hidden
from dropback.tracking.readers._format import PLAY_COLUMNS, PLAYER_COLUMNS, SOURCE_KEY, folded
from dropback.tracking.readers._ids import id_number, require_number, whole, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from dropback.tracking.readers._format import Format

_POSITIONS: Final = {"HB": "RB", "OT": "T", "OG": "G", "LT": "T", "RT": "T", "LG": "G", "RG": "G"}

# How a table may be packed; the layouts name all as CSV.
TABLE_ENDINGS: Final = (
    *(f"{ending}{packed}" for ending in (".csv", ".tsv") for packed in ("", ".gz", ".zip")),
    ".parquet",
)

_OF_GAMES: Final = {
    "week": "week", "homeTeamAbbr": "home_team", "visitorTeamAbbr": "away_team",
}  # fmt: skip

_SCORES: Final = ("home_score", "away_score")
_PERSONS: Final = ("player_id", "passer_id", "target_id")

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


def team_code(column: str) -> pl.Expr:
    """Team codes in nflverse's words; anything else unchanged, less a trailing ``.0``."""
    return franchise(pl.col(column).cast(pl.String).str.strip_suffix(".0"))


def normalized_position(column: str) -> pl.Expr:
    """Positions in one vocabulary: HB is RB, OT and its sides are T, OG and its sides are G."""
    return pl.col(column).str.to_uppercase().replace(_POSITIONS)


def height_in(column: str) -> pl.Expr:
    """Heights in inches, from ``6'03"``, ``6-3`` or inches."""
    feet_and_inches = pl.col(column).str.extract_groups(r"^(\d)['-](\d{1,2})\"?$")
    return pl.coalesce(
        feet_and_inches.struct.field("1").cast(pl.Float32) * 12
        + feet_and_inches.struct.field("2").cast(pl.Float32),
        pl.col(column).cast(pl.Float32, strict=False),
    )


def nulls_restored(table: pl.DataFrame) -> pl.DataFrame:
    """The table with every spelling of absence in its text columns as null."""
    return table.with_columns(pl.col(pl.String).replace(dict.fromkeys(MISSING_WORDS)))


def read_table(path: Path, names: Iterable[str] = ()) -> pl.DataFrame:
    """All columns of a small table as text, with every spelling of absence as null.

    Args:
        path: The table, as CSV; it may also lie there as TSV or Parquet, as ``.gz`` or ``.zip``,
            and in another case.
        names: Columns that are told whatever their case, underscores and dots.

    Raises:
        ReaderError: If the table is missing or no such file.
    """
    there = _spelled(path)
    if there is None:
        raise ReaderError(
            f"{path} must exist beside the tracking files, and does not."
        ) from FileNotFoundError(path)
    name = there.name.lower()
    try:
        if name.endswith(".parquet"):
            table = nulls_restored(pl.read_parquet(there).select(pl.all().cast(pl.String)))
        else:
            source: Path | bytes = there
            if name.endswith(".zip"):
                source = _only_file(there)
            separator = "\t" if ".tsv" in name else ","
            table = pl.read_csv(
                source, infer_schema=False, null_values=list(MISSING_WORDS), separator=separator
            )
        if table.is_empty():
            raise ReaderError(f"{there} holds no row: a table must have more than its header.")
    except (
        *POLARS_ERRORS,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        # A method that is not known, a password, an end too early.
        NotImplementedError,
        RuntimeError,
        EOFError,
    ) as error:
        raise ReaderError(f"{there} is not a readable table: {first_line(error)}.") from error
    spelling, known = {folded(column): column for column in table.columns}, set(names)
    wanted = {
        spelling[folded(name)]: name
        for name in names
        if folded(name) in spelling and spelling[folded(name)] not in known
    }
    # Of two of our names that fold alike the first stays.
    return table.rename({old: new for old, new in wanted.items() if new not in table.columns})


def _only_file(archive: Path) -> bytes:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        for member in members:
            require_safe(archive, member)
        members = [m for m in members if not is_hidden(PurePosixPath(m.filename))]
        if len(members) != 1:
            raise ReaderError(
                f"{archive} must hold one file, the table, and holds {len(members)}: unpack it."
            )
        return packed.read(members[0])


def _spelled(path: Path) -> Path | None:
    """The file of a table, however its name is spelled and packed."""
    if path.is_file():
        return path
    stem = path.name.lower().removesuffix(".csv")
    wanted = {f"{stem}{ending}" for ending in TABLE_ENDINGS}
    found = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    return next((p for p in found if p.name.lower() in wanted and p.is_file()), None)


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
    path = _beside(folder, layout.plays_file)
    if path is None and layout.possession == "label":
        # The rows say who has the ball; what the table tells besides stays unknown.
        none = _shaped(pl.DataFrame(), {}, PLAY_COLUMNS).clear()
        return with_offense_label(layout, none.with_columns(**_NOTHING_SAID))
    if path is None:
        raise ReaderError(
            f"{layout.name} needs {layout.plays_file} in {folder} or its parent: "
            "only that table says which team has the ball."
        )
    plays = shaped_plays(layout, read_table(path, _candidates(layout.plays)), path)
    plays = _with_recorded(layout, folder, plays)
    games = _beside(folder, "games.csv")
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
    plays = _shaped(table, layout.plays, PLAY_COLUMNS)
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
        known = "whole number" if _is_whole(name, dtype) else "number"
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


def shaped_players(layout: Format, table: pl.DataFrame) -> pl.DataFrame:
    """A table of players in one vocabulary, one row a player."""
    return (
        _shaped(table, layout.players, PLAYER_COLUMNS)
        .with_columns(
            normalized_position("position"),
            height_in("height").alias("height_in"),
            pl.col("weight").cast(pl.Float32, strict=False).alias("weight_lb"),
        )
        .drop("height", "weight")
        .drop_nulls("player_id")
        .unique("player_id", keep="first", maintain_order=True)
    )


def read_players(layout: Format, folder: Path) -> pl.DataFrame:
    """The set's players (empty where it has no such table), one row a player.

    Raises:
        ReaderError: If the table names nobody.
    """
    path = _beside(folder, layout.players_file) if layout.players_file else None
    if path is None:
        return shaped_players(layout, pl.DataFrame(schema={"": pl.String}))
    players = shaped_players(layout, read_table(path, _candidates(layout.players)))
    if players.is_empty():
        columns = " or ".join(layout.players["player_id"])
        raise ReaderError(f"{path}: no row has a player in its column {columns}.")
    return players


def read_recorded_roles(layout: Format, folder: Path) -> pl.DataFrame:
    """Roles that the set records beside its tracking, empty where it has none."""
    keys = dict.fromkeys((*SOURCE_KEY, "player_id"), pl.Int64)
    found = _read_beside(layout.recorded_roles, folder)
    return pl.DataFrame(schema={**keys, "role": pl.String}) if found is None else found


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for use inside a sentence."""
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else repr(error)


def _candidates(columns: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [name for names in columns.values() for name in names]


def _beside(folder: Path, name: str) -> Path | None:
    places = (_spelled(folder / name), _spelled(folder.parent / name))
    return next((path for path in places if path is not None), None)


def _read_beside(read: Callable[[Path], pl.DataFrame] | None, folder: Path) -> pl.DataFrame | None:
    """What a layout's own reader finds in a folder or its parent; None where its file is absent."""
    if read is None:
        return None
    for place in (folder, folder.parent):
        try:
            return read(place)
        except ReaderError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return None


def _with_recorded(layout: Format, folder: Path, plays: pl.DataFrame) -> pl.DataFrame:
    found = _read_beside(layout.recorded_plays, folder)
    if found is None:
        return plays
    columns = [name for name in found.columns if name not in SOURCE_KEY]
    return left_join(plays.drop(columns), found, on=SOURCE_KEY)


def _shaped(
    table: pl.DataFrame,
    names: Mapping[str, tuple[str, ...]],
    columns: Mapping[str, type[pl.DataType]],
) -> pl.DataFrame:
    return table.with_columns(
        _first_found(table, names.get(name, ()), name, dtype).alias(name)
        for name, dtype in columns.items()
    ).select(list(columns))


def _is_whole(name: str, dtype: type[pl.DataType]) -> bool:
    # Yards are charted by the whole yard, and computed with as decimals.
    return dtype is pl.Int32 or name in ("yards_gained", "yardline_number")


def _first_found(
    table: pl.DataFrame, candidates: tuple[str, ...], name: str, dtype: type[pl.DataType]
) -> pl.Expr:
    found = next((column for column in candidates if column in table.columns), None)
    if found is None:
        return pl.lit(None, dtype=dtype)
    column = pl.col(found)
    if dtype is pl.String:
        return column.cast(pl.String)
    if name in _PERSONS:
        return id_number(found)
    if dtype is pl.Int64:
        return whole_number(found)
    # "inf" and "NaN" are numbers to a parser, and none that a play can have.
    number = column.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    return (whole(number) if _is_whole(name, dtype) else number).cast(dtype, strict=False)


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
