"""Distributions with bins in the body and generalized Pareto tails, and laws built on them."""

from splicedpareto.distributions.censored import Censored as Censored
from splicedpareto.distributions.discretized import Discretized as Discretized
from splicedpareto.distributions.gaussian import Gaussian as Gaussian
from splicedpareto.distributions.spliced_binned_pareto import (
    SplicedBinnedPareto as SplicedBinnedPareto,
)

__all__ = ["Censored", "Discretized", "Gaussian", "SplicedBinnedPareto"]
