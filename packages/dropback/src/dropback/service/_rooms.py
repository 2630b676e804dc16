"""Work off the event loop: one thread with a bounded queue, and a cache bounded in bytes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from dropback.service._problems import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["ByteCache", "WorkRoom"]

_Result = TypeVar("_Result")


class WorkRoom:
    """One thread that does slow jobs in the order they come, a bounded number of them.

    Args:
        name: Of the work, for the problem and the thread.
        waiting: Jobs that may wait or run; a further one is refused.
    """

    def __init__(self, name: str, waiting: int) -> None:
        self._name, self._most, self._jobs = name, waiting, 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"dropback-{name}")

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do `work` in the thread.

        Raises:
            ServiceError: 503 where the queue is full.
        """
        if self._jobs >= self._most:
            raise ServiceError(
                503,
                f"At most {self._most} {self._name} may wait at once: ask again in a second.",
                retry_after_s=1.0,
            )
        self._jobs += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        # Counted until the thread is done with it, also where the client has gone.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Finish what was accepted."""
        self._pool.shutdown(wait=True)

    def _done(self, future: asyncio.Future[_Result]) -> None:
        self._jobs -= 1
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits for it any more


class ByteCache:
    """Encoded answers, the least recently used dropped beyond a number of bytes.

    Args:
        most: Bytes to hold.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """The answer to `key`, or None."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: Hashable, answer: bytes) -> None:
        """Keep an answer; one larger than the whole cache is not kept."""
        if key in self._answers or len(answer) > self._most:
            return
        self._answers[key] = answer
        self._held += len(answer)
        while self._held > self._most:
            _, dropped = self._answers.popitem(last=False)
            self._held -= len(dropped)
