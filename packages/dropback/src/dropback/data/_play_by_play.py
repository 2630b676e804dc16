"""Read play-by-play with nflverse's column names, from files or from memory.

Columns and meanings: nflverse's ``dictionary_pbp``; the files are those of
``nflreadpy.load_pbp()``, one Parquet or CSV file for each season.
"""

from __future__ import annotations

import glob
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from dropback._choices import Seasons, is_open, parse_seasons, season_list
from dropback._frames import to_polars
from dropback.data._columns import Column, columns_of, conform
from dropback.data._table_files import read_table
from dropback.data._teams import franchise, under_ids_of
from dropback.data._weather import WEATHER_SOURCES, checked_weather
from dropback.errors import ReaderError
from dropback.storage import local_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from narwhals.stable.v2.typing import IntoFrame

    from dropback._files import AnyPath

PlayByPlaySource: TypeAlias = "AnyPath | Sequence[AnyPath] | IntoFrame"

_INT, _TEXT = pl.Int64, pl.String

PLAY_BY_PLAY_COLUMNS: tuple[Column, ...] = (
    *columns_of(_TEXT, "game_id", "season_type", "home_team", "away_team", "posteam", "defteam"),
    *columns_of(_INT, "play_id", "season", "week", "qtr", "quarter_seconds_remaining"),
    *columns_of(_INT, "game_seconds_remaining", "down", "ydstogo", "yardline_100"),
    *columns_of(_TEXT, "play_type", "passer_player_id", "receiver_player_id"),
    *columns_of(_INT, "score_differential", "complete_pass", "incomplete_pass", "interception"),
    *columns_of(_INT, "sack", "qb_spike", "two_point_attempt"),
    *columns_of(_INT, "yards_gained", "air_yards", "return_yards"),
    *columns_of(_TEXT, "passer_player_name", "receiver_player_name", required=False),
    *columns_of(_TEXT, "pass_location", "old_game_id", "desc", required=False),
    *columns_of(_INT, "goal_to_go", "shotgun", "no_huddle", "qb_hit", required=False),
    *columns_of(_INT, "yards_after_catch", "pass_touchdown", "passing_yards", required=False),
    # Runs, scores and penalties, which expected points added needs.
    *columns_of(_TEXT, "rusher_player_id", "rusher_player_name", required=False),
    *columns_of(_INT, "qb_scramble", "return_touchdown", "penalty", required=False),
    # nflverse's own expected points and win probability added, completion over expected in percent.
    *columns_of(pl.Float64, "epa", "qb_epa", "wpa", "cpoe", required=False),
    # The weather at kickoff: see `attach_weather`.
    *columns_of(_TEXT, "stadium", "weather", "roof", required=False),
    *columns_of(pl.Float64, "temp", "wind", required=False),
    # The final score.
    *columns_of(_INT, "home_score", "away_score", required=False),
)

_SEASON_TYPES = {
    "PRE": ("PRE", "PRESEASON", "1"),
    "REG": ("REG", "REGULAR", "2"),
    "POST": ("POST", "POSTSEASON", "PST", "PLAYOFFS", "WC", "DIV", "CON", "CONF", "SB", "3"),
}
"""nflverse's word for each part of a season, and how others write it."""

_SIDES = ("left", "middle", "right")

SCHEDULES = ("games.parquet", "games.csv")
"""Names of the schedule beside files of play-by-play."""

_FILE_PATTERNS = (
    "play_by_play_*.parquet",
    "play_by_play_*.csv",
    "play_by_play_*.csv.gz",
)


def read_play_by_play(source: PlayByPlaySource, *, seasons: Seasons | None = None) -> pl.DataFrame:
    """Read play-by-play into a frame that holds exactly `PLAY_BY_PLAY_COLUMNS`.

    Args:
        source: A folder with ``play_by_play_*.parquet`` (or ``.csv``, ``.csv.gz``), a file, a
            glob, a list of these (each may be a URL, as ``s3://league/pbp``), or a data frame (of
            polars, pandas, pyarrow or DuckDB). Other columns are ignored; a missing optional
            column is null in every row. What a file lacks of stadium and weather is taken from
            ``games.parquet`` (or ``.csv``) in its folder, where that can be read.
        seasons: Seasons to keep; None keeps all.

    Returns:
        One row per play, in the source's order, with nflverse's team codes and season types.

    Raises:
        ReaderError: Nothing found, a file that is not what its name says, a missing required
            column, a value of the wrong type, an unknown season type, or a season that has no
            plays.
        RequestError: `source` is neither a path, a list of paths nor a data frame, or `seasons` are
            no years.
    """
    years = None if seasons is None else sorted(set(chosen_seasons(source, seasons)))
    frames, scheduled = [], cache(scheduled_weather)
    for origin, raw in _raw_frames(source, years):
        keys = ("game_id", "play_id")
        rows = conform(raw, PLAY_BY_PLAY_COLUMNS, origin=str(origin), keys=keys)
        rows = checked_weather(rows, str(origin))
        if isinstance(origin, Path):
            rows = _with_schedule(rows, origin.parent, scheduled)
        frames.append(_normalized(rows, str(origin)))
    plays = pl.concat(frames)
    if years is None:
        return plays
    plays = plays.filter(pl.col("season").is_in(years))
    absent = sorted(set(years) - set(plays["season"].unique()))
    if absent:
        # Files of other seasons may not have been read before.
        held = season_list(held_seasons(source))
        raise ReaderError(f"{_name(source)}: no plays of {season_list(absent)}; it holds {held}.")
    return plays


def chosen_seasons(source: PlayByPlaySource, seasons: Seasons) -> tuple[int, ...]:
    """Seasons of `source` that `seasons` name, ``latest`` and ``2006-`` among those it holds.

    Raises:
        ReaderError: As for `read_play_by_play`.
        RequestError: `seasons` are no years, or none of them is there.
    """
    return parse_seasons(seasons, held=held_seasons(source) if is_open(seasons) else None)


def held_seasons(source: PlayByPlaySource) -> list[int]:
    """Seasons of which `source` holds plays, in order.

    Raises:
        ReaderError: As for `read_play_by_play`.
    """
    column = columns_of(_INT, "season")
    every = [
        conform(raw, column, origin=str(origin))["season"]
        for origin, raw in _raw_frames(source, None, names=("season",))
    ]
    return pl.concat(every).drop_nulls().unique().sort().to_list()


def _with_schedule(
    plays: pl.DataFrame, folder: Path, scheduled: Callable[[Path], pl.DataFrame | None]
) -> pl.DataFrame:
    """Fill what plays lack of stadium and weather from the schedule of their folder."""
    lacking = any(plays[name].has_nulls() for name in WEATHER_SOURCES)
    games = scheduled(folder) if lacking else None
    if games is None:
        return plays
    # A game may be there under the former code of a team and under the present one.
    games = under_ids_of(games, plays["game_id"]).unique("game_id", keep="first")
    games = games.rename({name: f"{name}_scheduled" for name in WEATHER_SOURCES})
    filled = plays.join(games, on="game_id", how="left", maintain_order="left")
    return filled.with_columns(
        pl.coalesce(name, f"{name}_scheduled").alias(name) for name in WEATHER_SOURCES
    ).select(plays.columns)


def find_schedule(folder: Path) -> Path | None:
    """The schedule with its results that a folder holds, None without any."""
    return next((path for path in map(folder.joinpath, SCHEDULES) if path.is_file()), None)


def scheduled_weather(folder: Path) -> pl.DataFrame | None:
    """What the schedule of a folder tells of each game; None without one that can be read.

    Returns:
        ``game_id`` and the columns of `WEATHER_SOURCES`, one row a game: of each column its first
        value.
    """
    schedule = find_schedule(folder)
    names = ("game_id", *WEATHER_SOURCES)
    try:
        found = None if schedule is None else read_table(schedule, columns=names)
    except ReaderError:  # then the weather is unknown, which every command tells
        return None
    if found is None or "game_id" not in found.columns or len(found.columns) == 1:
        return None
    kept = [column for column in PLAY_BY_PLAY_COLUMNS if column.name in WEATHER_SOURCES]
    columns = (Column("game_id", _TEXT), *kept)
    games = conform(found, columns, origin=str(schedule), keys=("game_id",)).drop_nulls("game_id")
    return (
        checked_weather(games, str(schedule))
        .group_by("game_id", maintain_order=True)
        .agg(pl.col(WEATHER_SOURCES).drop_nulls().first())
    )


def _normalized(plays: pl.DataFrame, origin: str) -> pl.DataFrame:
    """Teams under their franchise's code, and the season type in nflverse's word."""
    known = {word: kind for kind, words in _SEASON_TYPES.items() for word in words}
    written = pl.col("season_type").str.strip_chars().str.to_uppercase()
    kind = written.replace_strict(known, default=None)
    _require_words(
        plays, origin, "season_type", _SEASON_TYPES, written.is_null() | kind.is_not_null()
    )
    side = pl.col("pass_location").str.strip_chars().str.to_lowercase()
    side = pl.when(side != "").then(side)
    _require_words(plays, origin, "pass_location", _SIDES, side.is_in(_SIDES))
    teams = ("home_team", "away_team", "posteam", "defteam")
    return plays.with_columns(
        kind.alias("season_type"), side.alias("pass_location"), *map(franchise, map(pl.col, teams))
    )


def _require_words(
    plays: pl.DataFrame, origin: str, column: str, words: Iterable[str], known: pl.Expr
) -> None:
    """Refuse the first play whose word in a column is not known; null is no word."""
    unknown = plays.filter(~known)
    for game, play, value in unknown["game_id", "play_id", column].head(1).rows():
        raise ReaderError(
            f"{origin}, game_id {game}, play_id {play}: {column!r} is {value!r}, not one of "
            f"{', '.join(words)}; correct the file or leave the value empty."
        )


# Only our columns: all 372 of nflverse's would cost ten times the time.
_NAMES = tuple(column.name for column in PLAY_BY_PLAY_COLUMNS)


def _raw_frames(
    source: PlayByPlaySource, seasons: Sequence[int] | None, *, names: Sequence[str] = _NAMES
) -> Iterable[tuple[Path | str, pl.DataFrame]]:
    """The tables of `source`, each with its file or else its description."""
    if isinstance(source, str | PathLike):
        return _read_files(find_files(source, seasons), names)
    if isinstance(source, list | tuple):
        files = [file for path in source for file in find_files(path, seasons)]
        return _read_files(files, names)
    what = "Play-by-play that is neither a path nor a list of paths"
    frame = to_polars(source, what=what, columns=names)  # type: ignore[arg-type]  # no sequence
    library = type(source).__module__.split(".")[0].lstrip("_")
    return [(f"the given {library} frame", frame)]


def _name(source: PlayByPlaySource) -> str:
    return str(source) if isinstance(source, str | PathLike) else "the play-by-play"


def find_files(source: AnyPath, seasons: Sequence[int] | None = None) -> list[Path]:
    """Files of play-by-play at a path or URL, of some seasons alone where their names tell.

    Raises:
        ReaderError: There is none.
        StoreError: A URL that cannot be read.
    """
    path = Path(local_copy(source))
    if path.is_file():
        return [path]
    if path.is_dir():
        by_stem: dict[str, Path] = {}
        for pattern in _FILE_PATTERNS:
            for file in sorted(path.glob(pattern)):
                by_stem.setdefault(file.name.split(".")[0], file)
        files = [by_stem[stem] for stem in sorted(by_stem)]
        if not files:
            raise ReaderError(
                f"{path}: no play_by_play_*.parquet or .csv in this folder; get them with "
                "'dropback fetch pbp 2018-2023 --out DIR'."
            )
        return _of_seasons(files, seasons)
    # pathlib takes no absolute pattern.
    matches = sorted(Path(match) for match in glob.glob(str(path)))  # noqa: PTH207
    if not matches:
        raise ReaderError(f"{path}: no such file or folder.")
    return matches


def _of_seasons(files: list[Path], seasons: Sequence[int] | None) -> list[Path]:
    """Files of a folder that can hold the seasons, by their names; all if none can."""
    if seasons is None:
        return files
    stems = {f"play_by_play_{season}" for season in seasons}
    return [file for file in files if file.name.split(".")[0] in stems] or files


def _read_files(paths: Sequence[Path], names: Sequence[str]) -> Iterable[tuple[Path, pl.DataFrame]]:
    if not paths:
        raise ReaderError("No play-by-play was named: name a folder, files or a glob.")
    for path in paths:
        yield path, read_table(path, columns=names)
