"""Tracking data: any public layout in, canonical plays, features and tensors out."""

from dropback.tracking.attempts import TrackedAttempts, select_tracked
from dropback.tracking.blocks import PlayBlock
from dropback.tracking.opening import is_tracking, open_tracking
from dropback.tracking.pipeline import build_tensors, ingest, read_tracking
from dropback.tracking.play_tensors import PlayTensors
from dropback.tracking.report import IngestReport

__all__ = [
    "IngestReport",
    "PlayBlock",
    "PlayTensors",
    "TrackedAttempts",
    "build_tensors",
    "ingest",
    "is_tracking",
    "open_tracking",
    "read_tracking",
    "select_tracked",
]
