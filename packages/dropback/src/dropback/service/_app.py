"""Build the ASGI application: every route behind the middleware, and the page."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from dropback import __version__
from dropback.errors import DropbackError, RequestError
from dropback.live import PlayPredictor
from dropback.live.feeds._board import BEAT_S, LiveBoard
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._events import Beat, MemoryLog
from dropback.live.feeds._inference import Inference
from dropback.live.feeds._sessions import PlaySessions
from dropback.service._access import Access
from dropback.service._asyncapi import asyncapi_document
from dropback.service._browse import BrowseRoutes
from dropback.service._executors import COMPRESSED_BYTES
from dropback.service._http import JSON, Operation, json_response, openapi_document
from dropback.service._keys import KeyRing, read_keys
from dropback.service._limits import Limits
from dropback.service._live_routes import LiveRoutes
from dropback.service._live_socket import LiveEndpoint
from dropback.service._logs import log
from dropback.service._messages import Capabilities, Health, Readiness
from dropback.service._metrics import Metrics
from dropback.service._middleware import RequestMiddleware
from dropback.service._plays import PlayLibrary, PlayRoutes
from dropback.service._rankings import RankingRoutes, ScoreTable, join_score_tables
from dropback.service._share import CardRoutes, head_of
from dropback.service._sockets import OpenSockets
from dropback.service._watch import Audience, WatchEndpoints
from dropback.workflows import read_scores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from dropback.live import Engine
    from dropback.live.feeds._events import EventLog

_ORIGIN: Final = re.compile(r"https?://[\w.\[\]:-]+")
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

# The page's own addresses: each shows the one page, whose script reads the address.
_PAGE_PATHS = ("/", "/leaderboard", "/passers", "/passers/{passer}", "/plays", "/compare",
               "/plays/{game}/{play}", "/live")  # fmt: skip
# The same within a page of another site: the view alone.
_EMBEDDED_PATHS = ("/embed/passers/{passer}", "/embed/plays/{game}/{play}")
_TICK_S = 1.0
# Watchers are asked every so many ticks whether they are still there, and may still be.
_BEAT_TICKS = 5


@dataclass(frozen=True)
class Service:
    """What is served; a part that is None is answered with a problem that says what to pass.

    Attributes:
        scores: Play scores.
        library: Stored tracking plays.
        predictor: Networks that forecast a play.
        access: Who may do what.
        root_path: Prefix at which a proxy serves this, such as ``/ngs``.
        log: Where the events of live plays go; None keeps them in this process.
        limits: Bounds on what clients may ask for.
    """

    scores: ScoreTable | None = None
    library: PlayLibrary | None = None
    predictor: PlayPredictor | None = None
    access: Access = field(default_factory=lambda: Access(hosts=LOOPBACK_NAMES))
    root_path: str = ""
    log: EventLog | None = None
    limits: Limits = field(default_factory=Limits)


class Application:
    """The ASGI application that serves a service, and what ends it.

    Args:
        service: What is served.

    Attributes:
        app: The application.
        sockets: The open live sockets.
        metrics: Counts what it does.
    """

    def __init__(self, service: Service) -> None:
        limits = service.limits
        self._service, self.metrics = service, Metrics()
        self._worker = secrets.token_urlsafe(6)
        self._log: EventLog = MemoryLog() if service.log is None else service.log
        self._board = LiveBoard(limits)
        self._audience = Audience(self._board)
        self.sockets = OpenSockets(limits)
        predictor, library, scores = service.predictor, service.library, service.scores
        metrics = self.metrics
        self._inference = None if predictor is None else Inference(predictor, limits)
        sessions = None
        if self._inference is not None:
            sessions = PlaySessions(limits, self._board, self._log, self._inference, self._worker)
            self._inference.batched = metrics.batches.observe
            metrics.waiting.set_function(self._inference.waiting)
        metrics.live_plays.set_function(lambda: len(self._board))
        metrics.live_sockets.set_function(lambda: len(self.sockets))
        metrics.watchers.set_function(lambda: len(self._audience))
        stored = frozenset() if library is None else library.keys
        self._rankings = RankingRoutes(scores, stored, limits)
        yards = {} if scores is None else scores.yards
        self._plays = PlayRoutes(library, self._inference, yards, limits)
        self._browse = BrowseRoutes(scores, library, self._inference, limits)
        self._cards = CardRoutes(scores, library, self._inference, limits)
        self._own = _OwnRoutes(service, metrics, self._log)
        self.app = self._built(LiveEndpoint(sessions, self.sockets, service.access, metrics))

    def _built(self, live: LiveEndpoint) -> ASGIApp:
        """The routes behind the middleware."""
        service, own, access = self._service, self._own, self._service.access
        operations = [
            *self._plays.operations(),
            *self._rankings.operations(),
            *self._browse.operations(),
            *self._cards.operations(),
            *LiveRoutes(self._board).operations(),
            *own.operations(),
        ]
        keyed = access.keys_required
        root = service.root_path
        described = openapi_document(operations, keyed=keyed, root_path=root)
        own.openapi_text = msgspec.json.encode(described)
        own.asyncapi_text = msgspec.json.encode(asyncapi_document(keyed=keyed, root_path=root))
        watch = WatchEndpoints(self._audience, self.sockets, access)
        routes: list[BaseRoute] = [operation.route() for operation in operations]
        routes += [
            WebSocketRoute("/v1/live", live.live),
            WebSocketRoute("/v1/watch", watch.watch),
            Route("/v1/watch", watch.stream),
            *_page_routes(service),
        ]
        router = Router(
            routes, redirect_slashes=False, default=_nothing_there, lifespan=self._lifespan
        )
        app: ASGIApp = GZipMiddleware(router, COMPRESSED_BYTES, compresslevel=5)
        app = RequestMiddleware(
            app, access=access, metrics=self.metrics, root_path=service.root_path
        )
        if not access.origins:
            return app
        return CORSMiddleware(
            app, sorted(access.origins), ["GET", "POST"], ["authorization", "content-type"],
            expose_headers=["etag", "retry-after"],
        )  # fmt: skip

    @asynccontextmanager
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        await self._log.open(self._board.apply)
        tasks = [asyncio.create_task(work()) for work in (self._audience.run, self._tick)]
        warming = asyncio.create_task(self._rankings.warm())
        self._own.ready = True
        yield
        for task in (*tasks, warming):
            task.cancel()
        await asyncio.gather(*tasks, warming, return_exceptions=True)
        if self._inference is not None:
            await self._inference.close()
        await self._log.close()
        self._rankings.answers.close()
        self._plays.answers.close()
        self._browse.answers.close()
        self._cards.answers.close()

    def drain(self) -> None:
        """Say in ``/readyz`` that the service is stopping; it still answers everything."""
        self._own.ready = False

    def stop(self) -> None:
        """End the live sockets and streams, each after what it has taken was answered."""
        self._own.ready = False
        self._audience.stop()
        self.sockets.stop()

    async def _tick(self) -> None:
        """What is done every second: silence is told, keys are read again, this worker lives."""
        count = 0
        keys = self._service.access.keys
        while True:
            await asyncio.sleep(_TICK_S)
            count += 1
            self._board.tick()
            if count % int(BEAT_S / _TICK_S) == 0:
                self._log.append(Beat(self._worker))
            if count % _BEAT_TICKS == 0:
                self._audience.beat()
            try:
                if keys is not None and keys.refresh():
                    log.info("keys read again")
                    self._audience.beat()
            except DropbackError as error:
                log.warning(
                    "keys cannot be read: those of before hold", exc_info=error
                )  # the trace is the argument


def load_service(
    *,
    run: Path | None = None,
    engine: Engine | None = None,
    scores: Sequence[Path] = (),
    plays: Path | None = None,
    access: Access | None = None,
    root_path: str = "",
    log: EventLog | None = None,
    limits: Limits | None = None,
) -> Service:
    """Read the files to serve.

    Raises:
        RequestError: Nothing to serve.
        DropbackError: A file or folder that cannot be served.
    """
    if run is None and not scores and plays is None:
        raise RequestError(
            "There is nothing to serve: name a run with play networks, --scores or --plays."
        )
    tables = [read_scores(path) for path in scores]
    return Service(
        predictor=None if run is None else PlayPredictor.load(run, engine=engine),
        scores=ScoreTable(join_score_tables(tables)) if tables else None,
        library=None if plays is None else PlayLibrary(plays),
        access=Access(hosts=LOOPBACK_NAMES) if access is None else access,
        root_path=root_path,
        log=log,
        limits=limits or Limits(),
    )


def make_access(
    *,
    host: str,
    keys: Path | None = None,
    public: bool = False,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
) -> Access:
    """Who may do what, by the options of the command line.

    Args:
        host: Address that is bound.
        keys: File of keys.
        public: Whether anyone may read without a key.
        hosts: Other names that the service answers to, behind a proxy.
        origins: Other sites whose pages may use it.

    Raises:
        RequestError: A service that others reach without keys, or an origin that is none.
        ReaderError: A file of keys that is none.
    """
    loopback = _is_loopback(host)
    if keys is None and not public and (not loopback or hosts or origins):
        what = f"--host {host}" if not loopback else "--allow-host" if hosts else "--allow-origin"
        raise RequestError(
            f"{what} lets others in, which needs --keys: create a file with 'dropback keys add'; "
            "or --public, which lets anyone read and nobody feed or score."
        )
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise RequestError(
                f"--allow-origin must be a scheme and a name, such as https://example.org, got "
                f"{origin!r}."
            )
    names = {*LOOPBACK_NAMES, *(name.lower() for name in hosts)}
    return Access(
        keys=None if keys is None else KeyRing(read_keys(keys), keys),
        # Without names of its own an address beyond loopback answers to whatever leads there.
        hosts=None if "*" in hosts or not (loopback or hosts) else {*names, host.lower()},
        origins=origins,
        public=public,
    )


def _page_routes(service: Service) -> list[BaseRoute]:
    """The page and its files; none where the installation has no page."""
    static = Path(str(files("dropback.service") / "static"))
    if not (static / "index.html").is_file():
        return []
    # The prefix of a proxy stands before each address of the page, and where its script reads it.
    root_path = service.root_path
    text = (static / "index.html").read_text()
    text = text.replace('="/static/', f'="{html.escape(root_path)}/static/')
    text = text.replace("<html ", f'<html data-root="{html.escape(root_path)}" ', 1)
    within = text.replace("<html ", "<html data-embedded ", 1)

    async def page(request: Request) -> Response:
        embedded = request.url.path.removeprefix(root_path).startswith("/embed/")
        head = head_of(
            f"{request.url.scheme}://{request.url.netloc}{root_path}", request.path_params,
            service.scores, service.library,
        )  # fmt: skip
        shown = (within if embedded else text).replace("</head>", f"{head}</head>", 1)
        tag = f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:20]}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(shown, headers=headers, media_type="text/html")

    return [
        *(Route(path, page) for path in (*_PAGE_PATHS, *_EMBEDDED_PATHS)),
        Mount("/static", StaticFiles(directory=static)),
    ]


async def _nothing_there(*_: object) -> None:
    raise HTTPException(404)


class _OwnRoutes:
    """Handlers about the service itself."""

    def __init__(self, service: Service, metrics: Metrics, log: EventLog) -> None:
        self._service, self._metrics, self._log = service, metrics, log
        self.openapi_text = self.asyncapi_text = b""
        self.ready = False

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1", self.capabilities, "Say what is served", Capabilities),
            Operation("GET", "/healthz", self.health, "Say that the process answers", Health,
                      role=None),
            Operation("GET", "/readyz", self.readiness, "Say whether new work is taken", Readiness,
                      problems=(503,), role=None),
            Operation("GET", "/metrics", self.metrics, "Count, for Prometheus", "text/plain",
                      role="operate"),
            Operation("GET", "/openapi.json", self.openapi, "Describe this API", JSON,
                      role=None),
            Operation("GET", "/asyncapi.json", self.asyncapi, "Describe the live sockets", JSON,
                      role=None),
        ]  # fmt: skip

    async def capabilities(self, _: Request) -> Response:
        service, scores, library = self._service, self._service.scores, self._service.library
        return json_response(
            Capabilities(
                dropback=__version__,
                predictor=service.predictor is not None,
                scores=scores is not None,
                plays=library is not None,
                keys_required=service.access.keys_required,
                public=service.access.public,
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
        return json_response(Readiness("ready", self._log.state))

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

    async def openapi(self, _: Request) -> Response:
        return json_response(self.openapi_text)

    async def asyncapi(self, _: Request) -> Response:
        return json_response(self.asyncapi_text)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
