"""A trunk and a head: a network whose forward pass is a distribution."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from splicedpareto.distributions._checks import require_switch, require_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch.distributions import Distribution

    from splicedpareto.nn._heads import DistributionHead


class DistributionNetwork(nn.Module):
    """A module that builds and returns the distribution :math:`p(Y | x)` within its forward pass.

    Under `torch.autocast` the trunk alone computes in half precision; the head's raw parameters
    and the distribution are of the head's own type.

    Args:
        trunk: Inputs to a state of shape ``(*B, C)``; with a method `states` of the same
            arguments, to a state at every step, shape ``(B, T, C)``, as `SequenceEncoder` has it.
        head: State to distribution. For a head that takes an origin, as `MixtureHead` may, the last
            input of the network is the origin: the head reads it, not the trunk.
    """

    def __init__(self, trunk: nn.Module, head: DistributionHead) -> None:
        super().__init__()
        for name, given in (("trunk", trunk), ("head", head)):
            if not isinstance(given, nn.Module):
                raise TypeError(f"{name} must be a torch.nn.Module, got {given!r:.80}.")
        self.trunk = trunk
        self.head = head

    def raw_parameters(self, *inputs: Tensor, every_step: bool = False) -> Tensor:
        """Unbounded parameters of the distribution.

        Args:
            inputs: As the trunk takes them, then an origin where the head takes one, broadcastable
                to the shape of the distribution.
            every_step: Whether of the distribution at every step of a sequence, given the steps so
                far, or of that given all.

        Returns:
            Shape ``(*B, P)``, or ``(B, T, P)`` at every step: any numbers at padding.

        Raises:
            TypeError: `every_step` with a trunk that has no states, or an input that is no tensor.
        """
        for index, entry in enumerate(inputs):
            require_tensor(f"input {index}", entry)
        require_switch("every_step", every_step)
        if every_step and not hasattr(self.trunk, "states"):
            raise TypeError(
                "every_step needs a trunk with a method `states`, such as SequenceEncoder, got "
                f"{type(self.trunk).__name__}."
            )
        read = self.trunk.states if every_step else self.trunk
        beside = int(self.head.takes_origin)
        inputs, origin = inputs[: len(inputs) - beside], inputs[len(inputs) - beside :]
        state: Tensor = read(*inputs)  # type: ignore[operator]  # a method, not a submodule
        with _full_precision(state.device.type):
            return self.head.raw_parameters(state.to(self.head.linear.weight.dtype), *origin)

    def forward(self, *inputs: Tensor, every_step: bool = False) -> Distribution:
        """The distribution of batch shape ``(*B,)``, or ``(B, T)`` at every step."""
        raw = self.raw_parameters(*inputs, every_step=every_step)
        with _full_precision(raw.device.type):
            return self.head.distribution(raw)


def pooled_distribution(
    networks: Sequence[DistributionNetwork], *inputs: Tensor, every_step: bool = False
) -> Distribution:
    """One distribution from several networks of the same head: that of their mean raw parameters.

    For the bins this is the logarithmic pool (the normalized geometric mean of the members'
    probabilities), which stays in the family, unlike a mixture, and is the member of it that is
    nearest to all members together in Kullback-Leibler divergence.

    Args:
        networks: At least one network; heads of one kind with the same constants.
        inputs: As each network takes them.
        every_step: As in `DistributionNetwork.raw_parameters`.

    Raises:
        ValueError: No network, or raw parameters of unequal shapes.
        TypeError: They are no list of networks.
    """
    if isinstance(networks, DistributionNetwork) or not isinstance(networks, Iterable):
        raise TypeError(f"networks must be a list of DistributionNetwork, got {networks!r:.80}.")
    networks = list(networks)
    if not networks:
        raise ValueError("networks must hold at least one network, got none.")
    for network in networks:
        if not isinstance(network, DistributionNetwork):
            raise TypeError(f"networks must hold DistributionNetwork alone, got {network!r:.80}.")
    raw = [network.raw_parameters(*inputs, every_step=every_step) for network in networks]
    shapes = [tuple(each.shape) for each in raw]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"networks must have heads of one kind, got raw parameters of shapes {shapes}."
        )
    return networks[0].head.distribution(torch.stack(raw).mean(dim=0))


def _full_precision(device: str) -> AbstractContextManager[object]:
    """Switch half precision off where it is on; a graph without it shows no trace of the switch."""
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()
