"""Forecast plays as they happen: a distribution of the yards and a score from raw frames."""

from dropback.live._continuity import Doubt
from dropback.live._engines import Engine
from dropback.live._forecast import Forecast
from dropback.live._inputs import PlayContext, play_contexts
from dropback.live._play import FrameCounts, LivePlay
from dropback.live._predictor import PlayFrames, PlayPredictor

__all__ = [
    "Doubt",
    "Engine",
    "Forecast",
    "FrameCounts",
    "LivePlay",
    "PlayContext",
    "PlayFrames",
    "PlayPredictor",
    "play_contexts",
]
