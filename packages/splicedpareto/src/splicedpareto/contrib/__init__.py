"""Baseline families and adapters to other libraries, without a promise of stability."""

from splicedpareto.contrib._heads import (
    GaussianMixtureHead,
    HybridParetoHead,
    QuantileParetoHead,
    StudentTHead,
)
from splicedpareto.contrib._hybrid_pareto import HybridPareto
from splicedpareto.contrib._student_t import StudentT

__all__ = [
    "GaussianMixtureHead",
    "HybridPareto",
    "HybridParetoHead",
    "QuantileParetoHead",
    "StudentT",
    "StudentTHead",
]
