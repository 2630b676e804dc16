import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.ranking import leaderboard, passer_profile, passer_seasons
from examples.scored_plays import table, throws


def league() -> pl.DataFrame:
    plays = [
        *throws("A", [0.9, 0.1, 0.5, 0.5], season=2020),
        *throws("A", [0.7, 0.3], season=2021),
        *throws("B", [0.05, 0.95, 0.4], season=2020),
    ]
    for number, play in enumerate(plays):
        play["play_id"] = number
    return table(plays).with_columns(mid_cdf=pl.col("play_score"))


def profile(passer: str = "A", **more: int):
    return passer_profile(league(), passer_seasons(league()), passer, **more)


def test_seasons_are_rows_of_the_leaderboard_in_order():
    expected = leaderboard(league(), min_attempts=1).filter(pl.col("passer_player_id") == "A")
    assert profile().seasons.equals(expected.sort("season"))


def test_a_season_needs_enough_plays_where_any_has_as_many():
    scores = league()
    assert passer_seasons(scores, min_attempts=4).select("passer_player_id", "season").rows() == [
        ("A", 2020)
    ]
    assert passer_seasons(scores, min_attempts=5).height == 3


def test_best_and_worst_throws_are_the_passers_and_the_earlier_of_equal_ones_first():
    found = profile(throws=3)
    assert found.best["play_score"].to_list() == [0.9, 0.7, 0.5]
    assert found.best["play_id"].to_list() == [0, 4, 2]
    assert found.worst["play_score"].to_list() == [0.1, 0.3, 0.5]
    assert found.worst["play_id"].to_list() == [1, 5, 2]


def test_the_histogram_has_the_passers_shares_beside_those_of_the_league():
    found = profile("B")
    assert found.plays == 3
    assert found.edges == pytest.approx(np.arange(11) / 10)
    # 0.05, 0.4 and 0.95; a value on an edge is in the bin above it.
    expected = np.zeros(10)
    expected[[0, 4, 9]] = 1 / 3
    assert found.passer == pytest.approx(expected)
    assert found.league.sum() == pytest.approx(1)
    assert found.league[5] == pytest.approx(2 / 9)


@pytest.mark.parametrize(
    "change", [lambda t: t.drop("mid_cdf"), lambda t: t.with_columns(mid_cdf=None)]
)
def test_without_distributions_of_yards_there_is_no_histogram(change):
    scores = change(league())
    found = passer_profile(scores, passer_seasons(scores), "A")
    assert (len(found.passer), len(found.league), found.plays) == (0, 0, 0)


def test_a_passer_without_plays_is_refused():
    with pytest.raises(RequestError, match="No play of passer 'C' is among the 9 scored"):
        profile("C")
