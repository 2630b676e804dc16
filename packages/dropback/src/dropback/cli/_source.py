"""What a command reads: play-by-play, or tracking beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.errors import RequestError

if TYPE_CHECKING:
    from dropback.workflows import TrackingSource

__all__ = ["open_source", "use_threads"]


def open_source(data: str, play_by_play: str | None) -> str | TrackingSource:
    """What `data` names; tracking without features gets them, for this command alone.

    Raises:
        RequestError: Play-by-play beside play-by-play.
        TrackingError: `data` is neither, and is not named like play-by-play.
    """
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._tracking import print_counts
    from dropback.tracking.ingest._opening import is_tracking, open_tracking

    # A damaged file of play-by-play is told from its name: its reader says what is wrong with it.
    if _is_named_play_by_play(Path(data)) or not is_tracking(data):
        if play_by_play is not None:
            raise RequestError(
                f"--pbp stands beside tracking, and {data} is play-by-play: name it alone."
            )
        return data
    tensors = open_tracking(data, on_report=lambda report: print_counts(report, errors))
    return workflows.TrackingSource(tensors, play_by_play)


def _is_named_play_by_play(path: Path) -> bool:
    """Whether it is named like play-by-play, and nothing beside it may be tracking."""
    files = [path] if path.is_file() else list(path.glob("*")) if path.is_dir() else []
    return bool(files) and all(file.name.startswith("play_by_play_") for file in files)


def use_threads(threads: int | None, *, tracked: bool) -> None:
    """Give torch `threads`; by default one, or all cores for the large products of tracking."""
    import torch

    torch.set_num_threads(threads or ((os.cpu_count() or 1) if tracked else 1))
