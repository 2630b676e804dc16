"""Distributions on a grid of bins, and the baselines that need no fit of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._network import EPA_BIN, EPA_HIGHEST
from dropback.simulation.tracking import oracle_cdf, oracle_distribution
from splicedpareto.distributions import SplicedBinnedPareto

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers
    from dropback.data._features import FeatureSchema
    from dropback.data._tables import PlaySet
    from dropback.models._network import PlayInputs

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


@dataclass(frozen=True)
class Baseline:
    """What every baseline takes over from the model."""

    schema: FeatureSchema
    play_set: PlaySet
    fold_of_game: dict[str, int]
    members: int
    outcome: Outcome


@dataclass(frozen=True)
class Climatology(Baseline):
    """The distribution of all training outcomes, the same for every play."""

    counts: tuple[Floats, ...]

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:
        counts = self.counts[fold] if fold is not None else np.sum(self.counts, axis=0)
        grid = GRIDS[self.outcome]
        return grid.distribution(np.broadcast_to(counts, (len(features), grid.size)))


@dataclass(frozen=True)
class Oracle(Baseline):
    """The distribution that simulated plays were drawn from, by the set's keys."""

    masses: dict[tuple[int, int], Floats]

    def predict_distribution(self, features: PlayInputs, fold: int | None = None) -> Distribution:  # noqa: ARG002  # it has seen no play
        keys = features.keys().iter_rows()  # type: ignore[union-attr]  # of a play network alone
        masses = np.stack([self.masses[key] for key in keys])
        return GRIDS[Outcome.YARDS].distribution(masses)


def oracle_masses(truth: pl.DataFrame | None) -> dict[tuple[int, int], Floats]:
    if truth is None:
        raise RequestError(
            "The oracle needs the truth of a simulated league: name its truth.parquet."
        )
    cdf = oracle_cdf(oracle_distribution(truth))
    # A mass of 0 has no logarithm.
    masses = np.maximum(np.diff(cdf, prepend=0.0, axis=1), 1e-12)
    keys = truth.select(pl.col("old_game_id", "play_id").cast(pl.Int64)).iter_rows()
    return dict(zip(keys, masses, strict=True))
