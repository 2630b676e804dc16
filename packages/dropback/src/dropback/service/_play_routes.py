"""Routes of stored plays: a list to choose from, and a play with its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import polars as pl
from msgspec import Meta, Struct

from dropback.data._field import RATE_HZ
from dropback.errors import TrackingError
from dropback.service._forecasts import NO_FORECASTS, StoredForecasts
from dropback.service._library import field_of, frame_rows, players_of
from dropback.service._logs import log
from dropback.service._messages import PlayResponse, PlaysPage
from dropback.service._operations import Operation, json_response
from dropback.service._problems import ServiceError
from dropback.service._requests import query
from dropback.service._rooms import ByteCache, WorkRoom
from dropback.tracking._schema import FRAME_QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.service._library import PlayLibrary
    from dropback.service._settings import Limits
    from dropback.tracking._blocks import PlayBlock

__all__ = ["PlayRoutes"]

_KEY = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}


class _PlaysParameters(Struct, frozen=True, forbid_unknown_fields=True):
    season: Annotated[int, Meta(ge=1920, le=2100, description="Keep one season.")] | None = None
    game: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Keep one game.")] | None = None
    search: Annotated[
        str, Meta(max_length=100, description="Words of the description, passer or target.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to pass over.")] = 0


class PlayRoutes:
    """Handlers over a library of stored plays.

    Args:
        library: The plays; None where the service was started without.
        forecast: Forecasts of a block's one play, of yards; None where there is no predictor.
        yards: Gained on a play by its keys, for sets that do not say.
        limits: Of the service.
    """

    def __init__(
        self,
        library: PlayLibrary | None,
        forecast: Callable[[PlayBlock, int | None], StoredForecasts] | None,
        yards: Callable[[int, int], int | None],
        limits: Limits,
    ) -> None:
        self._library, self._forecast, self._yards = library, forecast, yards
        self._room = WorkRoom("stored plays", limits.queued_rankings)
        self._cache = ByteCache(limits.cached_bytes)

    def operations(self) -> list[Operation]:
        """What is served."""
        return [
            Operation(
                "GET",
                "/v1/plays",
                self.plays,
                "List the stored plays",
                PlaysPage,
                query=_PlaysParameters,
                problems=(404, 422, 503),
            ),
            Operation(
                "GET",
                "/v1/plays/{game}/{play}",
                self.play,
                "Get a stored play with the forecast at every frame",
                PlayResponse,
                path_parameters={"game": _KEY, "play": _KEY},
                problems=(404, 422, 503),
            ),
        ]

    def close(self) -> None:
        """Finish what was accepted."""
        self._room.close()

    async def plays(self, request: Request) -> Response:
        """Answer ``/v1/plays``."""
        asked = query(request, _PlaysParameters)
        library = self._plays()
        page = await self._room.run(
            lambda: library.page(
                season=asked.season,
                game=asked.game,
                search=asked.search,
                limit=asked.limit,
                offset=asked.offset,
            )
        )
        return json_response(page)

    async def play(self, request: Request) -> Response:
        """Answer ``/v1/plays/{game}/{play}``."""
        library = self._plays()
        game, play = (_whole(request.path_params[name]) for name in ("game", "play"))
        if (game, play) not in library.keys:
            raise ServiceError(
                404, f"No game {game}, play {play} is stored here: /v1/plays lists those that are."
            )
        kept = self._cache.get((game, play))
        if kept is None:
            kept = await self._room.run(
                lambda: msgspec.json.encode(self._response(library, game, play))
            )
            self._cache.put((game, play), kept)
        return json_response(kept)

    def _response(self, library: PlayLibrary, game: int, play: int) -> PlayResponse:
        try:
            block = library.read(game, play)
        except (TrackingError, OSError, pl.exceptions.PolarsError) as error:
            # The sentence names files of this machine, which is for the log alone.
            log.error("stored play is damaged", exc_info=error)  # the same
            raise ServiceError(
                503, f"The files of game {game}, play {play} are damaged: ingest them again."
            ) from error
        yards = block.plays["yards_gained"][0]
        if yards is None:
            yards = self._yards(game, play)
        made = NO_FORECASTS if self._forecast is None else self._forecast(block, yards)
        return PlayResponse(
            item=library.item(game, play),
            field=field_of(block),
            players=players_of(block),
            rate_hz=RATE_HZ,
            quantities=list(FRAME_QUANTITIES),
            frames=frame_rows(block),
            forecasts=made.frames,
            release=made.release,
            forecast_problem=made.problem,
            situation=made.situation,
            yards=yards,
            score=made.score,
        )

    def _plays(self) -> PlayLibrary:
        if self._library is None:
            raise ServiceError(
                404, "This service has no stored plays: start it with --plays plays/."
            )
        return self._library


def _whole(text: str) -> int:
    """A key of a path: ASCII digits alone, of a number that JSON can hold."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise ServiceError(422, f"A game and a play must be whole numbers, got {text[:64]!r}.")
    return int(text)
