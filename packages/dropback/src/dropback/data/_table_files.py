"""One table from one Parquet or CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback.errors import ReaderError

if TYPE_CHECKING:
    from dropback._files import AnyPath


def read_table(path: AnyPath) -> pl.DataFrame:
    """Read a file by its ending: ``.parquet``, or CSV with all columns as text.

    Raises:
        ReaderError: No file, or it is not what its name says.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        # As text: a type guessed from the first rows would fail far below without saying why.
        return pl.read_csv(path, infer_schema=False, null_values=["", "NA"])
    except FileNotFoundError as error:
        raise ReaderError(f"{path}: no such file.") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "CSV"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReaderError(f"{path}: not a readable {kind} file ({reason}).") from error
