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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from dropback._files import URL_WITH_ONE_SLASH, whole_file
from dropback.errors import StoreError
from dropback.storage._clients import FIRST, remote_files_of
from dropback.storage._refusals import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dropback._files import AnyPath

# A letter alone before the colon is a drive of Windows.
_URL: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


_SCRATCH: Final = ".scratch-"


def is_url(path: object) -> bool:
    """Whether a path names an object store or another file system: ``s3://...``, ``gs://...``.

    Raises:
        StoreError: It has one slash after the colon, as where a URL was made a `Path`: it would
            name a folder of this disk.

    Example:
        >>> is_url("s3://league/plays"), is_url("data/plays"), is_url("C:/plays")
        (True, False, False)
    """
    if isinstance(path, str | os.PathLike) and URL_WITH_ONE_SLASH.match(str(path)):
        raise StoreError(
            f"{path} has one slash after its colon: a URL has two, as s3://bucket/folder, and is "
            "given as text, not as a Path."
        )
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

    def sizes(self) -> dict[str, int]:
        """Bytes of every file."""

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

    def sizes(self) -> dict[str, int]:
        """Bytes of every file."""
        found = {}
        for place, folders, names in os.walk(self._folder):
            # Other tasks write and remove these meanwhile.
            folders[:] = [name for name in folders if not name.startswith(_SCRATCH)]
            for name in names:
                path = Path(place) / name
                with suppress(FileNotFoundError):
                    found[path.relative_to(self._folder).as_posix()] = path.stat().st_size
        return found

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
        aside = self._folder / f"{_SCRATCH}{uuid.uuid4().hex[:12]}"
        aside.mkdir(parents=True)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


class RemoteStore:
    """A prefix in an object store: files are kept under the digest of their content."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        if self.root.endswith(":"):
            raise StoreError(f"{root} must name a bucket, as s3://bucket/folder.")
        if {".", ".."} & set(self.root.split("/")):
            raise StoreError(
                f"{root} must not hold . or .. between slashes: a store has no such folders, and "
                "each of its clients reads them otherwise."
            )
        self._files = remote_files_of(self.root)

    def key(self, name: str, digest: str) -> str:  # noqa: ARG002  # content decides
        """A name that says what is inside, so that writing it twice writes the same."""
        return f"objects/{digest}"

    def size(self, key: str) -> int | None:
        """Bytes of a file, None where there is none."""
        with told(self.root):
            return self._files.size(key)

    def sizes(self) -> dict[str, int]:
        """Bytes of every file."""
        return {key: size for key, (size, _) in self.list().items()}

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

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """Some bytes of a file."""
        with told(f"{self.root}/{key}"):
            return self._files.read_range(key, start, size)

    def list(self) -> dict[str, tuple[int, str]]:
        """All files below the root: bytes, and a mark that changes with the content."""
        with told(self.root):
            return self._files.list()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on this machine's disk."""
        with tempfile.TemporaryDirectory(prefix="dropback-task-") as folder:
            yield Path(folder)

    def require_answer(self) -> None:
        """Fail soon where the store does not answer at all.

        Raises:
            StoreError: It does not, or has no credentials.
        """
        files = remote_files_of(self.root, FIRST)
        with told(self.root):
            files.size("manifest.json")

    def require_writable(self) -> None:
        """Fail before anything is computed where the store cannot be written.

        Raises:
            StoreError: It is not there, not ours, has no credentials, or does not answer.
        """
        probe = f".probe-{uuid.uuid4().hex[:12]}"
        files = remote_files_of(self.root, FIRST)
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
