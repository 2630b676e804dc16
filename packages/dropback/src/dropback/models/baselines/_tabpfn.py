"""TabPFN, a network that was trained on synthetic tables and takes the training plays as input.

References:
    Hollmann et al. (2025), "Accurate predictions on small data with a tabular foundation model",
    Nature 637, 319-326.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dropback._statistics import random_generator
from dropback.errors import RequestError
from splicedpareto.distributions import from_bar_distribution

if TYPE_CHECKING:
    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix
    from dropback.models._examples import Examples
    from dropback.models._grid import Grid

# What its second version was trained for; later ones take more.
_MOST_PLAYS = 10_000


@dataclass(frozen=True)
class TabPfn:
    """A regressor of TabPFN, fitted."""

    regressor: Any
    grid: Grid

    def masses(self, features: FeatureMatrix) -> Floats:
        """See `Forecast`."""
        predicted = self.regressor.predict(features, output_type="full")
        distribution = from_bar_distribution(
            predicted["logits"].double().cpu(), predicted["criterion"].borders.double().cpu()
        )
        edges = (torch.arange(self.grid.lowest, self.grid.highest + 2) - 0.5) * self.grid.width
        cdf = distribution.cdf(edges.double()[:, None]).numpy().T
        # What lies beyond the grid belongs to its ends.
        cdf[:, 0], cdf[:, -1] = 0.0, 1.0
        return np.diff(cdf, axis=1)


def tabpfn_regressor() -> Any:  # noqa: ANN401  # a class of an extra
    """TabPFN's regressor.

    Raises:
        RequestError: The package is not installed.
    """
    try:
        from tabpfn import TabPFNRegressor  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise RequestError(
            "The baseline 'tabpfn' needs TabPFN and its weights: install it with "
            "`pip install 'dropback[tabpfn]'` and accept the license of its weights."
        ) from error
    return TabPFNRegressor


def fit_tabpfn(training: Examples, validation: Examples, seed: int) -> TabPfn:  # noqa: ARG001  # nothing to stop
    """Hand a random share of the training plays to the network.

    Raises:
        RequestError: The package or its weights are absent.
    """
    regressor_class = tabpfn_regressor()
    size = min(len(training), _MOST_PLAYS)
    chosen = random_generator(seed).choice(len(training), size, replace=False)
    # Without it TabPFN refuses more than a few hundred plays where there is no GPU.
    regressor = regressor_class(random_state=seed, ignore_pretraining_limits=True)
    try:
        regressor.fit(training.features[chosen], training.observed[chosen])
    except Exception as error:  # its errors of absent weights have classes of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")
        raise RequestError(
            f"The baseline 'tabpfn' could not be fitted ({reason}): see that its weights are where "
            "TabPFN looks for them."
        ) from error
    return TabPfn(regressor, training.grid)
