"""Estimate intervals by resampling whole games, because plays of one game are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
import scipy.special

if TYPE_CHECKING:
    import numpy.typing as npt


def codes(rows: pl.Series | pl.DataFrame) -> npt.NDArray[np.int64]:
    """Number equal values, or equal rows, from 0 in their order."""
    key = rows.to_struct() if isinstance(rows, pl.DataFrame) else rows
    return key.rank("dense").to_numpy().astype(np.int64) - 1


def sums_by_game(
    games: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Sum of each column ``(N, M)`` over the plays of each game ``0 .. G - 1``: ``(G, M)``."""
    count = int(games.max()) + 1
    return np.stack(
        [np.bincount(games, weights=column, minlength=count) for column in values.T], axis=1
    )


def resampled_weights(units: int, replicates: int, *, seed: int) -> npt.NDArray[np.float64]:
    """How often each unit counts: once in row 0, then as often as it is drawn.

    Args:
        units: Number ``G`` of units that are drawn with replacement (games, say).
        replicates: Number ``R`` of draws of `units` units.
        seed: Seed of the draws.

    Returns:
        Shape ``(1 + R, G)``: the full sample above its multinomial replicates.

    References:
        Efron and Tibshirani (1993), section 6.2; section 6.4 where a unit is a cluster of rows.
    """
    draws = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), replicates)
    return np.vstack([np.ones(units), draws]).astype(float)


def percentile_interval(
    replicates: npt.NDArray[np.float64], *, method: Literal["linear", "nearest"] = "linear"
) -> npt.NDArray[np.float64]:
    """90 % percentile interval of each column, from the replicates in which it is defined.

    Args:
        replicates: Shape ``(R,)`` or ``(R, M)``; NaN where a replicate defines no value.
        method: How to interpolate; ``nearest`` where replicates may be infinite.

    Returns:
        Lower and upper ends, shape ``(2,)`` or ``(2, M)``; NaN where no replicate is defined.

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
    group: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    *,
    replicates: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Replicates of each group's mean, its games resampled among themselves.

    Args:
        group: Group of each unit (a game of a passer, say), coded ``0 .. K - 1`` and sorted,
            shape ``(U,)``.
        sums: Sum of the plays' values in each unit, shape ``(U,)``.
        counts: Number of plays in each unit, shape ``(U,)``.
        replicates: Number ``R`` of replicates.
        seed: Seed of the draws.

    Returns:
        Shape ``(R, K)``. A group with one game repeats its mean.
    """
    sizes = np.bincount(group)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    generator = np.random.default_rng(seed)
    means = np.empty((replicates, len(sizes)))
    for replicate in range(replicates):  # memory stays that of one replicate
        drawn = starts[group] + (generator.random(len(group)) * sizes[group]).astype(np.int64)
        means[replicate] = np.add.reduceat(sums[drawn], starts) / np.add.reduceat(
            counts[drawn], starts
        )
    return means


def expanded_interval(
    means: npt.NDArray[np.float64], games: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r"""90 % interval of each group's mean from its replicates, wider where games are few.

    Plain percentiles of ``n`` games are too narrow, as a standard deviation over ``n`` in place
    of ``n - 1`` and a normal in place of a t quantile would be: with 16 games they hold 87 %.
    The levels are moved out to

    .. math:: \Phi\left(\pm\sqrt{n / (n - 1)}\; t_{0.95, n - 1}\right)

    Args:
        means: Replicates as `grouped_means` gives them, shape ``(R, K)``.
        games: Number of games of each group, shape ``(K,)``.

    Returns:
        Lower and upper ends, shape ``(K,)``; of two games the least and the greatest replicate.

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

    def between(rank: npt.NDArray[np.int64], step: int) -> npt.NDArray[np.float64]:
        there, beyond = ordered[rank, group], ordered[np.clip(rank + step, 0, count - 1), group]
        value: npt.NDArray[np.float64] = there + part * (beyond - there)
        return value

    return between(below, 1), between(count - 1 - below, -1)
