"""Predict plays as tasks, some chunks each, on whatever runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dropback.execution import Task, run_tasks
from dropback.models._predict import count_chunks, join_parts, predict_parts, require_predictable
from dropback.models._stored_plays import (
    keep_plays,
    keep_run,
    read_kept_plays,
    read_kept_run,
)
from dropback.storage import fetched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dataframely as dy

    from dropback.data._tables import Plays, Predictions
    from dropback.execution import Executor, Needs
    from dropback.models._network import PlayInputs
    from dropback.models._predict import Part
    from dropback.models._store import Run
    from dropback.storage import WorkArea

# Chunks of 2,048 plays in one task: half a second of a season's network.
_CHUNKS: Final = 8
_FILE: Final = "parts.npz"


def predict_by_tasks(
    run: Run,
    plays: dy.DataFrame[Plays],
    features: PlayInputs | None,
    *,
    seed: int,
    area: WorkArea,
    executor: Executor,
    needs: Needs,
    on_step: Callable[[str], None],
) -> dy.DataFrame[Predictions]:
    """Predict plays as tasks; equal to `predict_plays`, byte for byte.

    Args:
        run: The run.
        plays: The plays, of the set that it was trained on.
        features: Tracking of the plays; None takes the columns of play-by-play.
        seed: Seed of the randomized PIT.
        area: Where tasks leave their parts.
        executor: Where they run.
        needs: What a task asks for.
        on_step: Called with what was done.

    Raises:
        RunError: As for `predict_plays`.
        TaskError: Some parts were lost with their workers.
    """
    chunks = count_chunks(run.model, require_predictable(run.model, plays))
    name, kept = keep_run(area, run), keep_plays(area, plays, features)
    tasks = [
        Task(
            f"chunks {first + 1} to {min(first + _CHUNKS, chunks)}",
            predict_shard,
            (name, kept, seed, torch.get_num_threads(), first, min(first + _CHUNKS, chunks)),
        )
        for first in range(0, chunks, _CHUNKS)
    ]
    for task, done in run_tasks(executor, tasks, area.store, needs=needs):
        on_step(task.label if done.fresh else f"{task.label} (kept)")
    parts: list[Part] = []
    for task in tasks:
        with fetched(area.store, task.name) as folder:
            parts += _read_parts(folder / _FILE)
    tracked = features is not None and not isinstance(features, np.ndarray)
    return join_parts(run.model, plays, parts, tracked=tracked)


def predict_shard(
    folder: Path, store: str, run: str, plays: str, seed: int, threads: int, first: int, last: int
) -> None:
    """Write the numbers of some chunks into `folder`."""
    torch.set_num_threads(threads)
    model = read_kept_run(store, run).model
    table, features = read_kept_plays(store, plays, model.schema)
    parts = predict_parts(model, table, features, seed=seed, first=first, last=last)
    arrays: dict[str, Any] = {}
    for number, (rows, numbers, quantiles) in enumerate(parts):
        arrays[f"{number}:rows"] = rows
        arrays[f"{number}:quantiles"] = quantiles
        arrays |= {f"{number}:number:{name}": values for name, values in numbers.items()}
    np.savez(folder / _FILE, allow_pickle=False, **arrays)


def _read_parts(path: Path) -> list[Part]:
    parts: list[Part] = []
    with np.load(path) as arrays:
        count = sum(name.endswith(":rows") for name in arrays.files)
        for number in range(count):
            prefix = f"{number}:number:"
            numbers = {
                name.removeprefix(prefix): arrays[name]
                for name in arrays.files
                if name.startswith(prefix)
            }
            parts.append((arrays[f"{number}:rows"], numbers, arrays[f"{number}:quantiles"]))
    return parts
