"""Do slow work off the event loop, in bounded queues, and keep its answers in bounded caches."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from dropback.service._http import busy, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starlette.responses import Response

    from dropback._arrays import Singles
    from dropback.live import Forecast, LivePlay, PlayFrames, PlayPredictor
    from dropback.service._limits import Limits
    from dropback.service._metrics import Metrics


class CachedAnswers:
    """Answers that one thread computes in the order of asking, and that a cache keeps.

    Args:
        name: Of the work, for the problem and the thread.
        limits: Bound the jobs that wait or run, and the bytes kept: beyond, the answers that were
            used longest ago are dropped.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._jobs = self._bytes = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"dropback-{name}")
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    async def get(self, key: Hashable, work: Callable[[], msgspec.Struct]) -> Response:
        """The answer to `key`, which `work` computes if it is new; 503 if the queue is full."""
        answer = self._kept.get(key)
        if answer is not None:
            self._kept.move_to_end(key)
            return json_response(answer)
        most = self._limits.queued_rankings
        if self._jobs >= most:
            raise busy(f"At most {most} {self._name} may wait at once: try again in a second.")
        self._jobs += 1
        future = asyncio.get_running_loop().run_in_executor(
            # Encoded in the thread too: a thousand rows take 5 ms.
            self._pool,
            lambda: msgspec.json.encode(work()),
        )
        # Counted until the thread is done with it, even if the client has gone.
        future.add_done_callback(self._done)
        answer = await asyncio.shield(future)
        self._keep(key, answer)
        return json_response(answer)

    def close(self) -> None:
        """Finish what was accepted."""
        self._pool.shutdown(wait=True)

    def _done(self, future: asyncio.Future[bytes]) -> None:
        self._jobs -= 1
        if not future.cancelled():
            future.exception()  # retrieved, even if nobody waits for it anymore

    def _keep(self, key: Hashable, answer: bytes) -> None:
        most = self._limits.cached_bytes
        if key in self._kept or len(answer) > most:
            return
        self._kept[key] = answer
        self._bytes += len(answer)
        while self._bytes > most:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


# Frames go first: a frame is due within a tenth of a second, and takes a tenth of a play's time.
_KINDS = ("frame", "call", "play")


@dataclass(frozen=True, eq=False)
class _Job:
    work: Any
    """A live play, number and frame; what to call; or a `PlayFrames`: by its kind."""
    answer: asyncio.Future[Any]


class Inference:
    """Forecasts on one thread, behind a bounded queue; what waits is predicted together.

    Everything accepted is answered, also when the service is stopping. Frames of one live play
    must be awaited one after another; then only the thread touches its state.

    Args:
        predictor: The networks.
        limits: Of the service.
        metrics: Counts batches and what waits.
    """

    def __init__(self, predictor: PlayPredictor, limits: Limits, metrics: Metrics) -> None:
        self.predictor, self._limits, self._metrics = predictor, limits, metrics
        self._waiting: dict[str, deque[_Job]] = {kind: deque() for kind in _KINDS}
        self._busy = False
        self._unanswered = 0
        metrics.waiting.set_function(lambda: self._unanswered)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="dropback-inference")

    def require_capacity(self) -> None:
        """Refuse with 503 while the queue is full, before anything is read or decoded."""
        if self._unanswered >= self._limits.queued_plays:
            raise busy(f"{self._unanswered} plays and frames wait already: try again in a second.")

    async def score(self, play: PlayFrames) -> Forecast:
        """The distribution of a whole play at its release."""
        forecast: Forecast = await self._submit("play", play)
        return forecast

    async def push(self, live: LivePlay, number: int, frame: Singles) -> tuple[Forecast, ...]:
        """`LivePlay.push` in the thread; the frame is not taken if the queue is full (503)."""
        forecasts: tuple[Forecast, ...] = await self._submit("frame", (live, number, frame))
        return forecasts

    async def call(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401  # of the work
        """Anything else that touches the networks, in the same queue."""
        return await self._submit("call", work)

    async def close(self) -> None:
        """Answer all that was accepted, then stop."""
        while self._busy:
            await asyncio.sleep(0.01)
        self._pool.shutdown()

    async def _submit(self, kind: str, work: Any) -> Any:  # noqa: ANN401  # by kind
        self.require_capacity()
        answer = asyncio.get_running_loop().create_future()
        self._unanswered += 1
        self._waiting[kind].append(_Job(work, answer))
        if not self._busy:
            self._start_batch()
        # A client that leaves gives up its own answer: the thread finishes the batch.
        return await answer

    def _start_batch(self) -> None:
        kind = next((kind for kind in _KINDS if self._waiting[kind]), None)
        self._busy = kind is not None
        if kind is None:
            return
        waiting = self._waiting[kind]
        size = 1 if kind == "call" else min(len(waiting), self._limits.batch_plays)
        batch = [waiting.popleft() for _ in range(size)]
        self._metrics.batches.observe(size)
        works = [job.work for job in batch]
        results = asyncio.get_running_loop().run_in_executor(self._pool, self._run, kind, works)
        results.add_done_callback(partial(self._deliver, batch))

    def _run(self, kind: str, works: list[Any]) -> list[Any]:
        """Results of a batch, an exception for each work that is refused; in the thread."""
        try:
            if kind == "frame":
                return list(self.predictor.push_many(works))
            if kind == "play":
                return list(self.predictor.forecast_many(works))
            return [work() for work in works]
        except Exception as error:  # goes to the client that sent it
            if len(works) == 1:
                return [error]
        # One play may spoil a batch: each is tried alone, so that only that play is refused.
        return [result for work in works for result in self._run(kind, [work])]

    def _deliver(self, batch: list[_Job], results: asyncio.Future[list[Any]]) -> None:
        for job, result in zip(batch, results.result(), strict=True):
            self._unanswered -= 1
            if job.answer.done():
                continue
            if isinstance(result, BaseException):
                job.answer.set_exception(result)
            else:
                job.answer.set_result(result)
        self._start_batch()
