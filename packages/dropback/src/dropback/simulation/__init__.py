"""A synthetic league with known truth: plays in nflverse's layout with their distributions."""

from dropback.simulation._files import write_league
from dropback.simulation._league import League, simulate_league
from dropback.simulation._outcome_distribution import LATTICE_YARDS, OutcomeDistribution
from dropback.simulation._settings import LeagueSettings
from dropback.simulation._throws import Circumstances, outcome_distribution

__all__ = [
    "LATTICE_YARDS",
    "Circumstances",
    "League",
    "LeagueSettings",
    "OutcomeDistribution",
    "outcome_distribution",
    "simulate_league",
    "write_league",
]
