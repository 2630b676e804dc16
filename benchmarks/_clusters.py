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

import psutil

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

sys.path.insert(0, str(Path(__file__).parent.parent / "packages/dropback/tests"))

from examples.cluster import free_port, started, stop, wait_until_open, worker_environment

# Half a minute would pass before Ray notices a machine that is gone; see the how-to.
RAY_SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_grpc_client_keepalive_time_ms": "1000",
    "RAY_grpc_client_keepalive_timeout_ms": "2000",
}


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

    def tasks(self) -> list[psutil.Process]:
        """Processes that run tasks."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if _title(child).startswith("ray::")]


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
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
        family = psutil.Process(process.pid).children(recursive=True)
        for each in family:
            with contextlib.suppress(psutil.Error):
                each.kill()
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


_FAILING = """
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

writes, target, every = count(1), int(sys.argv[2]), int(sys.argv[3])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "PUT":
            number = next(writes)
            if number % every == 0:
                print("failed", self.path, flush=True)
                if number % (2 * every):
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.close_connection = True
                    self.connection.close()
                return
        there = HTTPConnection("127.0.0.1", target)
        there.request(self.command, self.path, body, dict(self.headers))
        found = there.getresponse()
        content = found.read()
        self.send_response(found.status)
        for name, value in found.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        head = self.command == "HEAD"
        length = found.getheader("Content-Length") if head else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@contextmanager
def failing_store(folder: Path, target: int, every: int = 10) -> Iterator[tuple[int, Path]]:
    """A server before the S3 server that fails one write of so many: its port and its log."""
    port, log = free_port(), folder / "failing.log"
    process = started(
        log, [sys.executable, "-c", _FAILING, str(port), str(target), str(every)], os.environ
    )
    try:
        wait_until_open(port, process)
        yield port, log
    finally:
        stop(process)
