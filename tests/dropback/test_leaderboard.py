"""Leaderboards of hand-built scores: means, ranks, rules, intervals, shrinkage, display."""

from __future__ import annotations

import random
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dropback.errors import RequestError
from dropback.leaderboard import GROUPINGS, DisplayScale, leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def throws(passer: str, scores: Sequence[float], **more: Any) -> list[dict[str, Any]]:
    """Plays of one passer in one game of the 2020 regular season."""
    ordinary: dict[str, Any] = {
        "game_id": "2020_01_KC_BUF",
        "season": 2020,
        "season_type": "REG",
        "week": 1,
        "posteam": "KC",
        "passer_player_name": f"{passer}.Passer",
        "official_attempts": len(scores),
        "team_games": 1,
        "air_yards": 5,
    }
    plays = {"passer_player_id": passer, **ordinary, **more}
    return [{**plays, "play_score": score} for score in scores]


def table(*plays: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([play for some in plays for play in some])


def ranked(scores: pl.DataFrame, **options: Any) -> pl.DataFrame:
    return leaderboard(scores, **{"by": ["passer"], "replicates": 20, **options})


def of(rows: pl.DataFrame, column: str) -> dict[str, Any]:
    return dict(rows.select("passer_player_id", column).iter_rows())


SECOND = {"game_id": "2020_02_KC_LAC", "week": 2}


def test_score_is_the_mean_over_plays_and_not_over_games() -> None:
    rows = ranked(table(throws("A", [0.2, 0.4, 0.6]), throws("A", [1.0], **SECOND)))
    assert rows.select("plays", "games", "score").row(0) == (4, 2, pytest.approx(0.55))


def test_columns_are_those_promised() -> None:
    rows = leaderboard(table(throws("A", [0.5])), by=["passer", "season"])
    assert rows.columns == [
        *("rank", "passer_player_id", "passer_player_name", "season", "plays", "games"),
        *("score", "score_low", "score_high", "score_shrunk", "display"),
    ]


def test_best_comes_first_and_ties_share_a_rank() -> None:
    plays = [throws(*one) for one in (("D", [0.1]), ("B", [0.5]), ("C", [0.9]), ("A", [0.5]))]
    rows = ranked(table(*plays))
    assert rows["passer_player_id"].to_list() == ["C", "A", "B", "D"]
    assert rows["rank"].to_list() == [1, 2, 2, 4]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (["passer"], 2),
        (["season"], 2),
        (["week"], 2),
        (["game"], 3),
        (["team"], 2),
        (["passer", "season"], 3),
        (["season", "passer", "season"], 3),
        (["team", "week"], 2),
    ],
)
def test_groups_are_those_of_the_columns_named(by: list[str], groups: int) -> None:
    scores = table(
        throws("A", [0.5]),
        throws("A", [0.5], season=2021, game_id="2021_01_KC_BUF"),
        throws("B", [0.5], posteam="BUF", **SECOND),
    )
    rows = leaderboard(scores, by=by, replicates=5)
    columns = {column for name in by for column in GROUPINGS[name]}
    assert len(rows) == groups
    assert columns < set(rows.columns)
    assert rows["plays"].sum() == 3


def test_passer_of_two_spellings_is_one_row_under_his_latest() -> None:
    scores = table(
        throws("A", [0.5], passer_player_name="A.Old"),
        throws("A", [0.5], passer_player_name="A.New", **SECOND),
        throws("A", [0.5], passer_player_name=None, game_id="2020_03_KC_LV"),
    )
    assert ranked(scores)["passer_player_name"].to_list() == ["A.New"]


def test_minimum_of_plays_counts_after_the_predicate() -> None:
    scores = table(throws("A", [0.5] * 3), throws("B", [0.4] * 2, air_yards=30))
    assert ranked(scores, min_attempts=3)["passer_player_id"].to_list() == ["A"]
    assert ranked(scores, min_attempts="2", where="air_yards > 20")["plays"].to_list() == [2]
    with pytest.raises(RequestError, match=r"No row .*min_attempts=3 .* 2 of 5 plays met"):
        ranked(scores, min_attempts=3, where="air_yards > 20")


@pytest.mark.parametrize("minimum", ["many", "3.5", ""])
def test_minimum_that_is_no_number_is_refused(minimum: str) -> None:
    with pytest.raises(RequestError, match=f"whole number or 'nfl', got '{minimum}'"):
        ranked(table(throws("A", [0.5])), min_attempts=minimum)


def season_of(passer: str, first: int, second: int, **more: Any) -> list[dict[str, Any]]:
    """Two games of a two-game season with one modelled throw each, and official attempts."""
    games = [(first, {}), (second, SECOND)]
    return [
        play
        for attempts, game in games
        for play in throws(
            passer, [0.5], **{"team_games": 2, "official_attempts": attempts, **game, **more}
        )
    ]


@pytest.mark.parametrize(("first", "second", "rows"), [(14, 14, 1), (27, 1, 1), (20, 7, 0)])
def test_nfl_rule_takes_14_official_attempts_a_team_game(
    first: int, second: int, rows: int
) -> None:
    scores = table(season_of("A", first, second), season_of("Z", 20, 20))
    assert len(ranked(scores, min_attempts="nfl")) == 1 + rows


def test_nfl_rule_counts_a_game_once_however_many_plays_it_has() -> None:
    scores = table(season_of("A", 13, 13), season_of("A", 13, 13), season_of("Z", 20, 20))
    assert ranked(scores, min_attempts="nfl")["passer_player_id"].to_list() == ["Z"]


def test_nfl_rule_adds_up_the_teams_of_a_traded_passer() -> None:
    traded = throws("A", [0.5], team_games=2, official_attempts=15)
    traded += throws("A", [0.5], team_games=2, official_attempts=13, posteam="LAC", **SECOND)
    assert len(ranked(table(traded), min_attempts="nfl")) == 1


def test_nfl_rule_keeps_a_qualified_passer_in_a_split() -> None:
    deep = throws("A", [0.9], air_yards=40, official_attempts=20, team_games=2)
    scores = table(season_of("A", 20, 20), deep, season_of("B", 9, 9, air_yards=40))
    rows = ranked(scores, min_attempts="nfl", where="air_yards >= 20")
    assert rows.select("passer_player_id", "plays").rows() == [("A", 1)]


def test_nfl_rule_judges_each_season_apart() -> None:
    scores = table(season_of("A", 14, 14), season_of("A", 13, 13, season=2021))
    assert ranked(scores, by=["passer", "season"], min_attempts="nfl")["season"].to_list() == [2020]


def test_nfl_rule_is_that_of_the_regular_season() -> None:
    playoff = {"season_type": "POST", "week": 18, "game_id": "2020_18_KC_BUF", "team_games": 1}
    scores = table(
        season_of("A", 13, 13) + throws("A", [0.5], official_attempts=40, **playoff),
        throws("B", [0.5], official_attempts=40, **playoff),
        season_of("C", 14, 14) + throws("C", [0.9], official_attempts=3, **playoff),
    )
    rows = ranked(scores, min_attempts="nfl")
    assert rows.select("passer_player_id", "plays").rows() == [("C", 3)]


def test_nfl_rule_of_a_postseason_alone_counts_its_games() -> None:
    scores = table(season_of("A", 14, 14, season_type="POST"), season_of("B", 9, 9))
    postseason = scores.filter(pl.col("season_type") == "POST")
    assert len(ranked(postseason, min_attempts="nfl")) == 1


@pytest.mark.parametrize(
    ("where", "plays"),
    [
        ("air_yards >= 20", 1),
        ("air_yards BETWEEN 5 AND 40 AND week = 1", 3),
        ("passer_player_name LIKE 'B%' OR play_score > 0.5", 2),
        ("posteam IN ('KC', 'BUF')", 3),
    ],
)
def test_predicate_keeps_the_plays_that_meet_it(where: str, plays: int) -> None:
    scores = table(throws("A", [0.2, 0.7]), throws("B", [0.4], air_yards=40))
    assert ranked(scores, where=where)["plays"].sum() == plays


@pytest.mark.parametrize(
    "where",
    [
        "windspeed > 3",
        "air_yards >=",
        "",
        "air_yards",
        "air_yards = 'deep'",
        "posteam = 1",
        "air_yards > 3; week > 1",
        "unsupported(week) = 1",
    ],
)
def test_predicate_that_is_none_is_one_sentence_with_the_columns(where: str) -> None:
    with pytest.raises(RequestError, match=r"does not hold for play scores .*columns are .*week"):
        ranked(table(throws("A", [0.5])), where=where)


@pytest.mark.parametrize(
    "where",
    [
        "week IN (SELECT week FROM read_csv('{file}'))",
        "week IN (select week from \"read_csv\"('{file}'))",
        "week IN (FROM read_csv('{file}'))",
        "week IN (TABLE scores)",
        "EXISTS (WITH t AS (SELECT 1) TABLE t)",
        "week IN (VALUES (1))",
        "week > 0 FROM read_csv('{file}')",
        "read_csv('{file}') IS NULL",
        "EXISTS (SELECT 1)",
        "(SELECT 1) = 1",
    ],
)
def test_predicate_reads_no_file_and_runs_no_query(tmp_path: Path, where: str) -> None:
    file = tmp_path / "weeks.csv"
    file.write_text("week\n1\n")
    with pytest.raises(RequestError, match=r"must compare columns of the play scores alone"):
        ranked(table(throws("A", [0.5])), where=where.format(file=file))


def test_predicate_that_nothing_meets_is_one_sentence() -> None:
    with pytest.raises(RequestError, match=r"where='week > 40': 0 of 1 plays met"):
        ranked(table(throws("A", [0.5])), where="week > 40")


@pytest.mark.parametrize(("by", "named"), [(["coach"], "'coach'"), ([], "nothing")])
def test_unknown_grouping_is_one_sentence(by: list[str], named: str) -> None:
    with pytest.raises(RequestError, match=f"group by {named}: choose among passer, season, week"):
        ranked(table(throws("A", [0.5])), by=by)


def league(seed: int) -> pl.DataFrame:
    """Six passers, up to nine games each, with skill, luck and two spellings of a name."""
    draw = random.Random(seed)  # noqa: S311  # no secret
    return table(
        *(
            throws(
                passer,
                [draw.random() for _ in range(draw.randrange(1, 30))],
                game_id=f"2020_{week:02}",
                week=week,
                passer_player_name=draw.choice([passer, f"{passer}.", None]),
            )
            for passer in "ABCDEF"
            for week in range(1, draw.randrange(2, 11))
        )
    )


@given(st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_order_of_the_plays_does_not_matter(seed: int) -> None:
    scores = league(1)
    shuffled = scores.sample(fraction=1, shuffle=True, seed=seed)
    assert_frame_equal(ranked(shuffled), ranked(scores), abs_tol=1e-12)


def test_interval_is_that_of_the_slow_bootstrap() -> None:
    scores = league(2)
    rows = ranked(scores, replicates=4000)
    draw = random.Random(3)  # noqa: S311  # no secret
    for passer, low, high in rows.select("passer_player_id", "score_low", "score_high").rows():
        own = scores.filter(pl.col("passer_player_id") == passer)
        games = own.group_by("game_id").agg("play_score")["play_score"].to_list()
        if len(games) < 4:  # the quantiles of few games are those of few atoms
            continue
        slow = [
            fmean(score for game in draw.choices(games, k=len(games)) for score in game)
            for _ in range(2000)
        ]
        # A 5 % quantile of 2,000 draws has a standard error of 0.05 standard deviations.
        reach = 0.25 * float(np.std(slow))
        assert low == pytest.approx(np.quantile(slow, 0.05), abs=reach)
        assert high == pytest.approx(np.quantile(slow, 0.95), abs=reach)


def test_single_game_has_no_interval() -> None:
    scores = table(throws("A", [0.2, 0.8]), throws("A", [0.9], **SECOND), throws("B", [0.1, 0.3]))
    rows = ranked(scores)
    assert of(rows, "score_low")["B"] is None
    assert of(rows, "score_high")["B"] is None
    assert of(rows, "score_low")["A"] < of(rows, "score_high")["A"]
    assert ranked(scores, by=["game"])["score_low"].null_count() == 2


def test_interval_depends_on_the_seed_alone() -> None:
    assert_frame_equal(ranked(league(4), seed=7), ranked(league(4), seed=7))
    assert not ranked(league(4), seed=7)["score_low"].equals(ranked(league(4), seed=8)["score_low"])


def test_shrinkage_of_equal_groups_worked_by_hand() -> None:
    # Within-variance 0.06 / 3 = 0.02, so 0.01 a mean. Q = 12.6667, spread 200, between
    # (12.6667 - 2) / 200 = 0.053333, trust 0.053333 / 0.063333 = 16 / 19; league mean 8 / 15.
    scores = table(throws("A", [0.2, 0.4]), throws("B", [0.7, 0.9]), throws("C", [0.4, 0.6]))
    shrunk = of(ranked(scores), "score_shrunk")
    assert shrunk == pytest.approx({"A": 0.3368421, "B": 0.7578947, "C": 0.5052632}, abs=1e-7)


def test_shrinkage_of_unequal_groups_worked_by_hand() -> None:
    # Within 0.06 / 4 = 0.015; variances 0.00375, 0.0075; weights 266.667, 133.333; Q = 22.2222;
    # spread 400 - 88888.9 / 400 = 177.778; between 0.119375; trusts 0.969543, 0.940887.
    scores = table(throws("A", [0.1, 0.3, 0.1, 0.3]), throws("B", [0.6, 0.8]))
    shrunk = of(ranked(scores), "score_shrunk")
    assert shrunk == pytest.approx({"A": 0.2050761, "B": 0.6802956}, abs=1e-7)


def test_groups_that_differ_by_luck_alone_shrink_to_the_mean() -> None:
    scores = table(throws("A", [0.0, 1.0, 0.4]), throws("B", [1.0, 0.1]))
    assert ranked(scores)["score_shrunk"].to_list() == pytest.approx([0.5, 0.5])


def test_one_play_a_group_tells_nothing_of_skill() -> None:
    shrunk = ranked(table(throws("A", [0.0]), throws("B", [0.8])))["score_shrunk"]
    assert shrunk.to_list() == pytest.approx([0.4, 0.4])


@pytest.mark.parametrize("score", [0.25, 0.1, 1 / 3])
def test_groups_without_luck_are_not_shrunk(score: float) -> None:
    shrunk = of(ranked(table(throws("A", [score] * 7), throws("B", [0.9] * 3))), "score_shrunk")
    assert shrunk == pytest.approx({"A": score, "B": 0.9})


def test_lone_group_is_not_shrunk() -> None:
    assert ranked(table(throws("A", [0.2, 0.4])))["score_shrunk"].to_list() == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("score", "display"), [(0.5, 85), (0.55, 96.1), (0.4, 62.8), (0.2, 50), (0.9, 99)]
)
def test_display_is_linear_about_85_and_cut_off(score: float, display: float) -> None:
    assert ranked(table(throws("A", [score])))["display"].item() == pytest.approx(display)


def test_display_scale_is_a_setting() -> None:
    rows = ranked(table(throws("A", [0.6])), scale=DisplayScale(average=70, slope=100))
    assert rows["display"].item() == pytest.approx(80)


def test_small_league_has_the_best_passer_first() -> None:
    rows = ranked(league(5))
    assert rows["score"].is_sorted(descending=True)
    assert (rows["rank"].diff().drop_nulls() > 0).all()
