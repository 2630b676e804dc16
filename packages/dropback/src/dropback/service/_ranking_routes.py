"""Answer requests about play scores: leaderboards, passers and splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from dropback.errors import RequestError
from dropback.service._executors import ByteCache, SingleThreadExecutor
from dropback.service._http import Operation, ServiceError, json_response, query
from dropback.service._messages import (
    LeaderboardResponse,
    PasserResponse,
    PassersPage,
    SplitsResponse,
)
from dropback.service._scores import LeaderboardQuery, ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.service._settings import Limits

__all__ = ["RankingRoutes"]

Limit = Annotated[int, Meta(ge=1, le=1000, description="Most rows to return.")]
Offset = Annotated[int, Meta(ge=0, le=10**9, description="Rows to skip.")]


class _LeaderboardParameters(Struct, frozen=True, forbid_unknown_fields=True):
    by: Annotated[str, Meta(max_length=200, description="Splits, separated by commas.")] = (
        "passer,season"
    )
    split: Annotated[
        str, Meta(max_length=500, description="name=value, several separated by commas.")
    ] = ""
    where: Annotated[str, Meta(max_length=500, description="SQL predicate of one play.")] = ""
    seasons: Annotated[str, Meta(max_length=200, description="2021, 2018-2020 or both.")] = ""
    min_attempts: Annotated[
        str, Meta(max_length=12, description="A number, nfl or reliable; empty chooses by rows.")
    ] = ""
    order: Annotated[
        str, Meta(max_length=64, description="Column of the rows; - before it descends.")
    ] = ""
    limit: Limit = 200
    offset: Offset = 0


class _PassersParameters(Struct, frozen=True, forbid_unknown_fields=True):
    search: Annotated[str, Meta(max_length=100, description="Part of a name or id.")] = ""
    limit: Limit = 100
    offset: Offset = 0


class RankingRoutes:
    """Handlers over a table of play scores.

    Args:
        scores: The table; None if the service was started without.
        stored: Keys of the plays whose tracking is stored.
        limits: Of the service.
    """

    def __init__(
        self, scores: ScoreTable | None, stored: Container[tuple[int, int]], limits: Limits
    ) -> None:
        self._scores, self._stored = scores, stored
        self._executor = SingleThreadExecutor("rankings", limits.queued_rankings)
        self._cache = ByteCache(limits.cached_bytes)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation(
                "GET",
                "/v1/leaderboard",
                self.leaderboard,
                "Rank groups of plays by their mean play score",
                LeaderboardResponse,
                query=_LeaderboardParameters,
                problems=(404, 422, 503),
            ),
            Operation(
                "GET",
                "/v1/splits",
                self.splits,
                "List what a leaderboard may be grouped and filtered by",
                SplitsResponse,
                problems=(404, 503),
            ),
            Operation(
                "GET",
                "/v1/passers",
                self.passers,
                "List passers, most plays first",
                PassersPage,
                query=_PassersParameters,
                problems=(404, 422, 503),
            ),
            Operation(
                "GET",
                "/v1/passers/{passer}",
                self.passer,
                "Look up a passer: seasons, best and worst throws, calibration",
                PasserResponse,
                path_parameters={"passer": {"type": "string", "minLength": 1, "maxLength": 64}},
                problems=(404, 422, 503),
            ),
        ]

    def close(self) -> None:
        """Finish what was accepted."""
        self._executor.close()

    async def leaderboard(self, request: Request) -> Response:
        """Answer ``/v1/leaderboard``."""
        parameters = query(request, _LeaderboardParameters)
        scores = self._table()
        board = LeaderboardQuery(
            by=tuple(name.strip() for name in parameters.by.split(",") if name.strip()),
            split=_split(parameters.split),
            where=parameters.where or None,
            seasons=parameters.seasons,
            min_attempts=parameters.min_attempts,
            order=parameters.order,
        )
        return await self._answer(
            parameters,
            lambda: scores.leaderboard(board, limit=parameters.limit, offset=parameters.offset),
        )

    async def splits(self, _: Request) -> Response:
        """Answer ``/v1/splits``."""
        return await self._answer("splits", self._table().splits)

    async def passers(self, request: Request) -> Response:
        """Answer ``/v1/passers``."""
        parameters = query(request, _PassersParameters)
        scores = self._table()
        return await self._answer(
            parameters,
            lambda: scores.passers(
                parameters.search, limit=parameters.limit, offset=parameters.offset
            ),
        )

    async def passer(self, request: Request) -> Response:
        """Answer ``/v1/passers/{passer}``."""
        scores = self._table()
        passer: str = request.path_params["passer"]
        if not scores.knows(passer):
            raise ServiceError(404, f"No play of passer {passer[:64]!r} is scored here.")
        return await self._answer(("passer", passer), lambda: scores.passer(passer, self._stored))

    async def _answer(
        self, key: Struct | str | tuple[str, str], work: Callable[[], Struct]
    ) -> Response:
        """A cached answer, or a new one from the ranking thread."""
        answer = self._cache.get(key)
        if answer is None:
            # Encoded in the thread too: a thousand rows take 5 ms.
            answer = await self._executor.run(lambda: msgspec.json.encode(work()))
            self._cache.put(key, answer)
        return json_response(answer)

    def _table(self) -> ScoreTable:
        if self._scores is None:
            raise ServiceError(
                404, "This service has no play scores: start it with --scores scores.parquet."
            )
        return self._scores


def _split(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not (name.strip() and equals and value.strip()) for name, equals, value in pairs):
        raise RequestError(
            f"split must be name=value, several separated by commas, got {text!r}: for example "
            "depth=deep,down=3."
        )
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)
