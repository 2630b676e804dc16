"""Leaderboards of hand-built scores: means, ranks, rules, intervals, shrinkage, display."""

import math
import random
import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dropback._frames import to_polars
from dropback.errors import RequestError
from dropback.ranking import (
    SPLITS,
    DisplayScale,
    leaderboard,
    probability_better,
    probability_matrix,
    reliability,
)
from examples.frames import LIBRARIES, converted
from examples.scored_plays import table, throws


def ranked(scores: pl.DataFrame, **options: Any) -> pl.DataFrame:
    return leaderboard(scores, **{"by": ["passer"], "min_attempts": 1, "replicates": 20, **options})


def of(rows: pl.DataFrame, column: str) -> dict[str, Any]:
    return dict(rows.select("passer_player_id", column).iter_rows())


SECOND = {"game_id": "2020_02_KC_LAC", "week": 2}


def test_score_is_the_mean_over_plays_and_not_over_games() -> None:
    rows = ranked(table(throws("A", [0.2, 0.4, 0.6]), throws("A", [1.0], **SECOND)))
    assert rows.select("plays", "games", "score").row(0) == (4, 2, pytest.approx(0.55))


def test_columns_are_those_promised() -> None:
    rows = leaderboard(table(throws("A", [0.5])), by="passer, season", min_attempts=1)
    assert rows.columns == [
        *("rank", "rank_low", "rank_high"),
        *("passer_player_id", "passer_player_name", "season", "plays", "games"),
        *("score", "score_low", "score_high"),
        *("score_shrunk", "shrunk_low", "shrunk_high", "shrunk_sd", "reliability"),
        *("percentile", "z", "display"),
        *("probability_better_than_next", "probability_best", "drift"),
        *("better", "population", "place"),
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
        (["week"], 3),  # of each season
        (["game"], 3),
        (["team"], 2),
        (["passer", "season"], 3),
        (["season", "passer", "season"], 3),
        (["team", "week"], 3),
    ],
)
def test_groups_are_those_of_the_columns_named(by: list[str], groups: int) -> None:
    scores = table(
        throws("A", [0.5]),
        throws("A", [0.5], season=2021, game_id="2021_01_KC_BUF"),
        throws("B", [0.5], posteam="BUF", **SECOND),
    )
    rows = leaderboard(scores, by=by, min_attempts=1, replicates=5)
    columns = {column for name in by for column in SPLITS[name].columns}
    assert len(rows) == groups
    assert columns < set(rows.columns)
    assert rows["plays"].sum() == 3


def test_passer_of_two_spellings_is_one_row_under_the_latest() -> None:
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
    with pytest.raises(RequestError, match=r"No row .*min_attempts=3, .* 2 of 5 plays met"):
        ranked(scores, min_attempts=3, where="air_yards > 20")


@pytest.mark.parametrize("minimum", ["many", "3.5", "", "-1", -1, 1.5, True, [5]])
def test_minimum_that_is_no_number_is_refused(minimum: Any) -> None:
    words = f"of at least 0, 'nfl' or 'reliable', got {minimum!r}."
    with pytest.raises(RequestError, match=re.escape(words)):
        ranked(table(throws("A", [0.5])), min_attempts=minimum)


def season_of(passer: str, first: int, second: int, **more: Any) -> list[dict[str, Any]]:
    """Two games of a two-game season with one modeled throw each, and official attempts."""
    games = [(first, {}), (second, SECOND)]
    return [
        play
        for attempts, game in games
        for play in throws(
            passer, [0.5], **{"team_games": 2, "official_attempts": attempts, **game, **more}
        )
    ]


PLAYOFF = {"season_type": "POST", "week": 18, "game_id": "2020_18_KC_BUF", "team_games": 1}
TRADED = [
    *throws("A", [0.5], team_games=2, official_attempts=15),
    *throws("A", [0.5], team_games=2, official_attempts=13, posteam="LAC", **SECOND),
]


@pytest.mark.parametrize(
    ("plays", "kept"),
    [
        # 14 official attempts a team game.
        ([season_of("A", 14, 14), season_of("Z", 20, 20)], {"A": 2, "Z": 2}),
        ([season_of("A", 27, 1), season_of("Z", 20, 20)], {"A": 2, "Z": 2}),
        ([season_of("A", 20, 7), season_of("Z", 20, 20)], {"Z": 2}),
        # A game counts once, however many plays it has.
        ([season_of("A", 13, 13), season_of("A", 13, 13), season_of("Z", 20, 20)], {"Z": 2}),
        # The attempts for all teams count.
        ([TRADED], {"A": 2}),
        # Where there are regular-season games, playoff games do not count.
        (
            [
                season_of("A", 13, 13) + throws("A", [0.5], official_attempts=40, **PLAYOFF),
                throws("B", [0.5], official_attempts=40, **PLAYOFF),
                season_of("C", 14, 14) + throws("C", [0.9], official_attempts=3, **PLAYOFF),
            ],
            {"C": 3},
        ),
        # A postseason alone counts its own games.
        ([season_of("A", 14, 14, season_type="POST")], {"A": 2}),
    ],
)
def test_nfl_rule_takes_qualified_passers(
    plays: list[list[dict[str, Any]]], kept: dict[str, int]
) -> None:
    assert of(ranked(table(*plays), min_attempts="nfl"), "plays") == kept


def test_nfl_rule_keeps_a_qualified_passer_in_a_split() -> None:
    deep = throws("A", [0.9], air_yards=40, official_attempts=20, team_games=2)
    scores = table(season_of("A", 20, 20), deep, season_of("B", 9, 9, air_yards=40))
    assert of(ranked(scores, min_attempts="nfl", where="air_yards >= 20"), "plays") == {"A": 1}


def test_nfl_rule_counts_the_games_of_weeks_that_were_scored_apart() -> None:
    # A threw 14 in each of two games, B 20 in the first alone; each week knows of one game.
    first = table(throws("A", [0.5] * 14), throws("B", [0.5] * 20))
    weeks = pl.concat([first, table(throws("A", [0.5] * 14, **SECOND))])
    assert of(ranked(weeks, min_attempts="nfl"), "plays") == {"A": 28}
    # Both games of the season are remembered where the second is taken out.
    both = weeks.with_columns(team_games=2).filter(week=1)
    with pytest.raises(RequestError, match="No row is left"):
        ranked(both, min_attempts="nfl")


def test_a_play_that_is_there_twice_is_named() -> None:
    week = table(throws("A", [0.1, 0.9])).with_columns(play_id=pl.Series([5, 6]))
    message = r"game 2020_01_KC_BUF, play 6 is there twice \(2 such rows\): keep one table of each"
    with pytest.raises(RequestError, match=message):
        ranked(pl.concat([week, week[1:]]))


def test_weeks_of_several_seasons_are_kept_apart() -> None:
    scores = table(throws("A", [0.2]), throws("A", [0.8], season=2021, game_id="2021_01_KC_BUF"))
    rows = ranked(scores, by="passer,week")
    assert rows.select("season", "week", "score").rows() == [(2021, 1, 0.8), (2020, 1, 0.2)]
    assert "season" not in ranked(scores[:1], by="passer,week").columns


def test_nfl_rule_takes_each_season_apart() -> None:
    scores = table(season_of("A", 14, 14), season_of("A", 13, 13, season=2021))
    assert ranked(scores, by=["passer", "season"], min_attempts="nfl")["season"].to_list() == [2020]


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


def test_a_single_game_has_the_interval_of_its_plays() -> None:
    # Plays vary by (.3^2 + .3^2 + .1^2 + .1^2) / (4 - 2) within the rows: .1 a play, .05 of two.
    rows = ranked(table(throws("A", [0.2, 0.8]), throws("B", [0.1, 0.3], **SECOND)))
    half = 1.6448536 * 0.05**0.5
    assert of(rows, "score_low") == pytest.approx({"A": 0.5 - half, "B": 0.2 - half})
    assert of(rows, "score_high") == pytest.approx({"A": 0.5 + half, "B": 0.2 + half})


def test_from_six_games_on_the_games_are_resampled() -> None:
    games = [{"game_id": f"2020_{week:02d}_KC_LAC", "week": week} for week in range(1, 7)]
    # Plays differ within games and games do not: resampled games have one mean.
    six = [throws("A", [0.2, 0.8], **game) for game in games]
    rows = ranked(table(*six, throws("B", [0.1, 0.9])))
    assert of(rows, "score_low")["A"] == of(rows, "score_high")["A"] == pytest.approx(0.5)
    rows = ranked(table(*six[:5], throws("B", [0.1, 0.9])))
    assert of(rows, "score_low")["A"] < 0.45


def defenses(**more: Any) -> pl.DataFrame:
    """X allows .3, Y .5 and Z .7, in two games each."""
    return table(
        *(
            throws(passer, [score, score + 0.02, score - 0.02], defteam=defense, **game, **more)
            for defense, score in (("Y", 0.5), ("X", 0.3), ("Z", 0.7))
            for passer, game in (("A", {}), ("B", SECOND))
        )
    )


def test_of_defenses_the_one_that_allows_least_is_first() -> None:
    rows = ranked(defenses(), by="opponent")
    assert rows["defteam"].to_list() == ["X", "Y", "Z"]
    assert rows["rank"].to_list() == [1, 2, 3]
    assert rows["score"].to_list() == pytest.approx([0.3, 0.5, 0.7])
    assert set(rows["better"]) == {"lower"}
    assert rows["percentile"].is_sorted(descending=True)
    assert rows["z"].is_sorted(descending=True)
    # Mirrored at one half, of single games: 85 + 96 (.5 - .3) is beyond 99, 85 - 96 (.7 - .5).
    assert rows["display"].to_list() == pytest.approx([99, 85, 65.8])
    assert rows["probability_best"][0] > 0.99
    assert rows["rank_low"][0] == 1
    assert (rows["probability_better_than_next"].drop_nulls() > 0.99).all()
    assert probability_better(rows, "X", "Z") > 0.99
    assert probability_matrix(rows)["Z"].to_list()[:2] == pytest.approx([1, 1], abs=0.01)


@pytest.mark.parametrize("by", ["passer,opponent", "team,opponent", "passer", "season"])
def test_of_everyone_else_the_highest_is_first(by: str) -> None:
    rows = ranked(defenses(), by=by)
    assert set(rows["better"]) == {"higher"}
    assert rows["score"].is_sorted(descending=True)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "1 of 2, 2020-2021"),
        ({"by": ["passer", "season"]}, "1 of 4, 2020-2021"),
        ({"where": "season = 2021"}, "1 of 2, 2021, where season = 2021"),
        ({"split": "down=1"}, "1 of 2, 2020-2021, down=1"),
        ({"weeks": 1, "seasons": 2020}, "1 of 2, 2020, "),
    ],
)
def test_a_rank_names_its_population(options: dict[str, Any], place: str) -> None:
    scores = table(
        throws("A", [0.5], down=1),
        throws("B", [0.4], down=1),
        throws("A", [0.6], down=1, season=2021, game_id="2021_01_KC_BUF"),
        throws("B", [0.4], down=1, season=2021, game_id="2021_01_KC_BUF"),
    )
    rows = ranked(scores, **options)
    assert rows["place"][0].startswith(place)
    assert set(rows["population"]) == {rows.height}


def test_interval_depends_on_the_seed_alone() -> None:
    assert_frame_equal(ranked(league(4), seed=7), ranked(league(4), seed=7))
    assert not ranked(league(4), seed=7)["score_low"].equals(ranked(league(4), seed=8)["score_low"])


@pytest.mark.parametrize(
    ("score", "display"), [(0.5, 85), (0.55, 96.1), (0.4, 62.8), (0.2, 50), (0.9, 99)]
)
def test_display_is_linear_about_85_and_cut_off(score: float, display: float) -> None:
    rows = ranked(table(throws("A", [score])), scale=DisplayScale())
    assert rows["display"].item() == pytest.approx(display)


def test_display_scale_is_a_setting() -> None:
    rows = ranked(table(throws("A", [0.6])), scale=DisplayScale(average=70, slope=100))
    assert rows["display"].item() == pytest.approx(80)


def test_percentile_and_z_of_worked_rows() -> None:
    plays = [throws(*one) for one in (("A", [0.2]), ("B", [0.5]), ("C", [0.5]), ("D", [0.8]))]
    rows = ranked(table(*plays))
    # One of four beaten and itself half: 12.5 %; the tied share places 2 and 3.
    assert of(rows, "percentile") == pytest.approx({"A": 12.5, "B": 50, "C": 50, "D": 87.5})
    z = 0.3 / math.sqrt(0.06)  # deviations 0.3, 0, 0, 0.3; variance 0.18 / 3
    assert of(rows, "z") == pytest.approx({"A": -z, "B": 0, "C": 0, "D": z}, abs=1e-12)


@pytest.mark.parametrize("plays", [[("A", [0.5])], [("A", [0.5]), ("B", [0.5])]])
def test_rows_without_spread_have_no_z(plays: list[tuple[str, list[float]]]) -> None:
    rows = ranked(table(*(throws(*one) for one in plays)))
    assert rows["z"].null_count() == len(rows)
    assert rows["percentile"].to_list() == [50] * len(rows)


def test_weights_count_a_play_as_often_as_they_say() -> None:
    once = table(
        throws("A", [0.2, 0.2, 0.2, 0.8]), throws("A", [0.5], **SECOND), throws("B", [0.4, 0.6])
    )
    weighted = table(
        throws("A", [0.2], play_weight=3.0) + throws("A", [0.8, 0.9], play_weight=1.0)[:1],
        throws("A", [0.5], play_weight=1.0, **SECOND),
        throws("B", [0.4, 0.6], play_weight=1.0),
    )
    assert of(ranked(once), "score") == of(ranked(weighted), "score")
    assert of(ranked(weighted), "plays") == {"A": 3, "B": 2}


def test_scale_of_the_weights_does_not_matter() -> None:
    scores = league(3).with_columns(play_weight=pl.lit(1.0))
    assert_frame_equal(ranked(scores), ranked(scores.with_columns(play_weight=7.0)), abs_tol=1e-9)
    assert_frame_equal(ranked(scores), ranked(scores.drop("play_weight")))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("play_weight", 0.0, "play_weight must be a positive finite number .* is 0.0 in 1 of 3"),
        ("play_weight", -1.0, "play_weight must be a positive finite number .* -1.0"),
        ("play_weight", None, "play_weight must be a positive finite number .* None"),
        ("play_score", math.nan, "play_score must be a finite number .* nan in 1 of 3 plays"),
        ("play_score", None, "play_score must be a finite number .* None"),
        ("play_score", math.inf, "play_score must be a finite number .* 2020_01_KC_BUF"),
    ],
)
def test_scores_and_weights_must_be_numbers(column: str, value: float, words: str) -> None:
    ordinary = throws("A", [0.2, 0.5], play_weight=1.0)
    with pytest.raises(RequestError, match=words):
        ranked(table(ordinary, [{**ordinary[0], column: value}]))


@pytest.mark.parametrize("shift", [-3.0, 1e6])
def test_scores_may_be_any_numbers(shift: float) -> None:
    moved = league(6).with_columns(pl.col("play_score") * 10 + shift)
    rows, plain = ranked(moved), ranked(league(6))
    same = ("passer_player_id", "rank", "rank_low", "rank_high")
    assert rows.select(same).equals(plain.select(same))
    for column in ("score_low", "score_high", "score_shrunk", "shrunk_low"):
        np.testing.assert_allclose(rows[column], plain[column] * 10 + shift, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(rows["reliability"], plain["reliability"], rtol=1e-6)


@pytest.mark.parametrize("column", ["play_score", "game_id", "passer_player_name", "season"])
def test_missing_column_is_one_sentence(column: str) -> None:
    scores = table(throws("A", [0.5])).drop(column)
    with pytest.raises(RequestError, match=f"'{column}'.*(have|has) .*week"):
        leaderboard(scores, min_attempts=1)


def test_nfl_rule_needs_its_columns() -> None:
    scores = table(throws("A", [0.5])).drop("official_attempts", "team_games")
    with pytest.raises(RequestError, match="needs the columns official_attempts, team_games"):
        ranked(scores, min_attempts="nfl")


@pytest.mark.parametrize("library", LIBRARIES)
def test_rankings_are_the_same_in_every_library(library: str) -> None:
    scores = league(2)
    board, frame = ranked(scores), converted(scores, library)
    rows = ranked(frame)
    assert type(rows) is type(frame)
    assert_frame_equal(to_polars(rows), board)
    matrix = probability_matrix(rows)
    assert type(matrix) is type(rows)
    assert_frame_equal(to_polars(matrix), probability_matrix(board))
    assert probability_better(rows, "A", "B") == probability_better(board, "A", "B")
    assert_frame_equal(reliability(frame).split_half, reliability(scores).split_half)


def test_what_is_no_frame_is_one_sentence() -> None:
    with pytest.raises(RequestError, match=r"Play scores must be a data frame .*, got str: read"):
        leaderboard("scores.parquet")  # type: ignore[type-var]


def test_passer_of_one_attempt_in_a_season_of_one_game() -> None:
    scores = table(throws("A", [1.0]), throws("B", [0.3, 0.6, 0.2, 0.9, 0.4, 0.5]))
    rows = ranked(scores)
    assert of(rows, "rank") == {"A": 1, "B": 2}
    widths = rows.with_columns(width=pl.col("score_high") - pl.col("score_low"))
    # One play against six: the interval is sqrt(6) times as wide.
    assert of(widths, "width")["A"] == pytest.approx(6**0.5 * of(widths, "width")["B"])
    shrunk = of(rows, "score_shrunk")
    assert shrunk["B"] < shrunk["A"] < 0.9
    assert of(rows, "reliability")["A"] < of(rows, "reliability")["B"]


@pytest.mark.parametrize(
    ("by", "split", "games", "slope"),
    [
        ("passer,season", None, 5, 222),
        ("passer,season", None, 4, 126),
        ("passer,season", None, 2, 96),
        ("passer,opponent", None, 1, 96),
        ("opponent", None, 5, 222),
        ("passer", "season=2020", 5, 222),
        ("passer,down", None, 5, 126),
        ("passer", "down=1", 5, 126),
        ("passer,game", None, 5, 96),
        ("passer,week", "down=1", 5, 96),
        ("receiver,season", None, 5, 126),
        ("receiver,down", None, 5, 84),
        ("receiver,game", None, 5, 52),
    ],
)
def test_the_display_scale_is_that_of_the_tables_unit(
    by: str, split: str | None, games: int, slope: float
):
    """One game, one week or one opponent does not saturate the scale of seasons."""
    scores = table(
        *(
            throws(
                who,
                [score],
                down=1,
                defteam=against,
                receiver_player_id=f"R{who}",
                receiver_player_name=who,
                game_id=f"2020_{week:02}_{who}",
                week=week,
            )
            for week in range(1, games + 1)
            for who, score, against in (("A", 0.55, "Y"), ("B", 0.5, "X"))
        )
    )
    rows = leaderboard(scores, by=by, split=split, min_attempts=1, replicates=5)
    sign = -1 if by == "opponent" else 1
    displays = sorted(85 + sign * slope * (score - 0.5) for score in rows["score"])
    assert sorted(rows["display"]) == pytest.approx([min(d, 99) for d in displays])


@pytest.mark.parametrize("only", [{"weeks": 3}, {"last": 1}])
def test_a_season_kept_to_one_game_is_on_the_scale_of_games(only: dict[str, int]):
    scores = table(*(throws("A", [0.55], game_id=f"g{w}", week=w) for w in range(1, 9)))
    assert ranked(scores)["display"].item() == pytest.approx(85 + 222 * 0.05)
    assert ranked(scores, **only)["display"].item() == pytest.approx(85 + 96 * 0.05)
