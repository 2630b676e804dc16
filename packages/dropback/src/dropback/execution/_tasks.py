"""Run tasks that leave their result in a store, so that each is done once whatever happens."""

from __future__ import annotations

import hashlib
import re
import socket
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dropback import __version__
from dropback.errors import StoreError, TaskError
from dropback.execution._engines import Engine
from dropback.execution._losses import (
    cause_of,
    first_line,
    full_disk,
    is_loss,
    may_be_a_neighbors,
)
from dropback.execution._needs import Needs, bounded_memory
from dropback.execution._workers import Versions, own_versions, require_versions
from dropback.storage import keep_folder, open_store, read_folder, read_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dropback.execution._executors import Executor
    from dropback.storage import StoredFolder

# Seconds between two looks at an engine that has not answered.
_LOOK_S: Final = 5.0


@dataclass(frozen=True, eq=False)
class Task:
    """A function of plain values that writes files, and the name of its result.

    Attributes:
        label: What people know it by: a file, a fold, a season.
        function: Importable by name; takes a local folder to write to, the address of the store,
            then `arguments`.
        arguments: Plain values: numbers, texts, frozen settings; data by path, URL or name.
        key: What decides the result, where `arguments` hold more, or less, than that.
        after: Tasks whose results it reads.
        place: Folder for the result's files where the store is a disk; None takes its name.
    """

    label: str
    function: Callable[..., None]
    arguments: tuple[object, ...]
    key: object = None
    after: tuple[Task, ...] = ()
    place: str | None = None

    @property
    def name(self) -> str:
        """Name of the result: says who asks for what, so that equal tasks share one."""
        described = (
            self.function.__module__,
            self.function.__qualname__,
            self.arguments if self.key is None else self.key,
            __version__,
        )
        digest = hashlib.sha256(repr(described).encode()).hexdigest()[:20]
        return f"tasks/{re.sub(r'[^A-Za-z0-9.]+', '-', self.label).strip('-')}-{digest}"


@dataclass(frozen=True)
class Done:
    """What a worker sends back: no data, but where the result is.

    Attributes:
        name: Of the result.
        digest: SHA-256 of its manifest.
        fresh: Whether it was computed now rather than found.
        host: Where.
        seconds: Of the task, all of it.
        cpu_seconds: Of processor time.
    """

    name: str
    digest: str
    fresh: bool
    host: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class _Order:
    """One task as it travels."""

    store: str
    name: str
    function: Callable[..., None]
    arguments: tuple[object, ...]
    place: str | None
    needs: Needs
    versions: Versions = field(default_factory=own_versions)


def perform(order: _Order) -> Done:
    """Do one task on a worker, unless its result is there, and keep the result whole.

    Raises:
        RequestError: The worker has other versions than the process that sent the task.
        StoreError: The store refuses.
    """
    require_versions(order.versions)
    began, cpu = time.perf_counter(), time.process_time()
    store = open_store(order.store)
    found = read_folder(store, order.name)
    if found is not None:
        return Done(found.name, found.digest, fresh=False, host=socket.gethostname())
    with bounded_memory(order.needs), store.scratch() as folder:
        order.function(folder, order.store, *order.arguments)
        kept = keep_folder(store, order.name, folder, place=order.place)
    return Done(
        kept.name,
        kept.digest,
        fresh=True,
        host=socket.gethostname(),
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
    )


def run_tasks(
    executor: Executor, tasks: Iterable[Task], store: str, *, needs: Needs | None = None
) -> Iterator[tuple[Task, Done]]:
    """Run tasks and yield each with its result as it is done, in any order.

    Results that the store has already are not computed again. A task whose worker is lost, or
    whose store fails, is left to the engine to repeat; one that fails for good does not stop the
    others. Of tasks that an engine cannot tell apart, because one worker held them when it died,
    each is run once more, alone and last, so that only the one that kills is named.

    Args:
        executor: Where they run.
        tasks: All of them.
        store: Path or URL that the results go to and every worker sees.
        needs: What a task asks for.

    Raises:
        TaskError: Some failed for good, after all others were done; it names them.
        DropbackError: A task found its input wrong: no further task begins.
        OSError: The disk of this machine, where it runs them, is full: likewise.
    """
    state = _Run(executor, store, needs or Needs())
    every = list(tasks)
    there = read_folders(open_store(store), [task.name for task in every])
    for task in every:
        kept = there.get(task.name)
        if kept is None:
            state.waiting.append(task)
        else:
            state.done.add(task.name)
            yield task, Done(kept.name, kept.digest, fresh=False)
    try:
        while state.waiting or state.running or state.suspects:
            for task in state.ready():
                state.submit(task)
                if found := list(state.collect(block=False)):
                    yield from found
                    break  # what was done may have made an earlier one ready
            else:
                if state.running:
                    yield from state.collect(block=True)
    finally:
        # After an error or Ctrl-C: what has not begun never does.
        for future in state.running:
            future.cancel()
    if state.failed:
        raise _failure(state.failed)


@dataclass
class _Run:
    """Where each task of a run stands."""

    executor: Executor
    store: str
    needs: Needs
    waiting: list[Task] = field(default_factory=list)
    running: dict[Future[Done], Task] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[Task, BaseException] = field(default_factory=dict)
    suspects: dict[Task, BaseException] = field(default_factory=dict)
    alone: set[Task] = field(default_factory=set)

    def ready(self) -> list[Task]:
        """The waiting tasks whose inputs are there; those whose never will be have failed.

        Where nothing else is left, the next of the tasks that died together.
        """
        if self.suspects and not self.running and not self._inputs_there():
            task, error = self.suspects.popitem()
            if self.alone or self.suspects:
                self.alone.add(task)
                self.waiting.append(task)
                return [task]
            self.failed[task] = error  # no other died: it is the one
        lost = {task.name: error for task, error in self.failed.items()}
        for task in self.waiting:
            for before in task.after:
                if before.name in lost:
                    self.failed[task] = lost[task.name] = lost[before.name]
        self.waiting = [task for task in self.waiting if task not in self.failed]
        return self._inputs_there()

    def _inputs_there(self) -> list[Task]:
        return [task for task in self.waiting if all(t.name in self.done for t in task.after)]

    def submit(self, task: Task) -> None:
        """Hand a task to the executor."""
        self.waiting.remove(task)
        order = _Order(self.store, task.name, task.function, task.arguments, task.place, self.needs)
        self.running[self.executor.submit(perform, order)] = task

    def collect(self, *, block: bool) -> Iterator[tuple[Task, Done]]:
        """The tasks that are done now, or the next that is; none after a while.

        Raises:
            DropbackError: A task found its input wrong.
            OSError: The disk of this machine is full.
            TaskError: The engine is gone.
        """
        timeout = _LOOK_S if block else 0
        finished = wait(self.running, timeout, return_when=FIRST_COMPLETED).done
        if block and not finished and isinstance(self.executor, Engine):
            self.executor.require_workers()
        for future in finished:
            task = self.running.pop(future)
            try:
                result = future.result()
            except CancelledError as raised:
                raise TaskError(
                    f"The engine gave up {task.label} and all that was not done, as "
                    "where its scheduler ends: start it and run the same command again; what is "
                    "done is kept."
                ) from raised
            except Exception as raised:
                error = cause_of(raised)
                # This machine's disk is that of every task; of an engine another may do it.
                if not isinstance(self.executor, Engine) and (full := full_disk(error)):
                    raise full from None
                if not is_loss(error):
                    raise error from None
                again = may_be_a_neighbors(error) and task not in self.alone
                (self.suspects if again else self.failed)[task] = error
                continue
            self.done.add(task.name)
            yield task, result


def _failure(failed: dict[Task, BaseException]) -> TaskError:
    task, error = next(iter(failed.items()))
    return TaskError(
        f"{len(failed)} of the tasks failed on every worker that tried them, the others are done: "
        f"{', '.join(sorted(task.label for task in failed))}. The first, {task.label}: "
        f"{type(error).__name__}: {first_line(error)}. Run the same command again to do what is "
        "missing."
    )


def stored_results(store: str, tasks: Sequence[Task]) -> list[StoredFolder]:
    """The results of tasks that are done, in order.

    Raises:
        StoreError: One is gone.
    """
    found = read_folders(open_store(store), [task.name for task in tasks])
    for task in tasks:
        if task.name not in found:
            raise StoreError(
                f"{store}: the result {task.name} is gone: run the same command again."
            )
    return [found[task.name] for task in tasks]
