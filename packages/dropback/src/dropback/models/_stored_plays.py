"""Keep plays and runs in a store, where tasks on any worker read them."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import torch

from dropback._frames import validated
from dropback.data._features import feature_matrix
from dropback.data._tables import Plays, PlaySet
from dropback.errors import RequestError
from dropback.models._play_batches import TrackedPlays
from dropback.models._store import load_run, write_run
from dropback.storage import fetched, local_copy, origin_of
from dropback.tracking.tensors._play_tensors import PlayTensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dataframely as dy
    from torch import Tensor

    from dropback.data._features import FeatureSchema
    from dropback.models._network import PlayInputs
    from dropback.models._store import Run
    from dropback.storage import WorkArea

_PLAYS: Final = "plays.parquet"
_ROWS: Final = "rows.npy"
_TENSORS: Final = "tensors.txt"
_WEIGHTS: Final = "weights.pt"


def keep_plays(area: WorkArea, plays: dy.DataFrame[Plays], features: PlayInputs | None) -> str:
    """Keep plays as inputs of tasks; of tracking the place of its tensors and the rows.

    Returns:
        The name of the plays in the store.

    Raises:
        RequestError: Tracking that is in memory alone.
    """
    with tempfile.TemporaryDirectory(dir=area.folder) as scratch:
        folder = Path(scratch)
        plays.write_parquet(folder / _PLAYS)
        if isinstance(features, TrackedPlays):
            if features.tensors.folder is None:
                raise RequestError(
                    "Tasks read tracking from a folder of tensors, but these are in memory: write "
                    "them with 'dropback features' and open that folder."
                )
            np.save(folder / _ROWS, features.rows)
            (folder / _TENSORS).write_text(origin_of(features.tensors.folder))
        return area.keep("plays", folder)


# Tasks of one worker read the same plays one after the other.
@lru_cache(maxsize=2)
def read_kept_plays(
    store: str, name: str, schema: FeatureSchema
) -> tuple[dy.DataFrame[Plays], PlayInputs]:
    """The plays of `keep_plays`, and their features.

    Raises:
        StoreError: They are not there.
        TrackingError: The worker does not see the tensors.
    """
    with fetched(store, name) as folder:
        plays = validated(Plays, pl.read_parquet(folder / _PLAYS))
        if not (folder / _TENSORS).is_file():
            return plays, feature_matrix(plays, schema)
        rows = np.load(folder / _ROWS)
        tensors = PlayTensors.open(Path(local_copy((folder / _TENSORS).read_text())))
    return plays, TrackedPlays(tensors, rows)


def play_set_of(store: str, name: str) -> PlaySet:
    """Which plays `keep_plays` kept."""
    with fetched(store, name) as folder:
        return PlaySet(pl.read_parquet(folder / _PLAYS, columns=["play_set"], n_rows=1).item())


def keep_run(area: WorkArea, run: Run) -> str:
    """Keep a run as an input of tasks; its name in the store."""
    with tempfile.TemporaryDirectory(dir=area.folder) as scratch:
        write_run(Path(scratch), run.model, run.record)
        return area.keep("run", Path(scratch))


@lru_cache(maxsize=2)
def read_kept_run(store: str, name: str) -> Run:
    """The run of `keep_run`."""
    with fetched(store, name) as folder:
        return load_run(folder)


def keep_weights(area: WorkArea, state: Mapping[str, Tensor]) -> str:
    """Keep the state of a network as an input of tasks; its name in the store."""
    return area.keep_file("weights", lambda path: torch.save(dict(state), path), ".pt")


def read_weights(store: str, name: str) -> dict[str, Tensor]:
    """The state that `keep_weights` or a task kept."""
    with fetched(store, name) as folder:
        found: dict[str, Tensor] = torch.load(folder / _WEIGHTS, weights_only=True)
        return found
