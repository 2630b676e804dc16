"""The ASGI application: every route behind the gate, and the page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from dropback import __version__
from dropback.service._forecasts import stored_forecasts
from dropback.service._gate import Gate
from dropback.service._inference import Inference
from dropback.service._live_plays import LivePlays
from dropback.service._live_socket import LiveRoute
from dropback.service._messages import Capabilities, Health, Readiness
from dropback.service._metrics import Metrics
from dropback.service._openapi import openapi_document
from dropback.service._operations import JSON, Operation, json_response
from dropback.service._play_routes import PlayRoutes
from dropback.service._problems import ServiceError
from dropback.service._ranking_routes import RankingRoutes
from dropback.service._routes import Routes
from dropback.service._score_routes import ScoreRoutes
from dropback.service._settings import Limits
from dropback.service._watching import Shows, WatchRoute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from starlette.requests import Request

    from dropback.live import PlayPredictor
    from dropback.service._keys import KeyRing
    from dropback.service._library import PlayLibrary
    from dropback.service._scores import ScoreTable

__all__ = ["LOOPBACK_NAMES", "Service", "create_app"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

# The page's own addresses: each shows the one page, whose script reads the address.
_PAGE_PATHS = ("/", "/leaderboard", "/passers", "/passers/{passer}", "/plays",
               "/plays/{game}/{play}", "/live")  # fmt: skip


@dataclass(frozen=True)
class Service:
    """What is served; what is None is answered with a problem that says what to pass.

    Attributes:
        scores: Play scores.
        library: Stored tracking plays.
        predictor: Networks that forecast a play.
        keys: Who may ask; None lets anyone.
        hosts: Names that a request may address; None takes any.
        limits: Bounds on what clients may ask for.
    """

    scores: ScoreTable | None = None
    library: PlayLibrary | None = None
    predictor: PlayPredictor | None = None
    keys: KeyRing | None = None
    hosts: Collection[str] | None = LOOPBACK_NAMES
    limits: Limits = field(default_factory=Limits)


def create_app(service: Service) -> Gate:
    """The application that serves `service`."""
    metrics = Metrics()
    stored = service.library.keys if service.library is not None else frozenset()
    rankings = RankingRoutes(service.scores, stored, service.limits)
    predictor = service.predictor
    inference = None if predictor is None else Inference(predictor, service.limits, metrics)
    forecast = None if predictor is None else partial(stored_forecasts, predictor)
    yards = _unknown_yards if service.scores is None else service.scores.yards
    plays = PlayRoutes(service.library, forecast, yards, service.limits)
    scoring = ScoreRoutes(inference, service.limits)
    shows = Shows()
    held = LivePlays(service.limits, metrics)
    live = LiveRoute(inference, held, shows, service.limits, metrics)
    watching = WatchRoute(shows, metrics)
    own = _OwnRoutes(service, metrics)
    operations = [
        *scoring.operations(),
        *rankings.operations(),
        *plays.operations(),
        *own.operations(),
    ]
    own.document = msgspec.json.encode(openapi_document(operations, keyed=service.keys is not None))
    others: list[BaseRoute] = [
        WebSocketRoute("/v1/live", live.live),
        WebSocketRoute("/v1/watch", watching.watch),
    ]
    static = Path(str(files("dropback.service") / "static"))
    if (static / "index.html").is_file():

        async def page(_: Request) -> Response:
            return FileResponse(static / "index.html")

        others += [Route(path, page) for path in _PAGE_PATHS]
        others.append(Mount("/static", StaticFiles(directory=static)))

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        own.ready = True
        yield
        own.ready = False
        if inference is not None:
            inference.close()
        rankings.close()
        plays.close()

    routes = Routes(operations, others, lifespan)
    return Gate(routes, keys=service.keys, hosts=service.hosts, metrics=metrics)


def _unknown_yards(_game: int, _play: int) -> None:
    return None


class _OwnRoutes:
    """What the service says of itself."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service, self._metrics = service, metrics
        self.document = b""
        self.ready = False

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1", self.capabilities, "Say what is served", Capabilities),
            Operation("GET", "/healthz", self.health, "Say that the process answers", Health,
                      guarded=False),
            Operation("GET", "/readyz", self.readiness, "Say whether new work is taken", Readiness,
                      problems=(503,), guarded=False),
            Operation("GET", "/metrics", self.metrics, "Count, for Prometheus", "text/plain"),
            Operation("GET", "/openapi.json", self.openapi, "Describe this API", JSON,
                      guarded=False),
        ]  # fmt: skip

    async def capabilities(self, _: Request) -> Response:
        service = self._service
        return json_response(
            Capabilities(
                dropback=__version__,
                predictor=service.predictor is not None,
                scores=service.scores is not None,
                plays=service.library is not None,
                keys_required=service.keys is not None,
                outcome=service.scores.outcome if service.scores is not None else None,
                seasons=service.scores.seasons if service.scores is not None else [],
                notes=service.library.notes if service.library is not None else [],
            )
        )

    async def health(self, _: Request) -> Response:
        return json_response(Health("ok"))

    async def readiness(self, _: Request) -> Response:
        if not self.ready:
            raise ServiceError(503, "The service is stopping.", retry_after_s=5.0)
        return json_response(Readiness("ready"))

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

    async def openapi(self, _: Request) -> Response:
        return json_response(self.document)
