"""Intervals by resampling whole games: plays of one game are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.special

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["expanded_interval", "game_weights", "grouped_means", "sums_by_game"]


def sums_by_game(
    games: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Sum of each column over the plays of each game.

    Args:
        games: Game of each play, coded ``0 .. G - 1``, shape ``(N,)``.
        values: Shape ``(N, M)``.

    Returns:
        Shape ``(G, M)``.
    """
    count = int(games.max()) + 1
    return np.stack(
        [np.bincount(games, weights=column, minlength=count) for column in values.T], axis=1
    )


def game_weights(games: int, replicates: int, *, seed: int) -> npt.NDArray[np.float64]:
    """How often each game is drawn in each replicate: multinomial, shape ``(R, G)``.

    References:
        Efron and Tibshirani (1993), section 6.2, with games as the sampling units.
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(games, np.full(games, 1 / games), size=replicates).astype(float)


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
