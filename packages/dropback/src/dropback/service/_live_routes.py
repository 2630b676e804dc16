"""Answer requests about live plays: the games they are of, and the scoreboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct
from starlette.responses import Response

from dropback.live.feeds import _messages as live
from dropback.service._http import CSV, Operation, json_response, query
from dropback.service._tables import TableFormat, TableQuery, csv_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from dropback.live.feeds._board import LiveBoard, LivePlayRecord


class LivePlaysQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/live/plays``."""

    game: Annotated[str, Meta(max_length=64, description="Keep one game.")] = ""
    state: Annotated[
        Literal["", "running", "over"],
        Meta(description="Keep plays whose feed is well, or plays that are over."),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 100
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0
    format: TableFormat = "json"


class LiveRoutes:
    """Handlers over the board of live plays."""

    def __init__(self, board: LiveBoard) -> None:
        self._board = board

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation("GET", "/v1/live/games", self.live_games,
                      "List the games with live plays, the newest first",
                      live.LiveGamesResponse, query=TableQuery, problems=(422,), table=True),
            Operation("GET", "/v1/live/plays", self.live_plays,
                      "The scoreboard: live and finished plays, newest first",
                      live.LivePlaysResponse, query=LivePlaysQuery, problems=(422,), table=True),
        ]  # fmt: skip

    async def live_games(self, request: Request) -> Response:
        asked = query(request, TableQuery)
        games: dict[str | None, list[LivePlayRecord]] = {}
        for play in self._board.published():
            games.setdefault(play.started.start.game, []).append(play)
        answer = live.LiveGamesResponse([_game(name, plays) for name, plays in games.items()])
        return _answered(answer, asked.format)

    async def live_plays(self, request: Request) -> Response:
        asked = query(request, LivePlaysQuery)
        plays = [
            play
            for play in self._board.published(asked.game or None)
            if asked.state in {"", "over" if play.over else play.state}
        ]
        page = plays[asked.offset : asked.offset + asked.limit]
        answer = live.LivePlaysResponse([play.row() for play in page], len(plays), asked.offset)
        return _answered(answer, asked.format)


def _answered(answer: Struct, form: str) -> Response:
    if form == "csv":
        return Response(csv_of(answer), media_type=CSV)
    return json_response(answer)


def _game(name: str | None, plays: list[LivePlayRecord]) -> live.LiveGame:
    """A game as its newest play shows it."""
    newest = plays[0].started.start
    running = sum(play.state == "running" for play in plays)
    return live.LiveGame(
        name, newest.offense, newest.defense, newest.situation.quarter, newest.game_clock_s,
        running, len(plays), plays[0].name,
    )  # fmt: skip
