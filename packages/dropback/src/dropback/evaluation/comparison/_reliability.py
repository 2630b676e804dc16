"""Split-half reliability of metrics at the same number of plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.errors import RequestError
from dropback.evaluation.comparison._correlations import (
    comparison_rows,
    passer_weights,
    season_mean_correlation,
    within_season_z,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from dropback.evaluation.comparison._formulas import Metric

__all__ = ["split_half"]


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
    r"""Reliability of each metric over ``2 n`` plays, n being `plays_per_half`.

    A passer's games of a season are dealt at random to two halves, and n of the plays that the
    metric counts are drawn from each: the same n for every metric, so that none gains by counting
    more plays. The correlation r of the halves' within-season z-scores, averaged over `splits`
    deals, is stepped up to both halves:

    .. math:: \rho = \frac{2 r}{1 + r}

    Args:
        plays: What `passing_plays` returned, and what else the metrics read.
        passers: ``season`` and ``passer_player_id`` of the rows to compare.
        metrics: The metrics by name.
        ours: The one among them that the others are compared with.
        plays_per_half: n. A passer-season with fewer plays in a half, for any metric, is left out
            of that deal for all.
        splits: Number of deals.
        replicates: Bootstrap draws of passers.
        seed: Of deals and draws.

    Returns:
        The columns of `compare`, the statistic being ``split_half``; ``rows`` is the least number
        of passer-seasons in a deal. No row where no deal has five passer-seasons.

    Raises:
        RequestError: `plays_per_half` or `splits` is below 1.

    References:
        Spearman (1910) and Brown (1910), British Journal of Psychology 3.
    """
    if plays_per_half < 1 or splits < 1:
        raise RequestError(
            f"A split needs at least one play a half and one deal, got {plays_per_half} plays and "
            f"{splits} deals."
        )
    units = passers.select("season", "passer_player_id").unique().sort("season", "passer_player_id")
    own = plays.join(units.with_row_index("unit"), on=["season", "passer_player_id"])
    unit = own["unit"].to_numpy().astype(np.int64)
    game = own.select(pl.struct("unit", "game_id").rank("dense")).to_series().to_numpy() - 1
    counted = {
        name: own.select(metric.plays.fill_null(value=False)).to_series().to_numpy()
        for name, metric in metrics.items()
    }
    coded = units["passer_player_id"].rank("dense").to_numpy().astype(np.int64) - 1
    seasons = units["season"].to_numpy()
    weights = passer_weights(coded, replicates, seed=seed)
    generator = np.random.default_rng(seed)
    total = np.zeros((len(weights), len(metrics)))
    fewest, deals = len(units), 0
    for _ in range(splits):
        half = _dealt(unit, game.astype(np.int64), generator)
        order = np.lexsort((generator.random(len(unit)), half, unit))
        group = (2 * unit + half)[order]
        values = np.stack(
            [
                _half_values(own, order, group, counted[name], metric, plays_per_half, len(units))
                for name, metric in metrics.items()
            ],
            axis=1,
        )
        first, second = values[0::2], values[1::2]
        whole = ~np.isnan(first + second).any(axis=1)
        fewest = min(fewest, int(whole.sum()))
        r = season_mean_correlation(
            within_season_z(first[whole], seasons[whole]),
            within_season_z(second[whole], seasons[whole]),
            np.zeros(whole.sum(), dtype=np.int64),
            weights[:, whole],
        )
        if not np.isnan(r[0]).all():
            total += r
            deals += 1
    mean = total / max(deals, 1)
    rows = comparison_rows(2 * mean / (1 + mean), metrics=list(metrics), ours=ours)
    return rows.select(
        pl.lit("split_half").alias("statistic"),
        pl.lit("pooled").alias("average"),
        pl.lit(value=True).alias("headline"),
        pl.all(),
        pl.lit(fewest).alias("rows"),
        pl.lit(units["season"].n_unique()).cast(pl.Int32).alias("seasons"),
    ).head(len(metrics) if deals else 0)


def _dealt(
    unit: npt.NDArray[np.int64], game: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Half of each play: the games of a unit in random order, dealt in turn."""
    games = int(game.max()) + 1 if len(game) else 0
    unit_of_game = np.zeros(games, dtype=np.int64)
    unit_of_game[game] = unit
    order = np.lexsort((generator.random(games), unit_of_game))
    starts = np.searchsorted(unit_of_game[order], unit_of_game[order])
    half = np.empty(games, dtype=np.int64)
    half[order] = (np.arange(games) - starts) % 2
    return half[game]


def _half_values(
    plays: pl.DataFrame,
    order: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    counted: npt.NDArray[np.bool_],
    metric: Metric,
    most: int,
    units: int,
) -> npt.NDArray[np.float64]:
    """The metric over the first `most` plays of each group, NaN for groups with fewer.

    Args:
        plays: All plays.
        order: Rows of `plays` by group, in random order within.
        group: Group of each row of ``plays[order]``: twice the unit, plus the half.
        counted: Which rows of `plays` the metric counts.
        metric: What aggregates them.
        most: Plays to take from each group.
        units: Number of units.
    """
    kept = counted[order]
    rows, groups = order[kept], group[kept]
    place = np.arange(len(groups)) - np.searchsorted(groups, groups)
    drawn = place < most
    found = (
        plays[rows[drawn]]
        .with_columns(pl.Series("group", groups[drawn]))
        .group_by("group")
        .agg(metric.value.cast(pl.Float64).alias("value"), pl.len().alias("n"))
        .filter(pl.col("n") == most)
    )
    values = np.full(2 * units, np.nan)
    values[found["group"].to_numpy()] = found["value"].to_numpy()
    return values
