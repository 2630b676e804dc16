"""Read and write score tables, reports and the truth of simulated leagues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback._files import whole_file
from dropback.data._tables import Plays, Scores, StandardScores
from dropback.errors import ReaderError, RequestError
from dropback.evaluation._calibration import Evaluation
from dropback.ranking import join_tracking
from dropback.tracking._storage import chunk_files, read_splits
from dropback.workflows._store import open_store

if TYPE_CHECKING:
    from dropback._files import AnyPath

_TYPES = {
    name: column.dtype for name, column in (Scores.columns() | StandardScores.columns()).items()
}


def read_scores(path: AnyPath) -> pl.DataFrame:
    """Read a table of play scores, from CSV (ending ``.csv``), Parquet or a store.

    Args:
        path: A file of scores, or a folder that ``dropback update`` keeps: then the scores of its
            regular seasons.

    Raises:
        ReaderError: No file, not what its name says, or not play scores.
    """
    path = Path(path)
    if path.is_dir():
        return open_store(path).scores()
    csv = path.suffix == ".csv"
    try:
        # Of a CSV's values alone a type could not be told: an empty column would be text.
        table = pl.read_csv(path, schema_overrides=_TYPES) if csv else pl.read_parquet(path)
    except FileNotFoundError as error:
        raise ReaderError(f"{path}: no such file; write it with 'dropback score'.") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        kind = "CSV" if csv else "Parquet"
        raise ReaderError(
            f"{path}: not a readable {kind} file ({reason}); name a .parquet or .csv."
        ) from error
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


def with_tracking(scores: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Add the splits of tracked plays to their play scores.

    Raises:
        TrackingError: `folder` holds no canonical plays.
        RequestError: No play is in both, or the play scores lack the league's game key.
    """
    return join_tracking(scores, pl.concat(map(read_splits, chunk_files(folder))))


def read_evaluation(path: Path) -> Evaluation:
    """Read a report that `dropback evaluate --json` wrote.

    Raises:
        ReaderError: No file, not JSON, or not such a report.
    """
    try:
        return Evaluation.from_dict(json.loads(path.read_text()))
    except OSError as error:
        raise ReaderError(f"{path}: not readable ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReaderError(
            f"{path}: not a report of 'dropback evaluate --json' ({error})."
        ) from error


def read_truth(path: Path) -> pl.DataFrame:
    """Read the parameters of the true distributions of a simulated tracking league.

    Raises:
        ReaderError: No file, or not Parquet.
    """
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReaderError(
            f"{path}: not a readable Parquet file ({error}); `dropback simulate tracking` writes "
            "truth.parquet."
        ) from error


def require_table_path(path: Path) -> None:
    """Refuse a file whose ending names no format, before anything is computed for it.

    Raises:
        RequestError: The ending is none of ``.parquet``, ``.csv``, ``.md``.
    """
    if path.suffix not in {".parquet", ".csv", ".md"}:
        raise RequestError(f"{path}: the file's ending must be .parquet, .csv or .md.")


def require_picture_path(path: Path) -> None:
    """Refuse a picture whose ending names no format, before anything is computed for it.

    Raises:
        RequestError: The ending is neither ``.png`` nor ``.svg``.
    """
    if path.suffix not in {".png", ".svg"}:
        raise RequestError(f"{path}: the picture's ending must be .png or .svg.")


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table whole or not at all, in the format of the file's ending.

    Raises:
        RequestError: The ending is none of ``.parquet``, ``.csv``, ``.md``, or the disk refuses.
    """
    require_table_path(path)
    with whole_file(path) as aside:
        if path.suffix == ".parquet":
            table.write_parquet(aside)
        elif path.suffix == ".csv":
            table.write_csv(aside)
        else:
            aside.write_text(_markdown(table))


def write_json(content: dict[str, object], path: Path) -> None:
    """Write JSON whole or not at all."""
    with whole_file(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")


def _markdown(table: pl.DataFrame) -> str:
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=200,
        float_precision=4,
    ):
        return f"{table}\n"
