"""Keep the live plays of all workers as their events tell them, for feeds and for watchers."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from dropback.data._field import RATE_HZ
from dropback.errors import LiveError
from dropback.live import Forecast
from dropback.live._stored import field_lines
from dropback.live.feeds import _messages as live
from dropback.live.feeds._events import (
    Beat,
    Ended,
    Event,
    Framed,
    Lost,
    Moved,
    Released,
    Scored,
    Started,
    Withdrawn,
)
from dropback.live.feeds._wire import frame_array, frame_rows, score_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dropback.live.feeds._limits import FeedLimits
    from dropback.live.feeds._plays import PointForecast

# Ten frames a second are due: a feed that says nothing for longer has stopped or was lost.
SILENT_S: Final = 2.0
# A worker says every BEAT_S that it lives; the plays of one that has not for DEAD_S are lost.
BEAT_S: Final = 2.0
_DEAD_S: Final = 7.0

_OVER: Final = ("released", "withdrawn", "ended")
_DETAILS: Final = {
    "running": "The feed goes on.",
    "lost": "The feed's connection was lost; it may come back.",
    "released": "The pass was thrown.",
}


@dataclass(frozen=True, eq=False)
class BoardFrame:
    """A frame of a live play; its message is written once, and only where somebody watches."""

    event: Framed

    @cached_property
    def message(self) -> str:
        event = self.event
        (rows,) = frame_rows(frame_array(event.frame)[None])
        return text_of(
            live.WatchedMessage(event.play, event.number, rows, event.forecasts, event.warnings)
        )


@dataclass(eq=False)
class LivePlayRecord:
    """A live play as far as its events tell.

    Attributes:
        started: Its first event.
        worker: Who has it now.
        turn: Counts the sockets that fed it; events of earlier turns are void.
        state: What it does now.
        detail: The same in a sentence.
        frames: Frames that were taken; of the plays that have been over longest none is kept.
        taken: How many.
        next_frame: Number of the frame that is to come.
        doubts: Kinds of doubt in them.
        lost_s: When the feed was lost.
        told_silent_s: Seconds of silence that were told last.
        versions: Counts the changes of the state.
        released: Its release.
        outcomes: Its outcomes, the newest last.
        changed_s: When the feed last said something, on the monotonic clock.
    """

    started: Started
    worker: str
    changed_s: float
    turn: int = 0
    state: live.PlayState = "running"
    detail: str = _DETAILS["running"]
    frames: list[BoardFrame] = field(default_factory=list)
    released: Released | None = None
    outcomes: list[Scored] = field(default_factory=list)
    taken: int = 0
    next_frame: int = 0
    doubts: set[str] = field(default_factory=set)
    lost_s: float = 0.0
    told_silent_s: int = 0
    versions: int = 0

    @property
    def name(self) -> str:
        return self.started.play

    @property
    def published(self) -> bool:
        return self.started.start.publish

    @property
    def over(self) -> bool:
        """Whether no frame is to come."""
        return self.state in _OVER

    @property
    def silent_s(self) -> int:
        """Whole seconds since the feed last said something, 0 where the play is not on."""
        if self.state not in {"silent", "lost"}:
            return 0
        return int(time.monotonic() - self.changed_s)

    @property
    def newest(self) -> PointForecast | None:
        """The newest forecast."""
        if self.released is not None:
            return self.released.forecast
        forecasts = (frame.event.forecasts for frame in reversed(self.frames))
        return next((of_frame[-1] for of_frame in forecasts if of_frame), None)

    def score(self, yards: int, result: live.Result | None = None) -> float:
        """Score of an outcome by the forecast of the release.

        Raises:
            LiveError: The play has not been released, or cannot have come out so.
        """
        released = self.released
        if released is None:
            raise LiveError(
                "An outcome needs the release before it, from whose forecast it is scored: send "
                "'release' first."
            )
        if result == "incomplete" and yards:
            raise LiveError(f"An incomplete pass gains nothing, got {yards} yards.")
        cdf = np.frombuffer(released.cdf, "<f4")
        forecast = Forecast(released.forecast.frame, True, cdf, released.yards_max)
        return score_of(forecast, yards)

    def opening(self) -> str:
        """What a watcher is first sent."""
        start, at = self.started.start, self.started.start.situation
        lines = field_lines(at.line_of_scrimmage_x_yd, at.yards_to_goal, at.yards_to_go)
        return text_of(
            live.WatchingMessage(
                self.name, start.game, self.state, at, lines, start.offense, start.defense,
                start.players, start.game_clock_s, start.description, start.stored, RATE_HZ,
            )
        )  # fmt: skip

    def release_message(self, released: Released) -> str:
        return text_of(
            live.WatchedReleaseMessage(self.name, released.target_slot, released.forecast)
        )

    def outcome_message(self) -> str:
        newest = self.outcomes[-1]
        return text_of(
            live.WatchedOutcomeMessage(
                self.name, len(self.outcomes), newest.yards, newest.result, newest.score
            )
        )

    def state_message(self) -> str:
        return text_of(live.WatchedStateMessage(self.name, self.state, self.detail, self.silent_s))

    def row(self) -> live.ScoreboardRow:
        """The play on the scoreboard."""
        start, at = self.started.start, self.started.start.situation
        newest = self.newest
        scored = self.outcomes[-1] if self.outcomes and self.state != "withdrawn" else None
        target = None if self.released is None else self.released.target_slot
        names = {player.slot: player.name for player in start.players}
        return live.ScoreboardRow(
            play=self.name,
            game=start.game,
            state=self.state,
            silent_s=self.silent_s,
            started=self.started.at,
            offense=None if start.offense is None else start.offense.abbreviation,
            defense=None if start.defense is None else start.defense.abbreviation,
            quarter=at.quarter,
            game_clock_s=start.game_clock_s,
            down=at.down,
            yards_to_go=at.yards_to_go,
            yards_to_goal=at.yards_to_goal,
            passer=names.get(0),
            target=None if target is None else names.get(target),
            description=start.description,
            frames=self.taken,
            expected_yards=None if newest is None else newest.mean,
            touchdown=None if newest is None else newest.touchdown,
            result=None if scored is None else scored.result,
            yards=None if scored is None else scored.yards,
            score=None if scored is None else scored.score,
            revision=len(self.outcomes),
            doubts=sorted(self.doubts),
        )


class LiveBoard:
    """The live plays, newest last: all that run, and the newest of those that are over.

    Args:
        limits: Of the service; of the plays that are over each key keeps a share, and the key that
            has most loses its oldest. What runs is never dropped.

    Attributes:
        changed: What is called with each play that changes.
    """

    def __init__(self, limits: FeedLimits) -> None:
        self._limits = limits
        self._plays: OrderedDict[str, LivePlayRecord] = OrderedDict()
        self._secrets: dict[str, str] = {}
        self._beats: dict[str, float] = {}
        self.changed: list[Callable[[LivePlayRecord], None]] = []

    def __len__(self) -> int:
        """Plays that are on."""
        return sum(not play.over for play in self._plays.values())

    def count_of(self, key: str | None) -> int:
        """Plays of a key that are on."""
        return sum(not play.over and play.started.key == key for play in self._plays.values())

    def get(self, name: str) -> LivePlayRecord | None:
        return self._plays.get(name)

    def by_secret(self, secret: str) -> LivePlayRecord | None:
        """The play of a token's SHA-256."""
        name = self._secrets.get(secret)
        return None if name is None else self._plays.get(name)

    def published(self, game: str | None = None) -> Iterator[LivePlayRecord]:
        """The plays that may be watched, newest first; of one game where it is named."""
        for play in reversed(self._plays.values()):
            if play.published and game in {None, play.started.start.game}:
                yield play

    def newest_running(self, game: str | None) -> LivePlayRecord | None:
        """The newest play whose feed is well."""
        return next((play for play in self.published(game) if play.state == "running"), None)

    def apply(self, event: Event) -> None:
        """Take an event; one that another has made void changes nothing."""
        now = time.monotonic()
        if isinstance(event, Beat):
            self._beats[event.worker] = now
            return
        if isinstance(event, Started):
            self._start(event, now)
            return
        play = self._plays.get(event.play)
        if play is None:
            return
        turn = getattr(event, "turn", play.turn)
        if isinstance(event, Moved):
            # Each turn is taken once: of two workers that resume a play at once, the first has it.
            if turn != play.turn + 1 or play.released is not None or play.state == "withdrawn":
                return
            play.turn, play.worker, play.changed_s = turn, event.worker, now
            self._beats.setdefault(event.worker, now)
            self._set(play, "running", "The feed is back.")
        elif turn == play.turn:
            self._apply_to(play, event, now)

    def _start(self, event: Started, now: float) -> None:
        if event.play in self._plays:
            return
        self._beats.setdefault(event.worker, now)
        play = LivePlayRecord(event, event.worker, now)
        self._plays[event.play] = play
        self._secrets[event.secret] = event.play
        self._drop_oldest()
        self._tell(play)

    def _apply_to(self, play: LivePlayRecord, event: Event, now: float) -> None:
        match event:
            case Withdrawn(reason=reason):
                self._set(play, "withdrawn", reason or "The play was withdrawn.")
            case Scored() if play.released is not None and play.state != "withdrawn":
                play.outcomes.append(event)
                self._tell(play)
            case _ if play.over:
                pass
            case Framed(number=number) if number >= play.next_frame:
                play.frames.append(BoardFrame(event))
                play.taken, play.next_frame, play.changed_s = play.taken + 1, number + 1, now
                play.doubts.update(warning.kind for warning in event.warnings)
                if play.state == "running":
                    self._tell(play)
                else:
                    self._set(play, "running", _DETAILS["running"])
            case Released():
                play.released = event
                self._set(play, "released", _DETAILS["released"])
            case Lost():
                self._set(play, "lost", _DETAILS["lost"])
            case Ended(reason=reason):
                self._set(play, "ended", reason)

    def tick(self) -> None:
        """Note what has fallen silent; called about every second."""
        now = time.monotonic()
        for play in list(self._plays.values()):
            silence = now - play.changed_s
            beat = self._beats.get(play.worker, now)
            if play.state in {"running", "silent"} and now - beat > _DEAD_S:
                self._set(play, "lost", _DETAILS["lost"])
            elif play.state in {"running", "silent"} and silence > SILENT_S:
                seconds = int(silence)
                if seconds != play.told_silent_s:
                    play.told_silent_s = seconds
                    self._set(play, "silent", f"The feed has been silent for {seconds} s.")
            elif play.state == "lost" and now - play.lost_s > self._limits.resume_s:
                self._set(play, "ended", "The feed was lost and did not come back.")

    def _set(self, play: LivePlayRecord, state: live.PlayState, detail: str) -> None:
        if state == "lost":
            play.lost_s = time.monotonic()
        play.state, play.detail = state, detail
        play.versions += 1
        self._tell(play)
        if play.over:
            self._drop_oldest()

    def _tell(self, play: LivePlayRecord) -> None:
        for changed in self.changed:
            changed(play)

    def _drop_oldest(self) -> None:
        """Keep so many plays that are over, and the frames of fewer."""
        over = [play for play in self._plays.values() if play.over]
        for play in over[: -self._limits.kept_frames]:
            play.frames.clear()
        excess = len(over) - self._limits.kept_plays
        if excess <= 0:
            return
        counts = Counter(play.started.key for play in over)
        for _ in range(excess):
            most = max(counts, key=lambda key: counts[key])
            oldest = next(play for play in over if play.started.key == most)
            over.remove(oldest)
            counts[most] -= 1
            del self._plays[oldest.name]
            self._secrets.pop(oldest.started.secret, None)


def text_of(message: msgspec.Struct) -> str:
    """A message as the text of its frame."""
    return msgspec.json.encode(message).decode()
