"""Measure how far each season's mean mid-CDF is from one half, and say so beside a ranking."""

from __future__ import annotations

import numpy as np
import polars as pl

from dropback._statistics import expanded_interval, grouped_means
from dropback.ranking._center import SCORE, centered, with_measured_drift
from dropback.ranking._units import sum_by_game

# Rounding of a mean of 20,000 scores, and no difference that a table shows.
_SAME = 1e-9


def season_drifts(scores: pl.DataFrame, *, replicates: int = 1000, seed: int = 0) -> pl.DataFrame:
    """Drift of each season: the mean mid-CDF of its plays less one half.

    Predictions of a league-average passer have a mean of one half by definition. A season after
    the training seasons is another league by up to .01, more than half of the spread between
    passers, so scores of different seasons are comparable less their drift alone.

    Args:
        scores: All play scores of the seasons, as `score_plays` returns them.
        replicates: Bootstrap replicates over games.
        seed: Seed of the bootstrap.

    Returns:
        One row a season, by season: ``season``, ``plays`` with a mid-CDF, ``games``, ``drift``,
        ``drift_low`` and ``drift_high`` (90 %, games resampled; null for one game), and
        ``centered``: whether the scores that are ranked have a mean of one half. No row where
        the scores have no mid-CDF.
    """
    if "mid_cdf" not in scores.columns or scores["mid_cdf"].null_count() == scores.height:
        return pl.DataFrame(schema=_SCHEMA)
    placed = scores.filter(pl.col("mid_cdf").is_not_null())
    units = sum_by_game(
        placed.select("season", "game_id", (pl.col("mid_cdf") - 0.5).alias(SCORE)), ["season"]
    )
    means = grouped_means(units.group, units.total, units.weight, replicates=replicates, seed=seed)
    games = units.keys["games"].to_numpy()
    low, high = (
        pl.Series(np.where(games > 1, end, np.nan)).fill_nan(None)
        for end in expanded_interval(means, games)
    )
    less = centered(with_measured_drift(scores))
    ranked = less.group_by("season").agg(pl.col(SCORE).mean().alias("mean"))
    return (
        units.keys.select("season", "plays", "games", pl.col("score").alias("drift"))
        .with_columns(drift_low=low, drift_high=high)
        .join(ranked, on="season", maintain_order="left")
        .select(pl.exclude("mean"), centered=(pl.col("mean") - 0.5).abs() < _SAME)
    )


_SCHEMA = {
    "season": pl.Int64,
    "plays": pl.Int64,
    "games": pl.Int64,
    "drift": pl.Float64,
    "drift_low": pl.Float64,
    "drift_high": pl.Float64,
    "centered": pl.Boolean,
}


def drift_sentence(drifts: pl.DataFrame) -> str:
    """What a reader of a ranking must know of its seasons' drift; empty without any.

    Args:
        drifts: Of `season_drifts`.
    """
    if drifts.is_empty():
        return ""
    parts = [
        f"{row['season']} {row['drift']:+.4f}"
        + (
            ""
            if row["drift_low"] is None
            else f" ({row['drift_low']:+.4f} to {row['drift_high']:+.4f})"
        )
        for row in drifts.iter_rows(named=True)
    ]
    raw = drifts.filter(~pl.col("centered"))["season"].to_list()
    if not raw:
        done = "Scores are centered: the drift of each season is subtracted."
    elif len(raw) == drifts.height:
        done = "Scores are not centered: compare passers within a season, not between seasons."
    else:
        done = (
            "Scores are centered, the drift subtracted, but not those of "
            f"{', '.join(map(str, raw))}: compare these within their season."
        )
    return f"Drift, mean mid-CDF less one half (90 %): {', '.join(parts)}. {done}"
