"""The baselines of the spliced distribution equal SciPy, mpmath, scoringrules and quadrature."""

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import scoringrules
import torch

from example_distributions import F64, f64
from splicedpareto.contrib import HybridPareto, StudentT
from splicedpareto.distributions import Censored, Gaussian, GeneralizedPareto, LogNormal, Mixture
from splicedpareto.distributions._base import ScalarDistribution
from splicedpareto.distributions._special import lambert_w, log_gamma_step

DFS = [1.05, 2.0, 3.7, 30.0, 32.5, 1e4]
VALUES = torch.tensor([-1e6, -50, -4, -1.1, -0.3, 0, 0.9, 1.9, 6, 80, 1e5], dtype=F64)


def student(df: float) -> StudentT:
    return StudentT(f64(df), f64(0.5), f64(2.0))


def hybrid(concentration: float = 0.3) -> HybridPareto:
    return HybridPareto(f64(1.0), f64(2.0), f64(concentration))


def gaussian_mixture() -> Mixture:
    parts = [Gaussian(f64(-3.0), f64(0.7)), Gaussian(f64(0.5), f64(2.0)), Gaussian(f64(4.0), 0.3)]
    return Mixture(f64(0.3, -0.5, 1.0), parts)


def hybrid_mixture() -> Mixture:
    parts = [HybridPareto(-3.0, f64(0.7), 0.6), HybridPareto(2.0, f64(2.0), 0.1)]
    return Mixture(f64(0.3, -0.5), parts)


DISTRIBUTIONS = {
    "gaussian": Gaussian(f64(3.0), f64(2.0)),
    "student 1.2": student(1.2),
    "student 5": student(5.0),
    "student 80": student(80.0),
    "hybrid 0": hybrid(0.0),
    "hybrid 0.6": hybrid(0.6),
    "hybrid -0.2": hybrid(-0.2),
    "pareto 0.6": GeneralizedPareto(f64(0.0), f64(2.0), 0.6),
    "pareto -0.2": GeneralizedPareto(f64(0.0), f64(2.0), -0.2),
    "log-normal": LogNormal(f64(0.3), f64(0.8)),
    "gaussians": gaussian_mixture(),
    "hybrids": hybrid_mixture(),
}
every_distribution = pytest.mark.parametrize(
    "distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS
)


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e-5, 0.16, 1.0, 40.0, 1e100])
def test_lambert_w_is_scipys(value: float) -> None:
    expected = scipy.special.lambertw(value).real
    assert lambert_w(f64(value)).item() == pytest.approx(expected, rel=1e-14)


def test_lambert_w_has_the_slope_of_the_implicit_function() -> None:
    value = f64(0.02, 0.3, 5.0).requires_grad_()
    assert torch.autograd.gradcheck(lambert_w, value)


@pytest.mark.parametrize("value", [0.5, 3.0, 15.99, 16.01, 5e3, 1e8])
def test_gamma_step_is_mpmaths(value: float) -> None:
    with mpmath.workdps(40):
        step = mpmath.loggamma(mpmath.mpf(value) + 0.5) - mpmath.loggamma(value)
    assert log_gamma_step(f64(value)).item() == pytest.approx(float(step), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("df", DFS)
@pytest.mark.parametrize("method", ["log_prob", "cdf", "sf", "log_cdf", "log_sf"])
def test_student_probabilities_are_scipys(df: float, method: str) -> None:
    plain = scipy.stats.t(df, 0.5, 2.0)
    names = {"log_prob": "logpdf", "log_cdf": "logcdf", "log_sf": "logsf"}
    expected = getattr(plain, names.get(method, method))(VALUES.numpy())
    usable = np.isfinite(expected)  # SciPy's logarithms underflow where df is 1e4
    actual = getattr(student(df), method)(VALUES).numpy()
    np.testing.assert_allclose(actual[usable], expected[usable], rtol=1e-9, atol=1e-300)


def test_student_tail_keeps_its_logarithm_where_the_probability_is_no_number() -> None:
    with mpmath.workdps(30):
        x = mpmath.mpf(1e4) / (mpmath.mpf(1e4) + mpmath.mpf(300) ** 2)
        exact = mpmath.log(mpmath.betainc(5000, 0.5, 0, x, regularized=True) / 2)
    distribution = StudentT(f64(1e4), f64(0.0), f64(1.0))
    assert distribution.log_sf(f64(300.0)).item() == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("df", DFS)
def test_student_quantiles_are_scipys_in_either_tail(df: float) -> None:
    level = np.array([1e-30, 1e-9, 1e-3, 0.099, 0.101, 0.4999, 0.5, 0.7, 0.999])
    plain = scipy.stats.t(df, 0.5, 2.0)
    distribution = student(df)
    at = torch.tensor(level)
    np.testing.assert_allclose(distribution.icdf(at), plain.ppf(level), rtol=1e-8)
    np.testing.assert_allclose(distribution.isf(at), plain.isf(level), rtol=1e-8)


@pytest.mark.parametrize("df", [1.05, 2.0, 30.0])
@pytest.mark.parametrize("y", [-20.0, 0.5, 3.0])
def test_student_crps_is_scoringrules(df: float, y: float) -> None:
    expected = scoringrules.crps_t(y, df, 0.5, 2.0)
    assert student(df).crps(f64(y)).item() == pytest.approx(expected, rel=1e-9)


def test_student_moments_are_scipys() -> None:
    assert student(5.0).variance.item() == pytest.approx(scipy.stats.t(5, 0.5, 2).var())
    assert student(1.5).variance.item() == math.inf
    assert student(5.0).mean.item() == student(5.0).mode.item() == 0.5


@pytest.mark.parametrize("df", [1.2, 3.0, 40.0])
@pytest.mark.parametrize(
    ("low", "high"), [(-3.0, 4.0), (-math.inf, -6.0), (2.5, math.inf), (-math.inf, math.inf)]
)
def test_mean_of_a_censored_student_is_the_integral(df: float, low: float, high: float) -> None:
    oracle = scipy.stats.t(df, 0.7, 1.3)
    # The mean of the positive part less that of the negative part, in areas beside the
    # distribution.
    above, _ = scipy.integrate.quad(oracle.sf, max(low, 0.0), max(high, 0.0), epsrel=1e-11)
    below, _ = scipy.integrate.quad(oracle.cdf, min(low, 0.0), min(high, 0.0), epsrel=1e-11)
    expected = max(low, 0.0) + min(high, 0.0) + above - below
    censored = Censored(StudentT(f64(df), f64(0.7), f64(1.3)), low, high)
    # The quadrature of the heaviest tail is good to seven digits.
    assert censored.mean.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("build", "parameters", "message"),
    [
        (StudentT, (1.0, 0.0, 1.0), "df must be above 1 and finite, got 1"),
        (StudentT, (3.0, math.nan, 1.0), "loc must be finite"),
        (StudentT, (3.0, 0.0, 0.0), "scale must be positive and finite, got 0"),
        (HybridPareto, (0.0, 1.0, -1.0), "concentration must be above -1 and finite"),
        (HybridPareto, (0.0, 1.0, math.nan), "concentration must be above -1 and finite"),
    ],
)
def test_bad_parameters_are_refused(build: Callable, parameters: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(*parameters)


@pytest.mark.parametrize("concentration", [-0.2, 0.0, 1e-7, 0.3, 1.5])
def test_hybrid_is_a_gaussian_and_a_scipy_tail_over_one_constant(concentration: float) -> None:
    distribution = hybrid(concentration)
    w = scipy.special.lambertw((1 + concentration) ** 2 / (2 * np.pi)).real
    junction, scale = 1 + 2 * np.sqrt(w), 2 * (1 + concentration) / np.sqrt(w)
    total = 1 + scipy.stats.norm.cdf(np.sqrt(w))
    tail = scipy.stats.genpareto(concentration, junction, scale)
    body = scipy.stats.norm(1.0, 2.0)
    below, above = np.array([-40.0, 0.0, junction]), junction + np.array([1e-6, 1.0, 9.0])
    for x, log_density, log_cdf in (
        (below, body.logpdf(below), body.logcdf(below) - np.log(total)),
        (above, tail.logpdf(above), np.log1p(-tail.sf(above) / total)),
    ):
        at = torch.tensor(x)
        np.testing.assert_allclose(
            distribution.log_prob(at), log_density - np.log(total), rtol=1e-9
        )
        np.testing.assert_allclose(distribution.log_cdf(at), log_cdf, rtol=1e-9)
    np.testing.assert_allclose(
        distribution.sf(torch.tensor(above)), tail.sf(above) / total, rtol=1e-9
    )
    assert distribution.junction.item() == pytest.approx(junction, rel=1e-12)
    assert distribution.tail_mass.item() == pytest.approx(1 / total, rel=1e-12)


@pytest.mark.parametrize("concentration", [-0.2, 0.0, 0.8])
def test_hybrid_density_and_its_slope_are_continuous_at_the_junction(concentration: float) -> None:
    distribution = hybrid(concentration)
    at = torch.stack([distribution.junction, distribution.junction + 1e-9]).requires_grad_()
    density = distribution.log_prob(at)
    (slope,) = torch.autograd.grad(density.sum(), at)
    assert density[0].item() == pytest.approx(density[1].item(), abs=1e-8)
    assert slope[0].item() == pytest.approx(slope[1].item(), rel=1e-7)


def test_hybrid_support_ends_where_the_concentration_is_negative() -> None:
    distribution = hybrid(-0.2)
    end = distribution.support.upper_bound
    assert distribution.log_prob(end + 1e-6).item() == -math.inf
    assert distribution.sf(end - 1e-3).item() > 0
    assert hybrid(0.0).support.upper_bound.item() == math.inf


NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def integral(function, distribution: ScalarDistribution, low: float, high: float) -> float:
    """Gauss-Legendre between quantiles a decade of levels apart, and the ends."""
    levels = torch.tensor([0.3, *(10.0**-k for k in range(1, 14))], dtype=F64)
    joints = [distribution.junction] if isinstance(distribution, HybridPareto) else []
    if isinstance(distribution, Mixture):
        joints = list(distribution.breakpoints)
    inner = [*distribution.icdf(levels), *distribution.isf(levels), *joints, f64(1.7)]
    knots = sorted({low, high, *(k.item() for k in inner if low < k < high)})
    starts, widths = np.array(knots[:-1]), np.diff(knots)
    x = starts[:, None] + widths[:, None] * (NODES + 1) / 2
    values = function(torch.tensor(x)).numpy()
    return float((values @ WEIGHTS * widths / 2).sum())


def plain_crps(distribution: ScalarDistribution, y: float, low: float, high: float) -> float:
    at = min(max(y, low), high)
    below = integral(lambda x: distribution.cdf(x) ** 2, distribution, low, at)
    return below + integral(lambda x: distribution.sf(x) ** 2, distribution, at, high)


def ends(distribution: ScalarDistribution) -> tuple[float, float]:
    return distribution.icdf(f64(1e-12)).item(), distribution.isf(f64(1e-12)).item()


@every_distribution
def test_density_integrates_to_one(distribution: ScalarDistribution) -> None:
    assert integral(
        lambda x: distribution.log_prob(x).exp(), distribution, *ends(distribution)
    ) == pytest.approx(1, abs=1e-9)


@every_distribution
def test_bounded_crps_is_its_integral(distribution: ScalarDistribution) -> None:
    y, low, high = 1.7, -2.5, 9.0
    expected = plain_crps(distribution, y, low, high)
    # The mixtures' is a quadrature of fewer nodes.
    rel = 1e-6 if isinstance(distribution, Mixture) else 1e-7
    assert distribution.crps_between(f64(y), low, high).item() == pytest.approx(expected, rel=rel)


@every_distribution
@pytest.mark.sample(4)
def test_crps_of_one_tail_is_its_integral(distribution: ScalarDistribution) -> None:
    low, high = (distribution.icdf(f64(q)).item() for q in (0.05, 0.95))
    start, stop = ends(distribution)
    y = high + 3
    for bounds, finite in (((-math.inf, low), (start, low)), ((high, math.inf), (high, stop))):
        expected = plain_crps(distribution, y, *finite)
        assert distribution.crps_between(f64(y), *bounds).item() == pytest.approx(
            expected, rel=1e-6
        )


@every_distribution
def test_density_is_the_slope_of_the_cdf(distribution: ScalarDistribution) -> None:
    at = f64(-6.0, -2.2, 0.1, 3.0, 8.0).requires_grad_()
    (slope,) = torch.autograd.grad(distribution.cdf(at).sum(), at)
    np.testing.assert_allclose(slope, distribution.log_prob(at).exp().detach(), rtol=1e-8)


@every_distribution
def test_quantiles_invert_both_tails(distribution: ScalarDistribution) -> None:
    level = torch.tensor([1e-12, 1e-4, 0.2, 0.5, 0.9], dtype=F64)
    np.testing.assert_allclose(distribution.cdf(distribution.icdf(level)), level, rtol=1e-8)
    np.testing.assert_allclose(distribution.sf(distribution.isf(level)), level, rtol=1e-8)


@every_distribution
def test_levels_zero_and_one_are_the_ends(distribution: ScalarDistribution) -> None:
    # Only the hybrid distribution of negative concentration has an end.
    lowest = getattr(distribution.support, "lower_bound", -math.inf)
    assert distribution.icdf(f64(0.0)).item() == lowest
    assert distribution.sf(distribution.icdf(f64(1.0))).item() == pytest.approx(0, abs=1e-300)


@every_distribution
def test_a_bad_level_of_a_family_is_refused(distribution: ScalarDistribution) -> None:
    with pytest.raises(ValueError, match=r"value must be in \[0, 1\], got 1.5"):
        distribution.icdf(f64(1.5))


@every_distribution
def test_interval_mass_is_the_difference_and_keeps_the_tails_digits(
    distribution: ScalarDistribution,
) -> None:
    near = distribution.log_prob_interval(f64(0.0), f64(2.0)).exp().item()
    assert near == pytest.approx(
        (distribution.cdf(f64(2.0)) - distribution.cdf(f64(0.0))).item(), rel=1e-12
    )
    far = distribution.isf(f64(1e-20))
    assert distribution.log_prob_interval(far, f64(math.inf)).item() == pytest.approx(
        math.log(1e-20), rel=1e-6
    )


@every_distribution
def test_draws_follow_the_family(
    distribution: ScalarDistribution, generator: torch.Generator
) -> None:
    draws = distribution.sample((5_000,), generator=generator)
    assert draws.shape == (5_000,)
    result = scipy.stats.kstest(draws.numpy(), lambda x: distribution.cdf(torch.tensor(x)).numpy())
    assert result.pvalue > 1e-4


PARAMETERS = {
    "gaussian": (Gaussian, (3.0, 2.0)),
    "student": (StudentT, (2.3, 0.5, 2.0)),
    "hybrid": (HybridPareto, (1.0, 2.0, 0.3)),
    "gaussians": (
        lambda logits, loc, scale: Mixture(
            logits, [Gaussian(*each) for each in zip(loc.unbind(-1), scale.unbind(-1), strict=True)]
        ),
        ((0.1, 0.7), (-2.0, 1.0), (0.8, 1.6)),
    ),
}
every_family = pytest.mark.parametrize(("build", "parameters"), PARAMETERS.values(), ids=PARAMETERS)


@every_family
@pytest.mark.sample(2)
def test_family_gradients_are_the_differences(build, parameters) -> None:
    tensors = [torch.tensor(p, dtype=F64, requires_grad=True) for p in parameters]
    value = f64(-9.0, 0.4, 3.3, 40.0)
    levels = f64(1e-4, 0.3, 0.98)
    for method in ("log_prob", "log_cdf", "log_sf", "crps"):
        assert torch.autograd.gradcheck(
            lambda *p, m=method: getattr(build(*p), m)(value), tensors, atol=1e-6, rtol=1e-4
        ), method
    assert torch.autograd.gradcheck(lambda *p: build(*p).icdf(levels), tensors)


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_gradients_are_finite_everywhere(build, parameters, dtype: torch.dtype) -> None:
    value = torch.tensor([-math.inf, -1e15, -30.0, 0.0, 1e15, math.inf], dtype=dtype)
    for method in ("log_prob", "cdf", "log_cdf", "log_sf"):
        tensors = [torch.tensor(p, dtype=dtype, requires_grad=True) for p in parameters]
        result = getattr(build(*tensors), method)(value)
        assert result.dtype is dtype
        assert not result.isnan().any()
        if method == "cdf":
            result = result + build(*tensors).log_prob_interval(value[:-1], value[1:]).exp().sum()
        finite = torch.where(result.isfinite(), result, 0)
        gradients = torch.autograd.grad(finite.sum(), tensors, allow_unused=True)
        assert all(g is None or g.isfinite().all() for g in gradients), method


@every_family
def test_single_precision_keeps_both_tails(build, parameters) -> None:
    single, double = (
        build(*(torch.tensor(p, dtype=dtype) for p in parameters)) for dtype in (torch.float32, F64)
    )
    value = torch.tensor([-7.0, 0.3, 2.0, 200.0])
    for method in ("log_prob", "log_cdf", "log_sf", "crps"):
        torch.testing.assert_close(
            getattr(single, method)(value).double(),
            getattr(double, method)(value.double()),
            rtol=2e-5,
            atol=2e-6,
        )


@every_family
def test_a_batch_is_its_members(build, parameters) -> None:
    tensors = [torch.tensor(p, dtype=F64) for p in parameters]
    alone = build(*tensors)
    batch = build(*(torch.stack([t, t, t]) for t in tensors))
    assert batch.batch_shape == (3,)
    value = f64(-1.0, 0.5, 7.0)
    for method in ("log_prob", "cdf", "crps"):
        torch.testing.assert_close(getattr(batch, method)(value), getattr(alone, method)(value))
    levels = f64(0.01, 0.5, 0.999)
    torch.testing.assert_close(batch.icdf(levels), alone.icdf(levels))
    wide = alone.expand((2, 3))
    torch.testing.assert_close(wide.crps(value)[1], alone.crps(value))
    assert wide.sample((4,)).shape == (4, 2, 3)


@pytest.mark.parametrize("name", ["student", "hybrid"])
@pytest.mark.slow
def test_draws_carry_the_gradient_of_their_level(name: str) -> None:
    # d E[X] / d scale, with the mean in closed form: 0 for t, by quadrature for the hybrid.
    build, parameters = PARAMETERS[name]
    tensors = [torch.tensor(p, dtype=F64, requires_grad=True) for p in parameters]
    draws = build(*tensors).rsample((40_000,), generator=torch.Generator().manual_seed(1))
    index = 1 if name == "hybrid" else 2
    (slope,) = torch.autograd.grad(draws.clamp(-20, 30).mean(), tensors[index])

    def mean(scale: float) -> float:
        distribution = build(*(f64(scale if i == index else p) for i, p in enumerate(parameters)))
        cdf = lambda x: distribution.cdf(f64(x)).item()  # noqa: E731
        return 30 - scipy.integrate.quad(cdf, -20, 30, limit=200)[0]

    difference = (mean(2.0 + 1e-3) - mean(2.0 - 1e-3)) / 2e-3
    assert slope.item() == pytest.approx(difference, abs=0.05)


def test_student_quantiles_are_those_of_a_batch_within_vmap() -> None:
    df, level = f64(1.3, 5.0, 40.0), f64(1e-4, 0.3, 0.7)

    def quantile(each: torch.Tensor) -> torch.Tensor:
        return StudentT(each, 0.0, 1.0, validate_args=False).icdf(level)

    mapped = torch.vmap(quantile)(df)
    torch.testing.assert_close(mapped, StudentT(df[:, None], 0.0, 1.0).icdf(level))


def test_the_end_of_a_bounded_mixture_is_that_of_its_components() -> None:
    parts = [HybridPareto(f64(0.0), 1.0, -0.2), HybridPareto(f64(1.0), 1.0, -0.4)]
    distribution = Mixture(f64(0.0, 0.0), parts)
    end = max(part.support.upper_bound for part in parts)
    torch.testing.assert_close(distribution.icdf(f64(1.0)), end)
    assert distribution.sf(end).item() == 0
