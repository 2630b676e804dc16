"""Bins of one width: the whole yards of a play, or tenths of expected points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.models._network import EPA_BIN, EPA_HIGHEST
from splicedpareto.distributions import SplicedBinnedPareto

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers

# Pseudo-count of a bin, so that no outcome is impossible.
_PSEUDO_COUNT = 0.1


@dataclass(frozen=True)
class Grid:
    """Bins of one width, centered on its multiples ``lowest .. highest``."""

    width: float
    lowest: int
    highest: int

    @property
    def size(self) -> int:
        """Number of bins ``K``."""
        return self.highest - self.lowest + 1

    def bins(self, values: npt.NDArray[Any]) -> Integers:
        """Index of the bin of each value."""
        return np.rint(values / self.width).astype(np.int64) - self.lowest

    def counts(self, values: npt.NDArray[Any]) -> Floats:
        """Smoothed counts of values in the bins, shape ``(K,)``."""
        return np.bincount(self.bins(values), minlength=self.size).astype(float) + _PSEUDO_COUNT

    def distribution(self, masses: Floats) -> Distribution:
        """Distribution in proportion to positive `masses`, shape ``(N, K)``."""
        edges = (torch.arange(self.lowest, self.highest + 2) - 0.5) * self.width
        return SplicedBinnedPareto(
            torch.from_numpy(np.log(masses)).float(),
            edges,
            0.0,
            0.0,
            lower_mass=0.0,
            upper_mass=0.0,
            validate_args=False,
        )


GRIDS = {
    Outcome.YARDS: Grid(1.0, YARDS_LOWEST, YARDS_HIGHEST),
    Outcome.EPA: Grid(EPA_BIN, -round(EPA_HIGHEST / EPA_BIN), round(EPA_HIGHEST / EPA_BIN)),
}

YARDS = np.arange(YARDS_LOWEST, YARDS_HIGHEST + 1)
"""Every possible outcome, in whole yards, shape ``(211,)``."""
