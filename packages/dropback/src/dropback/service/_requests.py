"""From bytes that came in to checked values: bodies within their limits, and query parameters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.requests import ClientDisconnect

from dropback.service._problems import ServiceError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

    from dropback.service._settings import Limits

__all__ = ["decode", "query", "read_body"]

_Value = TypeVar("_Value")


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body, whole.

    Raises:
        ServiceError: 413 where it is too large, 408 where it came too slowly, 415 where it is
            compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ServiceError(415, "A body must be sent without Content-Encoding.")
    declared = request.headers.get("content-length")
    if declared is not None and int(declared) > limits.body_bytes:
        raise _too_large(limits)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message["body"])
                size += len(parts[-1])
                if size > limits.body_bytes:
                    raise _too_large(limits)
                more = message["more_body"]
    except TimeoutError as error:
        raise ServiceError(
            408, f"A body must arrive within {limits.body_s:g} s; {size} bytes had come."
        ) from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decode(decoder: msgspec.json.Decoder[_Value], body: bytes | str) -> _Value:
    """A message of JSON.

    Raises:
        ServiceError: 400 where it is not JSON, 422 where it is not the message.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ServiceError(422, f"The message is not as documented: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(400, f"The body must be JSON: {error}.") from error
    except RecursionError as error:
        raise ServiceError(400, "The body must be JSON of few levels: it is too deep.") from error


def query(request: HTTPConnection, kind: type[_Value]) -> _Value:
    """Query parameters as a struct; one that it does not name is refused.

    Raises:
        ServiceError: 422.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise ServiceError(422, f"The parameter {name!r} must be given once.")
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ServiceError(422, f"The parameters are not as documented: {error}.") from error


def _too_large(limits: Limits) -> ServiceError:
    return ServiceError(413, f"A body must be of at most {limits.body_bytes} bytes.")
