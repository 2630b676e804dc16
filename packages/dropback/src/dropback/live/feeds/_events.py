"""Define the events of live plays, and the log that puts those of all workers in one order.

A live play is the list of its events: what watchers see is read from them, and another worker can
go on with the play from them. A log hands each event to every worker, its own included, in the same
order; so of two workers that believe they have a play all agree who is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from dropback.live.feeds._messages import Result, StartMessage, WarningMessage
from dropback.live.feeds._plays import PointForecast

if TYPE_CHECKING:
    from collections.abc import Callable


class Started(Struct, frozen=True, tag=True):
    """A play, from its ``start``; ``secret`` is the SHA-256 of its token."""

    play: str
    secret: str
    key: str | None
    worker: str
    at: float
    start: StartMessage


class Framed(Struct, frozen=True, tag=True):
    """A frame that was taken: 552 bytes."""

    play: str
    turn: int
    number: int
    frame: bytes
    forecasts: list[PointForecast]
    warnings: list[WarningMessage]


class Released(Struct, frozen=True, tag=True):
    """The release; ``cdf`` is that of the forecast, 211 little-endian float32."""

    play: str
    turn: int
    target_slot: int | None
    forecast: PointForecast
    cdf: bytes
    yards_max: int


class Scored(Struct, frozen=True, tag=True):
    """An outcome; its revision is its place among those of the play. ``mark`` is its own."""

    play: str
    mark: str
    yards: int
    result: Result | None
    score: float


class Withdrawn(Struct, frozen=True, tag=True):
    """The play does not count."""

    play: str
    reason: str | None


class Moved(Struct, frozen=True, tag=True):
    """The play is fed through another socket: what earlier turns still send is void."""

    play: str
    turn: int
    worker: str


class Lost(Struct, frozen=True, tag=True):
    """The feed's socket was lost."""

    play: str
    turn: int


class Ended(Struct, frozen=True, tag=True):
    """The play is over without a release."""

    play: str
    turn: int
    reason: str


class Beat(Struct, frozen=True, tag=True):
    """A worker lives; the plays of one that falls silent are lost."""

    worker: str


Event: TypeAlias = (
    Started | Framed | Released | Scored | Withdrawn | Moved | Lost | Ended | Beat
)  # fmt: skip

event_decoder = msgspec.msgpack.Decoder(Event)


class EventLog(Protocol):
    """Where events go and come from."""

    state: Literal["memory", "connected", "lost"]
    """``memory``; or ``connected`` or ``lost`` of a store that is shared."""

    async def open(self, apply: Callable[[Event], None]) -> None:
        """Hand over the events so far, then each that is appended, in order."""

    def append(self, event: Event) -> None:
        """Add an event; nothing is waited for."""

    async def applied(self) -> None:
        """Wait until all that this and other workers have appended so far was handed over.

        Raises:
            ServiceError: The store cannot be reached (503).
        """

    async def close(self) -> None:
        """Write what was appended, then stop."""


class MemoryLog:
    """The log of a service of one process."""

    state: Literal["memory", "connected", "lost"] = "memory"

    async def open(self, apply: Callable[[Event], None]) -> None:
        """Events are handed over at once."""
        self._apply = apply

    def append(self, event: Event) -> None:
        """Hand an event over."""
        self._apply(event)

    async def applied(self) -> None:
        """Everything was handed over already."""

    async def close(self) -> None:
        """Nothing is kept."""
