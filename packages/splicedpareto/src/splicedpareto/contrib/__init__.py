"""Baseline families and adapters to other libraries, without a promise of stability."""

from splicedpareto.contrib._heads import GaussianMixtureHead as GaussianMixtureHead
from splicedpareto.contrib._heads import HybridParetoHead as HybridParetoHead
from splicedpareto.contrib._heads import QuantileParetoHead as QuantileParetoHead
from splicedpareto.contrib._heads import StudentTHead as StudentTHead
from splicedpareto.contrib._hybrid_pareto import HybridPareto as HybridPareto
from splicedpareto.contrib._mixture import Mixture as Mixture
from splicedpareto.contrib._student_t import StudentT as StudentT

__all__ = [
    "GaussianMixtureHead",
    "HybridPareto",
    "HybridParetoHead",
    "Mixture",
    "QuantileParetoHead",
    "StudentT",
    "StudentTHead",
]
