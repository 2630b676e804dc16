"""Open tracking in any form: tensors, canonical tables or source files."""

from __future__ import annotations

import glob
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from dropback.errors import ReaderError, TrackingError
from dropback.storage import is_url, local_copy
from dropback.tracking.ingest._parts import source_stamp
from dropback.tracking.ingest._pipeline import build_tensors
from dropback.tracking.readers import choose_formats
from dropback.tracking.readers._archives import zip_files
from dropback.tracking.readers._files import (
    PLAY_BY_PLAY,
    candidate_files,
    detect_format,
    misnamed_tracking,
    read_header,
)
from dropback.tracking.tensors._play_tensors import SCHEMA, PlayTensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from dropback.execution import ExecutorChoice
    from dropback.tracking.ingest._report import IngestReport
    from dropback.tracking.readers._format import Format

_PLAY_BY_PLAY_FILES = "play_by_play_*.*"


def is_tracking(path: str | Path, *, layout: str = "auto") -> bool:
    """Whether a path names tracking, and not play-by-play.

    A folder of tensors or canonical tables is recognized by its files, other files by their
    columns. A folder with both, as that of a simulated league, is tracking.

    Args:
        path: A folder, a file or a glob.
        layout: As for `ingest`.

    Raises:
        ReaderError: If the layout is unknown.
        TrackingError: If it is neither.
    """
    path = Path(local_copy(path))
    formats = choose_formats(layout)
    if _is_tensors(path) or any((path / "plays").glob("season=*/*.parquet")):
        return True
    # Play-by-play comes in no zip.
    if zip_files(path):
        return True
    if path.is_dir():
        below = candidate_files(path)
        # Play-by-play is looked for in the folder itself alone, so what else lies there is first.
        here = [file for file in below if file.parent == path]
        files = [*here, *path.glob(_PLAY_BY_PLAY_FILES), *(f for f in below if f.parent != path)]
        # The first that is either settles it.
        kind = next((k for f in files if (k := _file_is_tracking(f, formats)) is not None), None)
    else:
        # pathlib takes no absolute pattern.
        matches = [Path(match) for match in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not matches:
            raise TrackingError(
                f"{path} does not exist; it must be tracking or play-by-play: a folder, a file "
                "or a glob of files."
            )
        kinds = {_file_is_tracking(file, formats) for file in matches}
        kind = True if True in kinds else False if False in kinds else None
    if kind is None:
        raise TrackingError(
            misnamed_tracking(path)
            or f"{path} is neither tracking (tensors, canonical tables or files of a layout in "
            f"{', '.join(known.name for known in formats)}) nor play-by-play with nflverse's "
            "columns."
        )
    return kind


def open_tracking(
    path: str | PathLike[str],
    *,
    work: str | PathLike[str] | None = None,
    layout: str = "auto",
    executor: ExecutorChoice = "threads:3",
    on_report: Callable[[IngestReport], None] | None = None,
) -> PlayTensors:
    """The play tensors of any tracking.

    Args:
        path: A folder of tensors, opened as it is; a folder that `ingest` wrote or tracking files
            of any layout (a file, a folder or a glob), whose tensors are built.
        work: Folder to build tensors in, kept. Those that it holds are opened where they were built
            from the same files, none changed since, and replaced otherwise. None builds in a
            temporary folder, which goes when the tensors do.
        layout: As for `ingest`.
        executor: As for `ingest`.
        on_report: Called with what became of source files, where any were read: plays that are
            not fit are skipped, and this report has their reasons.

    Raises:
        ReaderError: If nothing can be read.
        TrackingError: If it is play-by-play or no tracking, or no play is left.

    Example:
        >>> tensors = dropback.open_tracking(tracking)
        >>> len(tensors)
        60
    """
    given = str(path) if is_url(path) else Path(path)
    path = Path(local_copy(path))
    if _is_tensors(path):
        return PlayTensors.open(path)
    if not is_tracking(path, layout=layout):
        raise TrackingError(
            f"{path} must be tracking: a folder of tensors, of canonical tables or of tracking "
            "files; it is play-by-play."
        )
    if work is not None and not is_url(given) and (kept := _kept(Path(work), path, layout)):
        return kept
    if work is not None:
        tensors, report = build_tensors(given, Path(work), layout=layout, executor=executor)
    else:
        scratch = Path(tempfile.mkdtemp(prefix="dropback-"))
        try:
            tensors, report = build_tensors(
                given, scratch / "tensors", layout=layout, executor=executor
            )
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        weakref.finalize(tensors, shutil.rmtree, scratch, ignore_errors=True)
    if report is not None and on_report is not None:
        on_report(report)
    return tensors


def _kept(work: Path, source: Path, layout: str) -> PlayTensors | None:
    """The tensors of a folder that were built from the same files; None for others."""
    if not _is_tensors(work):
        return None
    try:
        tensors = PlayTensors.open(work)
    except TrackingError:  # of another version, or damaged
        return None
    same = tensors.schema.get("source_stamp") == source_stamp(source, layout)
    return tensors if same else None


def _is_tensors(path: Path) -> bool:
    return (path / SCHEMA).is_file()


def _file_is_tracking(file: Path, formats: Sequence[Format]) -> bool | None:
    """Whether a file is tracking or play-by-play, by its columns; None for neither."""
    try:
        header, _ = read_header(file)
    except ReaderError:
        return None
    if header >= PLAY_BY_PLAY:
        return False
    try:
        detect_format(file, header, formats)
    except ReaderError:
        # Of play-by-play that lacks a column or two its reader says which.
        return False if 2 * len(header & PLAY_BY_PLAY) > len(PLAY_BY_PLAY) else None
    return True
