"""Read tracking data of any public layout into canonical plays, features and tensors."""

from dropback.tracking._blocks import PlayBlock
from dropback.tracking.ingest._opening import is_tracking, open_tracking
from dropback.tracking.ingest._pipeline import build_tensors, ingest, read_tracking
from dropback.tracking.ingest._report import IngestReport
from dropback.tracking.tensors._attempts import TrackedAttempts, select_tracked
from dropback.tracking.tensors._play_tensors import PlayTensors

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
