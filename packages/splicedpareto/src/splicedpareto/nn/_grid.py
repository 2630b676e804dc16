"""The distributions of a spliced binned-Pareto head at fixed values, in few operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.distributions._kernels import _ratio
from splicedpareto.distributions._tails import Tail

if TYPE_CHECKING:
    from splicedpareto.nn._heads import SplicedBinnedParetoHead


class GridCdf(nn.Module):
    r"""CDF of the distributions of a head at fixed values: that of `SplicedBinnedPareto`.

    For one distribution at a time an operator costs more to start than to run. Those for any
    values are 180 in a graph; here the bins' CDF is one product of their probabilities with the
    CDF of each bin alone, and a threshold

    .. math:: \tau_L = e_0 + \sum_k w_k \min(1, \max(0, (p_L - F(e_k)) / \pi_k))

    another, so that nothing is searched.

    Args:
        head: The head.
        values: Values in units of the outcome, shape ``(V,)``.
    """

    alone: Tensor
    widths: Tensor
    masses: Tensor
    ends: Tensor
    beyond_ends: Tensor
    signs: Tensor

    def __init__(self, head: SplicedBinnedParetoHead, values: Tensor) -> None:
        super().__init__()
        self.head = head
        self.endless = head.concentration_range[0] >= 0
        edges, bins = head.edges, head.bins
        # Keeps a bin that is empty in this precision from dividing zero by zero.
        self.least = torch.finfo(edges.dtype).tiny
        alone = SplicedBinnedPareto(torch.eye(bins).to(edges).log(), edges, 0, 0, 1, 1, 0, 0)
        before = torch.ones(bins, bins).triu(1).to(edges)
        signs, outer = edges.new_tensor([-1.0, 1.0]), edges[[0, -1]]
        constants = {
            "alone": torch.cat([alone.cdf(values[:, None]).T, before, before.T], dim=-1),
            "widths": edges.diff()[:, None],
            "masses": edges.new_tensor([[head.lower_mass], [head.upper_mass]]),
            "ends": outer,
            "signs": signs,
            "beyond_ends": signs[:, None] * (values - outer[:, None]),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate distributions.

        Args:
            raw: As the head gives them, shape ``(B, P)``.

        Returns:
            CDF at the values, shape ``(B, V)``, and the lower and the upper threshold, ``(B, 2)``.
        """
        bins = self.head.bins
        probs = raw[:, :bins].softmax(-1)
        body, outside = (probs @ self.alone).tensor_split([self.beyond_ends.shape[1]], dim=-1)
        # Where a mass is 0, bins before the first that is not empty are outside too.
        left = self.masses.clamp(min=self.least) - outside.reshape(-1, 2, bins)
        reach = (left / probs[:, None].clamp(min=self.least)).clamp(0, 1) @ self.widths
        concentration, scale = self.head.tails(raw)
        if scale is None:
            tied = self.head.distribution(raw)
            scale = torch.stack([tied.lower_scale, tied.upper_scale], dim=-1)
        # Of a value outside a tail the excess is 0, and all of that tail lies beyond.
        excess = (reach + self.beyond_ends).relu()
        tail = Tail(reach, concentration[..., None], scale[..., None], self.masses)
        if self.endless:  # nothing is past an end, and no excess infinite
            every = torch.ones_like(self.beyond_ends[0])
            hazard = _ratio(excess / tail.scale, tail.concentration * every, is_log=True)
        else:
            hazard = tail.hazard(excess)
        lower, upper = (-hazard).exp().unbind(1)
        within = body.clamp(self.head.lower_mass, 1 - self.head.upper_mass)
        cdf = within * lower + self.head.upper_mass * (1 - upper)
        return cdf, self.ends - self.signs * reach[..., 0]
