"""Distributions with bins in the body and generalized Pareto tails, and laws built on them."""

from splicedpareto.distributions.bars import from_bar_distribution as from_bar_distribution
from splicedpareto.distributions.censored import Censored as Censored
from splicedpareto.distributions.discretized import Discretized as Discretized
from splicedpareto.distributions.gaussian import Gaussian as Gaussian
from splicedpareto.distributions.hybrid_pareto import HybridPareto as HybridPareto
from splicedpareto.distributions.mixture import Mixture as Mixture
from splicedpareto.distributions.spliced_binned_pareto import (
    SplicedBinnedPareto as SplicedBinnedPareto,
)
from splicedpareto.distributions.student_t import StudentT as StudentT

__all__ = [
    "Censored",
    "Discretized",
    "Gaussian",
    "HybridPareto",
    "Mixture",
    "SplicedBinnedPareto",
    "StudentT",
    "from_bar_distribution",
]
