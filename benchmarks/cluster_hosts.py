"""What a cut link and a lost host cost: three hosts of network namespaces on one machine.

Each host has an address, a veth pair to a bridge, and an engine's head or worker. A link is cut in
mid job and healed, or a host's processes are killed; the job must end with every result right.

    python benchmarks/cluster_hosts.py --runs 3

Takes root and iproute2, and says so where they are not there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from _clusters import RAY_SETTINGS
from examples.cluster import started, worker_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = 12

# What each process says when it is up.
_STARTED = {"dask": "at: ", "ray": "block forever"}

DRIVER = """
import sys, time
from pathlib import Path
from dropback.execution import Task, open_executor, run_tasks
from examples import tasks
executor, store, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
some = [Task(f"number {n}", tasks.slow_square, (n, 1.0)) for n in range(count)]
with open_executor(executor) as (opened, needs):
    print("OPEN", flush=True)
    for task, done in run_tasks(opened, some, store, needs=needs):
        print("DONE", task.label, flush=True)
right = all(
    (Path(store) / task.name / "square.txt").read_text() == str(n**2) for n, task in enumerate(some)
)
print("RIGHT" if right else "WRONG", flush=True)
"""


def ip(*words: str) -> None:
    """Change the network."""
    subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: S603, S607


class Hosts:
    """Namespaces of one machine, each with an address of its own."""

    def __init__(self, count: int) -> None:
        self.mark = f"h{os.getpid() % 10000}"
        self.names = [f"{self.mark}-{number}" for number in range(count)]
        self.addresses = [f"10.77.0.{number + 1}" for number in range(count)]
        self.bridge = f"{self.mark}-b"
        ip("netns", "add", self.bridge)
        ip("-n", self.bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", self.bridge, "link", "set", "br0", "up")
        for number, (name, address) in enumerate(zip(self.names, self.addresses, strict=True)):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            peer = f"v{number}"
            ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", peer,
               "netns", self.bridge)  # fmt: skip
            ip("-n", self.bridge, "link", "set", peer, "master", "br0", "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")

    def link(self, number: int, state: str) -> None:
        """Cut or heal a host's link."""
        ip("-n", self.bridge, "link", "set", f"v{number}", state)

    def start(
        self, number: int, log: Path, command: list[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """A process on a host."""
        inside = ["ip", "netns", "exec", self.names[number]]
        return started(log, [*inside, *command], environment)

    def close(self) -> None:
        """Remove all."""
        for name in (*self.names, self.bridge):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here, with its children."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    process.kill()
    process.wait()


@contextmanager
def engine(
    kind: str, hosts: Hosts, folder: Path
) -> Iterator[tuple[str, dict[str, str], list[subprocess.Popen[bytes]]]]:
    """An engine on all hosts: its text for ``--executor``, environment, its processes."""
    # A worker whose link is cut is given up after 12 s and no longer 30.
    environment = worker_environment(**RAY_SETTINGS, DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP="12s")
    program = Path(sys.executable).parent
    processes: list[subprocess.Popen[bytes]] = []
    head = hosts.addresses[0]
    try:
        for number, address in enumerate(hosts.addresses):
            if kind == "dask":
                command = [str(program / "dask"), "scheduler", "--host", head, "--port", "8786",
                           "--dashboard-address", f"{head}:0"]  # fmt: skip
                if number:
                    command = [str(program / "dask"), "worker", f"tcp://{head}:8786",
                               "--host", address, "--nthreads", "1", "--no-nanny",
                               "--dashboard-address", f"{address}:0",
                               "--local-directory", str(folder / f"dask-{number}")]  # fmt: skip
            else:
                words = f"ray start --block --disable-usage-stats --node-ip-address={address} "
                words += (
                    f"--num-cpus=1 --address={head}:6379"
                    if number
                    else "--num-cpus=0 --head --port=6379 --include-dashboard=false"
                )
                # Each host has files of its own where Ray keeps its sockets.
                own = f"mount -t tmpfs none /tmp/ray && exec {program}/{words}"
                command = ["unshare", "--mount", "sh", "-c", own]
            log = folder / f"{kind}-{number}.log"
            processes.append(hosts.start(number, log, command, environment))
            end = time.monotonic() + 60
            while time.monotonic() < end and _STARTED[kind] not in log.read_text():
                time.sleep(0.1)
        time.sleep(2)
        if kind == "ray":
            environment["RAY_ADDRESS"] = f"{head}:6379"
        yield ("ray" if kind == "ray" else f"dask://{head}:8786"), environment, processes
    finally:
        for process in processes:
            kill_family(process)


def once(kind: str, fault: str, folder: Path, moment: float) -> tuple[bool, float, float]:
    """One job with one fault: whether all results are right, seconds, and seconds after it."""
    hosts = Hosts(3)
    try:
        with engine(kind, hosts, folder) as (executor, environment, processes):
            log = folder / "driver.log"
            log.write_bytes(b"")
            command = [sys.executable, "-c", DRIVER, executor, str(folder / "store"), str(TASKS)]
            beside = ["nsenter", "-t", str(processes[0].pid), "--mount", "--net"]
            driver = started(log, [*beside, *command], environment)
            end = time.monotonic() + 90
            while "DONE" not in log.read_text():
                if driver.poll() is not None or time.monotonic() > end:
                    logs = [path.read_text()[-1500:] for path in sorted(folder.glob("*.log"))]
                    raise RuntimeError("\n".join(logs))
                time.sleep(0.05)
            began = time.monotonic()
            time.sleep(moment)
            struck = time.monotonic()
            if fault == "host gone":
                kill_family(processes[2])
            else:
                hosts.link(2, "down")
            try:
                if fault == "link cut for 3 s":
                    time.sleep(3)
                    hosts.link(2, "up")
                code = driver.wait(180)
                now = time.monotonic()
            finally:
                with contextlib.suppress(subprocess.CalledProcessError):
                    hosts.link(2, "up")
                if driver.poll() is None:
                    kill_family(driver)
            return code == 0 and "RIGHT" in log.read_text(), now - began, now - struck
    finally:
        hosts.close()


def main() -> None:
    """Run each fault of each engine and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="dask or ray")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        sys.exit("not run: network namespaces take root and iproute2")
    chosen = random.Random(0)  # noqa: S311  # moments, no secrets
    Path("/tmp/ray").mkdir(exist_ok=True)  # noqa: S108  # where Ray keeps its files
    print(f"{TASKS} tasks of 1 s on two workers: 6 s without a fault")
    print("| engine | fault | runs | all right | s after the fault, each |")
    print("|---|---|---|---|---|")
    for kind in ("dask", "ray"):
        for fault in ("host gone", "link cut for 3 s", "link cut for good"):
            if arguments.only not in {"", kind}:
                continue
            right, seconds = 0, []
            for _ in range(arguments.runs):
                with ExitStack() as held:
                    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="hosts-")))
                    found, _, after = once(kind, fault, folder, chosen.random() * 2)
                    right += found
                    seconds.append(f"{after:.0f}")
            print(
                f"| {kind} | {fault} | {arguments.runs} | {right} | {', '.join(seconds)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
