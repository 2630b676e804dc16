"""Look up entries of a softmax and the sums beside them, with the gradient in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from splicedpareto.distributions._base import are_plain, broadcast_shapes
from splicedpareto.distributions._checks import lie_within
from splicedpareto.distributions._lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Callable


class SoftmaxSums:
    """Running sums of the softmax of each row of logits, from either end.

    The tables hold sums of the weights, the exponentials of the logits, less the row's largest
    where that is far from 0. They carry no gradient: `look_up` has one of its own. Few tables of
    the size of the logits are alive at a time. The allocator returns many to the system after each
    call, and the page faults of the next call then cost as much as the arithmetic.

    Args:
        logits: Unnormalized log-probabilities, shape ``(*B, N)``.

    Attributes:
        from_left: Sums of the weights up to each entry, itself included, shape ``(*B, N)``.
        from_right: The same from the last entry on, in order of summation.
        total: Sum of the weights, shape ``(*B, 1)``.
        log_total: Logarithm of the sum of the logits' exponentials, shape ``(*B, 1)``.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        # A traced graph differentiates the tables themselves: it takes no function with a
        # forward-mode rule of its own.
        tables = _running_sums(logits if torch.compiler.is_compiling() else logits.detach())
        self.from_left, self.from_right, self.log_total = tables
        self.total = self.from_left[..., -1:]

    @lazy
    def double_sums(self) -> Tensor:
        """`from_left` in double precision, without gradient."""
        if self.from_left.dtype == torch.float64:
            return self.from_left.detach()
        logits = self.logits.detach()
        return (logits - logits.amax(-1, keepdim=True)).double().exp().cumsum(-1)

    def first_reaching(self, mass: Tensor, *, from_right: bool, exceed: bool) -> Tensor:
        """Index of the first entry, from one side, at whose end the summed probability is `mass`.

        Args:
            mass: Probabilities, shape ``(*B, S)``.
            from_right: Whether to sum from the right.
            exceed: Whether the sum must exceed `mass`, not only reach it.

        Returns:
            Indices of the same shape. They lie past the far end where all entries together do not
            reach the mass.
        """
        sums = self.from_right if from_right else self.from_left
        count = rank(sums, mass * self.total, right=exceed)
        return sums.shape[-1] - 1 - count if from_right else count

    def look_up(self, *at: Tensor, summed: int) -> tuple[Entries, ...]:
        """Look up entries, all with one table of gradients.

        Args:
            at: Indices of the entries, each of shape ``(*B, S)`` with an `S` of its own.
            summed: How many of `at`, from the first on, need the sums beside their entries.

        Returns:
            The entries of each index.
        """
        found = tuple(Entries(self, index) for index in at)
        inputs = self.logits, self.from_left, self.from_right, self.log_total
        compiling = torch.compiler.is_compiling()
        if are_plain(*inputs, *at):
            return found
        counts = [index.shape[-1] for index in at]
        joined = torch.cat(at, -1)
        logits = self.logits.expand((*joined.shape[:-1], self.logits.shape[-1]))
        function = _LookUp.forward if compiling else _LookUp.apply
        log_prob, *sides = function(logits, *inputs[1:], joined, sum(counts[:summed]))
        counted = [*counts[:summed], *(0 for _ in at[summed:])]
        parts = (torch.split(log_prob, counts, -1), *(torch.split(s, counted, -1) for s in sides))
        for entries, *given in zip(found, *parts, strict=True):
            vars(entries).update(zip(("log_prob", "below", "above"), given, strict=True))
        return found


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries of a softmax: read from its tables when asked for, or given with a gradient.

    Args:
        sums: The tables.
        index: Indices of the entries, shape ``(*B, S)``.
    """

    sums: SoftmaxSums
    index: Tensor

    @lazy
    def log_prob(self) -> Tensor:
        """Log-probabilities."""
        return _log_prob(self.sums.logits, self.index, self.sums.log_total)

    @lazy
    def below(self) -> Tensor:
        """Sums of probability before the entries."""
        return _share(self.sums.from_left, self.index, self.sums.total)

    @lazy
    def above(self) -> Tensor:
        """Sums of probability after the entries."""
        last = self.sums.logits.shape[-1] - 1
        return _share(self.sums.from_right, last - self.index, self.sums.total)

    def mass_until(self, last: Entries) -> Tensor:
        """Probability of the entries strictly between these and others, without gradient.

        Summed in double precision: in single precision the difference of two sums of order 1 has
        five digits at a hundredth and none at a millionth.
        """
        sums = self.sums.double_sums
        start, stop = gather(sums, self.index), sum_before(sums, last.index)
        return ((stop - start).clamp(min=0) / sums[..., -1:]).to(self.sums.logits.dtype)


def _running_sums(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tables of `SoftmaxSums` and the logarithm of the total."""
    if not are_plain(logits):
        largest = logits.detach().amax(-1, keepdim=True)
        weights = (logits - largest).exp()
        from_left, from_right = weights.cumsum(-1), weights.flip(-1).cumsum(-1)
        return from_left, from_right, largest + from_left[..., -1:].log()
    if logits.device.type != "cpu":  # to decide would wait for the device
        shift = logits.amax(-1, keepdim=True)
    else:
        # Most logits need no shift to keep their exponentials in range, and to find and subtract
        # the largest takes a sixth of the time. Whether a row is shifted hangs on that row alone:
        # rounding would else carry from one distribution of a batch to another.
        from_left, from_right = _both_sums(logits.exp())
        total, most = from_left[..., -1:], math.sqrt(torch.finfo(logits.dtype).max)
        if lie_within(_LEAST_TOTAL, most, total):
            return from_left, from_right, total.log()
        in_range = (total > _LEAST_TOTAL) & (total < most)
        shift = torch.where(in_range, 0, logits.amax(-1, keepdim=True))
    from_left, from_right = _both_sums((logits - shift).exp_())
    return from_left, from_right, shift + from_left[..., -1:].log()


# So that a row of log-probabilities, which sum to one, needs no shift.
_LEAST_TOTAL = 0.5


def _both_sums(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Running sums from the left, in place of the weights, and from the right."""
    from_right = weights.flip(-1).cumsum_(-1)
    return weights.cumsum_(-1), from_right


def _log_prob(logits: Tensor, at: Tensor, log_total: Tensor) -> Tensor:
    return gather(logits, at) - log_total


def _share(sums: Tensor, at: Tensor, total: Tensor) -> Tensor:
    return sum_before(sums, at) / total


def sum_before(sums: Tensor, entry: Tensor) -> Tensor:
    """Sums up to entries, themselves not included, of sums up to each and itself."""
    if torch.compiler.is_exporting():  # two operators in place of five, for a copy of a small table
        return gather(functional.pad(sums, (1, 0)), entry)
    before = gather(sums, (entry - 1).clamp(min=0))
    return torch.where(entry < 1, 0, before)


class _LookUp(torch.autograd.Function):
    r"""`Entries` with its gradient in closed form.

    With :math:`\pi` the softmax of the logits, the gradient of :math:`\log\pi_k` in the logits is
    :math:`1\{i = k\} - \pi_i`, that of :math:`\sum_{j<k} \pi_j` is :math:`\pi_i (1\{i < k\} -
    \sum_{j<k} \pi_j)`: the softmax times a step function, whatever the number of entries.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        logits: Tensor,
        from_left: Tensor,
        from_right: Tensor,
        log_total: Tensor,
        at: Tensor,
        summed: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        last, total = logits.shape[-1] - 1, from_left[..., -1:]
        entry = at[..., :summed]
        return (
            _log_prob(logits, at, log_total),
            _share(from_left, entry, total),
            _share(from_right, last - entry, total),
        )

    @staticmethod
    def setup_context(
        ctx: Any,  # noqa: ANN401
        inputs: tuple[Any, ...],
        output: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        logits, _, _, _, at, ctx.summed = inputs
        kept = (logits, at, *output[1:])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        def of_rows(*tensors: Tensor) -> Tensor:
            return _gradient(*tensors, summed=ctx.summed)

        tensors = (*ctx.saved_tensors, *gradients)
        return in_parts(of_rows, *tensors, columns=tensors[0].shape[-1]), *(None,) * 5

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        logits, at, below, above = ctx.saved_tensors
        moved = logits.softmax(-1) * tangent
        mean, last = moved.sum(-1, keepdim=True), logits.shape[-1] - 1
        entry = at[..., : ctx.summed]
        return (
            gather(tangent, at) - mean,
            sum_before(moved.cumsum(-1), entry) - below * mean,
            sum_before(moved.flip(-1).cumsum(-1), last - entry) - above * mean,
        )


def _gradient(
    logits: Tensor,
    at: Tensor,
    below: Tensor,
    above: Tensor,
    to_log_prob: Tensor,
    to_below: Tensor,
    to_above: Tensor,
    *,
    summed: int,
) -> Tensor:
    """Gradient of `_LookUp` in the logits."""
    last, mean = logits.shape[-1] - 1, to_log_prob.sum(-1, keepdim=True)
    if not summed:
        gradient = logits.softmax(-1) * -mean
    else:
        # The heights of the steps, so that their running sum is the gradient before it is
        # weighted. Nothing comes after the last entry.
        mean = mean + (to_below * below + to_above * above).sum(-1, keepdim=True)
        start = to_below.sum(-1, keepdim=True) - mean
        entry = at[..., :summed]
        steps = functional.pad(start, (0, last)).scatter_add_(-1, entry, -to_below)
        rises = torch.where(entry == last, 0, to_above)
        steps = steps.scatter_add_(-1, (entry + 1).clamp(max=last), rises)
        gradient = steps.cumsum(-1).mul_(logits.softmax(-1))
    return gradient.scatter_add_(-1, at, to_log_prob)


# Entries of a part: half a megabyte in single precision, of which a cache holds several.
_PART = 2**17


def in_parts(
    of_rows: Callable[..., Tensor], *tensors: Tensor, columns: int, tables: int = 1
) -> Tensor:
    """A function of the rows of tensors, taken some rows at a time.

    Its tables are then as small as a part, whatever the batch, and stay in the processor's cache.

    Args:
        of_rows: Function of tensors to one of shape ``(*B, columns)``, row by row.
        tensors: Of common batch shape ``*B``, each ``(*B, N)`` with an `N` of its own; the first is
            the largest.
        columns: Columns of the result.
        tables: Usual sizes that a part may have: more for functions of few tables.
    """
    first, most = tensors[0], tables * _PART
    batch = first.shape[:-1]
    whole = first.dim() < 2 or first.numel() <= 2 * most or not are_plain(*tensors)
    if whole or any(tensor.shape[:-1] != batch for tensor in tensors):
        return of_rows(*tensors)
    rows = max(1, most * first.shape[0] // first.numel())
    result = torch.empty((*batch, columns), dtype=first.dtype, device=first.device)
    parts = zip(*(torch.split(tensor, rows) for tensor in (result, *tensors)), strict=True)
    for into, *of_part in parts:
        into.copy_(of_rows(*of_part))
    return result


def gather(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table ``(*B, N)`` or ``(N,)`` at an index ``(*B, S)``."""
    if table.dim() == 1:
        return table[index]
    if table.shape[:-1] != index.shape[:-1]:
        table = table.expand((*index.shape[:-1], table.shape[-1]))
    return table.gather(-1, index)


def rank(ordered: Tensor, value: Tensor, *, right: bool) -> Tensor:
    """Count the entries of ``(*B, N)`` below values ``(*B, S)``; with `right`, at most those."""
    if torch.compiler.is_exporting():
        # ONNX has no sorted search: torch spells it out, each halving in twenty operators. The
        # comparison costs O(B S K). Counts of ones are exact in the type of the values.
        if value.shape[-1] == 1:
            return (ordered <= value if right else ordered < value).sum(-1, keepdim=True)
        table, column = ordered[..., None, :], value[..., :, None]
        counted = table <= column if right else table < column
        return counted.to(value.dtype).sum(-1).long()
    if ordered.dim() == 1:
        return torch.bucketize(value.contiguous(), ordered, right=right)
    if ordered.shape[:-1] != value.shape[:-1]:
        batch = broadcast_shapes(ordered.shape[:-1], value.shape[:-1])
        ordered = ordered.expand((*batch, ordered.shape[-1]))
        value = value.expand((*batch, value.shape[-1]))
    return torch.searchsorted(ordered.contiguous(), value.contiguous(), right=right)
