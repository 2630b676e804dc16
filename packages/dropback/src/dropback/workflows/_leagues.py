"""Simulate a league of known skill and write its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dropback._choices import Seasons, parse_seasons
from dropback.simulation import LeagueSettings, write_league
from dropback.simulation import simulate_league as simulate

if TYPE_CHECKING:
    from dropback._files import AnyPath
    from dropback.simulation import League


def simulate_league(
    out: AnyPath,
    *,
    seasons: Seasons = (2018, 2019, 2020, 2021),
    teams: int = 32,
    weeks: int = 17,
    seed: int = 0,
    overwrite: bool = False,
) -> League:
    """Simulate play-by-play in nflverse's layout, with passers of known skill.

    Args:
        out: Folder to write: ``play_by_play_<season>.parquet``, ``games``, ``passers`` and
            ``truth`` as Parquet.
        seasons: Seasons to simulate.
        teams: Number of teams, even.
        weeks: Games of a team in a season.
        seed: Seed of all randomness, at least 0; equal seeds give equal files.
        overwrite: Replace what `out` holds.

    Returns:
        The league: ``plays``, ``games``, ``passers`` with their true skill in yards a targeted
        attempt, and ``truth``, the distribution that each attempt was drawn from.

    Raises:
        RequestError: `out` is taken or cannot be written, or the seasons are no years.
        ValueError: A setting out of range.

    Example:
        >>> league = dropback.simulate_league(f"{folder}/small", seasons=[2020], teams=2, weeks=1)
        >>> league.games.select("away_team", "home_team").row(0)
        ('ATL', 'ARI')
    """
    simulated = simulate(
        LeagueSettings(seasons=parse_seasons(seasons), teams=teams, weeks=weeks), seed=seed
    )
    write_league(simulated, Path(out), overwrite=overwrite)
    return simulated
