"""Check host, key and rate of every request, and turn every failure into a problem."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dropback.errors import DropbackError
from dropback.live.feeds._errors import ServiceError
from dropback.service._http import problem_response
from dropback.service._logs import log
from dropback.service._sockets import FAILED

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dropback.service._access import Access, Client
    from dropback.service._metrics import Metrics

# Asked for by clients with keys. The rest is for anyone: whether the process lives, what it offers,
# and the page.
_GUARDED = ("/v1", "/metrics")

_POLICY = (
    b"default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors "
)
_SECURITY = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
# The views that pages of other sites may show; every other address may not be framed.
_EMBEDDED = "/embed/"


class RequestMiddleware:
    """ASGI middleware around the routes.

    Args:
        app: Starlette's router.
        access: Who may do what.
        metrics: Counts the answers.
        root_path: Prefix at which a proxy serves the service, whether or not it takes it off.
    """

    def __init__(
        self, app: ASGIApp, *, access: Access, metrics: Metrics, root_path: str = ""
    ) -> None:
        self._app, self._access, self._metrics = app, access, metrics
        self._root_path = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        embedded = scope["path"].removeprefix(self._root_path).startswith(_EMBEDDED)
        status = 0

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                framers = b"*" if embedded else b"'none'"
                policy = (b"content-security-policy", _POLICY + framers)
                message["headers"] = [*message.get("headers", ()), *_SECURITY, policy]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        problem: Response | None = None
        # Starlette's router raises for an unknown path or method where it runs in an application.
        scope["app"] = self
        try:
            self._admit(scope)
            await self._app(scope, receive, send_secured)
        except ClientDisconnect:
            status = status or 499  # nginx's number for a client that left
        except Exception as error:  # whatever it is, no trace may leave
            problem = self._problem(scope, error)
        if problem is not None and not status:
            await problem(scope, receive, send_secured)
        self._record(scope, status, time.perf_counter() - started)

    def _admit(self, scope: Scope) -> None:
        self._access.check_site(scope)
        path = scope["path"].removeprefix(self._root_path)
        scope["root_path"], scope["path"] = self._root_path, self._root_path + path
        if path.startswith(_GUARDED):
            self._access.admit(scope)

    def _problem(self, scope: Scope, error: Exception) -> Response:
        if isinstance(error, ServiceError):
            if error.status in {429, 503}:
                self._metrics.shed.labels(str(error.status)).inc()
            headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
            return problem_response(
                error.status, error.detail, retry_after_s=error.retry_after_s, headers=headers
            )
        if isinstance(error, DropbackError):
            return problem_response(422, str(error))
        if isinstance(error, HTTPException):
            return problem_response(
                error.status_code, _sentence(error.status_code, scope), headers=error.headers
            )
        log.error("request failed", exc_info=error, extra={"fields": {"route": _route(scope)}})
        return problem_response(500, FAILED)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.count(route, status, seconds if scope["type"] == "http" else None)
        asked_by: Client | None = scope.get("dropback.client")
        client = scope.get("client")
        fields = {
            "method": scope.get("method", "WEBSOCKET"),
            "route": route,
            "path": scope["path"][:200],
            "status": status,
            "milliseconds": round(1e3 * seconds, 3),
            "client": client[0] if client else None,
            "key": None if asked_by is None else asked_by.name,
        }
        log.info("request", extra={"fields": fields})


def _route(scope: Scope) -> str:
    """The handler's name: paths would make a series each."""
    return getattr(scope.get("endpoint"), "__name__", "none")


def _sentence(status: int, scope: Scope) -> str:
    if status == 404 and scope["type"] == "websocket":
        return "There is no socket at this path: /asyncapi.json lists what there is."
    if status == 404:
        return "There is nothing at this path: /openapi.json lists what there is."
    if status == 405:
        return f"This path does not take {scope.get('method')}: /openapi.json lists what it takes."
    return f"{HTTPStatus(status).phrase}."
