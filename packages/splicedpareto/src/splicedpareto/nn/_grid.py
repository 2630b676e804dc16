"""The distribution of a spliced binned-Pareto head at fixed points, in few operations."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.distributions._kernels import finite_hazard

if TYPE_CHECKING:
    from splicedpareto.nn._heads import SplicedBinnedParetoHead

__all__ = ["GridDistribution"]


class GridDistribution(nn.Module):
    r"""CDF of a head's distributions at points that never change, and their thresholds.

    `SplicedBinnedPareto` finds both by searches and look-ups. Where bins and points are fixed,
    products with constant matrices do: with :math:`\pi_k` the bins' probabilities, :math:`w_k`
    their widths and :math:`A_{kj}` the share of bin :math:`k` that lies to the left of the point
    :math:`x_j`,

    .. math::
        F(x_j) = \sum_k \pi_k A_{kj}, \qquad
        \tau_L = e_0 + \sum_k w_k \min\Bigl(\max\Bigl(
            \frac{p_L - \sum_{i < k} \pi_i}{\pi_k}, 0\Bigr), 1\Bigr)

    between the thresholds, :math:`\tau_U` likewise from the right, and the tails as ever. A single
    distribution costs what its operations cost to start, and these are far fewer.

    Args:
        head: The head, copied.
        points: In units of the outcome, finite, shape ``(J,)``.

    Example:
        >>> from splicedpareto.nn import SplicedBinnedParetoHead
        >>> head = SplicedBinnedParetoHead(4, torch.linspace(0, 100, 11))
        >>> distribution = GridDistribution(head, torch.tensor([2.5, 50.0, 100.0]))
        >>> with torch.inference_mode():
        ...     cdf, lower, upper = distribution(head.raw_parameters(torch.zeros(4)))
        >>> cdf, lower, upper
        (tensor([0.0307, 0.5000, 0.9807]), tensor(5.), tensor(95.))
    """

    points: Tensor
    before: Tensor
    share: Tensor
    widths: Tensor

    def __init__(self, head: SplicedBinnedParetoHead, points: Tensor) -> None:
        super().__init__()
        self.head = copy.deepcopy(head)
        edges = head.edges
        widths = edges.diff()
        share = ((points.to(edges) - edges[:-1, None]) / widths[:, None]).clamp(0, 1)
        self.register_buffer("points", points.to(edges))
        self.register_buffer("before", edges.new_ones(head.bins, head.bins).triu(1))
        self.register_buffer("share", share)
        self.register_buffer("widths", widths)

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate distributions.

        Args:
            raw: Raw parameters of the head, shape ``(*B, P)``.

        Returns:
            CDF at the points, shape ``(*B, J)``, and the lower and the upper threshold, each of
            shape ``(*B,)``.
        """
        head = self.head
        probs = raw[..., : head.bins].softmax(-1)
        lower, lower_density = self._quantile(probs, probs @ self.before, head.lower_mass)
        upper, upper_density = self._quantile(probs, probs @ self.before.T, head.upper_mass)
        lower = head.edges[0] + lower
        upper = torch.maximum(lower, head.edges[-1] - upper)
        (lower_shape, lower_scale), (upper_shape, upper_scale) = head.tails(raw)
        if lower_scale is None:
            lower_scale = head.lower_mass / lower_density
        if upper_scale is None:
            upper_scale = head.upper_mass / upper_density
        below, above = self.points < lower[..., None], self.points > upper[..., None]
        # A point lies in one tail at most, so one hazard serves both.
        excess = torch.where(below, lower[..., None] - self.points, self.points - upper[..., None])
        scale = torch.where(below, lower_scale[..., None], upper_scale[..., None])
        shape = torch.where(below, lower_shape[..., None], upper_shape[..., None])
        hazard, past_end = finite_hazard(excess.clamp(min=0), scale, shape)
        beyond = torch.where(past_end, 0, (-hazard).exp())
        tails = torch.where(below, head.lower_mass * beyond, 1 - head.upper_mass * beyond)
        return torch.where(below | above, tails, probs @ self.share), lower, upper

    def _quantile(self, probs: Tensor, before: Tensor, mass: float) -> tuple[Tensor, Tensor]:
        """Distance from the outermost edge at which `mass` lies outside, and the density there."""
        share = (mass - before) / probs.clamp(min=torch.finfo(probs.dtype).tiny)
        distance = share.clamp(0, 1) @ self.widths
        if self.head.scale == "free":
            return distance, distance
        inside = (share >= 0) & (share < 1)
        return distance, torch.where(inside, probs / self.widths, 0).amax(-1)
