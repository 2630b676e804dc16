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
# A mass of 0 has no logarithm.
_LEAST_MASS = 1e-12


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
        """Distribution in proportion to `masses`, shape ``(N, K)``, none of which stays 0."""
        edges = (torch.arange(self.lowest, self.highest + 2) - 0.5) * self.width
        return SplicedBinnedPareto(
            torch.from_numpy(np.log(np.maximum(masses, _LEAST_MASS))).float(),
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


def whole_yard_masses(latent: Distribution) -> Floats:
    """Probabilities of `YARDS` before the field bounds them, shape ``(N, 211)``.

    Args:
        latent: Distribution of the yards, batch shape ``(N,)``; the first and the last probability
            hold what lies beyond.

    Example:
        >>> even = torch.distributions.Uniform(torch.tensor([-0.5]), 1.5, validate_args=False)
        >>> masses = whole_yard_masses(even)
        >>> YARDS[masses[0] > 0].tolist(), masses[0, masses[0] > 0].tolist()
        ([0, 1], [0.5, 0.5])
    """
    edges = torch.from_numpy(YARDS[:-1] + 0.5).float()[:, None]
    cdf = latent.cdf(edges).double().numpy().T
    return np.maximum(np.diff(cdf, prepend=0.0, append=1.0, axis=1), 0.0)
