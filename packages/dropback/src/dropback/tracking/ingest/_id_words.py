"""Name players of a report by the ids that their file writes, where these are text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from dropback.tracking.readers._ids import TEXT_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropback.tracking.ingest._conventions import Check


def ids_of(rows: pl.DataFrame) -> dict[str, str]:
    """By number that stands for it the id of each player of some rows; empty where ids are numbers.

    Args:
        rows: Source rows.
    """
    if "player_key" not in rows.columns:
        return {}
    keys = rows.select("player_id", "player_key").filter(pl.col("player_id") >= TEXT_FROM).unique()
    return dict(keys.cast(pl.String).iter_rows())


def with_ids(table: pl.DataFrame, ids: Mapping[str, str]) -> pl.DataFrame:
    """Plays set aside, or flagged, with the ids that a file writes in their sentences."""
    if not ids:
        return table
    words = [name for name in ("detail", "flags", "details") if name in table.columns]
    return table.with_columns(pl.col(words).str.replace_many(list(ids), list(ids.values())))


def checks_with_ids(checks: list[Check], ids: Mapping[str, str]) -> list[Check]:
    """Checks with the ids that a file writes in their evidence."""
    said = pl.DataFrame({"detail": [check.evidence for check in checks]})
    words = with_ids(said, ids)["detail"]
    return [replace(check, evidence=one) for check, one in zip(checks, words, strict=True)]
