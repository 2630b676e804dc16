"""Gradients are those of the formulas, finite at every value, also through the thresholds."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from example_distributions import F64, f64
from splicedpareto.distributions import SplicedBinnedPareto

Function = Callable[[SplicedBinnedPareto], Tensor]

# In both tails, next to both splices and in several bins, clear of every edge.
VALUES = f64(-5.0, -3.0, -1.5, 0.1, 2.2, 3.3, 9.0, 70.0)
LEVELS = f64(1e-6, 0.03, 0.2, 0.5, 0.8, 0.95, 1 - 1e-6)
METHODS: dict[str, Function] = {
    "log_prob": lambda d: d.log_prob(VALUES),
    "cdf": lambda d: d.cdf(VALUES),
    "log_cdf": lambda d: d.log_cdf(VALUES),
    "log_sf": lambda d: d.log_sf(VALUES),
    "log_prob_interval": lambda d: d.log_prob_interval(VALUES[:-1], VALUES[1:]),
    "icdf": lambda d: d.icdf(LEVELS),
    "isf": lambda d: d.isf(LEVELS),
    "mean": lambda d: d.mean,
    "variance": lambda d: d.variance,
    "entropy": lambda d: d.entropy(),
    "crps": lambda d: d.crps(VALUES),
    "tw_crps": lambda d: d.tw_crps(VALUES, 1.3),
    "pinball": lambda d: d.pinball(VALUES[:7], LEVELS),
    "stop_loss": lambda d: d.stop_loss(VALUES),
    "mean_excess": lambda d: d.mean_excess(VALUES),
    "expected_shortfall": lambda d: d.expected_shortfall(LEVELS),
    "clamped_mean": lambda d: d.clamped_mean(-3.0, 40.0),
}
SHAPES = [(0.0, 0.0), (1e-7, -1e-7), (-0.2, 0.3), (0.3, 0.45)]


def build(
    logits: Tensor,
    shapes: Tensor,
    scales: Tensor | None,
    masses: Tensor | None,
) -> SplicedBinnedPareto:
    """Five bins, or three and two tails where no masses are given."""
    if masses is None:
        edges = f64(-2, 0, 1.5, 5)
        return SplicedBinnedPareto(logits, edges, *shapes, *(scales or ()), splice="edge")
    edges = f64(-12.0, -2, 0, 1.5, 5, 20)
    return SplicedBinnedPareto(
        logits,
        edges,
        *shapes,
        *((None, None) if scales is None else scales),
        *masses,
    )


LOGITS = f64(-0.5, 0.4, 1.0, 0.3, -0.6)


# Along one random direction for all inputs at once, or along each of them.
FAST = pytest.mark.parametrize(
    "fast", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["fast", "each"]
)


@FAST
@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_gradients_with_free_scales_are_the_differences(
    name: str, shapes: tuple[float, float], fast: bool
) -> None:
    parameters = [LOGITS, f64(*shapes), f64(3.0, 5.0), f64(0.11, 0.07)]
    parameters = [p.clone().requires_grad_() for p in parameters]
    assert torch.autograd.gradcheck(
        lambda *p: METHODS[name](build(*p)), parameters, atol=1e-5, rtol=1e-3, fast_mode=fast
    )


@FAST
@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("name", METHODS)
def test_gradients_with_tied_scales_are_the_differences(name: str, splice: str, fast: bool) -> None:
    parameters = [LOGITS.clone().requires_grad_(), f64(-0.2, 0.3).requires_grad_()]
    masses = f64(0.11, 0.07) if splice == "quantile" else None
    assert torch.autograd.gradcheck(
        lambda logits, shapes: METHODS[name](build(logits, shapes, None, masses)),
        parameters,
        atol=1e-5,
        rtol=1e-3,
        fast_mode=fast,
    )


@pytest.mark.parametrize("shapes", SHAPES[:3])
@pytest.mark.parametrize("name", ["log_prob", "cdf", "icdf", "crps", "log_prob_interval"])
@pytest.mark.sample(5)
def test_second_gradients_are_the_differences(name: str, shapes: tuple[float, float]) -> None:
    parameters = [LOGITS, f64(*shapes), f64(3.0, 5.0), f64(0.11, 0.07)]
    parameters = [p.clone().requires_grad_() for p in parameters]
    assert torch.autograd.gradgradcheck(
        lambda *p: METHODS[name](build(*p)), parameters, atol=1e-4, rtol=1e-3, fast_mode=True
    )


@pytest.mark.parametrize("name", ["log_prob", "cdf", "log_sf", "crps", "stop_loss", "icdf", "isf"])
def test_gradients_in_the_value_or_level_are_the_differences(name: str) -> None:
    dist = build(LOGITS, f64(-0.2, 0.3), None, f64(0.11, 0.07))
    at = f64(0.01, 0.2, 0.5, 0.8, 0.99) if name in {"icdf", "isf"} else VALUES.clone()
    at.requires_grad_()
    assert torch.autograd.gradcheck(getattr(dist, name), [at], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize("shapes", [*SHAPES, (-0.5, -0.5), (0.9, 1.5), (-1.0, -1.0), (-1.5, -2.0)])
@pytest.mark.parametrize("scales", ["tied", "free"])
@pytest.mark.parametrize("method", ["log_prob", "cdf", "sf", "log_cdf", "log_sf", "crps"])
@pytest.mark.sample(48)
def test_no_value_has_an_undefined_gradient(
    method: str, scales: str, shapes: tuple[float, float], dtype: torch.dtype
) -> None:
    logits = torch.tensor([-0.5, 0.4, -math.inf, 0.3, -40.0], dtype=dtype, requires_grad=True)
    edges = torch.tensor([-12.0, -2, 0, 1.5, 5, 20], dtype=dtype)
    shape = torch.tensor(shapes, dtype=dtype, requires_grad=True)
    scale = torch.tensor([3.0, 5.0], dtype=dtype, requires_grad=True)
    mass = torch.tensor([0.11, 0.07], dtype=dtype, requires_grad=True)
    free = scale if scales == "free" else (None, None)
    dist = SplicedBinnedPareto(logits, edges, *shape, *free, *mass)
    with torch.no_grad():
        ends = torch.stack([*dist.end_points, dist.lower_threshold, dist.upper_threshold])
        ends = ends[ends.isfinite()]
        around = [ends, *(torch.nextafter(ends, ends.new_tensor(e)) for e in (-1e30, 1e30))]
        # At concentration zero the slope in it is half the squared excess: 1e30 has no float32.
        furthest = 1e30 if dtype is F64 else 1e15
        far = edges.new_tensor([-1e3, 1e3, 0.7, -furthest, furthest, -math.inf, math.inf])
        value = torch.cat([edges, far, *around])
    value.requires_grad_()
    result = getattr(dist, method)(value)
    finite = result.isfinite()
    leaves = [value, logits, shape, mass, *([scale] if scales == "free" else [])]
    gradients = torch.autograd.grad(result[finite].sum(), leaves, retain_graph=True)
    assert [g.isfinite().all().item() for g in gradients] == [True] * len(leaves)
    # The infinite results stand for a limit, and ask for no step.
    gradients = torch.autograd.grad(result[~finite].sum(), leaves, allow_unused=True)
    assert all(g is None or not g.isnan().any() for g in gradients)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0])
@pytest.mark.parametrize("shapes", [(-0.3, -0.2), (0.0, 0.0), (0.4, 0.2)])
def test_no_level_has_an_undefined_gradient(level: float, shapes: tuple[float, float]) -> None:
    parameters = [LOGITS, f64(*shapes), f64(3.0, 5.0), f64(0.11, 0.07)]
    parameters = [p.clone().requires_grad_() for p in parameters]
    gradients = torch.autograd.grad(build(*parameters).icdf(f64(level)), parameters)
    assert all(not g.isnan().any() for g in gradients)


def test_thresholds_pull_on_the_logits() -> None:
    # Detached thresholds, as in GluonTS, give zero here for a value in the upper tail.
    logits = LOGITS.clone().requires_grad_()
    dist = build(logits, f64(0.1, 0.2), f64(3.0, 5.0), f64(0.11, 0.07))
    value = dist.upper_threshold.detach() + 4.0
    (gradient,) = torch.autograd.grad(dist.log_prob(value), logits)
    step = torch.zeros(5, dtype=F64)
    step[3] = 1e-6
    ahead, behind = (
        build(LOGITS + sign * step, f64(0.1, 0.2), f64(3.0, 5.0), f64(0.11, 0.07))
        for sign in (1, -1)
    )
    difference = (ahead.log_prob(value) - behind.log_prob(value)) / 2e-6
    assert abs(difference) > 0.05
    assert gradient[3].item() == pytest.approx(difference.item(), rel=1e-6)


@pytest.mark.parametrize("concentration", [-0.2, 0.0, 1e-6, 0.3])
@pytest.mark.parametrize("method", ["log_prob", "cdf", "crps"])
def test_float32_gradients_are_near_the_exact_ones(method: str, concentration: float) -> None:
    gradients = []
    for dtype in (torch.float32, F64):
        parameters = [LOGITS, f64(concentration, concentration), f64(3, 5), f64(0.11, 0.07)]
        parameters = [p.to(dtype).requires_grad_() for p in parameters]
        edges = torch.tensor([-12.0, -2, 0, 1.5, 5, 20], dtype=dtype)
        logits, shapes, scales, masses = parameters
        dist = SplicedBinnedPareto(logits, edges, *shapes, *scales, *masses)
        value = f64(-9.0, -1.7, 2.2, 9.0).to(dtype)
        result = getattr(dist, method)(value).sum()
        gradients.append([g.double() for g in torch.autograd.grad(result, parameters)])
    for rough, exact in zip(*gradients, strict=True):
        torch.testing.assert_close(rough, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shapes", SHAPES)
def test_draws_move_with_the_parameters_as_their_differences(
    shapes: tuple[float, float], generator: torch.Generator
) -> None:
    state = generator.get_state()
    assert SplicedBinnedPareto.has_rsample

    def draw(logits: Tensor, shapes: Tensor, scales: Tensor) -> Tensor:
        dist = build(logits, shapes, scales, f64(0.11, 0.07))
        return dist.rsample((20,), generator=generator.set_state(state))

    parameters = [p.clone().requires_grad_() for p in (LOGITS, f64(*shapes), f64(3.0, 5.0))]
    assert torch.autograd.gradcheck(draw, parameters, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("masses", [f64(0.11, 0.07), None], ids=["given", "learned"])
def test_pathwise_gradient_of_a_mean_is_unbiased(masses: Tensor | None) -> None:
    logits = (LOGITS if masses is not None else f64(-1.0, 0.4, 1.0, 0.3, -1.3)).clone()
    parameters = [logits.requires_grad_(), f64(-0.3, -0.1).requires_grad_()]
    dist = build(*parameters, None, masses)
    draws = dist.rsample((200_000,), generator=torch.Generator().manual_seed(5))
    sampled = torch.autograd.grad(draws.mean(), parameters, retain_graph=True)
    exact = torch.autograd.grad(dist.mean, parameters)
    for estimate, expected in zip(sampled, exact, strict=True):
        torch.testing.assert_close(estimate, expected, rtol=0.02, atol=0.02)
