"""Tell when an engine has had no worker for too long, rather than wait for ever."""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

from dropback.errors import TaskError


@runtime_checkable
class Engine(Protocol):
    """An executor whose workers are other processes, which may all be lost."""

    def require_workers(self) -> None:
        """Raise `TaskError` where there has been no worker for too long."""


class Absence:
    """How long an engine has lacked workers, or its head.

    Args:
        what: Is wrong meanwhile, for the message.
        patience_s: Seconds in which one may come back, or another be started.
    """

    def __init__(self, what: str, patience_s: float = 60.0) -> None:
        self._what = what
        self._patience_s = patience_s
        self._since: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has lasted too long."""
        return self._since is not None and time.monotonic() - self._since > self._patience_s

    def see(self, there: int) -> None:
        """Note how many are there now.

        Raises:
            TaskError: There has been none for too long.
        """
        if there:
            self._since = None
            return
        self._since = time.monotonic() if self._since is None else self._since
        if self.is_over:
            raise TaskError(
                f"{self._what} for {self._patience_s:.0f} s: start it and run the same command "
                "again; what is done is kept."
            )
