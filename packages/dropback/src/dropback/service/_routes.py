"""From a request's path to its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route, Router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

    from dropback.service._operations import Endpoint, Operation

__all__ = ["Routes"]


class Routes:
    """The handlers of operations, and whatever else is served.

    A path without parameters is looked up, in 4 us with all that comes before its handler; the
    others are left to Starlette's router, which tries one pattern after another and wraps each
    handler (12 us where the first pattern matches).

    Args:
        operations: What the API offers.
        others: Sockets and the page.
        lifespan: What is done at the start and at the end.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        others: Sequence[BaseRoute],
        lifespan: Lifespan[ASGIApp],
    ) -> None:
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        patterns: list[BaseRoute] = []
        for operation in operations:
            if operation.path_parameters:
                route = Route(operation.path, operation.endpoint, methods=[operation.method])
                patterns.append(route)
                continue
            methods = self._fixed.setdefault(operation.path, {})
            methods[operation.method] = operation.endpoint
            if operation.method == "GET":
                methods["HEAD"] = operation.endpoint
        self._router = Router([*patterns, *others], redirect_slashes=False, lifespan=lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to its handler.

        Raises:
            HTTPException: 404 for an unknown path, 405 for a method that it does not take.
        """
        methods = self._fixed.get(scope["path"]) if scope["type"] == "http" else None
        if methods is None:
            # The router raises for an unknown path or method where it finds an application.
            scope["app"] = self
            await self._router(scope, receive, send)
            return
        endpoint = methods.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        scope["endpoint"] = endpoint
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
