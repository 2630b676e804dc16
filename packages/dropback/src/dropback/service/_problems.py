"""Errors on the wire: problem+json (RFC 9457) with the sentence that the command line prints."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from dropback.service._messages import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ServiceError", "problem_response"]


class ServiceError(Exception):
    """A request that is answered with a problem.

    Args:
        status: HTTP status.
        detail: What must hold, what came, and what to do, in one sentence.
        retry_after_s: When it is worth asking again, for 429 and 503.
    """

    def __init__(self, status: int, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


def problem_response(
    status: int,
    detail: str,
    *,
    retry_after_s: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    more = dict(headers or {})
    if retry_after_s is not None:
        # Whole seconds, rounded up (RFC 9110, section 10.2.3).
        more["retry-after"] = str(max(1, -(-int(retry_after_s * 1000) // 1000)))
    return Response(
        msgspec.json.encode(problem), status, more, media_type="application/problem+json"
    )
