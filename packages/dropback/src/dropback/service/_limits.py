"""Limit what the service accepts: sizes, times, and how much at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients may ask for; every queue, buffer and table has one.

    Attributes:
        body_bytes: Of a request. 200 frames as JSON with 17 digits a number are 0.6 MB.
        header_bytes: Of a request line and its headers together.
        message_bytes: Of a WebSocket message. A frame is 0.5 KB binary, 3 KB as JSON.
        frames: Of a play: 20 s at 10 Hz; the longest dropbacks take 10 s.
        queued_plays: Plays and frames that wait for the inference thread; beyond, 503.
        batch_plays: Most plays or frames that are predicted together. Eight take a tenth less time
            a play and a third less a frame than one; more take no less, and a frame waits for the
            batch before it.
        queued_rankings: Rankings that wait for the ranking thread; beyond, 503.
        live_plays: Live plays at once, including those that wait to be resumed; beyond, 503.
        connections: Open sockets; a further one is answered with 503 and closed.
        cached_bytes: Of each cache of answers.
        header_s: For a request's line and headers to arrive, also on a new socket.
        body_s: For a request's body to arrive.
        write_s: For a client that has stopped reading its answer to go on.
        keep_alive_s: That a socket may idle between requests.
        live_idle_s: That a live socket may idle between messages.
        resume_s: That a live play is kept after its socket was lost.
        shutdown_s: For accepted work to finish when the service is told to stop.
    """

    body_bytes: int = 1 << 20
    header_bytes: int = 16 << 10
    message_bytes: int = 16 << 10
    frames: int = 200
    queued_plays: int = 256
    batch_plays: int = 8
    queued_rankings: int = 8
    live_plays: int = 256
    connections: int = 2048
    cached_bytes: int = 64 << 20
    header_s: float = 10.0
    body_s: float = 10.0
    write_s: float = 10.0
    keep_alive_s: int = 30
    live_idle_s: float = 60.0
    resume_s: float = 30.0
    shutdown_s: int = 20
