"""Distributions, networks and scoring rules for heavy-tailed targets."""

from splicedpareto.distributions import Censored, Discretized, Gaussian, SplicedBinnedPareto

__all__ = ["Censored", "Discretized", "Gaussian", "SplicedBinnedPareto"]

__version__ = "0.2.0"
