"""Intervals by resampling whole games: plays of one game are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["game_weights", "grouped_means", "sums_by_game"]


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
