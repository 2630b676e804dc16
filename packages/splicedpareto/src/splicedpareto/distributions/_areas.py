"""Areas under powers of the distribution function of bins, with the gradient in closed form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splicedpareto.distributions._base import are_plain
from splicedpareto.distributions._lookup import in_parts, sum_before


def area_between(
    logits: Tensor,
    sums: Tensor,
    widths: Tensor,
    start: Tensor,
    stop: Tensor,
    power: int,
    *,
    from_right: bool,
) -> Tensor:
    r"""Integral of :math:`F^m` over the entries strictly between two entries.

    :math:`F`, the running sum of the softmax, is straight within each entry:

    .. math:: \sum_{a < i < b} w_i \frac{F_{i-1} + F_i}{2} \quad\text{or}\quad
        \sum_{a < i < b} w_i \frac{F_{i-1}^2 + F_{i-1} F_i + F_i^2}{3}

    Args:
        logits: Unnormalized log-probabilities of the entries, shape ``(*B, N)``.
        sums: Running sums of the softmax's weights, as in `SoftmaxSums`, without gradient.
            From here on everything is in order of summation.
        widths: Widths of the entries but the first, shape ``(*B, N - 1)``.
        start: Index of the entry from which to sum, ``(*B, 1)``.
        stop: Indices of the entries up to which to sum, ``(*B, S)``.
        power: :math:`m`, 1 or 2.
        from_right: Whether the last of the logits is the first in order of summation.

    Returns:
        Areas of shape ``(*B, S)``, zero where nothing lies between.
    """
    if not widths.shape[-1]:
        return logits.new_zeros(stop.shape)
    if torch.compiler.is_compiling() or are_plain(logits, sums, widths, start, stop):
        return _Area.forward(logits, sums, widths, start, stop, power, from_right)
    return _Area.apply(logits, sums, widths, start, stop, power, from_right)  # type: ignore[no-any-return,no-untyped-call]


class _Area(torch.autograd.Function):
    r"""`area_between`.

    With :math:`u_i` the width of an entry times the gradient of all areas that hold it, and
    :math:`\pi` the softmax, the gradient in a logit at :math:`m = 2` is

    .. math:: \pi_i \Bigl(\sum_{k > i} u_k (F_{k-1} + F_k) + u_i \frac{F_{i-1} + 2 F_i}{3}
        - \sum_k u_k \frac{2}{3} (F_{k-1}^2 + F_{k-1} F_k + F_k^2) \Bigr)

    as a logit lifts the upper end of its own entry and both ends of those after it; the last sum
    is :math:`m` times the areas, which are homogeneous in :math:`F`.
    """

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:  # noqa: ANN401
        # A rule made by torch would run each operator by its own, and those in place have none.
        moved = [
            entry
            if not isinstance(entry, Tensor)
            else entry.expand((info.batch_size, *entry.shape))
            if dim is None
            else entry.movedim(dim, 0)
            for entry, dim in zip(inputs, dims, strict=True)
        ]
        return _Area.apply(*moved), 0  # type: ignore[no-untyped-call]

    @staticmethod
    def forward(
        _: Tensor,
        sums: Tensor,
        widths: Tensor,
        start: Tensor,
        stop: Tensor,
        power: int,
        __: bool,
    ) -> Tensor:
        return in_parts(
            lambda *rows: _areas(*rows, power=power),
            sums,
            widths,
            start,
            stop,
            columns=stop.shape[-1],
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        logits, _, widths, start, stop, ctx.power, ctx.from_right = inputs
        ctx.save_for_backward(logits, widths, start, stop, output)
        ctx.save_for_forward(logits, widths, start, stop, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        wants_widths = ctx.needs_input_grad[2]

        def of_rows(*tensors: Tensor) -> tuple[Tensor, Tensor | None]:
            return _gradients(
                *tensors, power=ctx.power, from_right=ctx.from_right, wants_widths=wants_widths
            )

        tensors = (*ctx.saved_tensors, gradient)
        if wants_widths:
            to_logits, to_widths = of_rows(*tensors)
        else:
            columns = tensors[0].shape[-1]
            to_logits = in_parts(lambda *part: of_rows(*part)[0], *tensors, columns=columns)
            to_widths = None
        return to_logits, None, to_widths, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None, wider: Tensor | None, *__: None) -> Tensor:  # noqa: ANN401
        logits, widths, start, stop, area = ctx.saved_tensors
        probs = _in_order(logits.softmax(-1), from_right=ctx.from_right)
        tangent = _in_order(tangent, from_right=ctx.from_right)
        cdf, moved = probs.cumsum(-1), probs * tangent
        mean, moved = moved.sum(-1, keepdim=True), moved.cumsum(-1)
        lower, upper = cdf[..., :-1], cdf[..., 1:]
        rise = (moved[..., :-1] + moved[..., 1:]) * widths
        if ctx.power == 2:
            rise = (lower + upper) * rise + (
                lower * moved[..., :-1] + upper * moved[..., 1:]
            ) * widths
        if wider is not None:
            rise = rise + _powers(lower, upper, ctx.power) * wider
        rise = torch.where(torch.arange(widths.shape[-1], device=rise.device) < start, 0, rise)
        rise = sum_before(rise.cumsum(-1), stop - 1) / (ctx.power + 1)
        moved_area: Tensor = rise - ctx.power * mean * area
        return moved_area


def _areas(sums: Tensor, widths: Tensor, start: Tensor, stop: Tensor, *, power: int) -> Tensor:
    """`area_between` from the sums."""
    lower, upper = sums[..., :-1], sums[..., 1:]
    before = torch.arange(widths.shape[-1], device=sums.device) < start
    if torch.compiler.is_compiling():
        areas = torch.where(before, 0, _powers(lower, upper, power) * widths).cumsum(-1)
    else:
        # In place: a call that keeps few tables leaves them to the next one in the cache.
        areas = lower + upper if power == 1 else lower.square()
        if power == 2:
            areas.addcmul_(lower, upper).addcmul_(upper, upper)
        areas = areas.mul_(widths).masked_fill_(before, 0).cumsum_(-1)
    return sum_before(areas, stop - 1) / ((power + 1) * sums[..., -1:] ** power)


def _gradients(
    logits: Tensor,
    widths: Tensor,
    start: Tensor,
    stop: Tensor,
    area: Tensor,
    gradient: Tensor,
    *,
    power: int,
    from_right: bool,
    wants_widths: bool,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of `area_between` in the logits and, where wanted, in the widths."""
    probs = _in_order(logits.softmax(-1), from_right=from_right)
    cdf = probs.cumsum(-1)
    lower, upper = cdf[..., :-1], cdf[..., 1:]
    # The gradient of all areas that hold an entry, as a running sum of its steps.
    begin = start.clamp(max=widths.shape[-1] - 1)
    counts = gradient.new_zeros(upper.shape)  # `torch.vmap` maps it with the gradient
    counts = counts.scatter_add_(-1, begin, gradient.sum(-1, keepdim=True))
    counts = counts.scatter_add_(-1, torch.maximum(stop - 1, begin), -gradient).cumsum(-1)
    weight = counts * widths
    both = weight if power == 1 else weight * (lower + upper)
    own = both / 2 if power == 1 else torch.addcmul(both, weight, upper) / 3
    total = both.sum(-1, keepdim=True)
    lifted = torch.cat([total, total - both.cumsum(-1) + own], -1)
    mean = power * (gradient * area).sum(-1, keepdim=True)
    to_widths = None
    if wants_widths:
        to_widths = counts * _powers(lower, upper, power) / (power + 1)
    to_logits = _in_order(probs * (lifted - mean), from_right=from_right)
    return to_logits, to_widths


def _in_order(table: Tensor, *, from_right: bool) -> Tensor:
    """Bring logits in order of summation, or back."""
    if from_right:
        return table.flip(-1)
    return table


def mean_power(lower: Tensor, upper: Tensor, power: int) -> Tensor:
    """Mean of a power, 1 or 2, of a function that is straight between two values."""
    return _powers(lower, upper, power) / (power + 1)


def _powers(lower: Tensor, upper: Tensor, power: int) -> Tensor:
    """Mean of a power, times the power plus one."""
    if power == 1:
        return lower + upper
    return torch.addcmul(torch.addcmul(lower.square(), lower, upper), upper, upper)
