"""Define the messages of live sockets, version 1: JSON objects that ``type`` tells apart."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from dropback.service._messages import (
    VERSION,
    Frame,
    PlayKey,
    PointForecast,
    Probability,
    SituationMessage,
    Slot,
    Version,
    Yards,
)

__all__ = [
    "ForecastMessage",
    "FrameMessage",
    "LiveAnswer",
    "LiveRequest",
    "ProblemMessage",
    "ReleaseMessage",
    "ReleasedMessage",
    "ResumeMessage",
    "ResumedMessage",
    "StartMessage",
    "StartedMessage",
    "WatchedMessage",
    "WatchedReleaseMessage",
    "WatchingMessage",
    "live_requests",
]


# Client to service.


class StartMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="start"):
    """Start a live play; the answer is ``started`` with the token to resume it."""

    situation: SituationMessage
    version: Version
    stored: Annotated[
        tuple[PlayKey, PlayKey] | None,
        Meta(description="Game and play of a stored play that is fed again: for watchers."),
    ] = None


class FrameMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="frame"):
    """One frame; ``number`` counts from 0 at the snap. The answer is ``forecast``."""

    number: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    frame: Frame


class ReleaseMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="release"):
    """The pass is thrown: ask for the forecast with the target, and the score of given yards."""

    target_slot: Slot | None = None
    yards: Yards | None = None


class ResumeMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="resume"):
    """Resume a play whose socket was lost; the answer is ``resumed``."""

    token: Annotated[str, Meta(min_length=1, max_length=64)]
    version: Version


# Service to client.


class StartedMessage(Struct, frozen=True, tag="started"):
    """A live play has started; it may be resumed for ``resume_for_s`` after its socket is lost."""

    token: str
    resume_for_s: float
    version: Version = VERSION


class ResumedMessage(Struct, frozen=True, tag="resumed"):
    """A live play goes on: send frames from ``next_frame``; the earlier ones are kept.

    ``forecast`` is the newest, which the lost socket may not have delivered.
    """

    token: str
    next_frame: int
    forecast: PointForecast | None
    score: Probability | None
    version: Version = VERSION


class ForecastMessage(Struct, frozen=True, tag="forecast"):
    """The answer to a frame, by the rule of `dropback.live.LivePlay`.

    ``forecasts`` usually has one; none for a frame that is ``ignored`` or while a player has not
    been seen yet; several if skipped frames were filled.
    """

    number: int
    forecasts: list[PointForecast]
    ignored: Literal["duplicate", "late"] | None = None


class ReleasedMessage(Struct, frozen=True, tag="released"):
    """The answer to a release; ``score`` is set if yards came with it."""

    forecast: PointForecast
    score: Probability | None


class ProblemMessage(Struct, frozen=True, tag="problem"):
    """The same as a problem+json body. ``fatal``: the socket is closed after it."""

    title: str
    status: int
    detail: str
    fatal: bool
    retry_after_s: float | None = None


class WatchingMessage(Struct, frozen=True, tag="watching"):
    """To a watcher: what follows is of this play. ``stored`` is that of the feed's ``start``."""

    play: str
    stored: tuple[int, int] | None
    situation: SituationMessage
    version: Version = VERSION


class WatchedMessage(Struct, frozen=True, tag="watched"):
    """To a watcher: a frame and its forecasts."""

    play: str
    number: int
    frame: list[list[float | None]]
    forecasts: list[PointForecast]


class WatchedReleaseMessage(Struct, frozen=True, tag="watched_release"):
    """To a watcher: the pass is thrown; ``yards`` and ``score`` if the feed sent them."""

    play: str
    forecast: PointForecast
    score: Probability | None
    yards: int | None


LiveRequest = StartMessage | FrameMessage | ReleaseMessage | ResumeMessage
LiveAnswer = StartedMessage | ResumedMessage | ForecastMessage | ReleasedMessage | ProblemMessage

live_requests = msgspec.json.Decoder(LiveRequest)
