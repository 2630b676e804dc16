"""Read HTTP requests into checked values, write answers and problems, and document both."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from dropback import __version__
from dropback.live.feeds._errors import ServiceError
from dropback.service._access import Role, require_role
from dropback.service._messages import Problem
from dropback.service._sentences import sentence_of, version_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.requests import HTTPConnection, Request

    from dropback.service._limits import Limits

    Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"

_REF = "#/components/schemas/{name}"
# Of the middleware and the connection, on any route.
_EVERYWHERE = (400, 401, 403, 421, 429, 431, 500)

_Value = TypeVar("_Value")


class _AnyVersion(msgspec.Struct, frozen=True):
    """What is read of a message that is not as documented."""

    version: Any = None


@dataclass(frozen=True)
class Operation:
    """A method on a path: its route and its documentation, from which OpenAPI is written.

    Attributes:
        method: HTTP method.
        path: With path parameters in braces, which `path_parameters` describes.
        endpoint: Answers the request; its name labels metrics and logs.
        summary: What it does.
        answer: Struct of a 200 answer, or its media type where it is not JSON.
        query: Struct of the query parameters.
        path_parameters: Schema of each path parameter.
        bodies: Media type to struct, or to a binary form's description, of the request.
        problems: Statuses that it answers with a problem, beside those of every route.
        role: What a client needs to be allowed; None where anyone may ask.
        table: Whether ``format=csv`` gives its rows as CSV.
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
    role: Role | None = "read"
    table: bool = False

    def route(self) -> Route:
        """Starlette's route of the operation, which checks the role first."""
        role = self.role
        if role is None:
            return Route(self.path, self.endpoint, methods=[self.method])
        endpoint = self.endpoint

        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            require_role(request, role)
            return await endpoint(request)

        return Route(self.path, guarded, methods=[self.method])


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body, refused if it is too large (413), too slow (408) or compressed (415)."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ServiceError(415, "A body must be sent without Content-Encoding.")
    too_large = ServiceError(413, f"A body must be at most {limits.body_bytes} bytes.")
    declared = request.headers.get("content-length")
    if declared is not None and int(declared) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message["body"]
                if len(body) > limits.body_bytes:
                    raise too_large
                more = message["more_body"]
    except TimeoutError as error:
        raise ServiceError(
            408,
            f"A body must arrive within {limits.body_s:g} s; {len(body)} bytes had arrived.",
        ) from error
    return bytes(body)


def decode(
    decoder: msgspec.json.Decoder[_Value] | msgspec.msgpack.Decoder[_Value],
    body: bytes | str,
    described: str = "/openapi.json",
) -> _Value:
    """Decode a message: 400 if it is neither JSON nor MessagePack, 422 if it is another message.

    One of another version is told so rather than which field it lacks.
    """
    form = "JSON" if isinstance(decoder, msgspec.json.Decoder) else "MessagePack"
    try:
        return decoder.decode(body)  # type: ignore[arg-type]  # text comes with JSON alone
    except msgspec.ValidationError as error:
        detail = f"The message is not as documented: {sentence_of(error, decoder.type)}."
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            codec = msgspec.json if form == "JSON" else msgspec.msgpack
            sent, spoken = codec.decode(body, type=_AnyVersion).version, version_of(decoder.type)
            if isinstance(sent, int | float | str) and sent != spoken:
                detail = (
                    f"The service speaks version {spoken} of this message, got version "
                    f"{str(sent)[:20]}: {described} describes its messages."
                )
        raise ServiceError(422, detail) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(400, f"The body must be {form}: {error}.") from error
    except RecursionError as error:
        raise ServiceError(
            400, f"The body must be {form} of few levels: it is too deep."
        ) from error


def query(request: HTTPConnection, kind: type[_Value]) -> _Value:
    """The query parameters as a struct; others than its own are refused (422)."""
    items = request.query_params.multi_items()
    values = dict(items)
    if len(values) < len(items):
        names = [name for name, _ in items]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ServiceError(422, f"The parameter {repeated!r} must be given once.")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ServiceError(
            422, f"The parameters are not as documented: {sentence_of(error, kind)}."
        ) from error


def json_response(answer: msgspec.Struct | bytes) -> Response:
    """An answer as JSON, which may be encoded already."""
    content = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return Response(content, media_type=JSON)


def problem_response(
    status: int,
    detail: str,
    *,
    retry_after_s: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as problem+json (RFC 9457), with the sentence that the command line prints."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    sent = dict(headers or {})
    if retry_after_s is not None:
        # Whole seconds, rounded up (RFC 9110, section 10.2.3).
        sent["retry-after"] = str(max(1, -(-int(retry_after_s * 1000) // 1000)))
    return Response(
        msgspec.json.encode(problem), status, sent, media_type="application/problem+json"
    )


def openapi_document(
    operations: Iterable[Operation], *, keyed: bool, root_path: str = ""
) -> dict[str, Any]:
    """OpenAPI 3.1 of the operations.

    Args:
        operations: What is served.
        keyed: Whether the service needs API keys.
        root_path: Prefix at which a proxy serves it.
    """
    operations = list(operations)
    structs: set[type[msgspec.Struct]] = {Problem}
    for operation in operations:
        for kind in (operation.answer, *(operation.bodies or {}).values()):
            if not isinstance(kind, str):
                structs.add(kind)
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    of = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described: dict[str, Any] = {
            "operationId": operation.endpoint.__name__,
            "summary": operation.summary,
            "parameters": _parameters(operation),
            "responses": _responses(operation, of),
            "security": [{"key": []}] if keyed and operation.role is not None else [],
        }
        if operation.bodies:
            described["requestBody"] = {
                "required": True,
                "content": {
                    media: {"schema": _binary(kind) if isinstance(kind, str) else of[kind]}
                    for media, kind in operation.bodies.items()
                },
            }
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dropback",
            "version": __version__,
            "description": "How good was that throw? Play scores, rankings, stored plays. Live "
            "plays are sockets and event streams: /asyncapi.json describes them.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in (operation.path_parameters or {}).items()
    ]
    if operation.query is not None:
        # One struct of plain fields: its components hold itself alone.
        (schema,) = msgspec.json.schema_components([operation.query])[1].values()
        found += [
            {"name": name, "in": "query", "required": False, "schema": field}
            for name, field in schema["properties"].items()
        ]
    return found


def _responses(operation: Operation, of: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    answer = operation.answer
    content = (
        {answer: {"schema": {"type": "object" if answer == JSON else "string"}}}
        if isinstance(answer, str)
        else {JSON: {"schema": of[answer]}}
    )
    if operation.table:
        content[CSV] = {"schema": {"type": "string"}}
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    if operation.method == "GET":
        responses["304"] = {"description": "The answer has the ETag of If-None-Match."}
    for status in sorted({*_EVERYWHERE, *operation.problems}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": of[Problem]}},
        }
        if status in {429, 503}:
            responses[str(status)]["headers"] = {
                "Retry-After": {"schema": {"type": "integer", "minimum": 1}}
            }
    return responses


def _binary(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "binary", "description": description}
