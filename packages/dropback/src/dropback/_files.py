"""Write files and folders whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl
from filelock import FileLock, Timeout

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AnyPath: TypeAlias = str | os.PathLike[str]

POLARS_ERRORS = (
    OSError,
    pl.exceptions.PolarsError,
    # Where a page of a damaged Parquet file is not as long as its header says.
    pl.exceptions.PanicException,
)
"""What polars raises on a file that it cannot read."""

URL_WITH_ONE_SLASH = re.compile(r"^(s3a?|gs|az|azure|abfss?|adl):/(?!/)", re.IGNORECASE)
"""What becomes of the URL of an object store that is made a `Path`."""

# Polars reports a full disk as a ComputeError when it writes Parquet, and as an OSError without a
# number when it writes text; its words end in "No space left on device (os error 28)".
_DISK_ERRORS = (OSError, pl.exceptions.ComputeError)
_NUMBER = re.compile(r"\(os error (\d+)\)")


def disk_error(error: BaseException) -> OSError | None:
    """What the disk said, with its number, as Python or polars raised it; None of another error."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    if isinstance(error, _DISK_ERRORS) and (found := _NUMBER.search(str(error))):
        return OSError(int(found[1]), os.strerror(int(found[1])))
    return None


def require_on_disk(path: Path) -> None:
    """Refuse what was a URL: it would name a folder ``s3:`` of this disk.

    Raises:
        RequestError: It was one.
    """
    if URL_WITH_ONE_SLASH.match(str(path)):
        raise RequestError(
            f"{path} must be a path of this disk: this output takes no URL, or was given as a Path "
            "and not as text; write it here and copy it to the store."
        )


def require_writable(out: Path) -> None:
    """Refuse a path beside which nothing can be written, before any work; nothing is left there.

    Raises:
        RequestError: Its folder cannot be made, or takes no file.
    """
    with _writable_beside(out):
        pass


@contextmanager
def _writable_beside(out: Path) -> Iterator[None]:
    """Have a folder around `out` that takes files; of those made, the empty ones are removed.

    Raises:
        RequestError: As for `require_writable`.
    """
    require_on_disk(out)
    probe = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    made = [folder for folder in out.parents if not folder.exists()]
    try:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise RequestError(f"{out} could not be written: {_reason(error, out)}.") from error
        probe.unlink()
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # where the output is, or work that is kept
                folder.rmdir()


@contextmanager
def working_folder(out: Path, kept: str, *, within: Path | None = None) -> Iterator[Path]:
    """Yield the working folder next to `out`, from which the same command can go on.

    It is removed on success and kept when work that was begun is stopped. One process at a time
    has it: two would remove each other's files.

    Args:
        out: What the command writes.
        kept: What is kept, for the message.
        within: Where it is kept, if not in the working folder.

    Raises:
        RequestError: Another process writes `out`, or the disk refuses.
    """
    work = out.with_name(f".{out.name}.partial")
    # Of a folder that takes no file the lock would say that another process has it.
    with _writable_beside(out), _held_alone(out):
        try:
            work.mkdir(exist_ok=True)
            yield work
            shutil.rmtree(work, ignore_errors=True)
        except _DISK_ERRORS as error:
            if not isinstance(error, OSError) and disk_error(error) is None:
                raise
            raise RequestError(
                f"{out} could not be written: {_reason(error, out)}; {kept} so far is kept in "
                f"{within or work}: run the same command again to resume."
            ) from error
        finally:
            with suppress(OSError):  # unless something is kept
                work.rmdir()


@contextmanager
def _held_alone(out: Path) -> Iterator[None]:
    """Let no other process write `out`.

    Raises:
        RequestError: One does, or the disk refuses.
    """
    lock_file = out.with_name(f".{out.name}.lock")
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout as held:
        raise RequestError(
            f"{out} is being written by another process: wait for it, or name another folder."
        ) from held
    except OSError as error:
        raise RequestError(f"{out} could not be written: {_reason(error, out)}.") from error
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held, so that nobody gets the removed one
            lock_file.unlink()
        lock.release()


def require_new_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a folder that holds something, unless `overwrite` is true.

    Raises:
        RequestError: `path` is a file, or a folder that is not empty and `overwrite` is false, or
            as for `require_writable`.
    """
    require_on_disk(path)
    if path.is_file():
        raise RequestError(f"{path} must be a folder to write to, but it is a file.")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise RequestError(
            f"{path} is not empty: name another folder, or pass --overwrite to replace it."
        )
    require_writable(path)


def require_new_file(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file, unless `overwrite` is true.

    Raises:
        RequestError: `path` is there and `overwrite` is false, or as for `require_writable`.
    """
    require_on_disk(path)
    if path.exists() and not overwrite:
        raise RequestError(
            f"{path} is there already: name another file, or pass --overwrite to replace it."
        )
    require_writable(path)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path next to `path` to write to; on success it becomes `path` in one rename.

    Whatever goes wrong inside (a full disk, Ctrl-C), `path` keeps its former content and the
    partial file is removed. The suffix is kept, because writers choose their format by it.

    Raises:
        RequestError: The folder of `path` cannot be created, or the file cannot be written.
    """
    require_on_disk(path)
    aside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except _DISK_ERRORS as error:
        raise RequestError(f"{path} could not be written: {_reason(error, path)}.") from error
    finally:
        with suppress(OSError):  # where the folder is a file, there is nothing to remove
            aside.unlink()


@contextmanager
def whole_folder(path: AnyPath, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder next to `path`; on success it becomes `path`.

    Raises:
        RequestError: `path` is taken (see `require_new_folder`), or the disk refuses.
    """
    path = Path(path)
    require_new_folder(path, overwrite=overwrite)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        aside.mkdir(parents=True)
        yield aside
        move_folder(aside, path)
    except _DISK_ERRORS as error:
        raise RequestError(f"{path} could not be written: {_reason(error, path)}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def move_folder(source: Path, target: Path) -> None:
    """Put the finished folder `source` in the place of `target`, whose former content goes last.

    Whatever stops the move, `target` has its former content or the new one.
    """
    former = None
    if target.exists():
        former = target.with_name(f".{target.name}.former.{uuid.uuid4().hex[:8]}")
        target.rename(former)
    try:
        source.rename(target)
    except BaseException:
        if former is not None:
            former.rename(target)
        raise
    if former is not None:
        shutil.rmtree(former)


def sealed(content: Mapping[str, object]) -> dict[str, object]:
    """`content` as JSON keeps it, under a SHA-256 of itself, which `is_sealed` checks."""
    plain: dict[str, object] = json.loads(json.dumps(content))
    plain.pop(_SEAL, None)
    return {_SEAL: _seal(plain), **plain}


def is_sealed(content: Mapping[str, object]) -> bool:
    """Whether what `sealed` returned is as it was."""
    rest = {name: value for name, value in content.items() if name != _SEAL}
    return content.get(_SEAL) == _seal(rest)


_SEAL = "sha256"


def _seal(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _reason(error: Exception, path: Path) -> str:
    for above in path.parents:
        with suppress(OSError):  # of a folder that may not be looked into
            if above.exists() and not above.is_dir():
                return f"{above} is a file and no folder, name another"
    said = disk_error(error) or error
    return getattr(said, "strerror", None) or str(error) or type(error).__name__
