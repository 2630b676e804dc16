"""Live plays that the service holds: found by a token, bounded in number and in time."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dropback.service._problems import ServiceError

if TYPE_CHECKING:
    from dropback.live import Forecast, LivePlay
    from dropback.service._keys import StoredKey
    from dropback.service._metrics import Metrics
    from dropback.service._settings import Limits
    from dropback.service._watching import Shown

__all__ = ["HeldPlay", "LivePlays"]


@dataclass(eq=False)
class HeldPlay:
    """A live play and what is needed to go on with it.

    Attributes:
        token: Finds it again; nobody else can guess it.
        play: The play, touched by the inference thread alone.
        shown: What its watchers are told.
        key: Name of the API key that began it, None without keys.
        turn: Held while a frame is at the networks, so that a socket that takes the play over
            sees its state after that frame.
        newest: The newest forecast.
        score: Of the release, where yards came with it.
        owner: The socket that it belongs to, None while none does.
    """

    token: str
    play: LivePlay
    shown: Shown
    key: str | None
    owner: object | None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: Forecast | None = None
    score: float | None = None
    expiry: asyncio.TimerHandle | None = None


class LivePlays:
    """The live plays of a service.

    Args:
        limits: Of the service.
        metrics: What is counted.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._held: dict[str, HeldPlay] = {}
        metrics.live_plays.set_function(lambda: len(self._held))

    def require_room(self, key: StoredKey | None) -> None:
        """Refuse a further play where there are as many as may be.

        Raises:
            ServiceError: 503 for all together, 429 for one key.
        """
        if len(self._held) >= self._limits.live_plays:
            raise ServiceError(
                503,
                f"{self._limits.live_plays} live plays are held already: ask again in a second.",
                retry_after_s=1.0,
            )
        if key is None:
            return
        own = sum(held.key == key.name for held in self._held.values())
        if own >= key.live_plays:
            raise ServiceError(
                429,
                f"The key {key.name!r} may have {key.live_plays} live plays at once.",
                retry_after_s=1.0,
            )

    def begin(self, play: LivePlay, shown: Shown, key: StoredKey | None, owner: object) -> HeldPlay:
        """Hold a play for a socket."""
        token = secrets.token_urlsafe(16)
        held = HeldPlay(token, play, shown, None if key is None else key.name, owner)
        self._held[token] = held
        return held

    def resume(self, token: str, key: StoredKey | None, owner: object) -> HeldPlay:
        """Give a held play to another socket; the former one, if it still is, loses it.

        Raises:
            ServiceError: 404 where no play of this key has it, or it waited too long.
        """
        held = self._held.get(token)
        if held is None or held.key != (None if key is None else key.name):
            raise ServiceError(
                404,
                f"No live play has this token: plays are kept for {self._limits.resume_s:g} s "
                "after their socket is lost; start it again.",
            )
        if held.expiry is not None:
            held.expiry.cancel()
            held.expiry = None
        held.owner = owner
        return held

    def leave(self, held: HeldPlay, owner: object) -> None:
        """Keep a play whose socket was lost for `Limits.resume_s`."""
        if held.owner is owner and held.token in self._held:
            held.owner = None
            held.expiry = asyncio.get_running_loop().call_later(
                self._limits.resume_s, self.drop, held
            )

    def drop(self, held: HeldPlay) -> None:
        """Forget a play."""
        if held.expiry is not None:
            held.expiry.cancel()
        held.owner = None
        self._held.pop(held.token, None)
