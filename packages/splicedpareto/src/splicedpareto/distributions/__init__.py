"""Distributions with bins in the body and generalized Pareto tails, and what builds on them."""

from splicedpareto.distributions._bars import from_bar_distribution as from_bar_distribution
from splicedpareto.distributions._censored import Censored as Censored
from splicedpareto.distributions._discretized import Discretized as Discretized
from splicedpareto.distributions._gaussian import Gaussian as Gaussian
from splicedpareto.distributions._spliced_binned_pareto import (
    SplicedBinnedPareto as SplicedBinnedPareto,
)

__all__ = [
    "Censored",
    "Discretized",
    "Gaussian",
    "SplicedBinnedPareto",
    "from_bar_distribution",
]
