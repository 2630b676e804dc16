"""Answer what the page browses: plays by result and score, their forecasts, and the teams.

All numbers are computed by `dropback.ranking` and `dropback.live`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import polars as pl
from msgspec import Meta, Struct

from dropback._search import keep_found
from dropback.data._teams import franchise
from dropback.errors import LiveError, TrackingError
from dropback.live._stored import released_play
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._plays import PointForecast  # noqa: TC001  # msgspec reads the annotation
from dropback.live.feeds._wire import point_forecast
from dropback.ranking._play_list import LISTED, list_plays
from dropback.service._http import Operation, query
from dropback.service._shown import PROBLEMS, Routes, Shown, play_key
from dropback.service._tables import Season, TableFormat, TableQuery
from dropback.service.page._teams import TeamsResponse, teams_table

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.live import PlayPredictor
    from dropback.live._library import PlayLibrary
    from dropback.service._limits import Limits

# Pictures of one screen of plays.
_MOST_FORECASTS: Final = 24


class BrowseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/browse``."""

    season: Season | None = None
    week: Annotated[int, Meta(ge=1, le=25, description="Keep one week.")] | None = None
    team: Annotated[str, Meta(max_length=40, description="Offense or defense: KC, Chiefs.")] = ""
    passer: Annotated[str, Meta(max_length=64, description="Id of the passer.")] = ""
    result: Annotated[
        Literal["", "touchdown", "first down", "catch", "incomplete", "interception", "sack"],
        Meta(description="What the play came to, by the most that holds."),
    ] = ""
    tracked: Annotated[bool, Meta(description="Keep plays whose tracking is stored.")] = False
    search: Annotated[
        str, Meta(max_length=100, description="Words of the description, teams or names.")
    ] = ""
    order: Annotated[
        Literal["newest", "best", "worst"], Meta(description="By time, or by score.")
    ] = "newest"
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most plays to return.")] = 24
    offset: Annotated[int, Meta(ge=0, le=10**9, description="Plays to skip.")] = 0
    format: TableFormat = "json"


class ForecastsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/forecasts``."""

    plays: Annotated[
        str, Meta(max_length=1000, description="game-play of stored plays, separated by commas.")
    ]


class BrowsedPlay(Struct, frozen=True):
    """A play that is scored, or stored with its tracking (``tracked``), or both."""

    game: int | None
    play: int
    season: int
    week: int | None
    offense: str | None
    defense: str | None
    quarter: int | None
    down: int | None
    yards_to_go: int | None
    yards_to_goal: float | None
    passer_id: str | None
    passer: str | None
    target: str | None
    result: str | None
    yards: int | None
    median: float | None
    score: float | None
    description: str | None
    tracked: bool


class BrowsePage(Struct, frozen=True):
    """A page of plays; what they may be kept to."""

    plays: list[BrowsedPlay]
    total: int
    offset: int
    seasons: list[int]
    weeks: list[int]
    teams: list[str]


class PlayForecast(Struct, frozen=True):
    """The forecast of a stored play at its release; null with a reason where there is none."""

    game: int
    play: int
    forecast: PointForecast | None
    problem: str | None


class ForecastsResponse(Struct, frozen=True):
    """Forecasts in the order asked for."""

    forecasts: list[PlayForecast]


class PlayBrowser:
    """All plays, scored or stored, in one table.

    Args:
        scores: Play scores.
        library: Stored plays.
    """

    def __init__(self, scores: pl.DataFrame | None, library: PlayLibrary | None) -> None:
        self._table = list_plays(scores, None if library is None else library.table)

    def page(self, asked: BrowseQuery) -> BrowsePage:
        """A page of the plays."""
        found = self._table.filter("tracked") if asked.tracked else self._table
        seasons = found["season"].unique().sort(descending=True).to_list()
        if asked.season is not None:
            found = found.filter(pl.col("season") == asked.season)
        weeks = found["week"].drop_nulls().unique().sort().to_list()
        teams = pl.concat([found["offense"], found["defense"]]).drop_nulls().unique().sort()
        if asked.team:
            code = pl.select(franchise(pl.lit(asked.team))).item()
            found = found.filter((pl.col("offense") == code) | (pl.col("defense") == code))
        chosen = {"week": asked.week, "passer_id": asked.passer, "result": asked.result}
        for name, value in chosen.items():
            if value:
                found = found.filter(pl.col(name) == value)
        found = keep_found(found, asked.search)
        if asked.order != "newest":
            found = found.filter(pl.col("score").is_not_null()).sort(
                "score", descending=asked.order == "best", maintain_order=True
            )
        rows = found.select(LISTED).slice(asked.offset, asked.limit).iter_rows(named=True)
        return BrowsePage(
            [BrowsedPlay(**row) for row in rows], found.height, asked.offset, seasons, weeks,
            teams.to_list(),
        )  # fmt: skip


class BrowseRoutes(Routes):
    """Handlers of teams, of the list of plays, and of their forecasts."""

    work = "browsed plays"

    def __init__(self, shown: Shown, limits: Limits) -> None:
        super().__init__(shown, limits)
        self._browser: PlayBrowser | None = None

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation("GET", "/v1/teams", self.teams,
                      "List teams with names and colors, and the passers of each season's",
                      TeamsResponse, query=TableQuery, problems=(422, 503), table=True),
            Operation("GET", "/v1/browse", self.browse,
                      "List plays by season, week, team, passer and result, best or worst first",
                      BrowsePage, query=BrowseQuery, problems=PROBLEMS, table=True),
            Operation("GET", "/v1/forecasts", self.forecasts,
                      "Forecast stored plays at their release",
                      ForecastsResponse, query=ForecastsQuery, problems=PROBLEMS),
        ]  # fmt: skip

    async def teams(self, request: Request) -> Response:
        scores = self.shown.scores
        table = None if scores is None else scores.table
        csv = query(request, TableQuery).format == "csv"
        return await self.answers.get(request, "teams", lambda: teams_table(table), table=csv)

    async def browse(self, request: Request) -> Response:
        asked = query(request, BrowseQuery)
        if self.shown.scores is None and self.shown.library is None:
            raise ServiceError(
                404,
                "This service has no plays: start it with --scores scores.parquet or --plays "
                "plays/.",
            )
        return await self.answers.get(
            request, asked, lambda: self._plays().page(asked), table=asked.format == "csv"
        )

    async def forecasts(self, request: Request) -> Response:
        asked = query(request, ForecastsQuery)
        pairs = [text.partition("-") for text in asked.plays.split(",")]
        keys = [play_key(game, play) for game, _, play in pairs]
        if len(keys) > _MOST_FORECASTS:
            raise ServiceError(
                422, f"At most {_MOST_FORECASTS} plays may be asked for at once, got {len(keys)}."
            )
        inference, library = self.shown.inference, self.shown.library
        if inference is None or library is None:
            raise ServiceError(
                404, "This service has no forecasts: start it with a run that has play networks, "
                "and --plays plays/."
            )  # fmt: skip
        for game, play in keys:
            self.shown.play(str(game), str(play))
        return await self.answers.get(
            request, ("forecasts", *keys), lambda: _released(inference.predictor, library, keys)
        )

    def _plays(self) -> PlayBrowser:
        if self._browser is None:
            scores = self.shown.scores
            table = None if scores is None else scores.table
            self._browser = PlayBrowser(table, self.shown.library)
        return self._browser


def _released(
    predictor: PlayPredictor, library: PlayLibrary, keys: list[tuple[int, int]]
) -> ForecastsResponse:
    found = []
    for game, play in keys:
        forecast, problem = None, None
        try:
            frames = released_play(library.read(game, play))
            (released,) = predictor.forecast_many([frames])
            forecast = point_forecast(released)
        except LiveError as error:
            problem = str(error)
        except TrackingError:
            problem = f"The files of game {game}, play {play} are damaged: ingest them again."
        found.append(PlayForecast(game, play, forecast, problem))
    return ForecastsResponse(found)
