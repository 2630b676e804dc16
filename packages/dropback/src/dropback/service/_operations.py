"""One HTTP operation: its route and its documentation, from which OpenAPI is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

__all__ = ["Operation", "json_response"]

JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """A method on a path.

    Attributes:
        method: HTTP method.
        path: With path parameters in braces, of the kinds in `path_parameters`.
        endpoint: Answers the request; its name labels metrics and logs.
        summary: What it does.
        answer: Struct of a 200 answer, or its media type where it is no JSON.
        query: Struct of the query parameters.
        path_parameters: Schema of each path parameter.
        bodies: Media type to struct, or to a binary form's description, of the request.
        problems: Statuses that it answers with a problem, beside those of every route.
        guarded: Whether it needs a key where keys are used.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: type[msgspec.Struct] | str
    query: type[msgspec.Struct] | None = None
    path_parameters: dict[str, dict[str, Any]] | None = None
    bodies: dict[str, type[msgspec.Struct] | str] | None = None
    problems: tuple[int, ...] = ()
    guarded: bool = True


def json_response(answer: msgspec.Struct | bytes) -> Response:
    """An answer, encoded before where it was kept."""
    content = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return Response(content, media_type=JSON)
