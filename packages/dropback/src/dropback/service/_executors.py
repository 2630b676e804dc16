"""Do slow work off the event loop, in bounded queues, and keep its answers in bounded caches."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from dropback.service._http import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["ByteCache", "SingleThreadExecutor"]

_Result = TypeVar("_Result")


class SingleThreadExecutor:
    """One thread that does a bounded number of jobs in the order of their arrival.

    Args:
        name: Of the work, for the problem and the thread.
        max_jobs: Jobs that may wait or run; a further one is refused.
    """

    def __init__(self, name: str, max_jobs: int) -> None:
        self._name, self._max_jobs, self._jobs = name, max_jobs, 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"dropback-{name}")

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do `work` in the thread.

        Raises:
            ServiceError: 503 if the queue is full.
        """
        if self._jobs >= self._max_jobs:
            raise ServiceError(
                503,
                f"At most {self._max_jobs} {self._name} may wait at once: try again in a second.",
                retry_after_s=1.0,
            )
        self._jobs += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        # Counted until the thread is done with it, even if the client has gone.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Finish what was accepted."""
        self._pool.shutdown(wait=True)

    def _done(self, future: asyncio.Future[_Result]) -> None:
        self._jobs -= 1
        if not future.cancelled():
            future.exception()  # retrieved, even if nobody waits for it anymore


class ByteCache:
    """Encoded answers; the least recently used are dropped beyond a number of bytes.

    Args:
        max_bytes: Bytes to hold.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """The answer to `key`, or None."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: bytes) -> None:
        """Keep an answer, unless it is larger than the whole cache."""
        if key in self._answers or len(answer) > self._max_bytes:
            return
        self._answers[key] = answer
        self._bytes += len(answer)
        while self._bytes > self._max_bytes:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped)
