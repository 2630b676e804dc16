"""Answer with pictures of a play or a passer to share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from dropback.live._stored import released_play
from dropback.live.feeds._errors import ServiceError
from dropback.service._access import client_of
from dropback.service._http import Operation, query
from dropback.service._shown import PASSER, PLAY, PROBLEMS, Routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from dropback.service._messages import PlayItem

_MEDIA: Final = {"png": "image/png", "svg": "image/svg+xml"}
_DOWNS: Final = ("Try", "1st", "2nd", "3rd", "4th")


class CardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of a card."""

    format: Annotated[Literal["png", "svg"], Meta(description="Of the picture.")] = "png"
    dark: Annotated[bool, Meta(description="Light letters on a dark ground.")] = False


class CardRoutes(Routes):
    """Handlers of pictures to share."""

    work = "cards"

    def operations(self) -> list[Operation]:
        """The operations that are served."""
        return [
            Operation("GET", "/v1/plays/{game}/{play}/card", self.play_card,
                      "Draw a stored play as a picture to share", _MEDIA["png"], query=CardQuery,
                      path_parameters=PLAY, problems=PROBLEMS),
            Operation("GET", "/v1/passers/{passer}/card", self.passer_card,
                      "Draw a passer as a picture to share", _MEDIA["png"], query=CardQuery,
                      path_parameters=PASSER, problems=PROBLEMS),
        ]  # fmt: skip

    async def play_card(self, request: Request) -> Response:
        asked = query(request, CardQuery)
        game, play = self.shown.play(**request.path_params)
        library, inference = self.shown.require_library(), self.shown.inference
        if inference is None:
            raise ServiceError(
                404,
                "This service draws no play without its forecast: start it with a run that has "
                "play networks.",
            )

        def draw() -> Any:  # noqa: ANN401  # a figure
            from dropback.workflows import _pictures as charts  # noqa: PLC0415  # matplotlib is an extra

            (forecast,) = inference.predictor.forecast_many(
                [released_play(library.read(game, play))]
            )
            item = self.shown.item(game, play)
            yards = self.shown.yards(game, play)
            facts = charts.PlayFacts(
                title_of(item), under_of(item), item.offense, yards,
                None if yards is None else forecast.score(yards),
                f"dropback{': ' + item.note if item.note else ''}",
            )  # fmt: skip
            return charts.draw_play(facts, forecast, look=charts.Look(dark=asked.dark))

        return await self._picture(request, ("play", game, play, asked), asked, draw)

    async def passer_card(self, request: Request) -> Response:
        asked = query(request, CardQuery)
        passer = self.shown.passer(request.path_params["passer"])
        table = self.shown.require_scores().table

        def draw() -> Any:  # noqa: ANN401  # a figure
            from dropback.workflows._charts import passer_card  # noqa: PLC0415  # as above
            from dropback.workflows._pictures import Look  # noqa: PLC0415  # as above

            return passer_card(table, passer, look=Look(dark=asked.dark))

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


def title_of(item: PlayItem) -> str:
    """Passer and receiver of a play."""
    return " to ".join(filter(None, (item.passer, item.target))) or f"Play {item.play}"


def under_of(item: PlayItem) -> str:
    """Teams, season and week, quarter, down and distance of a play."""
    parts = (
        f"{item.offense} vs. {item.defense}" if item.offense else "",
        f"{item.season}" + (f" week {item.week}" if item.week else ""),
        f"Q{item.quarter}" if item.quarter else "",
        f"{_DOWNS[item.down]} & {item.yards_to_go}" if item.down else "",
    )
    return " · ".join(filter(None, parts))
