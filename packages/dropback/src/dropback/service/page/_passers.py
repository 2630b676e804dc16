"""Answer about passers in detail, and compare two.

All numbers are computed by `dropback.ranking` and `dropback.projection`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import polars as pl
from msgspec import Meta, Struct

from dropback import ranking
from dropback.errors import RequestError
from dropback.service._http import Operation, query
from dropback.service._shown import PASSER, PROBLEMS, Routes, Shown
from dropback.service._tables import Rows, Season, TableFormat

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.service._limits import Limits

_MOST_VALUES: Final = 8
# Of the bootstrap of a passer's splits.
_REPLICATES: Final = 200
# What a passer's page draws: three that every play has, and one of tracking.
_DRAWN_SPLITS: Final = ("depth", "down", "location", "pressure")


class DetailQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/passers/{passer}/detail``."""

    season: Season | None = None
    table: Annotated[
        Literal["games", "numbers"], Meta(description="Which rows csv has: games or seasons.")
    ] = "games"
    format: TableFormat = "json"


class CompareQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/compare``."""

    first: Annotated[str, Meta(min_length=1, max_length=64, description="Id of a passer.")]
    second: Annotated[str, Meta(min_length=1, max_length=64, description="Id of another.")]
    season: Season | None = None
    table: Annotated[
        Literal["rows", "seasons"], Meta(description="Which rows csv has: of all, or by season.")
    ] = "rows"
    format: TableFormat = "json"


class SplitRow(Struct, frozen=True):
    """A passer's row among all passers' plays of one value, null with too few plays."""

    value: str
    row: dict[str, Any] | None


class SplitRows(Struct, frozen=True):
    """A passer's plays divided by one split."""

    split: str
    definition: str
    rows: list[SplitRow]


class DetailResponse(Struct, frozen=True):
    """A passer in detail, of one season or all.

    ``career`` is the row among all passers of these seasons, null with too few plays to be ranked;
    ``decision`` that of `dropback.ranking.decision_board`, null without tracked throws.
    ``numbers`` are the passing and quarterback scores by season, and ``projection`` the newest one,
    whichever season is asked for.
    """

    id: str
    seasons: list[int]
    career: dict[str, Any] | None
    splits: list[SplitRows]
    games: list[dict[str, Any]]
    decision: dict[str, Any] | None
    numbers: list[dict[str, Any]]
    projection: dict[str, Any] | None


class CompareResponse(Struct, frozen=True):
    """Two passers beside each other: `dropback.ranking.Versus`.

    ``probability`` is that of the first one's true score being higher; ``difference`` is of the
    true scores, first less second, with its 90 % interval.
    """

    rows: list[dict[str, Any]]
    difference: float
    low: float
    high: float
    probability: float
    passers: int
    seasons: list[dict[str, Any]]


class PasserRoutes(Routes):
    """Handlers of passers in detail and of comparisons."""

    work = "passers"

    def __init__(self, shown: Shown, limits: Limits) -> None:
        super().__init__(shown, limits)
        self._boards: dict[tuple[int | None, str, str], pl.DataFrame] = {}

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation("GET", "/v1/passers/{passer}/detail", self.detail,
                      "Look up a passer's splits, percentile, games, decisions and projection",
                      DetailResponse, query=DetailQuery, path_parameters=PASSER,
                      problems=PROBLEMS, table=True),
            Operation("GET", "/v1/compare", self.compare, "Compare two passers",
                      CompareResponse, query=CompareQuery, problems=PROBLEMS, table=True),
        ]  # fmt: skip

    async def detail(self, request: Request) -> Response:
        asked = query(request, DetailQuery)
        passer = self.shown.passer(request.path_params["passer"])

        def found() -> DetailResponse | Rows:
            if asked.format == "json":
                return self._detail(passer, asked.season)
            if asked.table == "games":
                return Rows(self._games(passer, asked.season))
            return Rows(self._own(self.shown.tables.seasons, passer))

        return await self.answers.get(request, (passer, asked), found, table=asked.format == "csv")

    async def compare(self, request: Request) -> Response:
        asked = query(request, CompareQuery)
        for passer in (asked.first, asked.second):
            self.shown.passer(passer)

        def compared() -> CompareResponse | Rows:
            found = ranking.compare_passers(self._of(asked.season), asked.first, asked.second)
            rows, seasons = found.rows.to_dicts(), found.seasons.to_dicts()
            if asked.format == "csv":
                return Rows(rows if asked.table == "rows" else seasons)
            return CompareResponse(
                rows, found.difference, found.low, found.high, found.probability, found.passers,
                seasons,
            )  # fmt: skip

        return await self.answers.get(request, asked, compared, table=asked.format == "csv")

    def _of(self, season: int | None) -> pl.DataFrame:
        """The scored plays of a season, or of all."""
        table = self.shown.require_scores().table
        if season is None:
            return table
        kept = table.filter(pl.col("season") == season)
        if kept.is_empty():
            raise RequestError(f"No play of {season} is scored here.")
        return kept

    def _row(
        self, passer: str, season: int | None, split: str = "", value: str = ""
    ) -> dict[str, Any] | None:
        """A passer's row among all, of one value of a split where one is named.

        None with too few plays. Where nobody has enough for the league's rule all are ranked.
        """
        key = (season, split, value)
        if key not in self._boards:
            self._boards[key] = _ranked(self._of(season), {split: value} if split else {})
        return _first(_of_passer(self._boards[key], passer))

    def _detail(self, passer: str, season: int | None) -> DetailResponse:
        games = self._games(passer, season)
        table, tables = self._of(season), self.shown.tables
        splits = []
        for name in _DRAWN_SPLITS:
            values = ranking.split_values(table, name, most=_MOST_VALUES) or []
            rows = [SplitRow(value, self._row(passer, season, name, value)) for value in values]
            if rows:
                splits.append(SplitRows(name, ranking.SPLITS[name].definition, rows))
        seasons = _of_passer(table, passer)["season"].unique().sort().to_list()
        return DetailResponse(
            passer, seasons, self._row(passer, season), splits, games,
            self._decision(passer, season), self._own(tables.seasons, passer),
            next(iter(self._own(tables.projection, passer)), None),
        )  # fmt: skip

    @staticmethod
    def _own(rows: pl.DataFrame | None, passer: str) -> list[dict[str, Any]]:
        return [] if rows is None else _of_passer(rows, passer).to_dicts()

    def _games(self, passer: str, season: int | None) -> list[dict[str, Any]]:
        table = self._of(season)
        if _of_passer(table, passer).is_empty():
            raise RequestError(f"No play of passer {passer!r} is of {season}.")
        return ranking.game_log(table, passer, games=self.shown.tables.games).to_dicts()

    def _decision(self, passer: str, season: int | None) -> dict[str, Any] | None:
        """The row of a passer's decisions among all passers'."""
        throws = self.shown.tables.decisions
        if throws is None:
            return None
        key = (season, "decision", "")
        if key not in self._boards:
            kept = throws if season is None else throws.filter(pl.col("season") == season)
            self._boards[key] = kept.clear() if kept.is_empty() else ranking.decision_board(
                kept, min_attempts=1
            )  # fmt: skip
        return _first(_of_passer(self._boards[key], passer))


def _of_passer(rows: pl.DataFrame, passer: str) -> pl.DataFrame:
    return rows.filter(pl.col("passer_player_id") == passer)


def _first(rows: pl.DataFrame) -> dict[str, Any] | None:
    return rows.row(0, named=True) if rows.height else None


def _ranked(scores: pl.DataFrame, split: dict[str, str]) -> pl.DataFrame:
    """Passers by their plays in a split; none where nobody has plays enough."""

    def board(minimum: int | str) -> pl.DataFrame:
        return ranking.leaderboard(
            scores, by=("passer",), split=split, min_attempts=minimum, replicates=_REPLICATES
        )

    with suppress(RequestError):
        return board(ranking.default_minimum(("passer",), split))
    return scores.clear() if split else board(1)
