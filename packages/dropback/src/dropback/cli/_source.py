"""Open the data that a command reads, and set the threads for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dropback.data._play_by_play import PlayByPlaySource
    from dropback.tracking import PlayTensors


def open_source(data: str) -> tuple[PlayByPlaySource | PlayTensors, bool]:
    """Open tracking, print the counts of what was read, and say whether it is tracking."""
    from dropback import workflows
    from dropback.cli._console import errors
    from dropback.cli._tracking import print_counts
    from dropback.tracking import PlayTensors

    source = workflows.open_source(data, on_report=lambda report: print_counts(report, errors))
    return source, isinstance(source, PlayTensors)


def use_threads(threads: int | None, *, tracked: bool) -> None:
    """Give torch `threads`; by default one, or all cores for the large products of tracking."""
    import torch

    torch.set_num_threads(threads or ((os.cpu_count() or 1) if tracked else 1))
