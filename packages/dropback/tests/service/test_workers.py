"""Workers behind one socket: replaced one after another, and nobody is turned away."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SUPERVISOR = """
import sys
from types import SimpleNamespace
import socket
import dropback.service._workers as workers
from examples.plain_workers import answer_by_number
workers._AGAIN_S = workers._LOOK_S = 0.05
settings = SimpleNamespace(workers=2, drain_s=0.0, root=sys.argv[1])
with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
    print(listener.getsockname()[1], flush=True)
    workers.Workers(settings, listener, answer_by_number).run()
"""


class Supervised:
    """Two workers and who watches over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tests = Path(__file__).parents[1]
        self.log = folder / "log"
        with self.log.open("wb") as lines:
            self.process = subprocess.Popen(  # noqa: S603  # our own script
                [sys.executable, "-c", _SUPERVISOR, str(folder)],
                stdout=subprocess.PIPE,
                stderr=lines,
                env={**os.environ, "PYTHONPATH": f"{tests}:{os.environ.get('PYTHONPATH', '')}"},
            )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def ask(self, words: bytes = b"who") -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock:
            sock.sendall(words)
            return sock.recv(100).decode()

    def numbers(self) -> set[str]:
        """Of both workers: the kernel chooses who answers, and may choose one twelve times."""
        found = {self.ask() for _ in range(12)}
        end = time.monotonic() + 30
        while len(found) < 2:
            assert time.monotonic() < end, self.log.read_text()
            found.add(self.ask())
        return found

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def until(self, event: str, times: int = 1) -> None:
        end = time.monotonic() + 30
        while self.events().count(event) < times:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)


@pytest.fixture(scope="module")
def supervised(tmp_path_factory):
    found = Supervised(tmp_path_factory.mktemp("workers"))
    found.until("workers ready")
    yield found
    found.process.send_signal(signal.SIGTERM)
    assert found.process.wait(30) == 0
    found.process.stdout.close()
    with pytest.raises(OSError, match="refused"):
        found.ask()


def test_a_restart_replaces_each_worker_and_turns_nobody_away(supervised):
    before = supervised.numbers()
    supervised.process.send_signal(signal.SIGHUP)
    asked = 0
    while "workers replaced" not in supervised.events():
        assert supervised.ask()  # refused and cut connections raise
        asked += 1
    assert asked > 2
    assert not supervised.numbers() & before


def test_a_restart_that_cannot_begin_leaves_the_old_workers(supervised):
    before = supervised.numbers()
    broken = supervised.folder / "broken"
    broken.touch()
    supervised.process.send_signal(signal.SIGHUP)
    supervised.until("restart given up: a new worker could not begin; the old one stays")
    broken.unlink()
    assert supervised.numbers() <= before


def test_a_worker_that_dies_is_replaced(supervised):
    supervised.ask(b"die")
    supervised.until("worker ended; another begins")
    assert all(supervised.numbers())
