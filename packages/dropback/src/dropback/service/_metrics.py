"""Count what the service does, for Prometheus."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# From a tenth of the goal for one frame to the longest ranking.
_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 1e-2, 2.5e-2, 0.1, 0.5, 1, 5, 30)
_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters, gauges and histograms of one service, in a registry of their own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        # Where else the seconds of a frame are noted.
        self.frame_taken: Callable[[float], None] = lambda _: None
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "dropback_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        seconds = "From a request's headers to its answer."
        self.seconds = Histogram(
            "dropback_request_seconds", seconds, ["route"], buckets=_SECONDS, registry=registry
        )
        self.waiting = Gauge(
            "dropback_queued_plays", "Plays and frames that wait.", registry=registry
        )
        batches = "Plays and frames predicted together."
        self.batches = Histogram("dropback_batch_plays", batches, buckets=_SIZES, registry=registry)
        self.shed = Counter(
            "dropback_shed", "Requests refused with 429 or 503.", ["why"], registry=registry
        )
        frames = "From a live frame's message to its answer."
        self.frame_seconds = Histogram(
            "dropback_frame_seconds", frames, buckets=_SECONDS, registry=registry
        )
        self.live_plays = Gauge("dropback_live_plays", "Live plays held.", registry=registry)
        self.watchers = Gauge("dropback_watchers", "Watchers.", registry=registry)
        self.live_sockets = Gauge("dropback_live_sockets", "Live sockets open.", registry=registry)

    @contextmanager
    def time_frame(self) -> Iterator[None]:
        """Note the seconds of a live frame's answer."""
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            self.frame_seconds.observe(seconds)
            self.frame_taken(seconds)

    def count(self, route: str, status: int, seconds: float | None) -> None:
        """Count an answer of a handler; a socket, which lasts, has no seconds."""
        self.requests.labels(route, status).inc()
        if seconds is not None:
            self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
