"""Refuse what the service does not take: problems with a status, and shares of what is bounded."""

from __future__ import annotations

from typing import Final

# Of a table that all clients use, what one of them may have at most.
_SHARE: Final = 0.5


class ServiceError(Exception):
    """A request that is answered with a problem; `retry_after_s` is for 429 and 503."""

    def __init__(self, status: int, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


def busy(detail: str) -> ServiceError:
    """A refusal of work (503) beyond a bound; a full queue of plays is done within the second."""
    return ServiceError(503, detail, retry_after_s=1.0)


def share_of(limit: int, share: str | None) -> int:
    """What one client may have of a table: at most half, so that another's work has room.

    Args:
        limit: Of the table.
        share: Whose share, None where there is but one user.
    """
    return limit if share is None else max(1, int(limit * _SHARE)) if limit else 0
