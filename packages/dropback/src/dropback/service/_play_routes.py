"""Answer requests about plays: score one, list the stored ones, show one with its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import polars as pl
from msgspec import Meta, Struct

from dropback.data._field import FIELD_LENGTH_YD, FIELD_WIDTH_YD, RATE_HZ
from dropback.errors import LiveError, TrackingError
from dropback.live import PlayFrames
from dropback.live._stored import field_lines, forecast_stored_play
from dropback.service._codec import PLAY_MEDIA_TYPE, decode_play
from dropback.service._convert import (
    frame_array,
    frame_rows,
    point_forecast,
    situation_from_message,
    situation_message,
)
from dropback.service._executors import ByteCache, SingleThreadExecutor
from dropback.service._http import (
    JSON,
    Operation,
    ServiceError,
    decode,
    json_response,
    query,
    read_body,
)
from dropback.service._library import players_of
from dropback.service._logs import log
from dropback.service._messages import (
    Field,
    PlayResponse,
    PlaysPage,
    ScoreRequest,
    ScoreResponse,
)
from dropback.tracking._schema import FRAME_QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.service._inference import Inference
    from dropback.service._library import PlayLibrary
    from dropback.service._settings import Limits

__all__ = ["PlayRoutes", "ScoreRoutes"]

_KEY = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_NO_NETWORKS = "This service has no tracking networks: start it with a run that has."

_score_requests = msgspec.json.Decoder(ScoreRequest)


class ScoreRoutes:
    """The handler that scores whole plays.

    Args:
        inference: Forecasts the plays; None if the service has no networks.
        limits: Of the service.
    """

    def __init__(self, inference: Inference | None, limits: Limits) -> None:
        self._inference, self._limits = inference, limits

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation(
                "POST",
                "/v1/plays:score",
                self.score,
                "Forecast a play at its release, and score it if yards are given",
                ScoreResponse,
                bodies={
                    JSON: ScoreRequest,
                    PLAY_MEDIA_TYPE: "The binary form of a play, version 1.",
                },
                problems=(408, 413, 415, 422, 503),
            )
        ]

    async def score(self, request: Request) -> Response:
        """Answer ``/v1/plays:score``."""
        if self._inference is None:
            raise ServiceError(503, _NO_NETWORKS)
        # Before the body: a busy service says so at the cost of a header.
        self._inference.require_capacity()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in {JSON, PLAY_MEDIA_TYPE}:
            raise ServiceError(
                415, f"The Content-Type must be {JSON} or {PLAY_MEDIA_TYPE}, got {media_type!r}."
            )
        body = await read_body(request, self._limits)
        if media_type == JSON:
            play, yards = self._from_json(body)
        else:
            play, yards = decode_play(body, most_frames=self._limits.frames)
        forecast = await self._inference.score(play)
        score = None if yards is None else forecast.score(yards)
        return json_response(ScoreResponse(point_forecast(forecast), score))

    def _from_json(self, body: bytes) -> tuple[PlayFrames, int | None]:
        most = self._limits.frames
        message = decode(_score_requests, body)
        if len(message.frames) > most:
            raise ServiceError(
                413, f"A play must have 1 to {most} frames, got {len(message.frames)}."
            )
        situation = situation_from_message(message.situation)
        return PlayFrames(
            situation, frame_array(message.frames), message.target_slot
        ), message.yards


class _PlaysParameters(Struct, frozen=True, forbid_unknown_fields=True):
    season: Annotated[int, Meta(ge=1920, le=2100, description="Keep one season.")] | None = None
    game: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Keep one game.")] | None = None
    search: Annotated[
        str, Meta(max_length=100, description="Words of the description, passer or target.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0


class PlayRoutes:
    """Handlers over a library of stored plays.

    Args:
        library: The plays; None if the service was started without.
        inference: Holds the networks that forecast them; None if the service has none.
        yards: Yards gained on a play by its keys, for tracking sets that do not have them.
        limits: Of the service.
    """

    def __init__(
        self,
        library: PlayLibrary | None,
        inference: Inference | None,
        yards: Callable[[int, int], int | None],
        limits: Limits,
    ) -> None:
        self._library, self._inference, self._yards = library, inference, yards
        self._executor = SingleThreadExecutor("stored plays", limits.queued_rankings)
        self._cache = ByteCache(limits.cached_bytes)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
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
        self._executor.close()

    async def plays(self, request: Request) -> Response:
        """Answer ``/v1/plays``."""
        parameters = query(request, _PlaysParameters)
        library = self._require_library()
        page = await self._executor.run(lambda: library.page(**msgspec.structs.asdict(parameters)))
        return json_response(page)

    async def play(self, request: Request) -> Response:
        """Answer ``/v1/plays/{game}/{play}``."""
        library = self._require_library()
        game, play = (_whole_number(request.path_params[name]) for name in ("game", "play"))
        if (game, play) not in library.keys:
            raise ServiceError(
                404, f"No game {game}, play {play} is stored here: /v1/plays lists those that are."
            )
        answer = self._cache.get((game, play))
        if answer is None:
            answer = await self._executor.run(
                lambda: msgspec.json.encode(self._response(library, game, play))
            )
            self._cache.put((game, play), answer)
        return json_response(answer)

    def _response(self, library: PlayLibrary, game: int, play: int) -> PlayResponse:
        try:
            block = library.read(game, play)
        except (TrackingError, OSError, pl.exceptions.PolarsError) as error:
            # The sentence names files of this computer, which belong in the log alone.
            log.error("stored play is damaged", exc_info=error)
            raise ServiceError(
                503, f"The files of game {game}, play {play} are damaged: ingest them again."
            ) from error
        yards = block.plays["yards_gained"][0]
        if yards is None:
            yards = self._yards(game, play)
        forecast, problem = None, _NO_NETWORKS
        if self._inference is not None:
            try:
                forecast = forecast_stored_play(self._inference.predictor, block, yards)
            except LiveError as error:
                problem = str(error)
        lines = field_lines(block)
        frames = [] if forecast is None else forecast.frames
        return PlayResponse(
            item=library.item(game, play),
            field=Field(
                length_yd=FIELD_LENGTH_YD,
                width_yd=FIELD_WIDTH_YD,
                line_of_scrimmage_x_yd=lines.line_of_scrimmage_x_yd,
                first_down_x_yd=lines.first_down_x_yd,
                goal_line_x_yd=lines.goal_line_x_yd,
            ),
            players=players_of(block),
            rate_hz=RATE_HZ,
            quantities=list(FRAME_QUANTITIES),
            frames=frame_rows(block.frames),
            forecasts=[None if frame is None else point_forecast(frame) for frame in frames],
            release=None if forecast is None else point_forecast(forecast.release),
            forecast_problem=problem if forecast is None else None,
            situation=None if forecast is None else situation_message(forecast.situation),
            yards=yards,
            score=None if forecast is None else forecast.score,
        )

    def _require_library(self) -> PlayLibrary:
        if self._library is None:
            raise ServiceError(
                404, "This service has no stored plays: start it with --plays plays/."
            )
        return self._library


def _whole_number(text: str) -> int:
    """A key in a path: ASCII digits alone, of a number that JSON can hold."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise ServiceError(422, f"A game and a play must be whole numbers, got {text[:64]!r}.")
    return int(text)
