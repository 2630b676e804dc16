"""Share live plays between processes and machines through Redis or Valkey: the extra ``redis``.

Every event is appended to one stream, which all processes read, and to a stream of its play, from
which a process that begins learns what was before. A feed waits for neither: events are written by
a task of their own, many at once, and what cannot be written now is written when the store is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from dropback.errors import RequestError
from dropback.live.feeds._errors import busy
from dropback.live.feeds._events import Beat, Framed, event_decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback.live.feeds._events import Event

log: Final = logging.getLogger("dropback.live")
_STREAM: Final = "dropback:live:events"
_PLAYS: Final = "dropback:live:plays"
_PLAY: Final = "dropback:live:play:"
# Events that a process may be behind before it has to begin anew: at 64 plays, a quarter minute.
_KEPT_EVENTS: Final = 10_000
# Plays that a process which begins learns of, and how long they are kept after their last event.
_KEPT_PLAYS: Final = 1024
_KEPT_S: Final = 12 * 3600
# Events that wait while the store is away; beyond, frames are dropped, which watchers miss.
_WAITING: Final = 20_000
_BATCH: Final = 256
_BLOCK_MS: Final = 1000
_AGAIN_S: Final = 0.25
_APPLIED_S: Final = 2.0

# One event to both streams under one number, so that none is missed or taken twice. The play whose
# last event is oldest goes when there are too many: it is never one that runs.
_APPEND: Final = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'e', ARGV[1])
if KEYS[3] == '' then return id end
local key = KEYS[3]
if ARGV[2] == '1' or redis.call('EXISTS', key) == 1 then
  redis.call('XADD', key, id, 'e', ARGV[1])
  redis.call('EXPIRE', key, ARGV[5])
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000), key)
  local excess = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
  if excess > 0 then
    for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do
      redis.call('DEL', old)
      redis.call('ZREM', KEYS[2], old)
    end
  end
end
return id
"""

# Seconds until a store that takes no connection counts as absent.
_CONNECT_S = 2.0


def require_redis(url: str) -> None:
    """Ask whether a store answers, before anything is loaded.

    Raises:
        RequestError: It does not.
    """
    from redis import Redis  # noqa: PLC0415  # an extra
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    client = Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_S,
        socket_timeout=_CONNECT_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except (RedisError, OSError) as error:
        raise _unreachable(error) from error
    finally:
        client.close()


def _unreachable(error: Exception) -> RequestError:
    return RequestError(
        f"--redis cannot be reached ({str(error).rstrip('.')}): start Redis or Valkey there, or "
        "leave it out to serve by one process."
    )


class RedisLog:
    """The events of all processes that name the same store.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with the number of the database.

    Raises:
        RequestError: The extra is not installed, or no such URL.
    """

    def __init__(self, url: str) -> None:
        if find_spec("redis") is None:
            raise RequestError(
                "--redis needs the client of Redis: install it with pip install 'dropback[redis]'."
            )
        from redis.asyncio import Redis  # noqa: PLC0415  # an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        self._errors: tuple[type[Exception], ...] = (RedisError, OSError)
        try:
            self._redis: Any = Redis.from_url(
                url, socket_connect_timeout=_CONNECT_S, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as error:
            raise RequestError(
                f"--redis must be a URL such as redis://127.0.0.1:6379/0: {error}."
            ) from error
        self.state: Literal["memory", "connected", "lost"] = "lost"
        self._append = self._redis.register_script(_APPEND)
        self._waiting: deque[Event] = deque()
        self._unwritten = 0
        self._work = asyncio.Event()
        self._read = asyncio.Condition()
        self._last = b"0-0"
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, apply: Callable[[Event], None]) -> None:
        """Read what was before, then read and write on.

        Raises:
            RequestError: The store cannot be reached.
        """
        self._apply = apply
        try:
            await self._load()
        except self._errors as error:
            raise _unreachable(error) from error
        self.state = "connected"
        self._tasks = [asyncio.create_task(work()) for work in (self._write_on, self._read_on)]

    def append(self, event: Event) -> None:
        """Have an event written as soon as can be."""
        if len(self._waiting) >= _WAITING and isinstance(event, Framed | Beat):
            return
        self._waiting.append(event)
        self._work.set()

    async def applied(self) -> None:
        """Wait until what was appended so far, here and elsewhere, was read."""
        try:
            async with asyncio.timeout(_APPLIED_S):
                while self._waiting or self._unwritten:
                    await self._changed()
                newest = await self._newest()
                while _place(self._last) < _place(newest):
                    await self._changed()
        except self._errors as error:  # TimeoutError is an OSError
            raise busy("The store of live plays cannot be reached: try again in a second.") from (
                error
            )

    async def close(self) -> None:
        """Write what waits, for a while, then stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_APPLIED_S):
                while self._waiting or self._unwritten:
                    await self._changed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def _load(self) -> None:
        """Learn of the plays so far. What comes meanwhile is read twice, and taken once."""
        self._last = await self._newest()
        for key in await self._redis.zrange(_PLAYS, 0, -1):
            for number, fields in await self._redis.xrange(key):
                if _place(number) <= _place(self._last):
                    self._hand_over(fields)

    async def _newest(self) -> bytes:
        found = await self._redis.xrevrange(_STREAM, count=1)
        newest: bytes = found[0][0] if found else b"0-0"
        return newest

    async def _write_on(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                self._unwritten = len(batch)
                try:
                    await self._write(batch)
                except self._errors as error:
                    self._lose(error)
                    self._waiting.extendleft(reversed(batch))
                    self._unwritten = 0
                    await asyncio.sleep(_AGAIN_S)
                else:
                    self._unwritten = 0
                    await self._note()

    async def _write(self, events: list[Event]) -> None:
        """Append events in one transaction: all of them or none."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for event in events:
                beat = isinstance(event, Beat)
                key = "" if isinstance(event, Beat) else _PLAY + event.play
                first = int(not beat and type(event).__name__ == "Started")
                await self._append(
                    [_STREAM, _PLAYS, key],
                    [msgspec.msgpack.encode(event), first, _KEPT_EVENTS, _KEPT_PLAYS, _KEPT_S],
                    client=pipe,
                )
            await pipe.execute()

    async def _read_on(self) -> None:
        while True:
            try:
                if self.state == "lost":
                    await self._catch_up()
                found = await self._redis.xread({_STREAM: self._last}, _BATCH, _BLOCK_MS)
            except self._errors as error:
                self._lose(error)
                await asyncio.sleep(_AGAIN_S)
                continue
            for _, entries in found:
                for number, fields in entries:
                    self._last = number
                    self._hand_over(fields)
                await self._note()

    async def _catch_up(self) -> None:
        """After a loss: read on, or from the plays where the stream has moved on or is new."""
        oldest = await self._redis.xrange(_STREAM, count=1)
        newest = await self._newest()
        gone = oldest and _place(oldest[0][0]) > _place(self._last)
        if gone or _place(newest) < _place(self._last):
            await self._load()
        self.state = "connected"
        log.info("store of live plays is back")

    def _hand_over(self, fields: dict[bytes, bytes]) -> None:
        try:
            event = event_decoder.decode(fields[b"e"])
        except (KeyError, msgspec.DecodeError) as error:
            # Of another version of this software: its plays are not shown here.
            log.warning("event of another version", extra={"fields": {"why": str(error)[:200]}})
            return
        self._apply(event)

    def _lose(self, error: Exception) -> None:
        if self.state == "connected":
            log.error("store of live plays is lost", extra={"fields": {"why": str(error)[:200]}})
        self.state = "lost"

    async def _note(self) -> None:
        async with self._read:
            self._read.notify_all()

    async def _changed(self) -> None:
        async with self._read:
            await self._read.wait()


def _place(number: bytes) -> tuple[int, int]:
    """The place of a stream's entry."""
    milliseconds, _, count = number.partition(b"-")
    return int(milliseconds), int(count or 0)
