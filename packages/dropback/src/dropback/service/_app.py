"""Build the ASGI application: every route behind the middleware, and the page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from dropback import __version__
from dropback.errors import RequestError
from dropback.live import PlayPredictor
from dropback.service._broadcast import LivePlayBroadcaster, watch_endpoint
from dropback.service._executors import Inference
from dropback.service._http import (
    JSON,
    Operation,
    ServiceError,
    json_response,
    openapi_document,
)
from dropback.service._keys import KeyRing, read_keys
from dropback.service._limits import Limits
from dropback.service._messages import Capabilities, Health, Readiness
from dropback.service._metrics import Metrics
from dropback.service._middleware import RequestMiddleware
from dropback.service._plays import PlayLibrary, PlayRoutes
from dropback.service._rankings import RankingRoutes, ScoreTable, join_score_tables
from dropback.service._sessions import PlaySessions, live_endpoint
from dropback.service._sockets import OpenSockets
from dropback.workflows import read_scores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp
    from starlette.websockets import WebSocket

    from dropback.live import Engine

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

# The page's own addresses: each shows the one page, whose script reads the address.
_PAGE_PATHS = ("/", "/leaderboard", "/passers", "/passers/{passer}", "/plays",
               "/plays/{game}/{play}", "/live")  # fmt: skip


@dataclass(frozen=True)
class Service:
    """What is served; a part that is None is answered with a problem that says what to pass.

    Attributes:
        scores: Play scores.
        library: Stored tracking plays.
        predictor: Networks that forecast a play.
        keys: Accepted API keys; None lets anyone in.
        hosts: Names that a request may address; None takes any.
        limits: Bounds on what clients may ask for.
    """

    scores: ScoreTable | None = None
    library: PlayLibrary | None = None
    predictor: PlayPredictor | None = None
    keys: KeyRing | None = None
    hosts: Collection[str] | None = _LOOPBACK_NAMES
    limits: Limits = field(default_factory=Limits)


def load_service(
    *,
    run: Path | None,
    engine: Engine | None,
    scores: Sequence[Path],
    plays: Path | None,
    keys: Path | None,
    host: str,
) -> Service:
    """Read the files to serve.

    Raises:
        RequestError: An address beyond loopback without keys, or nothing to serve.
        DropbackError: A file or folder that cannot be served.
    """
    loopback = _is_loopback(host)
    if not loopback and keys is None:
        raise RequestError(
            f"--host {host} lets other computers in, which needs --keys: create a file "
            "with 'dropback keys add'."
        )
    if run is None and not scores and plays is None:
        raise RequestError(
            "There is nothing to serve: name a run with play networks, --scores or --plays."
        )
    tables = [read_scores(path) for path in scores]
    return Service(
        predictor=None if run is None else PlayPredictor.load(run, engine=engine),
        scores=ScoreTable(join_score_tables(tables)) if tables else None,
        library=None if plays is None else PlayLibrary(plays),
        keys=None if keys is None else KeyRing(read_keys(keys)),
        hosts=_LOOPBACK_NAMES if loopback else None,
    )


def create_app(service: Service, sockets: OpenSockets | None = None) -> ASGIApp:
    """The application that serves `service`."""
    metrics, limits = Metrics(), service.limits
    sockets = OpenSockets() if sockets is None else sockets
    predictor, library, scores = service.predictor, service.library, service.scores
    inference = None if predictor is None else Inference(predictor, limits, metrics)
    sessions = PlaySessions(limits, LivePlayBroadcaster())
    metrics.live_plays.set_function(lambda: len(sessions))
    metrics.live_sockets.set_function(lambda: len(sockets))
    rankings = RankingRoutes(scores, frozenset() if library is None else library.keys, limits)
    plays = PlayRoutes(library, inference, {} if scores is None else scores.yards, limits)
    own = _OwnRoutes(service, metrics)
    operations = [
        *plays.operations(),
        *rankings.operations(),
        *own.operations(),
    ]
    document = openapi_document(operations, keyed=service.keys is not None)
    own.document = msgspec.json.encode(document)

    async def live(socket: WebSocket) -> None:
        await live_endpoint(inference, sessions, sockets, socket)

    async def watch(socket: WebSocket) -> None:
        await watch_endpoint(sessions.broadcaster, sockets, socket)

    routes: list[BaseRoute] = [operation.route() for operation in operations]
    routes += [WebSocketRoute("/v1/live", live), WebSocketRoute("/v1/watch", watch)]
    static = Path(str(files("dropback.service") / "static"))
    if (static / "index.html").is_file():

        async def page(_: Request) -> Response:
            return FileResponse(static / "index.html")

        routes += [Route(path, page) for path in _PAGE_PATHS]
        routes.append(Mount("/static", StaticFiles(directory=static)))

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        own.ready = True
        yield
        own.ready = False
        if inference is not None:
            await inference.close()
        rankings.answers.close()
        plays.answers.close()

    router = Router(routes, redirect_slashes=False, lifespan=lifespan)
    return RequestMiddleware(router, keys=service.keys, hosts=service.hosts, metrics=metrics)


class _OwnRoutes:
    """Handlers about the service itself."""

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
        service, scores, library = self._service, self._service.scores, self._service.library
        return json_response(
            Capabilities(
                dropback=__version__,
                predictor=service.predictor is not None,
                scores=scores is not None,
                plays=library is not None,
                keys_required=service.keys is not None,
                outcome=None if scores is None else scores.outcome,
                seasons=[] if scores is None else scores.seasons,
                notes=[] if library is None else library.notes,
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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
