"""Look-ups in a softmax are exact from either end, and so are their gradients."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from example_distributions import F64, PROPERTY
from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.distributions._lookup import SoftmaxSums, rank

F32 = torch.float32
EPSILON = {F32: 3e-6, F64: 1e-14}
LEVELS = torch.tensor([0.013, 0.31, 0.52, 0.77, 0.991], dtype=F64)


@st.composite
def tables(draw: st.DrawFn) -> Tensor:
    """Logits of 0 to 3 rows of 1 to 17 entries, each with a finite one; some are far apart."""
    count, length = draw(st.integers(0, 3)), draw(st.integers(1, 17))
    logit = st.floats(-8, 8, width=32) | st.sampled_from([-math.inf, -200.0, 100.0])
    row = st.lists(logit, min_size=length, max_size=length).filter(lambda r: max(r) > -math.inf)
    rows = draw(st.lists(row, min_size=count, max_size=count))
    dtype = draw(st.sampled_from([F32, F64]))
    return torch.tensor(rows, dtype=dtype).reshape(count, length)


def plain_look_up(logits: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same by the sums of a mask's entries, which autograd differentiates."""
    probs, entry = logits.softmax(-1)[..., None, :], torch.arange(logits.shape[-1])
    below = probs.masked_fill(entry >= at[..., None], 0).sum(-1)
    above = probs.masked_fill(entry <= at[..., None], 0).sum(-1)
    return logits.log_softmax(-1).gather(-1, at), below, above


@PROPERTY
@given(logits=tables(), shift=st.integers(0, 50))
def test_look_ups_and_their_gradients_are_those_of_masked_sums(logits: Tensor, shift: int) -> None:
    count, length = logits.shape
    at = (torch.arange(3 * count).reshape(count, 3) * 7 + shift) % length
    epsilon = EPSILON[logits.dtype]
    logits.requires_grad_()
    found = []
    (entries,) = SoftmaxSums(logits).look_up(at, summed=1)
    ours = entries.log_prob, entries.below, entries.above
    for results in (ours, plain_look_up(logits, at)):
        # Where an entry has no weight its logarithm is minus infinity, and asks for no step.
        weights = [
            (n + torch.arange(3.0).to(r).expand_as(r)) * r.detach().isfinite()
            for n, r in enumerate(results, 1)
        ]
        (gradient,) = torch.autograd.grad(results, logits, weights)
        found.append([r.detach() for r in results] + [gradient])
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=4 * epsilon, atol=8 * epsilon)


@PROPERTY
@given(
    logits=tables(),
    mass=st.sampled_from([0.0, 1e-30, 0.05, 0.3, 0.5, 0.97]),
    from_right=st.booleans(),
    exceed=st.booleans(),
)
def test_the_entry_found_holds_the_mass(
    logits: Tensor, mass: float, from_right: bool, exceed: bool
) -> None:
    sums, slack = SoftmaxSums(logits), 4 * EPSILON[logits.dtype]
    masses = logits.new_full((len(logits), 1), mass)
    entry = sums.first_reaching(masses, from_right=from_right, exceed=exceed)
    (entries,) = sums.look_up(entry, summed=1)
    beside = entries.above if from_right else entries.below
    prob = entries.log_prob.exp()
    assert (beside <= mass + slack).all()
    assert (beside + prob >= mass - slack).all()
    if exceed:
        assert (prob > 0).all()


@pytest.mark.parametrize("dtype", [F32, F64])
def test_a_row_out_of_the_range_of_the_exponential_leaves_the_others_as_they_are(
    dtype: torch.dtype,
) -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(6, 19, generator=random, dtype=dtype)
    # Exponentials of these overflow, vanish, or sum to a number near the largest.
    rows[1] += 1e4
    rows[2] -= 1e4
    rows[4] += math.log(torch.finfo(dtype).max) - 1
    sums = SoftmaxSums(rows)
    for number, row in enumerate(rows):
        alone = SoftmaxSums(row[None])
        for name in ("from_left", "from_right", "log_total"):
            assert getattr(sums, name)[number].equal(getattr(alone, name)[0])
    expected = rows.double().softmax(-1).cumsum(-1)
    found = (sums.from_left / sums.total).double()
    torch.testing.assert_close(found, expected, rtol=EPSILON[dtype], atol=0)
    log_total = rows.double().logsumexp(-1, keepdim=True).to(dtype)
    torch.testing.assert_close(sums.log_total, log_total, rtol=EPSILON[dtype], atol=EPSILON[dtype])


def test_a_gradient_takes_no_logits_changed_since() -> None:
    logits = torch.zeros(3, 5).requires_grad_()
    result = SplicedBinnedPareto(logits, torch.arange(6.0), 0.1, 0.2).log_prob(torch.ones(3))
    with torch.no_grad():
        logits += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()


@pytest.mark.parametrize(
    "name", ["logits", "edges", "lower_concentration", "upper_scale", "lower_mass"]
)
def test_a_change_of_a_parameter_is_seen_by_the_next_call(name: str) -> None:
    parameters = {
        "logits": torch.zeros(2, 5),
        "edges": torch.arange(6.0),
        "lower_concentration": torch.tensor(0.1),
        "upper_concentration": torch.tensor(0.1),
        "lower_scale": torch.tensor(1.0),
        "upper_scale": torch.tensor(1.0),
        "lower_mass": torch.tensor(0.1),
    }
    dist, value = SplicedBinnedPareto(**parameters), torch.tensor([[-3.0], [1.5], [9.0]])
    before = dist.log_prob(value)
    parameters[name].view(-1)[0] -= 0.05
    changed = dist.log_prob(value)
    assert not changed.equal(before)
    torch.testing.assert_close(changed, SplicedBinnedPareto(**parameters).log_prob(value))


def test_a_graph_counts_what_a_search_finds():
    edges = torch.tensor([-3.0, -0.5, 0.0, 0.0, 2.0, 7.5])

    class Ranks(torch.nn.Module):
        def forward(self, value):
            return rank(edges, value, right=True), rank(edges, value, right=False)

    value = torch.tensor([[-9.0, -3.0, -0.4], [0.0, 7.5, 8.0]])
    graph = torch.export.export(Ranks(), (value,))
    for found, right in zip(graph.module()(value), (True, False), strict=True):
        assert found.equal(torch.searchsorted(edges, value, right=right))
    # ONNX has no search: torch spelled one of 74 bins out in 150 operators.
    assert not {"bucketize", "searchsorted"} & set(re.findall(r"\w+", graph.graph_module.code))
