"""A walk with ranges of steps against XGBoost, which walks once for each step."""

import numpy as np
import pytest

from dropback.models._boosting import boost
from dropback.models._step_trees import StepTrees

RUNS = np.array([-1, 0, 1, 2, 3, 4, 7, 11])
RISING = np.array([True, False])


def test_log_odds_are_those_that_the_booster_gives_each_step() -> None:
    random = np.random.default_rng(0)
    features = random.integers(-3, 4, (40, 3)).astype(np.float32)
    features[random.random(features.shape) < 0.2] = np.nan
    at_zero = random.integers(-5, 15, (40, 2)).astype(np.float64)
    counts = random.integers(0, len(RUNS) + 1, 40)
    play, step = np.nonzero(np.arange(len(RUNS)) < counts[:, None])
    columns = (at_zero[play, 0] + RUNS[step], at_zero[play, 1] - RUNS[step])
    table = np.column_stack([features[play], *columns]).astype(np.float32)
    # What the trees must tell: all columns together, missing ones too.
    score = np.nan_to_num(table[:, 0], nan=4.0) + table[:, 3] * (table[:, 1] > 0) - table[:, 4]
    ended = random.random(len(table)) < 1 / (1 + np.exp(-score / 4))
    booster = boost(
        (table, ended), 30, seed=0, objective="binary:logistic", max_leaves=31,
        grow_policy="lossguide", min_child_weight=0.5,
    )  # fmt: skip
    trees = StepTrees.of(booster)
    assert set(trees.column[trees.children[:, 0] >= 0]) == {0, 1, 2, 3, 4}
    found = trees.log_odds(features, at_zero, RISING, RUNS, counts)
    margins = booster.inplace_predict(table, predict_type="margin")
    np.testing.assert_allclose(found[play, step], margins, atol=2e-6)
    assert np.count_nonzero(found) == len(play)


def test_a_step_at_the_threshold_goes_right() -> None:
    # One tree, split at 3: of a column that rises, then of one that falls.
    for column, left in ((0, RUNS < 3), (1, 5 - RUNS < 3)):
        trees = StepTrees(
            roots=np.array([0]),
            children=np.array([[1, 2], [-1, -1], [-1, -1]]),
            column=np.array([column, 0, 0]),
            threshold=np.array([3.0, 0.25, -0.5]),
            missing_left=np.zeros(3, dtype=bool),
            base=1.0,
        )
        found = trees.log_odds(
            np.empty((1, 0), np.float32), np.array([[0.0, 5.0]]), RISING, RUNS,
            np.array([len(RUNS)]),
        )  # fmt: skip
        assert found[0].tolist() == pytest.approx(np.where(left, 1.25, 0.5).tolist())
