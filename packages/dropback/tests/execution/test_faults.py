"""What fails while tasks run: the command, a worker that is slow, a link, a host."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from dropback.execution import open_executor, run_tasks
from dropback.storage import open_store, read_folder
from examples import squares_job
from examples.cluster import DaskCluster, started, stop, worker_environment
from examples.hosts import Hosts, engine, why_no_hosts
from examples.squares_job import slow_squares


def wait_for(log: Path, text: str, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has said something so often."""
    end = time.monotonic() + 60
    while (said := log.read_text()).count(text) < count:
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.02)


def written(store: Path, count: int, seconds: float) -> list[str]:
    """The results of the job, each by its manifest."""
    folders = [read_folder(open_store(store), t.name) for t in slow_squares(count, seconds)]
    assert None not in folders
    return [(store / f.files["square.txt"].key).read_text() for f in folders if f is not None]


@pytest.mark.slow
def test_a_killed_command_leaves_no_process_and_a_second_start_does_what_is_missing(
    tmp_path: Path,
) -> None:
    store, log = tmp_path / "store", tmp_path / "log"
    job = [sys.executable, squares_job.__file__, "processes:2", str(store), "6", "0.4"]
    command = started(log, job, worker_environment())
    wait_for(log, "done", 2, command)
    processes = psutil.Process(command.pid).children()
    command.send_signal(signal.SIGKILL)
    command.wait()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    kept = sum(
        read_folder(open_store(store), task.name) is not None for task in slow_squares(6, 0.4)
    )
    assert 2 <= kept < 6
    with open_executor("serial") as (executor, needs):
        done = list(run_tasks(executor, slow_squares(6, 0.4), str(store), needs=needs))
    assert sum(each.fresh for _, each in done) == 6 - kept
    assert written(store, 6, 0.4) == ["0", "1", "4", "9", "16", "25"]


@pytest.mark.slow
def test_a_slow_worker_costs_time_alone(dask: DaskCluster, tmp_path: Path) -> None:
    some = slow_squares(6, 0.2)
    victim = psutil.Process(dask.workers[0].pid)
    labels = []
    # By the clock, as how many tasks the engine has given it varies.
    later = threading.Timer(1.5, victim.resume)
    with open_executor(dask.address) as (executor, needs):
        try:
            for task, done in run_tasks(executor, some, str(tmp_path), needs=needs):
                if not labels:
                    victim.suspend()
                    later.start()
                labels.append(task.label)
                assert done.fresh
        finally:
            later.cancel()
            victim.resume()
    assert sorted(labels) == [task.label for task in some]
    assert written(tmp_path, 6, 0.2) == ["0", "1", "4", "9", "16", "25"]


@pytest.mark.slow
def test_a_link_cut_and_healed_and_a_host_that_is_gone_cost_time_alone(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    if why := why_no_hosts():
        pytest.skip(why)
    hosts, log = Hosts(3), tmp_path / "driver.log"
    try:
        with engine("dask", hosts, tmp_path) as dask:
            job = [sys.executable, squares_job.__file__, dask.executor, str(tmp_path / "store")]
            driver = dask.start_beside(log, [*job, "8", "0.5"])
            try:
                wait_for(log, "done", 1, driver)
                hosts.link(2, "down")
                time.sleep(0.5)
                hosts.link(2, "up")
                wait_for(log, "done", 3, driver)
                stop(dask.processes[2])
                assert driver.wait(60) == 0, log.read_text()
            finally:
                stop(driver)
        said = log.read_text()
        # A result that lay in the lost host's memory is found in the store.
        assert said.count("done number") + said.count("found number") == 8, said
        assert said.splitlines()[-1] == "right"
    finally:
        hosts.close()
