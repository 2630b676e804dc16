"""Every objective finds the distribution that made the data; the one that cannot is refused."""

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from example_distributions import F64, f64
from splicedpareto import objectives
from splicedpareto.distributions import SplicedBinnedPareto

EDGES = f64(-2.0, -1.0, 0.0, 1.0, 2.0, 3.5, 5.0)
TRUTH = SplicedBinnedPareto(
    f64(-2.0, 0, 1.2, 0.4, 0.9, 0.2, -0.3, -1.7), EDGES, 0.1, 0.3, splice="edge"
)
DRAWS = 20_000
Objective = Callable[[SplicedBinnedPareto, Tensor], Tensor]


def build(raw: Tensor, splice: str, *, tied: bool) -> SplicedBinnedPareto:
    """Distribution of free numbers: logits, two shapes, two log-scales."""
    # The quantile splice has bins out to both far quantiles, so that tails start within them.
    edges = EDGES if splice == "edge" else torch.cat([f64(-5.0)[None], EDGES, f64(12.0)[None]])
    entries = len(EDGES) + 1
    logits, shapes, log_scales = raw.split([entries, 2, 2])
    # Below zero a tail may end before a target, and the loss would be infinite there.
    shapes = 0.9 * shapes.sigmoid()
    scales = (None, None) if tied else log_scales.exp()
    return SplicedBinnedPareto(logits, edges, *shapes, *scales, splice=splice, validate_args=False)


def fit(objective: Objective, splice: str, *, tied: bool, value: Tensor) -> SplicedBinnedPareto:
    """Minimize the mean loss: by Adam where thresholds are detached, else by L-BFGS.

    A line search compares values of the loss, which follow the thresholds; the gradient does not.
    """
    raw = torch.zeros(len(EDGES) + 5, dtype=F64, requires_grad=True)
    if splice == "quantile" and not tied:
        optimizer, steps = torch.optim.Adam([raw], lr=0.1), 300
    else:
        optimizer, steps = torch.optim.LBFGS([raw], 1, 60, line_search_fn="strong_wolfe"), 1
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = objective(build(raw, splice, tied=tied), value).mean()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
        schedule.step()
    return build(raw.detach(), splice, tied=tied)


def whole_intervals(objective: Callable[..., Tensor]) -> Objective:
    """Observe only the tenth in which a value lies, and above 9 only that it does."""

    def loss(dist: SplicedBinnedPareto, value: Tensor) -> Tensor:
        # Few tenths hold many values: the loss of each is computed once.
        lower, which = ((value * 10).floor() / 10).clamp(max=9).unique(return_inverse=True)
        upper = torch.where(lower == 9, math.inf, lower + 0.1)
        return objective(dist, lower, upper)[which]

    return loss


SUPPORTED = {
    "composite": (objectives.composite_nll, "quantile", False),
    "composite of intervals": (
        whole_intervals(objectives.composite_interval_nll),
        "quantile",
        False,
    ),
    "exact, tied": (objectives.exact_nll, "quantile", True),
    "exact, edge": (objectives.exact_nll, "edge", False),
    "exact of intervals, edge": (
        whole_intervals(objectives.exact_interval_nll),
        "edge",
        False,
    ),
    "crps": (objectives.crps_loss, "edge", False),
}


@pytest.fixture(scope="module")
def value() -> Tensor:
    """Draws of the truth."""
    return TRUTH.sample((DRAWS,), generator=torch.Generator().manual_seed(8))


@pytest.fixture(scope="module")
def fitted_by(value: Tensor) -> Callable[[str], SplicedBinnedPareto]:
    """The distribution that an objective finds; two tests ask for one of them."""

    def of(name: str) -> SplicedBinnedPareto:
        objective, splice, tied = SUPPORTED[name]
        return fit(objective, splice, tied=tied, value=value)

    return cache(of)


@pytest.mark.parametrize("name", SUPPORTED)
@pytest.mark.sample(1)
def test_objective_recovers_the_distribution(name: str, fitted_by) -> None:
    splice, fitted = SUPPORTED[name][1], fitted_by(name)
    level = f64(0.05, 0.25, 0.5, 0.75, 0.95)
    # The standard error of a quantile is sqrt(q (1 - q) / n) over the density there.
    exact = TRUTH.icdf(level)
    error = (level * (1 - level) / DRAWS).sqrt() / TRUTH.log_prob(exact).exp()
    # The bins of the quantile splice do not resolve the tails' bend next to a threshold.
    slack = 5.0 if splice == "edge" else 8.0
    assert ((fitted.icdf(level) - exact).abs() < slack * error).all()
    masses = (1 - TRUTH.cdf(fitted.upper_threshold)) / fitted.upper_mass
    assert masses.item() == pytest.approx(1, abs=0.1)
    far = f64(0.001)
    assert fitted.isf(far).item() == pytest.approx(TRUTH.isf(far).item(), rel=0.2)
    if splice == "edge":
        # Fisher information of the shape: (1 + xi)^2 / n for the exceedances of a tail alone.
        expected = 1.3 / math.sqrt(DRAWS * TRUTH.upper_mass.item())
        width = 8 if name == "crps" else 5
        assert abs(fitted.upper_concentration.item() - 0.3) < width * expected


def test_free_scales_under_the_quantile_splice_are_refused(value: Tensor) -> None:
    with pytest.raises(ValueError, match="must not be maximized with free scales"):
        fit(objectives.exact_nll, "quantile", tied=False, value=value)


@pytest.mark.slow
def test_free_scales_under_the_quantile_splice_go_astray(value: Tensor, fitted_by) -> None:
    astray = fit(lambda d, y: -d.log_prob(y), "quantile", tied=False, value=value)
    sound = fitted_by("composite")
    # Of the mass that belongs above the upper threshold the trap puts half elsewhere.
    shares = [(value > d.upper_threshold).double().mean().item() for d in (astray, sound)]
    assert abs(shares[1] - 0.05) < 0.005 < abs(shares[0] - 0.05)
