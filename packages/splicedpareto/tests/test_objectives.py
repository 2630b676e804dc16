"""Each objective is the likelihood it says, best at the truth, and blind to masked targets."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.stats import genpareto
from torch import Tensor

from example_distributions import F64, PlainDistribution, f64, uneven_distribution
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.objectives import (
    composite_censored_nll,
    composite_interval_nll,
    composite_nll,
    crps_censored_loss,
    crps_loss,
    exact_interval_nll,
    exact_nll,
    weighted,
)

INF = math.inf
DENSITY = [composite_nll, exact_nll, crps_loss]
INTERVAL = [composite_interval_nll, exact_interval_nll]


@pytest.mark.parametrize("y", [-70.0, -31.0, -1.5, 0.7, 50.0, 105.0, 300.0])
def test_composite_loss_is_cross_entropy_plus_the_tails_likelihood(y: float) -> None:
    dist = uneven_distribution(0.2, 0.3, scale=20.0)
    plain = PlainDistribution.of(dist)
    k = np.clip(np.searchsorted(plain.edges, y, side="right") - 1, 0, len(plain.probs) - 1)
    expected = -math.log(plain.probs[k] / np.diff(plain.edges)[k])
    expected -= (
        max(plain.upper.excess.logpdf(y - plain.upper.threshold), -INF)
        if (y > plain.upper.threshold)
        else 0
    )
    expected -= (
        plain.lower.excess.logpdf(plain.lower.threshold - y) if (y < plain.lower.threshold) else 0
    )
    assert composite_nll(dist, f64(y)).item() == pytest.approx(expected, rel=1e-12)


def binned_mass(plain: PlainDistribution, lower: float, upper: float) -> float:
    """Mass of (lower, upper] in the bins; past an outermost edge the whole outermost bin."""
    if upper > plain.edges[-1]:
        lower = min(lower, plain.edges[-2])
    if lower < plain.edges[0]:
        upper = max(upper, plain.edges[1])
    overlap = np.minimum(plain.edges[1:], upper) - np.maximum(plain.edges[:-1], lower)
    return float((plain.probs * np.clip(overlap, 0, None) / np.diff(plain.edges)).sum())


@pytest.mark.parametrize(
    ("lower", "upper", "beyond"),
    [
        (-0.5, 0.7, 0.0),  # in the body, over an edge
        (50.0, 60.0, 1.0),  # in the upper tail
        (3.2, 3.8, None),  # straddles the upper threshold
        (2.0, INF, None),
        (90.0, INF, 1.0),
        (150.0, INF, 1.0),  # past the edges
        (150.0, 160.0, 1.0),
        (-0.5, 3.0, 0.0),
    ],
)
def test_composite_interval_loss_is_binned_mass_and_the_tails_share(
    lower: float, upper: float, beyond: float | None
) -> None:
    dist = uneven_distribution(0.2, 0.3, scale=20.0)
    plain = PlainDistribution.of(dist)
    threshold = plain.upper.threshold
    if beyond is None:
        beyond = binned_mass(plain, threshold, min(upper, plain.edges[-1])) / binned_mass(
            plain, lower, min(upper, plain.edges[-1])
        )
        assert 0 < beyond < 1
    part = plain.upper.excess.sf(max(lower - threshold, 0)) - plain.upper.excess.sf(
        max(upper - threshold, 0)
    )
    expected = -math.log(binned_mass(plain, lower, upper))
    expected -= beyond * math.log(part) if beyond else 0
    actual = composite_interval_nll(dist, f64(lower), f64(upper))
    assert actual.item() == pytest.approx(expected, rel=1e-11)
    mirrored = SplicedBinnedPareto(
        dist.logits.flip(-1),
        -dist.edges.flip(-1),
        0.3,
        0.2,
        10.0,
        20.0,
        dist.upper_mass,
        dist.lower_mass,
    )
    actual = composite_interval_nll(mirrored, f64(-upper), f64(-lower))
    assert actual.item() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("y", [-20.0, -1.5, 0.7, 60.0])
def test_a_narrow_interval_has_the_loss_of_the_density(y: float) -> None:
    dist, half = uneven_distribution(0.2, 0.3, scale=20.0), 1e-7
    interval = composite_interval_nll(dist, f64(y - half), f64(y + half))
    terms = 2 if y < dist.lower_threshold or y > dist.upper_threshold else 1
    density = composite_nll(dist, f64(y)) - terms * math.log(2 * half)
    assert interval.item() == pytest.approx(density.item(), abs=1e-5)


TRUE_SHAPES, TRUE_SCALES = (0.15, 0.25), (2.0, 3.0)


def truth() -> tuple[SplicedBinnedPareto, Tensor]:
    """Unit bins with thresholds on inner edges, and the logits that give each bin its true mass."""
    edges = torch.arange(-6.0, 13.0, dtype=F64)
    masses = f64(3, 1, 4, 1, 5, 9, 2, 6)  # the body, from -2 to 6
    masses = 0.8 * masses / masses.sum()
    tails = [
        p * torch.tensor(-np.diff(genpareto.sf([*range(n), INF], c=xi, scale=sigma)), dtype=F64)
        for p, n, xi, sigma in zip((0.08, 0.12), (4, 6), TRUE_SHAPES, TRUE_SCALES, strict=True)
    ]
    logits = torch.cat([tails[0].flip(0), masses, tails[1]]).log()
    dist = SplicedBinnedPareto(
        logits, edges, *TRUE_SHAPES, *TRUE_SCALES, lower_mass=0.08, upper_mass=0.12
    )
    assert dist.lower_threshold.item() == pytest.approx(-2)
    assert dist.upper_threshold.item() == pytest.approx(6)
    return dist, logits


PARTITIONS = {
    "whole numbers": [-INF, *range(-20, 60), INF],
    "straddling both thresholds": [-INF, -4, -1, 2, 4, 9, INF],
    "censored beyond 8": [-INF, *range(-20, 9), INF],
    "censored within the body": [-INF, *range(-1, 4), INF],
    "censored astride the upper threshold": [-INF, *range(-30, 5), INF],
}


@pytest.mark.parametrize("partition", [*PARTITIONS, "densities"])
def test_composite_losses_have_no_slope_at_the_truth(partition: str) -> None:
    dist, logits = truth()
    parameters = [logits, f64(*TRUE_SHAPES), f64(*TRUE_SCALES)]
    parameters = [p.clone().requires_grad_() for p in parameters]
    fitted = SplicedBinnedPareto(
        parameters[0], dist.edges, *parameters[1], *parameters[2], lower_mass=0.08, upper_mass=0.12
    )
    if partition == "densities":
        x, weight = map(torch.tensor, PlainDistribution.of(dist).quadrature(*range(-6, 13)))
        expected = (weight * dist.log_prob(x).exp() * composite_nll(fitted, x)).sum()
    else:
        cuts = f64(*PARTITIONS[partition])
        probability = dist.log_prob_interval(cuts[:-1], cuts[1:]).exp()
        expected = (probability * composite_interval_nll(fitted, cuts[:-1], cuts[1:])).sum()
    slopes = torch.autograd.grad(expected, parameters)
    bound = 1e-9 if partition == "densities" else 1e-10
    assert all(slope.abs().max() < bound for slope in slopes)


@pytest.mark.parametrize("y", [-50.0, 60.0])
def test_thresholds_do_not_pull_in_a_composite_loss(y: float) -> None:
    logits = uneven_distribution().logits.clone().requires_grad_()
    dist = SplicedBinnedPareto(logits, uneven_distribution().edges, 0.2, 0.3, 20.0, 10.0)
    (gradient,) = torch.autograd.grad(composite_nll(dist, f64(y)), logits)
    hot = torch.nn.functional.one_hot(torch.tensor(0 if y < 0 else 6), 7)
    torch.testing.assert_close(gradient, logits.detach().softmax(-1) - hot)
    (gradient,) = torch.autograd.grad(composite_interval_nll(dist, f64(y), f64(y + 1)), logits)
    torch.testing.assert_close(gradient, logits.detach().softmax(-1) - hot)


def test_with_the_edge_splice_composite_is_exact() -> None:
    dist = uneven_distribution(0.2, -0.1, splice="edge", scale=9.0)
    y = f64(-40.0, -1.0, 2.0, 106.0)
    torch.testing.assert_close(composite_nll(dist, y), -dist.log_prob(y))
    torch.testing.assert_close(
        composite_interval_nll(dist, y, y + 1), -dist.log_prob_interval(y, y + 1)
    )


def test_exact_losses_are_minus_the_log_probability() -> None:
    y = f64(-40.0, -1.0, 2.0, 106.0)
    for dist in (
        uneven_distribution(),
        uneven_distribution(splice="edge", scale=3.0),
        Gaussian(f64(0.0), f64(9.0)),
    ):
        torch.testing.assert_close(exact_nll(dist, y), -dist.log_prob(y))
        expected = -dist.log_prob_interval(y, y + 1)
        torch.testing.assert_close(exact_interval_nll(dist, y, y + 1), expected)
    distribution = Discretized(Censored(uneven_distribution(), -40.0, 90.0))
    torch.testing.assert_close(
        exact_nll(distribution, f64(-40.0, 3.0)), -distribution.log_prob(f64(-40.0, 3.0))
    )


def test_crps_loss_is_the_crps() -> None:
    y = f64(-40.0, 2.0, 106.0)
    for dist in (uneven_distribution(scale=4.0), Gaussian(f64(0.0), f64(9.0))):
        torch.testing.assert_close(crps_loss(dist, y), dist.crps(y))


@pytest.mark.parametrize("scales", [(3.0, 4.0), (3.0, None), (None, 4.0)])
def test_free_scales_under_the_quantile_splice_are_refused(scales: tuple) -> None:
    dist = SplicedBinnedPareto(torch.zeros(4), torch.arange(5.0), 0.1, 0.1, *scales)
    for call in (
        lambda: exact_nll(dist, torch.tensor(1.0)),
        lambda: exact_interval_nll(dist, torch.tensor(1.0), torch.tensor(2.0)),
    ):
        with pytest.raises(ValueError, match=r"thresholds move with the logits.*leave the scales"):
            call()


@pytest.mark.parametrize("objective", [*DENSITY, *INTERVAL])
def test_masked_targets_cost_and_teach_nothing(objective) -> None:
    logits = torch.zeros(3, 4, dtype=F64, requires_grad=True)
    dist = SplicedBinnedPareto(logits, torch.arange(5.0), -0.2, 0.1)
    value, width = f64(math.nan, 1.5, 9.0), [0, 1] if objective in INTERVAL else [0]
    loss = objective(dist, *(value + w for w in width), mask=~value.isnan())
    assert loss.shape == (3,)
    assert loss[0] == 0
    torch.testing.assert_close(
        loss[1:], objective(dist, *(f64(2.0, 1.5, 9.0) + w for w in width))[1:]
    )
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient[0].tolist() == [0] * 4
    assert (gradient[1:].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("objective", DENSITY)
def test_an_unmasked_nan_target_is_refused(objective) -> None:
    dist = SplicedBinnedPareto(torch.zeros(4), torch.arange(5.0), 0.1, 0.1)
    value = torch.tensor([1.0, math.nan])
    with pytest.raises(ValueError, match=r"value must be a number where.*got nan"):
        objective(dist, value)
    unchecked = SplicedBinnedPareto(
        torch.zeros(4), torch.arange(5.0), 0.1, 0.1, validate_args=False
    )
    assert objective(unchecked, value).isnan().tolist() == [False, True]


@pytest.mark.parametrize("objective", INTERVAL)
def test_bad_intervals_are_refused(objective) -> None:
    dist = SplicedBinnedPareto(torch.zeros(4), torch.arange(5.0), 0.1, 0.1)
    one = torch.tensor(1.0)
    with pytest.raises(ValueError, match="lower must be below upper, got 1"):
        objective(dist, one, one)
    with pytest.raises(ValueError, match="upper must be a number where it is not masked"):
        objective(dist, one, one * math.nan)


@pytest.mark.parametrize("objective", INTERVAL)
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_no_interval_has_an_undefined_gradient(objective, dtype: torch.dtype) -> None:
    tied = objective is exact_interval_nll
    parameters = [
        torch.tensor(p, dtype=dtype, requires_grad=True)
        for p in ([0.3, -90.0, 1.0, -INF, 0.5], [-0.2, 0.3], [2.0, 3.0])
    ]
    logits, shapes, scales = parameters
    edges = torch.tensor([-4.0, -1, 0, 2, 3, 7], dtype=dtype)
    dist = SplicedBinnedPareto(logits, edges, *shapes, *((None, None) if tied else scales))
    low, high = dist.lower_threshold.item(), dist.upper_threshold.item()
    cuts = torch.tensor(
        [-INF, -90, -4, low, -1, -0.5, 0.5, 1, 2, high, 6.5, 7, 40, 1e9, INF], dtype=dtype
    )
    pairs = torch.combinations(cuts)
    loss = objective(dist, pairs[:, 0], pairs[:, 1])
    finite = loss.isfinite()
    assert finite.sum() > 90
    wanted = parameters[: 2 if tied else 3]
    gradients = torch.autograd.grad(loss[finite].sum(), wanted, retain_graph=True)
    assert all(g.isfinite().all() for g in gradients)
    gradients = torch.autograd.grad(loss.sum(), wanted)
    assert not any(g.isnan().any() for g in gradients)


def test_losses_are_one_a_target_whatever_the_sample_shape() -> None:
    dist = uneven_distribution(scale=3.0).expand((3,))
    value = torch.linspace(-50, 120, 12, dtype=F64).reshape(4, 3)
    for loss in (
        composite_nll(dist, value),
        composite_interval_nll(dist, value, value + 1),
        crps_loss(dist, value),
    ):
        assert loss.shape == (4, 3)
    alone = composite_interval_nll(
        uneven_distribution(scale=3.0), value.flatten(), value.flatten() + 1
    )
    together = composite_interval_nll(dist, value, value + 1)
    torch.testing.assert_close(together.flatten(), alone)


def test_a_tail_without_mass_costs_nothing_beyond_the_bins_where_nothing_is_checked() -> None:
    dist = SplicedBinnedPareto(
        torch.zeros(4), torch.arange(5.0), 0.1, 0.1, None, None, 0.0, 0.0, validate_args=False
    )
    assert composite_nll(dist, torch.tensor(9.0)).item() == pytest.approx(math.log(4))
    interval = composite_interval_nll(dist, torch.tensor(9.0), torch.tensor(10.0))
    assert interval.item() == pytest.approx(math.log(4))


def test_weight_multiplies_the_loss() -> None:
    distribution, value = Gaussian(torch.zeros(3), 1.0), torch.tensor([0.0, 1.0, 5.0])
    weight = torch.tensor([0.0, 0.5, 2.0])
    torch.testing.assert_close(
        weighted(exact_nll)(distribution, value, weight), weight * exact_nll(distribution, value)
    )


def test_a_location_and_a_scale_have_a_likelihood_of_their_own() -> None:
    base, y = uneven_distribution(0.2, 0.3, scale=20.0), f64(-70.0, 0.7, 130.0)
    loc, scale = f64(1.5).requires_grad_(), f64(0.6).requires_grad_()
    dist = AffineTransformed(base, loc, scale)
    z = (y - 1.5) / 0.6
    student = scipy.stats.t(10, 1.5, 0.6)
    constant = student.logpdf(1.5) + math.log(0.6)
    expected = composite_nll(base, z) + math.log(0.6)
    expected = expected - torch.tensor(student.logpdf(y.numpy()) - constant)
    loss = composite_nll(dist, y)
    torch.testing.assert_close(loss, expected)

    # The bins' part moves neither.
    def student_alone(loc: Tensor, scale: Tensor) -> Tensor:
        return -torch.distributions.StudentT(f64(10.0), loc, scale).log_prob(y).sum()

    expected = torch.autograd.grad(student_alone(loc, scale), (loc, scale))
    torch.testing.assert_close(torch.autograd.grad(loss.sum(), (loc, scale)), expected)


def test_intervals_fit_a_location_by_their_middles_or_finite_ends() -> None:
    base = uneven_distribution(0.2, 0.3, scale=20.0)
    loc = f64(1.5).requires_grad_()
    dist = AffineTransformed(base, loc, f64(0.6))
    lower, upper, middle = f64(-INF, 2.0, 3.0), f64(-4.0, 2.5, INF), f64(-4.0, 2.25, 3.0)
    loss = composite_interval_nll(dist, lower, upper)
    own = composite_interval_nll(base, (lower - 1.5) / 0.6, (upper - 1.5) / 0.6)
    beside = composite_nll(dist, middle) - composite_nll(base, (middle - 1.5) / 0.6)
    torch.testing.assert_close(loss - own, beside - math.log(0.6))
    (slope,) = torch.autograd.grad(loss.sum(), loc)
    (expected,) = torch.autograd.grad(composite_nll(dist, middle).sum(), loc)
    torch.testing.assert_close(slope, expected)
    everything = composite_interval_nll(dist, f64(-INF), f64(INF))
    torch.testing.assert_close(everything, composite_interval_nll(base, f64(-INF), f64(INF)))


@pytest.mark.parametrize("objective", [composite_nll, composite_interval_nll])
def test_composite_objectives_refuse_other_families(objective) -> None:
    targets = (f64(0.0),) if objective is composite_nll else (f64(0.0), f64(1.0))
    gaussian = Gaussian(f64(0.0), f64(1.0))
    for dist in (gaussian, AffineTransformed(gaussian, f64(1.0))):
        with pytest.raises(
            TypeError, match="must be a SplicedBinnedPareto or an AffineTransformed"
        ):
            objective(dist, *targets)


def atom_and_bins(log_weights: torch.Tensor) -> tuple[Mixture, SplicedBinnedPareto]:
    """An atom at 0 beside a distribution with free scales."""
    edges = torch.tensor([-1.0, 0.5, 2.0, 4.0], dtype=torch.float64)
    logits = torch.tensor([0.3, 0.0, -0.5], dtype=torch.float64)
    rest = SplicedBinnedPareto(logits, edges, 0.2, 0.3, 0.4, 0.5, 0.1, 0.1)
    return Mixture(log_weights, [Delta(torch.zeros((), dtype=torch.float64)), rest]), rest


def test_composite_of_a_mixture_counts_an_atom_by_its_weight() -> None:
    logits = torch.tensor([0.3, 0.7], dtype=torch.float64).log().requires_grad_()
    mixture, rest = atom_and_bins(logits)
    values = torch.tensor([0.0, 1.0, 9.0, -3.0], dtype=torch.float64)
    expected = composite_nll(rest, values) - math.log(0.7)
    expected[0] = -math.log(0.3)
    loss = composite_nll(mixture, values)
    torch.testing.assert_close(loss.detach(), expected)
    loss.sum().backward()
    # One of four is the atom: minus the share plus four times the probability.
    torch.testing.assert_close(
        logits.grad, torch.tensor([4 * 0.3 - 1, 4 * 0.7 - 3], dtype=torch.float64)
    )


def test_composite_interval_of_a_mixture_adds_the_masses() -> None:
    mixture, rest = atom_and_bins(torch.tensor([0.3, 0.7], dtype=torch.float64).log())
    low = torch.tensor([-0.5, 0.0, -math.inf, 5.0], dtype=torch.float64)
    high = torch.tensor([0.25, 1.0, 0.0, math.inf], dtype=torch.float64)
    loss = composite_interval_nll(mixture, low, high)
    # Within the body the bins' probability is the distribution's.
    inside = rest.log_prob_interval(low[:2], high[:2]).exp()
    torch.testing.assert_close(loss[0], -(0.3 + 0.7 * inside[0]).log())
    torch.testing.assert_close(loss[1], -(0.7 * inside[1]).log())
    # Of the interval that has no atom the tails count in full.
    torch.testing.assert_close(
        loss[3], composite_interval_nll(rest, low[3], high[3]) - math.log(0.7)
    )
    assert loss[2] < composite_interval_nll(rest, low[2], high[2])


def test_composite_censored_chooses_the_likelihood_of_each_target() -> None:
    for dist in atom_and_bins(torch.zeros(2, dtype=torch.float64)):
        low = torch.tensor([1.5, 1.5, -math.inf], dtype=torch.float64)
        high = torch.tensor([1.5, math.inf, 3.0], dtype=torch.float64)
        loss = composite_censored_nll(dist, low, high)  # type: ignore[arg-type]
        torch.testing.assert_close(loss[:1], composite_nll(dist, low[:1]))  # type: ignore[arg-type]
        torch.testing.assert_close(loss[1:], composite_interval_nll(dist, low[1:], high[1:]))  # type: ignore[arg-type]


def test_composite_of_two_families_is_refused() -> None:
    _, rest = atom_and_bins(torch.zeros(2, dtype=torch.float64))
    mixture = Mixture(torch.zeros(2, dtype=torch.float64), [rest, rest])
    with pytest.raises(TypeError, match="a Mixture of atoms and one SplicedBinnedPareto"):
        composite_nll(mixture, torch.zeros((), dtype=torch.float64))


def test_crps_of_a_censored_target_is_that_of_the_known_thresholds() -> None:
    _, dist = atom_and_bins(torch.zeros(2, dtype=torch.float64))
    low = torch.tensor([1.0, 1.0, -math.inf, 1.0], dtype=torch.float64)
    high = torch.tensor([1.0, math.inf, 1.0, 3.0], dtype=torch.float64)
    loss = crps_censored_loss(dist, low, high)
    # Steps of 1e-4 about the atom and the bins, growing with the distance from them.
    u = torch.linspace(-8.3, 8.3, 200_001, dtype=torch.float64)
    grid, width = u.sinh(), u.cosh() * (u[1] - u[0])
    below, above = dist.cdf(grid).square() * width, dist.sf(grid).square() * width
    up_to_one, from_one, from_three = below[grid <= 1], above[grid >= 1], above[grid >= 3]
    expected = torch.stack(
        [
            up_to_one.sum() + from_one.sum(),
            up_to_one.sum(),
            from_one.sum(),
            up_to_one.sum() + from_three.sum(),
        ]
    )
    torch.testing.assert_close(loss, expected, rtol=2e-3, atol=0)
    torch.testing.assert_close(loss[0], dist.crps(low[0]))


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (math.nan, 5.0, "lower must be a number"),
        (1.0, math.nan, "upper must be a number"),
        (5.0, 1.0, "lower must be at most upper"),
    ],
)
def test_ends_that_are_no_interval_have_no_crps(low: float, high: float, message: str) -> None:
    _, dist = atom_and_bins(torch.zeros(2, dtype=torch.float64))
    with pytest.raises(ValueError, match=message):
        crps_censored_loss(dist, torch.tensor(low), torch.tensor(high))
