"""One folder on disk or in an object store, whose files are read and written whole.

An object store has no rename, so nothing here relies on one there: a file is one request, which
succeeds or leaves nothing, and its size is checked afterwards.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from dropback._files import whole_file
from dropback.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropback._files import AnyPath

# A letter alone before the colon is a drive of Windows.
_URL: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")

# Seconds. An address where nothing answers is told within half a minute, all tries together.
_CONNECT_TIMEOUT: Final = 4
_READ_TIMEOUT: Final = 20

# Tries of one request by the store's own client, which waits longer after each, up to so many
# seconds in all: a link that is cut for a while costs time alone. Whether a store is there at all
# is told sooner.
_TRIES: Final = 20
_TRY_SECONDS: Final = 20
_FIRST_TRIES: Final = 7

_PIECE_BYTES: Final = 8 << 20

_CLOUDS: Final = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl", "azure")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")


def is_url(path: object) -> bool:
    """Whether a path names an object store or another file system: ``s3://...``, ``gs://...``.

    Example:
        >>> is_url("s3://league/plays"), is_url("data/plays"), is_url("C:/plays")
        (True, False, False)
    """
    return isinstance(path, str) and bool(_URL.match(path))


def split_url(url: str) -> tuple[str, str]:
    """The folder and the name of a file that a URL names.

    Raises:
        StoreError: It names no file.
    """
    root, _, name = url.rstrip("/").rpartition("/")
    if not name or root.endswith(("/", ":")):
        raise StoreError(f"{url} must name a file in a bucket, as s3://bucket/folder/name.parquet.")
    return root, name


class Store(Protocol):
    """Files below one folder or URL; names are relative, with ``/`` between their parts."""

    root: str

    def key(self, name: str, digest: str) -> str:
        """Where a file of that content is kept: by its digest where files cannot be renamed."""

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""

    def read(self, key: str) -> bytes:
        """Content of a file."""

    def write(self, key: str, content: bytes) -> None:
        """Write a file whole; what was there is replaced."""

    def create(self, key: str, content: bytes) -> bool:
        """Write a file whole unless it is there; whether this call wrote it."""

    def put(self, path: Path, key: str) -> None:
        """Take a local file, which may be moved away."""

    def fetch(self, key: str, path: Path) -> None:
        """Copy a file to a local path, whole."""

    def scratch(self) -> Any:  # noqa: ANN401  # a context manager
        """A local folder for the files of one task, removed afterwards."""


def open_store(root: AnyPath) -> Store:
    """Open a folder on disk or a URL of any file system that fsspec knows.

    Raises:
        StoreError: The URL's kind is unknown, or its package is not installed.
    """
    if isinstance(root, str) and is_url(root):
        return RemoteStore(root)
    return DiskStore(Path(root))


class DiskStore:
    """A folder on disk, or one that several machines share: files are renamed into place."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._folder = root

    def key(self, name: str, digest: str) -> str:  # noqa: ARG002  # renamed, so names will do
        """Its own name."""
        return name

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""
        path = self._folder / key
        return path.stat().st_size if path.is_file() else None

    def read(self, key: str) -> bytes:
        """Content of a file."""
        path = self._folder / key
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} could not be read: {error.strerror}.") from error

    def write(self, key: str, content: bytes) -> None:
        """Write a file whole; what was there is replaced."""
        with whole_file(self._folder / key) as aside:
            aside.write_bytes(content)

    def create(self, key: str, content: bytes) -> bool:
        """Write a file whole unless it is there; whether this call wrote it."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            aside.write_bytes(content)
            path.hardlink_to(aside)
        except FileExistsError:
            return False
        finally:
            aside.unlink(missing_ok=True)
        return True

    def put(self, path: Path, key: str) -> None:
        """Move a local file into place."""
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.replace(target)
        except OSError:  # on another disk
            with whole_file(target) as aside:
                shutil.copyfile(path, aside)

    def fetch(self, key: str, path: Path) -> None:
        """Copy a file to a local path, whole."""
        with whole_file(path) as aside:
            shutil.copyfile(self._folder / key, aside)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the same disk, so that its files can be renamed."""
        aside = self._folder / f".scratch-{uuid.uuid4().hex[:12]}"
        aside.mkdir(parents=True)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


class RemoteStore:
    """A prefix in an object store: files are kept under the digest of their content."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._files = remote_files_of(self.root)

    def key(self, name: str, digest: str) -> str:  # noqa: ARG002  # content decides
        """A name that says what is inside, so that writing it twice writes the same."""
        return f"objects/{digest}"

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""
        with told(self.root):
            return self._files.size(key)

    def read(self, key: str) -> bytes:
        """Content of a file."""
        with told(f"{self.root}/{key}"):
            return self._files.read(key)

    def write(self, key: str, content: bytes) -> None:
        """Write a file whole and check its size; what was there is replaced."""
        with told(self.root):
            self._files.write(key, content)
        self._require_size(key, len(content))

    def create(self, key: str, content: bytes) -> bool:
        """Write a file whole unless it is there, by a conditional write of the store."""
        with told(self.root):
            try:
                self._files.create(key, content)
            except FileExistsError:
                return False
        self._require_size(key, len(content))
        return True

    def put(self, path: Path, key: str) -> None:
        """Upload a local file, unless one of the same content and size is there."""
        size = path.stat().st_size
        if self.size(key) == size:
            return
        with told(self.root):
            self._files.put(path, key)
        self._require_size(key, size)

    def fetch(self, key: str, path: Path) -> None:
        """Download a file to a local path, whole."""
        with whole_file(path) as aside, told(f"{self.root}/{key}"):
            self._files.fetch(key, aside)

    def read_ahead(self, key: str, size: int) -> bytes:
        """The first bytes of a file."""
        with told(f"{self.root}/{key}"):
            return self._files.read_ahead(key, size)

    def list(self) -> dict[str, tuple[int, str]]:
        """All files below the root: bytes, and a mark that changes with the content."""
        with told(self.root):
            return self._files.list()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on this machine's disk."""
        with tempfile.TemporaryDirectory(prefix="dropback-task-") as folder:
            yield Path(folder)

    def require_writable(self) -> None:
        """Fail before anything is computed where the store cannot be written.

        Raises:
            StoreError: It is not there, not ours, has no credentials, or does not answer.
        """
        probe = f".probe-{uuid.uuid4().hex[:12]}"
        files = remote_files_of(self.root, tries=_FIRST_TRIES)
        with told(self.root):
            files.write(probe, b"dropback")
            files.remove(probe)

    def _require_size(self, key: str, size: int) -> None:
        found = self.size(key)
        if found != size:
            raise StoreError(
                f"{self.root}/{key} must have {size} bytes after it was written and has "
                f"{'none' if found is None else found}: run the same command again."
            )


def remote_files_of(root: str, *, tries: int = _TRIES) -> ObjectFiles | FileSystemFiles:
    """The files below a URL: by obstore in the three clouds, else by fsspec.

    Raises:
        StoreError: The URL's kind is unknown, or its package is not installed.
    """
    scheme = root.partition("://")[0].lower()
    try:
        with told(root):
            return ObjectFiles(root, tries) if scheme in _CLOUDS else FileSystemFiles(root)
    except ImportError as error:
        raise StoreError(
            f"{root} needs the package {error.name or error}, which is not installed: "
            "pip install 'dropback[cloud]'."
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{root} names no store: {_first_line(error)}; use s3://, gs://, az:// or a path."
        ) from error


class ObjectFiles:
    """Files of an object store, by obstore, which repeats a request that failed on the way."""

    def __init__(self, root: str, tries: int) -> None:
        import obstore.store  # an extra, imported where a URL asks for it

        endpoints = (os.environ.get(name, "") for name in _ENDPOINTS)
        self._store = obstore.store.from_url(
            root,
            client_options={
                "connect_timeout": f"{_CONNECT_TIMEOUT}s",
                "timeout": f"{_READ_TIMEOUT}s",
                # Plain HTTP only to an endpoint that the user has named so.
                "allow_http": any(value.startswith("http://") for value in endpoints),
            },
            retry_config={
                "max_retries": tries,
                "retry_timeout": timedelta(seconds=_TRY_SECONDS),
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

    def read_ahead(self, key: str, size: int) -> bytes:
        """The first bytes of a file."""
        return bytes(self._store.get_range(key, start=0, end=size))

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
            return int(self._files.info(self._path(key))["size"])
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes:
        """Content of a file."""
        return bytes(self._files.cat_file(self._path(key)))

    def read_ahead(self, key: str, size: int) -> bytes:
        """The first bytes of a file."""
        return bytes(self._files.cat_file(self._path(key), start=0, end=size))

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
    return f"could not be used ({type(error).__name__}: {_first_line(error)})."


def _is_of_a_client(error: Exception) -> bool:
    origin = type(error).__module__.partition(".")[0]
    return origin in {"obstore", "botocore", "aiobotocore", "aiohttp", "gcsfs", "azure", "google"}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
