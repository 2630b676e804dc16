"""One protocol, whatever runs the tasks: equal results, nothing done twice, losses survived."""

import importlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from dropback.errors import RequestError, TaskError
from dropback.execution import (
    Done,
    Needs,
    Task,
    _tasks,
    open_executor,
    parse_executor,
    run_tasks,
)
from dropback.execution._engines import Absence
from dropback.execution._tasks import _Order, perform
from dropback.execution._workers import Worker, own_versions, require_workers
from dropback.storage import open_store, read_folder
from examples import tasks
from examples.cluster import DaskCluster, dask_cluster, free_port, worker_environment


def squares(count: int) -> list[Task]:
    return [Task(f"number {n}", tasks.square, (n,)) for n in range(count)]


def run(executor: str, some: list[Task], store: str) -> list[tuple[str, Done]]:
    with open_executor(executor, threads=True) as (opened, needs):
        return [(task.label, done) for task, done in run_tasks(opened, some, store, needs=needs)]


def content(store: str, some: list[Task]) -> dict[str, bytes]:
    """Every byte of the results, by file."""
    opened = open_store(store)
    found = {}
    for task in some:
        folder = read_folder(opened, task.name)
        assert folder is not None, task.label
        found[task.name] = opened.read(f"{task.name}.json")
        found |= {f"{task.name}/{name}": opened.read(f.key) for name, f in folder.files.items()}
    return found


@pytest.fixture(scope="module", autouse=True)
def importable() -> None:
    """Processes that are spawned here import the tasks as the workers of engines do."""
    os.environ["PYTHONPATH"] = worker_environment()["PYTHONPATH"]


def test_the_text_of_an_executor_is_read() -> None:
    found = parse_executor("ray://10.0.0.1:10001?cores=2&memory=1.5GB&accelerators=0.25")
    assert (found.kind, found.address) == ("ray", "10.0.0.1:10001")
    assert found.needs == Needs(cores=2, memory_bytes=1_500_000_000, accelerators=0.25)
    assert parse_executor("processes").workers == os.cpu_count()
    assert parse_executor("ray?memory=1.5GiB").needs.memory_bytes == 3 * 2**29


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("slurm", "must be serial, processes, .* got 'slurm'"),
        ("processes:0", "processes must be at least 1, got 'processes:0'"),
        ("dask://10.0.0.1", "ray://HOST:PORT or dask://HOST:PORT, got 'dask://10.0.0.1'"),
        ("dask://10.0.0.1:port", "got 'dask://10.0.0.1:port'"),
        ("ray?memory=much", "takes cores, memory and accelerators, .* got memory=much"),
        ("dask://10.0.0.1:8786/status", "dask://HOST:PORT, got 'dask://10.0.0.1:8786/status'"),
        ("ray://10.0.0.1:10001#head", "ray://HOST:PORT .* got 'ray://10.0.0.1:10001#head'"),
        ("ray?gpus=1", "got gpus=1"),
        ("ray?cores=0.00001", "cores and accelerators must be 0.0001 or more, .* cores=1e-05"),
        ("ray?accelerators=0.00001", "must be 0.0001 or more, .* accelerators=1e-05"),
        ("processes:2?memory=99999999999GB", "memory= must be below 9.22e.09 GB, got 1e.11 GB"),
        ("serial?cores=0", "more than 0 cores"),
        ("ray?accelerators=1.5", "accelerators above 1 must be whole, got 1.5"),
        ("processes:2?accelerators=1", "processes cannot hold a task .*: processes take memory="),
        ("threads?memory=1GB", "threads cannot hold a task"),
        ("dask://10.0.0.1:1?cores=2", "dask cannot hold a task .* ray also cores="),
    ],
)
def test_another_text_is_one_sentence(text: str, match: str) -> None:
    with pytest.raises(RequestError, match=match):
        parse_executor(text)


@pytest.mark.parametrize("choice", [None, 4, ["serial"]])
def test_what_is_no_executor_is_one_sentence(choice: Any) -> None:  # strangers
    with pytest.raises(RequestError, match=r"executor must be a text .* got "):
        open_executor(choice).__enter__()


@pytest.mark.parametrize("executor", ["serial", "threads:3", "processes:1", "processes:2"])
@pytest.mark.sample(2)
def test_results_are_the_same_bytes_wherever_tasks_run(executor: str, tmp_path: Path) -> None:
    some = squares(4)
    some.append(Task("square of a square", tasks.squared, (some[3].name,), after=(some[3],)))
    done = run(executor, some, str(tmp_path / "here"))
    assert sorted(label for label, _ in done) == sorted(task.label for task in some)
    run("serial", some, str(tmp_path / "serial"))
    assert content(str(tmp_path / "here"), some) == content(str(tmp_path / "serial"), some)
    assert content(str(tmp_path / "here"), some)[f"{some[4].name}/square.txt"] == b"81"
    assert not list((tmp_path / "here").glob(".scratch*"))


def test_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    some = squares(3)
    run("serial", some[:2], str(tmp_path))
    second = run("serial", some, str(tmp_path))
    assert [done.fresh for _, done in second] == [False, False, True]
    # Other arguments or another function are another result.
    assert len({task.name for task in [*some, Task("number 0", tasks.refuse, (0,))]}) == 4


def test_wrong_input_stops_at_once_with_its_own_sentence(tmp_path: Path) -> None:
    some = [Task("a", tasks.refuse, (7,)), *squares(1)]
    with pytest.raises(RequestError, match=r"^7 is no number of folds.$"):
        run("serial", some, str(tmp_path))
    assert read_folder(open_store(tmp_path), some[1].name) is None


def test_a_full_disk_of_this_machine_stops_at_once(tmp_path: Path) -> None:
    # Not "failed on every worker": all of them write to it.
    for executor in ("serial", "processes:2"):
        some = [Task("a", tasks.fill, ()), *squares(1)]
        with pytest.raises(OSError, match="No space left on device"):
            run(executor, some, str(tmp_path))


def test_a_task_that_always_dies_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    some = [Task(f"week {n}.csv", tasks.square_or_die, (n, 1)) for n in range(4)]
    after = Task("after week 1", tasks.squared, (some[1].name,), after=(some[1],))
    with pytest.raises(TaskError, match=r"2 of the tasks .*: after week 1, week 1\.csv\. The fi"):
        run("processes:2", [*some, after], str(tmp_path))
    assert len(content(str(tmp_path), [some[0], some[2], some[3]])) == 6
    assert read_folder(open_store(tmp_path), some[1].name) is None


class KilledWorker(Exception):  # noqa: N818  # Dask's name
    """As Dask says it of every task that the dead worker held."""


class Blaming:
    """An engine whose workers die of one task, and that blames some others at their first try.

    The first task takes a while, the third less.
    """

    def __init__(self, deadly: str, *neighbors: str) -> None:
        self.deadly, self.blamed = deadly, {deadly, *neighbors}
        self.tried: list[str] = []
        self.unasked: set[str] = set()
        self.beside: dict[str, set[str]] = {}

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        (order,) = arguments
        future = _Read(self.unasked, order.name)
        self.beside[order.name] = set(self.unasked)
        self.unasked.add(order.name)
        dies = order.name == self.deadly or (
            order.name in self.blamed and order.name not in self.tried
        )
        self.tried.append(order.name)
        if dies:
            future.set_exception(KilledWorker("4 workers died"))
        elif (tried := len(self.tried)) in {1, 3}:
            threading.Timer(0.6 / tried, lambda: future.set_result(function(order))).start()
        else:
            future.set_result(function(order))
        return future


class _Read(Future[Done]):
    """Tells its engine when its result was taken."""

    def __init__(self, unasked: set[str], name: str) -> None:
        super().__init__()
        self.unasked, self.name = unasked, name

    def result(self, timeout: float | None = None) -> Done:
        self.unasked.discard(self.name)
        return super().result(timeout)


def test_of_tasks_that_a_dead_worker_held_only_the_one_that_kills_is_named(tmp_path: Path) -> None:
    some = squares(5)
    after = Task("after 3", tasks.squared, (some[3].name,), after=(some[3],))
    engine = Blaming(some[1].name, some[3].name, some[4].name)
    with pytest.raises(TaskError, match=r"1 of the tasks .*: number 1\. The first"):
        list(run_tasks(engine, [*some, after], str(tmp_path)))
    assert len(content(str(tmp_path), [some[0], *some[2:], after])) == 10
    assert read_folder(open_store(tmp_path), some[1].name) is None
    # Tried once more each, with nothing beside them.
    assert sorted(engine.tried) == sorted(
        [task.name for task in (*some, some[1], some[3], some[4], after)]
    )
    assert not any(engine.beside[some[n].name] for n in (1, 3, 4))


def test_a_task_that_died_by_itself_does_not_kill_more_workers(tmp_path: Path) -> None:
    some = squares(3)
    engine = Blaming(some[1].name)
    with pytest.raises(TaskError, match=r"1 of the tasks .*: number 1\. The first"):
        list(run_tasks(engine, some, str(tmp_path)))
    assert engine.tried == [task.name for task in some]


class Silent:
    """An engine that never answers, or gives its tasks up."""

    def __init__(self, *, cancels: bool) -> None:
        self.cancels, self.absence = cancels, Absence("silent: no worker has been left", 0.2)

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:  # noqa: ARG002
        future: Future[Done] = Future()
        if self.cancels:
            future.cancel()
            future.set_running_or_notify_cancel()
        return future

    def require_workers(self) -> None:
        self.absence.see(0)


def test_an_engine_that_gives_its_tasks_up_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"^The engine gave up number 0 .* what is done is kept\.$"):
        list(run_tasks(Silent(cancels=True), squares(1), str(tmp_path)))


def test_an_engine_without_workers_is_waited_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tasks, "_LOOK_S", 0.02)
    began = time.monotonic()
    with pytest.raises(TaskError, match=r"^silent: no worker has been left for .* start it and"):
        list(run_tasks(Silent(cancels=False), squares(1), str(tmp_path)))
    assert 0.2 < time.monotonic() - began < 5
    # One that came back is a new start.
    absence = Absence("engine", 0.1)
    absence.see(0)
    time.sleep(0.15)
    assert absence.is_over
    absence.see(1)
    absence.see(0)
    assert not absence.is_over


def test_a_task_that_takes_more_memory_than_it_asked_for_fails_alone(tmp_path: Path) -> None:
    some = [Task("much", tasks.take_memory, (3_000_000_000,)), *squares(2)]
    with pytest.raises(TaskError, match=r"1 of the tasks .*: much. .*MemoryError"):
        run("processes:1?memory=2GB", some, str(tmp_path))
    assert len(content(str(tmp_path), some[1:])) == 4


def test_a_worker_that_holds_more_than_a_task_may_take_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"got 1 MB: a worker process holds \d+ MB"):
        run("processes:1?memory=1MB", squares(1), str(tmp_path))


def test_the_bound_of_one_command_is_not_that_of_the_next(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    order = _Order(str(tmp_path), "one", tasks.square, (3,), None, Needs(memory_bytes=10**12))
    assert perform(order).fresh
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.slow
def test_two_drivers_of_one_store_do_not_harm_each_other(bucket: str, tmp_path: Path) -> None:
    some = squares(6)
    with ThreadPoolExecutor(2) as pool:
        drivers = [pool.submit(run, "threads:2", some, bucket) for _ in range(2)]
        results = [dict(driver.result()) for driver in drivers]
    assert {label: done.digest for label, done in results[0].items()} == {
        label: done.digest for label, done in results[1].items()
    }
    run("serial", some, str(tmp_path))
    found = content(bucket, some)
    assert {n: t for n, t in found.items() if n.endswith(".txt")} == {
        n: t for n, t in content(str(tmp_path), some).items() if n.endswith(".txt")
    }


@pytest.mark.parametrize(
    ("worker", "match"),
    [
        (Worker("far", own_versions(), 1000.0 + 15 * 60), "clock of far is 899 s from this"),
        (Worker("far", own_versions(), 1000.0 - 15 * 60), "clock of far is 900 s from this"),
        (
            Worker("old", own_versions().__class__("0.1", "3.9", "2", "1", "2"), 1000.5),
            r"The worker on old has dropback 0\.1, python 3\.9.*install the same versions",
        ),
        # 200 MB held, 130 of torch and 100 for the task; only what is not loaded yet is added.
        (Worker("full", own_versions(), 1000.5, 200_000_000), "holds 330 MB .* for 0.5 GB or more"),
        (
            Worker("full", own_versions(), 1000.5, 310_000_000, has_torch=True),
            "holds 310 MB .* ask for 0.5 GB or more",
        ),
    ],
)
def test_workers_that_cannot_do_the_tasks_are_refused(worker: Worker, match: str) -> None:
    able = Worker("near", own_versions(), 1000.5, 169_000_000)
    asked = {"needs": Needs(memory_bytes=400_000_000), "networks": True}
    with pytest.raises(RequestError, match=match):
        require_workers([able, worker], 1000.0, 1001.0, **asked)  # type: ignore[arg-type]  # above


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_an_address_where_nothing_listens_is_told_at_once(kind: str) -> None:
    began = time.monotonic()
    address = f"{kind}://127.0.0.1:{free_port()}"
    with pytest.raises(RequestError, match=rf"{address}: nothing answers there"):
        run(address, [], "nowhere")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("kind", "package", "waits", "said"),
    [
        ("dask", "distributed", "_IDENTITY_TIMEOUT", "no Dask scheduler answers there"),
        ("ray", "ray", "_CHANNEL_TIMEOUT", "is no Ray"),
    ],
)
@pytest.mark.slow
def test_an_address_where_something_else_listens_is_told_within_half_a_minute(
    kind: str, package: str, waits: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package, reason=f"the extra {kind} is not installed")
    engine = importlib.import_module(f"dropback.execution._{kind}")
    # Of the half minute all but a second or two is this wait, which the test cuts short.
    assert getattr(engine, waits) <= 15
    monkeypatch.setattr(engine, waits, 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{kind}://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(RequestError, match=rf"{address}: .*{said}"):
            run(address, [], "nowhere")
    assert time.monotonic() - began < 15


def test_a_server_of_text_where_dask_should_be_is_one_sentence() -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in ("whether something listens", "what it is"):
                client, _ = server.accept()
                with client:
                    # Read as the length of a message it is more memory than any machine has.
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        address = f"dask://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RequestError, match=rf"{address}: no Dask scheduler answers there"):
            run(address, [], "nowhere")
        thread.join(5)


@pytest.mark.parametrize(("kind", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_engine_names_its_extra(
    kind: str, module: str, monkeypatch: pytest.MonkeyPatch, s3: object
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    port = s3.port  # type: ignore[attr-defined]  # something listens there
    with pytest.raises(RequestError, match=rf"pip install 'dropback\[{kind}\]'"):
        run(f"{kind}://127.0.0.1:{port}", [], "nowhere")


def test_nothing_of_an_engine_or_a_cloud_is_imported_unasked() -> None:
    script = (
        "import sys, dropback.execution, dropback.storage\n"
        "print({'ray', 'distributed', 'dask', 'obstore', 'boto3'} & set(sys.modules))"
    )
    found = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", script],
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"


@pytest.mark.slow
def test_dask_gives_the_same_bytes_in_a_real_store(dask: DaskCluster, bucket: str) -> None:
    some = squares(6)
    done = run(dask.address, some, bucket)
    assert all(each.fresh for _, each in done)
    run("serial", some, f"{bucket}-serial")
    assert content(bucket, some) == content(f"{bucket}-serial", some)
    # A second driver finds everything.
    assert not any(each.fresh for _, each in run(dask.address, some, bucket))


@pytest.mark.slow
def test_dask_tells_wrong_input_and_too_little_in_one_sentence(
    dask: DaskCluster, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=r"^7 is no number of folds.$"):
        run(dask.address, [Task("a", tasks.refuse, (7,))], str(tmp_path))
    with pytest.raises(RequestError, match=r"needs 9000.0 GB and the largest worker may use"):
        run(f"{dask.address}?memory=9TB", [], str(tmp_path))
    with pytest.raises(RequestError, match=r"needs 0.5 accelerators and no worker has them"):
        run(f"{dask.address}?accelerators=0.5", [], str(tmp_path))


@pytest.mark.slow
def test_killed_workers_of_dask_cost_their_tasks_alone(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    marker = str(tmp_path / "died")
    once = [Task(f"number {n}", tasks.square_or_die_once, (n, marker), key=n) for n in range(5)]
    with dask_cluster(tmp_path, workers=2) as cluster:
        done = run(cluster.address, once, str(tmp_path / "store"))
        assert sorted(label for label, _ in done) == [task.label for task in once]
        assert Path(marker).exists()
    assert len(content(str(tmp_path / "store"), once)) == 10


@pytest.mark.slow
def test_a_worker_without_the_package_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    hidden = tmp_path / "hidden" / "dropback"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('No module named dropback')\n")
    environment = worker_environment()
    environment["PYTHONPATH"] = f"{hidden.parent}{os.pathsep}{environment['PYTHONPATH']}"
    with dask_cluster(tmp_path, workers=0) as cluster:
        cluster.add_worker(environment=environment)
        began = time.monotonic()
        with pytest.raises(
            RequestError, match=r"cannot import dropback .*install the same version"
        ):
            run(cluster.address, squares(1), str(tmp_path / "store"))
        assert time.monotonic() - began < 30


@pytest.mark.slow
def test_an_engine_of_the_docs_listens_on_loopback_alone(dask: DaskCluster) -> None:
    run(dask.address, [], "nowhere")  # when it returns, workers are there
    pids = {process.pid for process in (dask.scheduler, *dask.workers)}
    end, found = time.monotonic() + 30, []
    while len(found) < len(pids) and time.monotonic() < end:
        found = [
            connection.laddr.ip
            for pid in pids
            for connection in psutil.Process(pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
    assert len(found) >= len(pids)
    assert set(found) == {"127.0.0.1"}


def test_threads_are_refused_where_tasks_draw_random_numbers() -> None:
    with pytest.raises(RequestError, match=r"'threads:2' is for commands that read files"):
        open_executor("threads:2").__enter__()


def test_a_cluster_that_the_environment_names_and_that_is_gone_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(RequestError, match=rf"ray://127.0.0.1:{port}: nothing answers there"):
        run("ray", [], "nowhere")
    assert time.monotonic() - began < 30
