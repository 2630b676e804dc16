"""float32 keeps its digits in values and gradients: the right values are mpmath's, in 50 digits."""

import math
from collections.abc import Callable

import mpmath
import pytest
import torch

from example_distributions import F64
from splicedpareto.contrib import HybridPareto, StudentT
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Discretized,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.distributions._base import ScalarDistribution
from splicedpareto.distributions._special import log_ndtr

F32 = torch.float32
Build = Callable[[torch.Tensor, torch.Tensor], ScalarDistribution]


def spliced(
    dtype: torch.dtype,
    *,
    unit: float = 1.0,
    bins: int = 20,
    tails: tuple[float, float] = (0.2, 0.4),
) -> SplicedBinnedPareto:
    logits = torch.sin(torch.arange(bins, dtype=F64)).to(dtype)
    edges = (torch.linspace(-10, 30, bins + 1, dtype=F64) * unit).to(dtype)
    return SplicedBinnedPareto(logits, edges, *tails, 0.7 * unit, 2.0 * unit)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize(
    "level", [0.001, 0.02, 0.05, 0.31, 0.5, 0.9, 0.949, 0.951, 0.99, 0.999, 0.99999, 0.999999]
)
def test_shortfall_of_a_level_given_as_a_number(level: float, upper: bool) -> None:
    found = spliced(F32).expected_shortfall(level, upper=upper).item()
    expected = spliced(F64).expected_shortfall(level, upper=upper).item()
    assert found == pytest.approx(expected, rel=1e-6)


def test_shortfall_in_a_bin_of_little_mass_is_of_the_known_level() -> None:
    # Above the level lies a millionth of the mass; float32 sums of order 1 know it to a tenth.
    masses = {"lower_mass": 0.0, "upper_mass": 1e-7}
    logits = torch.tensor([0.0, math.log(1e-6)], dtype=F64)
    edges = torch.tensor([0.0, 1.0, 101.0], dtype=F64)
    tail = 1e-6 / (1 + 1e-6)
    distribution = SplicedBinnedPareto(logits.float(), edges.float(), 0.1, 0.1, 1.0, 1.0, **masses)
    level = 1 - tail / 2
    # Half of the second bin, from its middle on, and the tail of 1e-7 beyond its own threshold.
    kept = 101 - 100 * 1e-7 / tail
    body = (kept - 51) / 100 * tail
    right = (body * (51 + kept) / 2 + 1e-7 * (kept + 1 / 0.9)) / (tail / 2)
    assert distribution.expected_shortfall(level).item() == pytest.approx(right, rel=2e-6)


@pytest.mark.parametrize("level", [0.2, 0.999, 0.99999, 1 - 1e-7])
@pytest.mark.parametrize(
    "build", [spliced, lambda dtype: HybridPareto(*torch.tensor([1.0, 2.0, 0.3], dtype=dtype))]
)
def test_quantile_of_a_level_given_as_a_number(build, level: float) -> None:
    assert build(F32).icdf(level).item() == pytest.approx(build(F64).icdf(level).item(), rel=1e-6)
    assert build(F32).isf(level).item() == pytest.approx(build(F64).isf(level).item(), rel=1e-6)


@pytest.mark.parametrize("z", [-2e4, -300.0, -12.1, -11.9, -5.1, -4.9, -1.0, 0.0, 3.0, 6.0])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_log_of_the_normal_tail_is_mpmaths(z: float, dtype: torch.dtype) -> None:
    at = torch.tensor(z, dtype=dtype, requires_grad=True)
    value = log_ndtr(at)
    (slope,) = torch.autograd.grad(value, at, create_graph=True)
    (second,) = torch.autograd.grad(slope, at)
    with mpmath.workdps(50):
        exact = mpmath.mpf(at.item())
        right = mpmath.log(mpmath.erfc(-exact / mpmath.sqrt(2)) / 2)
        hazard = mpmath.npdf(exact) / (mpmath.erfc(-exact / mpmath.sqrt(2)) / 2)
        curvature = -hazard * (exact + hazard)
    close = 1e-13 if dtype == F64 else 3e-6
    assert value.item() == pytest.approx(float(right), rel=close, abs=1e-300)
    assert slope.item() == pytest.approx(float(hazard), rel=close)
    assert second.item() == pytest.approx(float(curvature), rel=100 * close, abs=close)


def gaussian_mass(loc: float, scale: float, low: float, high: float) -> mpmath.mpf:
    a, b = ((mpmath.mpf(end) - loc) / scale for end in (low, high))
    sign = -1 if a > 0 else 1
    first, last = (mpmath.erfc(-sign * z / mpmath.sqrt(2)) / 2 for z in (a, b))
    return mpmath.log(sign * (last - first))


def hybrid_mass(loc: float, scale: float, low: float, high: float) -> mpmath.mpf:
    xi = mpmath.mpf("0.25")
    step = mpmath.sqrt(mpmath.lambertw((1 + xi) ** 2 / (2 * mpmath.pi)).real)
    whole, size = 1 + mpmath.ncdf(step), scale * (1 + xi) / step
    junction = loc + scale * step

    def sf(x: mpmath.mpf) -> mpmath.mpf:
        if x > junction:
            return (1 + xi * (x - junction) / size) ** (-1 / xi) / whole
        return 1 - mpmath.ncdf((x - loc) / scale) / whole

    return mpmath.log(sf(mpmath.mpf(low)) - sf(mpmath.mpf(high)))


def student_mass(loc: float, scale: float, low: float, high: float) -> mpmath.mpf:
    nu = mpmath.mpf("3.5")

    def tail(x: float) -> mpmath.mpf:
        z = (mpmath.mpf(x) - loc) / scale
        share = mpmath.betainc(nu / 2, 0.5, 0, nu / (nu + z * z), regularized=True) / 2
        return share if z > 0 else 1 - share

    return mpmath.log(tail(low) - tail(high))


FAMILIES: dict[str, tuple[Build, Callable[..., mpmath.mpf]]] = {
    "gaussian": (Gaussian, gaussian_mass),
    "moved": (
        lambda loc, scale: AffineTransformed(Gaussian(0 * loc, 1.0), loc, scale),
        gaussian_mass,
    ),
    "censored": (lambda loc, scale: Censored(Gaussian(loc, scale), -2e5, 2e5), gaussian_mass),
    "mixed": (
        lambda loc, scale: Mixture(torch.zeros(2), [Gaussian(loc, scale), Gaussian(loc, scale)]),
        gaussian_mass,
    ),
    "hybrid": (lambda loc, scale: HybridPareto(loc, scale, 0.25), hybrid_mass),
    "student": (lambda loc, scale: StudentT(torch.tensor(3.5), loc, scale), student_mass),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("whole", "scale"),
    [
        (0.0, 1.0),
        (0.0, 1e3),
        (2.0, 0.3),
        (10.0, 1e3),
        (100.0, 1.0),
        (1e4, 1e3),
        (1e4, 1.0),
        (-5e3, 900.0),
    ],
)
def test_a_rounded_variable_has_the_right_mass_and_gradient(
    name: str, whole: float, scale: float
) -> None:
    build, mass = FAMILIES[name]
    loc = torch.tensor(0.25, requires_grad=True)
    spread = torch.tensor(scale, requires_grad=True)
    value = Discretized(build(loc, spread)).log_prob(torch.tensor(whole))
    found = torch.autograd.grad(value, (loc, spread))
    with mpmath.workdps(50):
        at = (mpmath.mpf(0.25), mpmath.mpf(scale))
        if name == "hybrid" and whole < 0 and at[1] < 10:
            assert value.isfinite()  # 50 digits do not hold one minus the mass so far down
            return
        of = lambda a, b: mass(a, b, whole - 0.5, whole + 0.5)  # noqa: E731
        right = of(*at)
        slopes = [mpmath.diff(of, at, order) for order in ((1, 0), (0, 1))]
    assert value.item() == pytest.approx(float(right), rel=5e-6, abs=1e-6)
    for got, slope in zip(found, slopes, strict=True):
        assert got.item() == pytest.approx(float(slope), rel=2e-4, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high"),
    [(1e4 - 0.5, 1e4 + 0.5), (-1e5 - 0.5, -1e5 + 0.5), (3.25, 3.5), (9.0, 23.0), (28.0, 1e3)],
)
def test_interval_of_a_spliced_distribution_keeps_float32(low: float, high: float) -> None:
    ends = torch.tensor([low, high], dtype=F64)
    found, right = (
        spliced(dtype, bins=400).log_prob_interval(*ends.to(dtype)) for dtype in (F32, F64)
    )
    assert found.item() == pytest.approx(right.item(), rel=1e-6, abs=2e-6)


def test_mass_of_whole_bins_in_the_middle_keeps_float32() -> None:
    # Of 2000 bins three hold 1e-6 of the mass together, between two halves.
    logits = torch.zeros(2000, dtype=F64)
    logits[999:1002] = -7.0
    edges = torch.linspace(0, 2000, 2001, dtype=F64)
    ends = torch.tensor([998.9999, 1002.0001], dtype=F64)
    found, right = (
        SplicedBinnedPareto(logits.to(dtype), edges.to(dtype), 0, 0, 1.0, 1.0)
        .log_prob_interval(*ends.to(dtype))
        .exp()
        for dtype in (F32, F64)
    )
    edge_share = 2 * 6.1e-5 / 2000  # the ends are rounded to 6e-5
    assert found.item() == pytest.approx(right.item(), rel=1e-6, abs=edge_share)


def test_standard_deviation_is_a_number_where_the_variance_overflows() -> None:
    right = spliced(F64, unit=1e30).variance.sqrt().item()
    wide = spliced(F32, unit=1e30)
    assert wide.stddev.item() == pytest.approx(right, rel=1e-6)
    assert wide.variance.item() == math.inf
