"""A trunk and a head: a network whose forward pass is a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.distributions import Distribution

    from splicedpareto.networks._heads import DistributionHead

__all__ = ["DistributionNetwork", "pooled_distribution"]


class DistributionNetwork(nn.Module):
    """A module that builds and returns the law :math:`p(Y | x)` within its forward pass.

    Args:
        trunk: Inputs to a state of shape ``(*B, C)``.
        head: State to distribution.
    """

    def __init__(self, trunk: nn.Module, head: DistributionHead) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def raw_parameters(self, *inputs: Tensor) -> Tensor:
        """Unbounded parameters of the law, shape ``(*B, P)``."""
        return self.head.raw_parameters(self.trunk(*inputs))

    def forward(self, *inputs: Tensor) -> Distribution:
        """The law of batch shape ``(*B,)``."""
        return self.head.distribution(self.raw_parameters(*inputs))


def pooled_distribution(networks: Sequence[DistributionNetwork], *inputs: Tensor) -> Distribution:
    """One law from several networks of the same head: that of their mean raw parameters.

    For the bins this is the logarithmic pool (the normalised geometric mean of the members'
    probabilities), which stays in the family, unlike a mixture, and is the member of it that is
    nearest to all members together in Kullback-Leibler divergence.

    Args:
        networks: At least one network; heads of one kind with the same constants.
        inputs: As each network takes them.

    Raises:
        ValueError: No network.
    """
    if not networks:
        raise ValueError("networks must hold at least one network, got none.")
    raw = torch.stack([network.raw_parameters(*inputs) for network in networks]).mean(dim=0)
    return networks[0].head.distribution(raw)
