"""Limit what the service accepts: sizes, times, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass

from dropback.live.feeds._limits import FeedLimits


@dataclass(frozen=True, kw_only=True)
class Limits(FeedLimits):
    """Bounds on what clients may ask for; every queue, buffer and table has one.

    Where keys or a public audience are served, one client may have half of each.

    Attributes:
        body_bytes: Of a request. 200 frames as JSON with 17 digits a number are 0.6 MB.
        header_bytes: Of a request line and its headers together.
        message_bytes: Of a WebSocket message. A frame is 0.6 KB as MessagePack, 3 KB as JSON.
        queued_rankings: Rankings that wait for the ranking thread; beyond, 503.
        connections: Open sockets; a further one is answered with 503 and closed.
        cached_bytes: Of each cache of answers.
        header_s: For a request's line and headers to arrive, also on a new socket.
        body_s: For a request's body to arrive.
        write_s: For a client that has stopped reading its answer to go on.
        keep_alive_s: That a socket may idle between requests.
        drain_s: That a service told to stop still listens, so that a balancer sees ``/readyz``.
        shutdown_s: For accepted work to finish when the service is told to stop.
    """

    body_bytes: int = 1 << 20
    header_bytes: int = 16 << 10
    message_bytes: int = 16 << 10
    queued_rankings: int = 8
    connections: int = 2048
    cached_bytes: int = 64 << 20
    header_s: float = 10.0
    body_s: float = 10.0
    write_s: float = 10.0
    keep_alive_s: int = 30
    drain_s: float = 0.0
    shutdown_s: int = 20
