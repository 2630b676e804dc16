"""Train, predict and evaluate as tasks on whatever runs them."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import torch

from dropback._frames import validated
from dropback.data._tables import Predictions
from dropback.execution import Task, open_executor, run_tasks
from dropback.models._members import fit_members
from dropback.models._predict import predict_plays
from dropback.models._shards import predict_by_tasks
from dropback.models._stored_plays import (
    keep_plays,
    keep_run,
    read_kept_plays,
    read_kept_run,
)
from dropback.models.baselines import fit_baseline
from dropback.storage import WorkArea, fetched, is_url, work_area
from dropback.workflows._plays import features_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import dataframely as dy

    from dropback._files import AnyPath
    from dropback.data._selection import Selection
    from dropback.execution import Executor, ExecutorChoice, Needs
    from dropback.models._model import PassModel
    from dropback.models._store import Run
    from dropback.models._train import Training

_PREDICTIONS: Final = "predictions.parquet"
_TRUTH: Final = "truth.parquet"


@dataclass(frozen=True)
class TaskRunner:
    """Where the tasks of a command run and leave their results.

    Attributes:
        area: Store that every worker sees, and a folder of this process.
        executor: Runs them.
        needs: What a task asks for.
        on_step: Called with what was done.
    """

    area: WorkArea
    executor: Executor
    needs: Needs
    on_step: Callable[[str], None]

    def predict(self, run: Run, selection: Selection, seed: int) -> dy.DataFrame[Predictions]:
        """Predictions of selected plays."""
        return predict_by_tasks(
            run,
            selection.plays,
            features_of(selection),
            seed=seed,
            area=self.area,
            executor=self.executor,
            needs=self.needs,
            on_step=self.on_step,
        )

    def baselines(
        self,
        names: Sequence[str],
        run: Run,
        training: Selection,
        selection: Selection,
        truth: pl.DataFrame | None,
        seed: int,
    ) -> dict[str, dy.DataFrame[Predictions]]:
        """Predictions of selected plays by baselines, each fitted on the training plays."""
        area, threads = self.area, torch.get_num_threads()
        common = (
            keep_run(area, run),
            keep_plays(area, training.plays, features_of(training)),
            keep_plays(area, selection.plays, features_of(selection)),
            None if truth is None else area.keep_file("truth", truth.write_parquet, ".parquet"),
            seed,
            threads,
        )
        tasks = [Task(name, fit_and_predict_baseline, (name, *common)) for name in names]
        for task, done in run_tasks(self.executor, tasks, area.store, needs=self.needs):
            self.on_step(task.label if done.fresh else f"{task.label} (kept)")
        found = {}
        for task in tasks:
            with fetched(area.store, task.name) as folder:
                table = pl.read_parquet(folder / _PREDICTIONS)
                found[task.label] = validated(Predictions, table)
        return found


@contextmanager
def task_runner(
    choice: ExecutorChoice, store: AnyPath | None, on_step: Callable[[str], None]
) -> Iterator[TaskRunner | None]:
    """Yield what runs the tasks of a command; None where all is done in this process.

    Args:
        choice: An executor.
        store: Path or URL beside which tasks leave their results; None takes a temporary folder
            of this machine, which workers elsewhere do not see.
        on_step: Called with what was done.

    Raises:
        RequestError: As for `open_executor`.
    """
    if choice == "serial":
        yield None
        return
    with open_executor(choice) as (executor, needs):
        if store is None:
            with tempfile.TemporaryDirectory(prefix="dropback-tasks-") as folder:
                area = WorkArea(folder, Path(folder))
                yield TaskRunner(area, executor, needs, on_step)
            return
        place = f"{store}.tasks" if is_url(store) else store
        with work_area(place, "what was computed") as area:
            yield TaskRunner(area, executor, needs, on_step)


def member_fitter(
    choice: ExecutorChoice, out: AnyPath, on_step: Callable[[str], None]
) -> Callable[[Training, PassModel | None, WorkArea], tuple[PassModel, tuple[int, ...]]] | None:
    """What fits the members of a model as tasks; None where this process does, epoch by epoch."""
    # A run that is written to a URL keeps no epochs here, but its members there.
    if choice == "serial" and not is_url(out):
        return None

    def fit(
        training: Training, initial: PassModel | None, area: WorkArea
    ) -> tuple[PassModel, tuple[int, ...]]:
        with open_executor(choice) as (executor, needs):
            return fit_members(training, initial, area, executor, needs, on_step)

    return fit


def fit_and_predict_baseline(
    folder: Path,
    store: str,
    name: str,
    run: str,
    training: str,
    plays: str,
    truth: str | None,
    seed: int,
    threads: int,
) -> None:
    """Write the predictions of a baseline into `folder`."""
    torch.set_num_threads(threads)
    fitted = read_kept_run(store, run)
    known, features = read_kept_plays(store, training, fitted.model.schema)
    judged, seen = read_kept_plays(store, plays, fitted.model.schema)
    distributions = None
    if truth is not None:
        with fetched(store, truth) as kept:
            distributions = pl.read_parquet(kept / _TRUTH)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        baseline = fit_baseline(
            name, fitted, known, work=Path(work), features=features, truth=distributions
        )
    predictions = predict_plays(baseline, judged, features=seen, seed=seed)
    predictions.write_parquet(folder / _PREDICTIONS)
