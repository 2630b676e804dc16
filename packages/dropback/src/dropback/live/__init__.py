"""Plays as they happen: from raw frames to a distribution of the yards and a score."""

from dropback.live._forecast import Forecast
from dropback.live._play import FrameCounts, LivePlay
from dropback.live._predictor import Engine, PlayFrames, PlayPredictor
from dropback.live._situation import Situation, situations

__all__ = [
    "Engine",
    "Forecast",
    "FrameCounts",
    "LivePlay",
    "PlayFrames",
    "PlayPredictor",
    "Situation",
    "situations",
]
