"""A tracking league with known truth: 22 men at 10 Hz, and the exact law of every throw."""

from dropback.simulation.tracking._files import write_tracking_league
from dropback.simulation.tracking._league import (
    TrackingLeague,
    Week,
    oracle_cdf,
    oracle_law,
    simulate_tracking_league,
    simulate_week,
)
from dropback.simulation.tracking._release_law import ReleaseState, release_law
from dropback.simulation.tracking._settings import TrackingLeagueSettings

__all__ = [
    "ReleaseState",
    "TrackingLeague",
    "TrackingLeagueSettings",
    "Week",
    "oracle_cdf",
    "oracle_law",
    "release_law",
    "simulate_tracking_league",
    "simulate_week",
    "write_tracking_league",
]
