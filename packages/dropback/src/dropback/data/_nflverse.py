"""Download play-by-play from nflverse through `nflreadpy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dropback._choices import Seasons, parse_seasons
from dropback._files import whole_file
from dropback.errors import ReaderError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from dropback._files import AnyPath


def fetch(
    seasons: Seasons,
    folder: AnyPath,
    *,
    load: Callable[[int], pl.DataFrame] | None = None,
    on_season: Callable[[int, Path], None] | None = None,
) -> list[Path]:
    """Download seasons and write ``play_by_play_<season>.parquet``; existing files are kept.

    Args:
        seasons: Seasons to get, as for `read_plays`.
        folder: Folder of the files.
        load: Function that loads a season; None takes `nflreadpy.load_pbp`.
        on_season: Called after each season.

    Returns:
        The files, one for each season.

    Raises:
        ReaderError: `nflreadpy` is not installed, or the download failed.
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
        if not path.is_file():
            try:
                plays = load_season(season)
            except Exception as error:  # whatever requests, nflreadpy or its cache raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise ReaderError(
                    f"Season {season} could not be downloaded from nflverse ({reason}); check the "
                    f"network and run the same command again, which keeps what {folder} holds."
                ) from error
            with whole_file(path) as aside:
                plays.write_parquet(aside)
        files.append(path)
        if on_season is not None:
            on_season(season, path)
    return files


def _nflreadpy() -> Callable[[int], pl.DataFrame]:
    try:
        import nflreadpy  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise ReaderError(
            "Fetching needs nflreadpy: install it with 'pip install dropback[fetch]'."
        ) from error
    load: Callable[[int], pl.DataFrame] = nflreadpy.load_pbp
    return load
