"""Areas under powers of the distribution function of bins, with the gradient in closed form."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from splicedpareto.distributions._base import are_plain
from splicedpareto.distributions._lookup import in_parts, sum_before


def areas_beside(
    logits: Tensor,
    from_left: Tensor,
    from_right: Tensor,
    widths: Tensor,
    first: Tensor | None,
    at: Tensor,
    last: Tensor | None,
    power: int,
) -> tuple[Tensor, Tensor]:
    r"""Integrals of :math:`F^m` over the entries before some, and of :math:`S^m` over those after.

    :math:`F` and :math:`S`, the running sums of the softmax from the left and from the right, are
    straight within each entry:

    .. math:: \sum_{a < i < b} w_i \frac{F_{i-1} + F_i}{2} \quad\text{or}\quad
        \sum_{a < i < b} w_i \frac{F_{i-1}^2 + F_{i-1} F_i + F_i^2}{3}

    and the same in :math:`S_i` and :math:`S_{i+1}`.

    Args:
        logits: Unnormalized log-probabilities of the entries, shape ``(*B, N)``.
        from_left: Running sums of the softmax's weights, as in `SoftmaxSums`, without gradient.
        from_right: The same from the last entry on, in order of summation.
        widths: Widths of the entries, shape ``(*B, N)``.
        first: Index of the entry after which the areas on the left begin, ``(*B, 1)``; None where
            they are not wanted.
        at: Indices of the entries between both areas, ``(*B, S)``.
        last: Index of the entry before which the areas on the right end, likewise.
        power: :math:`m`, 1 or 2.

    Returns:
        Areas on the left and on the right, each of shape ``(*B, S)``, zero where nothing lies
        between or they are not wanted.
    """
    arguments = (logits, from_left, from_right, widths, first, at, last, power)
    given = [entry for entry in arguments if isinstance(entry, Tensor)]
    if torch.compiler.is_compiling() or are_plain(*given):
        areas = _Areas.forward(*arguments)
    else:
        areas = _Areas.apply(*arguments)  # type: ignore[no-untyped-call]
    left, right = areas.chunk(2, -1)
    return left, right


class _Areas(torch.autograd.Function):
    r"""`areas_beside`, side by side.

    With :math:`u_i` and :math:`v_i` the width of an entry times the gradients of all areas on the
    left, and on the right, that hold it, the gradient in a logit at :math:`m = 2` is
    :math:`\pi_i (x_i - \sum_k \pi_k x_k)` with the softmax :math:`\pi` and

    .. math:: x_i = \sum_{k > i} u_k (F_{k-1} + F_k) + u_i \frac{F_{i-1} + 2 F_i}{3}
        + \sum_{k < i} v_k (S_k + S_{k+1}) + v_i \frac{S_{i+1} + 2 S_i}{3}

    as a logit lifts the nearer end of its own entry and both ends of those behind it.
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
        return _Areas.apply(*moved), 0  # type: ignore[no-untyped-call]

    @staticmethod
    def forward(
        logits: Tensor,
        from_left: Tensor,
        from_right: Tensor,
        widths: Tensor,
        first: Tensor | None,
        at: Tensor,
        last: Tensor | None,
        power: int,
    ) -> Tensor:
        sides = []
        end = logits.shape[-1] - 1
        for sums, start, stop, is_right in (
            (from_left, first, at, False),
            (from_right, None if last is None else end - last, end - at, True),
        ):
            if start is None:
                sides.append(widths.new_zeros(at.shape))
                continue
            rows = sums, _in_order(widths, from_right=is_right), start, stop
            of_rows = partial(_areas, power=power)
            sides.append(in_parts(of_rows, *rows, columns=at.shape[-1], tables=2))
        return torch.cat(sides, -1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        logits, _, _, widths, first, at, last, ctx.power = inputs
        # Nothing lies after the last entry, nor before the first.
        if first is None:
            first = torch.full_like(at[..., :1], logits.shape[-1] - 1)
        last = torch.zeros_like(at[..., :1]) if last is None else last
        ctx.save_for_backward(logits, widths, first, at, last)
        ctx.save_for_forward(logits, widths, first, at, last, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        wants_widths = ctx.needs_input_grad[3]

        def of_rows(*tensors: Tensor) -> tuple[Tensor, Tensor | None]:
            return _gradients(*tensors, power=ctx.power, wants_widths=wants_widths)

        tensors = (*ctx.saved_tensors, *gradient.chunk(2, -1))
        if wants_widths:
            to_logits, to_widths = of_rows(*tensors)
        else:
            columns = tensors[0].shape[-1]
            to_logits = in_parts(lambda *part: of_rows(*part)[0], *tensors, columns=columns)
            to_widths = None
        return to_logits, None, None, to_widths, *(None,) * 4

    @staticmethod
    def jvp(
        ctx: Any,  # noqa: ANN401
        tangent: Tensor,
        _: None,
        __: None,
        wider: Tensor | None,
        *___: None,
    ) -> Tensor:
        logits, widths, first, at, last, areas = ctx.saved_tensors
        probs, end = logits.softmax(-1), logits.shape[-1] - 1
        rises = []
        for start, stop, area, is_right in zip(
            (first, end - last), (at, end - at), areas.chunk(2, -1), (False, True), strict=True
        ):
            tables = (probs, tangent, widths, torch.zeros_like(widths) if wider is None else wider)
            ordered = [_in_order(table, from_right=is_right) for table in tables]
            rises.append(_tangent(ctx.power, start, stop, area, *ordered))
        return torch.cat(rises, -1)


def _areas(sums: Tensor, widths: Tensor, start: Tensor, stop: Tensor, *, power: int) -> Tensor:
    """Areas on one side from the sums from that side on, all in order of summation."""
    lower, upper, widths = sums[..., :-1], sums[..., 1:], widths[..., 1:]
    before = torch.arange(widths.shape[-1], device=sums.device) < start
    if torch.compiler.is_compiling():
        areas = torch.where(before, 0, _powers(lower, upper, power) * widths).cumsum(-1)
    else:
        # In place: a call that keeps few tables leaves them to the next one in the cache.
        areas = lower + upper if power == 1 else lower.square()
        if power == 2:
            areas.addcmul_(lower, upper).addcmul_(upper, upper)
        areas = areas.mul_(widths).masked_fill_(before, 0).cumsum_(-1)
    if not widths.shape[-1]:
        return sums.new_zeros(stop.shape)
    return sum_before(areas, stop - 1) / ((power + 1) * sums[..., -1:] ** power)


def _tangent(
    power: int,
    start: Tensor,
    stop: Tensor,
    area: Tensor,
    probs: Tensor,
    tangent: Tensor,
    widths: Tensor,
    wider: Tensor,
) -> Tensor:
    """Tangent of the areas on one side, all in order of summation."""
    cdf, moved = probs.cumsum(-1), probs * tangent
    mean, moved = moved.sum(-1, keepdim=True), moved.cumsum(-1)
    lower, upper, widths = cdf[..., :-1], cdf[..., 1:], widths[..., 1:]
    rise = (moved[..., :-1] + moved[..., 1:]) * widths
    if power == 2:
        both = (lower * moved[..., :-1] + upper * moved[..., 1:]) * widths
        rise = (lower + upper) * rise + both
    rise = rise + _powers(lower, upper, power) * wider[..., 1:]
    rise = torch.where(torch.arange(widths.shape[-1], device=rise.device) < start, 0, rise)
    rise = sum_before(rise.cumsum(-1), stop - 1) / (power + 1)
    return rise - power * mean * area


def _gradients(
    logits: Tensor,
    widths: Tensor,
    first: Tensor,
    at: Tensor,
    last: Tensor,
    to_left: Tensor,
    to_right: Tensor,
    *,
    power: int,
    wants_widths: bool,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of `areas_beside` in the logits and, where wanted, in the widths."""
    probs = logits.softmax(-1)
    total, to_widths = torch.zeros((), dtype=probs.dtype, device=probs.device), None
    for count, level in _counts(probs, first, at, last, to_left, (-1) ** power * to_right):
        if wants_widths:
            of_width = count * _powers(level - probs, level, power) / (power + 1)
            to_widths = of_width if to_widths is None else to_widths + of_width
        weight = count * widths
        if power == 1:
            total = total + (weight / 2 - weight.cumsum(-1))
        else:
            steps = torch.add(probs, level, alpha=-2) * weight
            own = torch.sub(level, probs, alpha=1 / 3)
            total = torch.addcmul(steps.cumsum(-1), weight, own) + total
    return probs * (total - (probs * total).sum(-1, keepdim=True)), to_widths


def _counts(
    probs: Tensor, first: Tensor, at: Tensor, last: Tensor, to_left: Tensor, to_right: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Gradients of all areas that hold an entry, and the distribution function at its end.

    On the right that is less 1: minus the sum from the right. With one area on either side no entry
    lies in both, and one table is enough.
    """
    # In double precision sums from the left have all digits of those from the right too.
    cdf = probs.cumsum(-1, dtype=torch.float64)
    total, index = cdf[..., -1:], torch.arange(probs.shape[-1], device=probs.device)
    left, right = (first + 1, at, to_left), (at + 1, last, to_right)
    if at.shape[-1] == 1:
        level = cdf - total * (index > at)
        return [(_held(probs, left, right), level.to(probs.dtype))]
    return [
        (_held(probs, left), cdf.to(probs.dtype)),
        (_held(probs, right), (cdf - total).to(probs.dtype)),
    ]


def _held(like: Tensor, *areas: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Sums of the gradients of all areas that hold an entry, of their first entries and ends."""
    steps = areas[0][-1].new_zeros(like.shape)  # `torch.vmap` maps it with the gradient
    for start, stop, gradient in areas:
        begin = start.clamp(max=like.shape[-1] - 1).expand_as(gradient)
        end = torch.maximum(begin, stop)
        steps = steps.scatter_add_(-1, begin, gradient).scatter_add_(-1, end, -gradient)
    return steps.cumsum(-1)


def _in_order(table: Tensor, *, from_right: bool) -> Tensor:
    """Bring entries in order of summation, or back."""
    return table.flip(-1) if from_right else table


def mean_power(lower: Tensor, upper: Tensor, power: int) -> Tensor:
    """Mean of a power, 1 or 2, of a function that is straight between two values."""
    return _powers(lower, upper, power) / (power + 1)


def _powers(lower: Tensor, upper: Tensor, power: int) -> Tensor:
    """Mean of a power, times the power plus one."""
    if power == 1:
        return lower + upper
    return torch.addcmul(torch.addcmul(lower.square(), lower, upper), upper, upper)
