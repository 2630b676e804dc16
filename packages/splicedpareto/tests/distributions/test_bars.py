"""A bar distribution keeps its probabilities in our family."""

import numpy as np
import pytest
import scipy.stats
import torch

from splicedpareto.distributions import from_bar_distribution

F64 = torch.float64
BORDERS = torch.tensor([-3.0, -1.0, 0.5, 1.0, 4.0, 9.0], dtype=F64)


@pytest.fixture
def logits(generator: torch.Generator) -> torch.Tensor:
    return torch.randn(4, 5, generator=generator, dtype=F64)


@pytest.mark.parametrize("concentration", [-0.3, 0.0, 1e-9, 0.4, 1.2])
def test_buckets_keep_their_mass_and_half_an_open_one_lies_within_its_width(
    logits: torch.Tensor, concentration: float
) -> None:
    distribution = from_bar_distribution(logits, BORDERS, concentration=concentration)
    mass = scipy.special.softmax(logits.numpy(), axis=-1)
    expected = mass.cumsum(-1)[:, :-1]
    np.testing.assert_allclose(distribution.cdf(BORDERS[1:-1, None]).T, expected, rtol=1e-12)
    np.testing.assert_allclose(distribution.cdf(BORDERS[0]), mass[:, 0] / 2, rtol=1e-9)
    np.testing.assert_allclose(distribution.sf(BORDERS[-1]), mass[:, -1] / 2, rtol=1e-9)


def test_bounded_bars_are_a_histogram(logits: torch.Tensor) -> None:
    distribution = from_bar_distribution(logits, BORDERS, full_support=False)
    mass = scipy.special.softmax(logits.numpy(), axis=-1)
    for row, weights in enumerate(mass):
        oracle = scipy.stats.rv_histogram((weights, BORDERS.numpy()), density=False)
        at = torch.tensor([-2.9, 0.0, 0.7, 3.0, 8.9], dtype=F64)
        log_prob, mean = distribution.log_prob(at[:, None])[:, row], distribution.mean[row]
        np.testing.assert_allclose(log_prob, oracle.logpdf(at.numpy()), rtol=1e-12)
        assert mean.item() == pytest.approx(oracle.mean(), rel=1e-12)
    assert distribution.cdf(BORDERS[0]).tolist() == [0] * 4
    assert distribution.sf(BORDERS[-1]).tolist() == [0] * 4


@pytest.mark.parametrize(("buckets", "open_ends"), [(4, True), (6, False), (2, True)])
def test_borders_must_fit_the_logits(buckets: int, open_ends: bool) -> None:
    borders = BORDERS if buckets > 2 else BORDERS[:3]
    with pytest.raises(ValueError, match="borders must have shape"):
        from_bar_distribution(torch.zeros(buckets, dtype=F64), borders, full_support=open_ends)
