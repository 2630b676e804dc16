"""Distributions with bins in the body and generalized Pareto tails, and what builds on them."""

from splicedpareto.distributions import _divergence as _divergence  # registers itself
from splicedpareto.distributions._affine import AffineTransformed
from splicedpareto.distributions._bars import from_bar_distribution
from splicedpareto.distributions._censored import Censored
from splicedpareto.distributions._delta import Delta
from splicedpareto.distributions._discretized import Discretized
from splicedpareto.distributions._gaussian import Gaussian
from splicedpareto.distributions._generalized_pareto import GeneralizedPareto
from splicedpareto.distributions._log_normal import LogNormal
from splicedpareto.distributions._mixture import Mixture
from splicedpareto.distributions._spliced_binned_pareto import SplicedBinnedPareto

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
    "from_bar_distribution",
]
