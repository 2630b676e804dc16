"""Hold what is shown, and what the handlers of plays, rankings and pictures have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dropback.live.feeds._errors import ServiceError
from dropback.service._executors import CachedAnswers
from dropback.service._messages import PlayItem

if TYPE_CHECKING:
    from dropback.live._library import PlayLibrary
    from dropback.live.feeds._inference import Inference
    from dropback.service._http import Operation
    from dropback.service._limits import Limits
    from dropback.service._score_table import ScoreTable
    from dropback.workflows import PasserTables

PASSER: Final[dict[str, dict[str, Any]]] = {
    "passer": {"type": "string", "minLength": 1, "maxLength": 64}
}
"""Schema of the path parameter of a passer."""

_KEY = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
PLAY: Final[dict[str, dict[str, Any]]] = {"game": _KEY, "play": _KEY}
"""Schemas of the path parameters of a play."""

PROBLEMS: Final = (404, 422, 503)
"""Statuses that an operation on what is shown may answer with."""


@dataclass(frozen=True)
class Shown:
    """What is shown; a part that is None is answered with a problem that says what to pass.

    Attributes:
        scores: Play scores.
        library: Stored plays.
        inference: Forecasts plays.
        tables: What is shown of passers beside their scores.
    """

    scores: ScoreTable | None
    library: PlayLibrary | None
    inference: Inference | None
    tables: PasserTables

    def require_scores(self) -> ScoreTable:
        """The play scores."""
        if self.scores is None:
            raise ServiceError(
                404, "This service has no play scores: start it with --scores scores.parquet."
            )
        return self.scores

    def require_library(self) -> PlayLibrary:
        """The stored plays."""
        if self.library is None:
            raise ServiceError(
                404, "This service has no stored plays: start it with --plays plays/."
            )
        return self.library

    def item(self, game: int, play: int) -> PlayItem:
        """The list entry of a stored play."""
        return PlayItem(**self.require_library().row(game, play))

    def yards(self, game: int, play: int) -> int | None:
        """Yards of a stored play: of its tracking set, else of the play scores."""
        yards = self.item(game, play).yards_gained
        if yards is None and self.scores is not None:
            yards = self.scores.yards.get((game, play))
        return yards

    def passer(self, passer: str) -> str:
        """The id of a passer of whom a play is scored."""
        if not self.require_scores().knows(passer):
            raise ServiceError(404, f"No play of passer {passer[:64]!r} is scored here.")
        return passer

    def play(self, game: str, play: str) -> tuple[int, int]:
        """Game and play of a stored play."""
        key = play_key(game, play)
        if key not in self.require_library().keys:
            raise ServiceError(
                404,
                f"No game {key[0]}, play {key[1]} is stored here: /v1/plays lists those that are.",
            )
        return key


def play_key(game: str, play: str) -> tuple[int, int]:
    """Game and play: ASCII digits alone, of numbers that JSON can hold."""
    for text in (game, play):
        if not (text.isascii() and text.isdecimal() and len(text) <= 16):
            raise ServiceError(422, f"A game and a play must be whole numbers, got {text[:64]!r}.")
    return int(game), int(play)


class Routes:
    """Handlers over what is shown, whose answers one thread computes and a cache keeps.

    Args:
        shown: What is shown.
        limits: Of the service.

    Attributes:
        work: What the thread computes, in words.
    """

    work: ClassVar[str]

    def __init__(self, shown: Shown, limits: Limits) -> None:
        self.shown, self.limits = shown, limits
        self.answers = CachedAnswers(self.work, limits)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        raise NotImplementedError
