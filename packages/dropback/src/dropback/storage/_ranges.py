"""Read parts of a file in a store: some bytes, or some columns of a Parquet file's first rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

from dropback.errors import StoreError
from dropback.storage._stores import RemoteStore, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class RemoteFile(io.RawIOBase):
    """One file in a store, of which only what is read is fetched.

    Args:
        url: Of the file.
        size: Its bytes, as `remote_files` tells them.

    Reading raises `StoreError` where the store refuses.
    """

    def __init__(self, url: str, size: int) -> None:
        super().__init__()
        root, self._key = split_url(url)
        self._store, self._size, self._at = RemoteStore(root), size, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to where the next read begins."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # a Buffer, named so from 3.12 on
        """Fill a buffer by one request."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._at))
        if wanted:
            view[:wanted] = self._store.read_range(self._key, self._at, wanted)
            self._at += wanted
        return wanted


def parquet_head(
    url: str, size: int, choose: Callable[[Sequence[str]], Sequence[str]], rows: int
) -> tuple[list[str], pl.DataFrame] | None:
    """Names of all columns of a Parquet file, and its first rows of some columns.

    Args:
        url: Of the file.
        size: Its bytes.
        choose: The columns to read, by the names of all.
        rows: Most rows; fewer where the first group of rows has fewer.

    Returns:
        None where the file is not Parquet.

    Raises:
        StoreError: The store refuses, or a package is missing.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise StoreError(
            f"{url} needs the package pyarrow, which is not installed: "
            "pip install 'dropback[cloud]'."
        ) from error
    try:
        file = ParquetFile(RemoteFile(url, size))
        names: list[str] = file.schema_arrow.names
        groups = list(range(file.num_row_groups))[:1]
        batches = file.iter_batches(rows, row_groups=groups, columns=list(choose(names)))
        first = next(batches, None)
    except ArrowException:
        return None
    return names, pl.DataFrame() if first is None else pl.DataFrame(pl.from_arrow(first))
