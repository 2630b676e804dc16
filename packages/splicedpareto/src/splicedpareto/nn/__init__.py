"""Networks whose forward pass is a distribution."""

from splicedpareto.nn._edges import edges_from_data
from splicedpareto.nn._encoder import SequenceEncoder
from splicedpareto.nn._heads import DistributionHead, GaussianHead, SplicedBinnedParetoHead
from splicedpareto.nn._mixture_head import AffineTransformedHead, MixtureHead
from splicedpareto.nn._mlp import ResidualMLP, Standardize
from splicedpareto.nn._moving_head import MovingBinsHead
from splicedpareto.nn._network import DistributionNetwork, pooled_distribution
from splicedpareto.nn._tcn import TemporalConvolution

__all__ = [
    "AffineTransformedHead",
    "DistributionHead",
    "DistributionNetwork",
    "GaussianHead",
    "MixtureHead",
    "MovingBinsHead",
    "ResidualMLP",
    "SequenceEncoder",
    "SplicedBinnedParetoHead",
    "Standardize",
    "TemporalConvolution",
    "edges_from_data",
    "pooled_distribution",
]
