r"""Kullback-Leibler divergences, registered with `torch.distributions.kl_divergence`.

.. math:: D(P, Q) = E_P[\\log p(X) - \\log q(X)]

Between Gaussians in closed form, else by the rule of the first distribution: its masses against
those of the second, its density against that of the second. Infinite where the second gives no
mass to what the first gives some, and where the mean diverges: a heavy tail seen by a light one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.distributions import Normal, kl_divergence, register_kl

from splicedpareto.distributions._accurate import as_accurate
from splicedpareto.distributions._base import ScalarDistribution, broadcast_shapes
from splicedpareto.distributions._delta import Delta
from splicedpareto.distributions._discretized import Discretized
from splicedpareto.distributions._gaussian import Gaussian

if TYPE_CHECKING:
    from torch import Tensor


def _by_quadrature(p: ScalarDistribution, q: ScalarDistribution) -> Tensor:
    shape = broadcast_shapes(p.batch_shape, q.batch_shape, what="The batches of both")
    p, q = p.expand(shape), q.expand(shape)
    if isinstance(p, Discretized) and isinstance(q, Discretized):
        rule = p.unrounded_quadrature(q.knots)
        first, second = p.log_mass_around(rule.value), q.log_mass_around(rule.value)
    else:
        rule = p.quadrature(q.knots)
        first = p.log_prob(rule.value)
        second = torch.where(rule.is_atom, q.log_mass(rule.value), q.log_prob(rule.value))
    return rule.expectation(first - second)


def _of_gaussians(p: Gaussian, q: Gaussian) -> Tensor:
    ratio = p.scale / q.scale
    apart = (p.loc - q.loc) / q.scale
    # With a = log(ratio) it is (exp(2a) - 1) / 2 - a, whose terms cancel at equal scales.
    return (torch.expm1(2 * ratio.log()) + apart.square()) / 2 - ratio.log()


def _of_an_atom(p: Delta, q: ScalarDistribution) -> Tensor:
    return -q.log_mass(p.loc)


def _of_atoms(p: Delta, q: Delta) -> Tensor:
    return torch.where(p.loc == q.loc, 0, math.inf).to(p.loc.dtype)


def _of_torchs(p: Normal, q: ScalarDistribution) -> Tensor:
    return kl_divergence(as_accurate(p), q)


def _from_torchs(p: ScalarDistribution, q: Normal) -> Tensor:
    return kl_divergence(p, as_accurate(q))


for first, second, divergence in (
    (ScalarDistribution, ScalarDistribution, _by_quadrature),
    (Gaussian, Gaussian, _of_gaussians),
    (Delta, ScalarDistribution, _of_an_atom),
    (Delta, Delta, _of_atoms),
    (Normal, ScalarDistribution, _of_torchs),
    (ScalarDistribution, Normal, _from_torchs),
):
    register_kl(first, second)(divergence)  # type: ignore[no-untyped-call]
