"""Do slow work off the event loop, in bounded queues, and keep its answers in bounded caches."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from dropback.live.feeds._errors import busy, share_of
from dropback.service._access import client_of
from dropback.service._http import CSV, JSON
from dropback.service._tables import csv_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starlette.requests import Request

    from dropback.service._limits import Limits


@dataclass(frozen=True, eq=False)
class _Kept:
    """An answer as it is sent, and whose share of the cache it takes."""

    body: bytes
    packed: bytes
    tag: str
    media_type: str
    share: str | None

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed)


class CachedAnswers:
    """Answers that one thread computes in the order of asking, and that a cache keeps.

    Equal requests that wait together are computed once. Of the queue a client may have its share;
    of a full cache the client that takes most of it loses the answer that was used longest ago.

    Args:
        name: Of the work, for the problem and the thread.
        limits: Bound the jobs that wait or run, and the bytes kept.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._jobs: Counter[str | None] = Counter()
        self._bytes: Counter[str | None] = Counter()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"dropback-{name}")
        self._flying: dict[Hashable, asyncio.Future[_Kept]] = {}
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def get(
        self, request: Request, key: Hashable, work: Callable[[], Any], *, table: bool = False
    ) -> Response:
        """The answer to a request; 304 where its client has it, 503 if the queue is full.

        Args:
            request: The request.
            key: Equal for equal answers.
            work: Computes the answer, a struct, if it is new.
            table: Answer with the rows of the struct as CSV.
        """
        return kept_response(request, await self.warm(key, work, client_of(request).share, table))

    async def warm(
        self, key: Hashable, work: Callable[[], Any], share: str | None, table: bool = False
    ) -> _Kept:
        """The answer, computed if it is neither kept nor on its way."""
        key = (key, table)
        answer = self._kept.get(key)
        if answer is not None:
            self._kept.move_to_end(key)
            return answer
        flying = self._flying.get(key)
        if flying is None:
            flying = self._flying[key] = self._compute(work, share, table)
            # Counted until the thread is done with it, even if the client has gone.
            flying.add_done_callback(partial(self._done, key, share))
        return await asyncio.shield(flying)

    def close(self) -> None:
        """Finish what was accepted."""
        self._pool.shutdown(wait=True)

    def _compute(
        self, work: Callable[[], Any], share: str | None, table: bool
    ) -> asyncio.Future[_Kept]:
        most = self._limits.queued_rankings
        if self._jobs.total() >= most or self._jobs[share] >= share_of(most, share):
            raise busy(f"At most {most} {self._name} may wait at once: try again in a second.")
        self._jobs[share] += 1
        # Encoded and compressed in the thread too: a thousand rows take 20 ms.
        return asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: _kept_answer(work(), share, table)
        )

    def _done(self, key: Hashable, share: str | None, future: asyncio.Future[_Kept]) -> None:
        del self._flying[key]
        self._jobs[share] -= 1
        if not self._jobs[share]:
            del self._jobs[share]
        # The exception is retrieved, even if nobody waits for it anymore.
        if not future.cancelled() and future.exception() is None:
            self._keep(key, future.result())

    def _keep(self, key: Hashable, answer: _Kept) -> None:
        most = self._limits.cached_bytes
        if answer.size > most:
            return
        self._kept[key] = answer
        self._bytes[answer.share] += answer.size
        while self._bytes.total() > most:
            largest = max(self._bytes, key=lambda share: self._bytes[share])
            oldest = next(key for key, kept in self._kept.items() if kept.share == largest)
            self._bytes[largest] -= self._kept.pop(oldest).size


def _kept_answer(answer: Any, share: str | None, table: bool) -> _Kept:  # noqa: ANN401  # a struct
    body = csv_of(answer) if table else msgspec.json.encode(answer)
    packed = gzip.compress(body, 6, mtime=0) if len(body) >= COMPRESSED_BYTES else b""
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    return _Kept(body, packed, tag, CSV if table else JSON, share)


def kept_response(request: Request, answer: _Kept) -> Response:
    """An answer that its client keeps and asks for again by its ETag."""
    # Asked for anew each time, and by proxies kept for nobody else where a key was needed.
    kept = "no-cache" if client_of(request).key is None else "private, no-cache"
    headers = {"etag": answer.tag, "cache-control": kept, "vary": "accept-encoding"}
    if answer.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = answer.body
    if answer.packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"], body = "gzip", answer.packed
    return Response(body, headers=headers, media_type=answer.media_type)


COMPRESSED_BYTES = 1000
"""Answers of fewer bytes are not compressed."""
