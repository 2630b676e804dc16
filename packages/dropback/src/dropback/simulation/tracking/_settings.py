"""Set the size of a tracking league and how much its players differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dropback.errors import RequestError
from dropback.simulation._settings import MOST_TEAMS, LeagueSettings

# 32 teams play 16 games a week and throw about 1,080 targeted attempts in them; weeks are drawn
# with this many counted on, so that there are always enough.
FEWEST_ATTEMPTS_A_WEEK = 900
WEEKS_A_SEASON = 17
# Of a game; the mean is 68. A few plays need no more than a few games.
FEWEST_ATTEMPTS_A_GAME = 30
MOST_PLAYS = 1_000_000

MannerName = Literal["sharp", "real"]


@dataclass(frozen=True)
class TrackingLeagueSettings:
    """Size of a tracking league and the spread of its players.

    Args:
        plays: Targeted attempts, 1 to 1,000,000: 17 weeks of 32 teams hold about 18,400.
        first_season: Calendar year the first season begins in, 2018 to 2050; more plays than a
            season holds run on into the next ones.
        skill_sd_yd: Standard deviation of starters' skill, in yards per targeted attempt, as
            `LeagueSettings.skill_sd_yd`.
        quickness_sd: Standard deviation between players of one position in speed and reaction, as
            a share of their position's, 0 to 0.1; drawn once a player, so it shows in tracking
            alone.
        reads_sd: Standard deviation between passers of the probability that they throw to the
            best receiver, by true expected yards, and not to the one they came to in their reads;
            0 to 0.25, about twice itself and independent of skill. 0: nobody does.
        motion: ``sharp``, in which players gather speed 1.4 times as fast as real ones, and which
            all published figures rest on; or ``real``, whose gains of speed are theirs.
        all_plays: Whether sacks, scrambles, throw-aways and designed runs between the targeted
            attempts are simulated too. The targeted attempts are the same with them.

    Raises:
        RequestError: A value is outside its domain.

    Example:
        >>> TrackingLeagueSettings(plays=200).league().weeks
        1
    """

    plays: int = 5000
    first_season: int = 2022
    skill_sd_yd: float = 0.6
    quickness_sd: float = 0.04
    reads_sd: float = 0.0
    motion: MannerName = "sharp"
    all_plays: bool = False

    def __post_init__(self) -> None:
        """Check every domain once, so that the simulation can trust its settings."""
        if not 1 <= self.plays <= MOST_PLAYS:
            raise RequestError(f"plays must be from 1 to {MOST_PLAYS:,}, got {self.plays}.")
        if not 2018 <= self.first_season <= 2050:
            raise RequestError(
                f"first_season must be from 2018 to 2050, got {self.first_season}: orientation "
                "had another zero before."
            )
        # Beyond a tenth some players would outrun any ever timed.
        if not 0 <= self.quickness_sd <= 0.1:
            raise RequestError(f"quickness_sd must be from 0 to 0.1, got {self.quickness_sd}.")
        if not 0 <= self.reads_sd <= 0.25:
            raise RequestError(f"reads_sd must be from 0 to 0.25, got {self.reads_sd}.")
        if self.motion not in get_args(MannerName):
            raise RequestError(f"motion must be sharp or real, got {self.motion!r}.")
        self.league()

    def league(self) -> LeagueSettings:
        """The league of play-by-play whose attempts and passers are taken."""
        weeks = self.plays // FEWEST_ATTEMPTS_A_WEEK + 1
        seasons = -(-weeks // WEEKS_A_SEASON)
        return LeagueSettings(
            seasons=tuple(range(self.first_season, self.first_season + seasons)),
            teams=min(2 * (self.plays // FEWEST_ATTEMPTS_A_GAME + 1), MOST_TEAMS),
            weeks=min(weeks, WEEKS_A_SEASON),
            skill_sd_yd=self.skill_sd_yd,
        )
