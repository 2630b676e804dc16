"""Methods agree with each other, whatever the parameters."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from example_distributions import F64, PROPERTY, distributions, f64, uneven_distribution
from splicedpareto.distributions import SplicedBinnedPareto

LEVELS = f64(1e-12, 1e-6, 0.003, 0.04, 0.2, 0.5, 0.77, 0.96, 0.9999, 1 - 1e-9)


def values(dist: SplicedBinnedPareto) -> Tensor:
    """Values in both tails and the body, with every edge and threshold."""
    special = [dist.lower_threshold[None], dist.upper_threshold[None], dist.edges]
    return torch.cat([dist.icdf(LEVELS), *special]).sort().values


@PROPERTY
@given(distributions())
def test_cdf_never_decreases(dist: SplicedBinnedPareto) -> None:
    x = values(dist)
    fine = torch.lerp(x[:-1, None], x[1:, None], torch.linspace(0, 1, 9, dtype=F64)).flatten()
    # Sums from the left and from the right meet in the middle, each rounded.
    assert (dist.cdf(fine).diff() >= -1e-15).all()
    assert (dist.sf(fine).diff() <= 1e-15).all()


@PROPERTY
@given(distributions())
def test_cdf_and_sf_sum_to_one(dist: SplicedBinnedPareto) -> None:
    x = values(dist)
    torch.testing.assert_close(dist.cdf(x) + dist.sf(x), torch.ones_like(x), rtol=0, atol=1e-15)


@PROPERTY
@given(distributions())
def test_logarithms_agree_with_the_probabilities(dist: SplicedBinnedPareto) -> None:
    x = values(dist)
    torch.testing.assert_close(dist.log_cdf(x).exp(), dist.cdf(x), rtol=1e-13, atol=0)
    torch.testing.assert_close(dist.log_sf(x).exp(), dist.sf(x), rtol=1e-13, atol=0)


@PROPERTY
@given(distributions(lowest=-0.3))
def test_quantile_inverts_the_cdf_from_either_side(dist: SplicedBinnedPareto) -> None:
    # At a value x the level is as exact as x is: one rounding of x, times the density.
    for quantile, probability in ((dist.icdf, dist.cdf), (dist.isf, dist.sf)):
        x = quantile(LEVELS)
        rounding = 4e-16 * x.abs() * dist.log_prob(x).exp()
        error = (probability(x) - LEVELS).abs()
        assert (error <= 1e-12 * torch.minimum(LEVELS, 1 - LEVELS) + 4 * rounding + 1e-15).all()


@PROPERTY
@given(distributions(lowest=0.0, highest=0.5))
def test_levels_below_every_number_have_quantiles(dist: SplicedBinnedPareto) -> None:
    assume(min(dist.lower_mass, dist.upper_mass) > 0)
    log_level = f64(-1e4, -800.0, -30.0, -3.0)
    upper, lower = dist.isf_from_log(log_level), dist.icdf_from_log(log_level)
    deep = lower.isfinite() & upper.isfinite()
    rtol = 1e-9
    torch.testing.assert_close(dist.log_sf(upper)[deep], log_level[deep], rtol=rtol, atol=1e-12)
    torch.testing.assert_close(dist.log_cdf(lower)[deep], log_level[deep], rtol=rtol, atol=1e-12)


@PROPERTY
@given(distributions())
def test_cdf_is_continuous_at_both_splices(dist: SplicedBinnedPareto) -> None:
    for threshold in (dist.lower_threshold, dist.upper_threshold):
        around = torch.stack([_before(threshold), threshold, _after(threshold)])
        step = dist.cdf(around).diff()
        bound = 4e-16 * threshold.abs() * dist.log_prob(around).exp().amax() + 1e-15
        assert (step.abs() <= 4 * bound).all()


@PROPERTY
@given(distributions(lowest=-0.3), st.floats(1e-6, 1 - 1e-6))
def test_density_is_the_slope_of_the_cdf(dist: SplicedBinnedPareto, level: float) -> None:
    x = dist.icdf(f64(level))
    jumps = torch.cat([dist.edges, dist.lower_threshold[None], dist.upper_threshold[None]])
    assume((jumps - x).abs().min() > 1e-9 * x.abs() + 1e-12)  # one-sided slopes differ there
    at = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(dist.cdf(at), at)
    assert slope.item() == pytest.approx(dist.log_prob(at).exp().item(), rel=1e-10)


AFFINE = {
    "log_prob": lambda old, new, loc, scale, x: (
        new.log_prob(loc + scale * x),
        old.log_prob(x) - math.log(scale),
    ),
    "log_sf": lambda old, new, loc, scale, x: (new.log_sf(loc + scale * x), old.log_sf(x)),
    "crps": lambda old, new, loc, scale, x: (new.crps(loc + scale * x) / scale, old.crps(x)),
    "tw_crps": lambda old, new, loc, scale, x: (
        new.tw_crps(loc + scale * x, loc + scale * x.flip(0)) / scale,
        old.tw_crps(x, x.flip(0)),
    ),
    "stop_loss": lambda old, new, loc, scale, x: (
        new.stop_loss(loc + scale * x) / scale,
        old.stop_loss(x),
    ),
    "mean_excess": lambda old, new, loc, scale, x: (
        new.mean_excess(loc + scale * x) / scale,
        old.mean_excess(x),
    ),
    "icdf": lambda old, new, loc, scale, _: ((new.icdf(LEVELS) - loc) / scale, old.icdf(LEVELS)),
    "mean": lambda old, new, loc, scale, _: ((new.mean - loc) / scale, old.mean),
    "variance": lambda old, new, _, scale, __: (new.variance / scale**2, old.variance),
    "entropy": lambda old, new, _, scale, __: (new.entropy() - math.log(scale), old.entropy()),
    "mode": lambda old, new, _, scale, __: (
        # Of equally dense bins either may come first. Mapped back, a mode at a splice may round to
        # the other side of it, where the density is another, so each distribution is asked at its
        # own.
        new.log_prob(new.mode) + math.log(scale),
        old.log_prob(old.mode),
    ),
    "expected_shortfall": lambda old, new, loc, scale, _: (
        (new.expected_shortfall(LEVELS) - loc) / scale,
        old.expected_shortfall(LEVELS),
    ),
}


@pytest.mark.parametrize("method", AFFINE)
@PROPERTY
@given(dist=distributions(), loc=st.floats(-50, 50), scale=st.floats(0.01, 100))
def test_affine_maps_carry_over(
    method: str, dist: SplicedBinnedPareto, loc: float, scale: float
) -> None:
    x = values(dist)
    x = x[_clear_of_jumps(dist, x)]
    actual, expected = AFFINE[method](dist, dist.affine(loc, scale), loc, scale, x)
    # Edges are rounded by 2e-16 of the shift, which the narrowest bin divides by 1e-5.
    torch.testing.assert_close(actual, expected, rtol=1e-8, atol=1e-8, equal_nan=True)


@PROPERTY
@given(distributions())
def test_reflection_swaps_the_tails(dist: SplicedBinnedPareto) -> None:
    mirrored = rebuilt(
        dist,
        logits=dist.logits.flip(-1),
        edges=-dist.edges.flip(-1),
        lower_concentration=dist.upper_concentration,
        upper_concentration=dist.lower_concentration,
        lower_scale=dist.upper_scale,
        upper_scale=dist.lower_scale,
        lower_mass=dist.upper_mass,
        upper_mass=dist.lower_mass,
    )
    x = values(dist)
    x = x[_clear_of_jumps(dist, x)]
    close = {"rtol": 1e-10, "atol": 1e-13}
    torch.testing.assert_close(mirrored.log_prob(-x), dist.log_prob(x), **close)
    torch.testing.assert_close(mirrored.log_cdf(-x), dist.log_sf(x), **close)
    torch.testing.assert_close(mirrored.isf(LEVELS), -dist.icdf(LEVELS), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(mirrored.crps(-x), dist.crps(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mirrored.mean, -dist.mean, equal_nan=True, rtol=1e-9, atol=1e-9)
    level = 0.5 ** f64(40, 20, 6, 3, 1)  # one minus a power of two is exact
    level = torch.cat([level, 1 - level])
    below = mirrored.expected_shortfall(1 - level, upper=False)
    above = dist.expected_shortfall(level)
    torch.testing.assert_close(below, -above, equal_nan=True, rtol=1e-9, atol=1e-9)


@PROPERTY
@given(distributions(), st.floats(-300, 300))
def test_a_shift_of_all_logits_changes_nothing(dist: SplicedBinnedPareto, shift: float) -> None:
    shifted = rebuilt(dist, logits=dist.logits + shift)
    x = values(dist)
    x = x[_clear_of_jumps(dist, x)]
    torch.testing.assert_close(shifted.log_prob(x), dist.log_prob(x), rtol=1e-9, atol=1e-9)


@PROPERTY
@given(distributions(), st.randoms(use_true_random=False))
def test_intervals_add_up_to_everything(dist: SplicedBinnedPareto, random) -> None:
    cuts = values(dist)[sorted(random.sample(range(len(LEVELS)), 5))].unique()
    cuts = torch.cat([f64(-math.inf)[None], cuts, f64(math.inf)[None]])
    pieces = dist.log_prob_interval(cuts[:-1], cuts[1:])
    assert pieces.exp().sum().item() == pytest.approx(1, abs=rounding(dist))


@PROPERTY
@given(distributions(lowest=0.0))
def test_an_interval_keeps_its_digits_in_either_tail(dist: SplicedBinnedPareto) -> None:
    assume(min(dist.lower_mass, dist.upper_mass) > 0)
    far, near = f64(-60.0), f64(-60.0 + math.log(3))  # levels e**-60 and three times that
    above = dist.log_prob_interval(dist.isf_from_log(near), dist.isf_from_log(far))
    below = dist.log_prob_interval(dist.icdf_from_log(far), dist.icdf_from_log(near))
    assert above.item() == pytest.approx(-60 + math.log(2), rel=1e-10)
    assert below.item() == pytest.approx(-60 + math.log(2), rel=1e-10)


@PROPERTY
@given(distributions())
def test_half_open_intervals_are_the_censored_probabilities(dist: SplicedBinnedPareto) -> None:
    x, everything = values(dist), torch.full((), math.inf, dtype=F64)
    below = dist.log_prob_interval(-everything, x)
    above = dist.log_prob_interval(x, everything)
    # Of a value just short of a threshold the remainder of the bin is a small difference, which
    # rounding of the threshold moves by more than a share of the bin: 2e-12 has been found. A
    # probability is as exact as the value is: one rounding of it, times the density to either side.
    density = torch.stack([dist.log_prob(near(x)) for near in (_before, torch.clone, _after)])
    moved = 1e-15 * x.abs() * density.amax(0).exp()
    for found, expected in ((below, dist.log_cdf(x)), (above, dist.log_sf(x))):
        allowed = max(rounding(dist), 1e-11) * expected.abs() + max(rounding(dist), 1e-10)
        allowed += moved / expected.exp()
        is_close = expected.isfinite() & ((found - expected).abs() <= allowed)
        assert (is_close | (found == expected)).all()


@pytest.mark.parametrize("splice", ["quantile", "edge"])
@pytest.mark.parametrize("edge", [-0.999, 3.0])
def test_a_narrow_interval_across_an_edge_keeps_its_digits(splice: str, edge: float) -> None:
    ends = torch.tensor([edge - 1e-4, edge + 1e-4])
    actual = uneven_distribution(splice=splice, dtype=torch.float32).log_prob_interval(*ends)
    expected = uneven_distribution(splice=splice).log_prob_interval(*ends.double())
    # The edge is rounded by 6e-8 of 3, a thousandth of the interval's part of either bin.
    assert actual.item() == pytest.approx(expected.item(), abs=2e-3)


@PROPERTY
@given(distributions(), st.permutations(range(len(LEVELS))))
def test_each_row_of_a_batch_is_its_own_distribution(
    dist: SplicedBinnedPareto, order: list[int]
) -> None:
    rows = [dist, dist.affine(3.0, 2.0), dist.affine(-40.0, 0.1)]
    names = [*PARAMETERS, "lower_mass", "upper_mass"]
    batch = rebuilt(dist, **{n: torch.stack([getattr(row, n) for row in rows]) for n in names})
    level = LEVELS[order]
    quantiles = torch.stack([row.icdf(level) for row in rows], -1)
    torch.testing.assert_close(batch.icdf(level[:, None]), quantiles, rtol=1e-9, atol=1e-9)
    for method in ("cdf", "log_sf", "crps"):
        alone = [getattr(row, method)(x) for row, x in zip(rows, quantiles.unbind(-1), strict=True)]
        together = getattr(batch, method)(quantiles)
        torch.testing.assert_close(together, torch.stack(alone, -1), rtol=1e-9, atol=1e-9)


PARAMETERS = (
    "logits",
    "edges",
    "lower_concentration",
    "upper_concentration",
    "lower_scale",
    "upper_scale",
)


def rebuilt(dist: SplicedBinnedPareto, **changes: Tensor) -> SplicedBinnedPareto:
    """Build the distribution again, with other parameters where given."""
    arguments = {name: getattr(dist, name) for name in PARAMETERS}
    arguments |= {"lower_mass": dist.lower_mass, "upper_mass": dist.upper_mass} | changes
    if dist.splice == "edge":
        del arguments["lower_mass"], arguments["upper_mass"]
    return SplicedBinnedPareto(**arguments, splice=dist.splice)


def rounding(dist: SplicedBinnedPareto) -> float:
    """Share of a bin's mass by which rounding of its edges and of a threshold in it may move."""
    return 1e-14 + 1e-15 * (dist.edges.abs().max() / dist.edges.diff().min()).item()


def _before(x: Tensor) -> Tensor:
    return torch.nextafter(x, f64(-math.inf))


def _after(x: Tensor) -> Tensor:
    return torch.nextafter(x, f64(math.inf))


def _clear_of_jumps(dist: SplicedBinnedPareto, x: Tensor) -> Tensor:
    """Where the density is the same on both sides of a rounding of the value."""
    jumps = torch.cat([dist.edges, dist.lower_threshold[None], dist.upper_threshold[None]])
    ends = torch.stack(dist.end_points)
    distance = (torch.cat([jumps, ends[ends.isfinite()]])[:, None] - x).abs().amin(0)
    return distance > 1e-6 * (1 + x.abs())
