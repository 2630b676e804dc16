"""Boosted trees for a point, and isotonic distributional regression (IDR) around it.

IDR is the best distribution, by the CRPS of the plays it is fitted on, among all whose exceedance
probabilities grow with the point. Fitted to a point forecast it is EasyUQ: no setting is tuned.

References:
    Henzi, Ziegel and Gneiting (2021), "Isotonic distributional regression", JRSS B 83, 963-993;
    Walz, Henzi, Ziegel and Gneiting (2024), "Easy uncertainty quantification", SIAM Review 66.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize

from dropback.models._boosting import boost, boosted

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.data._features import FeatureMatrix
    from dropback.models._examples import Examples


@dataclass(frozen=True)
class IsotonicDistributions:
    """Distributions that are ordered as the points they belong to.

    Attributes:
        points: Distinct points, increasing, shape ``(M,)``.
        cdf: CDF at each bin given each point, shape ``(M, K)``.
    """

    points: Floats
    cdf: Floats

    @classmethod
    def fit(cls, points: Floats, bins: Integers, size: int) -> IsotonicDistributions:
        """Fit by the pool-adjacent-violators algorithm at each threshold.

        Args:
            points: Point forecasts, shape ``(N,)``.
            bins: Bin of each outcome, shape ``(N,)``.
            size: Number of bins ``K``.

        Example:
            >>> IsotonicDistributions.fit(np.array([1.0, 2.0]), np.array([1, 0]), 2).cdf
            array([[0.5, 1. ],
                   [0.5, 1. ]])
        """
        distinct, place, weights = np.unique(points, return_inverse=True, return_counts=True)
        counts = np.bincount(place * size + bins, minlength=len(distinct) * size)
        share = counts.reshape(-1, size).cumsum(axis=1) / weights[:, None]
        cdf = np.stack(
            [
                scipy.optimize.isotonic_regression(below, weights=weights, increasing=False).x
                for below in share.T
            ],
            axis=1,
        )
        return cls(distinct, cdf)

    def masses(self, points: Floats) -> Floats:
        """Probability of each bin, shape ``(N, K)``; linear between the points of the fit."""
        after = np.searchsorted(self.points, points).clip(1, max(len(self.points) - 1, 1))
        before = after - 1
        after = after.clip(max=len(self.points) - 1)
        gap = self.points[after] - self.points[before]
        share = ((points - self.points[before]) / np.where(gap > 0, gap, 1)).clip(0, 1)[:, None]
        cdf = (1 - share) * self.cdf[before] + share * self.cdf[after]
        return np.asarray(np.diff(cdf, axis=1, prepend=0.0).clip(min=0))


@dataclass(frozen=True)
class BoostedIdr:
    """XGBoost's point with isotonic distributions around it."""

    booster: Any
    distributions: IsotonicDistributions

    def masses(self, features: FeatureMatrix) -> Floats:
        """See `Forecast`."""
        return self.distributions.masses(boosted(self.booster, features))


def fit_idr(training: Examples, validation: Examples, seed: int) -> BoostedIdr:
    """Boost a point forecast and fit the distributions around it.

    On held-out games of 2018-2020 distributions of the training and the validation games have CRPS
    4.589 and log score 2.762, of the validation games alone 4.588 and 2.889; around a point of
    least absolute error 4.638 and 2.658.
    """
    booster = boost(
        (training.features, training.observed),
        (validation.features, validation.observed),
        seed=seed,
        objective="reg:squarederror",
        # Depth 4 beat depth 6 in both errors on held-out games of 2018-2020.
        max_depth=4,
        eta=0.05,
        min_child_weight=20,
        subsample=0.8,
        colsample_bytree=0.8,
    )
    known = (training, validation)
    distributions = IsotonicDistributions.fit(
        np.concatenate([boosted(booster, each.features) for each in known]),
        np.concatenate([each.grid.bins(each.observed) for each in known]),
        training.grid.size,
    )
    return BoostedIdr(booster, distributions)
