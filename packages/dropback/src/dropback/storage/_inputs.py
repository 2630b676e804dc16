"""Copy inputs that are named by URL to this machine, once for each content."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from dropback._files import whole_folder
from dropback.errors import RequestError, StoreError
from dropback.storage._folders import read_folder
from dropback.storage._outputs import MANIFEST, WILDCARDS
from dropback.storage._stores import RemoteStore, is_url, open_store, split_url

if TYPE_CHECKING:
    from collections.abc import Callable

_Path = TypeVar("_Path")

_ORIGIN: Final = ".origin"


def local_copy(path: _Path) -> _Path | str:
    """A local path with the content of a URL; anything that is no URL as it is.

    A URL names a folder that a command wrote (its manifest says which files), or plain files: one,
    a folder of them, or a glob. Copies are kept in a folder of this user, named by what they hold,
    so that each worker of a machine does not fetch them again. Set ``DROPBACK_CACHE`` to move it.

    Raises:
        StoreError: Nothing is there, the store refuses, or a package is missing.
    """
    if not isinstance(path, str) or not is_url(path):
        return path
    _require_answer(path)
    store = open_store(path)
    stored = read_folder(store, MANIFEST)
    if stored is not None:
        target = cache_folder() / stored.digest[:32]
        if not target.is_dir():
            _fill(target, path, partial(stored.fetch, store))
        return str(target)
    found = remote_files(path)
    target = cache_folder() / hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:32]
    if not target.is_dir():

        def fill(folder: Path) -> None:
            for url, (name, _, _) in found.items():
                copy_of_file(url, folder / name)

        _fill(target, path, fill)
    return str(target / found[path][0]) if list(found) == [path] else str(target)


def require_inputs(*paths: object) -> None:
    """Refuse URLs at which nothing can be read, before the inputs that are read first take minutes.

    Args:
        paths: Inputs of a command; what is no URL is left to its reader.

    Raises:
        StoreError: Nothing is there, the store refuses, or a package is missing.
    """
    for path in paths:
        if not isinstance(path, str) or not is_url(path):
            continue
        _require_answer(path)
        if open_store(path).size(f"{MANIFEST}.json") is None:
            remote_files(path)


@cache  # once for each place; what fails is asked again
def _require_answer(url: str) -> None:
    RemoteStore(url).require_answer()


def _fill(target: Path, url: str, fill: Callable[[Path], object]) -> None:
    try:
        with whole_folder(target) as folder:
            fill(folder)
            (folder / _ORIGIN).write_text(url)
    except (RequestError, OSError):
        if not target.is_dir():  # else another worker was first
            raise


def origin_of(path: Path) -> str:
    """The URL that `local_copy` copied a folder from, else the folder itself."""
    kept = path / _ORIGIN
    return kept.read_text() if kept.is_file() else str(path.resolve())


def cache_folder() -> Path:
    """Where copies of inputs are kept."""
    chosen = os.environ.get("DROPBACK_CACHE")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"dropback-{os.getuid()}"


def folder_of_url(url: str) -> str:
    """A URL up to the folder in which its first wildcard stands; without one all of it.

    Example:
        >>> folder_of_url("s3://league/raw/week_*.csv"), folder_of_url("s3://league/raw/")
        ('s3://league/raw', 's3://league/raw')
    """
    plain = re.split(f"[{re.escape(WILDCARDS)}]", url, maxsplit=1)
    return plain[0].rpartition("/")[0] if len(plain) > 1 else url.rstrip("/")


def remote_files(url: str) -> dict[str, tuple[str, int, str]]:
    """Files that a URL names, a file, a folder or a glob: by URL, the name below, bytes, mark.

    The mark changes with the content.

    Raises:
        StoreError: There is none, or the store refuses.
    """
    root = folder_of_url(url)
    pattern = url.rstrip("/")[len(root) + 1 :] or "*"
    _require_answer(root)
    found = RemoteStore(root).list()
    kept = {
        f"{root}/{name}": (name, *entry)
        for name, entry in sorted(found.items())
        if name and fnmatch.fnmatchcase(name, pattern)
    }
    if not kept:  # one file, whose name may hold a wildcard's letter
        parent, name = split_url(url)
        store = RemoteStore(parent)
        if store.size(name) is not None:
            kept = {url: (name, *store.list()[name])}
    if not kept:
        raise StoreError(f"{url} does not exist: no file is there; check the name.")
    return kept


def copy_of_file(url: str, path: Path) -> Path:
    """Copy one file by URL to a local path, whole.

    Raises:
        StoreError: It is not there, or the store refuses.
    """
    root, name = split_url(url)
    RemoteStore(root).fetch(name, path)
    return path
