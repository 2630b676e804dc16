"""What the tests of fits share: weights, and ways to stop a fit."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from splicedpareto.nn import DistributionNetwork
from splicedpareto.training import FitResult

Whole = tuple[DistributionNetwork, FitResult]


class Killed(Exception):  # noqa: N818  # not an error of ours
    """Stands for a process that dies."""


def stop_at(epoch: int, error: type[BaseException] = Killed) -> Callable[[int, float], None]:
    def on_epoch(current: int, _loss: float) -> None:
        if current == epoch:
            raise error

    return on_epoch


def weights(net: nn.Module) -> Tensor:
    return torch.cat([value.flatten() for value in net.state_dict().values()])
