"""Areas between entries are those of the plain sums, and so are their derivatives of any kind."""

import pytest
import torch
from torch import Tensor

from example_distributions import F64
from splicedpareto.distributions import SplicedBinnedPareto, _lookup
from splicedpareto.distributions._areas import areas_beside
from splicedpareto.distributions._lookup import SoftmaxSums

FIRST, AT, LAST = torch.tensor([[0], [2], [6]]), torch.tensor([[4, 0], [3, 6], [6, 1]]), 5
# Of several values at a time, and of one; areas on both sides, or on one.
POWERS = pytest.mark.parametrize("power", [1, 2])
COUNTS = pytest.mark.parametrize("count", [2, 1])
SIDES = pytest.mark.parametrize("sides", [(True, True), (True, False), (False, True)])


def example() -> tuple[Tensor, Tensor]:
    """Logits of which one is minus infinity, and widths of the entries."""
    source = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 7, generator=source, dtype=F64)
    logits[0, 2] = -torch.inf
    return logits, torch.rand(3, 7, generator=source, dtype=F64)


def areas(
    logits: Tensor, widths: Tensor, power: int, count: int, sides: tuple[bool, bool]
) -> Tensor:
    sums, at = SoftmaxSums(logits), AT[:, :count]
    first = FIRST if sides[0] else None
    last = torch.full_like(FIRST, LAST) if sides[1] else None
    tables = logits, sums.from_left, sums.from_right, widths
    return torch.cat(areas_beside(*tables, first, at, last, power), -1)


def plain_areas(
    logits: Tensor, widths: Tensor, power: int, count: int, sides: tuple[bool, bool]
) -> Tensor:
    """The same by a sum over each entry in turn."""
    cdf, total = logits.softmax(-1).cumsum(-1), []
    for is_right in (False, True):
        for row, first in enumerate(FIRST[:, 0].tolist()):
            for at in AT[row, :count].tolist():
                area = cdf[row, 0] * 0
                entries = range(at + 1, LAST) if is_right else range(first + 1, at)
                for entry in entries if sides[is_right] else ():
                    low, high = cdf[row, entry - 1], cdf[row, entry]
                    if is_right:
                        low, high = 1 - low, 1 - high
                    mean = (low + high) / 2 if power == 1 else (low**2 + low * high + high**2) / 3
                    area = area + widths[row, entry] * mean
                total.append(area)
    return torch.cat(torch.stack(total).reshape(2, 3, count).unbind(), -1)


@POWERS
@COUNTS
@SIDES
def test_areas_and_their_first_and_second_derivatives(
    power: int, count: int, sides: tuple[bool, bool]
) -> None:
    found = []
    for function in (areas, plain_areas):
        leaves = [leaf.requires_grad_() for leaf in example()]
        area = function(*leaves, power, count, sides)
        weight = torch.tensor(
            [[1.0, -2.0, 3.0, 0.2], [0.5, 3.0, -1.0, 1.0], [2.0, 1.0, 0.3, 5.0]], dtype=F64
        )[:, : 2 * count]
        first = torch.autograd.grad(area, leaves, weight, create_graph=True)
        second = torch.autograd.grad(sum((g.square()).sum() for g in first), leaves)
        found.append((area, *first, *second))
    assert (found[1][0] > 0).any()
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, on first use
@POWERS
@SIDES
def test_tangents_and_mapped_calls(power: int, sides: tuple[bool, bool]) -> None:
    leaves = example()
    tangents = tuple(torch.ones_like(leaf).cumsum(-1) for leaf in leaves)
    found = [
        torch.func.jvp(lambda *at, f=f: f(*at, power, 2, sides), leaves, tangents)[1]
        for f in (areas, plain_areas)
    ]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)
    logits = torch.stack([leaves[0], leaves[0] / 2])
    each = [areas(at, leaves[1], power, 2, sides) for at in logits]
    mapped = torch.vmap(lambda at: areas(at, leaves[1], power, 2, sides))(logits)
    torch.testing.assert_close(mapped, torch.stack(each))


@SIDES
def test_many_gradients_at_once(sides: tuple[bool, bool]) -> None:
    leaves = [leaf.requires_grad_() for leaf in example()]
    area = areas(*leaves, 2, 2, sides)
    weights = torch.randn(5, *area.shape, dtype=F64)
    each = [torch.autograd.grad(area, leaves, at, retain_graph=True) for at in weights]
    batched = torch.autograd.grad(area, leaves, weights, is_grads_batched=True)
    for actual, expected in zip(batched, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(actual, torch.stack(expected))


def test_gradient_keeps_the_digits_of_both_tails_in_single_precision() -> None:
    # Masses down to 1e-17 on either side, in bins of which the furthest are 1e9 wide.
    slope = torch.linspace(-40, 40, 81, dtype=F64)
    widths = (slope.abs() / 2).exp()
    edges = torch.cat([torch.zeros(1, dtype=F64), widths.cumsum(0)]) - widths.sum() / 2
    found = []
    for dtype in (torch.float32, F64):
        logits = (-slope.abs()).to(dtype).requires_grad_()
        dist = SplicedBinnedPareto(logits, edges.to(dtype), 0.1, 0.2, 1.0, 2.0, 1e-20, 1e-20)
        score = dist.crps(torch.tensor(0.3, dtype=dtype))
        found.append((score.detach().double(), torch.autograd.grad(score, logits)[0].double()))
    (score, gradient), (exact, expected) = found
    torch.testing.assert_close(score, exact, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=2e-4, atol=0)


def test_rows_taken_in_parts_give_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.linspace(-2, 2, 8 * 12, dtype=F64).reshape(8, 12).requires_grad_()
    value = torch.linspace(-1, 13, 8, dtype=F64)

    def gradient() -> torch.Tensor:
        dist = SplicedBinnedPareto(logits, torch.arange(13, dtype=F64), 0.1, 0.2, 1.0, 2.0)
        return torch.autograd.grad(dist.crps(value).sum(), logits)[0]

    whole = gradient()
    monkeypatch.setattr(_lookup, "_PART", 30)
    torch.testing.assert_close(gradient(), whole, rtol=1e-15, atol=0)
