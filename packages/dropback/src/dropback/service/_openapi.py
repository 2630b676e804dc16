"""Write the OpenAPI document from the operations and the structs of their messages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from dropback import __version__
from dropback.service._http import JSON
from dropback.service._messages import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dropback.service._http import Operation

_REF = "#/components/schemas/{name}"
# Of the middleware and the connection, on any route.
_EVERYWHERE = (400, 401, 421, 429, 431, 500)


def openapi_document(operations: Iterable[Operation], *, keyed: bool) -> dict[str, Any]:
    """OpenAPI 3.1 of the operations; `keyed` says whether the service needs API keys."""
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
            "security": [{"key": []}] if keyed and operation.guarded else [],
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
            "plays are a WebSocket at /v1/live; its messages are in the documentation.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
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
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
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
