"""Shared statistics against SciPy, enumeration and a slow bootstrap that redraws lists of plays."""

import random
from collections.abc import Callable
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import scipy.stats

from dropback._statistics import (
    expanded_interval,
    grouped_means,
    percentile_interval,
    random_generator,
    resampled_weights,
    shuffled,
    split_half_reliability,
    sums_by_game,
    weighted_correlation,
)
from dropback.errors import RequestError


def slow_means(games: list[list[float]], *, replicates: int, seed: int) -> list[float]:
    """Means of all plays of as many games as there are, drawn with replacement."""
    draw = random.Random(seed)  # noqa: S311  # no secret
    return [
        fmean(play for game in draw.choices(games, k=len(games)) for play in game)
        for _ in range(replicates)
    ]


def grouped(seed: int) -> Any:
    """Means of three games."""
    units = (np.array([0, 0, 0]), np.array([1.0, 2.0, 5.0]), np.array([3.0, 3.0, 8.0]))
    return grouped_means(*units, replicates=30, seed=seed)


@pytest.mark.parametrize("seed", [-1, "a", 1.5, None])
def test_a_seed_is_a_whole_number_of_at_least_0(seed: Any) -> None:
    with pytest.raises(RequestError, match=f"whole number of at least 0, got {seed!r}"):
        random_generator(seed)


def test_streams_of_a_seed_are_numpys() -> None:
    assert random_generator(np.int64(5)).random() == np.random.default_rng(5).random()
    assert random_generator(5, 2).random() == np.random.default_rng([5, 2]).random()


def test_sums_by_game_of_worked_plays() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = sums_by_game(np.array([2, 0, 2]), values)
    assert sums.tolist() == [[2, 20], [0, 0], [5, 50]]


def test_weights_draw_as_many_units_as_there_are_after_the_full_sample() -> None:
    weights = resampled_weights(7, 50, seed=1)
    assert weights.shape == (51, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights[0] == 1).all()


def test_weights_are_multinomial() -> None:
    weights = resampled_weights(4, 20_000, seed=1)[1:]
    # Mean 1 and variance 1 - 1/G; standard errors at 20,000 replicates are below 0.01.
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 0.75, atol=0.05)


def test_percentile_interval_is_of_the_replicates_that_define_a_value() -> None:
    values = np.random.default_rng(2).normal(size=(200, 3))
    values[::4, 1], values[:, 2] = np.nan, np.nan
    low, high = percentile_interval(values)
    for column, rows in ((0, values[:, 0]), (1, values[~np.isnan(values[:, 1]), 1])):
        assert [low[column], high[column]] == np.quantile(rows, (0.05, 0.95)).tolist()
    assert np.isnan([low[2], high[2]]).all()
    halves = np.array([1.0, *[np.inf] * 9])
    assert percentile_interval(halves, method="nearest").tolist() == [1.0, np.inf]


def test_two_games_have_the_three_means_of_their_draws() -> None:
    means = grouped_means(
        np.array([0, 0]), np.array([3.0, 1.0]), np.array([2.0, 4.0]), replicates=8000, seed=5
    )[:, 0]
    values, counts = np.unique(means.round(12), return_counts=True)
    # Second game twice 1/4, each once 4/6, first game twice 3/2.
    np.testing.assert_allclose(values, [1 / 4, 4 / 6, 3 / 2])
    assert scipy.stats.chisquare(counts, [2000, 4000, 2000]).pvalue > 1e-3


def test_means_are_distributed_as_in_the_slow_bootstrap() -> None:
    generator = np.random.default_rng(8)
    teams = [
        [generator.random(generator.integers(1, 40)).tolist() for _ in range(games)]
        for games in (3, 16, 9)
    ]
    units = [(team, sum(game), len(game)) for team, games in enumerate(teams) for game in games]
    group, sums, counts = (np.array(column) for column in zip(*units, strict=True))
    means = grouped_means(group, sums, counts.astype(float), replicates=3000, seed=1)
    for team, games in enumerate(teams):
        slow = slow_means(games, replicates=3000, seed=2)
        # Equal draws differ in the last digits by the order of summation.
        test = scipy.stats.ks_2samp(means[:, team].round(9), np.round(slow, 9))
        assert test.pvalue > 1e-3


def test_group_of_one_game_repeats_its_mean() -> None:
    means = grouped_means(
        np.array([0, 1, 1]), np.array([3.0, 1.0, 2.0]), np.array([4.0, 2.0, 2.0]),
        replicates=20, seed=0,
    )  # fmt: skip
    assert (means[:, 0] == 0.75).all()
    assert len(np.unique(means[:, 1])) > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_do_not_borrow_each_others_games(seed: int) -> None:
    group = np.repeat(np.arange(4), 5)
    counts = np.full(20, 10.0)
    means = grouped_means(group, group * counts, counts, replicates=50, seed=seed)
    np.testing.assert_allclose(means, np.tile([0.0, 1.0, 2.0, 3.0], (50, 1)))


@pytest.mark.parametrize("replicates", [grouped, lambda seed: resampled_weights(5, 9, seed=seed)])
def test_replicates_depend_on_the_seed_alone(replicates: Callable[[int], Any]) -> None:
    assert (replicates(3) == replicates(3)).all()
    assert (replicates(3) != replicates(4)).any()


def test_expanded_interval_is_that_of_quantiles_moved_by_the_games_of_each_group() -> None:
    means = np.random.default_rng(3).normal(size=(501, 4)) ** 3
    groups = np.array([2, 3, 16, 200])
    reach = np.sqrt(groups / (groups - 1)) * scipy.stats.t(groups - 1).ppf(0.95)
    level = scipy.stats.norm.cdf(-reach)
    low, high = expanded_interval(means, groups)
    assert (np.diff(level) > 0).all()
    for group, part in enumerate(level):
        ends = np.quantile(means[:, group], (part, 1 - part))
        np.testing.assert_allclose((low[group], high[group]), ends, rtol=1e-9)


def test_expanded_interval_holds_where_percentiles_are_too_narrow() -> None:
    generator = np.random.default_rng(5)
    leagues, games = 1500, 6
    truth = generator.normal(size=(leagues, games))
    group = np.repeat(np.arange(leagues), games)
    means = grouped_means(group, truth.ravel(), np.ones(group.size), replicates=400, seed=1)
    low, high = expanded_interval(means, np.full(leagues, games))
    plain_low, plain_high = np.quantile(means, (0.05, 0.95), axis=0)
    # Of 1,500 the standard error is 0.8 %.
    assert np.mean((plain_low < 0) & (plain_high > 0)) < 0.84
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.90, abs=0.025)


def test_shuffled_rows_are_sorted_by_group_and_random_within() -> None:
    group = np.array([2, 0, 2, 0, 2])
    orders = set()
    for seed in range(40):
        order, place = shuffled(group, np.random.default_rng(seed))
        assert group[order].tolist() == [0, 0, 2, 2, 2]
        assert place.tolist() == [0, 1, 0, 1, 2]
        orders.add(tuple(order.tolist()))
    assert len(orders) == 12  # 2! times 3!


def test_a_weight_of_two_is_a_row_written_twice() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    twice = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7])
    found = weighted_correlation(x, y, np.array([[1.0] * 7 + [2.0]]))
    oracle = [scipy.stats.pearsonr(x[twice, m], y[twice, m]).statistic for m in (0, 1)]
    assert found[0] == pytest.approx(oracle, abs=1e-12)


def test_fewer_than_three_rows_or_a_constant_side_have_no_correlation() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 6, 2))
    x[:, 1] = 7.1
    weights = np.array([[1.0, 1, 1, 0, 0, 0], [2.0, 1, 0, 0, 0, 0]])
    found = weighted_correlation(x, y, weights)
    assert np.isnan(found).tolist() == [[False, True], [True, True]]


def test_splits_without_a_correlation_count_for_nothing() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 9, 1))
    known = (x, y, np.ones((2, 9)))
    constant = (np.zeros((9, 1)), y, np.ones((2, 9)))
    alone, both = split_half_reliability([known]), split_half_reliability([known, constant])
    assert (alone == both).all()
    assert np.isnan(split_half_reliability([constant])).all()
    assert np.isnan(split_half_reliability([(x, -x, np.ones((2, 9)))])).all()
