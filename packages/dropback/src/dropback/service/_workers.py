"""Serve in several processes behind one listening socket, and restart them one after another."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeAlias

from dropback.errors import DropbackError, RequestError
from dropback.service._logs import json_logging, log

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from dropback.service._server import ServeSettings

    Work: TypeAlias = Callable[[ServeSettings, socket.socket, Connection[str, Any]], None]

# A worker that has not begun to answer by then never will.
_READY_S = 180.0
# A worker that dies at once must not be started a hundred times a second.
_AGAIN_S = 1.0
_LOOK_S = 0.5

_context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork


class _Worker:
    """A process and the pipe by which it says that it answers."""

    def __init__(self, settings: ServeSettings, listener: socket.socket, work: Work) -> None:
        self.said, told = _context.Pipe(duplex=False)
        self.process: BaseProcess = _context.Process(
            target=work, args=(settings, listener, told), name="dropback-worker"
        )
        self.process.start()
        told.close()

    def is_ready(self) -> bool:
        """Wait until it answers; False if it ends before."""
        if self.process.sentinel in wait([self.said, self.process.sentinel], _READY_S):
            return False
        with contextlib.suppress(EOFError):
            return self.said.poll() and self.said.recv() == "ready"
        return False

    def stop(self, seconds: float) -> None:
        """Let it drain and finish; after so many seconds it is killed."""
        self.process.terminate()
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Workers:
    """The workers of a service.

    SIGTERM and SIGINT stop them all. SIGHUP replaces them one by one: a new one answers before an
    old one stops, so that no play and no request is lost; what the new one reads anew is the files.

    Args:
        settings: What is served.
        listener: The socket that they share.
        work: What a worker does: it serves, and says "ready" by the pipe it is given.
    """

    def __init__(
        self, settings: ServeSettings, listener: socket.socket, work: Work | None = None
    ) -> None:
        self._settings, self._listener, self._work = settings, listener, work or _work
        self._workers: list[_Worker] = []
        self._stopping = self._restarting = False
        self._stop_s = settings.drain_s + 60.0

    def run(self) -> None:
        """Start the workers and keep them until a signal.

        Raises:
            RequestError: A worker could not begin.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._note_restart)
        with json_logging():
            try:
                self._workers = [self._started() for _ in range(self._settings.workers)]
                if not all(worker.is_ready() for worker in self._workers):
                    if self._stopping:
                        return
                    raise RequestError("A worker could not begin; its log says why.")
                log.info("workers ready", extra={"fields": {"workers": len(self._workers)}})
                while not self._stopping:
                    wait([worker.process.sentinel for worker in self._workers], _LOOK_S)
                    self._look()
            finally:
                for worker in self._workers:
                    worker.process.terminate()
                for worker in self._workers:
                    worker.stop(self._stop_s)

    def _look(self) -> None:
        if self._stopping:
            return
        if self._restarting:
            self._restarting = False
            self._replace()
        for place, worker in enumerate(self._workers):
            if not worker.process.is_alive() and not self._stopping:
                code = worker.process.exitcode
                log.error("worker ended; another begins", extra={"fields": {"exit_code": code}})
                time.sleep(_AGAIN_S)
                self._workers[place] = self._started()

    def _replace(self) -> None:
        """Replace the workers one by one; an old one stays if its successor cannot begin."""
        for place, old in enumerate(self._workers):
            new = self._started()
            if self._stopping or not new.is_ready():
                log.error("restart given up: a new worker could not begin; the old one stays")
                new.stop(self._stop_s)
                return
            self._workers[place] = new
            old.stop(self._stop_s)
        log.info("workers replaced", extra={"fields": {"workers": len(self._workers)}})

    def _started(self) -> _Worker:
        return _Worker(self._settings, self._listener, self._work)

    def _note_stop(self, *_: object) -> None:
        self._stopping = True

    def _note_restart(self, *_: object) -> None:
        self._restarting = True


def _work(settings: ServeSettings, listener: socket.socket, told: Connection[str, Any]) -> None:
    """What a worker does."""
    from dropback.service._server import run_worker  # noqa: PLC0415  # who supervises loads nothing

    try:
        run_worker(settings, listener, lambda: told.send("ready"))
    except KeyboardInterrupt:
        pass  # Ctrl-C reaches the whole group; the worker has finished by now
    except DropbackError as error:
        raise SystemExit(f"error: {error}") from None


def serve(settings: ServeSettings, listener: socket.socket) -> None:
    """Serve in one process or in several until a signal, then finish what was accepted."""
    if settings.workers == 1:
        from dropback.service._server import run_worker  # noqa: PLC0415

        run_worker(settings, listener)
    else:
        Workers(settings, listener).run()
