"""Answer requests about play scores: leaderboards, passers and splits."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from dropback.errors import DropbackError
from dropback.service import _messages as messages
from dropback.service._http import Operation, query
from dropback.service._score_table import LeaderboardQuery, PassersQuery
from dropback.service._shown import PASSER, PROBLEMS, Routes
from dropback.service._tables import TableQuery

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class RankingRoutes(Routes):
    """Handlers over a table of play scores."""

    work = "rankings"

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation("GET", "/v1/leaderboard", self.leaderboard,
                      "Rank groups of plays by their mean play score",
                      messages.LeaderboardResponse, query=LeaderboardQuery, problems=PROBLEMS,
                      table=True),
            Operation("GET", "/v1/splits", self.splits,
                      "List what a leaderboard may be grouped and filtered by",
                      messages.SplitsResponse, query=TableQuery, problems=PROBLEMS, table=True),
            Operation("GET", "/v1/passers", self.passers, "List passers, most plays first",
                      messages.PassersPage, query=PassersQuery, problems=PROBLEMS, table=True),
            Operation("GET", "/v1/passers/{passer}", self.passer,
                      "Look up a passer: seasons, best and worst throws, calibration",
                      messages.PasserResponse, query=TableQuery, path_parameters=PASSER,
                      problems=PROBLEMS, table=True),
        ]  # fmt: skip

    async def warm(self) -> None:
        """Compute what the page asks for first, so that nobody waits for it."""
        scores = self.shown.scores
        if scores is None:
            return
        first = LeaderboardQuery(seasons=str(scores.seasons[-1]), limit=1000)
        for parameters in (first, LeaderboardQuery()):
            with contextlib.suppress(DropbackError):  # no row: whoever asks is told
                work = partial(scores.leaderboard, parameters)
                await self.answers.warm(parameters, work, None)
        await self.answers.warm("splits", scores.splits, None)

    async def leaderboard(self, request: Request) -> Response:
        asked = query(request, LeaderboardQuery)
        scores = self.shown.require_scores()
        return await self.answers.get(
            request, asked, lambda: scores.leaderboard(asked), table=asked.format == "csv"
        )

    async def splits(self, request: Request) -> Response:
        csv = query(request, TableQuery).format == "csv"
        splits = self.shown.require_scores().splits
        return await self.answers.get(request, "splits", splits, table=csv)

    async def passers(self, request: Request) -> Response:
        asked = query(request, PassersQuery)
        scores = self.shown.require_scores()
        return await self.answers.get(
            request, asked, lambda: scores.passers(asked), table=asked.format == "csv"
        )

    async def passer(self, request: Request) -> Response:
        passer = self.shown.passer(request.path_params["passer"])
        scores, library = self.shown.require_scores(), self.shown.library
        stored = frozenset() if library is None else library.keys
        return await self.answers.get(
            request, ("passer", passer), lambda: scores.passer(passer, stored),
            table=query(request, TableQuery).format == "csv",
        )  # fmt: skip
