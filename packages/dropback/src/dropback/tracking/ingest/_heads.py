"""Copy the head of a file in a store, which tells its layout and what its ids are."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback.errors import ReaderError
from dropback.storage import RemoteFile, copy_of_file, parquet_head
from dropback.tracking.readers._files import ID_ROWS, detect_format
from dropback.tracking.readers._format import ID_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropback.tracking.readers._format import Format

# A smaller file is one request, and the first rows of a larger one are in these.
_HEAD_BYTES: Final = 4 << 20


def fetch_head(url: str, path: Path, size: int, formats: Sequence[Format]) -> None:
    """Copy a file's header and first rows to a local file of the same kind.

    Of Parquet these are its footer and the columns of ids. What cannot be read as what it says it
    is comes whole, so that reading tells what is wrong.

    Raises:
        StoreError: The store refuses, or a package is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if size <= _HEAD_BYTES:
        copy_of_file(url, path)
    elif path.name.lower().endswith(".parquet"):
        _parquet_head(url, path, size, formats)
    else:
        head = RemoteFile(url, size).read(_HEAD_BYTES)
        packed = path.name.lower().endswith(".gz")
        if packed:
            head = zlib.decompressobj(wbits=31).decompress(head)
        head = head[: head.rfind(b"\n") + 1]
        path.write_bytes(gzip.compress(head, compresslevel=1) if packed else head)


def _parquet_head(url: str, path: Path, size: int, formats: Sequence[Format]) -> None:
    def ids(names: Sequence[str]) -> list[str]:
        try:
            layout = detect_format(path, frozenset(names), formats)
        except ReaderError:  # which is told where the copy is looked at
            return []
        return [layout.rows[name] for name in ID_COLUMNS]

    found = parquet_head(url, size, ids, ID_ROWS)
    if found is None:
        copy_of_file(url, path)
        return
    names, rows = found
    others = (pl.lit(None).alias(name) for name in names if name not in rows.columns)
    rows.with_columns(others).write_parquet(path)
