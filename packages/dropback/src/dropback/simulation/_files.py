"""A league on disk, in the files that a reader of real seasons expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback._files import whole_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dropback.simulation._league import League

__all__ = ["write_league"]


def write_league(league: League, folder: Path, *, overwrite: bool = False) -> None:
    """Write ``play_by_play_<season>.parquet``, ``games``, ``passers`` and ``truth`` as Parquet.

    The folder appears whole or not at all.

    Raises:
        RequestError: The folder is a file, or not empty and ``overwrite`` is false, or cannot
            be written.
    """
    with whole_folder(folder, overwrite=overwrite) as aside:
        for season in league.settings.seasons:
            plays = league.plays.filter(pl.col("season") == season)
            plays.write_parquet(aside / f"play_by_play_{season}.parquet")
        league.games.write_parquet(aside / "games.parquet")
        league.passers.write_parquet(aside / "passers.parquet")
        league.truth.write_parquet(aside / "truth.parquet")
