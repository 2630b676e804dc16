"""Reliability by attempts, on data whose variances are known."""

import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.ranking import leaderboard, reliability, reliable_minimum
from dropback.ranking._reliability import between_variance
from examples.scored_plays import table, throws


def league(
    seed: int, *, skill: float = 0.02, game: float = 0.0, passers: int = 400, games: int = 16
) -> pl.DataFrame:
    """Passers of 30 plays a game: standard deviation 0.3 a play, and of skill and games."""
    generator = np.random.default_rng(seed)
    true = generator.normal(0.5, skill, (passers, 1, 1)) + generator.normal(
        0, game, (passers, games, 1)
    )
    scores = true + generator.normal(0, 0.3, (passers, games, 30))
    passer, week, _ = np.indices(scores.shape)
    return pl.DataFrame(
        {
            "passer_player_id": passer.ravel(),
            "passer_player_name": passer.ravel().astype(str),
            "season": 2020,
            "game_id": (100 * passer + week).ravel(),
            "play_score": scores.ravel(),
        }
    )


def test_known_variances_are_found() -> None:
    found = reliability(league(1), replicates=200)
    assert found.play_variance == pytest.approx(0.09, rel=0.02)
    assert found.design_effect == pytest.approx(1.0, abs=0.05)
    assert found.between_variance == pytest.approx(0.0004, rel=0.15)
    # 0.09 / 0.0004 = 225 attempts.
    assert found.half_low < 225 < found.half_high
    assert found.half == pytest.approx(found.play_variance / found.between_variance, rel=0.05)
    assert found.minimum() == int(np.ceil(found.half))
    assert found.groups == 400


def test_minimum_of_another_reliability_follows_the_formula() -> None:
    found = reliability(league(2), replicates=20)
    n = found.minimum(0.7)
    assert n / (n + found.half) >= 0.7 > (n - 1) / (n - 1 + found.half)


@pytest.mark.parametrize("target", [0.0, 1.0, float("nan")])
def test_reliability_outside_its_range_is_refused(target: float) -> None:
    with pytest.raises(RequestError, match=r"must be in \(0, 1\), got"):
        reliability(league(2, passers=5), replicates=5).minimum(target)


def test_games_that_differ_raise_the_minimum() -> None:
    # Game variance 0.0025 over 30 plays: 1 + 30 * 0.0025 / 0.0925 = 1.81 of independent plays.
    found = reliability(league(3, game=0.05), replicates=20)
    assert found.design_effect == pytest.approx(1.81, abs=0.06)
    assert found.half == pytest.approx(1.81 * 0.0925 / 0.0004, rel=0.15)


def test_split_halves_agree_with_the_formula() -> None:
    found = reliability(league(4, game=0.03), replicates=100)
    attempts = found.split_half["attempts"].to_numpy()
    assert attempts == pytest.approx(30 * found.split_half["games"].to_numpy())
    expected = attempts / (attempts + found.half)
    # 400 passers: a correlation near one half has a standard error of 0.04.
    np.testing.assert_allclose(found.split_half["reliability"], expected, atol=0.08)
    assert (found.split_half["low"] < found.split_half["high"]).all()


def test_curve_is_the_formula_within_its_interval() -> None:
    found = reliability(league(5, passers=60), replicates=100)
    curve = found.curve
    at_300 = curve.filter(pl.col("attempts") == 300).row(0, named=True)
    assert at_300["reliability"] == pytest.approx(300 / (300 + found.half))
    assert (curve["low"] <= curve["reliability"]).all()
    assert (curve["reliability"] <= curve["high"]).all()


@pytest.mark.slow
def test_half_lies_in_its_interval_nine_times_in_ten() -> None:
    inside = 0
    for seed in range(60):
        found = reliability(league(100 + seed, passers=64, games=4, skill=0.04), replicates=100)
        inside += found.half_low <= 0.09 / 0.0016 <= found.half_high
    # Binomial(60, .9): 47 or fewer has probability 1 %. Resampling 64 groups holds a little less.
    assert inside >= 47


def test_no_skill_is_said_so() -> None:
    same = pl.concat([league(6, skill=0, passers=1)] * 3).with_columns(
        passer_player_id=pl.int_range(pl.len()) // (30 * 16)
    )
    found = reliability(same, replicates=5)
    assert found.half == np.inf
    assert (found.curve["reliability"] == 0).all()
    with pytest.raises(RequestError, match="No number of attempts is reliable: the 3 groups"):
        found.minimum()


def test_scores_without_luck_are_reliable_from_the_first() -> None:
    scores = table(
        *(throws(name, [score] * 3) for name, score in zip("ABC", (0.1, 0.5, 0.6), strict=True))
    )
    found = reliability(scores, replicates=20)
    assert found.half == pytest.approx(0, abs=1e-9)
    assert found.minimum() == 1


def test_groups_of_few_plays_are_left_out() -> None:
    large = league(9, passers=30)
    thrown = large.with_columns(pl.col("passer_player_id") + 1000, play_score=pl.lit(5.0))
    once = thrown.unique("passer_player_id", keep="first")
    found = reliability(pl.concat([large, once]), replicates=5)
    assert found.groups == 30
    assert found.half == pytest.approx(reliability(large, replicates=5).half)


def test_two_groups_are_too_few() -> None:
    with pytest.raises(RequestError, match="at least 3, got 2 by passer, season"):
        reliability(table(throws("A", [0.5]), throws("B", [0.5])))


def test_groups_of_one_play_each_are_refused() -> None:
    scores = table(
        *(throws(name, [score]) for name, score in zip("ABC", (0.1, 0.5, 0.9), strict=True))
    )
    with pytest.raises(RequestError, match="Each of the 3 groups by passer has one play"):
        reliability(scores, by="passer")


def test_moment_estimate_worked_by_hand() -> None:
    # Q = 12.6667, spread 200: (12.6667 - 2) / 200; the second row has three times the first group.
    mean, variance = np.array([0.3, 0.8, 0.5]), np.full(3, 0.01)
    found = between_variance(mean, variance, np.array([[1.0, 1, 1], [3, 0, 0]]))
    assert found == pytest.approx([0.0533333, 0.0], abs=1e-7)


def test_reliable_rows_have_the_attempts_for_it() -> None:
    scores = pl.concat(
        [
            league(7, passers=40),
            league(8, passers=9, games=3).with_columns(pl.col("passer_player_id") + 1000),
        ]
    )
    least = reliable_minimum(scores)
    assert 90 < least < 480
    rows = leaderboard(scores, by=["passer"], min_attempts="reliable", replicates=5)
    assert len(rows) == 40
    # n / (n + k) of 480 plays, by another estimate of the same variances.
    assert rows["reliability"].mean() == pytest.approx(480 / (480 + least), abs=0.1)
