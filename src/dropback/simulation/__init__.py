"""A synthetic league with known truth: plays in nflverse's layout and the law behind each."""

from dropback.simulation.files import write_league
from dropback.simulation.league import League, simulate_league
from dropback.simulation.outcome_law import LATTICE_YARDS, OutcomeLaw
from dropback.simulation.settings import LeagueSettings
from dropback.simulation.throws import Circumstances, outcome_law

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
