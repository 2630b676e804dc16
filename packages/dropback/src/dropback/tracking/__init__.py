"""Read tracking data of any public layout into canonical plays, features and tensors.

The way of a file:

1. `readers` detects its layout and streams its rows as batches of whole plays;
2. `ingest._reading` takes each batch through `_assemble` (windows, entities, slots, gaps: a
   `PlayBlock`), `_conventions` (what the file's evidence corrects) and `_canonical` (the offense
   toward +x, complete motion, roles);
3. `_storage` writes the blocks as Parquet, or `tensors._features` and `tensors._play_tensors` as
   tensors; `ingest._pipeline` does so for many files at once.
"""

from dropback.tracking._blocks import PlayBlock
from dropback.tracking._dataset import PlayDataset, collate_plays
from dropback.tracking.ingest._opening import is_tracking, open_tracking
from dropback.tracking.ingest._pipeline import build_tensors, ingest, read_tracking
from dropback.tracking.ingest._report import IngestReport
from dropback.tracking.tensors._attempts import TrackedAttempts, select_tracked
from dropback.tracking.tensors._play_tensors import PlayTensors

__all__ = [
    "IngestReport",
    "PlayBlock",
    "PlayDataset",
    "PlayTensors",
    "TrackedAttempts",
    "build_tensors",
    "collate_plays",
    "ingest",
    "is_tracking",
    "open_tracking",
    "read_tracking",
    "select_tracked",
]
