"""Areas between entries are those of the plain sums, and so are their derivatives of any kind."""

from itertools import product

import pytest
import torch
from torch import Tensor

from example_distributions import F64
from splicedpareto.distributions import SplicedBinnedPareto, _lookup
from splicedpareto.distributions._areas import area_between
from splicedpareto.distributions._lookup import SoftmaxSums

START, STOP = torch.tensor([[0], [2], [6]]), torch.tensor([[4, 0], [3, 6], [6, 1]])
CASES = pytest.mark.parametrize(("power", "from_right"), [*product([1, 2], [False, True])])


def example() -> tuple[Tensor, Tensor]:
    """Logits of which one is minus infinity, and widths of the entries but the first."""
    source = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 7, generator=source, dtype=F64)
    logits[0, 2] = -torch.inf
    return logits, torch.rand(3, 6, generator=source, dtype=F64)


def areas(logits: Tensor, widths: Tensor, power: int, *, from_right: bool) -> Tensor:
    sums = SoftmaxSums(logits)
    table = sums.from_right if from_right else sums.from_left
    return area_between(logits, table, widths, START, STOP, power, from_right=from_right)


def plain_areas(logits: Tensor, widths: Tensor, power: int, *, from_right: bool) -> Tensor:
    """The same by a sum over each entry in turn."""
    cdf = (logits.flip(-1) if from_right else logits).softmax(-1).cumsum(-1)
    total = []
    for row, start in enumerate(START[:, 0].tolist()):
        for stop in STOP[row].tolist():
            area = cdf[row, 0] * 0
            for entry in range(start + 1, stop):
                low, high = cdf[row, entry - 1], cdf[row, entry]
                mean = (low + high) / 2 if power == 1 else (low**2 + low * high + high**2) / 3
                area = area + widths[row, entry - 1] * mean
            total.append(area)
    return torch.stack(total).reshape(STOP.shape)


@CASES
def test_areas_and_their_first_and_second_derivatives(power: int, *, from_right: bool) -> None:
    found = []
    for function in (areas, plain_areas):
        leaves = [leaf.requires_grad_() for leaf in example()]
        area = function(*leaves, power, from_right=from_right)
        weight = torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]], dtype=F64)
        first = torch.autograd.grad(area, leaves, weight, create_graph=True)
        second = torch.autograd.grad(sum((g.square()).sum() for g in first), leaves)
        found.append((area, *first, *second))
    assert (found[1][0] > 0).any()
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, on first use
@CASES
def test_tangents_and_mapped_calls(power: int, *, from_right: bool) -> None:
    leaves = example()
    tangents = tuple(torch.ones_like(leaf).cumsum(-1) for leaf in leaves)
    found = [
        torch.func.jvp(lambda *at, f=f: f(*at, power, from_right=from_right), leaves, tangents)[1]
        for f in (areas, plain_areas)
    ]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)
    logits = torch.stack([leaves[0], leaves[0] / 2])
    each = [areas(at, leaves[1], power, from_right=from_right) for at in logits]
    mapped = torch.vmap(lambda at: areas(at, leaves[1], power, from_right=from_right))(logits)
    torch.testing.assert_close(mapped, torch.stack(each))


def test_rows_taken_in_parts_give_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.linspace(-2, 2, 8 * 12, dtype=F64).reshape(8, 12).requires_grad_()
    value = torch.linspace(-1, 13, 8, dtype=F64)

    def gradient() -> torch.Tensor:
        dist = SplicedBinnedPareto(logits, torch.arange(13, dtype=F64), 0.1, 0.2, 1.0, 2.0)
        return torch.autograd.grad(dist.crps(value).sum(), logits)[0]

    whole = gradient()
    monkeypatch.setattr(_lookup, "_PART", 30)
    torch.testing.assert_close(gradient(), whole, rtol=1e-15, atol=0)
