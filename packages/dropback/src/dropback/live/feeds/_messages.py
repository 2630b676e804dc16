"""Define the messages of live plays, version 2: of those who feed, and of those who watch.

A message is JSON in a text frame or MessagePack in a binary one, of the same structs, and is
answered in its own form. ``/asyncapi.json`` describes all of them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from dropback.data._field import QUARTER_SECONDS  # msgspec reads the annotation
from dropback.live._stored import FieldLines  # msgspec reads the annotation
from dropback.live.feeds._plays import (
    Frame,
    PlayKey,
    PointForecast,
    Probability,
    SituationMessage,
    Slot,
    Yards,
)

LIVE_VERSION: Final = 2
"""Of the live protocol; a message of another version is refused in a sentence."""

LiveVersion = Literal[2]
GameName = Annotated[
    str,
    Meta(
        min_length=1, max_length=64, pattern=r"^[\w.:@-]+$", description="Such as 2025_01_KC_BUF."
    ),
]
PlayName = Annotated[str, Meta(max_length=64)]
Token = Annotated[
    str, Meta(min_length=1, max_length=64, description="From 'started'; keep it secret.")
]
_Text = Annotated[str, Meta(max_length=64)]
PlayState = Literal["running", "silent", "lost", "released", "withdrawn", "ended"]
Result = Literal["complete", "incomplete", "intercepted"]


class TeamMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A team as it is shown."""

    abbreviation: Annotated[str, Meta(min_length=1, max_length=8)]
    name: _Text | None = None
    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")] | None = None
    points: Annotated[int, Meta(ge=0, le=200)] | None = None


class PlayerMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Who stands in a slot: 0 the passer, 0 to 10 offense, 11 to 21 defense."""

    slot: Annotated[int, Meta(ge=0, le=21)]
    name: _Text
    number: Annotated[int, Meta(ge=0, le=99)] | None = None
    position: Annotated[str, Meta(max_length=8)] | None = None


class WarningMessage(Struct, frozen=True):
    """What no play can show, in a frame that was taken nevertheless: a `dropback.live.Doubt`."""

    number: int
    kind: Literal["step", "swap", "mirror", "gap", "frozen"]
    detail: str


# From the feed.


class StartMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="start"):
    """Start a live play. Only a play that is published is shown to watchers."""

    situation: SituationMessage
    version: LiveVersion
    publish: Annotated[bool, Meta(description="Needs a key with the role 'feed'.")] = False
    game: GameName | None = None
    offense: TeamMessage | None = None
    defense: TeamMessage | None = None
    players: Annotated[tuple[PlayerMessage, ...], Meta(max_length=22)] = ()
    game_clock_s: Annotated[int, Meta(ge=0, le=QUARTER_SECONDS)] | None = None
    description: Annotated[str, Meta(max_length=500)] | None = None
    stored: Annotated[
        tuple[PlayKey, PlayKey] | None,
        Meta(description="Game and play of a stored play that is fed again."),
    ] = None


class FrameMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="frame"):
    """One frame; ``number`` counts from 0 at the snap."""

    number: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    frame: Annotated[
        Frame | bytes,
        Meta(description="23 rows; or 552 bytes, 23 x 6 little-endian float32, NaN for null."),
    ]


class ReleaseMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="release"):
    """The pass is thrown, to ``target_slot`` where that is known."""

    target_slot: Slot | None = None


class OutcomeMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="outcome"):
    """What the play gained, any time after its release; again when it is corrected."""

    yards: Yards
    result: Result | None = None
    token: Annotated[
        Token | None, Meta(description="Of the play; without, the play of this socket.")
    ] = None


class WithdrawMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="withdraw"):
    """The play does not count, as after a flag; it is shown no more as running or scored."""

    reason: Annotated[str, Meta(max_length=200)] | None = None
    token: Annotated[
        Token | None, Meta(description="Of the play; without, the play of this socket.")
    ] = None


class ResumeMessage(Struct, frozen=True, forbid_unknown_fields=True, tag="resume"):
    """Resume a play whose socket was lost, also at another worker of the same service."""

    token: Token
    version: LiveVersion


# To the feed.


class StartedMessage(Struct, frozen=True, tag="started"):
    """A play has started: ``play`` is its public name, ``token`` the secret that resumes it."""

    play: str
    token: str
    published: bool
    resume_for_s: float
    version: LiveVersion = LIVE_VERSION


class ResumedMessage(Struct, frozen=True, tag="resumed"):
    """A play goes on: send frames from ``next_frame``.

    ``forecast`` is the newest, which the lost socket may not have brought; ``yards``, ``score`` and
    ``revision`` are those of the newest outcome.
    """

    play: str
    token: str
    next_frame: int
    state: PlayState
    forecast: PointForecast | None
    yards: int | None
    score: Probability | None
    revision: int
    version: LiveVersion = LIVE_VERSION


class ForecastMessage(Struct, frozen=True, tag="forecast"):
    """The answer to a frame, by the rule of `dropback.live.LivePlay`.

    ``forecasts`` usually has one; none for a frame that is ``ignored`` or while a player has not
    been seen yet; several if skipped frames were filled.
    """

    number: int
    forecasts: list[PointForecast]
    ignored: Literal["duplicate", "late"] | None = None
    warnings: list[WarningMessage] = []


class ReleasedMessage(Struct, frozen=True, tag="released"):
    """The answer to a release. Its outcome is scored when it comes."""

    play: str
    forecast: PointForecast


class ScoredMessage(Struct, frozen=True, tag="scored"):
    """The answer to an outcome: ``revision`` 1 is the first, each correction one more."""

    play: str
    revision: int
    yards: int
    score: Probability


class WithdrawnMessage(Struct, frozen=True, tag="withdrawn"):
    """The answer to a withdrawal."""

    play: str


class ProblemMessage(Struct, frozen=True, tag="problem"):
    """The same as a problem+json body. ``fatal``: the socket is closed after it."""

    title: str
    status: int
    detail: str
    fatal: bool
    retry_after_s: float | None = None


# To watchers.


class WaitingMessage(Struct, frozen=True, tag="waiting"):
    """No play runs that this watcher may see; the next one that starts is shown."""

    game: str | None
    version: LiveVersion = LIVE_VERSION


class WatchingMessage(Struct, frozen=True, tag="watching"):
    """What follows is of this play, whose ``state`` is that of this moment."""

    play: str
    game: str | None
    state: PlayState
    situation: SituationMessage
    field: FieldLines
    offense: TeamMessage | None
    defense: TeamMessage | None
    players: tuple[PlayerMessage, ...]
    game_clock_s: int | None
    description: str | None
    stored: tuple[int, int] | None
    rate_hz: float
    version: LiveVersion = LIVE_VERSION


class WatchedMessage(Struct, frozen=True, tag="watched"):
    """A frame and its forecasts. A watcher who reads too slowly misses some, never the newest."""

    play: str
    number: int
    frame: list[list[float | None]]
    forecasts: list[PointForecast]
    warnings: list[WarningMessage]


class WatchedReleaseMessage(Struct, frozen=True, tag="watched_release"):
    """The pass is thrown."""

    play: str
    target_slot: int | None
    forecast: PointForecast


class WatchedOutcomeMessage(Struct, frozen=True, tag="watched_outcome"):
    """What the play gained; a later revision replaces an earlier one."""

    play: str
    revision: int
    yards: int
    result: Result | None
    score: Probability


class WatchedStateMessage(Struct, frozen=True, tag="watched_state"):
    """The play is in another state: running again, silent for so many seconds, lost, over."""

    play: str
    state: PlayState
    detail: str
    silent_s: int = 0


class ScoreboardRow(Struct, frozen=True):
    """A live play on the scoreboard, one row for all its changes."""

    play: str
    game: str | None
    state: PlayState
    silent_s: int
    started: Annotated[float, Meta(description="Seconds since 1970.")]
    offense: str | None
    defense: str | None
    quarter: int | None
    game_clock_s: int | None
    down: int | None
    yards_to_go: int | None
    yards_to_goal: float
    passer: str | None
    target: str | None
    description: str | None
    frames: int
    expected_yards: float | None
    touchdown: Probability | None
    result: Result | None
    yards: int | None
    score: Probability | None
    revision: int
    doubts: list[str]


class ScoreboardMessage(Struct, frozen=True, tag="scoreboard"):
    """All rows, newest first; then a ``scoreboard_row`` for each that changes."""

    game: str | None
    plays: list[ScoreboardRow]
    version: LiveVersion = LIVE_VERSION


class ScoreboardRowMessage(Struct, frozen=True, tag="scoreboard_row"):
    """A row is new, or replaces that of the same play."""

    row: ScoreboardRow


class LiveGame(Struct, frozen=True):
    """A game with live plays."""

    game: str | None
    offense: TeamMessage | None
    defense: TeamMessage | None
    quarter: int | None
    game_clock_s: int | None
    running: int
    plays: int
    newest: str


class LiveGamesResponse(Struct, frozen=True):
    """The games with live plays, the newest first."""

    games: list[LiveGame]
    version: LiveVersion = LIVE_VERSION


class LivePlaysResponse(Struct, frozen=True):
    """The scoreboard: live and finished plays, newest first."""

    plays: list[ScoreboardRow]
    total: int
    offset: int
    version: LiveVersion = LIVE_VERSION


LiveRequest: TypeAlias = (
    StartMessage | FrameMessage | ReleaseMessage | OutcomeMessage | WithdrawMessage | ResumeMessage
)
LiveAnswer: TypeAlias = (
    StartedMessage
    | ResumedMessage
    | ForecastMessage
    | ReleasedMessage
    | ScoredMessage
    | WithdrawnMessage
    | ProblemMessage
)
WatchMessage: TypeAlias = (
    WaitingMessage
    | WatchingMessage
    | WatchedMessage
    | WatchedReleaseMessage
    | WatchedOutcomeMessage
    | WatchedStateMessage
    | ScoreboardMessage
    | ScoreboardRowMessage
    | ProblemMessage
)

LIVE_DECODERS: Final = (msgspec.json.Decoder(LiveRequest), msgspec.msgpack.Decoder(LiveRequest))
"""Of text and of binary messages."""
