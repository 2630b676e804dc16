"""Networks whose forward pass is a distribution."""

from splicedpareto.networks._heads import DistributionHead as DistributionHead
from splicedpareto.networks._heads import GaussianHead as GaussianHead
from splicedpareto.networks._heads import SplicedBinnedParetoHead as SplicedBinnedParetoHead
from splicedpareto.networks._lazy import DistributionNetwork as DistributionNetwork
from splicedpareto.networks._lazy import pooled_distribution as pooled_distribution
from splicedpareto.networks._mlp import ResidualMLP as ResidualMLP
from splicedpareto.networks._mlp import Standardize as Standardize

__all__ = [
    "DistributionHead",
    "DistributionNetwork",
    "GaussianHead",
    "ResidualMLP",
    "SplicedBinnedParetoHead",
    "Standardize",
    "pooled_distribution",
]
