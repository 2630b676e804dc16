import numpy as np
import polars as pl
import pytest

from dropback.errors import RequestError
from dropback.ranking import leaderboard, passer_profile, passer_seasons, season_places
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


def test_a_season_is_placed_on_its_own_board_and_by_its_rule():
    plays = []
    # Five qualify by 14 attempts a team game in 2020, and four in 2021; F throws too little.
    for season, skills in ((2020, (0.9, 0.8, 0.7, 0.6, 0.5)), (2021, (0.5, 0.9, 0.8, 0.7))):
        for passer, skill in (*zip("ABCDE", skills, strict=False), ("F", 0.99)):
            count = 2 if passer == "F" else 20
            for number, play in enumerate(throws(passer, [skill, skill - 0.1] * (count // 2))):
                key = {"season": season, "play_id": len(plays), "game_id": f"{season}_{number % 2}"}
                team = {"posteam": passer, "official_attempts": 20, "team_games": 2}
                team["official_attempts"] = 20 if passer != "F" else 1
                plays.append({**play, **key, **team, "season_type": "REG"})
    scores = pl.DataFrame(plays, infer_schema_length=None)
    placed = season_places(passer_seasons(scores, min_attempts=1), scores)
    rows = {(row["passer_player_id"], row["season"]): row for row in placed.to_dicts()}
    assert len(rows) == 11
    assert rows["A", 2020]["place"] == "1 of 5, 2020"
    assert rows["A", 2021]["place"] == "4 of 4, 2021"
    board = leaderboard(scores.filter(pl.col("season") == 2021))
    expected = board.filter(pl.col("passer_player_id") == "C").to_dicts()[0]
    assert {name: rows["C", 2021][name] for name in expected} == expected
    assert rows["F", 2020]["rank"] is None
    assert rows["F", 2020]["place"] == "not qualified"
    assert rows["F", 2020]["score"] == pytest.approx(0.94)


def test_without_the_columns_of_the_rule_nobody_is_placed():
    placed = season_places(passer_seasons(league()), league())
    assert placed["rank"].null_count() == placed.height == 3
    assert placed["score"].null_count() == 0


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
