"""Ask the networks on a thread of their own, behind a bounded queue."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dropback.live.feeds._errors import busy, share_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback._arrays import Singles
    from dropback.live import Forecast, LivePlay, PlayFrames, PlayPredictor
    from dropback.live.feeds._limits import FeedLimits

# Frames go first: a frame is due within a tenth of a second, and takes a tenth of a play's time.
_KINDS = ("frame", "call", "play")


@dataclass(frozen=True, eq=False)
class _Job:
    work: Any
    """A live play, number and frame; what to call; or a `PlayFrames`: by its kind."""
    answer: asyncio.Future[Any]
    share: str | None


class Inference:
    """Forecasts on one thread, behind a bounded queue; what waits is predicted together.

    Everything accepted is answered, also when the service is stopping. Frames of one live play
    must be awaited one after another; then only the thread touches its state.

    Args:
        predictor: The networks.
        limits: Bound what waits.

    Attributes:
        batched: Called with the size of each batch.
    """

    def __init__(self, predictor: PlayPredictor, limits: FeedLimits) -> None:
        self.predictor, self._limits = predictor, limits
        self.batched: Callable[[int], None] = lambda _: None
        self._waiting: dict[str, deque[_Job]] = {kind: deque() for kind in _KINDS}
        self._busy = False
        self._unanswered: Counter[str | None] = Counter()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="dropback-inference")

    def waiting(self) -> int:
        """Plays and frames that have no answer yet."""
        return self._unanswered.total()

    def require_capacity(self, share: str | None) -> None:
        """Refuse with 503 while the queue is full, before anything is read or decoded."""
        waiting, own, most = (
            self._unanswered.total(), self._unanswered[share], self._limits.queued_plays
        )  # fmt: skip
        if waiting >= most or own >= share_of(most, share):
            raise busy(f"{own} plays and frames wait already: try again in a second.")

    async def score(self, play: PlayFrames, share: str | None) -> Forecast:
        """The distribution of a whole play at its release."""
        forecast: Forecast = await self._submit("play", play, share)
        return forecast

    async def push(
        self, live: LivePlay, number: int, frame: Singles, share: str | None
    ) -> tuple[Forecast, ...]:
        """`LivePlay.push` in the thread; the frame is not taken if the queue is full (503)."""
        forecasts: tuple[Forecast, ...] = await self._submit("frame", (live, number, frame), share)
        return forecasts

    async def call(self, work: Callable[[], Any], share: str | None) -> Any:  # noqa: ANN401  # of the work
        """Anything else that touches the networks, in the same queue."""
        return await self._submit("call", work, share)

    async def close(self) -> None:
        """Answer all that was accepted, then stop."""
        while self._busy:
            await asyncio.sleep(0.01)
        self._pool.shutdown()

    async def _submit(self, kind: str, work: Any, share: str | None) -> Any:  # noqa: ANN401  # by kind
        self.require_capacity(share)
        answer = asyncio.get_running_loop().create_future()
        self._unanswered[share] += 1
        self._waiting[kind].append(_Job(work, answer, share))
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
        self.batched(size)
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
            self._unanswered[job.share] -= 1
            if not self._unanswered[job.share]:
                del self._unanswered[job.share]
            if job.answer.done():
                continue
            if isinstance(result, BaseException):
                job.answer.set_exception(result)
            else:
                job.answer.set_result(result)
        self._start_batch()
