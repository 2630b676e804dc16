"""Which faults an ingest on many workers survives: each at random moments, results compared.

A simulated set of eight small files in a real S3 server is ingested by two workers of Ray, of Dask
or of this machine while one thing fails; the result must be the bytes of one process. Prints one
row a fault, and keeps what a run that ended otherwise said in a folder.

    python benchmarks/cluster_faults.py --runs 20
    python benchmarks/cluster_faults.py --runs 20 --only "dask: worker killed"

Takes root, for a network namespace in which only loopback is there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil
from distributed import Client

from _clusters import RayCluster, connection, enter_namespace, put_set, ray_cluster
from dropback.storage import open_store
from examples import deadly
from examples.cluster import (
    DaskCluster,
    dask_cluster,
    free_port,
    make_bucket,
    s3_server,
    started,
    worker_environment,
)
from examples.proxies import failing_proxy

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

FILES = 8
PLAYS = 64

# Seconds after which a command that is still at work counts as hung.
MOST_SECONDS = 240


def manifest(out: str) -> str:
    """The manifest of an output, which names every byte of the tables, by digest."""
    store = open_store(out)
    return "" if store.size("manifest.json") is None else store.read("manifest.json").decode()


def tasks_done(out: str) -> int:
    """Parts that are in the store."""
    return sum(
        re.fullmatch(r"tasks/tracking.*\.json", key) is not None for key in open_store(out).list()
    )


@dataclass
class Trial:
    """One run with one fault.

    Attributes:
        out: Where it writes.
        log: What the command says.
        struck: Whether the fault fell into the work.
        right: Whether all ended as it must.
        took: Seconds.
        note: What else is worth telling.
    """

    out: str
    log: Path
    struck: bool = False
    right: bool = False
    took: float = 0.0
    note: str = ""


@dataclass
class Study:
    """Runs each fault many times."""

    folder: Path
    kept: Path
    port: int
    runs: int
    random: random.Random
    expected: str = ""
    dask: DaskCluster | None = None
    ray: RayCluster | None = None
    link: int = field(default_factory=free_port)
    number: int = 0
    first: dict[str, float] = field(default_factory=dict)

    def environment(self, port: int | None = None, **more: str) -> dict[str, str]:
        """Of a process that finds the store at a port."""
        keys = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
        keys["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port or self.port}"
        return worker_environment(**keys, **more)

    def deadly_environment(self) -> dict[str, str]:
        """Of workers that the file named in ``deadly.txt`` kills."""
        path = self.folder / "deadly.txt"
        path.touch()
        environment = self.environment(DEADLY=str(path))
        hook = str(Path(deadly.__path__[0]))
        environment["PYTHONPATH"] = f"{hook}{os.pathsep}{environment['PYTHONPATH']}"
        return environment

    def start(self, trial: Trial, executor: str, environment: dict[str, str]) -> subprocess.Popen:
        """Start the command."""
        if executor == "ray":
            assert self.ray is not None
            environment = {**self.ray.environment, **environment}
            environment["RAY_ADDRESS"] = self.ray.environment["RAY_ADDRESS"]
        return started(
            trial.log,
            [sys.executable, "-m", "dropback", "ingest", "s3://league/raw", "--out", trial.out,
             "--executor", self.address(executor)],
            environment,
        )  # fmt: skip

    def address(self, executor: str) -> str:
        """What ``--executor`` takes."""
        if executor != "dask":
            return executor
        assert self.dask is not None
        return self.dask.address

    def ended(self, trial: Trial, command: subprocess.Popen) -> bool:
        """Whether a command ended well with the right bytes."""
        code = command.wait(MOST_SECONDS)
        with trial.log.open("a") as log:
            log.write(f"\nexit code {code}\n")
        return code == 0 and manifest(trial.out) == self.expected

    def moment(self, trial: Trial, executor: str, command: subprocess.Popen, most: int) -> int:
        """Wait for a random moment between the start of the work and so many files; files done."""
        wanted = self.random.randint(0, most)
        if wanted == 0:
            time.sleep(self.random.random() * self.first[executor])
        end = time.monotonic() + MOST_SECONDS
        while command.poll() is None and time.monotonic() < end:
            if tasks_done(trial.out) >= wanted:
                break
            time.sleep(0.05)
        time.sleep(self.random.random() * 0.3)
        return tasks_done(trial.out)

    def undisturbed(self, executor: str, port: int | None = None) -> None:
        """One run without a fault, which says how long the first file takes."""
        trial = self.trial()
        began = time.perf_counter()
        command = self.start(trial, executor, self.environment(port))
        while command.poll() is None and not tasks_done(trial.out):
            time.sleep(0.05)
        self.first[executor] = time.perf_counter() - began
        right = self.ended(trial, command)
        took = time.perf_counter() - began
        print(f"| {executor}, no fault | 1 | | {int(right)} | {took:.1f} | {took:.1f} | |")
        if not right:
            sys.exit(trial.log.read_text())

    def trial(self) -> Trial:
        """The next run's places."""
        self.number += 1
        return Trial(f"s3://league/out-{self.number}", self.folder / f"{self.number}.log")

    def row(self, name: str, once: Callable[[Trial], None]) -> None:
        """Run a fault many times, and print how often it struck, how often the bytes were right."""
        trials = []
        for _ in range(self.runs):
            trial = self.trial()
            began = time.perf_counter()
            try:
                once(trial)
            except Exception as error:  # one run that ends so is a result
                trial.note = f"{type(error).__name__}: {error}"
            trial.took = trial.took or time.perf_counter() - began
            trials.append(trial)
            if not trial.right:
                self.keep(name, trial)
        seconds = [trial.took for trial in trials]
        note = next((trial.note for trial in reversed(trials) if trial.note), "")
        print(
            f"| {name} | {self.runs} | {sum(trial.struck for trial in trials)} | "
            f"{sum(trial.right for trial in trials)} | {median(seconds):.1f} | "
            f"{max(seconds):.1f} | {note} |",
            flush=True,
        )

    def keep(self, name: str, trial: Trial) -> None:
        """Keep what tells why a run ended otherwise."""
        place = self.kept / f"{name.replace(' ', '-')}-{trial.log.stem}"
        place.mkdir(parents=True)
        found = manifest(trial.out)
        (place / "manifest.json").write_text(found)
        (place / "expected.json").write_text(self.expected)
        (place / "note.txt").write_text(f"{trial}\n")
        for log in self.folder.glob("*.log"):
            shutil.copy(log, place)
        if found:
            one, other = (json.loads(text)["files"] for text in (found, self.expected))
            differing = sorted(key for key in one | other if one.get(key) != other.get(key))
            (place / "differing.txt").write_text("\n".join(differing))
        print(f"kept in {place}", file=sys.stderr, flush=True)

    def dask_worker(self, trial: Trial, *, kill: bool) -> None:
        """A worker of Dask is killed, or stopped for 4 s."""
        assert self.dask is not None
        command = self.start(trial, "dask", self.environment())
        trial.struck = self.moment(trial, "dask", command, FILES - 2) < FILES
        victim = self.random.choice(self.dask.workers)
        stop_or_kill(psutil.Process(victim.pid), kill=kill)
        trial.right = self.ended(trial, command)
        if kill:
            victim.wait()
            self.dask.workers.remove(victim)
            self.dask.add_worker()
            with Client(f"tcp://127.0.0.1:{self.dask.port}", set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)

    def ray_worker(self, trial: Trial, *, kill: bool) -> None:
        """A process of Ray for tasks, at work or not, is killed, or stopped for 4 s."""
        assert self.ray is not None
        command = self.start(trial, "ray", self.environment())
        self.moment(trial, "ray", command, FILES - 2)
        workers: dict[psutil.Process, bool] = {}
        end = time.monotonic() + 20
        while not workers and command.poll() is None and time.monotonic() < end:
            workers = self.ray.workers()
        if workers:
            victim, trial.struck = self.random.choice(list(workers.items()))
            stop_or_kill(victim, kill=kill)
        trial.right = self.ended(trial, command)

    def stopped_process(self, trial: Trial) -> None:
        """One of the command's own processes is stopped for 4 s."""
        command = self.start(trial, "processes:2", self.environment())
        if victims := self.processes(trial, command):
            stop_or_kill(self.random.choice(victims), kill=False)
        trial.struck = command.poll() is None
        trial.right = self.ended(trial, command)

    def processes(self, trial: Trial, command: subprocess.Popen) -> list[psutil.Process]:
        """Both of the command's own processes, at a random moment; none where it was faster."""
        victims: list[psutil.Process] = []
        end = time.monotonic() + 60
        self.moment(trial, "processes:2", command, FILES - 3)
        while len(victims) < 2 and command.poll() is None and time.monotonic() < end:
            victims = spawned_of(command)
        return victims

    def process(self, trial: Trial) -> None:
        """One of the command's own processes is killed: its file is named, a second start ends."""
        command = self.start(trial, "processes:2", self.environment())
        if victims := self.processes(trial, command):
            self.random.choice(victims).kill()
        code = command.wait(MOST_SECONDS)
        # Between two tasks, or before its first, a process may die unnoticed.
        trial.struck = code == 1
        named = code == 0 or "failed on every worker" in trial.log.read_text()
        again = self.start(trial, "processes:2", self.environment())
        trial.right = named and code in {0, 1} and self.ended(trial, again)
        trial.note = "exit code 1 and the file named; right after a second start"

    def driver(self, trial: Trial, executor: str) -> None:
        """The command is killed and started again; no process of it may stay."""
        first = self.start(trial, executor, self.environment())
        self.moment(trial, executor, first, FILES)
        left = psutil.Process(first.pid).children(recursive=True)
        first.kill()
        trial.struck = first.wait() == -signal.SIGKILL
        found = tasks_done(trial.out)
        second = self.start(trial, executor, self.environment())
        trial.right = self.ended(trial, second)
        _, alive = psutil.wait_procs(left, timeout=10)
        if alive:
            trial.right, trial.note = False, f"{len(alive)} processes stayed"
            for process in alive:
                process.kill()
        trial.note = trial.note or f"{found} of {FILES} files were there in the last run"

    def store_connection(self, trial: Trial, executor: str) -> None:
        """Every connection to the store, the command's and the workers', is cut for a second."""
        with ExitStack() as held:
            there = ExitStack()
            there.enter_context(connection(self.folder, self.port, self.link))
            held.callback(there.close)
            command = self.start(trial, executor, self.environment(self.link))
            self.moment(trial, executor, command, FILES - 2)
            there.close()
            trial.struck = command.poll() is None
            time.sleep(1)
            held.enter_context(connection(self.folder, self.port, self.link))
            trial.right = self.ended(trial, command)

    def failing(self, trial: Trial, executor: str) -> None:
        """The store fails one write in ten."""
        with failing_proxy(self.port, every=10, port=self.link) as proxy:
            command = self.start(trial, executor, self.environment(self.link))
            trial.right = self.ended(trial, command)
        trial.struck = bool(proxy.failed)
        trial.note = f"{len(proxy.failed)} writes failed in the last run"

    def deadly(self, trial: Trial, executor: str) -> None:
        """One file kills each process that reads it: it is named, the rest is done."""
        week = f"tracking_week_{self.random.randint(1, FILES)}.parquet"
        mark = self.folder / "deadly.txt"
        mark.write_text(week)
        began = time.perf_counter()
        first = self.start(trial, executor, self.deadly_environment())
        code = first.wait(MOST_SECONDS)
        trial.took = time.perf_counter() - began
        said = " ".join(trial.log.read_text().split())
        trial.struck = code == 1
        rest = tasks_done(trial.out) == FILES - 1 and not manifest(trial.out)
        mark.write_text("")
        second = self.start(trial, executor, self.environment())
        again = self.ended(trial, second)
        trial.right = code == 1 and f"are done: {week}." in said and rest and again
        trial.note = "exit code 1, the file named, the rest done; right after a second start"


def stop_or_kill(process: psutil.Process, *, kill: bool) -> None:
    """End a process by SIGKILL, or stop it for 4 s."""
    if kill:
        process.kill()
        return
    process.suspend()
    time.sleep(4)
    # The engine may have given it up meanwhile, and ended it.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


def spawned_of(command: subprocess.Popen) -> list[psutil.Process]:
    """The processes in which `processes:N` runs tasks."""
    return [
        child
        for child in psutil.Process(command.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]


def main() -> None:
    """Run every fault and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="how rows begin, by commas; default all")
    parser.add_argument("--kept", type=Path, default=Path(tempfile.gettempdir()) / "faults-kept")
    arguments = parser.parse_args()
    if why := enter_namespace():
        sys.exit(f"not run: {why}")
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        server = held.enter_context(s3_server(folder))
        os.environ.update(server.environment, DROPBACK_CACHE=str(folder / "cache"))
        make_bucket(server, "league")
        put_set(folder, "s3://league/raw", plays=PLAYS, files=FILES)
        chosen = random.Random(arguments.seed)  # noqa: S311  # moments, no secrets
        study = Study(folder, arguments.kept, server.port, arguments.runs, chosen)
        print(
            "| fault | runs | struck in mid work | equal to one process | s, median | s, most | |"
        )
        print("|---|---|---|---|---|---|---|")
        serial = study.trial()
        command = study.start(serial, "serial", study.environment())
        command.wait(MOST_SECONDS)
        study.expected = manifest(serial.out)
        assert study.expected, serial.log.read_text()
        rows: dict[str, dict[str, Callable[[Trial], None]]] = {
            "ray": {
                "ray: worker killed": lambda t: study.ray_worker(t, kill=True),
                "ray: worker stopped for 4 s": lambda t: study.ray_worker(t, kill=False),
                "ray: command killed, started again": lambda t: study.driver(t, "ray"),
                "ray: a file kills each reader": lambda t: study.deadly(t, "ray"),
            },
            "ray, by a link": {
                "ray: connections to the store cut for 1 s": (
                    lambda t: study.store_connection(t, "ray")
                ),
                "ray: one write in ten fails": lambda t: study.failing(t, "ray"),
            },
            "dask": {
                "dask: worker killed": lambda t: study.dask_worker(t, kill=True),
                "dask: worker stopped for 4 s": lambda t: study.dask_worker(t, kill=False),
                "dask: command killed, started again": lambda t: study.driver(t, "dask"),
            },
            "dask, nannies": {
                "dask: a file kills each reader": lambda t: study.deadly(t, "dask"),
            },
            "dask, by a link": {
                "dask: connections to the store cut for 1 s": (
                    lambda t: study.store_connection(t, "dask")
                ),
                "dask: one write in ten fails": lambda t: study.failing(t, "dask"),
            },
            "processes:2": {
                "processes: one killed": study.process,
                "processes: command killed, started again": lambda t: study.driver(
                    t, "processes:2"
                ),
                "processes: one stopped for 4 s": study.stopped_process,
                "processes: connections to the store cut for 1 s": (
                    lambda t: study.store_connection(t, "processes:2")
                ),
                "processes: one write in ten fails": lambda t: study.failing(t, "processes:2"),
                "processes: a file kills each reader": lambda t: study.deadly(t, "processes:2"),
            },
        }
        for engine, faults in rows.items():
            chosen_rows = tuple(arguments.only.split(","))
            wanted = {n: once for n, once in faults.items() if n.startswith(chosen_rows)}
            if not wanted:
                continue
            with ExitStack() as running:
                linked = engine.endswith("link")
                workers = study.environment(study.link) if linked else study.deadly_environment()
                if engine.startswith("ray"):
                    study.ray = running.enter_context(ray_cluster(folder, **workers))
                elif engine.startswith("dask"):
                    study.dask = running.enter_context(
                        dask_cluster(folder, 2, nannies="nannies" in engine, **workers)
                    )
                if linked:
                    with connection(folder, server.port, study.link):
                        study.undisturbed(engine.partition(",")[0], study.link)
                elif "nannies" not in engine:
                    study.undisturbed(engine)
                for name, once in wanted.items():
                    study.row(name, once)


if __name__ == "__main__":
    main()
