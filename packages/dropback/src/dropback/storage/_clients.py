"""Read and write single files by URL, through obstore or fsspec."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dropback.errors import StoreError
from dropback.storage._refusals import first_line, told

if TYPE_CHECKING:
    from pathlib import Path

# Seconds in which a connection must be there.
_CONNECT_TIMEOUT: Final = 4


@dataclass(frozen=True)
class Patience:
    """How long one request to a store goes on.

    Attributes:
        tries: Most tries by the store's own client, which waits longer after each.
        seconds: After which it tries no more.
        answer_s: In which an answer must come.
    """

    tries: int = 20
    seconds: int = 20
    answer_s: int = 20


PATIENT: Final = Patience()
"""A link that is cut for a while costs time alone."""

FIRST: Final = Patience(tries=7, seconds=8, answer_s=10)
"""Whether a store is there at all is told sooner."""

_PIECE_BYTES: Final = 8 << 20

_CLOUDS: Final = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl", "azure")
_ENDPOINTS: Final = (
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"),
    *("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
)


def remote_files_of(root: str, patience: Patience = PATIENT) -> ObjectFiles | FileSystemFiles:
    """The files below a URL: by obstore in the three clouds, else by fsspec.

    Raises:
        StoreError: The URL's kind is unknown, or its package is not installed.
    """
    scheme = root.partition("://")[0].lower()
    try:
        with told(root):
            return ObjectFiles(root, patience) if scheme in _CLOUDS else FileSystemFiles(root)
    except ImportError as error:
        # What fsspec needs for other file systems is in no extra; it says the package itself.
        needed = (
            f"the package {error.name}, which is not installed: pip install 'dropback[cloud]'"
            if error.name
            else f"a package that is not installed here ({first_line(error)})"
        )
        raise StoreError(f"{root} needs {needed}.") from error
    except (TypeError, ValueError) as error:  # fsspec's, of a URL that lacks something
        raise StoreError(
            f"{root} names no store: {first_line(error)}; use s3://, gs://, az:// or a path."
        ) from error


class ObjectFiles:
    """Files of an object store, by obstore, which repeats a request that failed on the way."""

    def __init__(self, root: str, patience: Patience) -> None:
        import obstore.store  # an extra, imported where a URL asks for it

        endpoints = _endpoints()
        # Read as a URL of the web, x#1 and x?1 would both be x, and x%20y the x y of another.
        literal = root.replace("%", "%25").replace("#", "%23").replace("?", "%3F")
        self._store = obstore.store.from_url(
            literal,
            client_options={
                "connect_timeout": f"{_CONNECT_TIMEOUT}s",
                "timeout": f"{patience.answer_s}s",
                # Plain HTTP only to an endpoint that the user has named so.
                "allow_http": any(value.startswith("http://") for value in endpoints),
            },
            retry_config={
                "max_retries": patience.tries,
                "retry_timeout": timedelta(seconds=patience.seconds),
                "backoff": {"max_backoff": timedelta(seconds=3)},
            },
        )

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""
        try:
            return int(self._store.head(key)["size"])
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes:
        """Content of a file."""
        return bytes(self._store.get(key).bytes())

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """Some bytes of a file."""
        return bytes(self._store.get_range(key, start=start, length=size))

    def write(self, key: str, content: bytes) -> None:
        """Write a file."""
        self._store.put(key, content)

    def create(self, key: str, content: bytes) -> None:
        """Write a file that is not there."""
        import obstore.exceptions

        try:
            self._store.put(key, content, mode="create")
        except obstore.exceptions.AlreadyExistsError as error:
            raise FileExistsError(key) from error

    def put(self, path: Path, key: str) -> None:
        """Upload a file, in parts where it is large; only the last request makes it appear."""
        self._store.put(key, path)

    def fetch(self, key: str, path: Path) -> None:
        """Download a file, in pieces."""
        with path.open("wb") as target:
            for piece in self._store.get(key).stream(_PIECE_BYTES):
                target.write(piece)

    def list(self) -> dict[str, tuple[int, str]]:
        """Bytes and mark of every file."""
        return {
            entry["path"]: (int(entry["size"]), str(entry["e_tag"] or entry["last_modified"]))
            for entries in self._store.list()
            for entry in entries
        }

    def remove(self, key: str) -> None:
        """Remove a file."""
        self._store.delete(key)


def _endpoints() -> list[str]:
    """Addresses of stores that the environment names; a client panics over one that is none.

    Raises:
        StoreError: One has no scheme, no host, or a port that is none.
    """
    named = {name: value for name in _ENDPOINTS if (value := os.environ.get(name))}
    for name, value in named.items():
        try:
            parts = urlsplit(value)
            right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port above 65535 or of letters, a bracket left open
            right = False
        if not right or any(letter.isspace() for letter in value):
            raise StoreError(
                f"The environment's {name} must be an address such as https://HOST:PORT, got "
                f"{value!r}."
            )
    return list(named.values())


class FileSystemFiles:
    """Files of any other file system that fsspec knows."""

    def __init__(self, root: str) -> None:
        import fsspec  # where a URL asks for it

        self._files, path = fsspec.url_to_fs(root)
        self._prefix = str(path).rstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""
        try:
            # What another process wrote is not in this one's listing.
            self._files.invalidate_cache()
            found = self._files.info(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def read(self, key: str) -> bytes:
        """Content of a file."""
        return bytes(self._files.cat_file(self._path(key)))

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """Some bytes of a file."""
        return bytes(self._files.cat_file(self._path(key), start=start, end=start + size))

    def write(self, key: str, content: bytes) -> None:
        """Write a file."""
        self._make_parent(key)
        self._files.pipe_file(self._path(key), content)

    def create(self, key: str, content: bytes) -> None:
        """Write a file that is not there."""
        self._make_parent(key)
        self._files.pipe_file(self._path(key), content, mode="create")

    def put(self, path: Path, key: str) -> None:
        """Upload a file."""
        self._make_parent(key)
        self._files.put_file(str(path), self._path(key))

    def fetch(self, key: str, path: Path) -> None:
        """Download a file."""
        self._files.get_file(self._path(key), str(path))

    def list(self) -> dict[str, tuple[int, str]]:
        """Bytes and mark of every file."""
        self._files.invalidate_cache()
        found = self._files.find(self._prefix, detail=True)
        return {
            name[len(self._prefix) :].lstrip("/"): (
                int(entry["size"]),
                str(entry.get("ETag") or entry.get("mtime") or entry.get("created")),
            )
            for name, entry in sorted(found.items())
        }

    def remove(self, key: str) -> None:
        """Remove a file."""
        self._files.rm_file(self._path(key))

    def _make_parent(self, key: str) -> None:
        self._files.makedirs(self._path(key).rpartition("/")[0], exist_ok=True)
