"""Forecast plays as they happen: a distribution of the yards and a score from raw frames."""

from dropback.live._engines import Engine
from dropback.live._forecast import Forecast
from dropback.live._inputs import PlayContext, play_contexts
from dropback.live._session import FrameCounts, LivePlay, PlayFrames, PlayPredictor

__all__ = [
    "Engine",
    "Forecast",
    "FrameCounts",
    "LivePlay",
    "PlayContext",
    "PlayFrames",
    "PlayPredictor",
    "play_contexts",
]
