"""Forecast on one thread, behind a bounded queue; what waits is predicted together."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from dropback.service._http import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dropback.live import Forecast, LivePlay, PlayFrames, PlayPredictor
    from dropback.service._metrics import Metrics
    from dropback.service._settings import Limits

__all__ = ["Inference"]

# Frames go first: a frame is due within a tenth of a second, and takes a tenth of a play's time.
_KINDS = ("frame", "call", "play")

# A full queue is done within this, at a millisecond a play.
_RETRY_AFTER_S = 1.0


@dataclass(frozen=True, eq=False)
class _Job:
    """Something for the thread to do.

    Attributes:
        kind: ``play``, ``frame`` or ``call``.
        work: A `PlayFrames`; a live play, number and frame; or what to call.
        answer: Awaited by the event loop.
    """

    kind: str
    work: Any
    answer: asyncio.Future[Any]


class Inference:
    """Forecasts off the event loop.

    Everything accepted is answered, also when the service is stopping. Frames of one live play
    must be awaited one after another; then only the thread touches its state.

    Args:
        predictor: The networks.
        limits: Of the service.
        metrics: Counts batches and what waits.
    """

    def __init__(self, predictor: PlayPredictor, limits: Limits, metrics: Metrics) -> None:
        self.predictor, self._limits, self._metrics = predictor, limits, metrics
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._unanswered = 0
        metrics.waiting.set_function(lambda: self._unanswered)
        self._thread = threading.Thread(target=self._run, name="dropback-inference", daemon=True)
        self._thread.start()

    def require_capacity(self) -> None:
        """Refuse work while the queue is full, before anything is read or decoded for it.

        Raises:
            ServiceError: 503.
        """
        if self._unanswered >= self._limits.queued_plays:
            raise ServiceError(
                503,
                f"{self._unanswered} plays and frames wait already: try again in a second.",
                retry_after_s=_RETRY_AFTER_S,
            )

    async def score(self, play: PlayFrames) -> Forecast:
        """The distribution of a whole play at its release.

        Raises:
            ServiceError: 503 if the queue is full.
            LiveError: The play is refused.
        """
        forecast: Forecast = await self._submit("play", play)
        return forecast

    async def push(
        self, live: LivePlay, number: int, frame: NDArray[np.float32]
    ) -> tuple[Forecast, ...]:
        """`LivePlay.push` in the thread.

        Raises:
            ServiceError: 503 if the queue is full; the frame was not taken.
            LiveError: The frame is refused.
        """
        forecasts: tuple[Forecast, ...] = await self._submit("frame", (live, number, frame))
        return forecasts

    async def call(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401  # of the work
        """Anything else that touches the networks, in the same queue.

        Raises:
            ServiceError: 503 if the queue is full.
        """
        return await self._submit("call", work)

    def close(self) -> None:
        """Answer all that was accepted, then stop."""
        self._jobs.put(None)
        self._thread.join()

    async def _submit(self, kind: str, work: Any) -> Any:  # noqa: ANN401  # by kind
        self.require_capacity()
        answer = asyncio.get_running_loop().create_future()
        self._unanswered += 1
        self._jobs.put(_Job(kind, work, answer))
        # A client that leaves gives up its own answer: the thread finishes the batch.
        return await answer

    def _run(self) -> None:
        waiting: dict[str, deque[_Job]] = {kind: deque() for kind in _KINDS}
        stopping = False
        while True:
            idle = not any(waiting.values())
            if idle and stopping:
                return
            while idle or not self._jobs.empty():
                job = self._jobs.get()
                if job is None:  # the last one
                    stopping = True
                else:
                    waiting[job.kind].append(job)
                idle = False
            kind = next((kind for kind in _KINDS if waiting[kind]), None)
            if kind is not None:
                most = 1 if kind == "call" else self._limits.batch_plays
                size = min(len(waiting[kind]), most)
                batch = [waiting[kind].popleft() for _ in range(size)]
                loop = batch[0].answer.get_loop()
                loop.call_soon_threadsafe(self._deliver, batch, self._answers(batch))

    def _answers(self, batch: Sequence[_Job]) -> list[Any]:
        self._metrics.batches.observe(len(batch))
        works = [job.work for job in batch]
        try:
            if batch[0].kind == "frame":
                return list(self.predictor.push_many(works))
            if batch[0].kind == "play":
                return list(self.predictor.forecast_many(works))
            return [works[0]()]
        except Exception as error:  # goes to the client that sent it
            if len(batch) == 1:
                return [error]
        # One play may spoil a batch: each is tried alone, so that only that play is refused.
        return [answer for job in batch for answer in self._answers([job])]

    def _deliver(self, batch: Sequence[_Job], results: Sequence[Any]) -> None:
        for job, result in zip(batch, results, strict=True):
            self._unanswered -= 1
            if job.answer.done():
                continue
            if isinstance(result, BaseException):
                job.answer.set_exception(result)
                job.answer.exception()  # retrieved, even if the client has gone
            else:
                job.answer.set_result(result)
