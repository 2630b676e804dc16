"""Networks whose forward pass is a distribution."""

from splicedpareto.networks._compiled import CompiledStreams as CompiledStreams
from splicedpareto.networks._compiled import GridLaws as GridLaws
from splicedpareto.networks._edges import edges_from_data as edges_from_data
from splicedpareto.networks._encoder import SequenceEncoder as SequenceEncoder
from splicedpareto.networks._grid import GridLaw as GridLaw
from splicedpareto.networks._heads import DistributionHead as DistributionHead
from splicedpareto.networks._heads import GaussianHead as GaussianHead
from splicedpareto.networks._heads import SplicedBinnedParetoHead as SplicedBinnedParetoHead
from splicedpareto.networks._items import ItemEncoder as ItemEncoder
from splicedpareto.networks._items import ItemSettings as ItemSettings
from splicedpareto.networks._lazy import DistributionNetwork as DistributionNetwork
from splicedpareto.networks._lazy import pooled_distribution as pooled_distribution
from splicedpareto.networks._mlp import ResidualMLP as ResidualMLP
from splicedpareto.networks._mlp import Standardize as Standardize
from splicedpareto.networks._rival_heads import GaussianMixtureHead as GaussianMixtureHead
from splicedpareto.networks._rival_heads import HybridParetoHead as HybridParetoHead
from splicedpareto.networks._rival_heads import QuantileParetoHead as QuantileParetoHead
from splicedpareto.networks._rival_heads import StudentTHead as StudentTHead
from splicedpareto.networks._streaming import SequenceStream as SequenceStream
from splicedpareto.networks._temporal import TemporalConvolution as TemporalConvolution

__all__ = [
    "CompiledStreams",
    "DistributionHead",
    "DistributionNetwork",
    "GaussianHead",
    "GaussianMixtureHead",
    "GridLaw",
    "GridLaws",
    "HybridParetoHead",
    "ItemEncoder",
    "ItemSettings",
    "QuantileParetoHead",
    "ResidualMLP",
    "SequenceEncoder",
    "SequenceStream",
    "SplicedBinnedParetoHead",
    "Standardize",
    "StudentTHead",
    "TemporalConvolution",
    "edges_from_data",
    "pooled_distribution",
]
