"""Entries of a softmax and the sums beside them, with a gradient written once to the table."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Sums", "pick", "rank"]


class Sums(NamedTuple):
    """A table of logits and the running sums of its softmax.

    The sums are those of the weights, the exponentials of the logits less the row's largest: one
    exponential serves probabilities, their logarithms and their sums.

    Attributes:
        logits: The logits, shape ``(*B, N)``.
        weights: Their exponentials, each row times a constant.
        from_left: Sums of the weights up to and with each entry.
        from_right: The same from the last entry on, in order of summation.
        total: Sum of the weights, shape ``(*B, 1)``.
        log_total: Logarithm of the sum of the logits' exponentials, shape ``(*B, 1)``.
    """

    logits: Tensor
    weights: Tensor
    from_left: Tensor
    from_right: Tensor
    total: Tensor
    log_total: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> Sums:
        """Sum the softmax of logits."""
        largest = logits.detach().amax(-1, keepdim=True)
        weights = (logits - largest).exp_()
        from_left, from_right = weights.cumsum(-1), weights.flip(-1).cumsum(-1)
        total = from_left[..., -1:]
        return cls(logits, weights, from_left, from_right, total, largest + total.log())

    def find(self, mass: Tensor, from_right: Tensor) -> Tensor:
        """First entries, from one side, at whose ends the summed probability reaches masses.

        From the right it must exceed them: on a flat stretch the far end is then that of smaller
        numbers, from either side.

        Args:
            mass: Probabilities, shape ``(*B, S)``.
            from_right: Whether to sum from the right, of the same shape.

        Returns:
            Numbers of that shape; -1 or `N` where all entries do not reach the mass.
        """
        left = self._find(mass, from_right=False, exceed=False)
        return torch.where(from_right, self._find(mass, from_right=True, exceed=True), left)

    def find_outer(self, masses: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Entries within which the sums from the left, and from the right, exceed masses.

        They have probability, also where the mass is zero.

        Args:
            masses: Probabilities in two columns, shape ``(*B, 2)``.

        Returns:
            The numbers of both entries, shape ``(*B, 2)``, their log-probabilities, and, each of
            shape ``(*B, 1)``, the sums before the first and after the second.
        """
        first = self._find(masses[..., :1], from_right=False, exceed=True)
        last = self._find(masses[..., 1:], from_right=True, exceed=True)
        # One lookup for both.
        both = torch.cat([first, last], -1).clamp(0, self.logits.shape[-1] - 1)
        return both, *self.answer(both, both[..., :1], both[..., 1:])

    def _find(self, mass: Tensor, *, from_right: bool, exceed: bool) -> Tensor:
        sums = self.from_right if from_right else self.from_left
        number = rank(sums.detach(), (mass * self.total).detach(), right=exceed)
        return sums.shape[-1] - 1 - number if from_right else number

    def log_probs(self, at: Tensor) -> Tensor:
        """Log-probabilities of entries by their numbers, shape ``(*B, S)``."""
        nothing = at[..., :0]
        return self.answer(at, nothing, nothing)[0]

    def look_up(self, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities of entries, and the sums before and after each."""
        return self.answer(at, at, at)

    def answer(self, at: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities of entries, the sums before entries and the sums after entries.

        Args:
            at: Numbers of the entries whose log-probabilities are asked for, shape ``(*B, S)``.
            before: Numbers of the entries before which to sum, shape ``(*B, T)``.
            after: Numbers of the entries after which to sum, shape ``(*B, T)``.

        Returns:
            Tensors of the shapes of `at`, `before` and `after`.
        """
        # A traced graph takes no function with a forward-mode rule of its own.
        if torch.compiler.is_compiling() or not self.logits.requires_grad:
            return self._answer(at, before, after)
        logits = self.logits.expand((*at.shape[:-1], self.logits.shape[-1]))
        constants = (entry.detach() for entry in self[1:])
        result: tuple[Tensor, Tensor, Tensor] = _Answer.apply(  # type: ignore[no-untyped-call]
            logits, *constants, at, before, after
        )
        return result

    def _answer(self, at: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_prob = pick(self.logits, at) - self.log_total
        if before.shape[-1] == 0:
            return log_prob, log_prob[..., :0], log_prob[..., :0]
        last = self.logits.shape[-1] - 1
        return (
            log_prob,
            _pick_or_zero(self.from_left, before - 1) / self.total,
            _pick_or_zero(self.from_right, last - 1 - after) / self.total,
        )


class _Answer(torch.autograd.Function):
    r"""`Sums.answer` with its gradient in closed form.

    With :math:`\pi` the softmax of the logits, the gradient of :math:`\log\pi_k` in the logits is
    :math:`1\{i = k\} - \pi_i`, that of :math:`\sum_{j<k} \pi_j` is :math:`\pi_i (1\{i < k\} -
    \sum_{j<k} \pi_j)`: the softmax times a step function, whatever the number of entries.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return Sums(*inputs[:6])._answer(*inputs[6:])  # noqa: SLF001 - the formula

    @staticmethod
    def setup_context(
        ctx: Any,  # noqa: ANN401
        inputs: tuple[Tensor, ...],
        output: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        logits, weights, _, _, total, _, *entries = inputs
        kept = (logits, weights, total, *entries, *output[1:])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        logits, weights, total, at, before, after, below, above = ctx.saved_tensors
        to_log_prob, to_below, to_above = gradients
        if torch.is_grad_enabled():
            # A second gradient is asked for, which the constant weights would not have.
            weights, total = logits.softmax(-1), torch.ones_like(total)
        pull = to_log_prob.sum(-1, keepdim=True)
        if before.shape[-1] == 0:
            gradient = weights * (-pull / total)
        else:
            last = weights.shape[-1] - 1
            # The heights of the steps, so that their running sum is the gradient before it is
            # weighted. Nothing comes after the last entry.
            falls, rises = to_below / total, (to_above / total).masked_fill(after == last, 0)
            pull = pull + (to_below * below + to_above * above).sum(-1, keepdim=True)
            start = falls.sum(-1, keepdim=True) - pull / total
            steps = functional.pad(start, (0, last)).scatter_add_(-1, before, -falls)
            steps = steps.scatter_add_(-1, (after + 1).clamp(max=last), rises)
            gradient = steps.cumsum(-1).mul_(weights)
        return gradient.scatter_add_(-1, at, to_log_prob), *(None,) * 8

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        _, weights, total, at, before, after, below, above = ctx.saved_tensors
        moved = weights / total * tangent
        mean, last = moved.sum(-1, keepdim=True), weights.shape[-1] - 1
        to_log_prob = pick(tangent, at) - mean
        if before.shape[-1] == 0:
            return to_log_prob, below, above
        return (
            to_log_prob,
            _pick_or_zero(moved.cumsum(-1), before - 1) - below * mean,
            _pick_or_zero(moved.flip(-1).cumsum(-1), last - 1 - after) - above * mean,
        )


def pick(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table ``(*B, N)`` or ``(N,)`` at an index ``(*B, S)``."""
    return table.expand((*index.shape[:-1], table.shape[-1])).gather(-1, index)


def rank(ordered: Tensor, value: Tensor, *, right: bool) -> Tensor:
    """Count the entries of ``(*B, N)`` that lie below values ``(*B, S)``; with `right`, or on."""
    if ordered.dim() == 1:
        return torch.bucketize(value.contiguous(), ordered, right=right)
    ordered = ordered.expand((*value.shape[:-1], ordered.shape[-1]))
    if torch.compiler.is_exporting():
        # ONNX has no sorted search. The comparison costs O(B S K).
        table, column = ordered[..., None, :], value[..., :, None]
        return (table <= column if right else table < column).sum(-1)
    return torch.searchsorted(ordered.contiguous(), value.contiguous(), right=right)


def _pick_or_zero(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table at an index, zero where the index is negative."""
    return pick(table, index.clamp(min=0)).masked_fill(index < 0, 0)
