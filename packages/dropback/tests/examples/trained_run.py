"""What the fixtures `run` and `trained` hand to tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dropback.data._selection import Selection
from dropback.models._model import PassModel
from dropback.models._store import Run, RunRecord

Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class TrainedRun:
    """A run and the plays around it."""

    run: Run
    selection: Selection
    """Training plays, season 2020."""
    unseen: Selection
    """Season 2021."""

    @property
    def folder(self) -> Path:
        return self.run.folder

    @property
    def model(self) -> PassModel:
        return self.run.model

    @property
    def record(self) -> RunRecord:
        return self.run.record
