"""Limit the live plays: how many, how long, and how much waits for the networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FeedLimits:
    """Bounds on live plays; beyond the first three a request is told to come again (503).

    Attributes:
        queued_plays: Plays and frames that wait for the inference thread.
        live_plays: Live plays at once, including those that wait to be resumed.
        frames: Of a play: 20 s at 10 Hz; the longest dropbacks take 10 s.
        batch_plays: Most plays or frames that are predicted together. Eight take a tenth less time
            a play and a third less a frame than one; more take no less, and a frame waits for the
            batch before it.
        live_idle_s: That a feed may idle between the messages of a play.
        between_plays_s: That it may idle between plays, as over a timeout.
        resume_s: That a live play is kept after its socket was lost.
        outcomes: Of a play, which are kept with their revisions.
        kept_plays: Live plays that are over and still on the scoreboard; of more, the oldest go.
        kept_frames: Of these, how many keep their frames: 40 frames take 0.1 MB.
    """

    queued_plays: int = 256
    live_plays: int = 256
    frames: int = 200
    batch_plays: int = 8
    live_idle_s: float = 60.0
    between_plays_s: float = 600.0
    resume_s: float = 30.0
    outcomes: int = 100
    kept_plays: int = 1024
    kept_frames: int = 64
