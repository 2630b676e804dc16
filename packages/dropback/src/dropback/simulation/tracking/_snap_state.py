"""Take each play's state at the snap from the attempts of a play-by-play league."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._field import GOAL_LINE_X_YD
from dropback.simulation._outcome_distribution import PlayArrays
from dropback.simulation._play_by_play import targeted
from dropback.simulation._rosters import TEAMS
from dropback.tracking._schema import PLAYERS

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats
    from dropback.simulation._league import League
    from dropback.simulation.tracking._settings import TrackingLeagueSettings


@dataclass(frozen=True)
class SnapState(PlayArrays):
    """``N`` plays as they stand before the snap.

    Args:
        line_x_yd: Line of scrimmage, 11 to 109 with the goal at 110, shape ``(N,)``.
        yardline_100: Whole yards from it to the goal.
        intended_yd: Depth that the play calls for, whole yards from the line.
        under_center: Whether the passer takes the snap from the center.
        edge_yd: Skill of the passer minus quality of the defense, in yards per attempt.
        quickness: Of each player, about 1, shape ``(N, 22)``.
    """

    line_x_yd: Floats
    yardline_100: Floats
    intended_yd: Floats
    under_center: Flags
    edge_yd: Floats
    quickness: Floats

    @classmethod
    def from_attempts(cls, attempts: pl.DataFrame, quickness: Floats) -> SnapState:
        """Read them from rows of `taken_attempts`.

        Args:
            attempts: The rows.
            quickness: By team and slot, shape ``(32, 22)``, as `draw_quickness` gives it.
        """
        teams = {team: index for index, team in enumerate(TEAMS)}
        offense = attempts["posteam"].replace_strict(teams, return_dtype=pl.Int64).to_numpy()
        defense = attempts["defteam"].replace_strict(teams, return_dtype=pl.Int64).to_numpy()
        yardline = attempts["yardline_100"].to_numpy().astype(np.float64)
        half = PLAYERS // 2
        return cls(
            line_x_yd=GOAL_LINE_X_YD - yardline,
            yardline_100=yardline,
            intended_yd=attempts["air_yards"].to_numpy().astype(np.float64),
            under_center=(attempts["shotgun"] == 0).to_numpy(),
            edge_yd=attempts["edge_yd"].to_numpy(),
            quickness=np.concatenate(
                [quickness[offense, :half], quickness[defense, half:]], axis=1
            ),
        )


def taken_attempts(league: League, plays: int) -> pl.DataFrame:
    """The first targeted attempts of a league in order of season, week, game and play.

    Returns:
        Their rows of play-by-play with ``edge_yd``.
    """
    attempts = league.plays.filter(targeted()).with_columns(edge_yd=league.truth["edge_yd"])
    return attempts.sort("season", "week", "old_game_id", "play_id").head(plays)


def draw_quickness(settings: TrackingLeagueSettings, generator: np.random.Generator) -> Floats:
    """Quickness of each team's players against their position's, about 1, shape ``(32, 22)``."""
    spread = np.clip(generator.normal(size=(len(TEAMS), PLAYERS)), -2.5, 2.5)
    return 1 + settings.quickness_sd * spread
