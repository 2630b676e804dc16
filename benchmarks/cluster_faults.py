"""Which faults an ingest on many workers survives: each at random moments, results compared.

A simulated set of eight files in a real S3 server is ingested by two workers of Dask or Ray while
one thing fails; the result must be the bytes of one process. Prints one row a fault.

    python benchmarks/cluster_faults.py --runs 20
    python benchmarks/cluster_faults.py --runs 20 --only "dask worker killed"

Takes root, for a network namespace in which only loopback is there.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

from _clusters import connection, enter_namespace, failing_store, ray_cluster
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.storage import open_store, write_output
from examples.cluster import dask_cluster, make_bucket, s3_server, started, worker_environment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

FILES = 8


def put_set(folder: Path) -> None:
    """Simulate a set and put it into the store, a file for some games."""
    league = simulate_tracking_league(TrackingLeagueSettings(plays=240), seed=0)
    write_tracking_league(league, folder / "league")
    rows = pl.concat(
        pl.read_parquet(path) for path in sorted((folder / "league").glob("tracking_*"))
    )
    keys = rows.select("gameId", "playId").unique(maintain_order=True).with_row_index()
    parts = rows.join(keys, on=["gameId", "playId"], maintain_order="left").with_columns(
        part=pl.col("index") * FILES // keys.height
    )
    for (part,), table in parts.partition_by("part", as_dict=True, maintain_order=True).items():
        kept = table.drop("index", "part")
        write_output(f"s3://league/raw/tracking_week_{part + 1}.parquet", kept.write_parquet)
    for path in (folder / "league").glob("*.csv"):
        write_output(
            f"s3://league/raw/{path.name}", lambda to, path=path: to.write_bytes(path.read_bytes())
        )


def ingest(folder: Path, out: str, executor: str, environment: dict[str, str]) -> subprocess.Popen:
    """Start the command."""
    return started(
        folder / "driver.log",
        [sys.executable, "-m", "dropback", "ingest", "s3://league/raw", "--out", out,
         "--executor", executor],
        environment,
    )  # fmt: skip


def digest(out: str) -> str:
    """The manifest names every byte of the tables, by digest."""
    store = open_store(out)
    return "" if store.size("manifest.json") is None else store.read("manifest.json").decode()


def tasks_done(out: str) -> int:
    """Parts that are in the store."""
    return sum(
        re.fullmatch(r"tasks/tracking.*\.json", key) is not None for key in open_store(out).list()
    )


class Study:
    """Runs each fault many times."""

    def __init__(self, folder: Path, port: int, runs: int, seed: int) -> None:
        self.folder, self.port, self.runs = folder, port, runs
        self.random = random.Random(seed)  # noqa: S311  # moments, no secrets
        self.number = 0
        self.expected = ""

    def environment(self, port: int | None = None) -> dict[str, str]:
        """With the store at a port."""
        keys = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
        keys["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port or self.port}"
        return worker_environment(**keys)

    def out(self) -> str:
        """A place for one run."""
        self.number += 1
        return f"s3://league/out-{self.number}"

    def row(self, name: str, once: Callable[[], tuple[bool, bool, float, str]]) -> None:
        """Run a fault many times, and print how often it struck, how often the bytes were right."""
        struck = equal = 0
        seconds, notes = [], []
        for _ in range(self.runs):
            hit, same, took, note = once()
            struck, equal = struck + hit, equal + same
            if not same:
                print((self.folder / "driver.log").read_text()[-1500:], file=sys.stderr)
            seconds.append(took)
            notes.append(note)
        told = next((note for note in reversed(notes) if note), "")
        print(
            f"| {name} | {self.runs} | {struck} | {equal} | {median(seconds):.1f} | "
            f"{max(seconds):.1f} | {told} |",
            flush=True,
        )

    def dask(self, fault: str) -> tuple[bool, bool, float, str]:
        """One run on Dask: a worker is killed, or slow."""
        out = self.out()
        with dask_cluster(self.folder, workers=2, **self.environment()) as cluster:
            began = time.perf_counter()
            driver = ingest(self.folder, out, cluster.address, self.environment())
            moment = self._moment(out, driver)
            victim = self.random.choice(cluster.workers)
            if fault == "killed":
                victim.kill()
            else:
                victim.send_signal(signal.SIGSTOP)
                time.sleep(4)
                victim.send_signal(signal.SIGCONT)
            code = driver.wait(120)
            took = time.perf_counter() - began
        return moment < FILES, code == 0 and digest(out) == self.expected, took, ""

    def ray_worker(self) -> tuple[bool, bool, float, str]:
        """One run on Ray: a process that runs a task is killed."""
        out = self.out()
        began = time.perf_counter()
        environment = {**self.environment(), **self.ray.environment}
        driver = ingest(self.folder, out, "ray", environment)
        moment = self._moment(out, driver)
        victims = self.ray.tasks()
        if victims:
            self.random.choice(victims).kill()
        code = driver.wait(120)
        took = time.perf_counter() - began
        hit = bool(victims) and moment < FILES
        return hit, code == 0 and digest(out) == self.expected, took, ""

    def driver(self) -> tuple[bool, bool, float, str]:
        """One run on Dask whose driver is killed and started again."""
        out = self.out()
        with dask_cluster(self.folder, workers=2, **self.environment()) as cluster:
            began = time.perf_counter()
            first = ingest(self.folder, out, cluster.address, self.environment())
            self._moment(out, first)
            first.kill()
            hit = first.wait() == -signal.SIGKILL
            left = tasks_done(out)
            second = ingest(self.folder, out, cluster.address, self.environment())
            code = second.wait(120)
            took = time.perf_counter() - began
        note = f"{left} of {FILES} files were kept in the last run"
        return hit, code == 0 and digest(out) == self.expected, took, note

    def store_connection(self) -> tuple[bool, bool, float, str]:
        """One run on processes whose every connection to the store is cut for a second."""
        out = self.out()
        with ExitStack() as held:
            link = ExitStack()
            port = link.enter_context(connection(self.folder, self.port))
            held.callback(link.close)
            began = time.perf_counter()
            driver = ingest(self.folder, out, "processes:2", self.environment(port))
            self._moment(out, driver)
            link.close()
            hit = driver.poll() is None
            time.sleep(1)
            held.enter_context(connection(self.folder, self.port, port))
            code = driver.wait(120)
            took = time.perf_counter() - began
        return hit, code == 0 and digest(out) == self.expected, took, ""

    def failing(self) -> tuple[bool, bool, float, str]:
        """One run on processes against a store that fails one write in ten."""
        out = self.out()
        with failing_store(self.folder, self.port) as (port, log):
            log.write_bytes(b"")
            began = time.perf_counter()
            driver = ingest(self.folder, out, "processes:2", self.environment(port))
            code = driver.wait(120)
            took = time.perf_counter() - began
            failed = log.read_text().count("failed")
        note = f"{failed} writes failed in the last run"
        return failed > 0, code == 0 and digest(out) == self.expected, took, note

    def deadly(self) -> tuple[bool, bool, float, str]:
        """One run on processes where one file kills each process that reads it."""
        out = self.out()
        deadly = self.random.randint(1, FILES)
        environment = {**self.environment(), "DEADLY": f"tracking_week_{deadly}.parquet"}
        began = time.perf_counter()
        (self.folder / "driver.log").write_bytes(b"")
        driver = started(
            self.folder / "driver.log",
            [sys.executable, str(Path(__file__).with_name("_deadly_file.py")), "ingest",
             "s3://league/raw", "--out", out, "--executor", "processes:2"],
            environment,
        )  # fmt: skip
        code = driver.wait(120)
        took = time.perf_counter() - began
        said = " ".join((self.folder / "driver.log").read_text().split())
        named = f"are done: tracking_week_{deadly}.parquet." in said
        rest = tasks_done(out) == FILES - 1 and not digest(out)
        second = ingest(self.folder, out, "processes:2", self.environment())
        again = second.wait(120) == 0 and digest(out) == self.expected
        return (
            code == 1,
            named and rest and again,
            took,
            "exit code 1, the file named, the rest done",
        )

    def _moment(self, out: str, driver: subprocess.Popen) -> int:
        """Wait for a random moment of the work, between no file and all but one; files done."""
        wanted, end = self.random.randint(0, FILES - 2), time.monotonic() + 60
        while driver.poll() is None and time.monotonic() < end:
            # Before the first file is done: from the moment that the store was asked.
            if tasks_done(out) >= wanted and (wanted or time.monotonic() > end - 57):
                break
            time.sleep(0.02)
        time.sleep(self.random.random() * 0.2)
        return tasks_done(out)


def main() -> None:
    """Run every fault and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if why := enter_namespace():
        sys.exit(f"not run: {why}")
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        server = held.enter_context(s3_server(folder))
        os.environ.update(server.environment, DROPBACK_CACHE=str(folder / "cache"))
        make_bucket(server, "league")
        put_set(folder)
        study = Study(folder, server.port, arguments.runs, arguments.seed)
        serial = ingest(folder, "s3://league/serial", "serial", study.environment())
        if serial.wait(120) != 0:
            sys.exit((folder / "driver.log").read_text())
        study.expected = digest("s3://league/serial")
        print(
            "| fault | runs | struck in mid work | equal to one process | s, median | s, most | |"
        )
        print("|---|---|---|---|---|---|---|")
        rows: dict[str, Callable[[], tuple[bool, bool, float, str]]] = {
            "dask worker killed": lambda: study.dask("killed"),
            "dask worker stopped for 4 s": lambda: study.dask("slow"),
            "driver killed, started again": study.driver,
            "connections to the store cut for 1 s": study.store_connection,
            "one write in ten fails": study.failing,
            "a file kills each process": study.deadly,
            "ray worker killed": study.ray_worker,
        }
        for name, once in rows.items():
            if arguments.only and arguments.only != name:
                continue
            if name.startswith("ray"):
                study.ray = held.enter_context(ray_cluster(folder, **study.environment()))
            study.row(name, once)


if __name__ == "__main__":
    main()
