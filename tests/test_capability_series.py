"""The simulated distribution is that of its draws, and real inputs know no future."""

import datetime
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from research._capability_report import difference, interval
from research._series import (
    PERIOD,
    SeriesDistribution,
    read_tweets,
    simulate_series,
    simulated_set,
)


def one_step(upper: float = 0.4) -> SeriesDistribution:
    return SeriesDistribution(*(np.array([v]) for v in (0.7, 2.0, 0.6, 0.1, upper)))


@pytest.mark.parametrize("seed", [0, 1])
def test_draws_follow_the_stated_distribution_of_each_step(seed: int) -> None:
    values, distribution = simulate_series(6000, seed)
    pit = distribution.cdf(values)
    assert scipy.stats.kstest(pit, "uniform").pvalue > 1e-3
    # In every quarter of the period too, whose distributions differ.
    for quarter in np.split(pit.reshape(-1, PERIOD), 4, axis=1):
        assert scipy.stats.kstest(quarter.flatten(), "uniform").pvalue > 1e-3


def test_excesses_have_the_concentration_of_their_step() -> None:
    values, distribution = simulate_series(10_000, 3)
    upper = distribution.quantile(0.95)
    scale = distribution._tail_scales[1] * distribution.scale
    beyond = values > upper
    units = ((values - upper) / scale)[beyond]
    shape = distribution.upper_concentration[beyond]
    hazard = np.log1p(shape * units) / shape
    assert scipy.stats.kstest(hazard, "expon").pvalue > 1e-3


@pytest.mark.parametrize("upper", [0.0, 0.4])
def test_series_density_is_the_slope_of_its_cdf(upper: float) -> None:
    distribution = one_step(upper)
    for x in (-9.0, -3.0, 0.0, 2.0, 3.0, 9.0):
        slope = (distribution.cdf(x + 1e-5) - distribution.cdf(x - 1e-5)) / 2e-5
        assert math.exp(distribution.log_density(x)[0]) == pytest.approx(slope[0], rel=1e-5)


def test_series_quantiles_invert_the_cdf() -> None:
    level = np.array([1e-6, 0.01, 0.05, 0.3, 0.95, 0.99, 1 - 1e-6])
    np.testing.assert_allclose(one_step().cdf(one_step().quantile(level)), level, rtol=1e-9)


def test_true_crps_is_its_integral() -> None:
    values, distribution = simulate_series(PERIOD, 0)
    step, low, high = 57, -1.0, 4.0
    at = SeriesDistribution(
        *(
            getattr(distribution, name)[[step]]
            for name in ("loc", "scale", "weight", "lower_concentration", "upper_concentration")
        )
    )
    y = values[step]
    cut = min(max(y, low), high)
    score = scipy.integrate.quad(lambda x: at.cdf(x)[0] ** 2, low, cut, limit=200)[0]
    score += scipy.integrate.quad(lambda x: (1 - at.cdf(x)[0]) ** 2, cut, high, limit=200)[0]
    assert distribution.crps_between(values, low, high)[step] == pytest.approx(score, abs=2e-3)


def test_dip_lies_between_higher_modes() -> None:
    _, distribution = simulate_series(PERIOD, 0)
    low, dip, high = (distribution.log_density(at) for at in distribution.modes())
    assert (dip < np.minimum(low, high) - 0.5).all()


def test_distributions_from_a_step_on_are_those_of_the_later_steps() -> None:
    values, distribution = simulate_series(3 * PERIOD, 0)
    later = distribution.from_step(PERIOD)
    np.testing.assert_allclose(later.cdf(values[PERIOD:]), distribution.cdf(values)[PERIOD:])


def test_simulated_inputs_know_only_what_came_before() -> None:
    series = simulated_set(0)
    np.testing.assert_allclose(np.sinh(series.inputs[0, 1:, 0]), series.targets[0, :-1], rtol=1e-3)
    assert series.ends[0] < series.ends[1] < series.targets.shape[1]
    assert series.ends[1] % PERIOD == 0


def test_tweets_keep_their_counts_and_learn_nothing_from_the_future(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    counts = generator.poisson(6, size=(2, 400))

    def read(changed: int) -> object:
        start = datetime.datetime(2015, 1, 1)
        times = [start + datetime.timedelta(minutes=5 * t) for t in range(400)]
        for name, row in zip("AB", counts, strict=True):
            all_counts = [*row[:300], *(row[300:] + changed)]
            pairs = zip(times, all_counts, strict=True)
            text = "\n".join(f"{at},{count}" for at, count in pairs)
            (tmp_path / f"Twitter_volume_{name}.csv").write_text(f"timestamp,value\n{text}\n")
        return read_tweets(tmp_path)

    series, other = read(0), read(1000)
    assert series.names == ("A", "B")
    assert series.ends == (240, 300)
    # The interval of every count holds its draw, and is one mention wide.
    width = series.width[:, None]
    assert ((series.lower <= series.targets) & (series.targets <= series.lower + width)).all()
    np.testing.assert_allclose(np.diff(series.lower) / width, np.diff(counts), atol=1e-6)
    # Changes after step 300 leave all that is known at it as it was, units included.
    np.testing.assert_array_equal(series.inputs[:, :301], other.inputs[:, :301])
    np.testing.assert_array_equal(series.targets[:, :300], other.targets[:, :300])
    with pytest.raises(FileNotFoundError, match="must hold Twitter_volume"):
        read_tweets(tmp_path / "none")


def cell(seed: int, blocks: list[float]) -> dict[str, object]:
    return {"seed": seed, "blocks": {"CRPS": blocks}}


def test_difference_pairs_the_blocks_of_the_seeds_that_both_have() -> None:
    ours = [cell(0, [1.0, 2.0]), cell(1, [3.0, 4.0])]
    theirs = [cell(1, [1.0, 1.0]), cell(2, [9.0, 9.0])]
    assert difference(ours, theirs, "CRPS", pooled=False)[0] == 2.5
    fixed = [cell(0, [5.0, 5.0])]
    assert difference(fixed, ours, "CRPS", pooled=True)[0] == 2.5


def test_difference_pairs_seed_with_seed_in_any_order() -> None:
    ours = [cell(0, [1.0, 2.0]), cell(1, [30.0, 40.0])]
    theirs = [cell(1, [29.0, 39.0]), cell(0, [0.0, 1.0])]
    assert difference(ours, theirs, "CRPS", pooled=False) == (1.0, 1.0, 1.0)


def test_interval_of_equal_blocks_is_a_point_and_else_holds_the_mean() -> None:
    assert interval(np.full(9, 3.0)) == (3.0, 3.0)
    blocks = np.random.default_rng(0).normal(size=100)
    low, high = interval(blocks)
    assert low < blocks.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * blocks.std() / 10, rel=0.1)
