"""Read and write score tables, reports and the truth of simulated leagues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback._choices import nearest
from dropback._files import POLARS_ERRORS, require_new_file, whole_file
from dropback.data._table_files import read_table
from dropback.data._tables import Plays, Scores, StandardScores
from dropback.errors import ReaderError, RequestError
from dropback.evaluation._calibration import Evaluation
from dropback.ranking import join_tracking
from dropback.storage import local_copy, write_output
from dropback.tracking._storage import chunk_files, read_splits
from dropback.workflows._store import open_score_store

if TYPE_CHECKING:
    from dropback._files import AnyPath

_TYPES = {
    name: column.dtype for name, column in (Scores.columns() | StandardScores.columns()).items()
}


def read_scores(path: AnyPath) -> pl.DataFrame:
    """Read a table of play scores, in the format of the file's ending, or from a store.

    Args:
        path: A file of scores, or a folder that ``dropback update`` keeps: then the scores of its
            regular seasons.

    Raises:
        ReaderError: No file, not what its name says, or not play scores.
    """
    path = Path(path)
    if path.is_dir():
        return open_score_store(path).scores()
    if not path.exists():
        raise ReaderError(f"{path}: no such file; write it with 'dropback score'.")
    table = read_table(path, types=_TYPES, table="scores")
    # What a ranking needs, of either kind of score. A column that may be null may be absent.
    required = [name for name, column in Plays.columns().items() if not column.nullable]
    required.append("play_score")
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise ReaderError(
            f"{path}: not a table of play scores, the columns {', '.join(missing)} are missing; "
            "write it with 'dropback score'."
        )
    return table


def with_tracking(scores: pl.DataFrame, folder: AnyPath) -> pl.DataFrame:
    """Add the splits of tracked plays to their play scores.

    Raises:
        TrackingError: `folder` holds no canonical plays.
        RequestError: No play is in both, or the play scores lack the league's game key.
    """
    return join_tracking(scores, pl.concat(map(read_splits, chunk_files(Path(folder)))))


def read_evaluation(path: AnyPath) -> Evaluation:
    """Read a report that `dropback evaluate --json` wrote.

    Raises:
        ReaderError: No file, not JSON, or not such a report.
    """
    try:
        return Evaluation.from_dict(json.loads(Path(path).read_text()))
    except OSError as error:
        raise ReaderError(f"{path}: not readable ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReaderError(
            f"{path}: not a report of 'dropback evaluate --json' ({error})."
        ) from error


def read_truth(path: AnyPath) -> pl.DataFrame:
    """Read the parameters of the true distributions of a simulated tracking league.

    Raises:
        ReaderError: No file, or not Parquet.
    """
    try:
        return pl.read_parquet(Path(local_copy(path)))
    except POLARS_ERRORS as error:
        raise ReaderError(
            f"{path}: not a readable Parquet file ({error}); `dropback simulate tracking` writes "
            "truth.parquet."
        ) from error


def require_picture_path(path: AnyPath, *, overwrite: bool = True) -> None:
    """Refuse a picture whose ending names no format, before anything is computed for it.

    Raises:
        RequestError: The ending is neither ``.png`` nor ``.svg``, or the picture is there and
            `overwrite` is false.
    """
    path = Path(path)
    if path.suffix not in {".png", ".svg"}:
        near = nearest(path.suffix, (".png", ".svg"))
        raise RequestError(f"{path}: the picture's ending must be .png or .svg.{near}")
    require_new_file(path, overwrite=overwrite)


def write_json(content: dict[str, object], path: AnyPath) -> None:
    """Write JSON to a path or a URL, whole or not at all."""

    def write(to: Path) -> None:
        with whole_file(to) as aside:
            aside.write_text(json.dumps(content, indent=2) + "\n")

    write_output(path, write)
