"""Write a command's output to a path or a URL, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dropback._files import (
    move_folder,
    require_new_file,
    require_new_folder,
    whole_folder,
    working_folder,
)
from dropback.errors import RequestError, StoreError
from dropback.storage._folders import digest_of, keep_folder, read_folder
from dropback.storage._stores import DiskStore, RemoteStore, is_url, open_store, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dropback._files import AnyPath

_INPUTS: Final = "inputs"

WILDCARDS: Final = "*?["
"""Letters of a URL that mean any, where it is an input."""

MANIFEST: Final = "manifest"
"""Name of the manifest of a folder that a command wrote to a URL; it is written last."""


def require_new_output(out: AnyPath, *, overwrite: bool, file: bool = False) -> None:
    """Refuse an output that is taken, or a disk or store that takes none, before any work.

    Args:
        out: A path or a URL.
        overwrite: Whether what is there may be replaced.
        file: Whether the output is one file rather than a folder.

    Raises:
        RequestError: It is taken and `overwrite` is false, or the disk refuses.
        StoreError: The store is not there, not ours, or does not answer.
    """
    if not is_url(out):
        (require_new_file if file else require_new_folder)(Path(out), overwrite=overwrite)
        return
    url = str(out)
    _require_plain(url)
    root, name = split_url(url) if file else (url, f"{MANIFEST}.json")
    store = RemoteStore(root)
    store.require_writable()
    taken = store.size(name) is not None
    if taken and not overwrite:
        raise RequestError(
            f"{url} is there already: name another place, or pass --overwrite to replace it."
        )


def _require_plain(url: str) -> None:
    if found := [letter for letter in WILDCARDS if letter in url]:
        raise StoreError(
            f"{url} must not hold {' or '.join(found)}, which mean any letters where an output is "
            "read again: name another place."
        )


def require_own_place(url: str, mark: str) -> None:
    """Refuse a URL that cannot be written, or at which another command or program wrote.

    Args:
        url: Where a command writes what it may extend later.
        mark: A file that every such output has.

    Raises:
        RequestError: A manifest there does not list `mark`, or is none.
        StoreError: The store is not there, not ours, or does not answer.
    """
    _require_plain(url)
    store = RemoteStore(url)
    store.require_writable()
    if store.size(f"{MANIFEST}.json") is None:
        return
    try:
        own = mark in json.loads(store.read(f"{MANIFEST}.json"))["files"]
    except (ValueError, KeyError, TypeError):
        own = False
    if not own:
        raise RequestError(
            f"{url} has a {MANIFEST}.json that this command did not write: name another place."
        )


@dataclass(frozen=True)
class WorkArea:
    """Where a command's tasks leave their results, and this process its own files.

    Attributes:
        store: Path or URL that every worker sees.
        folder: A folder of this process, on the disk of a local output.
    """

    store: str
    folder: Path

    def keep_file(self, label: str, write: Callable[[Path], object], suffix: str) -> str:
        """Keep an input of tasks under a name that holds its digest, and return that name."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            path = Path(scratch) / f"{label}{suffix}"
            write(path)
            return self.keep(label, Path(scratch))

    def keep(self, label: str, folder: Path) -> str:
        """Keep a folder of inputs of tasks under a name that holds its digest.

        Its files are moved away.
        """
        digest = hashlib.sha256()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder).as_posix()} {digest_of(path)}\n".encode())
        name = f"{_INPUTS}/{label}-{digest.hexdigest()[:20]}"
        store = open_store(self.store)
        if read_folder(store, name) is None:
            keep_folder(store, name, folder)
        return name


@contextmanager
def work_area(out: AnyPath, kept: str) -> Iterator[WorkArea]:
    """Yield where the tasks of a command leave their results until its output is whole.

    Of a path it is a hidden folder beside it, held by one process at a time and removed on success
    (see `working_folder`). Of a URL it is the place itself: what lies there under the digest of its
    content harms no other process, and a later run finds it.

    Raises:
        RequestError: Another process writes the same path, or the disk refuses.
    """
    if not is_url(out):
        with working_folder(Path(out), kept) as folder:
            try:
                yield WorkArea(str(folder.resolve()), folder)
            except BaseException:
                # Copies of the inputs alone are no work to go on from.
                if {path.name for path in folder.iterdir()} == {_INPUTS}:
                    shutil.rmtree(folder / _INPUTS)
                raise
        return
    with tempfile.TemporaryDirectory(prefix="dropback-work-") as scratch:
        yield WorkArea(str(out), Path(scratch))


@contextmanager
def fetched(store: str, name: str) -> Iterator[Path]:
    """Yield a local folder with the files of a stored one, to be read alone.

    Raises:
        StoreError: It is not there, or the store refuses.
    """
    opened = open_store(store)
    found = read_folder(opened, name)
    if found is None:
        raise StoreError(
            f"{store}: {name} is not there, or this machine does not see that place: give --out a "
            "URL, or a folder that all workers share, and run the same command again."
        )
    if isinstance(opened, DiskStore) and all(
        file.key == f"{name}/{relative}" for relative, file in found.files.items()
    ):
        yield Path(store) / name
        return
    with tempfile.TemporaryDirectory(prefix="dropback-fetched-") as scratch:
        yield found.fetch(opened, Path(scratch))


def put_output(folder: Path, out: AnyPath, *, overwrite: bool) -> None:
    """Make a finished local folder, which goes, the output: path or URL.

    Raises:
        StoreError: The store refuses, or another process has written other content meanwhile.
    """
    if is_url(out):
        keep_folder(RemoteStore(str(out)), MANIFEST, folder, exclusive=not overwrite)
    else:
        move_folder(folder, Path(out))


@contextmanager
def output_folder(out: AnyPath, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a local folder to write to; on success its content becomes `out`, path or URL.

    Raises:
        RequestError: `out` is taken and `overwrite` is false, or the disk refuses.
        StoreError: The store refuses, or another process has written other content meanwhile.
    """
    if not is_url(out):
        with whole_folder(Path(out), overwrite=overwrite) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="dropback-out-") as scratch:
        folder = Path(scratch) / "out"
        folder.mkdir()
        yield folder
        keep_folder(RemoteStore(str(out)), MANIFEST, folder, exclusive=not overwrite)


def write_output(out: AnyPath, write: Callable[[Path], None]) -> None:
    """Write one file to a path, or through a local file to a URL, whole.

    Args:
        out: A path or a URL.
        write: Writes to a local path with the ending of `out`, whole or not at all.

    Raises:
        StoreError: The store refuses.
    """
    if not is_url(out):
        write(Path(out))
        return
    root, name = split_url(str(out))
    with tempfile.TemporaryDirectory(prefix="dropback-out-") as scratch:
        path = Path(scratch) / name
        write(path)
        RemoteStore(root).write(name, path.read_bytes())
