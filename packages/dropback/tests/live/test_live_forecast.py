"""The numbers of a forecast against the functions that serve batches of distributions."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dropback.data._outcomes import YARDS_LOWEST
from dropback.live import Forecast
from dropback.models._grid import YARDS
from dropback.models._predict import QUANTILE_LEVELS, yard_mean, yard_quantiles


def forecast(cdf):
    return Forecast(0, False, np.asarray(cdf, np.float32), 100)


@st.composite
def distributions(draw):
    """A CDF of a few steps, some of them tiny, that reaches 1 where the field ends."""
    places = draw(st.lists(st.integers(0, 210), min_size=1, max_size=12, unique=True))
    shape = st.sampled_from([1e-9, 3e-7, 1e-6, 2e-6, 0.01, 0.05, 0.25, 1.0])
    weights = np.array(draw(st.lists(shape, min_size=len(places), max_size=len(places))))
    masses = np.zeros(211)
    masses[places] = weights / weights.sum()
    cdf = np.minimum(masses.cumsum(), 1).astype(np.float32)
    cdf[max(places) :] = 1  # the field ends there
    return cdf


EVEN = np.arange(1, 212, dtype=np.float32) / np.float32(211)
STEP = (YARDS >= 7).astype(np.float32)
FIRST = np.ones(211, np.float32)
LAST = (YARDS >= 100).astype(np.float32)


@given(distributions())
@example(EVEN)
@example(STEP)
@example(FIRST)
@example(LAST)
def test_mean_and_quantiles_are_those_of_a_batch(cdf):
    one, batch = forecast(cdf), cdf[None].astype(np.float64)
    # Sums of 211 numbers up to 1 in another order.
    assert one.mean == pytest.approx(float(yard_mean(batch)[0]), rel=0, abs=1e-12)
    quantiles = yard_quantiles(batch)[:, 0].tolist()
    assert one.quantiles == dict(zip(QUANTILE_LEVELS, quantiles, strict=True))


@given(distributions())
def test_probabilities_are_the_steps_of_the_cdf_and_leave_out_less_than_a_millionth(cdf):
    one, upto = forecast(cdf), cdf.astype(np.float64)
    steps = np.diff(upto, prepend=0.0)
    first = one.first_yd - YARDS_LOWEST
    end = first + len(one.probabilities)
    assert one.probabilities == np.maximum(steps[first:end], 0).round(7).tolist()
    assert not first or upto[first - 1] < 1e-6
    assert upto[end - 1] >= 1 - 1e-6
    # And no more is left out than may be.
    assert upto[first] >= 1e-6
    assert end - 1 == first or upto[end - 2] < 1 - 1e-6


def test_a_distribution_of_one_yard_has_one_probability():
    for cdf, yards in ((STEP, 7), (FIRST, -110), (LAST, 100)):
        assert (forecast(cdf).first_yd, forecast(cdf).probabilities) == (yards, [1.0])


def test_a_cdf_that_falls_gives_no_negative_probability():
    cdf = EVEN.copy()
    cdf[100] = cdf[99] - np.float32(1e-6)
    assert forecast(cdf).probabilities[100] == 0


def test_a_level_that_is_met_exactly_is_reached():
    cdf = np.where(YARDS < 3, 0.25, np.where(YARDS < 9, 0.75, 1)).astype(np.float32)
    quantiles = forecast(cdf).quantiles
    assert (quantiles["q25"], quantiles["q75"], quantiles["q90"]) == (-110, 3, 9)


def test_what_a_fan_asks_is_summed_by_hand():
    """A tenth loses 2, four tenths gain nothing, three gain 4, and two score from the 9."""
    masses = np.zeros(211)
    masses[np.array([-2, 0, 4, 9]) - YARDS_LOWEST] = 0.1, 0.4, 0.3, 0.2
    cdf = masses.cumsum().astype(np.float32)

    def chances(yards_to_go):
        one = Forecast(0, True, cdf, 9, yards_to_go)
        return one.gain, one.no_gain, one.first_down, one.touchdown

    assert chances(4) == pytest.approx((0.5, 0.4, 0.5, 0.2), abs=1e-6)
    assert chances(5) == pytest.approx((0.5, 0.4, 0.2, 0.2), abs=1e-6)
    # Goal to go, with the line to gain behind the goal line; a try from the 9.
    assert chances(15)[2] == pytest.approx(0.2, abs=1e-6)
    assert chances(0)[2] == pytest.approx(0.5, abs=1e-6)
    assert chances(None)[2] is None
