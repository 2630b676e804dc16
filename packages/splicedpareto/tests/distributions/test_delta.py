"""An atom has all its probability on one value, and a moved distribution is the base's, moved."""

import math

import pytest
import torch
from torch.distributions import Normal

from example_distributions import F64, f64, uneven_distribution
from splicedpareto.distributions import (
    AffineTransformed,
    Censored,
    Delta,
    Discretized,
    Gaussian,
    Mixture,
)

INF, NAN = math.inf, math.nan


def test_an_atom_has_all_its_mass_on_its_value() -> None:
    dist = Delta(f64(2.0))
    value = f64(-INF, 1.0, 2.0, 2.5, INF)
    assert dist.log_prob(value).tolist() == [-INF, -INF, 0, -INF, -INF]
    assert dist.cdf(value).tolist() == [0, 0, 1, 1, 1]
    assert dist.cdf_below(value).tolist() == [0, 0, 0, 1, 1]
    assert dist.sf(value).tolist() == [1, 1, 0, 0, 0]
    assert dist.log_cdf(value).tolist() == [-INF, -INF, 0, 0, 0]
    assert dist.log_sf(value).tolist() == [0, 0, -INF, -INF, -INF]
    assert (
        dist.icdf(f64(0.0, 0.3, 1.0)).tolist() == dist.isf(f64(0.0, 0.3, 1.0)).tolist() == [2] * 3
    )
    assert (dist.mean, dist.mode, dist.median, dist.variance) == (2, 2, 2, 0)
    assert dist.support.check(value).tolist() == [False, False, True, False, False]


def test_an_atom_counts_on_the_upper_end_of_an_interval() -> None:
    lower, upper = f64(-INF, 1.0, 2.0, 2.0, 3.0), f64(2.0, 2.0, 3.0, 2.0, INF)
    assert Delta(f64(2.0)).log_prob_interval(lower, upper).tolist() == [0, 0, -INF, -INF, -INF]


def test_an_atoms_crps_is_the_absolute_error() -> None:
    dist = Delta(f64(2.0))
    assert dist.crps(f64(-1.0, 2.0, 6.0)).tolist() == [3, 0, 4]
    assert dist.crps_between(f64(-1.0, 2.0, 6.0), 0.0, 5.0).tolist() == [2, 0, 3]
    assert dist.crps_between(f64(-1.0, 6.0), 3.0, INF).tolist() == [0, 3]
    assert [dist.clamped_mean(*ends).item() for ends in ((-INF, 1.0), (3.0, INF), (0, 9))] == [
        1,
        3,
        2,
    ]


def test_nan_gives_nan_and_a_bad_atom_is_refused() -> None:
    dist = Delta(f64(2.0))
    for method in ("log_prob", "cdf", "cdf_below", "sf", "log_cdf", "log_sf", "icdf", "crps"):
        assert getattr(dist, method)(f64(NAN)).isnan(), method
    assert dist.log_prob_interval(f64(NAN), f64(3.0)).isnan()
    for loc in (NAN, INF):
        with pytest.raises(ValueError, match="loc must be finite, got"):
            Delta(loc)
        Delta(loc, validate_args=False)
    with pytest.raises(ValueError, match=r"value must be in \[0, 1\], got 2"):
        dist.icdf(f64(2.0))


def test_draws_of_an_atom_move_with_it() -> None:
    loc = f64(1.0, 2.0).requires_grad_()
    draws = Delta(loc).expand((3, 2)).rsample((4,))
    assert draws.shape == (4, 3, 2)
    draws.sum().backward()
    assert loc.grad.tolist() == [12, 12]


VALUES = f64(-90.0, -3.0, 0.2, 1.0, 4.0, 70.0)
LEVELS = f64(1e-9, 0.2, 0.5, 0.97)


@pytest.mark.parametrize("splice", ["quantile", "edge"])
def test_a_moved_distribution_is_the_affine_map(splice: str) -> None:
    base = uneven_distribution(0.1, 0.3, splice=splice)
    loc, scale = f64(3.0, -8.0), f64([0.5], [2.0])
    moved, oracle = AffineTransformed(base, loc, scale), base.affine(loc, scale)
    assert moved.batch_shape == oracle.batch_shape == (2, 2)
    close = {"rtol": 1e-11, "atol": 1e-13}
    value = VALUES[:, None, None]
    for method in ("log_prob", "cdf", "sf", "log_cdf", "log_sf", "crps"):
        actual, expected = getattr(moved, method)(value), getattr(oracle, method)(value)
        torch.testing.assert_close(actual, expected, **close)
    ends = value[:-1], value[1:]
    actual, expected = (d.log_prob_interval(*ends) for d in (moved, oracle))
    torch.testing.assert_close(actual, expected, **close)
    for ends in ((-INF, 2.0), (-1.0, INF), (-20.0, 2.5)):
        actual, expected = (d.crps_between(value, *ends) for d in (moved, oracle))
        torch.testing.assert_close(actual, expected, **close)
        actual, expected = (d.clamped_mean(*ends) for d in (moved, oracle))
        torch.testing.assert_close(actual, expected, **close)
    for method in ("icdf", "isf"):
        level = LEVELS[:, None, None]
        actual, expected = getattr(moved, method)(level), getattr(oracle, method)(level)
        torch.testing.assert_close(actual, expected, **close)
    for name in ("mean", "variance", "mode", "median", "breakpoints"):
        torch.testing.assert_close(getattr(moved, name), getattr(oracle, name), **close)
    torch.testing.assert_close(moved.entropy(), oracle.entropy(), **close)


def test_a_moved_support_ends_where_the_bases_does() -> None:
    base = uneven_distribution(-0.4, 0.2)
    support = AffineTransformed(base, 3.0, 2.0).support
    assert support.lower_bound == 3 + 2 * base.end_points[0]
    assert support.upper_bound == INF
    assert AffineTransformed(Normal(0.0, 1.0), 3.0).support.lower_bound == -INF


def test_draws_move_with_location_and_scale() -> None:
    source = torch.Generator()
    base = uneven_distribution()
    loc, scale = f64(2.0).requires_grad_(), f64(3.0).requires_grad_()
    moved = AffineTransformed(base, loc, scale)
    draws = moved.rsample((5,), generator=source.manual_seed(1))
    torch.testing.assert_close(
        moved.sample((5,), generator=source.manual_seed(1)), draws, check_stride=False
    )
    standard = base.sample((5,), generator=source.manual_seed(1))
    torch.testing.assert_close(draws, 2 + 3 * standard)
    assert torch.autograd.grad(draws.sum(), [loc, scale]) == (5, standard.sum())


def test_gradients_to_location_and_scale_are_the_differences() -> None:
    value = f64(-9.0, 0.3, 2.2, 60.0)
    base = uneven_distribution(0.1, 0.3)

    def results(loc: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        dist = AffineTransformed(base, loc, scale)
        parts = [getattr(dist, name)(value) for name in ("log_prob", "log_cdf", "log_sf", "crps")]
        return torch.cat([*parts, dist.icdf(LEVELS), dist.mean[None], dist.variance[None]])

    parameters = [f64(0.7).requires_grad_(), f64(1.3).requires_grad_()]
    assert torch.autograd.gradcheck(results, parameters, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("method", ["log_prob", "cdf", "log_sf", "crps"])
def test_infinite_values_have_finite_gradients(method: str) -> None:
    loc = f64(0.7).requires_grad_()
    result = getattr(AffineTransformed(uneven_distribution(), loc, 2.0), method)(
        f64(-INF, 1.0, INF)
    )
    (gradient,) = torch.autograd.grad(torch.where(result.isfinite(), result, 0).sum(), loc)
    assert gradient.isfinite()


@pytest.mark.parametrize(
    ("loc", "scale", "message"),
    [
        (NAN, 1.0, "loc must be finite, got nan"),
        (INF, 1.0, "loc must be finite, got inf"),
        (0.0, 0.0, "scale must be positive and finite, got 0"),
        (0.0, NAN, "scale must be positive and finite, got nan"),
    ],
)
def test_a_bad_origin_or_scale_is_refused(loc: float, scale: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AffineTransformed(uneven_distribution(), loc, scale)
    AffineTransformed(uneven_distribution(), loc, scale, validate_args=False)


def test_a_base_with_atoms_is_refused() -> None:
    atom = Delta(f64(0.0))
    mixture = Mixture(f64(0.0, 0.0), [atom, Gaussian(f64(0.0), f64(1.0))])
    for base in (atom, mixture, Discretized(Gaussian(0.0, 1.0)), Censored(Normal(0.0, 1.0), 0, 1)):
        with pytest.raises(
            ValueError, match=r"base must be continuous, got .*move an atom by its own"
        ):
            AffineTransformed(base, 1.0)


def test_a_moved_mixture_without_atoms_is_the_mixture_of_moved_parts() -> None:
    parts = [Gaussian(f64(0.0), f64(1.0)), uneven_distribution(0.1, 0.2)]
    logits = f64(0.3, -0.2)
    moved = AffineTransformed(Mixture(logits, parts), f64(3.0), f64(2.0))
    oracle = Mixture(logits, [AffineTransformed(part, f64(3.0), f64(2.0)) for part in parts])
    for method in ("log_prob", "cdf", "crps"):
        torch.testing.assert_close(getattr(moved, method)(VALUES), getattr(oracle, method)(VALUES))
    torch.testing.assert_close(moved.icdf(LEVELS), oracle.icdf(LEVELS))
    assert not moved.has_rsample
    assert moved.sample((3,)).shape == (3,)
    assert moved.expand((4,)).sample().dtype == F64
