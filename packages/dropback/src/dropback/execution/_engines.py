"""Tell when an engine has had no worker for too long, rather than wait for ever."""

from __future__ import annotations

import time
from typing import Final, Protocol, runtime_checkable

from dropback.errors import TaskError

# Seconds in which a lost worker may come back, or another be started.
_PATIENCE_S: Final = 60.0


@runtime_checkable
class Engine(Protocol):
    """An executor whose workers are other processes, which may all be lost."""

    def require_workers(self) -> None:
        """Raise `TaskError` where there has been no worker for too long."""


class Absence:
    """How long an engine has had no worker.

    Args:
        name: Of the engine, for the message.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._since: float | None = None

    def see(self, workers: int) -> None:
        """Note how many workers there are now.

        Raises:
            TaskError: There has been none for a minute.
        """
        if workers:
            self._since = None
            return
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since > _PATIENCE_S:
            raise TaskError(
                f"{self._name}: no worker has been left for {_PATIENCE_S:.0f} s: start workers and "
                "run the same command again; what is done is kept."
            )
