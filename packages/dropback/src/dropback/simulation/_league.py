"""Simulate a league from a seed: plays in nflverse's layout, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from dropback._files import whole_folder
from dropback._statistics import whole_seed
from dropback.simulation._drives import play_games
from dropback.simulation._outcome_distribution import OutcomeDistribution
from dropback.simulation._play_by_play import games_table, play_by_play, targeted
from dropback.simulation._rosters import draw_calendar, draw_passers, player_id, player_name
from dropback.simulation._settings import LeagueSettings
from dropback.simulation._throws import Throws, outcome_distribution

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dropback._arrays import Floats, Integers
    from dropback.simulation._rosters import Calendar

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class League:
    """A simulated league with the truth behind it, that no real league shows.

    Args:
        settings: Its settings.
        plays: Play-by-play, columns and dtypes as nflverse's files, in order of game and play.
        games: One row a game with the final score, as ``games.parquet``.
        passers: One row a passer and season: ``passer_player_id``, ``passer_player_name``,
            ``season``, ``team``, ``starter`` and ``skill_yd``, the true skill in yards per
            targeted attempt above the league average.
        truth: One row a targeted attempt: ``game_id``, ``play_id``, ``season``,
            ``passer_player_id``, ``yards`` (the outcome), ``edge_yd`` (skill of the passer
            minus quality of the defense), the fields of the league-average passer's
            `OutcomeDistribution`, and ``expected_mid_cdf``, the mean play score (as a
            mid-distribution value) that this passer against this defense would earn on this
            attempt: a passer's mean of it is what a leaderboard estimates.
    """

    settings: LeagueSettings
    plays: pl.DataFrame
    games: pl.DataFrame
    passers: pl.DataFrame
    truth: pl.DataFrame

    def league_average_distribution(self) -> OutcomeDistribution:
        """Distributions of the rows of `truth` for the league-average passer and defense.

        A network that never sees who throws learns the mixture over passers and defenses
        instead; with the default spread its CDF is within 0.005 of this one.
        """
        return OutcomeDistribution.from_frame(self.truth)

    def actual_distribution(self) -> OutcomeDistribution:
        """Distributions that the rows of `truth` were drawn from: the actual passer and defense."""
        attempts = self.plays.filter(targeted())
        return outcome_distribution(Throws.from_plays(attempts), self.truth["edge_yd"].to_numpy())


def simulate_league(settings: LeagueSettings | None = None, *, seed: int) -> League:
    """Simulate every play of a league.

    Games are played drive by drive, so downs, field position, clock and score follow from the
    plays. Yards of targeted attempts are drawn from a distribution in closed form
    (`OutcomeDistribution`) of their context, the passer's skill and the defense's quality.
    Two calls with equal arguments return equal tables.

    Args:
        settings: Size and spread; the defaults are a league of four seasons of real size.
        seed: At least 0.

    Raises:
        RequestError: The seed is no whole number of 0 or more.

    Example:
        >>> league = simulate_league(LeagueSettings(seasons=(2020,), teams=2, weeks=1), seed=7)
        >>> league.games.select("away_team", "home_team").row(0)
        ('ATL', 'ARI')
    """
    settings = LeagueSettings() if settings is None else settings
    # One stream a purpose: drawing more for one leaves the others as they were.
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(whole_seed(seed)).spawn(5)]
    calendar = draw_calendar(settings, streams[0])
    passer_seasons, passer_numbers, skills = draw_passers(settings, streams[1])
    backup = (streams[2].random((len(calendar.home), 2)) < settings.backup_start_probability) * 1
    defense = settings.defense_sd_yd * streams[2].normal(
        size=(len(settings.seasons), settings.teams)
    )
    starters = _by_side(passer_numbers, calendar, backup)
    edge_yd = (
        _by_side(skills, calendar, backup)
        - _by_side(defense[..., None], calendar, np.zeros_like(backup))[:, ::-1]
    )
    rows, final_points = play_games(edge_yd, streams[3])
    plays = play_by_play(rows, calendar, starters, streams[4])
    passers = passer_seasons.select(
        player_id(pl.col("number")).alias("passer_player_id"),
        player_name(pl.col("number")).alias("passer_player_name"),
        *("season", "team", "starter", "skill_yd"),
    )
    games = games_table(calendar, final_points)
    truth = _truth(plays, edge_yd[rows["game"], rows["offense"]])
    return League(settings, plays, games, passers, truth)


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


def _by_side(values: NDArray[_Number], calendar: Calendar, role: Integers) -> NDArray[_Number]:
    """Values of each game's home and away side, shape ``(G, 2)``, from (season, team, role)."""
    sides = np.stack([calendar.home, calendar.away], axis=1)
    return values[calendar.season_number[:, None], sides, role]


def _truth(plays: pl.DataFrame, edge_yd: Floats) -> pl.DataFrame:
    """The distributions behind the targeted attempts among the plays."""
    attempts = plays.with_columns(edge_yd=pl.lit(pl.Series(edge_yd))).filter(targeted())
    throws = Throws.from_plays(attempts)
    average = outcome_distribution(throws)
    actual = outcome_distribution(throws, attempts["edge_yd"].to_numpy())
    distribution_columns = [pl.Series(f.name, getattr(average, f.name)) for f in fields(average)]
    outcome = pl.when(pl.col("interception") == 1).then(-pl.col("return_yards"))
    return attempts.select(
        *("game_id", "play_id", "season", "passer_player_id"),
        outcome.otherwise(pl.col("yards_gained")).alias("yards"),
        "edge_yd",
    ).with_columns(
        *distribution_columns, pl.Series("expected_mid_cdf", average.expected_mid_cdf(actual))
    )
