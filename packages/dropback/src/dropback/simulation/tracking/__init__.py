"""Simulate tracking whose truth is known: 22 players at 10 Hz and exact distributions."""

from dropback.simulation.tracking._files import write_tracking_league
from dropback.simulation.tracking._league import (
    TrackingLeague,
    Week,
    oracle_cdf,
    oracle_distribution,
    oracle_throws,
    simulate_tracking_league,
    simulate_week,
)
from dropback.simulation.tracking._release_distribution import ReleaseState, release_distribution
from dropback.simulation.tracking._settings import TrackingLeagueSettings

__all__ = [
    "ReleaseState",
    "TrackingLeague",
    "TrackingLeagueSettings",
    "Week",
    "oracle_cdf",
    "oracle_distribution",
    "oracle_throws",
    "release_distribution",
    "simulate_tracking_league",
    "simulate_week",
    "write_tracking_league",
]
