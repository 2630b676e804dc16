"""Create and check API keys, kept as hashes in a JSON file, each with its own rate.

A key is 256 random bits, so that its SHA-256 cannot be searched for: a slow hash such as scrypt
protects passwords, which can be guessed, and would cost 50 ms a request.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from dropback._files import whole_file
from dropback.errors import ReaderError, RequestError
from dropback.service._sentences import sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

KeyRole: TypeAlias = Literal["read", "score", "feed"]
ROLES: Final = ("read", "score", "feed")
"""What a key may be allowed; without others it has the first two."""

_PREFIX = "dropback_"
_DEFAULT_PER_S = 1000.0


class StoredKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it stands in the file.

    Attributes:
        name: Its user; shown in logs and metrics.
        sha256: Of the key, hexadecimal.
        requests_per_s: Sustained rate; a burst of as many as one second's is allowed.
        live_plays: Live plays at once.
        roles: What it may do: ``read`` answers and watch; ``score`` plays, whole or live and
            unpublished; ``feed`` live plays that are published.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    requests_per_s: Annotated[float, Meta(ge=0.001, le=1e6)] = _DEFAULT_PER_S
    live_plays: Annotated[int, Meta(ge=0)] = 64
    roles: tuple[KeyRole, ...] = ("read", "score")


class _KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    keys: list[StoredKey]
    format: Annotated[int, Meta(ge=1, le=1)] = 1


def read_keys(path: Path) -> list[StoredKey]:
    """The keys of a file, or a `ReaderError`."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_KeyFile).keys
    except OSError as error:
        raise ReaderError(
            f"{path}: not readable ({error.strerror}); create it with 'dropback keys add'."
        ) from error
    except msgspec.ValidationError as error:
        why = sentence_of(error, _KeyFile)
        raise ReaderError(f"{path}: not a file of API keys: {why}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReaderError(f"{path}: not a file of API keys ({error}).") from error
    for of in ("name", "sha256"):
        twice = [
            value
            for value, count in Counter(getattr(key, of) for key in found).items()
            if count > 1
        ]
        if twice:
            raise ReaderError(
                f"{path}: each key must have a {of} of its own, two have {twice[0]!r}."
            )
    return found


def add_key(
    path: Path,
    name: str,
    *,
    requests_per_s: float = _DEFAULT_PER_S,
    live_plays: int = 64,
    roles: Sequence[str] = ("read", "score"),
) -> str:
    """Create a key, store its hash, and return it: it is not stored and cannot be shown again.

    Args:
        path: File of keys; created if there is none.
        name: Its user: letters, digits and ``._@-``, at most 64.
        requests_per_s: Sustained rate, of requests and live messages together.
        live_plays: Live plays at once.
        roles: Among `ROLES`.

    Raises:
        RequestError: The name is taken or not allowed, or the rate is not positive.
        ReaderError: The file exists and is not a file of keys.
    """
    stored = read_keys(path) if path.exists() else []
    if any(key.name == name for key in stored):
        raise RequestError(f"{path} has a key named {name!r}: choose another name.")
    key = _PREFIX + secrets.token_urlsafe(32)
    fields = {
        "name": name,
        "sha256": _digest(key),
        "requests_per_s": requests_per_s,
        "live_plays": live_plays,
        "roles": tuple(dict.fromkeys(roles)),
    }
    if not roles:
        raise RequestError(f"A key must have a role: choose among {', '.join(ROLES)}.")
    try:
        added = msgspec.convert(fields, StoredKey)
    except msgspec.ValidationError as error:
        why = sentence_of(error, StoredKey)
        raise RequestError(f"The key cannot be created: {why}.") from error
    _write(path, [*stored, added])
    return key


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of a file; a service that runs refuses it within a second.

    Raises:
        RequestError: The file has no key of that name.
        ReaderError: The file is not readable.
    """
    stored = read_keys(path)
    left = [key for key in stored if key.name != name]
    if len(left) == len(stored):
        raise RequestError(f"{path} has no key named {name!r}: 'dropback keys list' shows them.")
    _write(path, left)


def _write(path: Path, keys: list[StoredKey]) -> None:
    with whole_file(path) as aside:
        aside.touch(mode=0o600)
        content = msgspec.json.encode(_KeyFile(keys))
        aside.write_bytes(msgspec.json.format(content, indent=2) + b"\n")


class TokenBucket:
    """A rate with a burst: tokens come at `per_s` up to `burst`, and each request takes one."""

    def __init__(
        self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self) -> float:
        """Take a token: 0 if there was one, else the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_s


class KeyRing:
    """The accepted keys, with the buckets of their rates.

    Args:
        keys: The keys.
        path: The file that they are read from again when it changes; None where there is none.
        clock: Of the buckets.
    """

    def __init__(
        self,
        keys: list[StoredKey],
        path: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._clock = path, clock
        self._seen = _signature(path)
        self._buckets: dict[StoredKey, TokenBucket] = {}
        self._set(keys)

    @classmethod
    def of(cls, path: Path) -> KeyRing:
        """The keys of a file, read again when it changes; a `ReaderError` if it is none."""
        ring = cls([], path)  # what the file was before it is read: a change meanwhile is seen
        ring._set(read_keys(path))
        return ring

    def _set(self, keys: list[StoredKey]) -> None:
        # Looked up by hash: the time it takes reveals nothing of a key, since nobody can steer the
        # hash of a guess.
        self._keys = {key.sha256: key for key in keys}
        self._buckets = {
            key: self._buckets.get(key)
            or TokenBucket(key.requests_per_s, max(1.0, key.requests_per_s), self._clock)
            for key in keys
        }

    def refresh(self) -> bool:
        """Read the file again if it has changed, and say whether it had.

        Raises:
            ReaderError: It cannot be read now; the keys stay those of before.
        """
        signature = _signature(self._path)
        if self._path is None or signature == self._seen:
            return False
        self._seen = signature
        self._set(read_keys(self._path))
        return True

    def find(self, key: str) -> StoredKey | None:
        """The stored key that `key` is, or None."""
        return self._keys.get(_digest(key))

    def holds(self, key: StoredKey) -> bool:
        """Whether a key that was found is still accepted, as it was."""
        return self._keys.get(key.sha256) == key

    def take(self, key: StoredKey) -> float:
        """Take a token of a key's bucket, as `TokenBucket.take`; one that is revoked has all."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.take()


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when a file is written anew."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
