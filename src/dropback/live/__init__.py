"""Plays as they happen: from raw frames to a law of the yards and a score."""

from dropback.live.forecast import Forecast
from dropback.live.play import FrameCounts, LivePlay
from dropback.live.predictor import Engine, PlayFrames, PlayPredictor
from dropback.live.situation import Situation, situations

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
