"""Set the size of a simulated league and how much its passers differ."""

from __future__ import annotations

from dataclasses import dataclass

from dropback.errors import RequestError

# The league has 32 teams, whose abbreviations the simulation uses.
MOST_TEAMS = 32
# Weeks are two digits in a game_id, and no real regular season is longer than 18.
MOST_WEEKS = 30


@dataclass(frozen=True)
class LeagueSettings:
    """Size of a synthetic league and the spread of its true skills.

    Skill is measured in yards per targeted attempt: a passer of skill 0.5 throwing an average
    mix of attempts gains half a yard an attempt more, on average, than the league-average
    passer on the same attempts (interceptions count minus their return).

    Args:
        seasons: First calendar years of the seasons, ascending, each in 1999 to 2100.
        teams: Number of teams, even, 2 to 32.
        weeks: Games each team plays in a season, 1 to 30; there is no bye week.
        skill_sd_yd: Standard deviation of starters' skill, in yards per attempt, at least 0.
        skill_season_correlation: Correlation of a passer's skill from one season to the next,
            in [0, 1]; 1 keeps it constant.
        backup_deficit_yd: How far the mean backup is below the mean starter, in yards per
            attempt.
        backup_start_probability: Probability, in [0, 1), that a team's backup plays a game.
        turnover_probability: Probability, in [0, 1], that a passer has left the league by the
            next season and is replaced.
        defense_sd_yd: Standard deviation between team defenses, in yards allowed per attempt,
            at least 0; drawn afresh each season.

    Raises:
        RequestError: A value is outside its domain.

    Example:
        >>> LeagueSettings(seasons=(2020,), teams=8).teams
        8
    """

    seasons: tuple[int, ...] = (2018, 2019, 2020, 2021)
    teams: int = 32
    weeks: int = 17
    # Yards per attempt of real passer-seasons (200 attempts or more, 2018-2020) have a standard
    # deviation of 0.805; a season's sampling error is about 10.55 / sqrt(420) = 0.51.
    skill_sd_yd: float = 0.6
    skill_season_correlation: float = 0.9
    backup_deficit_yd: float = 0.5
    backup_start_probability: float = 0.1
    turnover_probability: float = 0.15
    defense_sd_yd: float = 0.15

    def __post_init__(self) -> None:
        """Check every domain once, so that the simulation can trust its settings."""
        seasons = list(self.seasons)
        if (
            not seasons
            or seasons != sorted(set(seasons))
            or not all(1999 <= s <= 2100 for s in seasons)
        ):
            raise RequestError(
                "seasons must be one or more different years from 1999 to 2100 in ascending "
                f"order, got {self.seasons}."
            )
        if self.teams % 2 or not 2 <= self.teams <= MOST_TEAMS:
            raise RequestError(
                f"teams must be an even number from 2 to {MOST_TEAMS}, got {self.teams}: every "
                "team plays every week."
            )
        if not 1 <= self.weeks <= MOST_WEEKS:
            raise RequestError(f"weeks must be from 1 to {MOST_WEEKS}, got {self.weeks}.")
        for name in ("skill_sd_yd", "backup_deficit_yd", "defense_sd_yd"):
            # Beyond 2 yards an attempt the probabilities saturate and skill is no longer yards.
            if not 0 <= getattr(self, name) <= 2:
                raise RequestError(
                    f"{name} must be from 0 to 2 yards per attempt, got {getattr(self, name)}."
                )
        for name in ("skill_season_correlation", "turnover_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise RequestError(f"{name} must be from 0 to 1, got {getattr(self, name)}.")
        if not 0 <= self.backup_start_probability < 1:
            raise RequestError(
                f"backup_start_probability must be in [0, 1), got {self.backup_start_probability}."
            )
