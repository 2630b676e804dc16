"""Mix the distributions of throws to each receiver by how likely the throw goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from splicedpareto.nn import DistributionHead

if TYPE_CHECKING:
    from collections.abc import Callable


class ReceiverMixture(Distribution):
    r"""Mixture :math:`\sum_k p_k F_k` over receivers: a target's probability times the throw's.

    What `splicedpareto.distributions.Mixture` computes component by component is computed for all
    receivers at once, which is what a frame of a live play has time for.

    Args:
        head: Head of the distribution of a throw to one receiver.
        logits: Unnormalized log-probabilities of the receivers, shape ``(*B, K)``.
        raw: Raw parameters of the throws, shape ``(*B, K, P)``.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "logits": constraints.real_vector
    }

    def __init__(self, head: DistributionHead, logits: Tensor, raw: Tensor) -> None:
        self.head = head
        self.logits = logits
        self.raw = raw
        self.throws = head.distribution(raw)
        super().__init__(logits.shape[:-1], validate_args=False)

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of at most `value`."""
        return self._mean(self.throws.cdf(value[..., None]))

    def sf(self, value: Tensor) -> Tensor:
        """Probability of more than `value`."""
        return self._mean(self.throws.sf(value[..., None]))  # type: ignore[attr-defined]  # all ours

    def log_cdf(self, value: Tensor) -> Tensor:
        """Logarithm of `cdf`."""
        return self._log_mean(self.throws.log_cdf(value[..., None]))  # type: ignore[attr-defined]

    def log_sf(self, value: Tensor) -> Tensor:
        """Logarithm of `sf`."""
        return self._log_mean(self.throws.log_sf(value[..., None]))  # type: ignore[attr-defined]

    def log_prob_interval(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Log-probability of (lower, upper]."""
        each = self.throws.log_prob_interval(lower[..., None], upper[..., None])  # type: ignore[attr-defined]
        return self._log_mean(each)

    def throw_to(self, place: Tensor) -> tuple[Distribution, Tensor]:
        """The distribution of a throw to one receiver, and the log-probability of that throw.

        Args:
            place: Which of the receivers, shape ``(*B,)``.
        """
        index = place[..., None, None].expand(*place.shape, 1, self.raw.shape[-1])
        log_probability = self.logits.log_softmax(-1).gather(-1, place[..., None]).squeeze(-1)
        return self.head.distribution(self.raw.gather(-2, index).squeeze(-2)), log_probability

    def _mean(self, each: Tensor) -> Tensor:
        return (self.logits.softmax(-1) * each).sum(-1)

    def _log_mean(self, each: Tensor) -> Tensor:
        return (self.logits.log_softmax(-1) + each).logsumexp(-1)


class ReceiversHead(DistributionHead):
    """State of throws to each receiver to their mixture.

    Args:
        head: Head of the distribution of a throw to one receiver.
    """

    def __init__(self, head: DistributionHead) -> None:
        super().__init__(head.linear.in_features, 1)
        self.head = head

    def raw_parameters(self, state: Tensor, origin: Tensor | None = None) -> Tensor:
        """Raw parameters of all receivers side by side, each after the logit of its probability.

        Args:
            state: Shape ``(N, K, C)``.
            origin: Where each throw's yards are counted from, shape ``(N, K)``, where the head
                takes an origin.

        Returns:
            Shape ``(N, K, 1 + P)``.
        """
        beside = () if origin is None else (origin,)
        return torch.cat([self.linear(state), self.head.raw_parameters(state, *beside)], -1)

    def distribution(self, raw: Tensor) -> ReceiverMixture:
        """The mixture for raw parameters ``(*B, K, 1 + P)``."""
        return ReceiverMixture(self.head, raw[..., 0], raw[..., 1:])


def throw_to_target(
    objective: Callable[..., Tensor],
) -> Callable[..., Tensor]:
    """An objective of where the ball went too, which tells a network more than yards alone.

    Its last target is the place of the target among the receivers, -1 where it is none of them:
    the receivers then count by the probabilities that the network gives them.

    Args:
        objective: ``objective(distribution, *targets)`` of a throw to one receiver.
    """

    def joint(mixture: ReceiverMixture, *targets: Tensor) -> Tensor:
        *observed, place = targets
        # A target who is known is the one receiver.
        distribution, log_probability = mixture.throw_to(
            place.clamp(0, mixture.logits.shape[-1] - 1)
        )
        loss = objective(distribution, *observed) - log_probability
        unknown = (place < 0).nonzero().squeeze(-1)
        if not len(unknown):
            return loss
        raw, logits = mixture.raw[unknown], mixture.logits[unknown]
        each = objective(
            mixture.head.distribution(raw), *(target[unknown][:, None] for target in observed)
        )
        weights = logits.softmax(-1).detach()
        expected = (weights * torch.where(weights > 0, each, 0)).sum(-1)
        return loss.index_put((unknown,), expected)

    return joint
