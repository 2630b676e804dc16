"""Compiled kernels and torch's operators give the same distribution."""

from __future__ import annotations

import copy
import math
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from torch import Tensor
from torch.autograd import forward_ad

from example_distributions import F64, PROPERTY, by_operators, distributions, uneven_distribution
from splicedpareto.compiled import _FREEDOMS
from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.distributions._eager import is_eager
from splicedpareto.distributions._lookup import Sums
from splicedpareto.distributions._row_kernels import BLOCK, exponential
from splicedpareto.distributions._rows import RowSums

if TYPE_CHECKING:
    from collections.abc import Callable

F32 = torch.float32
EPSILON = {F32: 3e-6, F64: 1e-14}


@st.composite
def tables(draw: st.DrawFn) -> Tensor:
    """Logits of 0 to 3 rows of 1 to 3 blocks, each row with a finite one; some are far apart."""
    count, length = draw(st.integers(0, 3)), draw(st.integers(1, 2 * BLOCK + 1))
    logit = st.floats(-8, 8, width=32) | st.sampled_from([-math.inf, -200.0, 100.0])
    rows = draw(
        st.lists(
            st.lists(logit, min_size=length, max_size=length).filter(
                lambda row: max(row) > -math.inf
            ),
            min_size=count,
            max_size=count,
        )
    )
    dtype = draw(st.sampled_from([F32, F64]))
    return torch.tensor(rows, dtype=dtype).reshape(count, length)


def both_ways(logits: Tensor, masses: Tensor | None = None) -> tuple[RowSums, Sums]:
    """Sums of logits by machine code and by operators."""
    if masses is None:
        masses = logits.new_full((len(logits), 2), 0.05)
    return RowSums.of(logits, masses), Sums.of(logits)


# Not kept between processes: a kept function would not notice a change of the one it calls.
@njit(fastmath=set(_FREEDOMS))
def exponentials(arguments, results):
    """Exponential of each argument, compiled as `compiled` does."""
    for i in range(len(arguments)):
        results[i] = exponential(arguments[i])


def test_single_exponential_is_within_two_units_of_the_last_place() -> None:
    arguments = np.concatenate([np.linspace(-87.3, 0, 200_001), -np.logspace(-9, 1.9, 50_001)])
    arguments = arguments.astype(np.float32)
    results = np.empty_like(arguments)
    exponentials(arguments, results)
    exact = np.exp(arguments.astype(np.float64))
    assert (abs(results - exact) / np.spacing(exact.astype(np.float32))).max() < 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential_of_its_ends(dtype: type) -> None:
    arguments = np.array([0.0, -math.inf, math.nan, -1e30, -745.0], dtype)
    results = np.empty_like(arguments)
    exponentials(arguments, results)
    assert results[:2].tolist() == [1, 0]
    assert math.isnan(results[2])
    assert results[3:].max() < 1e-37


@pytest.mark.parametrize("dtype", [F32, F64])
def test_the_largest_logit_is_found_among_numbers_of_either_sign(dtype: torch.dtype) -> None:
    positive = torch.tensor([0.5, 3e38, 1e-40, 7.0, math.inf], dtype=dtype)
    logits = torch.cat([-positive, torch.zeros(1, dtype=dtype), positive[:-1]])
    logits = torch.stack([logits.roll(n)[:5] for n in range(len(logits))])
    largest = RowSums.of(logits, logits[:, :0]).largest
    assert largest.tolist() == logits.amax(-1).tolist()


@PROPERTY
@given(logits=tables(), shift=st.integers(0, 50), gradients=st.integers(0, 9))
def test_lookups_and_their_gradients_are_those_of_the_operators(
    logits: Tensor, shift: int, gradients: int
) -> None:
    count, length = logits.shape
    at = (torch.arange(3 * count).reshape(count, 3) * 7 + shift) % length
    epsilon, source = EPSILON[logits.dtype], torch.Generator().manual_seed(gradients)
    logits.requires_grad_()
    found = []
    for sums in both_ways(logits):
        results = (*sums.look_up(at), sums.log_probs(at))
        # Where an entry has no weight its logarithm is minus infinity, and asks for no step.
        weights = [
            torch.rand(r.shape, generator=source.manual_seed(gradients), dtype=r.dtype)
            * r.detach().isfinite()
            for r in results
        ]
        (gradient,) = torch.autograd.grad(results, logits, weights)
        found.append([r.detach() for r in results] + [gradient])
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=epsilon, atol=4 * epsilon)


@pytest.mark.parametrize("way", [0, 1], ids=["machine code", "operators"])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_sums_keep_the_digits_of_either_tail(way: int, dtype: torch.dtype) -> None:
    # Weights fall by a factor of e**-12 to either side: one minus a sum has no digit there.
    logits = 3 * torch.randn(40, 27, generator=torch.Generator().manual_seed(8), dtype=dtype)
    logits -= 24 * torch.linspace(-1, 1, 27, dtype=dtype).abs()
    probs = logits.double().softmax(-1)
    _, below, above = both_ways(logits)[way].look_up(torch.arange(27).expand(40, 27))
    left, right = probs.cumsum(-1), probs.flip(-1).cumsum(-1).flip(-1)
    epsilon = 4 * EPSILON[dtype]
    torch.testing.assert_close(below[:, 1:].double(), left[:, :-1], rtol=epsilon, atol=0)
    torch.testing.assert_close(above[:, :-1].double(), right[:, 1:], rtol=epsilon, atol=0)
    assert not below[:, 0].any()
    assert not above[:, -1].any()


@PROPERTY
@given(logits=tables(), mass=st.sampled_from([0.0, 1e-30, 0.05, 0.3, 0.5, 0.97]))
def test_the_entry_found_holds_the_mass(logits: Tensor, mass: float) -> None:
    masses = logits.new_full((len(logits), 2), mass)
    from_right = torch.tensor([False, True]).expand(masses.shape)
    rows, sums = both_ways(logits, masses)
    slack = 4 * EPSILON[logits.dtype]
    for way in (rows, sums):
        outer, log_prob, below, above = way.find_outer(masses)
        assert (log_prob.exp() > 0).all()
        entries = way.find(masses, from_right)
        for number, exceeds in ((outer, (True, True)), (entries, (False, True))):
            log_prob, before, after = sums.look_up(number)
            for side, beside in enumerate((before, after)):
                held = beside[:, side] + log_prob[:, side].exp()
                assert (beside[:, side] <= mass + slack).all()
                assert (held >= mass - slack).all()
                if exceeds[side]:
                    assert (held > 0).all()
        torch.testing.assert_close(
            torch.cat([below, above], -1),
            torch.where(from_right, *sums.look_up(outer)[:0:-1]),
            rtol=slack,
            atol=slack,
        )


def test_a_mass_that_blocks_reach_and_entries_do_not_has_an_entry() -> None:
    # Sums of a block in two orders differ in the last place for some of these rows.
    logits = torch.randn(4000, BLOCK, generator=torch.Generator().manual_seed(9))
    logits = torch.cat([logits, torch.full((4000, 1), -math.inf)], -1)
    rows = both_ways(logits)[0]
    found = rows.find(torch.ones(4000, 1), torch.zeros(4000, 1, dtype=torch.bool))
    assert found.max() == BLOCK - 1


def test_a_mass_that_is_not_reached_is_past_the_far_end() -> None:
    logits = torch.zeros(1, 2 * BLOCK + 3)
    for way in both_ways(logits):
        found = way.find(torch.tensor([[2.0, 2.0]]), torch.tensor([[False, True]]))
        assert found.tolist() == [[2 * BLOCK + 3, -1]]


METHODS: dict[str, Callable[[SplicedBinnedPareto], Tensor]] = {
    "log_prob": lambda d: d.log_prob(d.icdf(LEVELS).detach()),
    "cdf": lambda d: d.cdf(d.icdf(LEVELS).detach()),
    "log_sf": lambda d: d.log_sf(d.icdf(LEVELS).detach()),
    "log_prob_interval": lambda d: d.log_prob_interval(*d.icdf(LEVELS[:2]).detach()),
    "icdf": lambda d: d.icdf(LEVELS),
    "isf": lambda d: d.isf(LEVELS),
    "crps": lambda d: d.crps(d.icdf(LEVELS).detach()),
    "stop_loss": lambda d: d.stop_loss(d.icdf(LEVELS).detach()),
}
LEVELS = torch.tensor([0.013, 0.31, 0.52, 0.77, 0.991], dtype=F64)


@PROPERTY
@given(dist=distributions(highest=0.9), name=st.sampled_from(sorted(METHODS)))
def test_distributions_are_those_of_the_operators(dist: SplicedBinnedPareto, name: str) -> None:
    actual = METHODS[name](dist)
    with by_operators():
        expected = METHODS[name](copy.deepcopy(dist))
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_those_of_the_operators(name: str, splice: str) -> None:
    found = []
    for way in (None, by_operators()):
        dist = uneven_distribution(0.25, -0.1, splice=splice)
        names = ("logits", "edges", "lower_concentration", "upper_concentration")
        leaves = [getattr(dist, n).clone().requires_grad_() for n in names]
        scales = [torch.tensor(s, dtype=F64, requires_grad=True) for s in (2.0, 3.0)]

        def gradients(leaves: list[Tensor] = leaves, scales: list[Tensor] = scales) -> None:
            result = METHODS[name](SplicedBinnedPareto(*leaves, *scales, splice=splice))
            weights = torch.arange(1.0, 1 + result.numel()).double().reshape(result.shape)
            found.append(
                torch.autograd.grad((weights * result).sum(), [*leaves, *scales], allow_unused=True)
            )

        if way is None:
            gradients()
        else:
            with way:
                gradients()
    assert sum(g is not None and bool(g.any()) for g in found[0]) >= 4
    for actual, expected in zip(*found, strict=True):
        if expected is None:
            assert actual is None or not actual.any()
        else:
            torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-11)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda logits: logits.T.contiguous().T,
    "expanded": lambda logits: logits[:1].expand(4, -1),
    "cut": lambda logits: torch.cat([logits, logits], -1)[:, 3:9],
    "one": lambda logits: logits[0],
    "three": lambda logits: logits.reshape(2, 2, -1),
    "many values": lambda logits: logits[:2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [F32, F64])
def test_the_layout_of_logits_does_not_matter(layout: str, dtype: torch.dtype) -> None:
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(3), dtype=dtype)
    logits = LAYOUTS[layout](logits).requires_grad_()
    found = []
    value = torch.linspace(-0.5, 6.5, 4, dtype=dtype)
    if layout == "three":
        value = value.reshape(2, 2)
    elif layout == "many values":
        value = value[:, None].expand(4, 2)

    def evaluate(logits: Tensor) -> None:
        result = SplicedBinnedPareto(logits, torch.arange(7.0), 0.1, 0.2).cdf(value)
        found.append((result.detach(), *torch.autograd.grad(result.sum(), logits)))

    evaluate(logits)
    with by_operators():
        evaluate(logits)
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def test_values_that_widen_the_batch_get_the_same_answers() -> None:
    dist = uneven_distribution().expand((3, 1))
    value = torch.linspace(-40, 120, 5, dtype=F64)
    dist = SplicedBinnedPareto(dist.logits.clone(), dist.edges, 0.1, 0.2)
    each = torch.stack([dist.cdf(v) for v in value], -1).squeeze(-2)
    torch.testing.assert_close(dist.cdf(value), each)


def test_many_gradients_at_once_are_those_one_by_one() -> None:
    logits = uneven_distribution().logits.clone()

    def results(logits: Tensor) -> Tensor:
        dist = SplicedBinnedPareto(logits, uneven_distribution().edges, 0.1, 0.2)
        return torch.cat([dist.log_prob(LEVELS * 90 - 20), dist.icdf(LEVELS)])

    jacobian = torch.autograd.functional.jacobian
    torch.testing.assert_close(jacobian(results, logits, vectorize=True), jacobian(results, logits))


def test_a_gradient_takes_no_logits_changed_since() -> None:
    logits = torch.zeros(3, 5).requires_grad_()
    result = SplicedBinnedPareto(logits, torch.arange(6.0), 0.1, 0.2).log_prob(torch.ones(3))
    with torch.no_grad():
        logits += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()


def test_a_change_of_the_logits_is_seen_by_the_next_call() -> None:
    logits = torch.zeros(1, 5).requires_grad_()
    masses = torch.tensor(0.1)
    dist = SplicedBinnedPareto(logits, torch.arange(6.0), 0.1, 0.2, lower_mass=masses)
    with torch.no_grad():
        logits[0, 0] += 2
    torch.testing.assert_close(dist.cdf(1.0), logits.softmax(-1)[:, 0])
    before = dist.lower_threshold.item()
    masses += 0.2
    assert dist.lower_threshold.item() > before + 0.1


def test_a_copy_carries_the_parameters_alone() -> None:
    dist = uneven_distribution()
    assert dist.median.isfinite().all()
    state = dist._parameters.__getstate__()
    assert state["_kept"] is state["_kept_distribution"] is None
    assert state["logits"] is dist._parameters.logits


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": torch.tensor([0.0, math.nan, 1.0])},
        {"logits": torch.full((3,), -math.inf)},
        {"edges": torch.tensor([0.0, 2.0, 1.0, 3.0])},
        {"edges": torch.tensor([0.0, 1.0, 2.0, math.inf])},
        {"upper_concentration": math.nan},
        {"lower_scale": 0.0},
        {"upper_scale": math.inf},
        {"lower_mass": -1e-45},
        {"lower_mass": 0.5, "upper_mass": 0.5},
    ],
    ids=str,
)
def test_either_way_refuses_a_bad_parameter(changes: dict[str, object]) -> None:
    given = {"logits": torch.zeros(3), "edges": torch.arange(4.0)}
    given |= {"lower_concentration": 0.1, "upper_concentration": 0.1} | changes
    for way in (nullcontext(), by_operators()):
        with way, pytest.raises(ValueError, match=next(iter(changes))):
            SplicedBinnedPareto(**given)


def test_plain_tensors_on_the_cpu_are_eager() -> None:
    assert is_eager(torch.zeros(2), torch.nn.Parameter(torch.zeros(2, dtype=F64)))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, dtype=torch.bfloat16),
        torch.zeros(2, dtype=torch.float16),
        torch.zeros(2, device="meta"),
        torch.zeros(2, dtype=torch.int64),
        torch.nn.Buffer(torch.zeros(2)).as_subclass(type("Own", (Tensor,), {})),
    ],
    ids=["bfloat16", "float16", "meta", "int64", "subclass"],
)
def test_other_tensors_are_not_eager(tensor: Tensor) -> None:
    assert not is_eager(torch.zeros(2), tensor)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
def test_nothing_is_eager_within_a_transform() -> None:
    seen = []

    def look(x: Tensor) -> Tensor:
        seen.append(is_eager(x, torch.zeros(2)))
        seen.append(is_eager(torch.zeros(2)))
        return x.sum()

    torch.vmap(look)(torch.zeros(2, 3))
    torch.func.grad(look)(torch.zeros(3))
    with forward_ad.dual_level():
        look(forward_ad.make_dual(torch.zeros(2), torch.ones(2)))
    assert seen == [False] * 6
    assert is_eager(torch.zeros(2))


def test_a_mass_reached_at_the_end_of_a_block_is_found_there() -> None:
    logits, half = torch.zeros(1, 2 * BLOCK, dtype=F64), torch.full((1, 1), 0.5, dtype=F64)
    rows, sums = both_ways(logits)
    from_left = torch.zeros(1, 1, dtype=torch.bool)
    assert rows.find(half, from_left).item() == BLOCK - 1 == sums.find(half, from_left).item()


def test_all_of_the_mass_is_reached_within_the_row_whatever_the_order_of_the_sums() -> None:
    logits = torch.randn(2000, 100, generator=torch.Generator().manual_seed(5))
    rows, _ = both_ways(logits)
    all_mass, from_left = torch.ones(2000, 1), torch.zeros(2000, 1, dtype=torch.bool)
    assert rows.find(all_mass, from_left).max() < 100
