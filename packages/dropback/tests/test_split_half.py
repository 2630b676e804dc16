"""Split-half reliability against SciPy and against the variances that the halves are drawn with."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from dropback._split_half import shuffled, split_half_reliability, weighted_correlation


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


def test_reliability_is_that_of_the_sum_of_both_halves() -> None:
    draw = np.random.default_rng(1)
    skill = draw.normal(size=(4000, 1))
    splits = [
        (skill + draw.normal(size=skill.shape), skill + draw.normal(size=skill.shape), weights)
        for weights in [np.ones((1, 4000))] * 5
    ]
    # Skill and luck of one half have variance 1 each, so both halves have 1 / (1 + 1/2).
    assert split_half_reliability(splits)[0, 0] == pytest.approx(2 / 3, abs=0.02)


def test_splits_without_a_correlation_count_for_nothing() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 9, 1))
    known = (x, y, np.ones((2, 9)))
    constant = (np.zeros((9, 1)), y, np.ones((2, 9)))
    alone, both = split_half_reliability([known]), split_half_reliability([known, constant])
    assert (alone == both).all()
    assert np.isnan(split_half_reliability([constant])).all()
    assert np.isnan(split_half_reliability([(x, -x, np.ones((2, 9)))])).all()
