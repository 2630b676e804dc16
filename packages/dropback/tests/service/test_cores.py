"""Staying on a core: every thread of a process does."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dropback.errors import RequestError
from dropback.service._server import stay_on_core

LINUX = hasattr(os, "sched_setaffinity")
TASKS = Path("/proc/self/task")
ON_CORE = """
import os, threading
from pathlib import Path
from dropback.service._server import stay_on_core
halt = threading.Event()
threading.Thread(target=halt.wait).start()
core = max(os.sched_getaffinity(0))
stay_on_core(core)
threading.Thread(target=halt.wait).start()
tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
print(len(tasks) >= 3, all(os.sched_getaffinity(task) == {core} for task in tasks))
halt.set()
"""


def cores_of_threads():
    """Cores of each thread of this process, without those that end meanwhile."""
    found = {}
    for task in (int(task.name) for task in TASKS.iterdir()):
        with contextlib.suppress(ProcessLookupError):
            found[task] = os.sched_getaffinity(task)
    return found


@pytest.fixture
def affinities():
    """Gives every thread of this process back the cores that it had."""
    before = cores_of_threads()
    yield
    for task in (int(task.name) for task in TASKS.iterdir()):
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(task, before.get(task, before[os.getpid()]))


@pytest.mark.skipif(not LINUX, reason="no such call")
@pytest.mark.usefixtures("affinities")
def test_every_thread_of_the_process_stays_on_the_core():
    core, halt = max(os.sched_getaffinity(0)), threading.Event()
    thread = threading.Thread(target=halt.wait)
    thread.start()
    stay_on_core(core)
    cores = cores_of_threads()
    assert cores[thread.native_id] == {core}
    assert all(of_thread == {core} for of_thread in cores.values())
    halt.set()
    thread.join()


@pytest.mark.skipif(not LINUX, reason="no such call")
@pytest.mark.usefixtures("affinities")
def test_a_thread_that_ends_meanwhile_keeps_no_other_from_the_core(monkeypatch):
    set_affinity, core, ended = os.sched_setaffinity, max(os.sched_getaffinity(0)), []

    def set_or_end(task, cores):
        if not ended:
            ended.append(task)
            raise ProcessLookupError
        set_affinity(task, cores)

    halt = threading.Event()
    thread = threading.Thread(target=halt.wait)
    thread.start()
    monkeypatch.setattr(os, "sched_setaffinity", set_or_end)
    stay_on_core(core)
    found = cores_of_threads()
    assert len(found) >= 2
    assert all(cores == {core} for task, cores in found.items() if task not in ended)
    halt.set()
    thread.join()


# In a process that nothing else has threads in.
@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="no such call")
def test_threads_before_and_after_stay_on_the_core():
    command = [sys.executable, "-c", ON_CORE]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.split() == ["True", "True"]


@pytest.mark.skipif(not LINUX, reason="no such call")
def test_a_core_that_is_not_there_is_refused_and_nothing_moves():
    before = os.sched_getaffinity(0)
    with pytest.raises(RequestError, match=r"--core must be one of .*, got 99999\."):
        stay_on_core(99_999)
    assert os.sched_getaffinity(threading.get_native_id()) == before


def test_a_system_without_the_call_is_told(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with pytest.raises(RequestError, match="--core needs Linux"):
        stay_on_core(0)


@pytest.mark.skipif(not LINUX, reason="no such call")
def test_the_command_line_refuses_it_in_a_sentence(run):
    code, _, said = run("serve", "run", "--core", "99999")
    assert code == 2
    assert "got 99999." in said.replace("\n", " ")
