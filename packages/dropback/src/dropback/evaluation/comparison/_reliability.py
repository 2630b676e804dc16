"""Compare how reliable metrics are over the same number of plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._statistics import codes, shuffled, split_half_reliability
from dropback.errors import RequestError
from dropback.evaluation.comparison._correlations import (
    FEWEST_ROWS,
    comparison_rows,
    passer_weights,
    within_season_z,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dropback._arrays import Floats, Integers
    from dropback.evaluation.comparison._metrics import Metric


def split_half(
    plays: pl.DataFrame,
    passers: pl.DataFrame,
    *,
    metrics: Mapping[str, Metric],
    ours: str,
    plays_per_half: int = 100,
    splits: int = 20,
    replicates: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Reliability of each metric over ``2 n`` plays, n being `plays_per_half`.

    A passer's games of a season are dealt at random to two halves, and n of the plays that the
    metric counts are drawn from each: the same n for every metric, so that none gains by counting
    more plays. The within-season z-scores of the halves go into `split_half_reliability`.

    Args:
        plays: What `passing_plays` returned, and other columns that the metrics read.
        passers: ``season`` and ``passer_player_id`` of the rows to compare.
        metrics: The metrics by name.
        ours: The one among them that the others are compared with.
        plays_per_half: n. A passer-season with fewer plays in a half, for any metric, is left out
            of that deal for all.
        splits: Count of random deals.
        replicates: Bootstrap draws of passers.
        seed: Seed of deals and draws.

    Returns:
        The columns of `correlate` for the statistic ``split_half``; ``rows`` is the least count of
        passer-seasons in a deal. No row where no deal has five passer-seasons.

    Raises:
        RequestError: `plays_per_half` or `splits` is below 1.
    """
    if plays_per_half < 1 or splits < 1:
        raise RequestError(
            f"A split needs at least one play a half and one deal, got {plays_per_half} plays and "
            f"{splits} deals."
        )
    units = passers.select("season", "passer_player_id").unique().sort("season", "passer_player_id")
    own = plays.join(units.with_row_index("unit"), on=["season", "passer_player_id"])
    unit = own["unit"].to_numpy().astype(np.int64)
    game = codes(own.select("unit", "game_id"))
    seasons = codes(units["season"])
    weights = passer_weights(units["passer_player_id"], replicates, seed=seed)
    generator = np.random.default_rng(seed)
    fewest = len(units)
    halves = []
    for _ in range(splits):
        dealt = _dealt(own, unit, game, generator)
        values = np.stack(
            [
                _half_values(dealt, metric, plays_per_half, len(units))
                for metric in metrics.values()
            ],
            axis=1,
        )
        first, second = values[0::2], values[1::2]
        whole = ~np.isnan(first + second).any(axis=1)
        fewest = min(fewest, int(whole.sum()))
        if whole.sum() >= FEWEST_ROWS:
            z = [within_season_z(half[whole], seasons[whole]) for half in (first, second)]
            halves.append((z[0], z[1], weights[:, whole]))
    found = split_half_reliability(halves) if halves else np.full((1, len(metrics)), np.nan)
    rows = comparison_rows(found, metrics=list(metrics), ours=ours)
    return rows.select(
        pl.lit("split_half").alias("statistic"),
        pl.lit("pooled").alias("average"),
        pl.lit(value=True).alias("headline"),
        pl.all(),
        pl.lit(fewest).alias("rows"),
        pl.lit(units["season"].n_unique()).cast(pl.Int32).alias("seasons"),
    ).head(0 if np.isnan(found[0]).all() else len(metrics))


def _dealt(
    plays: pl.DataFrame, unit: Integers, game: Integers, generator: np.random.Generator
) -> pl.DataFrame:
    """Deal the games of each unit to two halves, and shuffle the plays of each half.

    Returns:
        `plays` sorted by ``half`` (twice the unit, or that plus 1), in random order within.
    """
    unit_of_game = np.zeros(int(game.max()) + 1 if len(game) else 0, dtype=np.int64)
    unit_of_game[game] = unit
    order, place = shuffled(unit_of_game, generator)
    half_of_game = np.empty_like(order)
    half_of_game[order] = place % 2
    half = 2 * unit + half_of_game[game]
    order, _ = shuffled(half, generator)
    return plays[order].with_columns(pl.Series("half", half[order]))


def _half_values(dealt: pl.DataFrame, metric: Metric, most: int, units: int) -> Floats:
    """The metric over the first `most` plays of each half that it counts; NaN with fewer plays."""
    found = (
        dealt.filter(metric.plays)
        .filter(pl.int_range(pl.len()).over("half") < most)
        .group_by("half")
        .agg(metric.value.cast(pl.Float64).alias("value"), pl.len().alias("plays"))
        .filter(pl.col("plays") == most)
    )
    values = np.full(2 * units, np.nan)
    values[found["half"].to_numpy()] = found["value"].to_numpy()
    return values
