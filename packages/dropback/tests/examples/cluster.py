"""Real engines and a real S3 server, started by the tests on loopback addresses."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import psutil

import dropback
import splicedpareto

HERE = Path(__file__).parent.parent
_SOURCES = [str(Path(package.__file__).parent.parent) for package in (dropback, splicedpareto)]

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


def worker_environment(**more: str) -> dict[str, str]:
    """What a worker needs to import the project under test and these examples."""
    paths = [str(HERE), *_SOURCES, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def started(
    log: Path, command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A process that writes all it says to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603  # our own command
            command, env=dict(environment), stdout=file, stderr=file
        )


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait for a server that was just started."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(str(process.args))


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """End what was started here, with its children."""
    for process in processes:
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@dataclass
class DaskCluster:
    """A scheduler and its workers, each a process.

    Without nannies a killed worker stays away; with them each is a child of its process.
    """

    port: int
    folder: Path
    environment: Mapping[str, str]
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    nannies: bool = False

    @property
    def address(self) -> str:
        """For ``--executor``."""
        return f"dask://127.0.0.1:{self.port}"

    def add_worker(self, *options: str, environment: Mapping[str, str] | None = None) -> None:
        """Start a worker."""
        self.workers.append(
            started(
                self.folder / f"worker-{len(self.workers)}.log",
                [
                    *(sys.executable, "-m", "distributed.cli.dask_worker"),
                    *(f"tcp://127.0.0.1:{self.port}", "--host", "127.0.0.1"),
                    "--nanny" if self.nannies else "--no-nanny",
                    *("--nthreads", "1", "--dashboard-address", "127.0.0.1:0"),
                    *("--local-directory", str(self.folder)),
                    *options,
                ],
                environment or self.environment,
            )
        )

    def wait_for_workers(self, seconds: float = 60) -> None:
        """Wait until every worker that was started has joined the scheduler."""
        end = time.monotonic() + seconds
        for number, worker in enumerate(self.workers):
            log = self.folder / f"worker-{number}.log"
            while "Registered to" not in (said := log.read_text()):
                assert worker.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.05)


@contextmanager
def dask_cluster(
    folder: Path, workers: int = 2, *, nannies: bool = False, **environment: str
) -> Iterator[DaskCluster]:
    """A Dask cluster on loopback."""
    port, whole = free_port(), worker_environment(**environment)
    scheduler = started(
        folder / "scheduler.log",
        [
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"),
            *("--port", str(port), "--dashboard-address", "127.0.0.1:0"),
        ],
        whole,
    )
    cluster = DaskCluster(port, folder, whole, scheduler, [], nannies)
    try:
        wait_until_open(port, scheduler)
        for _ in range(workers):
            cluster.add_worker()
        cluster.wait_for_workers()
        yield cluster
    finally:
        stop(*cluster.workers, scheduler)


@dataclass
class S3Server:
    """moto's S3 server: what it needs in the environment, and where it listens."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """Of every process that uses it."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }


@contextmanager
def s3_server(folder: Path, port: int | None = None) -> Iterator[S3Server]:
    """An S3 server in a process of its own, which knows no bucket yet."""
    port = port or free_port()
    process = started(
        folder / "s3.log",
        [sys.executable, str(Path(__file__).with_name("s3_emulator.py")), str(port)],
        os.environ,
    )
    try:
        wait_until_open(port, process)
        yield S3Server(port, process)
    finally:
        stop(process)


def make_bucket(server: S3Server, name: str) -> None:
    """Make a bucket by a plain request."""
    urlopen(Request(f"http://127.0.0.1:{server.port}/{name}", method="PUT")).close()
