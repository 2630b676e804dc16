"""What a baseline of play-by-play forecasts, and how the fits of all folds forecast together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dropback.models._grid import GRIDS
from dropback.models.baselines._distributions import Baseline

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.distributions import Distribution

    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix
    from dropback.models._network import PlayInputs

_CLIMATOLOGY_SHARE = 0.005


class Forecast(Protocol):
    """A fit on the games outside one fold."""

    def masses(self, features: FeatureMatrix) -> Floats:
        """Probability of each bin of the grid, shape ``(N, K)``; each row sums to 1."""


@dataclass(frozen=True)
class Pooled(Baseline):
    """Forecasts of the bins, one for each fold; their mean where no fold is held out."""

    forecasts: tuple[Forecast, ...]
    climatology: tuple[Floats, ...]
    view: Callable[[PlayInputs], PlayInputs]

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        matrix = np.asarray(self.view(features))
        folds = range(self.members) if fold is None else (fold,)
        masses = np.mean([self._masses(matrix, each) for each in folds], axis=0)
        return GRIDS[self.outcome].distribution(masses)

    def _masses(self, matrix: FeatureMatrix, fold: int) -> Floats:
        return with_climatology(self.forecasts[fold].masses(matrix), self.climatology[fold])


def with_climatology(masses: Floats, counts: Floats) -> Floats:
    """Mix a share of climatology into each forecast, so that no outcome is impossible."""
    climatology = counts / counts.sum()
    return np.asarray((1 - _CLIMATOLOGY_SHARE) * masses + _CLIMATOLOGY_SHARE * climatology)
