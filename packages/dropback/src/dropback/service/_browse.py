"""Answer what the page browses: teams, plays by result and score, passers in detail, two compared.

All numbers are computed by `dropback.ranking` and `dropback.live`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import polars as pl
from msgspec import Meta, Struct

from dropback import ranking
from dropback._search import keep_found, search_column
from dropback.data._team_colors import TEAM_COLORS, contrast, team_color
from dropback.data._teams import TEAM_NAMES, franchise
from dropback.errors import LiveError, RequestError, TrackingError
from dropback.live._stored import released_play
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._plays import PointForecast  # noqa: TC001  # msgspec reads the annotation
from dropback.live.feeds._wire import point_forecast
from dropback.service._executors import CachedAnswers
from dropback.service._http import Operation, query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from dropback.live import PlayPredictor
    from dropback.live.feeds._inference import Inference
    from dropback.service._limits import Limits
    from dropback.service._plays import PlayLibrary
    from dropback.service._rankings import ScoreTable

# The page's grounds, on which a team's color must stand out.
_LIGHT_GROUND: Final = "#ffffff"
_DARK_GROUND: Final = "#131c26"

# Pictures of one screen of plays.
_MOST_FORECASTS: Final = 24
_MOST_VALUES: Final = 8
# Of the bootstrap of a passer's splits.
_REPLICATES: Final = 200
# What a passer's page draws: three that every play has, and one of tracking.
_DRAWN_SPLITS: Final = ("depth", "down", "location", "pressure")

_NOT_SCORED = "This service has no play scores: start it with --scores scores.parquet."
_NOTHING = "This service has no plays: start it with --scores scores.parquet or --plays plays/."

_Season = Annotated[int, Meta(ge=1920, le=2100, description="Keep one season.")]


class BrowseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/browse``."""

    season: _Season | None = None
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
    format: Literal["json", "csv"] = "json"


class ForecastsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/forecasts``."""

    plays: Annotated[
        str, Meta(max_length=1000, description="game-play of stored plays, separated by commas.")
    ]


class DetailQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/passers/{passer}/detail``."""

    season: _Season | None = None


class CompareQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of ``/v1/compare``."""

    first: Annotated[str, Meta(min_length=1, max_length=64, description="Id of a passer.")]
    second: Annotated[str, Meta(min_length=1, max_length=64, description="Id of another.")]
    season: _Season | None = None


class TeamItem(Struct, frozen=True):
    """A team's name and colors. ``ink`` is read on the primary color.

    ``light`` and ``dark`` stand out from a light and a dark ground by 3 to 1.
    """

    code: str
    name: str
    primary: str
    secondary: str
    ink: str
    light: str
    dark: str


class TeamsResponse(Struct, frozen=True):
    """All teams, and the team for which each passer threw most, by season and passer's id."""

    teams: list[TeamItem]
    passers: dict[str, dict[str, str]]


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

    ``career`` is the row among all passers of these seasons, null with too few plays to be ranked.
    """

    id: str
    seasons: list[int]
    career: dict[str, Any] | None
    splits: list[SplitRows]
    games: list[dict[str, Any]]


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


def teams_table(scores: pl.DataFrame | None) -> TeamsResponse:
    """The teams, and of which each passer is."""
    teams = [
        TeamItem(
            code, TEAM_NAMES[code], first, second, _ink(first),
            team_color(code, _LIGHT_GROUND)[0], team_color(code, _DARK_GROUND)[0],
        )
        for code, (first, second) in TEAM_COLORS.items()
    ]  # fmt: skip
    passers: dict[str, dict[str, str]] = {}
    if scores is not None and "posteam" in scores.columns:
        most = scores.group_by("season", "passer_player_id", "posteam").len()
        order = most.sort("len", "posteam", descending=[True, False])
        rows = order.unique(["season", "passer_player_id"], keep="first", maintain_order=True)
        for season, passer, team, _ in rows.sort("season", "passer_player_id").iter_rows():
            passers.setdefault(str(season), {})[passer] = team
    return TeamsResponse(teams, passers)


def _ink(ground: str) -> str:
    return max(("#ffffff", "#0a121b"), key=lambda color: contrast(color, ground))


class PlayBrowser:
    """All plays, scored or stored, in one table.

    Args:
        scores: Play scores.
        library: Stored plays.
    """

    def __init__(self, scores: pl.DataFrame | None, library: PlayLibrary | None) -> None:
        tables = []
        if scores is not None:
            tables.append(_scored(scores))
        if library is not None:
            tables.append(_stored(library.table))
        joined = pl.concat(tables, how="diagonal_relaxed")
        # A play that is both has its numbers from the scores and its names from tracking.
        keyed = joined.filter(pl.col("game").is_not_null())
        names = ["passer", "target", "tracked"]
        whole = keyed.group_by("game", "play", maintain_order=True).agg(
            pl.exclude(*names).drop_nulls().first(),
            pl.col("passer", "target").drop_nulls().last(),
            pl.col("tracked").any(),
        )
        alone = joined.filter(pl.col("game").is_null())
        table = pl.concat([whole, alone.select(whole.columns)], how="vertical_relaxed")
        table = table.sort("season", "week", "game", "play", descending=[True, True, False, False])
        search = search_column(
            table.with_columns(
                first=pl.col("offense").replace_strict(TEAM_NAMES, default=None),
                second=pl.col("defense").replace_strict(TEAM_NAMES, default=None),
            ),
            *("passer", "target", "offense", "defense", "first", "second", "description"),
        )
        self._table = table.with_columns(search)

    def page(self, asked: BrowseQuery) -> BrowsePage:
        """A page of the plays."""
        found = self._table
        if asked.tracked:
            found = found.filter("tracked")
        seasons = found["season"].unique().sort(descending=True).to_list()
        if asked.season is not None:
            found = found.filter(pl.col("season") == asked.season)
        weeks = found["week"].drop_nulls().unique().sort().to_list()
        teams = pl.concat([found["offense"], found["defense"]]).drop_nulls().unique().sort()
        if asked.week is not None:
            found = found.filter(pl.col("week") == asked.week)
        if asked.team:
            code = pl.select(franchise(pl.lit(asked.team))).item()
            found = found.filter((pl.col("offense") == code) | (pl.col("defense") == code))
        if asked.passer:
            found = found.filter(pl.col("passer_id") == asked.passer)
        if asked.result:
            found = found.filter(pl.col("result") == asked.result)
        found = keep_found(found, asked.search)
        if asked.order != "newest":
            found = found.filter(pl.col("score").is_not_null()).sort(
                "score", descending=asked.order == "best", maintain_order=True
            )
        rows = found.drop("search").slice(asked.offset, asked.limit).iter_rows(named=True)
        return BrowsePage(
            [BrowsedPlay(**row) for row in rows], found.height, asked.offset, seasons, weeks,
            teams.to_list(),
        )  # fmt: skip


def _scored(scores: pl.DataFrame) -> pl.DataFrame:
    """Scored plays as `BrowsedPlay`."""
    columns = {
        "game": "old_game_id", "play": "play_id", "offense": "posteam", "defense": "defteam",
        "quarter": "qtr", "yards_to_go": "ydstogo", "yards_to_goal": "yardline_100",
        "passer_id": "passer_player_id", "passer": "passer_player_name",
        "target": "receiver_player_name", "score": "play_score", "description": "desc",
    }  # fmt: skip
    flags = ("complete_pass", "interception", "sack", "pass_touchdown")
    known = scores.with_columns(
        pl.lit(None).alias(name)
        for name in (*columns.values(), *BrowsedPlay.__struct_fields__, *flags)
        if name not in scores.columns and name not in columns
    )
    yes = {name: pl.col(name).cast(pl.Float64).fill_null(0) == 1 for name in flags}
    caught = yes["complete_pass"] | (pl.col("complete_pass").is_null() & (pl.col("yards") != 0))
    result = _result(
        touchdown=yes["pass_touchdown"], interception=yes["interception"], sack=yes["sack"],
        caught=caught, gained=pl.col("yards"), to_go=pl.col("ydstogo"),
    )  # fmt: skip
    return known.select(
        pl.col(columns.get(name, name)).alias(name)
        if name not in {"result", "tracked", "game"}
        else {
            "result": result,
            "tracked": pl.lit(value=False),
            "game": pl.col("old_game_id").cast(pl.Int64, strict=False),
        }[name].alias(name)
        for name in BrowsedPlay.__struct_fields__
    )


def _stored(plays: pl.DataFrame) -> pl.DataFrame:
    """Stored plays as `BrowsedPlay`."""
    how, yards = pl.col("pass_result"), pl.col("yards_gained")
    result = _result(
        touchdown=(how == "C") & (yards >= pl.col("yards_to_goal").round()),
        interception=how == "IN", sack=how == "S", caught=how == "C", gained=yards,
        to_go=pl.col("yards_to_go"),
    )  # fmt: skip
    return plays.select(
        "game", "play", "season", "week", "offense", "defense", "quarter", "down", "yards_to_go",
        "yards_to_goal", "passer", "target", "description", yards.alias("yards"),
        pl.when(how.is_not_null()).then(result).alias("result"),
        pl.lit(value=True).alias("tracked"),
    )  # fmt: skip


def _result(
    *,
    touchdown: pl.Expr,
    interception: pl.Expr,
    sack: pl.Expr,
    caught: pl.Expr,
    gained: pl.Expr,
    to_go: pl.Expr,
) -> pl.Expr:
    """What a play came to, by the most that holds."""
    found = pl.when(interception).then(pl.lit("interception")).when(sack).then(pl.lit("sack"))
    found = found.when(touchdown).then(pl.lit("touchdown"))
    found = found.when(caught & (gained >= to_go)).then(pl.lit("first down"))
    return found.when(caught).then(pl.lit("catch")).otherwise(pl.lit("incomplete"))


class BrowseRoutes:
    """Handlers of what the page browses.

    Args:
        scores: Play scores; None if the service was started without.
        library: Stored plays; None if it was started without.
        inference: Forecasts plays; None if it has no networks.
        limits: Of the service.
    """

    def __init__(
        self,
        scores: ScoreTable | None,
        library: PlayLibrary | None,
        inference: Inference | None,
        limits: Limits,
    ) -> None:
        self._scores, self._library, self._inference = scores, library, inference
        self._browser: PlayBrowser | None = None
        self._boards: dict[tuple[int | None, str, str], pl.DataFrame] = {}
        self.answers = CachedAnswers("browsed plays", limits)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        problems = (404, 422, 503)
        passer = {"passer": {"type": "string", "minLength": 1, "maxLength": 64}}
        return [
            Operation("GET", "/v1/teams", self.teams,
                      "List teams with names and colors, and the passers of each season's",
                      TeamsResponse, problems=(503,)),
            Operation("GET", "/v1/browse", self.browse,
                      "List plays by season, week, team, passer and result, best or worst first",
                      BrowsePage, query=BrowseQuery, problems=problems, table=True),
            Operation("GET", "/v1/forecasts", self.forecasts,
                      "Forecast stored plays at their release",
                      ForecastsResponse, query=ForecastsQuery, problems=problems),
            Operation("GET", "/v1/passers/{passer}/detail", self.detail,
                      "Look up a passer's splits, percentile, games and career",
                      DetailResponse, query=DetailQuery, path_parameters=passer,
                      problems=problems),
            Operation("GET", "/v1/compare", self.compare, "Compare two passers",
                      CompareResponse, query=CompareQuery, problems=problems),
        ]  # fmt: skip

    async def teams(self, request: Request) -> Response:
        table = None if self._scores is None else self._scores.table
        return await self.answers.get(request, "teams", lambda: teams_table(table))

    async def browse(self, request: Request) -> Response:
        asked = query(request, BrowseQuery)
        if self._scores is None and self._library is None:
            raise ServiceError(404, _NOTHING)
        return await self.answers.get(
            request, asked, lambda: self._plays().page(asked), table=asked.format == "csv"
        )

    async def forecasts(self, request: Request) -> Response:
        asked = query(request, ForecastsQuery)
        keys = [_play_key(text) for text in asked.plays.split(",")]
        if len(keys) > _MOST_FORECASTS:
            raise ServiceError(
                422, f"At most {_MOST_FORECASTS} plays may be asked for at once, got {len(keys)}."
            )
        if self._inference is None or self._library is None:
            raise ServiceError(
                404, "This service has no forecasts: start it with a run that has play networks, "
                "and --plays plays/."
            )  # fmt: skip
        predictor, library = self._inference.predictor, self._library
        unknown = [key for key in keys if key not in library.keys]
        if unknown:
            game, play = unknown[0]
            raise ServiceError(404, f"No game {game}, play {play} is stored here.")
        return await self.answers.get(
            request, ("forecasts", *keys), lambda: _released(predictor, library, keys)
        )

    async def detail(self, request: Request) -> Response:
        asked = query(request, DetailQuery)
        passer: str = request.path_params["passer"]
        if not self._required().knows(passer):
            raise ServiceError(404, f"No play of passer {passer[:64]!r} is scored here.")
        return await self.answers.get(
            request, ("detail", passer, asked.season), lambda: self._detail(passer, asked.season)
        )

    async def compare(self, request: Request) -> Response:
        asked = query(request, CompareQuery)
        scores = self._required()
        for passer in (asked.first, asked.second):
            if not scores.knows(passer):
                raise ServiceError(404, f"No play of passer {passer[:64]!r} is scored here.")

        def compared() -> CompareResponse:
            versus = ranking.compare_passers(self._of(asked.season), asked.first, asked.second)
            return CompareResponse(
                versus.rows.to_dicts(), versus.difference, versus.low, versus.high,
                versus.probability, versus.passers, versus.seasons.to_dicts(),
            )  # fmt: skip

        return await self.answers.get(request, asked, compared)

    def _required(self) -> ScoreTable:
        if self._scores is None:
            raise ServiceError(404, _NOT_SCORED)
        return self._scores

    def _plays(self) -> PlayBrowser:
        if self._browser is None:
            table = None if self._scores is None else self._scores.table
            self._browser = PlayBrowser(table, self._library)
        return self._browser

    def _of(self, season: int | None) -> pl.DataFrame:
        """The scored plays of a season, or of all."""
        table = self._required().table
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
        row = self._boards[key].filter(pl.col("passer_player_id") == passer).to_dicts()
        return row[0] if row else None

    def _detail(self, passer: str, season: int | None) -> DetailResponse:
        table = self._of(season)
        mine = pl.col("passer_player_id") == passer
        seasons = table.filter(mine)["season"].unique().sort().to_list()
        if not seasons:
            raise RequestError(f"No play of passer {passer!r} is of {season}.")
        career = self._row(passer, season)
        splits = []
        for name in _DRAWN_SPLITS:
            values = ranking.split_values(table, name, most=_MOST_VALUES) or []
            rows = [SplitRow(value, self._row(passer, season, name, value)) for value in values]
            if rows:
                splits.append(SplitRows(name, ranking.SPLITS[name].definition, rows))
        games = ranking.game_log(table, passer).to_dicts()
        return DetailResponse(passer, seasons, career, splits, games)


def _ranked(scores: pl.DataFrame, split: dict[str, str]) -> pl.DataFrame:
    """Passers by their plays in a split; none where nobody has plays enough."""

    def board(minimum: int | str) -> pl.DataFrame:
        return ranking.leaderboard(
            scores, by=("passer",), split=split, min_attempts=minimum, replicates=_REPLICATES
        )

    try:
        return board(ranking.default_minimum(("passer",), split))
    except RequestError:
        return scores.clear() if split else board(1)


def _play_key(text: str) -> tuple[int, int]:
    game, _, play = text.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 16 for part in (game, play)):
        raise ServiceError(422, f"A play must be game-play, two whole numbers, got {text[:64]!r}.")
    return int(game), int(play)


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
