"""A table: what happens at each depth of throw, smoothed over nearby depths.

It is the hazard of `_hazard` without trees, given the air yards alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from dropback.data._outcomes import YARDS_LOWEST
from dropback.models._catch_point import (
    mixture,
    require_completions,
    results_of,
    return_masses,
    runs_of,
)
from dropback.models._examples import Throws
from dropback.models._grid import YARDS
from dropback.models._hazard import (
    FARTHEST_BEHIND,
    FIRST_RUN,
    RUNS,
    Outside,
    steps_of,
    survival_masses,
)
from dropback.models._network import exact_log_score, observed_interval
from dropback.models.baselines._forecasts import with_climatology

if TYPE_CHECKING:
    from dropback._arrays import Floats, Integers
    from dropback.data._features import FeatureMatrix, FeatureSchema
    from dropback.models._examples import Examples

# The kernel over depths: its standard deviation in yards at the line of scrimmage, and the depth
# at which it is twice as wide, because deep throws are few. The validation games choose. On games
# of 2018-2020 that the table has not seen (10,241), the log score is 2.402; of a table of yards
# from the line of scrimmage, smoothed alike, 2.445; CRPS 4.420 and 4.427.
_WIDTHS = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
_DOUBLING_DEPTHS = (10.0, 20.0, 40.0)


@dataclass(frozen=True)
class AirYardsTable:
    """Distribution of yards at each depth of throw.

    Attributes:
        schema: The features, of which it takes the air yards.
        table: Probabilities, shape ``(211, 211)``: a row for each of `YARDS` as depth.
    """

    schema: FeatureSchema
    table: Floats

    def masses(self, features: FeatureMatrix) -> Floats:
        """See `Forecast`."""
        rows: Floats = self.table[_row(features, self.schema)]
        return rows


def kernel_weights(width: float, doubling_depth: float) -> Floats:
    """Weight of plays at each depth (columns) for the distribution at each depth (rows)."""
    apart = YARDS[:, None] - YARDS
    widths = width * (1 + YARDS.clip(min=0) / doubling_depth)
    # Where no throw is near all weights of the kernel are 0; the nearest throws then decide.
    weights: Floats = np.exp(-0.5 * (apart / widths[:, None]) ** 2) + 1e-12 / (1.0 + apart**2)
    return weights


def fit_air_yards(training: Examples, validation: Examples, seed: int) -> AirYardsTable:  # noqa: ARG001  # nothing is drawn
    """Count what happens by depth, and smooth as the validation games' log score asks for."""
    require_completions(training, validation)
    results = np.zeros((len(YARDS), 3))
    np.add.at(results, (_row(training.features, training.schema), results_of(training)), 1)
    caught = training[training.complete]
    run, scored = runs_of(caught)
    steps = steps_of(run, scored)
    reached = np.zeros((len(YARDS), len(RUNS)))
    ended = np.zeros_like(reached)
    cells = (_row(caught.features, caught.schema)[steps.play], steps.run - FIRST_RUN)
    np.add.at(reached, cells, 1)
    np.add.at(ended, cells, steps.ended)
    outside, returns = Outside.of(run, scored), return_masses(training)

    def table_of(weights: Floats) -> AirYardsTable:
        # Of a step that no play has come to nothing is known: one half.
        hazards = (weights @ ended + 0.5e-20) / (weights @ reached + 1e-20)
        shares = weights @ results
        shares /= shares.sum(axis=1, keepdims=True)
        runs = survival_masses(hazards, outside)
        return AirYardsTable(
            training.schema, mixture(shares, runs, FARTHEST_BEHIND, returns, YARDS)
        )

    counts = training.grid.counts(training.observed)
    interval = observed_interval(validation.plays)

    def log_score(table: AirYardsTable) -> float:
        masses = with_climatology(table.masses(validation.features), counts)
        return float(exact_log_score(training.grid.distribution(masses), *interval).mean())

    candidates = product(_WIDTHS, _DOUBLING_DEPTHS)
    return min((table_of(kernel_weights(*widths)) for widths in candidates), key=log_score)


def _row(features: FeatureMatrix, schema: FeatureSchema) -> Integers:
    return Throws.of(features, schema).air_yards - YARDS_LOWEST
