"""Download play-by-play from nflverse through `nflreadpy`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import polars as pl

from dropback._choices import Seasons, parse_seasons
from dropback._files import whole_file
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback._files import AnyPath

Fetched: TypeAlias = Literal["new", "refreshed", "kept"]
"""What became of a season's file."""

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
        ReaderError: `nflreadpy` is not installed, the download failed, or it holds fewer plays
            than the file that it is to replace.
        RequestError: The seasons are no years.

    Example:
        >>> import polars as pl
        >>> files = dropback.fetch(
        ...     [2021], f"{folder}/pbp", load=lambda season: pl.DataFrame({"season": [season]})
        ... )
        >>> [file.name for file in files]
        ['play_by_play_2021.parquet']
    """
    years, load_season = parse_seasons(seasons), load or _nflreadpy()
    folder, files = Path(folder), []
    for season in years:
        path = folder / f"play_by_play_{season}.parquet"
        state: Fetched = "refreshed" if path.is_file() else "new"
        if state == "refreshed" and not refresh and _is_complete(path, season):
            state = "kept"
        else:
            plays = _loaded(load_season, season, folder)
            if state == "refreshed":
                _require_growth(path, plays.height)
            with whole_file(path) as aside:
                plays.write_parquet(aside)
        files.append(path)
        if on_season is not None:
            on_season(season, path, state)
    return files


def _is_complete(path: Path, season: int) -> bool:
    """Whether a file is from after its season, which the Super Bowl ends in February."""
    end = datetime(season + 1, *_SEASON_OVER, tzinfo=UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) >= end


def _loaded(load_season: Callable[[int], pl.DataFrame], season: int, folder: Path) -> pl.DataFrame:
    try:
        return load_season(season)
    except Exception as error:  # whatever requests, nflreadpy or its cache raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReaderError(
            f"Season {season} could not be downloaded from nflverse ({reason}); check the "
            f"network and run the same command again, which keeps what {folder} holds."
        ) from error


def _require_growth(path: Path, plays: int) -> None:
    """Refuse a download that lacks plays of the file it is to replace."""
    try:
        held = pl.scan_parquet(path).select(pl.len()).collect().item()
    except (OSError, pl.exceptions.PolarsError):  # a damaged file holds none
        return
    if plays < held:
        raise ReaderError(
            f"{path}: nflverse now has {plays:,} plays and the file {held:,}, so the download may "
            "be cut off and the file is kept: try again later, or remove the file first."
        )


def _nflreadpy() -> Callable[[int], pl.DataFrame]:
    try:
        import nflreadpy  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise ReaderError(
            "Fetching needs nflreadpy: install it with 'pip install dropback[fetch]'."
        ) from error
    load: Callable[[int], pl.DataFrame] = nflreadpy.load_pbp
    return load
