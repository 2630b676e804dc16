"""The distribution by machine code is that of torch's operators, and stands in where it may."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from example_distributions import F64, PROPERTY, by_operators, distributions, uneven_distribution
from splicedpareto.distributions import SplicedBinnedPareto
from splicedpareto.distributions._compiled_distribution import CompiledDistribution

if TYPE_CHECKING:
    from collections.abc import Callable

F32 = torch.float32
INF = math.inf
TOLERANCE = {F32: 2e-5, F64: 1e-12}
SHAPES = [-0.6, -1e-9, 0.0, 0.02, 0.3, 1.5]

# Rows of one and a half blocks: plain, with gaps at the ends and within, and far apart, but for
# weights that float32 has no normal number for.
LOGITS = torch.tensor([
    [0.3, -0.2, 1.1, 0.0, -1.4, 0.7, 0.2, -0.5, 0.4, 0.1, -0.3, 0.6, 0.9],
    [-INF, -INF, 1.1, 0.0, -1.4, 0.7, 0.2, -0.5, 0.4, 0.1, -0.3, -INF, -INF],
    [0.3, 2.2, 1.1, 0.0, -INF, -INF, -INF, -INF, -INF, 0.1, -0.3, 0.6, -2.1],
    [-80.0, -40.0, -20.0, -8.0, 0.0, 0.5, 1.0, 0.0, -3.0, -9.0, -20.0, -40.0, -84.0],
    [-INF, -INF, -INF, -INF, -INF, -INF, -INF, 3.0, -INF, -INF, -INF, -INF, -INF],
    [-375.0, -300.0, -300.0, -300.0, -300.0, -300.0, -300.0, -300.0, -305.0, -300.0, -301.0,
     -300.0, -380.0],
], dtype=F64)  # fmt: skip
STEPS = torch.tensor(
    [1.0, 0.5, 2.0, 1.0, 0.25, 1.0, 3.0, 1.0, 0.125, 1.0, 1.0, 4.0, 2.0], dtype=F64
)
LEVELS = [0.0, 1e-30, 1e-4, 0.049, 0.0501, 0.3, 0.5, 0.7, 0.93, 0.999, 1.0, math.nan]


def hostile_distribution(
    masses: tuple[float, float] | None, scales: str, edges: str, dtype: torch.dtype
) -> SplicedBinnedPareto:
    """Six rows, spliced at edges without masses; a scale is then tied to no empty bin."""
    logits, steps = LOGITS.clone(), STEPS
    if masses is None:
        steps = steps[1:-1]
        if scales != "free":
            logits[:, [1, -2]] = logits[:, [1, -2]].masked_fill(logits[:, [1, -2]] == -INF, -2)
    ends = torch.cat([steps.new_full((1,), -4.0), steps]).cumsum(0)
    if edges == "own":
        ends = ends * torch.linspace(0.5, 3, len(logits), dtype=F64)[:, None]
    splice: dict[str, object] = {"splice": "edge"}
    if masses is not None:
        splice = {"lower_mass": masses[0], "upper_mass": masses[1]}
    shapes = torch.tensor(SHAPES, dtype=dtype)
    return SplicedBinnedPareto(
        logits.to(dtype),
        ends.to(dtype),
        shapes,
        shapes.flip(0),
        None if scales == "tied" else 0.5 + shapes.square(),
        0.7 if scales == "free" else None,
        **splice,
    )


def hostile_values(dist: SplicedBinnedPareto) -> Tensor:
    """Thresholds, all edges, inside all bins, far out, past the ends, and NaN, ``(S, 6)``."""
    edges = dist.edges.expand((6, dist.edges.shape[-1])).T
    scale = dist.lower_scale.clamp(1e-3, 1e3), dist.upper_scale.clamp(1e-3, 1e3)
    low, high = dist.lower_threshold, dist.upper_threshold
    out = torch.tensor([1e-3, 0.1, 0.8, 30.0, 1e6], dtype=low.dtype)[:, None]
    ends = torch.tensor([[-INF], [INF], [math.nan]], dtype=low.dtype).expand(3, 6)
    inside = edges[:-1] + 0.375 * edges.diff(dim=0)
    return torch.cat([low[None], high[None], edges, inside, low - out * scale[0],
                      high + out * scale[1], ends])  # fmt: skip


ANSWERS: dict[str, Callable[[SplicedBinnedPareto], Tensor]] = {
    "log_prob": lambda d: d.log_prob(hostile_values(d)),
    "cdf": lambda d: d.cdf(hostile_values(d)),
    "sf": lambda d: d.sf(hostile_values(d)),
    "icdf": lambda d: d.icdf(d.logits.new_tensor(LEVELS)[:, None]),
    "isf": lambda d: d.isf(d.logits.new_tensor(LEVELS)[:, None]),
    "icdf_from_log": lambda d: d.icdf_from_log(-d.logits.new_tensor([0.1, 5.0, 400.0])[:, None]),
}


@pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize("edges", ["shared", "own"])
@pytest.mark.parametrize("scales", ["tied", "free", "mixed"])
@pytest.mark.parametrize(
    "masses", [None, (0.05, 0.07), (0.0, 0.3), (0.4, 0.0), (0.0, 0.0)], ids=str
)
def test_answers_are_those_of_the_operators(
    masses: tuple[float, float] | None, scales: str, edges: str, dtype: torch.dtype
) -> None:
    for name, answer in ANSWERS.items():
        actual = answer(hostile_distribution(masses, scales, edges, dtype))
        with by_operators():
            expected = answer(hostile_distribution(masses, scales, edges, dtype))
        torch.testing.assert_close(
            actual,
            expected,
            rtol=TOLERANCE[dtype],
            atol=TOLERANCE[dtype],
            equal_nan=True,
            msg=lambda said, name=name: f"{name}: {said}",
        )


@settings(PROPERTY, max_examples=25)
@given(dist=distributions(), levels=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_and_probabilities_are_those_of_the_operators(
    dist: SplicedBinnedPareto, levels: list[float]
) -> None:
    level = torch.tensor(levels, dtype=F64)
    value = dist.icdf(level)
    actual = [dist.log_prob(value), dist.cdf(value), dist.sf(value), value, dist.isf(level)]
    with by_operators():
        dist = dist.expand(())
        expected = [dist.log_prob(value), dist.cdf(value), dist.sf(value)]
        expected += [dist.icdf(level), dist.isf(level)]
    for one, other in zip(actual[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)
    # A density jumps at edges and splices, where one way may round to the other side.
    jumps = torch.cat([dist.edges, dist.lower_threshold[None], dist.upper_threshold[None]])
    clear = ((value[:, None] - jumps).abs() > 1e-9 * (1 + jumps.abs())).all(-1)
    clear &= value.isfinite()
    inner = clear & (dist.sf(value) > 0) & (dist.cdf(value) > 0)
    torch.testing.assert_close(actual[0][inner], expected[0][inner], rtol=1e-7, atol=1e-7)


def is_compiled(dist: SplicedBinnedPareto, value: Tensor) -> bool:
    """Whether machine code answers for values."""
    columns, _ = dist._columns(value=value)
    return isinstance(dist._distribution_of(*columns), CompiledDistribution)


def test_plain_tensors_go_to_machine_code() -> None:
    dist = hostile_distribution((0.05, 0.05), "tied", "shared", F32)
    assert is_compiled(dist, torch.zeros(()))
    assert is_compiled(dist, torch.zeros(3, 2, 6))
    assert is_compiled(uneven_distribution(), torch.zeros(4))


@pytest.mark.parametrize("moving", ["logits", "concentration", "value"])
def test_what_asks_for_a_gradient_does_not_unless_gradients_are_off(moving: str) -> None:
    logits, concentration, value = torch.zeros(2, 5), torch.tensor(0.1), torch.zeros(2)
    locals()[moving].requires_grad_()
    dist = SplicedBinnedPareto(logits, torch.arange(6.0), concentration, 0.2)
    assert not is_compiled(dist, value)
    assert dist.log_prob(value).requires_grad
    with torch.no_grad():
        assert is_compiled(dist, value)


def test_rows_shared_by_several_elements_do_not() -> None:
    shared = SplicedBinnedPareto(torch.zeros(5), torch.arange(6.0), torch.zeros(3), 0.2)
    assert not is_compiled(shared, torch.zeros(3))
    own = SplicedBinnedPareto(torch.zeros(1, 5), torch.arange(6.0), 0.1, 0.2)
    assert not is_compiled(own, torch.zeros(4))
    torch.testing.assert_close(own.cdf(torch.full((4,), 2.0)), torch.full((4,), 0.4))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 3), (2, 0, 3)])
def test_shapes_of_sample_and_batch_stay(shape: tuple[int, ...]) -> None:
    dist = SplicedBinnedPareto(torch.zeros(*shape[1:], 5), torch.arange(6.0), 0.1, 0.2)
    value = torch.linspace(-1, 7, max(math.prod(shape), 1))[: math.prod(shape)].reshape(shape)
    for method in (dist.log_prob, dist.cdf, dist.sf):
        assert method(value).shape == shape
    each = [dist.cdf(part) for part in value]
    if each:
        torch.testing.assert_close(dist.cdf(value), torch.stack(each))


@pytest.mark.parametrize(
    "name", ["logits", "edges", "lower_concentration", "upper_scale", "lower_mass"]
)
def test_a_change_of_any_parameter_is_seen(name: str) -> None:
    given = {"logits": torch.zeros(2, 5), "edges": torch.arange(6.0)}
    given |= {"lower_concentration": torch.tensor(0.1), "upper_concentration": torch.tensor(0.1)}
    given |= {"lower_scale": torch.tensor(1.0), "upper_scale": torch.tensor(1.0)}
    given |= {"lower_mass": torch.tensor(0.1)}
    dist, value = SplicedBinnedPareto(**given), torch.tensor([[-3.0], [1.5], [9.0]])
    before = dist.log_prob(value)
    given[name].view(-1)[0] -= 0.05
    changed = dist.log_prob(value)
    assert not changed.equal(before)
    torch.testing.assert_close(changed, SplicedBinnedPareto(**given).log_prob(value))


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_thresholds_belong_to_the_body_to_the_last_digit(splice: str) -> None:
    source = torch.Generator().manual_seed(4)
    logits = torch.randn(500, 20, generator=source)
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21 - 2 * (splice == "edge")), 0.1, 0.2,
                               5000.0, 5000.0, splice=splice)  # fmt: skip
    # The tails' density is below 0.0001, that of the least bin above 0.001.
    assert (dist.log_prob(dist.lower_threshold) > math.log(0.0005)).all()
    assert (dist.log_prob(dist.upper_threshold) > math.log(0.0005)).all()


def test_thresholds_that_are_rounded_past_each_other_are_one() -> None:
    logits = torch.randn(2000, 20, generator=torch.Generator().manual_seed(6))
    least = 0.5 - 2**-24
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21), 0.1, 0.1, None, None, 0.5, least)
    assert (dist.lower_threshold <= dist.upper_threshold).all()
    assert (dist.lower_threshold == dist.upper_threshold).any()


def test_quantiles_of_the_body_stay_between_the_thresholds() -> None:
    logits = torch.randn(2000, 20, generator=torch.Generator().manual_seed(7))
    dist = SplicedBinnedPareto(logits, torch.linspace(-1, 2, 21), 0.1, 0.1, 5.0, 5.0, 0.3, 0.3)
    level = torch.tensor(0.3)
    for quantile in (dist.icdf(level), dist.isf(level)):
        assert (quantile >= dist.lower_threshold).all()
        assert (quantile <= dist.upper_threshold).all()


def test_far_tails_keep_their_digits() -> None:
    dist = uneven_distribution(0.0, 0.0, scale=2.0)
    value = dist.upper_threshold + 200.0
    assert dist.sf(value).item() == pytest.approx(0.12 * math.exp(-200), rel=1e-12)
    assert dist.log_prob(value).item() == pytest.approx(math.log(0.12) - 200, rel=1e-14)
    assert dist.isf(dist.sf(value)).item() == pytest.approx(value.item(), rel=1e-13)


def test_probabilities_of_the_body_keep_their_digits_on_either_side() -> None:
    logits = -2 * (torch.arange(41, dtype=F64) - 20).abs()
    dist = SplicedBinnedPareto(logits, torch.arange(42.0), 0.1, 0.1, lower_mass=0, upper_mass=0)
    probs, at = logits.softmax(-1), torch.arange(1, 41)
    torch.testing.assert_close(dist.cdf(at), probs.cumsum(-1)[:-1], rtol=1e-12, atol=0)
    torch.testing.assert_close(dist.sf(at), probs.flip(-1).cumsum(-1).flip(-1)[1:], rtol=1e-12,
                               atol=0)  # fmt: skip


def test_an_empty_bin_at_an_edge_splice_has_no_tied_scale() -> None:
    logits = torch.tensor([0.0, -INF, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="the tied lower_scale"):
        SplicedBinnedPareto(logits, torch.arange(4.0), 0.1, 0.1, splice="edge")
    dist = SplicedBinnedPareto(logits, torch.arange(4.0), 0.1, 0.1, 1.0, splice="edge")
    assert dist.log_prob(torch.tensor(0.5)) == -INF
