"""Define the messages of HTTP, version 1; those of live plays are in `dropback.live.feeds`.

Numbers are in the units of their names; null is "not known". A message with a field that is not
named here is refused, so that a misspelled field is never silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from dropback.live._stored import FieldLines
from dropback.live.feeds._plays import (
    Frame,
    PointForecast,
    Probability,
    SituationMessage,
    Slot,
    Yards,
)

VERSION: Final = 1
"""Of the messages; a request of another version is refused."""

Version = Literal[1]


class ScoreRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A play from the snap to the release."""

    situation: SituationMessage
    frames: Annotated[
        Annotated[list[Frame], Meta(min_length=1)] | bytes,
        Meta(
            description="10 a second; the first is the snap. Or T x 23 x 6 little-endian float32, "
            "NaN for null: bytes in MessagePack, base64 in JSON.",
        ),
    ]
    version: Version = VERSION
    target_slot: Slot | None = None
    yards: Yards | None = None


class ScoreResponse(Struct, frozen=True):
    """The forecast at the release, and the score if yards came with the play.

    ``warnings`` say what no play can show: steps that nobody runs, swapped players and the like.
    """

    forecast: PointForecast
    score: Probability | None
    warnings: list[str]
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


class Receiver(Struct, frozen=True):
    """What a throw to a receiver promised at the release; nulls where they were not eligible."""

    slot: int
    expected_yards: float | None
    target_probability: Probability | None


class Decision(Struct, frozen=True):
    """A throw judged by `dropback.workflows.decisions`, in yards where no unit is named.

    ``decision_percentile``: of how many of the throws the decision is no worse, 0 to 100;
    ``decision_sd``: how far decisions spread from throw to throw; ``execution``: 0 to 1.
    """

    decision: float | None
    decision_percentile: float | None
    decision_sd: float | None
    execution: float
    time: float | None
    chosen_yards: float
    best_yards: float | None
    receivers: list[Receiver]


class PlayResponse(Struct, frozen=True):
    """A stored play, with the forecast at every frame as the live path makes it.

    ``frames`` are frame by frame, slot by slot, ``quantities``. ``forecasts`` has one entry a
    frame, null if that frame has none, and is empty if there are none, which ``forecast_problem``
    explains. At the release the target is known: ``release`` is the forecast with it.
    ``situation`` is what a live feed of the play starts with. ``decision`` is null for a play that
    the table of decisions does not have.
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
    decision: Decision | None
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
    better: Annotated[
        Literal["higher", "lower"],
        Meta(description="Which scores rank first: of defenses, who allow theirs, lower."),
    ]
    version: Version = VERSION


class PasserItem(Struct, frozen=True):
    """A passer in a list. ``teams``: the newest first."""

    id: str
    name: str
    first_season: int
    last_season: int
    plays: int
    teams: list[str]


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
    public: bool
    outcome: str | None
    seasons: list[int]
    notes: list[str]
    version: Version = VERSION


class Health(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """New work is taken. ``store`` holds live plays; while it is lost no new one starts."""

    status: Literal["ready"]
    store: Literal["memory", "connected", "lost"]


class Problem(Struct, frozen=True):
    """RFC 9457: what went wrong, in the sentence that the command line would print."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
