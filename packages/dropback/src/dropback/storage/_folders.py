"""Keep folders in a store: their files first, under names that never change, the manifest last."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from dropback.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from dropback.storage._stores import Store

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Requests to a store at a time by one process: each waits some 20 ms and computes nothing.
_SIDE_BY_SIDE: Final = 16


@dataclass(frozen=True)
class StoredFile:
    """One file of a stored folder.

    Attributes:
        key: Where the store has it.
        sha256: Digest of its content.
        size: Its bytes.
    """

    key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class StoredFolder:
    """A folder that a store holds whole.

    Attributes:
        name: Name of its manifest, without the ending.
        digest: SHA-256 of the manifest, hence of every file.
        files: The files by their path in the folder.
    """

    name: str
    digest: str
    files: Mapping[str, StoredFile]

    def fetch(self, store: Store, folder: Path) -> Path:
        """Copy all files into a local folder and check their digests.

        Raises:
            StoreError: A file is missing or is not what the manifest says.
        """
        for name, file in self.files.items():
            target = folder / name
            store.fetch(file.key, target)
            if digest_of(target) != file.sha256:
                target.unlink()
                raise StoreError(
                    f"{store.root}/{file.key} is not the file that {self.name} names (its SHA-256 "
                    "differs): remove it and run the same command again."
                )
        return folder


def keep_folder(
    store: Store, name: str, folder: Path, *, place: str | None = None, exclusive: bool = False
) -> StoredFolder:
    """Move a local folder's files into a store, then write the manifest that makes them count.

    Whatever interrupts it, the store has the manifest and every file, or no manifest. Two
    processes that keep equal folders write equal bytes.

    Args:
        store: Where to.
        name: Name of the manifest, without the ending.
        folder: Files of any depth, which may be moved away.
        place: Folder of the store for files that keep their names; None takes `name`.
        exclusive: Whether another manifest of that name is an error rather than replaced.

    Raises:
        StoreError: The store refuses; or `exclusive`, and another has written it meanwhile.
    """
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        relative = path.relative_to(folder).as_posix()
        digest = digest_of(path)
        prefix = name if place is None else place
        key = store.key(f"{prefix}/{relative}" if prefix else relative, digest)
        files[relative] = StoredFile(key, digest, path.stat().st_size)
        store.put(path, key)
    return write_manifest(store, name, files, exclusive=exclusive)


def write_manifest(
    store: Store, name: str, files: Mapping[str, StoredFile], *, exclusive: bool = False
) -> StoredFolder:
    """Write the manifest of files that the store has already.

    Raises:
        StoreError: As for `keep_folder`.
    """
    listed = {
        relative: {"key": file.key, "sha256": file.sha256, "bytes": file.size}
        for relative, file in sorted(files.items())
    }
    content = json.dumps({"files": listed}, indent=1).encode()
    if not exclusive:
        store.write(f"{name}.json", content)
    elif not store.create(f"{name}.json", content) and store.read(f"{name}.json") != content:
        raise StoreError(
            f"{store.root} was written meanwhile by another process, with other content: name "
            "another place, or pass --overwrite to replace it."
        )
    return StoredFolder(name, hashlib.sha256(content).hexdigest(), dict(files))


def read_folder(store: Store, name: str) -> StoredFolder | None:
    """The folder of a manifest; None where there is none, or a file of it is gone or cut.

    Raises:
        StoreError: The store refuses, or the manifest is damaged.
    """
    if store.size(f"{name}.json") is None:
        return None
    found = _parsed(store, name)
    whole = all(store.size(file.key) == file.size for file in found.files.values())
    return found if whole else None


def read_folders(store: Store, names: Collection[str]) -> dict[str, StoredFolder]:
    """As `read_folder` for many names, those that are there.

    Of an object store one listing tells what is there, and manifests are read side by side.

    Raises:
        StoreError: As for `read_folder`.
    """
    sizes = store.sizes() if names else {}
    there = [name for name in names if f"{name}.json" in sizes]
    found = dict(zip(there, side_by_side(lambda name: _parsed(store, name), there), strict=True))
    return {
        name: folder
        for name, folder in found.items()
        if all(sizes.get(file.key) == file.size for file in folder.files.values())
    }


def side_by_side(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Results of a function that waits for a store, in order, many calls at once."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return list(pool.map(function, items))


def _parsed(store: Store, name: str) -> StoredFolder:
    content = store.read(f"{name}.json")
    try:
        files = {
            relative: StoredFile(file["key"], file["sha256"], file["bytes"])
            for relative, file in json.loads(content)["files"].items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{store.root}/{name}.json is not a manifest ({error}): remove it and run the same "
            "command again."
        ) from error
    return StoredFolder(name, hashlib.sha256(content).hexdigest(), files)


def digest_of(path: Path) -> str:
    """SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
