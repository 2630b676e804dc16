"""Simulate a league whose truth is known: plays in nflverse's layout with their distributions."""

from dropback.simulation._league import League, simulate_league, write_league
from dropback.simulation._outcome_distribution import LATTICE_YARDS, OutcomeDistribution
from dropback.simulation._settings import LeagueSettings
from dropback.simulation._throws import PlayContexts, Throws, outcome_distribution

__all__ = [
    "LATTICE_YARDS",
    "League",
    "LeagueSettings",
    "OutcomeDistribution",
    "PlayContexts",
    "Throws",
    "outcome_distribution",
    "simulate_league",
    "write_league",
]
