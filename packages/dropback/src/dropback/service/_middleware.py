"""Check host, key and rate of every request, and turn every failure into a problem."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dropback.errors import DropbackError
from dropback.service._http import ServiceError, problem_response
from dropback.service._logs import log

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dropback.service._keys import KeyRing, StoredKey
    from dropback.service._metrics import Metrics

# A browser cannot set headers on a WebSocket: its key follows this, as a subprotocol.
_KEY_SUBPROTOCOL = "dropback.key."

# Answered without a key: whether the process lives, what it offers, and the page.
_OPEN = ("/healthz", "/readyz", "/openapi.json")
_GUARDED = ("/v1", "/metrics")

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        b"form-action 'none'",
    ),
)


class RequestMiddleware:
    """ASGI middleware around the routes.

    Args:
        app: Starlette's router.
        keys: Keys that are accepted; None lets anyone in.
        hosts: Names that the ``Host`` header may have, without port; None takes any. This refuses
            pages of other sites that resolve their own name to this computer.
        metrics: Counts the answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyRing | None,
        hosts: Collection[str] | None,
        metrics: Metrics,
    ) -> None:
        self._app, self._keys, self._hosts, self._metrics = app, keys, hosts, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_SECURITY]
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
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self._hosts is not None and name not in self._hosts:
            raise ServiceError(
                421,
                "The Host header must name loopback: start the service with --host and --keys to "
                "serve other names.",
            )
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != host
        if scope["type"] == "websocket" and foreign:
            # A page of any site may open a WebSocket to loopback; only ours may use it.
            raise ServiceError(403, "A WebSocket from a page must come from this service's own.")
        path = scope["path"]
        if self._keys is None or path in _OPEN or not path.startswith(_GUARDED):
            return
        key = self._keys.find(_sent_key(headers))
        if key is None:
            raise ServiceError(
                401,
                "An API key is needed: send it as 'Authorization: Bearer KEY'; create one with "
                "'dropback keys add'.",
            )
        scope["dropback.key"] = key
        wait = self._keys.take(key)
        if wait > 0:
            raise ServiceError(
                429,
                f"The key {key.name!r} allows {key.requests_per_s:g} requests a second: wait.",
                retry_after_s=wait,
            )

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
        return problem_response(
            500, "The service failed on this request; its log says why. Nothing was changed."
        )

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.count(route, status, seconds if scope["type"] == "http" else None)
        key: StoredKey | None = scope.get("dropback.key")
        client = scope.get("client")
        fields = {
            "method": scope.get("method", "WEBSOCKET"),
            "route": route,
            "path": scope["path"][:200],
            "status": status,
            "milliseconds": round(1e3 * seconds, 3),
            "client": client[0] if client else None,
            "key": None if key is None else key.name,
        }
        log.info("request", extra={"fields": fields})


def _sent_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_KEY_SUBPROTOCOL):
            return protocol.strip().removeprefix(_KEY_SUBPROTOCOL)
    return ""


def _route(scope: Scope) -> str:
    """The handler's name: paths would make a series each."""
    return getattr(scope.get("endpoint"), "__name__", "none")


def _sentence(status: int, scope: Scope) -> str:
    if status == 404:
        return "There is nothing at this path: /openapi.json lists what there is."
    if status == 405:
        return f"This path does not take {scope.get('method')}: /openapi.json lists what it takes."
    return f"{HTTPStatus(status).phrase}."
