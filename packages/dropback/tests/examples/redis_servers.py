"""A real Redis or Valkey on a unix socket, for the tests that share live plays."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
WHY_NOT = "neither valkey-server nor redis-server is installed"


class RedisServer:
    """A server that can be stopped and started again; it keeps what it has on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        self._process = subprocess.Popen(  # noqa: S603  # a program of the system
            [PROGRAM, "--port", "0", "--unixsocket", str(self._folder / "redis.sock"), "--save",
             "", "--appendonly", "yes", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 10
        while not (self._folder / "redis.sock").exists():
            assert time.monotonic() < until
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
