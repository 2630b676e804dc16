"""Distributions, networks and scoring rules for heavy-tailed targets."""

from splicedpareto.distributions import Censored as Censored
from splicedpareto.distributions import Discretized as Discretized
from splicedpareto.distributions import Gaussian as Gaussian
from splicedpareto.distributions import SplicedBinnedPareto as SplicedBinnedPareto

__all__ = ["Censored", "Discretized", "Gaussian", "SplicedBinnedPareto"]

__version__ = "0.2.0"
