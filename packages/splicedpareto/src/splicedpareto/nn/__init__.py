"""Networks whose forward pass is a distribution."""

from splicedpareto.nn._edges import edges_from_data as edges_from_data
from splicedpareto.nn._encoder import SequenceEncoder as SequenceEncoder
from splicedpareto.nn._heads import DistributionHead as DistributionHead
from splicedpareto.nn._heads import GaussianHead as GaussianHead
from splicedpareto.nn._heads import SplicedBinnedParetoHead as SplicedBinnedParetoHead
from splicedpareto.nn._items import ItemEncoder as ItemEncoder
from splicedpareto.nn._items import ItemSettings as ItemSettings
from splicedpareto.nn._mlp import ResidualMLP as ResidualMLP
from splicedpareto.nn._mlp import Standardize as Standardize
from splicedpareto.nn._network import DistributionNetwork as DistributionNetwork
from splicedpareto.nn._network import pooled_distribution as pooled_distribution
from splicedpareto.nn._tcn import TemporalConvolution as TemporalConvolution

__all__ = [
    "DistributionHead",
    "DistributionNetwork",
    "GaussianHead",
    "ItemEncoder",
    "ItemSettings",
    "ResidualMLP",
    "SequenceEncoder",
    "SplicedBinnedParetoHead",
    "Standardize",
    "TemporalConvolution",
    "edges_from_data",
    "pooled_distribution",
]
