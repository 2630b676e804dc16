"""Answer with pictures to share, and say in the page's head what a link shows."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from dropback.live._stored import released_play
from dropback.live.feeds._errors import ServiceError
from dropback.service._access import client_of
from dropback.service._executors import CachedAnswers
from dropback.service._http import Operation, query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from dropback.live.feeds._inference import Inference
    from dropback.service._limits import Limits
    from dropback.service._plays import PlayLibrary
    from dropback.service._rankings import ScoreTable

_MEDIA: Final = {"png": "image/png", "svg": "image/svg+xml"}
_DOWNS: Final = ("Try", "1st", "2nd", "3rd", "4th")


class CardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of a card."""

    format: Annotated[Literal["png", "svg"], Meta(description="Of the picture.")] = "png"
    dark: Annotated[bool, Meta(description="Light letters on a dark ground.")] = False


class CardRoutes:
    """Handlers of pictures to share.

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
        self.answers = CachedAnswers("cards", limits)

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        key = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
        passer = {"passer": {"type": "string", "minLength": 1, "maxLength": 64}}
        problems = (404, 422, 503)
        return [
            Operation("GET", "/v1/plays/{game}/{play}/card", self.play_card,
                      "Draw a stored play as a picture to share", _MEDIA["png"], query=CardQuery,
                      path_parameters={"game": key, "play": key}, problems=problems),
            Operation("GET", "/v1/passers/{passer}/card", self.passer_card,
                      "Draw a passer as a picture to share", _MEDIA["png"], query=CardQuery,
                      path_parameters=passer, problems=problems),
        ]  # fmt: skip

    async def play_card(self, request: Request) -> Response:
        asked = query(request, CardQuery)
        names = [request.path_params[name] for name in ("game", "play")]
        if not all(name.isascii() and name.isdecimal() and len(name) <= 16 for name in names):
            raise ServiceError(422, "A game and a play must be whole numbers.")
        game, play = map(int, names)
        library, inference = self._library, self._inference
        if library is None or inference is None or (game, play) not in library.keys:
            raise ServiceError(404, f"No game {game}, play {play} with a forecast is served here.")

        def draw() -> Any:  # noqa: ANN401  # a figure
            from dropback.workflows import _pictures as charts  # noqa: PLC0415  # matplotlib is an extra

            thrown = released_play(library.read(game, play))
            (forecast,) = inference.predictor.forecast_many([thrown])
            item = library.item(game, play)
            yards = item.yards_gained
            if yards is None and self._scores is not None:
                yards = self._scores.yards.get((game, play))
            facts = charts.PlayFacts(
                " to ".join(filter(None, (item.passer, item.target))) or f"Play {play}",
                _under(msgspec.structs.asdict(item)), item.offense, yards,
                None if yards is None else forecast.score(yards),
                f"dropback{': ' + item.note if item.note else ''}",
            )  # fmt: skip
            return charts.draw_play(facts, forecast, look=charts.Look(dark=asked.dark))

        return await self._picture(request, ("play", game, play, asked), asked, draw)

    async def passer_card(self, request: Request) -> Response:
        asked = query(request, CardQuery)
        passer: str = request.path_params["passer"]
        scores = self._scores
        if scores is None or not scores.knows(passer):
            raise ServiceError(404, f"No play of passer {passer[:64]!r} is scored here.")

        def draw() -> Any:  # noqa: ANN401  # a figure
            from dropback.workflows._charts import passer_card  # noqa: PLC0415  # as above
            from dropback.workflows._pictures import Look  # noqa: PLC0415  # as above

            return passer_card(scores.table, passer, look=Look(dark=asked.dark))

        return await self._picture(request, ("passer", passer, asked), asked, draw)

    async def _picture(
        self, request: Request, key: tuple[Any, ...], asked: CardQuery, draw: Callable[[], Any]
    ) -> Response:
        """A figure as a file, which a cache keeps as it is."""

        def encoded() -> msgspec.Raw:
            try:
                figure = draw()
            except ModuleNotFoundError as error:
                raise ServiceError(
                    503, "Pictures need matplotlib: pip install 'dropback[plot]'."
                ) from error
            file = io.BytesIO()
            figure.savefig(file, format=asked.format)
            return msgspec.Raw(file.getvalue())

        kept = await self.answers.warm(key, encoded, client_of(request).share)
        headers = {"etag": kept.tag, "cache-control": "no-cache"}
        if kept.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(kept.body, headers=headers, media_type=_MEDIA[asked.format])


def _under(item: Mapping[str, Any]) -> str:
    """Teams, season and week, quarter, down and distance."""
    down = item["down"]
    return " · ".join(
        filter(
            None,
            (
                f"{item['offense']} vs. {item['defense']}" if item["offense"] else "",
                str(item["season"]) + (f" week {item['week']}" if item["week"] else ""),
                f"Q{item['quarter']}" if item["quarter"] else "",
                f"{_DOWNS[down]} & {item['yards_to_go']}" if down else "",
            ),
        )
    )


def head_of(
    base: str, path: Mapping[str, str], scores: ScoreTable | None, library: PlayLibrary | None
) -> str:
    """Open Graph tags of a link to a play or a passer; empty for other links.

    Args:
        base: Address of the service, with the prefix of a proxy, without ``/`` at the end.
        path: Path parameters of the page.
        scores: Play scores.
        library: Stored plays.

    References:
        https://ogp.me, "Basic Metadata".
    """
    title = under = card = ""
    if "passer" in path and scores is not None and scores.knows(path["passer"]):
        found = scores.person(path["passer"])
        title, under = found.name, f"Passing score, {found.first_season}-{found.last_season}"
        card = f"/v1/passers/{quote(path['passer'], safe='')}/card"
    elif {"game", "play"} <= set(path) and library is not None:
        numbers = [path[name] for name in ("game", "play")]
        if all(number.isascii() and number.isdecimal() for number in numbers):
            key = int(numbers[0]), int(numbers[1])
            if key in library.keys:
                item = library.item(*key)
                title = " to ".join(filter(None, (item.passer, item.target))) or "A play"
                under = item.description or _under(msgspec.structs.asdict(item))
                card = f"/v1/plays/{key[0]}/{key[1]}/card"
    if not card:
        return ""
    tags = {
        "og:type": "website",
        "og:site_name": "dropback",
        "og:title": title,
        "og:description": under,
        "og:image": base + card,
        "twitter:card": "summary_large_image",
    }
    return "".join(
        f'<meta property="{name}" content="{html.escape(value, quote=True)}">\n'
        for name, value in tags.items()
    )
