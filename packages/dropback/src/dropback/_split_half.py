"""Estimate how reliable a mean is by correlating two random halves of its plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

# A correlation of two rows is 1 or -1 whatever they hold.
_FEWEST_DRAWN = 3


def shuffled(group: Codes, generator: np.random.Generator) -> tuple[Codes, Codes]:
    """Sort rows by group, in random order within; return the order and places in the group."""
    order = np.lexsort((generator.random(len(group)), group))
    ordered = group[order]
    return order, np.arange(len(group)) - np.searchsorted(ordered, ordered)


def weighted_correlation(x: Array, y: Array, weights: Array) -> Array:
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


def split_half_reliability(splits: Sequence[tuple[Array, Array, Array]]) -> Array:
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
