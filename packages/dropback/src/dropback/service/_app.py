"""Build the ASGI application: every route behind the middleware, and the page."""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Route, Router, WebSocketRoute

from dropback import __version__
from dropback.errors import RequestError
from dropback.live import PlayPredictor
from dropback.live._library import PlayLibrary
from dropback.live.feeds._board import BEAT_S, LiveBoard
from dropback.live.feeds._errors import ServiceError
from dropback.live.feeds._events import Beat, MemoryLog
from dropback.live.feeds._inference import Inference
from dropback.live.feeds._sessions import PlaySessions
from dropback.service._access import Access
from dropback.service._asyncapi import asyncapi_document
from dropback.service._executors import COMPRESSED_BYTES
from dropback.service._http import JSON, Operation, json_response, openapi_document
from dropback.service._keys import KeyRing
from dropback.service._limits import Limits
from dropback.service._live_routes import LiveRoutes
from dropback.service._live_socket import LiveEndpoint
from dropback.service._logs import log
from dropback.service._messages import Capabilities, Health, Readiness
from dropback.service._metrics import Metrics
from dropback.service._middleware import RequestMiddleware
from dropback.service._plays import PlayRoutes
from dropback.service._rankings import RankingRoutes
from dropback.service._score_table import ScoreTable, join_score_tables
from dropback.service._shown import Shown
from dropback.service._sockets import OpenSockets
from dropback.service._watch import Audience, WatchEndpoints
from dropback.service.page._browse import BrowseRoutes
from dropback.service.page._document import page_routes
from dropback.service.page._passers import PasserRoutes
from dropback.service.page._share import CardRoutes
from dropback.workflows import PasserTables, read_passer_tables, read_scores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from dropback.live import Engine
    from dropback.live.feeds._events import EventLog

_HOST: Final = re.compile(r"\*|[\w.-]+|\[[0-9a-fA-F:.]+\]", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://[\w.\[\]:-]+")
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

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
        tables: What is shown of passers beside their scores.
        access: Who may do what.
        root_path: Prefix at which a proxy serves this, such as ``/ngs``.
        log: Where the events of live plays go; None keeps them in this process.
        limits: Bounds on what clients may ask for.
    """

    scores: ScoreTable | None = None
    library: PlayLibrary | None = None
    predictor: PlayPredictor | None = None
    tables: PasserTables = field(default_factory=PasserTables)
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
        self._shown = Shown(scores, library, self._inference, service.tables)
        self._rankings = RankingRoutes(self._shown, limits)
        self._routes = (
            self._rankings,
            *(
                kind(self._shown, limits)
                for kind in (PlayRoutes, BrowseRoutes, PasserRoutes, CardRoutes)
            ),
        )
        self._own = _OwnRoutes(service, metrics, self._log)
        self.app = self._built(LiveEndpoint(sessions, self.sockets, service.access, metrics))

    def _built(self, live: LiveEndpoint) -> ASGIApp:
        """The routes behind the middleware."""
        service, own, access = self._service, self._own, self._service.access
        operations = [
            *(operation for routes in self._routes for operation in routes.operations()),
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
            *page_routes(
                self._shown, root_path=root, told=access.public or not access.keys_required
            ),
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
        for routes in self._routes:
            routes.answers.close()

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
            # Whatever a file of keys may be: who ticks no more is taken for dead by other workers.
            except Exception as error:
                log.warning("keys cannot be read: those of before hold", exc_info=error)


def load_service(
    *,
    run: Path | None = None,
    engine: Engine | None = None,
    scores: Sequence[Path] = (),
    plays: Path | None = None,
    decisions: Path | None = None,
    seasons: Path | None = None,
    projection: Path | None = None,
    games: Path | None = None,
    expected_points: Path | None = None,
    access: Access | None = None,
    root_path: str = "",
    log: EventLog | None = None,
    limits: Limits | None = None,
) -> Service:
    """Read the files to serve.

    `read_passer_tables` reads those beside the play scores, `PlayPredictor.load` the networks; what
    one of them needs another for is refused without it.

    Raises:
        RequestError: Nothing to serve.
        DropbackError: A file or folder that cannot be served.
    """
    if run is None and not scores and plays is None:
        raise RequestError(
            "There is nothing to serve: name a run with play networks, --scores or --plays."
        )
    for name, given, needed in (
        ("--decisions", decisions, scores or plays),
        ("--seasons", seasons, scores),
        ("--projection", projection, scores),
        ("--games", games, scores),
        ("--expected-points", expected_points, run),
    ):
        if given is not None and not needed:
            beside = "a run" if name == "--expected-points" else "--scores"
            raise RequestError(f"{name} is shown beside what {beside} brings: name that, too.")
    played = [read_scores(path) for path in scores]
    tables = read_passer_tables(
        decisions=decisions, seasons=seasons, projection=projection, games=games
    )
    scored = ScoreTable(join_score_tables(played), tables.decisions) if played else None
    if scored is not None:
        for name, table in (
            ("--decisions", tables.decisions),
            ("--seasons", tables.seasons),
            ("--projection", tables.projection),
        ):
            if table is not None and not scored.knows_any(table["passer_player_id"]):
                raise RequestError(
                    f"{name} has none of the passers of --scores, so none of it would be shown: "
                    "name what belongs to these scores."
                )
    return Service(
        predictor=(
            None
            if run is None
            else PlayPredictor.load(run, engine=engine, expected_points=expected_points)
        ),
        scores=scored,
        library=None if plays is None else PlayLibrary(plays),
        tables=tables,
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
    for name in hosts:
        if not _HOST.fullmatch(name):
            raise RequestError(
                f"--allow-host must be a name or an address without a port, such as "
                f"scores.example.org, or *, got {name!r}."
            )
    names = {*LOOPBACK_NAMES, *(name.lower() for name in hosts)}
    return Access(
        keys=None if keys is None else KeyRing.of(keys),
        # Without names of its own an address beyond loopback answers to whatever leads there.
        hosts=None if "*" in hosts or not (loopback or hosts) else {*names, host.lower()},
        origins=origins,
        public=public,
    )


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
