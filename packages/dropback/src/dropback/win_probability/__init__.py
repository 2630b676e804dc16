"""Estimate win probability, and win probability added, from play-by-play alone."""

from dropback.win_probability._model import (
    OWN_SOURCE,
    WinProbabilitySettings,
    recorded_wpa,
    win_probability_added,
)

__all__ = [
    "OWN_SOURCE",
    "WinProbabilitySettings",
    "recorded_wpa",
    "win_probability_added",
]
