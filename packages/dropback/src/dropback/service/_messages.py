"""Define the messages of HTTP and of the live sockets, version 1.

Numbers are in the units of their names; null is "not known". A message with a field that is not
named here is refused, so that a misspelled field is never silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.live._stored import FieldLines  # noqa: TC001  # msgspec reads the annotation
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS

VERSION: Final = 1
"""Of the messages; a request of another version is refused."""

Version = Literal[1]
PlayKey = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Slot = Annotated[int, Meta(ge=0, le=10)]
Yards = Annotated[int, Meta(ge=YARDS_LOWEST, le=YARDS_HIGHEST)]
Player = Annotated[
    list[float | None],
    Meta(
        min_length=len(FRAME_QUANTITIES),
        max_length=len(FRAME_QUANTITIES),
        description=f"{', '.join(FRAME_QUANTITIES)}; null if there is none.",
    ),
]
Frame = Annotated[
    list[Player],
    Meta(
        min_length=SLOTS,
        max_length=SLOTS,
        description="Slots 0 to 10 offense, 11 to 21 defense, 22 the ball; the offense moves "
        "toward +x.",
    ),
]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


class SituationMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known at the snap: the fields of `dropback.live.PlayContext`."""

    line_of_scrimmage_x_yd: Annotated[float, Meta(ge=9.0, le=111.0)]
    yards_to_goal: Annotated[float, Meta(ge=-1.0, le=101.0)]
    down: Annotated[int, Meta(ge=0, le=4)] | None = None
    yards_to_go: Annotated[int, Meta(ge=0, le=100)] | None = None
    quarter: Annotated[int, Meta(ge=1, le=20)] | None = None
    seconds_left_in_half_s: Annotated[float, Meta(ge=0.0, le=1800.0)] | None = None
    score_differential: Annotated[int, Meta(ge=-200, le=200)] | None = None
    at_home: bool | None = None
    weeks_left: Annotated[int, Meta(ge=0, le=25)] | None = None
    eligible: (
        Annotated[
            list[bool],
            Meta(
                min_length=11,
                max_length=11,
                description="Which of slots 0 to 10 may catch a pass; null is the last five.",
            ),
        ]
        | None
    ) = None


class ScoreRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A play from the snap to the release."""

    situation: SituationMessage
    frames: Annotated[
        list[Frame], Meta(min_length=1, description="10 a second; the first is the snap.")
    ]
    version: Version = VERSION
    target_slot: Slot | None = None
    yards: Yards | None = None


class PointForecast(Struct, frozen=True):
    """The distribution of the yards that a league-average passer would gain.

    ``probabilities`` belong to the whole yards ``first_yd``, ``first_yd + 1``, ...; what is left
    out on either side has less than 1e-6. ``touchdown`` is the mass at the goal line.
    """

    frame: int
    released: bool
    mean: float
    median: float
    quantiles: dict[str, float]
    lower_threshold_yd: float
    upper_threshold_yd: float
    touchdown: Probability
    first_yd: int
    probabilities: list[float]


class ScoreResponse(Struct, frozen=True):
    """The forecast at the release, and the score if yards came with the play."""

    forecast: PointForecast
    score: Probability | None
    version: Version = VERSION


class LivePlayer(Struct, frozen=True):
    """A player, or the ball, of a stored play."""

    slot: int
    side: str
    role: str
    position: str | None
    name: str | None


class PlayItem(Struct, frozen=True):
    """A stored play in a list."""

    game: int
    play: int
    season: int
    week: int | None
    offense: str | None
    defense: str | None
    quarter: int | None
    game_clock_s: int | None
    down: int | None
    yards_to_go: int | None
    yards_to_goal: float
    pass_result: str | None
    yards_gained: int | None
    description: str | None
    frames: int
    passer: str | None
    target: str | None
    note: str


class PlaysPage(Struct, frozen=True):
    """A page of the stored plays, and how many there are."""

    plays: list[PlayItem]
    total: int
    offset: int
    version: Version = VERSION


class PlayResponse(Struct, frozen=True):
    """A stored play, with the forecast at every frame as the live path makes it.

    ``frames`` are frame by frame, slot by slot, ``quantities``. ``forecasts`` has one entry a
    frame, null if that frame has none, and is empty if there are none, which ``forecast_problem``
    explains. At the release the target is known: ``release`` is the forecast with it.
    ``situation`` is what a live feed of the play starts with.
    """

    item: PlayItem
    field: FieldLines
    players: list[LivePlayer]
    rate_hz: float
    quantities: list[str]
    frames: list[list[list[float | None]]]
    forecasts: list[PointForecast | None]
    release: PointForecast | None
    forecast_problem: str | None
    situation: SituationMessage | None
    yards: int | None
    score: Probability | None
    version: Version = VERSION


class LeaderboardResponse(Struct, frozen=True):
    """Rows of `dropback.leaderboard`, a page of them, in the requested order.

    `drift` says by how much each season's mean score was off, and whether that is subtracted.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    total: int
    offset: int
    min_attempts: int | str
    outcome: str
    drift: str
    version: Version = VERSION


class PasserItem(Struct, frozen=True):
    """A passer in a list."""

    id: str
    name: str
    first_season: int
    last_season: int
    plays: int


class PassersPage(Struct, frozen=True):
    """Passers, most plays first."""

    passers: list[PasserItem]
    total: int
    offset: int
    version: Version = VERSION


class Throw(Struct, frozen=True):
    """One play of a passer. ``stored`` is (game, play) if its tracking is stored."""

    game_id: str
    play_id: int
    season: int
    week: int | None
    opponent: str | None
    quarter: int | None
    down: int | None
    yards_to_go: int | None
    air_yards: int | None
    yards: int | None
    median: float | None
    score: float
    description: str | None
    stored: tuple[int, int] | None


class PitHistogram(Struct, frozen=True):
    """Shares of plays by where the outcome fell in its distribution.

    Yards are whole, so even a perfect distribution does not give level bars: compare with the
    league's.
    """

    edges: list[float]
    passer: list[float]
    league: list[float]
    plays: int


class PasserResponse(Struct, frozen=True):
    """A passer's page. ``seasons`` are the rows of the leaderboard by passer and season."""

    id: str
    name: str
    outcome: str
    columns: list[str]
    seasons: list[dict[str, Any]]
    best: list[Throw]
    worst: list[Throw]
    pit: PitHistogram | None
    version: Version = VERSION


class SplitItem(Struct, frozen=True):
    """A way to divide plays, with its values if the play scores have it."""

    name: str
    definition: str
    available: bool
    values: list[str]


class SplitsResponse(Struct, frozen=True):
    """What a leaderboard may be grouped and filtered by."""

    splits: list[SplitItem]
    columns: list[str]
    version: Version = VERSION


class Capabilities(Struct, frozen=True):
    """What this service was started with."""

    dropback: str
    predictor: bool
    scores: bool
    plays: bool
    keys_required: bool
    outcome: str | None
    seasons: list[int]
    notes: list[str]
    version: Version = VERSION


class Health(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """Whether new work is taken."""

    status: Literal["ready", "busy", "stopping"]


class Problem(Struct, frozen=True):
    """RFC 9457: what went wrong, in the sentence that the command line would print."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


# Live sockets, client to service: JSON objects that ``type`` tells apart.


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


# Live sockets, service to client.


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
    field: FieldLines
    rate_hz: float
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
