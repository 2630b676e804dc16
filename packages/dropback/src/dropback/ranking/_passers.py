"""List what a table of play scores holds: its passers and the values of its splits."""

from __future__ import annotations

import polars as pl

from dropback.ranking._splits import SPLITS

__all__ = ["list_passers", "split_values"]


def list_passers(scores: pl.DataFrame) -> pl.DataFrame:
    """The passers of play scores, most plays first.

    Args:
        scores: Play scores.

    Returns:
        ``id``, ``name`` (the newest; the id if there is none), ``first_season``, ``last_season``
        and ``plays``.
    """
    name = (
        pl.col("passer_player_name").drop_nulls().last()
        if "passer_player_name" in scores.columns
        else pl.lit(None, pl.String)
    )
    return (
        scores.group_by(pl.col("passer_player_id").alias("id"))
        .agg(
            name.alias("name"),
            pl.col("season").min().alias("first_season"),
            pl.col("season").max().alias("last_season"),
            pl.len().alias("plays"),
        )
        .with_columns(pl.col("name").fill_null(pl.col("id")))
        .sort("plays", "id", descending=[True, False])
    )


def split_values(scores: pl.DataFrame, name: str, *, most: int) -> list[str] | None:
    """The values that a split has in play scores, sorted.

    Args:
        scores: Play scores.
        name: A name of `SPLITS`.
        most: A split of more values gives an empty list.

    Returns:
        None if the scores lack a column that the split needs.
    """
    split = SPLITS[name]
    if any(column not in scores.columns for column in split.needs):
        return None
    column = scores.select(split.values.alias(name)).to_series().drop_nulls()
    if column.n_unique() > most:
        return []
    return column.unique().sort().cast(pl.String).to_list()
