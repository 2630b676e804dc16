"""Download play-by-play and rosters from nflverse through `nflreadpy`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import polars as pl

from dropback._choices import Seasons, parse_seasons, season_list
from dropback._files import POLARS_ERRORS, whole_file
from dropback.data._table_files import require_table_path, write_table
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback._files import AnyPath

Fetched: TypeAlias = Literal["new", "refreshed", "kept"]
"""What became of a season's file."""

# nflverse takes out single plays when it builds a season anew, and a game that is canceled.
_LEAST_KEPT: Final = 0.99
# Month and day: two weeks after the latest Super Bowl, when its corrections are in.
_SEASON_OVER: Final = (3, 1)


def fetch(
    seasons: Seasons,
    folder: AnyPath,
    *,
    refresh: bool = False,
    load: Callable[[int], pl.DataFrame] | None = None,
    on_season: Callable[[int, Path, Fetched], None] | None = None,
) -> list[Path]:
    """Download seasons and write ``play_by_play_<season>.parquet``.

    A file that was written after its season is kept; one from within the season is downloaded
    again, because nflverse adds the games of each night and corrects past ones.

    Args:
        seasons: Seasons to get, as for `read_plays`.
        folder: Folder of the files.
        refresh: Download past seasons again too.
        load: Function that loads a season; None takes `nflreadpy.load_pbp`.
        on_season: Called after each season with its file, and whether that is ``new``,
            ``refreshed`` or ``kept``.

    Returns:
        The files, one for each season.

    Raises:
        ReaderError: `nflreadpy` is not installed, the download failed, or it lacks more than one
            in a hundred plays of the file that it is to replace.
        RequestError: The seasons are no years.

    Example:
        >>> import polars as pl
        >>> files = dropback.fetch(
        ...     [2021], f"{folder}/pbp", load=lambda season: pl.DataFrame({"season": [season]})
        ... )
        >>> [file.name for file in files]
        ['play_by_play_2021.parquet']
    """
    years, load_season = parse_seasons(seasons), load or _nflreadpy("load_pbp")
    folder, files = Path(folder), []
    for season in years:
        path = folder / f"play_by_play_{season}.parquet"
        state: Fetched = "refreshed" if path.is_file() else "new"
        if state == "refreshed" and not refresh and _is_complete(path, season):
            state = "kept"
        else:
            plays = _loaded(load_season, season, f"Season {season}", folder)
            if state == "refreshed":
                _require_growth(path, plays.height, "plays")
            with whole_file(path) as aside:
                plays.write_parquet(aside)
        files.append(path)
        if on_season is not None:
            on_season(season, path, state)
    return files


def fetch_games(folder: AnyPath, *, load: Callable[[], pl.DataFrame] | None = None) -> Path:
    """Download the schedule with its results and write ``games.parquet``.

    Args:
        folder: Folder of the file.
        load: Function that loads the schedule; None takes `nflreadpy.load_schedules`.

    Raises:
        ReaderError: As for `fetch`.
    """
    load = load or _nflreadpy("load_schedules")
    return _fetch_whole(Path(folder) / "games.parquet", load, "The schedule", "games")


def fetch_players(folder: AnyPath, *, load: Callable[[], pl.DataFrame] | None = None) -> Path:
    """Download the names of all players and write ``players.parquet``.

    Args:
        folder: Folder of the file.
        load: Function that loads the table; None takes `nflreadpy.load_players`.

    Raises:
        ReaderError: As for `fetch`.
    """
    load = load or _nflreadpy("load_players")
    return _fetch_whole(Path(folder) / "players.parquet", load, "The table of players", "players")


def _fetch_whole(path: Path, load: Callable[[], pl.DataFrame], name: str, of: str) -> Path:
    """Replace a table by its download, unless that lacks many rows."""
    table = _loaded(load, None, name, path.parent)
    if path.is_file():
        _require_growth(path, table.height, of)
    with whole_file(path) as aside:
        table.write_parquet(aside)
    return path


def _is_complete(path: Path, season: int) -> bool:
    """Whether a file is from after its season, which the Super Bowl ends in February."""
    end = datetime(season + 1, *_SEASON_OVER, tzinfo=UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) >= end


def fetch_roster(
    path: AnyPath,
    *,
    seasons: Seasons | None = None,
    overwrite: bool = False,
    load: Callable[..., pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Download nflverse's table of players, or the rosters of seasons, and write it.

    Args:
        path: File to write, with any ending of a table.
        seasons: Seasons of the rosters; None takes the table of all players of all time.
        overwrite: Replace the file if it is there.
        load: Function that loads the table (rosters: of a list of seasons); None takes that of
            `nflreadpy`.

    Raises:
        ReaderError: `nflreadpy` is not installed, or the download failed.
        RequestError: The file is taken, or its ending names no table.

    Example:
        >>> import polars as pl
        >>> players = pl.DataFrame({"gsis_id": ["00-1"], "display_name": ["A Passer"]})
        >>> fetch_roster(f"{folder}/players.csv", load=lambda: players).height
        1
    """
    path = Path(path)
    require_table_path(path, overwrite=overwrite)
    if seasons is None:
        table = _loaded(load or _nflreadpy("load_players"), None, "The table of players", path)
    else:
        years = list(parse_seasons(seasons))
        loader = load or _nflreadpy("load_rosters")
        table = _loaded(loader, years, f"The rosters of {season_list(years)}", path)
    write_table(table, path, table="rosters")
    return table


def _loaded(
    load: Callable[..., pl.DataFrame], what: int | list[int] | None, name: str, kept: Path
) -> pl.DataFrame:
    try:
        return load() if what is None else load(what)
    except Exception as error:  # whatever requests, nflreadpy or its cache raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReaderError(
            f"{name} could not be downloaded from nflverse ({reason}); check the "
            f"network and run the same command again, which keeps what {kept} holds."
        ) from error


def _require_growth(path: Path, rows: int, of: str) -> None:
    """Refuse a download that lacks many rows of the file it is to replace."""
    try:
        held = pl.scan_parquet(path).select(pl.len()).collect().item()
    except POLARS_ERRORS:  # a damaged file holds none
        return
    if rows < _LEAST_KEPT * held:
        raise ReaderError(
            f"{path}: nflverse now has {rows:,} {of} and the file {held:,}, so the download may "
            "be cut off and the file is kept: try again later, or remove the file first."
        )


def _nflreadpy(name: str) -> Callable[..., pl.DataFrame]:
    try:
        import nflreadpy  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise ReaderError(
            "Fetching needs nflreadpy: install it with `pip install 'dropback[fetch]'`."
        ) from error
    load: Callable[..., pl.DataFrame] = getattr(nflreadpy, name)

    @wraps(load)
    def fresh(*what: object) -> pl.DataFrame:
        # Its cache answers for a day, on disk between processes too: what was downloaded in the
        # morning would be written in the evening as what is new.
        kept = nflreadpy.config.get_config().cache_mode
        nflreadpy.config.update_config(cache_mode="off")
        try:
            return load(*what)
        finally:
            nflreadpy.config.update_config(cache_mode=kept)

    return fresh
