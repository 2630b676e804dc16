"""Judge distributions of the yards of throws that are given as probabilities of whole yards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dropback.data._tables import Outcome
from dropback.models._grid import GRIDS
from dropback.models._predict import summarize_distributions

if TYPE_CHECKING:
    import dataframely as dy
    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers
    from dropback.data._tables import Plays, Predictions


def forecast_of(plays: dy.DataFrame[Plays], masses: Floats) -> dy.DataFrame[Predictions]:
    """Scores of forecasts of plays outside training.

    Args:
        plays: The plays.
        masses: Probabilities of `YARDS`, shape ``(N, 211)``.
    """

    def distribution_of(rows: Integers, fold: int) -> Distribution:  # noqa: ARG001  # none is held out
        return GRIDS[Outcome.YARDS].distribution(masses[rows])

    return summarize_distributions(plays, distribution_of, folds=np.full(len(plays), -1), seed=0)
