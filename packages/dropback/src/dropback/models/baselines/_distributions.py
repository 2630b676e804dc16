"""Baselines that need no fit of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._tables import Outcome
from dropback.errors import RequestError
from dropback.models._grid import GRIDS
from dropback.simulation.tracking import oracle_cdf, oracle_distribution

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from dropback._arrays import Floats
    from dropback.data._features import FeatureSchema
    from dropback.data._tables import PlaySet
    from dropback.models._network import PlayInputs


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
    masses = np.diff(cdf, prepend=0.0, axis=1)
    keys = truth.select(pl.col("old_game_id", "play_id").cast(pl.Int64)).iter_rows()
    return dict(zip(keys, masses, strict=True))
