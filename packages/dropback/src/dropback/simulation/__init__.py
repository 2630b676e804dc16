"""A synthetic league with known truth: plays in nflverse's layout and the law behind each."""

from dropback.simulation._files import write_league
from dropback.simulation._league import League, simulate_league
from dropback.simulation._outcome_law import LATTICE_YARDS, OutcomeLaw
from dropback.simulation._settings import LeagueSettings
from dropback.simulation._throws import Circumstances, outcome_law

__all__ = [
    "LATTICE_YARDS",
    "Circumstances",
    "League",
    "LeagueSettings",
    "OutcomeLaw",
    "outcome_law",
    "simulate_league",
    "write_league",
]
