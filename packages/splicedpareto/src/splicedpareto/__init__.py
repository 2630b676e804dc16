"""Distributions, networks and scoring rules for heavy-tailed targets."""

from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    GeneralizedPareto,
    LogNormal,
    Mixture,
    SplicedBinnedPareto,
)

__all__ = [
    "AffineTransformed",
    "Censored",
    "Delta",
    "Discretized",
    "Gaussian",
    "GeneralizedPareto",
    "LogNormal",
    "Mixture",
    "SplicedBinnedPareto",
]

__version__ = "0.2.0"
