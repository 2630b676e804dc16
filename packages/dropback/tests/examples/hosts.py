"""Several hosts on one machine: network namespaces, each with an address and a link of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.cluster import RAY_SETTINGS, started, stop, worker_environment

# What each process says when it is up.
_STARTED = {"dask": "at: ", "ray": "block forever"}


def why_no_hosts() -> str:
    """Why this machine cannot have them; empty where it can."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        return "hosts made of network namespaces take root and iproute2"
    return ""


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


@dataclass
class HostedEngine:
    """An engine whose head is on the first host, and a worker of one core on each other.

    Attributes:
        executor: For ``--executor``.
        environment: Of what runs beside the head.
        processes: One a host.
    """

    executor: str
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]]

    def start_beside(self, log: Path, command: list[str]) -> subprocess.Popen[bytes]:
        """A process on the head's host."""
        beside = ["nsenter", "-t", str(self.processes[0].pid), "--mount", "--net"]
        return started(log, [*beside, *command], self.environment)


def _commands(kind: str, hosts: Hosts, folder: Path) -> Iterator[list[str]]:
    """What runs on each host."""
    program, head = Path(sys.executable).parent, hosts.addresses[0]
    for number, address in enumerate(hosts.addresses):
        if kind == "ray":
            words = f"ray start --block --disable-usage-stats --node-ip-address={address} "
            words += (
                f"--num-cpus=1 --address={head}:6379"
                if number
                else "--num-cpus=0 --head --port=6379 --include-dashboard=false"
            )
            # Each host has files of its own where Ray keeps its sockets.
            own = f"mount -t tmpfs none /tmp/ray && exec {program}/{words}"
            yield ["unshare", "--mount", "sh", "-c", own]
        elif number:
            yield [
                *(str(program / "dask"), "worker", f"tcp://{head}:8786", "--host", address),
                *("--nthreads", "1", "--no-nanny", "--dashboard-address", f"{address}:0"),
                *("--local-directory", str(folder / f"dask-{number}")),
            ]
        else:
            yield [
                *(str(program / "dask"), "scheduler", "--host", head, "--port", "8786"),
                *("--dashboard-address", f"{head}:0"),
            ]


@contextmanager
def engine(kind: str, hosts: Hosts, folder: Path) -> Iterator[HostedEngine]:
    """Dask or Ray on all hosts."""
    # A worker whose link is cut is given up after 12 s and no longer 30.
    environment = worker_environment(**RAY_SETTINGS, DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP="12s")
    executor = f"dask://{hosts.addresses[0]}:8786"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, command in enumerate(_commands(kind, hosts, folder)):
            log = folder / f"{kind}-{number}.log"
            processes.append(hosts.start(number, log, command, environment))
            # The head first; workers of Ray one after another, since they share a name.
            end = time.monotonic() + 60
            while _STARTED[kind] not in (said := log.read_text()):
                assert time.monotonic() < end, said
                assert processes[-1].poll() is None, said
                time.sleep(0.1)
        if kind == "ray":
            time.sleep(2)
            executor, environment["RAY_ADDRESS"] = "ray", f"{hosts.addresses[0]}:6379"
        yield HostedEngine(executor, environment, processes)
    finally:
        stop(*processes)
