"""Read the real passes that are no selection: two games of 2015, one of 2017."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dropback import workflows
from dropback.tracking.ingest._opening import open_tracking

if TYPE_CHECKING:
    from dropback.tracking import PlayTensors

SETS = ("hackathon_2015", "bdb_2019")
SEASONS = (2015, 2017)


def read_real_passes(data: Path) -> tuple[PlayTensors, workflows.TrackedSelection]:
    """Tracking of all dropbacks, and the targeted attempts with outcomes from play-by-play.

    Args:
        data: Folder of ``tracking/`` and ``pbp/``.
    """
    with tempfile.TemporaryDirectory() as both:
        for name in SETS:
            shutil.copytree(data / "tracking" / name, Path(both) / name)
        tensors = open_tracking(both)
    selection = workflows.read_plays(tensors, seasons=SEASONS, play_by_play=data / "pbp")
    assert isinstance(selection, workflows.TrackedSelection)
    return tensors, selection
