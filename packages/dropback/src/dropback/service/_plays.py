"""Answer requests about plays: score one, list the stored ones, show one with its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np
import polars as pl
from msgspec import Meta, Struct
from starlette.responses import Response

from dropback._files import POLARS_ERRORS
from dropback._frames import left_join
from dropback._search import keep_found, search_column
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
    situation_from_message,
    situation_message,
)
from dropback.service import _messages as messages
from dropback.service._access import client_of
from dropback.service._executors import CachedAnswers
from dropback.service._http import JSON, Operation, decode, json_response, query, read_body
from dropback.service._logs import log
from dropback.tracking._schema import FRAME_QUANTITIES
from dropback.tracking._storage import chunk_files, read_chunk, read_plays_table
from dropback.tracking.readers import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import Request

    from dropback.live.feeds._inference import Inference
    from dropback.service._limits import Limits
    from dropback.tracking._blocks import PlayBlock

_KEY = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
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

    season: Annotated[int, Meta(ge=1920, le=2100, description="Keep one season.")] | None = None
    game: Annotated[int, Meta(ge=0, le=2**53 - 1, description="Keep one game.")] | None = None
    search: Annotated[
        str,
        Meta(max_length=100, description="Words of the description, teams, passer or target."),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0
    format: Literal["json", "csv"] = "json"


class PlayRoutes:
    """Handlers of plays, sent and stored.

    Args:
        library: The stored plays; None if the service was started without.
        inference: Forecasts plays; None if the service has no networks.
        yards: Yards gained on a play by its keys, for tracking sets that do not have them.
        limits: Of the service.
    """

    def __init__(
        self,
        library: PlayLibrary | None,
        inference: Inference | None,
        yards: Mapping[tuple[int, int], int],
        limits: Limits,
    ) -> None:
        self._library, self._inference = library, inference
        self._yards, self._limits = yards, limits
        self.answers = CachedAnswers("stored plays", limits)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        problems = (404, 422, 503)
        keys = {"game": _KEY, "play": _KEY}
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
                      messages.PlaysPage, query=PlaysQuery, problems=problems, table=True),
            Operation("GET", "/v1/plays/{game}/{play}", self.play,
                      "Get a stored play with the forecast at every frame",
                      messages.PlayResponse, path_parameters=keys, problems=problems),
        ]  # fmt: skip

    async def score(self, request: Request) -> Response:
        if self._inference is None:
            raise ServiceError(503, _NO_NETWORKS)
        share = client_of(request).share
        # Before the body: a busy service says so at the cost of a header.
        self._inference.require_capacity(share)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        decoder = _DECODERS.get(media_type)
        if decoder is None:
            raise ServiceError(
                415, f"The Content-Type must be {JSON} or {MESSAGE_PACK}, got {media_type!r}."
            )
        message = decode(decoder, await read_body(request, self._limits))
        situation = situation_from_message(message.situation)
        count, most = _frames_of(message), self._limits.frames
        if count > most:
            raise ServiceError(413, f"A play must have 1 to {most} frames, got {count}.")
        play = PlayFrames(situation, frames_array(message.frames), message.target_slot)
        forecast = await self._inference.score(play, share)
        score = None if message.yards is None else forecast.score(message.yards)
        doubts = play_doubts(play.frames, situation.line_of_scrimmage_x_yd)
        answer = messages.ScoreResponse(
            point_forecast(forecast), score, [doubt.detail for doubt in doubts]
        )
        if MESSAGE_PACK in request.headers.get("accept", ""):
            return Response(msgspec.msgpack.encode(answer), media_type=MESSAGE_PACK)
        return json_response(answer)

    async def plays(self, request: Request) -> Response:
        parameters = query(request, PlaysQuery)
        library = self._require_library()
        table = parameters.format == "csv"
        return await self.answers.get(
            request, parameters, lambda: library.page(parameters), table=table
        )

    async def play(self, request: Request) -> Response:
        library = self._require_library()
        game, play = (_whole_number(request.path_params[name]) for name in ("game", "play"))
        if (game, play) not in library.keys:
            raise ServiceError(
                404, f"No game {game}, play {play} is stored here: /v1/plays lists those that are."
            )
        return await self.answers.get(
            request, (game, play), lambda: self._response(library, game, play)
        )

    def _response(self, library: PlayLibrary, game: int, play: int) -> messages.PlayResponse:
        try:
            block = library.read(game, play)
        except (TrackingError, *POLARS_ERRORS) as error:
            # The sentence names files of this computer, which belong in the log alone.
            log.error("stored play is damaged", exc_info=error)
            raise ServiceError(
                503, f"The files of game {game}, play {play} are damaged: ingest them again."
            ) from error
        yards = block.plays["yards_gained"][0]
        if yards is None:
            yards = self._yards.get((game, play))
        forecast, problem = None, _NO_NETWORKS
        if self._inference is not None:
            try:
                forecast = forecast_stored_play(self._inference.predictor, block, yards)
            except LiveError as error:
                problem = str(error)
        frames = [] if forecast is None else forecast.frames
        return messages.PlayResponse(
            item=library.item(game, play),
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


class PlayLibrary:
    """The plays of a canonical folder, which `dropback ingest` writes.

    The tables of plays are held in memory; frames are read when they are needed.

    Attributes:
        table: The plays, a row each, in the columns of `messages.PlayItem`.
        keys: Game and play of each.
        notes: What selections the plays are.

    Args:
        folder: The canonical folder.

    Raises:
        TrackingError: It holds no canonical plays.
    """

    def __init__(self, folder: Path) -> None:
        self._files = chunk_files(folder)
        counts = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in self._files]
        chunk = pl.Series("chunk", np.repeat(np.arange(len(counts)), counts))
        table = read_plays_table(folder).with_columns(chunk, *_names(self._files))
        notes = {
            source: layout.selection if (layout := FORMATS.get(source)) else ""
            for source in table["source_format"].unique()
        }
        self.notes = sorted(set(notes.values()) - {""})
        columns = {"game": "game_id", "play": "play_id"}
        items = [
            pl.col(columns.get(name, name)).alias(name)
            for name in messages.PlayItem.__struct_fields__
            if name != "note"
        ]
        note = pl.col("source_format").replace_strict(notes, return_dtype=pl.String).alias("note")
        plays = table.select(*items, note, "chunk")
        search = search_column(plays, "passer", "target", "offense", "defense", "description")
        self.table = plays.drop("chunk")
        self._plays = plays.with_columns(search)
        self._rows = {key: row for row, key in enumerate(table.select("game_id", "play_id").rows())}
        self.keys = frozenset(self._rows)

    def page(self, query: PlaysQuery) -> messages.PlaysPage:
        """A page of the plays."""
        found = self._plays
        if query.season is not None:
            found = found.filter(pl.col("season") == query.season)
        if query.game is not None:
            found = found.filter(pl.col("game") == query.game)
        found = keep_found(found, query.search)
        rows = found.drop("chunk", "search").slice(query.offset, query.limit).iter_rows(named=True)
        return messages.PlaysPage(
            [messages.PlayItem(**row) for row in rows], found.height, query.offset
        )

    def item(self, game: int, play: int) -> messages.PlayItem:
        """The list entry of a stored play."""
        return messages.PlayItem(
            **self._plays.drop("chunk", "search").row(self._rows[game, play], named=True)
        )

    def read(self, game: int, play: int) -> PlayBlock:
        """A stored play as a block of its own; damaged files raise `TrackingError`."""
        block = read_chunk(self._files[self._plays["chunk"][self._rows[game, play]]])
        keep = (block.plays["game_id"] == game) & (block.plays["play_id"] == play)
        return block.keep(keep.to_numpy())


def _frames_of(message: messages.ScoreRequest) -> int:
    frames = message.frames
    return len(frames) // FRAME_BYTES if isinstance(frames, bytes) else len(frames)


def players_of(block: PlayBlock) -> list[messages.LivePlayer]:
    """The players of the first play of a block, and the ball."""
    columns = ("slot", "side", "role", "position", "display_name")
    return [messages.LivePlayer(*row) for row in block.players.select(columns).iter_rows()]


def _names(files: list[Path]) -> list[pl.Series]:
    """Names of passer and target of each play, in chunk order."""
    named = []
    for path in files:
        beside = path.parent.parent.parent / "players" / path.relative_to(path.parent.parent)
        players = pl.read_parquet(beside, columns=["game_id", "play_id", "slot", "display_name"])
        plays = pl.read_parquet(path, columns=["game_id", "play_id", "passer_slot", "target_slot"])
        for slot, name in (("passer_slot", "passer"), ("target_slot", "target")):
            plays = left_join(
                plays.with_columns(pl.col(slot).cast(pl.UInt8)),
                players.rename({"slot": slot, "display_name": name}),
                on=["game_id", "play_id", slot],
            )
        named.append(plays.select("passer", "target"))
    return pl.concat(named).get_columns()
