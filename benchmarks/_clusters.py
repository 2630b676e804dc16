"""Start engines, an S3 server and its proxies on loopback, for benchmarks of many machines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import psutil

from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.storage import write_output

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

sys.path.insert(0, str(Path(__file__).parent.parent / "packages/dropback/tests"))

from examples.cluster import (
    RAY_SETTINGS,
    free_port,
    started,
    stop,
    wait_until_open,
    worker_environment,
)


def enter_namespace() -> str:
    """Run this script again where only loopback is there; why not, where that cannot be.

    Ray listens on the address of the network card, whatever it is told. In a namespace of its own
    nothing of it can be reached, and two runs at once do not meet.
    """
    why = ""
    if os.geteuid() != 0:
        why = "a network namespace takes root"
    elif not os.environ.get("DROPBACK_NAMESPACE"):
        words = " ".join(f"'{word}'" for word in sys.argv)
        inner = f"ip link set lo up && exec {sys.executable} {words}"
        os.environ["DROPBACK_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", inner])  # noqa: S606, S607
    return why


@dataclass
class RayCluster:
    """One machine of Ray."""

    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    address: str = "ray"

    def workers(self) -> dict[psutil.Process, bool]:
        """Processes for tasks, and whether each runs one of the command's now."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        titles = {child: _title(child) for child in children}
        # Ray calls its own agents so too, and ends the whole machine where one of them dies.
        return {
            child: title.startswith("ray::perform")
            for child, title in titles.items()
            if title.startswith("ray::") and not title.endswith("Agent")
        }


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).rstrip()
    return ""


@contextmanager
def ray_cluster(folder: Path, cores: int = 2, **environment: str) -> Iterator[RayCluster]:
    """Ray on this namespace's loopback, joined by ``RAY_ADDRESS``."""
    port = 6379
    whole = {**worker_environment(**environment), **RAY_SETTINGS}
    process = started(
        folder / "ray.log",
        [
            *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"),
            *("--node-ip-address=127.0.0.1", f"--port={port}", f"--num-cpus={cores}"),
            *("--include-dashboard=false", "--disable-usage-stats"),
            f"--temp-dir={folder / 'ray'}",
        ],
        whole,
    )
    try:
        wait_until_open(port, process)
        time.sleep(2)
        yield RayCluster(process, {**whole, "RAY_ADDRESS": f"127.0.0.1:{port}"})
    finally:
        stop(process)


_FORWARD = """
import socket, sys, threading
target = ("127.0.0.1", int(sys.argv[2]))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))

def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    for each in (source, sink):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

while True:
    client, _ = server.accept()
    there = socket.create_connection(target)
    for pair in ((client, there), (there, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@contextmanager
def connection(folder: Path, target: int, port: int | None = None) -> Iterator[int]:
    """A process through which every connection to a port goes; killed, all are cut."""
    port = port or free_port()
    process = started(
        folder / "connection.log",
        [sys.executable, "-c", _FORWARD, str(port), str(target)],
        os.environ,
    )
    try:
        wait_until_open(port, process)
        yield port
    finally:
        stop(process)


def put_set(folder: Path, url: str, *, plays: int, files: int) -> None:
    """Simulate a set and put it into a store, in files of equally many plays."""
    league = simulate_tracking_league(TrackingLeagueSettings(plays=plays), seed=0)
    write_tracking_league(league, folder / "league")
    rows = pl.concat(
        pl.read_parquet(path) for path in sorted((folder / "league").glob("tracking_*"))
    )
    keys = rows.select("gameId", "playId").unique(maintain_order=True).with_row_index()
    parts = rows.join(keys, on=["gameId", "playId"], maintain_order="left").with_columns(
        part=pl.col("index") * files // keys.height
    )
    for (part,), table in parts.partition_by("part", as_dict=True, maintain_order=True).items():
        kept = table.drop("index", "part")
        write_output(f"{url}/tracking_week_{part + 1}.parquet", kept.write_parquet)
    for path in (folder / "league").glob("*.csv"):
        put_file(path, f"{url}/{path.name}")


def put_file(path: Path, url: str) -> None:
    """Copy a file into a store."""
    write_output(url, lambda to: to.write_bytes(path.read_bytes()))
