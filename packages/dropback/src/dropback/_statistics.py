"""Compute the statistics that scoring, ranking and evaluation share.

These are z-scores within groups, intervals by resampling whole games (plays of one game are not
independent), and split-half reliability.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
import scipy.special

from dropback.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropback._arrays import Flags, Floats, Integers

# A play's mid-CDF has a standard deviation of .29, so that the mean of 2,500 plays is known to
# .006, as much as a season drifts: the mean of fewer would add more noise than it takes out.
FEWEST_CENTERED = 2500
"""Plays of a season from which on its scores are centered."""

NORMAL_90 = 1.6448536269514722
"""Standard deviations on either side that hold 90 % of a normal variable."""

# Rounding leaves a constant column a standard deviation below this share of its values.
_ROUNDING = 1e-12
# A correlation of two rows is 1 or -1 whatever they hold.
_FEWEST_DRAWN = 3


def random_generator(seed: int, *stream: int) -> np.random.Generator:
    """Random numbers of a seed, and of a stream of it for a purpose of its own.

    Raises:
        RequestError: The seed is no whole number of 0 or more.

    Example:
        >>> one, again, other = (random_generator(7, stream).random() for stream in (1, 1, 2))
        >>> one == again, one == other
        (True, False)
    """
    return np.random.default_rng([whole_seed(seed), *stream] if stream else whole_seed(seed))


def whole_seed(seed: int) -> int:
    """The seed, where it is one.

    Raises:
        RequestError: It is no whole number of 0 or more.
    """
    try:
        whole = index(seed)
    except TypeError:
        whole = -1
    if whole < 0:
        raise RequestError(f"seed must be a whole number of at least 0, got {seed!r}.")
    return whole


def codes(rows: pl.Series | pl.DataFrame) -> Integers:
    """Number equal values, or equal rows, from 0 in their order."""
    key = rows.to_struct() if isinstance(rows, pl.DataFrame) else rows
    return key.rank("dense").to_numpy().astype(np.int64) - 1


def standardized(values: Floats, group: Integers, counted: Flags | None = None) -> Floats:
    """Standard deviations from the group's mean, both over the rows that count, shape ``(N,)``.

    Rows that do not count, and groups whose values do not vary, have 0.
    """
    counted = np.ones(len(values), bool) if counted is None else counted
    kept = np.where(counted, values, 0.0)
    rows = np.maximum(np.bincount(group, counted), 1)
    centered = np.where(counted, values - (np.bincount(group, kept) / rows)[group], 0.0)
    spread = np.sqrt(np.bincount(group, centered**2) / rows)
    largest = np.zeros(len(rows))
    np.maximum.at(largest, group, np.abs(kept))
    varies = spread > _ROUNDING * largest
    return np.where(varies[group], centered / np.where(varies, spread, 1.0)[group], 0.0)


def sums_by_game(games: Integers, values: Floats) -> Floats:
    """Sum of each column ``(N, M)`` over the plays of each game ``0 .. G - 1``: ``(G, M)``."""
    count = int(games.max()) + 1
    return np.stack(
        [np.bincount(games, weights=column, minlength=count) for column in values.T], axis=1
    )


def resampled_weights(units: int, replicates: int, *, seed: int) -> Floats:
    """How often each unit (a game, say) counts, shape ``(1 + R, G)``.

    Row 0 is the full sample; the others are multinomial draws of as many units.

    References:
        Efron and Tibshirani (1993), section 6.2; section 6.4 where a unit is a cluster of rows.
    """
    draws = random_generator(seed).multinomial(units, np.full(units, 1 / units), replicates)
    return np.vstack([np.ones(units), draws]).astype(float)


def percentile_interval(
    replicates: Floats, *, method: Literal["linear", "nearest"] = "linear"
) -> Floats:
    """90 % percentile interval of replicates ``(R,)`` or ``(R, M)``: both ends of each column.

    NaN replicates are undefined and left out; without a defined one the ends are NaN. Infinite
    replicates need the method ``nearest``.

    References:
        Efron and Tibshirani (1993), section 13.3.
    """
    ends = np.full((2, *replicates.shape[1:]), np.nan)
    for column in np.ndindex(replicates.shape[1:]):
        values = replicates[(slice(None), *column)]
        defined = values[~np.isnan(values)]
        if len(defined):
            ends[(slice(None), *column)] = np.quantile(defined, (0.05, 0.95), method=method)
    return ends


def grouped_means(
    group: Integers, sums: Floats, counts: Floats, *, replicates: int, seed: int
) -> Floats:
    """Replicates of each group's mean, its games resampled among themselves, shape ``(R, K)``.

    Args:
        group: Group of each unit (a game of a passer, say), coded ``0 .. K - 1`` and sorted,
            shape ``(U,)``.
        sums: Sum of the plays' values in each unit, shape ``(U,)``.
        counts: Count of plays in each unit, shape ``(U,)``.
        replicates: ``R``. A group with one game repeats its mean.
        seed: Seed of the draws.
    """
    sizes = np.bincount(group)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    generator = random_generator(seed)
    means = np.empty((replicates, len(sizes)))
    for replicate in range(replicates):  # memory stays that of one replicate
        drawn = starts[group] + (generator.random(len(group)) * sizes[group]).astype(np.int64)
        means[replicate] = np.add.reduceat(sums[drawn], starts) / np.add.reduceat(
            counts[drawn], starts
        )
    return means


def expanded_interval(means: Floats, games: Integers) -> tuple[Floats, Floats]:
    r"""90 % interval of each group's mean from its replicates, wider where games are few.

    Plain percentiles of ``n`` games are too narrow, as a standard deviation over ``n`` in place
    of ``n - 1`` and a normal in place of a t quantile would be: with 16 games they hold 87 %.
    The levels are moved out to

    .. math:: \Phi\left(\pm\sqrt{n / (n - 1)}\; t_{0.95, n - 1}\right)

    Args:
        means: Replicates of `grouped_means`, shape ``(R, K)``.
        games: Count of games of each group, shape ``(K,)``. The ends for two games are the least
            and the greatest replicate.

    References:
        Hesterberg (2015), "What teachers should know about the bootstrap", Am. Statistician 69.
    """
    count = len(means)
    freedom = np.maximum(games - 1, 1)
    reach = np.sqrt((freedom + 1) / freedom) * scipy.special.stdtrit(freedom, 0.95)
    place = scipy.special.ndtr(-reach) * (count - 1)
    ordered = np.sort(means, axis=0)
    below = np.floor(place).astype(np.int64)
    group = np.arange(means.shape[1])
    part = place - below

    def between(rank: Integers, step: int) -> Floats:
        there, beyond = ordered[rank, group], ordered[np.clip(rank + step, 0, count - 1), group]
        return np.asarray(there + part * (beyond - there))

    return between(below, 1), between(count - 1 - below, -1)


def shuffled(group: Integers, generator: np.random.Generator) -> tuple[Integers, Integers]:
    """Sort rows by group, in random order within; return the order and places in the group."""
    order = np.lexsort((generator.random(len(group)), group))
    ordered = group[order]
    return order, np.arange(len(group)) - np.searchsorted(ordered, ordered)


def weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Weighted Pearson correlation of each column of `x` with that of `y`.

    Args:
        x: Shape ``(N, M)``.
        y: Shape ``(N, M)`` or ``(N, 1)``.
        weights: How often each row counts in each replicate, shape ``(R, N)``.

    Returns:
        Shape ``(R, M)``; NaN where fewer than three rows count or a side does not vary.
    """
    size = np.maximum(weights.sum(axis=1, keepdims=True), 1)
    left, right = x - x.mean(axis=0), y - y.mean(axis=0)
    left_mean, right_mean = weights @ left / size, weights @ right / size
    covariance = weights @ (left * right) / size - left_mean * right_mean
    left_variance = weights @ left**2 / size - left_mean**2
    right_variance = weights @ right**2 / size - right_mean**2
    # Rounding leaves a constant column a variance near 1e-17 of its square.
    varies = (left_variance > 1e-12 * np.mean(x**2, axis=0)) & (
        right_variance > 1e-12 * np.mean(y**2, axis=0)
    )
    known = varies & ((weights > 0).sum(axis=1, keepdims=True) >= _FEWEST_DRAWN)
    return np.where(
        known, covariance / np.sqrt(np.where(known, left_variance * right_variance, 1)), np.nan
    )


def split_half_reliability(splits: Sequence[tuple[Floats, Floats, Floats]]) -> Floats:
    r"""Reliability of means over both halves, from the correlation :math:`r` of the halves.

    .. math:: \rho = \frac{2 r}{1 + r}

    where :math:`r` is the mean over random splits, which averages out the luck of one split.

    Args:
        splits: One or more splits: means of the first and of the second half, each of shape
            ``(N, M)``, and the weight of each of these rows in each replicate, shape ``(R, N)``.
            Splits without any correlation in replicate 0 count for nothing.

    Returns:
        Shape ``(R, M)``; NaN where a split has no correlation, or :math:`r \le -1`.

    References:
        Spearman (1910) and Brown (1910), British Journal of Psychology 3.
    """
    correlations = [weighted_correlation(*split) for split in splits]
    known = [found for found in correlations if not np.isnan(found[0]).all()]
    mean = np.mean(known or correlations, axis=0)
    return np.where(mean > -1, 2 * mean / np.where(mean > -1, 1 + mean, 1), np.nan)
