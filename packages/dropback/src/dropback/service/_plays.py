"""Answer requests about plays: score one, list the stored ones, show one with its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import msgspec
import polars as pl
from msgspec import Meta, Struct
from starlette.responses import Response

from dropback._files import POLARS_ERRORS
from dropback.data._field import RATE_HZ
from dropback.errors import LiveError, TrackingError
from dropback.live import PlayFrames
from dropback.live._continuity import play_doubts
from dropback.live._stored import FIELD_COLUMNS, field_lines, forecast_stored_play
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._wire import (
    FRAME_BYTES,
    MESSAGE_PACK,
    frame_rows,
    frames_array,
    point_forecast,
    score_of,
    situation_from_message,
    situation_message,
)
from dropback.service import _messages as messages
from dropback.service._access import client_of
from dropback.service._http import JSON, Operation, decode, json_response, query, read_body
from dropback.service._logs import log
from dropback.service._shown import PLAY, PROBLEMS, Routes
from dropback.service._tables import Season, TableFormat  # noqa: TC001  # msgspec reads annotations
from dropback.tracking._schema import FRAME_QUANTITIES

if TYPE_CHECKING:
    from starlette.requests import Request

    from dropback.live._library import PlayLibrary
    from dropback.tracking._blocks import PlayBlock

_Decoder: TypeAlias = (
    msgspec.json.Decoder[messages.ScoreRequest] | msgspec.msgpack.Decoder[messages.ScoreRequest]
)
_NO_NETWORKS = "This service has no tracking networks: start it with a run that has."

_DECODERS: Final[dict[str, _Decoder]] = {
    JSON: msgspec.json.Decoder(messages.ScoreRequest),
    MESSAGE_PACK: msgspec.msgpack.Decoder(messages.ScoreRequest),
}


class PlaysQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/plays``."""

    season: Season | None = None
    game: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Keep one game.")] | None = None
    search: Annotated[
        str,
        Meta(max_length=100, description="Words of the description, teams, passer or target."),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0
    format: TableFormat = "json"


class PlayRoutes(Routes):
    """Handlers of plays, sent and stored."""

    work = "stored plays"

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        bodies: dict[str, type[Struct] | str] = {
            JSON: messages.ScoreRequest,
            MESSAGE_PACK: "The same as MessagePack, in which frames may be raw bytes.",
        }
        return [
            Operation("POST", "/v1/plays:score", self.score,
                      "Forecast a play at its release, and score it if yards are given",
                      messages.ScoreResponse, bodies=bodies, role="score",
                      problems=(408, 413, 415, 422, 503)),
            Operation("GET", "/v1/plays", self.plays, "List the stored plays",
                      messages.PlaysPage, query=PlaysQuery, problems=PROBLEMS, table=True),
            Operation("GET", "/v1/plays/{game}/{play}", self.play,
                      "Get a stored play with the forecast at every frame",
                      messages.PlayResponse, path_parameters=PLAY, problems=PROBLEMS),
        ]  # fmt: skip

    async def score(self, request: Request) -> Response:
        inference = self.shown.inference
        if inference is None:
            raise ServiceError(503, _NO_NETWORKS)
        share = client_of(request).share
        # Before the body: a busy service says so at the cost of a header.
        inference.require_capacity(share)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        decoder = _DECODERS.get(media_type)
        if decoder is None:
            raise ServiceError(
                415, f"The Content-Type must be {JSON} or {MESSAGE_PACK}, got {media_type!r}."
            )
        message = decode(decoder, await read_body(request, self.limits))
        situation = situation_from_message(message.situation)
        count, most = _frames_of(message), self.limits.frames
        if count > most:
            raise ServiceError(413, f"A play must have 1 to {most} frames, got {count}.")
        play = PlayFrames(situation, frames_array(message.frames), message.target_slot)
        forecast = await inference.score(play, share)
        score = None if message.yards is None else score_of(forecast, message.yards)
        doubts = play_doubts(play.frames, situation.line_of_scrimmage_x_yd)
        answer = messages.ScoreResponse(
            point_forecast(forecast), score, [doubt.detail for doubt in doubts]
        )
        if MESSAGE_PACK in request.headers.get("accept", ""):
            return Response(msgspec.msgpack.encode(answer), media_type=MESSAGE_PACK)
        return json_response(answer)

    async def plays(self, request: Request) -> Response:
        asked = query(request, PlaysQuery)
        library = self.shown.require_library()

        def page() -> messages.PlaysPage:
            found = library.find(season=asked.season, game=asked.game, search=asked.search)
            rows = found.slice(asked.offset, asked.limit).iter_rows(named=True)
            items = [messages.PlayItem(**row) for row in rows]
            return messages.PlaysPage(items, found.height, asked.offset)

        return await self.answers.get(request, asked, page, table=asked.format == "csv")

    async def play(self, request: Request) -> Response:
        library = self.shown.require_library()
        key = self.shown.play(**request.path_params)
        return await self.answers.get(request, key, lambda: self._response(library, *key))

    def _response(self, library: PlayLibrary, game: int, play: int) -> messages.PlayResponse:
        try:
            block = library.read(game, play)
        except (TrackingError, *POLARS_ERRORS) as error:
            # The sentence names files of this computer, which belong in the log alone.
            log.error("stored play is damaged", exc_info=error)
            raise ServiceError(
                503, f"The files of game {game}, play {play} are damaged: ingest them again."
            ) from error
        yards = self.shown.yards(game, play)
        forecast, problem = None, _NO_NETWORKS
        if self.shown.inference is not None:
            try:
                forecast = forecast_stored_play(self.shown.inference.predictor, block, yards)
            except LiveError as error:
                problem = str(error)
        frames = [] if forecast is None else forecast.frames
        return messages.PlayResponse(
            item=self.shown.item(game, play),
            field=field_lines(**block.plays.select(FIELD_COLUMNS).row(0, named=True)),
            players=players_of(block),
            rate_hz=RATE_HZ,
            quantities=list(FRAME_QUANTITIES),
            frames=frame_rows(block.frames),
            forecasts=[None if frame is None else point_forecast(frame) for frame in frames],
            release=None if forecast is None else point_forecast(forecast.release),
            forecast_problem=problem if forecast is None else None,
            situation=None if forecast is None else situation_message(forecast.context),
            yards=yards,
            score=None if forecast is None else forecast.score,
            decision=self._decision(game, play),
        )

    def _decision(self, game: int, play: int) -> messages.Decision | None:
        """The decision of a play, by the league's keys."""
        throws = self.shown.tables.decisions
        if throws is None:
            return None
        rows = throws.filter(pl.col("old_game_id") == str(game), pl.col("play_id") == play)
        if rows.is_empty():
            return None
        row = rows.row(0, named=True)
        lists = ("receiver_slots", "expected_yards", "target_probability")
        receivers = zip(*(row[name] for name in lists), strict=True)
        return msgspec.convert(
            {**row, "receivers": [messages.Receiver(*receiver) for receiver in receivers]},
            messages.Decision,
        )


def _frames_of(message: messages.ScoreRequest) -> int:
    frames = message.frames
    return len(frames) // FRAME_BYTES if isinstance(frames, bytes) else len(frames)


def players_of(block: PlayBlock) -> list[messages.LivePlayer]:
    """The players of the first play of a block, and the ball."""
    columns = ("slot", "side", "role", "position", "display_name")
    return [messages.LivePlayer(*row) for row in block.players.select(columns).iter_rows()]
