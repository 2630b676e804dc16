"""Tell what a store refuses as one sentence."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dropback.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def told(url: str) -> Iterator[None]:
    """Tell what a store refuses as one sentence.

    Raises:
        StoreError: With the URL, what is wrong, and what to do.
    """
    try:
        yield
    except (FileExistsError, StoreError):
        raise
    except NotImplementedError as error:
        raise StoreError(
            f"{url} cannot hold an output: its file system does not write and remove files; name "
            "another place."
        ) from error
    except Exception as error:
        # Clients of stores have error classes of their own, without a common base.
        if not isinstance(error, OSError) and not _is_of_a_client(error):
            raise
        raise StoreError(f"{url} {_sentence(error)}") from error


# What the clients say, by kind of error and words, and what it means; the first that fits.
_MEANINGS: Final = (
    # The last is the address on which a machine of a cloud asks for its own.
    (
        ("Credential", "credential", "MissingAccount", "169.254.169.254"),
        "needs credentials and none were found: set those of the store in the environment of this "
        "process and of the workers (for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY).",
    ),
    (
        ("TooSkewed",),
        "refuses requests of this machine because its clock is wrong: set it, by NTP.",
    ),
    (
        ("PermissionError", "PermissionDenied", "Unauthenticated", "403 Forb", "401 Unauth"),
        "refuses access: use credentials that may read and write there, or another bucket.",
    ),
    (
        ("FileNotFoundError", "NoSuchBucket", "404 Not Found"),
        "does not exist: the bucket or the file is not there; create it, or check the name.",
    ),
)


def _sentence(error: Exception) -> str:
    words = f"{type(error).__name__} {error}"
    for marks, meaning in _MEANINGS:
        if any(mark in words for mark in marks):
            return meaning
    asked = re.search(r"Error performing [A-Z]+ (https?://[^/\s]+)", words)
    if asked is not None and "error sending request" in words:
        return (
            f"does not answer at {asked[1]}: check the network, and the address of the store (for "
            "S3 AWS_ENDPOINT_URL, if it is set)."
        )
    failed = re.search(r"non-2xx status code: (5\d\d [A-Za-z ]+)", words)
    if asked is not None and failed is not None:
        return (
            f"fails: {asked[1]} answers every request with {failed[1].strip()}; "
            "try again later, or ask who runs it."
        )
    return f"could not be used ({type(error).__name__}: {first_line(error)})."


def _is_of_a_client(error: Exception) -> bool:
    origin = type(error).__module__.partition(".")[0]
    return origin in {"obstore", "botocore", "aiobotocore", "aiohttp", "gcsfs", "azure", "google"}


def first_line(error: Exception) -> str:
    """What an error says, without its rest and its period."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
