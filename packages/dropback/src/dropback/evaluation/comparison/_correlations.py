"""Correlate passing metrics with winning and with themselves, on the same passers for all.

Every metric is evaluated on the same passer-seasons, and every interval uses the same draws of
passers, so that a difference between two metrics is free of what moves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from dropback._choices import nearest
from dropback._statistics import (
    codes,
    percentile_interval,
    resampled_weights,
    standardized,
    weighted_correlation,
)
from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Floats, Integers

# A correlation of two rows is 1 or -1 whatever they hold, so a season needs a few more.
FEWEST_ROWS = 5

Average = Literal["season mean", "pooled"]


@dataclass(frozen=True)
class Statistic:
    """A variable that metrics are correlated with.

    Attributes:
        outcome: Column of the table that is the other side; None is the metric itself.
        next_season: Whether the other side is that of the passer's next season.
        headline: The average that the table and the figure show.
        label: Name for readers.
    """

    outcome: str | None
    next_season: bool
    headline: Average
    label: str


STATISTICS: dict[str, Statistic] = {
    "win_pct": Statistic("win_pct", False, "season mean", "team win %"),
    "qb_record": Statistic("qb_record", False, "season mean", "own record as starter"),
    "playoffs": Statistic("playoffs", False, "season mean", "team in the playoffs"),
    "playoff_win_pct": Statistic("playoff_win_pct", False, "pooled", "playoff win %"),
    "year_to_year": Statistic(None, True, "pooled", "itself, next season"),
    "next_win_pct": Statistic("win_pct", True, "season mean", "team win %, next season"),
    "next_qb_record": Statistic("qb_record", True, "season mean", "own record, next season"),
}
"""Correlations by name. Where a season holds only a dozen rows, the pooled one is the headline."""


def correlate(
    table: pl.DataFrame,
    *,
    metrics: Sequence[str],
    ours: str,
    replicates: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    r"""Correlate each metric with each outcome, and compare ours with every baseline.

    Two averages of each correlation: the mean over seasons of the Pearson correlation within a
    season (``"season mean"``), and the Pearson correlation of within-season z-scores over all
    rows (``"pooled"``). With a 0-1 outcome Pearson's is the point-biserial correlation. Neither
    lets a rise of the whole league's passing over the years pass for skill; ``"raw"``, for
    ``year_to_year`` alone, does.

    Intervals: whole passers are drawn with replacement (all seasons of a passer together, because
    a passer's seasons resemble each other), the same draws for every metric and statistic. The
    z-scores are those of the full table in every draw.

    Args:
        table: One row per passer and season: ``season``, ``passer_player_id``, the `metrics`, and
            any of the outcome columns that `STATISTICS` names. A next season counts where
            the passer has a row in it: with qualified seasons, both are qualified. Rows where a
            metric is missing are left out for all metrics; rows where an outcome is missing, for
            that outcome.
        metrics: Columns to compare, higher is better.
        ours: The one among `metrics` that the others are compared with.
        replicates: Bootstrap draws; 0 leaves the intervals null.
        seed: Seed of the draws.

    Returns:
        One row per statistic, average and metric: ``statistic``, ``average``, ``headline``,
        ``metric``, ``r``, ``r_low``, ``r_high``, ``lead`` (ours minus this metric, null in our
        own row), ``lead_low``, ``lead_high``, ``rows`` and ``seasons`` that it rests on.
        Intervals are 90 %. A statistic without its outcome column, or without any row, is absent.

    Raises:
        RequestError: A column is missing, a passer has two rows in a season, or no row is left.

    References:
        Efron and Tibshirani (1993), section 6.4 (cluster resampling), 13.3 (percentile interval).

    Example:
        >>> table = pl.DataFrame({
        ...     "season": [2020] * 6, "passer_player_id": list("abcdef"),
        ...     "score": [1.0, 2, 3, 4, 5, 6], "baseline": [2.0, 1, 4, 3, 6, 5],
        ...     "win_pct": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        ... })
        >>> rows = correlate(table, metrics=["score", "baseline"], ours="score", replicates=0)
        >>> rows.filter(pl.col("headline")).select("metric", pl.col("r").round(2)).rows()
        [('score', 1.0), ('baseline', 0.83)]
    """
    rows = complete_rows(table, metrics)
    if ours not in metrics:
        raise RequestError(
            f"{ours!r} must be one of the metrics {', '.join(metrics)}.{nearest(ours, metrics)}"
        )
    values = rows.select(metrics).to_numpy().astype(float)
    weights = passer_weights(rows["passer_player_id"], replicates, seed=seed)
    seasons = codes(rows["season"])
    scaled = within_season_z(values, seasons)
    pairs = _consecutive(rows)
    same = np.arange(len(rows)), np.arange(len(rows))

    found = []
    for name, statistic in STATISTICS.items():
        first, second = pairs if statistic.next_season else same
        if statistic.outcome is None:
            other = scaled[second]
        elif statistic.outcome in rows.columns:
            outcome = rows[statistic.outcome].cast(pl.Float64).fill_nan(None).to_numpy()[second]
            known = ~np.isnan(outcome)
            first, second = first[known], second[known]
            other = within_season_z(outcome[known, None], seasons[first])
        else:
            continue
        if not len(first):
            continue
        within, whole = seasons[first], np.zeros(len(first), dtype=np.int64)
        averages = [
            ("season mean", scaled[first], other, within),
            ("pooled", scaled[first], other, whole),
        ]
        if statistic.outcome is None:
            averages.append(("raw", values[first], values[second], whole))
        for average, x, y, group in averages:
            drawn = season_mean_correlation(x, y, group, weights[:, first])
            found.append(
                comparison_rows(drawn, metrics=metrics, ours=ours).select(
                    pl.lit(name).alias("statistic"),
                    pl.lit(average).alias("average"),
                    pl.lit(average == statistic.headline).alias("headline"),
                    pl.all(),
                    pl.lit(len(first)).alias("rows"),
                    pl.lit(len(np.unique(within))).alias("seasons"),
                )
            )
    return pl.concat(found)


def complete_rows(table: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Rows where every metric is present, ordered by season and passer.

    Raises:
        RequestError: A column is missing, a passer has two rows in a season, or no row is left.
    """
    needed = ("season", "passer_player_id", *metrics)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise RequestError(
            f"The table to compare must hold {', '.join(map(repr, missing))}; it has "
            f"{', '.join(table.columns)}."
        )
    rows = (
        table.with_columns(pl.col(*metrics).cast(pl.Float64).fill_nan(None))
        .drop_nulls(list(metrics))
        .sort("season", "passer_player_id")
    )
    if rows.is_empty():
        raise RequestError(
            f"No passer-season has all of {', '.join(metrics)}: nothing can be compared; "
            "leave out the metric that is missing throughout."
        )
    twice = rows.filter(pl.struct("season", "passer_player_id").is_duplicated())
    if not twice.is_empty():
        season, passer = twice.select("season", "passer_player_id").row(0)
        raise RequestError(
            f"Each passer must have one row per season, but {passer} has several in {season}."
        )
    return rows


def passer_weights(passers: pl.Series, replicates: int, *, seed: int) -> Floats:
    """`resampled_weights` of each row's passer, shape ``(1 + R, N)``."""
    coded = codes(passers)
    return resampled_weights(int(coded.max()) + 1, replicates, seed=seed)[:, coded]


def season_mean_correlation(x: Floats, y: Floats, group: Integers, weights: Floats) -> Floats:
    """Mean over groups of the `weighted_correlation` within the group, shape ``(R, M)``.

    A group, of shape ``(N,)``, counts where it has at least `FEWEST_ROWS` rows and a correlation;
    the mean is NaN where no group counts.
    """
    correlations = [
        weighted_correlation(x[rows], y[rows], weights[:, rows])
        for rows in (group == code for code in np.unique(group))
        if rows.sum() >= FEWEST_ROWS
    ]
    found = np.stack([*correlations, np.full((len(weights), x.shape[1]), np.nan)])
    counted = (~np.isnan(found)).sum(axis=0)
    return np.where(counted > 0, np.nansum(found, axis=0) / np.maximum(counted, 1), np.nan)


def comparison_rows(drawn: Floats, *, metrics: Sequence[str], ours: str) -> pl.DataFrame:
    """Values, intervals and leads of `ours` from a statistic, shape ``(1 + R, M)``.

    Row 0 holds the statistic of each of `metrics`, the others its replicates.
    """
    lead = drawn[:, [metrics.index(ours)]] - drawn
    low, high = percentile_interval(drawn[1:])
    lead_low, lead_high = percentile_interval(lead[1:])
    baseline = pl.col("metric") != ours
    return pl.DataFrame(
        {
            "metric": list(metrics),
            "r": drawn[0],
            "r_low": low,
            "r_high": high,
            "lead": lead[0],
            "lead_low": lead_low,
            "lead_high": lead_high,
        }
    ).with_columns(
        pl.col("r", "r_low", "r_high").fill_nan(None),
        pl.when(baseline).then(pl.col("lead", "lead_low", "lead_high").fill_nan(None)),
    )


def within_season_z(values: Floats, seasons: Integers) -> Floats:
    """Each column of ``(N, M)`` standardized within its season; seasons are coded from 0."""
    return np.stack([standardized(column, seasons) for column in values.T], axis=1)


def _consecutive(rows: pl.DataFrame) -> tuple[Integers, Integers]:
    """Rows of each passer's season and of the passer's next one."""
    numbered = rows.select("season", "passer_player_id").with_row_index("row")
    pairs = numbered.join(
        numbered.with_columns(pl.col("season") - 1),
        on=["season", "passer_player_id"],
        suffix="_next",
        maintain_order="left",
    )
    return pairs["row"].to_numpy().astype(np.int64), pairs["row_next"].to_numpy().astype(np.int64)
