"""Plays that more than one file holds: the first counts, the others are named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dropback.tracking._schema import LeftOut
from dropback.tracking.ingest._reading import empty_left_out, short_name
from dropback.tracking.ingest._report import REPEATED, IngestReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback.tracking._blocks import PlayBlock

__all__ = ["keys_twice", "repeated_as_left_out", "with_repeated", "without_repeated"]

_KEYS = ("game_id", "play_id")


def keys_twice(plays_files: Sequence[Path]) -> list[tuple[Path, pl.DataFrame]]:
    """Plays that an earlier file of canonical plays holds already, by file."""
    existing = [path for path in plays_files if path.is_file()]
    tables = [pl.read_parquet(path, columns=[*_KEYS, "source_file"]) for path in existing]
    repeated = _repeated(tables).filter("repeated")
    return [
        (existing[number], repeated.filter(pl.col("number") == number))
        for number in repeated["number"].unique().sort().to_list()
    ]


def without_repeated(blocks: Sequence[PlayBlock]) -> tuple[list[PlayBlock], pl.DataFrame]:
    """The blocks without plays that an earlier one holds, and the keys of those plays."""
    keys = _repeated([block.plays for block in blocks])
    kept = [
        block.keep(~keys.filter(pl.col("number") == number)["repeated"].to_numpy())
        for number, block in enumerate(blocks)
    ]
    return kept, keys.filter("repeated")


def repeated_as_left_out(repeated: Sequence[pl.DataFrame], report: IngestReport) -> pl.DataFrame:
    """Rows of `LeftOut` for keys of repeated plays, with their files' whole paths."""
    full = {short_name(Path(file.source_file)): file.source_file for file in report.files}
    rows = [
        keys.select(
            pl.col("source_file").replace(full),
            *_KEYS,
            reason=pl.lit(REPEATED),
            detail=pl.format("also in {}", "earlier"),
        )
        for keys in repeated
    ]
    return LeftOut.validate(pl.concat([empty_left_out(), *rows]), cast=True)


def with_repeated(report: IngestReport, left_out: pl.DataFrame) -> IngestReport:
    """The report with repeated plays among those left out."""
    return IngestReport(report.files, pl.concat([report.left_out, left_out]), report.resumed_files)


def _repeated(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Keys of all plays, the file that has each first, and whether an earlier table has it."""
    none = pl.DataFrame(
        schema={"game_id": pl.Int64, "play_id": pl.Int64, "source_file": pl.String}
    ).with_columns(number=pl.lit(0, dtype=pl.Int32))
    numbered = (
        table.select(*_KEYS, "source_file", number=pl.lit(number, dtype=pl.Int32))
        for number, table in enumerate(tables)
    )
    return pl.concat([none, *numbered]).with_columns(
        earlier=pl.col("source_file").first().over(_KEYS),
        repeated=~pl.struct(_KEYS).is_first_distinct(),
    )
