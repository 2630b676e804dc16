"""A mixture is the weighted sum of its parts: masses on atoms, a density elsewhere, both tails."""

import copy
import math
import pickle

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from torch import Tensor
from torch.distributions import Independent, Normal

from example_distributions import (
    F64,
    MIXTURES,
    PROPERTY,
    f64,
    mixtures,
    shares,
    uneven_distribution,
    uniform,
)
from splicedpareto.distributions import (
    AffineTransformed,
    Delta,
    Discretized,
    Gaussian,
    Mixture,
    SplicedBinnedPareto,
)
from splicedpareto.scoring_rules import mid_cdf, randomized_pit

INF, NAN = math.inf, math.nan
LEVELS = f64(1e-12, 1e-6, 0.003, 0.04, 0.2, 0.5, 0.77, 0.96, 0.9999, 1 - 1e-9)
METHODS = ("log_prob", "cdf", "cdf_below", "sf", "log_cdf", "log_sf", "log_mass")
every_mixture = pytest.mark.parametrize("dist", MIXTURES.values(), ids=MIXTURES)


def atoms(dist: Mixture) -> Tensor:
    """Values with mass."""
    places = dist.breakpoints.unique()
    return places[dist.log_mass(places) > -INF]


def values(dist: Mixture) -> Tensor:
    """Values in both tails, on every breakpoint and beside it."""
    kinks = dist.breakpoints
    return (
        torch.cat([dist.icdf(LEVELS), dist.isf(LEVELS), kinks, kinks - 1e-7, kinks + 1e-7])
        .sort()
        .values
    )


def test_three_pieces_by_hand() -> None:
    # 0.2 on 0, 0.5 even over [1, 3], 0.3 even over [2, 6].
    dist = MIXTURES["uniforms"]
    value = f64(-1.0, 0.0, 0.5, 1.5, 2.5, 4.0, 7.0)
    cdf = f64(0.0, 0.2, 0.2, 0.325, 0.6125, 0.85, 1.0)
    density = f64(0.0, 0.2, 0.0, 0.25, 0.325, 0.075, 0.0)  # at 0 a mass
    torch.testing.assert_close(dist.log_prob(value).exp(), density)
    torch.testing.assert_close(dist.cdf(value), cdf)
    torch.testing.assert_close(dist.sf(value), 1 - cdf)
    assert dist.cdf_below(f64(0.0)) == 0
    assert dist.mean.item() == pytest.approx(0.5 * 2 + 0.3 * 4)
    assert dist.variance.item() == pytest.approx(0.5 * 13 / 3 + 0.3 * 52 / 3 - 2.2**2)
    assert dist.clamped_mean(1.5, 3.0).item() == pytest.approx(
        0.2 * 1.5 + 0.5 * (0.25 * 1.5 + 0.75 * 2.25) + 0.3 * (0.25 * 2.5 + 0.75 * 3)
    )
    level = f64(0.0, 0.1, 0.2, 0.325, 0.45, 0.6125, 0.775, 0.85, 1.0)
    quantile = f64(0.0, 0.0, 0.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
    torch.testing.assert_close(dist.icdf(level), quantile)
    torch.testing.assert_close(dist.isf(1 - level), quantile, rtol=0, atol=1e-14)
    lower, upper = f64(-1.0, 0.0, -INF, 0.0, 1.5), f64(0.0, 2.0, 0.0, 0.9, 2.5)
    mass = f64(0.2, 0.25, 0.2, 0.0, 0.2875)
    torch.testing.assert_close(dist.log_prob_interval(lower, upper).exp(), mass)
    assert (dist.support.lower_bound, dist.support.upper_bound) == (0, 6)


@every_mixture
@pytest.mark.sample(3)
def test_masses_and_density_add_up_to_one(dist: Mixture) -> None:
    places = atoms(dist)
    mass = dist.log_prob(places).exp().sum().item()
    # Between neighboring quantiles of a part no density varies by more than some factors.
    levels = torch.cat([0.5 ** torch.arange(1, 44, dtype=F64), f64(1e-13)[None]])
    quantiles = [f(levels) for part in (dist, *dist.components) for f in (part.icdf, part.isf)]
    ends = dist.icdf(f64(1e-13)), dist.isf(f64(1e-13))
    knots = torch.cat([dist.breakpoints, *quantiles]).clamp(*ends).unique().numpy()
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(knots)[:, None] / 2
    x = torch.tensor(knots[:-1, None] + half * (nodes + 1))
    density = dist.log_prob(x).exp().numpy()
    assert mass + (density * half * weights).sum() == pytest.approx(1, abs=1e-8)


def test_an_atom_within_a_density_counts_by_its_mass() -> None:
    dist = Mixture(shares(0.2, 0.3, 0.5), [Delta(f64(2.0)), Delta(f64(2.0)), uniform(0, 4)])
    torch.testing.assert_close(dist.log_prob(f64(2.0, 2.0 + 1e-9)).exp(), f64(0.5, 0.125))
    torch.testing.assert_close(dist.log_mass(f64(2.0, 2.0 + 1e-9)).exp(), f64(0.5, 0.0))
    assert (dist.cdf(f64(2.0)) - dist.cdf_below(f64(2.0))).item() == pytest.approx(0.5)


@every_mixture
@pytest.mark.sample(3)
def test_it_is_the_weighted_sum_of_its_parts(dist: Mixture) -> None:
    x = values(dist)
    for method in ("cdf", "cdf_below", "sf"):
        parts = torch.stack([getattr(part, method)(x) for part in dist.components], -1)
        torch.testing.assert_close(getattr(dist, method)(x), parts @ dist.weights)
    parts = torch.stack([part.clamped_mean(-2.0, 5.0) for part in dist.components], -1)
    torch.testing.assert_close(dist.clamped_mean(-2.0, 5.0), parts @ dist.weights)


@PROPERTY
@given(mixtures())
def test_probabilities_agree_with_each_other(dist: Mixture) -> None:
    x = values(dist)
    assert (dist.cdf(x).diff() >= -1e-15).all()
    torch.testing.assert_close(dist.cdf(x) + dist.sf(x), torch.ones_like(x), rtol=0, atol=1e-14)
    torch.testing.assert_close(dist.log_cdf(x).exp(), dist.cdf(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(dist.log_sf(x).exp(), dist.sf(x), rtol=1e-12, atol=0)
    step = dist.cdf(x) - dist.cdf_below(x)
    torch.testing.assert_close(step, dist.log_mass(x).exp(), rtol=0, atol=1e-14)
    assert (dist.log_cdf(x) <= 0).all()
    assert (dist.log_sf(x) <= 0).all()


@PROPERTY
@given(mixtures())
def test_a_quantile_is_the_smallest_number_that_reaches_the_level(dist: Mixture) -> None:
    jumps = atoms(dist)
    level = torch.cat([LEVELS, dist.cdf(jumps), (dist.cdf(jumps) + dist.cdf_below(jumps)) / 2])
    level = level[(level > 0) & (level < 1)]
    for method, side, levels in (("icdf", dist.cdf, level), ("isf", dist.sf, 1 - level)):
        quantile = getattr(dist, method)(levels)
        each = torch.stack([getattr(part, method)(levels) for part in dist.components])
        # To the rounding of the components' own quantiles; at an atom exactly.
        step = 8 * torch.finfo(F64).eps * each.abs().amax(0)
        step = torch.where(dist.log_mass(quantile) > -INF, 0, step)
        before = torch.nextafter(quantile - step, f64(-INF))
        falls, rounding = method == "isf", 4 * torch.finfo(F64).eps
        assert ((side(quantile) <= levels) if falls else (side(quantile) >= levels)).all()
        # Sums of probabilities may fall by their rounding.
        short = (side(before) > levels - rounding) if falls else (side(before) < levels + rounding)
        assert short.all()


@PROPERTY
@given(mixtures())
def test_quantiles_of_an_atoms_levels_are_the_atom(dist: Mixture) -> None:
    for place in atoms(dist):
        middle = (dist.cdf(place) + dist.cdf_below(place)) / 2
        assert dist.icdf(middle) == place
        assert dist.isf(1 - middle) == place
        level = dist.cdf(place)
        assert level == 1 or dist.icdf(level) <= place


def test_the_quantile_of_an_atom_at_zero_is_positive_zero() -> None:
    dist = Mixture(shares(0.4, 0.6), [Delta(f64(0.0)), Gaussian(f64(0.0), f64(3.0))])
    assert math.copysign(1, dist.icdf(f64(0.5)).item()) == 1


def test_levels_zero_and_one_are_the_ends_of_what_has_weight() -> None:
    dist = MIXTURES["uniforms"]
    assert dist.icdf(f64(0.0, 1.0)).tolist() == dist.isf(f64(1.0, 0.0)).tolist() == [0, 6]
    off = Mixture(f64(-INF, 0.0), [Gaussian(f64(0.0), f64(1.0)), uniform(1, 2)])
    assert off.icdf(f64(0.0, 0.5, 1.0)).tolist() == [1, 1.5, 2]
    assert MIXTURES["no atom"].icdf(f64(0.0, 1.0)).tolist()[0] == -INF


def test_a_mixture_of_one_is_its_part() -> None:
    part = uneven_distribution(0.2, 0.3)
    dist = Mixture(f64(3.0).reshape(1), [part])
    x = values(dist)
    for method in ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "crps"):
        torch.testing.assert_close(
            getattr(dist, method)(x), getattr(part, method)(x), rtol=1e-12, atol=0
        )
    # One minus a level has its digits, the cdf near it has not.
    level = LEVELS[:-2]
    torch.testing.assert_close(dist.icdf(level), part.icdf(level), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(dist.isf(level), part.isf(level), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(dist.variance, part.variance)


def test_both_tails_keep_their_digits() -> None:
    part, atom = uneven_distribution(0.2, 0.3), Delta(f64(0.0))
    dist = Mixture(shares(0.25, 0.75), [atom, part])
    far_up, far_down = part.isf(f64(1e-40)), part.icdf(f64(1e-40))
    expected = math.log(0.75) - 40 * math.log(10)
    assert dist.log_sf(far_up).item() == pytest.approx(expected, rel=1e-12)
    assert dist.log_cdf(far_down).item() == pytest.approx(expected, rel=1e-12)
    assert dist.log_cdf(far_up).item() == pytest.approx(-0.75e-40, rel=1e-9)
    assert dist.log_sf(far_down).item() == pytest.approx(-0.75e-40, rel=1e-9)
    near = part.isf(f64(3e-40))
    between = dist.log_prob_interval(near, far_up).item()
    assert between == pytest.approx(math.log(0.75 * 2e-40), rel=1e-12)
    # All but 1.5e-40 of the probability.
    assert dist.log_prob_interval(far_down, far_up).item() == pytest.approx(-1.5e-40, rel=1e-9)
    torch.testing.assert_close(dist.isf(f64(0.75e-40)), far_up, rtol=1e-11, atol=0)


@every_mixture
def test_half_open_intervals_add_up(dist: Mixture) -> None:
    cuts = torch.cat([f64(-INF)[None], values(dist).unique(), f64(INF)[None]])
    pieces = dist.log_prob_interval(cuts[:-1], cuts[1:])
    torch.testing.assert_close(pieces.exp().cumsum(0), dist.cdf(cuts[1:]), rtol=0, atol=1e-12)


@every_mixture
def test_density_is_the_slope_of_the_cdf(dist: Mixture) -> None:
    at = dist.icdf(torch.linspace(0.013, 0.987, 40, dtype=F64))
    at = at[((at[:, None] - dist.breakpoints).abs() > 1e-6).all(-1)].requires_grad_()
    (slope,) = torch.autograd.grad(dist.cdf(at).sum(), at)
    torch.testing.assert_close(slope, dist.log_prob(at).exp().detach(), rtol=1e-9, atol=1e-15)


def test_moments_of_heavy_parts_are_infinite_and_of_parts_without_weight_nothing() -> None:
    heavy = Mixture(shares(0.5, 0.5), [Delta(f64(0.0)), uneven_distribution(0.1, 1.2)])
    assert heavy.mean == INF
    assert (
        Mixture(shares(0.5, 0.5), [Delta(f64(0.0)), uneven_distribution(0.1, 0.6)]).variance == INF
    )
    off = MIXTURES["switched off"]
    assert off.mean == 0.5
    assert off.variance == 0.5 * 4 + 0.25


def test_the_parts_of_skpro_are_ours() -> None:
    distributions = pytest.importorskip("skpro.distributions")
    gaussian = Gaussian(f64(2.0), f64(1.5))
    # skpro 2.16 takes all weights of scalar distributions as equal.
    ours = Mixture(shares(0.5, 0.5), [uniform(1, 3), gaussian])
    theirs = distributions.Mixture(
        [("uniform", distributions.Uniform(1, 3)), ("normal", distributions.Normal(2, 1.5))],
        weights=[0.5, 0.5],
    )
    for x in (-1.0, 1.2, 2.0, 2.9, 5.0):
        assert ours.cdf(f64(x)).item() == pytest.approx(theirs.cdf(x), rel=1e-12)
        assert ours.log_prob(f64(x)).exp().item() == pytest.approx(theirs.pdf(x), rel=1e-12)
    assert ours.mean.item() == pytest.approx(theirs.mean(), rel=1e-12)
    assert ours.variance.item() == pytest.approx(theirs.var(), rel=1e-12)

    bins = {"bins": [1, 2, 4, 9.0], "bin_mass": [0.2, 0.5, 0.3]}
    hurdle = distributions.Hurdle(p=0.7, distribution=distributions.Histogram(**bins))
    part = SplicedBinnedPareto(
        shares(*bins["bin_mass"]), f64(*bins["bins"]), 0, 0, lower_mass=0.0, upper_mass=0.0
    )
    ours = Mixture(shares(0.3, 0.7), [Delta(f64(0.0)), part])
    for x in (-1.0, 0.0, 0.5, 1.5, 3.0, 8.0):
        assert ours.cdf(f64(x)).item() == pytest.approx(hurdle.cdf(x), rel=1e-12)
    for x in (1.5, 3.0, 8.0):
        assert ours.log_prob(f64(x)).exp().item() == pytest.approx(hurdle.pdf(x), rel=1e-12)


@every_mixture
def test_draws_follow_the_mixture(dist: Mixture, generator: torch.Generator) -> None:
    draws = dist.sample((40_000,), generator=generator)
    places = atoms(dist)
    for place in places:
        share, mass = (draws == place).double().mean().item(), dist.log_mass(place).exp().item()
        assert share == pytest.approx(mass, abs=4 * math.sqrt(mass / len(draws)))
    pit = randomized_pit(dist, draws, generator=generator)
    assert scipy.stats.kstest(pit.numpy(), "uniform").pvalue > 1e-4
    assert mid_cdf(dist, draws).mean().item() == pytest.approx(
        0.5, abs=4 / math.sqrt(12 * len(draws))
    )


def test_a_generator_repeats_the_draws_and_paths_have_no_gradient() -> None:
    dist = MIXTURES["moved bins"]
    draws = [dist.sample((9,), generator=torch.Generator().manual_seed(2)) for _ in range(2)]
    assert torch.equal(*draws)
    assert not dist.has_rsample
    with pytest.raises(NotImplementedError, match="Mixture has no pathwise gradient"):
        dist.rsample()


def batch(*shape: int) -> Mixture:
    """A batch whose parts have smaller shapes of their own."""
    source = torch.Generator().manual_seed(7)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=source, dtype=F64)

    bins = SplicedBinnedPareto(normal(*shape, 5), f64(-3, -1, 0, 2, 3, 9), 0.1, 0.2)
    parts = [
        Delta(f64(0.0)),
        AffineTransformed(bins, normal(*shape[-1:]), normal(*shape).exp()),
        Gaussian(f64(1.0), f64(2.0)),
    ]
    return Mixture(normal(*shape, 3), parts)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (5, 1), (2, 3), (0,), (3, 0)])
@pytest.mark.sample(3)
def test_results_have_sample_and_batch_shape(shape: tuple[int, ...]) -> None:
    dist = batch(*shape)
    assert (dist.batch_shape, dist.event_shape, dist.weights.shape) == (shape, (), (*shape, 3))
    for prefix in ((), (0,), (1,), (4,), (4, 2)):
        value = torch.zeros((*prefix, *shape))
        for method in (*METHODS, "crps"):
            assert getattr(dist, method)(value).shape == (*prefix, *shape), method
        assert dist.icdf(value + 0.5).shape == dist.isf(value + 0.5).shape == (*prefix, *shape)
        assert dist.sample(prefix).shape == (*prefix, *shape)
        assert dist.log_prob_interval(value, value + 1).shape == (*prefix, *shape)
    for name in ("mean", "variance", "stddev", "median"):
        assert getattr(dist, name).shape == shape, name
    assert dist.clamped_mean(-1.0, INF).shape == shape


def test_each_row_of_a_batch_is_its_own_mixture() -> None:
    dist, value = batch(2, 3), f64(-4.0, 0.0, 2.2)
    parts = [part.base if isinstance(part, AffineTransformed) else part for part in dist.components]
    moved = dist.components[1]
    for row in range(2):
        alone = Mixture(
            dist.logits[row],
            [
                Delta(f64(0.0)),
                AffineTransformed(
                    SplicedBinnedPareto(parts[1].logits[row], parts[1].edges, 0.1, 0.2),
                    moved.loc[row],
                    moved.scale[row],
                ),
                Gaussian(f64(1.0), f64(2.0)),
            ],
        )
        for method in (*METHODS, "crps"):
            together, own = getattr(dist, method)(value)[row], getattr(alone, method)(value)
            torch.testing.assert_close(together, own, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(dist.icdf(value.sigmoid())[row], alone.icdf(value.sigmoid()))


def test_values_widen_the_batch() -> None:
    dist = batch(5, 1)
    value = torch.linspace(-4, 6, 4, dtype=F64)
    for method in (*METHODS, "crps"):
        wide = getattr(dist, method)(value)
        assert wide.shape == (5, 4)
        torch.testing.assert_close(wide, getattr(dist.expand((5, 4)), method)(value))
    assert dist.icdf(value.sigmoid()).shape == (5, 4)


def test_expand_changes_nothing_but_the_shape() -> None:
    dist = batch(3)
    wide = dist.expand((4, 3))
    assert isinstance(wide, Mixture)
    value = torch.linspace(-4, 4, 12, dtype=F64).reshape(4, 3)
    for method in (*METHODS, "crps"):
        torch.testing.assert_close(getattr(wide, method)(value), getattr(dist, method)(value))
    torch.testing.assert_close(wide.mean, dist.mean.expand(4, 3))
    assert wide.validating == dist.validating


def test_copies_and_independent_give_the_same_results() -> None:
    dist, value = batch(2, 3), torch.zeros(2, 3, dtype=F64)
    for other in (copy.deepcopy(dist), pickle.loads(pickle.dumps(dist))):  # noqa: S301  # our own
        torch.testing.assert_close(other.log_prob(value), dist.log_prob(value))
    joint = Independent(dist, 1)
    torch.testing.assert_close(joint.log_prob(value), dist.log_prob(value).sum(-1))
    assert repr(MIXTURES["no atom"]).startswith("Mixture(Gaussian(")


@pytest.mark.parametrize("method", ["log_prob", "log_prob_interval"])
def test_vmap_gives_the_batch(method: str) -> None:
    logits, loc = f64([0.1, 0.5, -1.0], [0.3, 0.0, 2.0]), f64(1.0, 4.0)
    ends = (f64(0.5, 2.0), f64(3.0, 9.0))[: 2 if "interval" in method else 1]

    def result(logits: Tensor, loc: Tensor, *value: Tensor) -> Tensor:
        parts = [Delta(torch.zeros_like(loc)), AffineTransformed(uneven_distribution(), loc)]
        parts.append(uneven_distribution(splice="edge"))
        return getattr(Mixture(logits, parts), method)(*value)

    mapped = torch.vmap(result)(logits, loc, *ends)
    torch.testing.assert_close(mapped, result(logits, loc, *ends))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_results_keep_the_type(dtype: torch.dtype) -> None:
    parts = [
        Delta(torch.zeros((), dtype=dtype)),
        AffineTransformed(uneven_distribution(dtype=dtype), 1.0, 2.0),
    ]
    dist = Mixture(torch.zeros(2, dtype=dtype), parts)
    value = torch.tensor([-3.0, 0.0, 0.4], dtype=F64)
    for method in (*METHODS, "crps"):
        assert getattr(dist, method)(value).dtype is dtype, method
    assert dist.icdf(value.sigmoid()).dtype is dist.sample().dtype is dtype
    assert dist.mean.dtype is dist.variance.dtype is dtype


def test_single_precision_keeps_both_tails() -> None:
    def build(dtype: torch.dtype) -> Mixture:
        bins = AffineTransformed(uneven_distribution(0.1, 0.3, dtype=dtype), 7.0, 0.5)
        atom = Delta(torch.zeros((), dtype=dtype))
        wide = Gaussian(torch.tensor(3.0, dtype=dtype), 2.0)
        return Mixture(torch.tensor([0.3, 0.1, -2.0], dtype=dtype), [atom, bins, wide])

    single, double = build(torch.float32), build(F64)
    value = torch.tensor([-2000.0, -8.3, 0.0, 2.2, 8.8, 500.0])
    for method in ("log_prob", "log_cdf", "log_sf", "crps"):
        actual, expected = getattr(single, method)(value), getattr(double, method)(value.double())
        torch.testing.assert_close(actual.double(), expected, rtol=2e-5, atol=2e-6)
    level = torch.tensor([1e-20, 1e-4, 0.3, 0.55])
    torch.testing.assert_close(
        single.isf(level).double(), double.isf(level.double()), rtol=1e-5, atol=1e-6
    )


def test_probabilities_stay_at_most_one_in_single_precision() -> None:
    logits = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    parts = [Gaussian(torch.tensor(float(loc)), 1.0) for loc in range(3)]
    dist, far = Mixture(logits, parts), torch.tensor(50.0)
    assert dist.weights.sum(-1).max() > 1  # the rounding that must not show
    assert (dist.cdf(far) == 1).all()
    assert (dist.sf(-far) == 1).all()
    assert dist.cdf(torch.tensor(6.0)).max() <= 1


def test_infinite_and_missing_values_give_the_limits() -> None:
    for dist in MIXTURES.values():
        ends = f64(-INF, INF)
        assert dist.log_prob(ends).tolist() == [-INF, -INF]
        assert dist.cdf(ends).tolist() == [0, 1]
        assert dist.sf(ends).tolist() == [1, 0]
        assert dist.log_cdf(ends).tolist() == [-INF, 0]
        assert dist.log_sf(ends).tolist() == [0, -INF]
        assert dist.crps(ends).tolist() == [INF, INF]
        assert dist.log_prob_interval(*ends) == 0
        for method in ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "crps", "icdf", "isf"):
            assert getattr(dist, method)(f64(NAN)).isnan(), method


PARTS = [Delta(f64(0.0)), Gaussian(f64(1.0), f64(2.0))]


@pytest.mark.parametrize(
    ("logits", "parts", "error", "message"),
    [
        (f64(0.0, NAN), PARTS, ValueError, "logits must be finite or -inf, got nan"),
        (f64(0.0, INF), PARTS, ValueError, "logits must be finite or -inf, got inf"),
        (f64(-INF, -INF), PARTS, ValueError, "logits must be finite for at least one component"),
        (f64(0, 0, 0), PARTS, ValueError, r"end in 2 entries for 2 components, got shape \(3,\)"),
        (f64(0.0), PARTS, ValueError, r"end in 2 entries for 2 components, got shape \(\)"),
        (f64(0.0, 0.0), [], ValueError, "components must hold at least one distribution, got none"),
        (
            torch.zeros(3, 2, dtype=F64),
            [PARTS[0], PARTS[1].expand((2,))],
            ValueError,
            r"The batches of logits and components must broadcast, got shapes \(3,\), \(\), \(2,\)",
        ),
        (
            torch.zeros(2),
            PARTS,
            TypeError,
            "type of logits, torch.float32, got torch.float64",
        ),
        (f64(0.0, 0.0), [PARTS[0], torch.distributions.Laplace(0.0, 1.0)], TypeError, "must have"),
        (f64(0.0, 0.0), [PARTS[0], 3.0], TypeError, "must have the methods"),
        ([0.0, 0.0], PARTS, TypeError, "logits must be a tensor, got builtins.list"),
    ],
)
def test_bad_arguments_are_refused(
    logits: Tensor, parts: list, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Mixture(logits, parts)


def test_a_foreign_distribution_is_refused() -> None:
    class Exponential(torch.distributions.Exponential):
        sf = log_cdf = log_sf = torch.distributions.Exponential.cdf

    with pytest.raises(TypeError, match="must be scalar distributions of splicedpareto, got Expon"):
        Mixture(torch.zeros(1), [Exponential(1.0)])


def test_other_bad_arguments_of_methods_are_refused() -> None:
    dist = MIXTURES["uniforms"]
    with pytest.raises(ValueError, match="lower must be at most upper, got 2"):
        dist.log_prob_interval(f64(2.0), f64(1.0))
    for method in ("icdf", "isf"):
        with pytest.raises(ValueError, match=r"value must be in \[0, 1\], got 1.5"):
            getattr(dist, method)(f64(1.5))
    unchecked = Mixture(f64(NAN, 0.0), PARTS, validate_args=False)
    assert unchecked.log_prob(f64(0.0)).isnan()
    assert not unchecked.expand((2,)).validating


def test_a_torch_normal_is_taken_as_gaussian_and_a_rounded_part_keeps_its_atoms() -> None:
    base = Normal(f64(0.0), f64(2.0))
    dist = Mixture(shares(0.5, 0.5), [base, Discretized(base)])
    assert isinstance(dist.components[0], Gaussian)
    mass = 0.5 * (scipy.stats.norm.cdf(1.25) - scipy.stats.norm.cdf(0.75))
    assert dist.log_prob(f64(2.0)).exp().item() == pytest.approx(mass)
    assert dist.log_prob(f64(2.5)).exp().item() == pytest.approx(scipy.stats.norm.pdf(1.25) / 4)
    level = (dist.cdf(f64(2.0)) + dist.cdf_below(f64(2.0))) / 2
    assert dist.icdf(level) == 2


@pytest.mark.parametrize("far", [1e10, -1e150, 1e300])
def test_an_atom_far_away_leaves_the_digits_of_other_quantiles(far: float) -> None:
    dist = Mixture(shares(0.01, 0.99), [Delta(f64(far)), Gaussian(f64(0.0), f64(1.0))])
    level = np.array([0.02, 0.4, 0.6, 0.97])
    expected = scipy.stats.norm.ppf((level - 0.01 * (far < 0)) / 0.99)
    np.testing.assert_allclose(dist.icdf(torch.tensor(level)), expected, rtol=1e-12)
    np.testing.assert_allclose(dist.isf(torch.tensor(1 - level)), expected, rtol=1e-12)


def test_weights_are_the_softmax() -> None:
    dist = Mixture(f64(1.0, 3.0), PARTS)
    np.testing.assert_allclose(dist.weights, scipy.special.softmax([1.0, 3.0]), rtol=1e-14)
    torch.testing.assert_close(dist.log_weights.exp(), dist.weights)
