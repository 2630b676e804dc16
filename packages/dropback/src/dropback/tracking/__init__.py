"""Read tracking data of any public layout into canonical plays, features and tensors.

The way of a file:

1. `readers` detects its layout and streams its rows as batches of whole plays;
2. `ingest._reading` takes each batch through `_assemble` (windows, entities, slots, gaps: a
   `PlayBlock`), `_conventions` (what the file's evidence corrects) and `_canonical` (the offense
   toward +x, complete motion, roles);
3. `_storage` writes the blocks as Parquet, or `tensors._features` and `tensors._play_tensors` as
   tensors; `ingest._pipeline` does so for many files at once.
"""

from typing import TYPE_CHECKING

from dropback.tracking._blocks import Around, PlayBlock
from dropback.tracking.ingest._looking import read_tracking
from dropback.tracking.ingest._opening import is_tracking, open_tracking
from dropback.tracking.ingest._pipeline import build_tensors, ingest
from dropback.tracking.ingest._report import IngestReport
from dropback.tracking.tensors._attempts import TrackedAttempts, select_tracked
from dropback.tracking.tensors._play_tensors import PlayTensors

if TYPE_CHECKING:
    from dropback.tracking._dataset import PlayDataset, collate_plays

__all__ = [
    "Around",
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


# Each process that reads files would wait two seconds for torch, and hold 200 MB of it.
def __getattr__(name: str) -> object:
    """What needs torch, imported when it is first used."""
    if name not in {"PlayDataset", "collate_plays"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
    from dropback.tracking import _dataset  # noqa: PLC0415  # as the comment says

    return getattr(_dataset, name)
