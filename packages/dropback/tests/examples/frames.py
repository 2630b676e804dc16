"""The same table in the data frames of several libraries."""

from typing import Any

import duckdb
import polars as pl

LIBRARIES = ("polars", "polars.lazyframe", "pandas", "pyarrow", "duckdb")


def converted(frame: pl.DataFrame, library: str) -> Any:
    """`frame` as a frame of one of `LIBRARIES`."""
    kinds = {
        "polars": lambda: frame,
        "polars.lazyframe": frame.lazy,
        "pandas": frame.to_pandas,
        "pyarrow": frame.to_arrow,
        "duckdb": lambda: duckdb.from_arrow(frame.to_arrow()),
    }
    return kinds[library]()
