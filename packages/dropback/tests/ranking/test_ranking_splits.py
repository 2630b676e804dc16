"""Named splits and SQL predicates: the plays they keep, and the sentences that refuse others."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dropback.data import select_plays
from dropback.errors import RequestError
from dropback.ranking import SPLITS, default_minimum, join_tracking, leaderboard
from dropback.ranking._splits import keep_split, with_splits
from examples.play_by_play_rows import Rows
from examples.scored_plays import table, throws


def ranked(scores: pl.DataFrame, **options: Any) -> pl.DataFrame:
    return leaderboard(scores, **{"by": ["passer"], "min_attempts": 1, "replicates": 5, **options})


@pytest.mark.parametrize(
    ("where", "plays"),
    [
        ("air_yards >= 20", 1),
        ("air_yards BETWEEN 5 AND 40 AND week = 1", 3),
        ("passer_player_name LIKE 'B%' OR play_score > 0.5", 2),
        ("posteam IN ('KC', 'BUF')", 3),
        # Functions of one play.
        ("abs(air_yards - 30) <= 10", 1),
        ("coalesce(passer_player_name, 'max(x)') = 'B.Passer'", 1),
        ("lower(posteam) = 'kc' AND NOT (air_yards > 20)", 2),
        ("passer_player_name LIKE '%count(%' OR (week = 1)", 3),
        ("CASE WHEN (air_yards > 20) THEN 1 ELSE 0 END = 1", 1),
    ],
)
def test_predicate_keeps_the_plays_that_meet_it(where: str, plays: int) -> None:
    scores = table(throws("A", [0.2, 0.7]), throws("B", [0.4], air_yards=40))
    assert ranked(scores, where=where)["plays"].sum() == plays


NO_PREDICATE = r"does not hold for play scores .*columns are .*week"
NO_QUERY = "must compare columns of the play scores alone"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("windspeed > 3", NO_PREDICATE),
        ("air_yds >= 20", r"\(unable to find column \"air_yds\"\); the nearest .* air_yards.*\.$"),
        ("air_yards >=", NO_PREDICATE),
        ("", NO_PREDICATE),
        ("air_yards", NO_PREDICATE),
        ("air_yards = 'deep'", NO_PREDICATE),
        ("posteam = 1", NO_PREDICATE),
        ("air_yards > 3; week > 1", NO_PREDICATE),
        # Polars panics on it, which is no ordinary exception.
        ("greatest() = 1", NO_PREDICATE),
        ("week IN (SELECT week FROM read_csv('{file}'))", NO_QUERY),
        ("week IN (select week from \"read_csv\"('{file}'))", NO_QUERY),
        ("week IN (FROM read_csv('{file}'))", NO_QUERY),
        ("week IN (TABLE scores)", NO_QUERY),
        ("EXISTS (WITH t AS (SELECT 1) TABLE t)", NO_QUERY),
        ("week IN (VALUES (1))", NO_QUERY),
        ("week > 0 FROM read_csv('{file}')", NO_QUERY),
        ("read_csv('{file}') IS NULL", NO_QUERY),
        ("EXISTS (SELECT 1)", NO_QUERY),
        ("(SELECT 1) = 1", NO_QUERY),
        ("week > 40", "where='week > 40': 0 of 1 plays met"),
        ("week = 1 -- all", "must have no comment"),
        ("week = 1 /* all */", "must have no comment"),
    ],
)
def test_what_is_no_predicate_of_the_scores_is_one_sentence(
    tmp_path: Path, where: str, words: str
) -> None:
    file = tmp_path / "weeks.csv"
    file.write_text("week\n1\n")
    with pytest.raises(RequestError, match=words):
        ranked(table(throws("A", [0.5])), where=where.format(file=file))


def test_a_predicate_of_a_column_that_no_play_has_a_value_of_says_so() -> None:
    scores = table(throws("A", [0.5, 0.6])).with_columns(wind=pl.lit(None, pl.Float64))
    with pytest.raises(RequestError, match=r"No play meets 'wind >= 15', because .* of wind: "):
        ranked(scores, where="wind >= 15")
    assert ranked(scores, where="wind IS NULL OR wind >= 15")["plays"].item() == 2


@pytest.mark.parametrize(
    ("where", "function"),
    [
        ("max(air_yards) = 30", "max"),
        ("air_yards = MAX(air_yards)", "MAX"),
        ("avg (play_score) > 0.5", "avg"),
        ("count(*) > 3", "count"),
        ("ROW_NUMBER() OVER (ORDER BY air_yards) = 1", "ROW_NUMBER"),
        ("week BETWEEN 1 AND max(week)", "max"),
        ("week IN (first(week))", "first"),
        ('"max"(air_yards) = 30', '"max"'),
        ("air_yards > 3 OVER (PARTITION BY week)", "OVER"),
        ("posteam = 'a''b' OR sum(week) > 1", "sum"),
        ("replace(posteam, 'K', 'KK') = 'KKC'", "replace"),
    ],
)
def test_predicate_looks_at_one_play_alone(where: str, function: str) -> None:
    scores = table(throws("A", [0.5, 0.6]), throws("B", [0.4], air_yards=30))
    with pytest.raises(RequestError, match="must be about one play at a time, without ") as error:
        ranked(scores, where=where)
    assert f"without {function}()" in str(error.value)


def one(**columns: Any) -> pl.DataFrame:
    schema = {"air_yards": pl.Int64, "score_differential": pl.Int64, "home": pl.Boolean}
    row = {"air_yards": 5, "score_differential": 0, "home": True, "shotgun": True, **columns}
    return pl.DataFrame(table(throws("A", [0.5], **row)), schema_overrides=schema)


@pytest.mark.parametrize(
    ("split", "column", "value", "label"),
    [
        ("depth", "air_yards", -1, "behind the line"),
        ("depth", "air_yards", 0, "short"),
        ("depth", "air_yards", 9, "short"),
        ("depth", "air_yards", 10, "middle"),
        ("depth", "air_yards", 19, "middle"),
        ("depth", "air_yards", 20, "deep"),
        ("depth", "air_yards", 70, "deep"),
        ("score_state", "score_differential", -40, "trailing by 9+"),
        ("score_state", "score_differential", -9, "trailing by 9+"),
        ("score_state", "score_differential", -8, "trailing by 1-8"),
        ("score_state", "score_differential", -1, "trailing by 1-8"),
        ("score_state", "score_differential", 0, "tied"),
        ("score_state", "score_differential", 1, "leading by 1-8"),
        ("score_state", "score_differential", 8, "leading by 1-8"),
        ("score_state", "score_differential", 9, "leading by 9+"),
        ("home", "home", True, "home"),
        ("home", "home", False, "away"),
        ("shotgun", "shotgun", True, "shotgun"),
        ("shotgun", "shotgun", False, "under center"),
        ("pressure", "pressured_at_throw", True, "pressured"),
        ("pressure", "pressured_at_throw", False, "clean"),
        ("time_to_throw", "time_to_throw_band", "over 4 s", "over 4 s"),
        ("quarter", "qtr", 5, 5),
        ("down", "down", 3, 3),
        ("location", "pass_location", "left", "left"),
        ("opponent", "defteam", "BUF", "BUF"),
    ],
)
def test_split_labels_a_play(split: str, column: str, value: Any, label: Any) -> None:
    scores = one(**{column: value})
    assert with_splits(scores, [split])[SPLITS[split].columns[0]].to_list() == [label]
    assert keep_split(scores, {split: label}).height == 1
    assert keep_split(scores, {split: str(label)}).height == 1
    rows = ranked(scores, by=["passer", split])
    assert rows[SPLITS[split].columns[0]].to_list() == [label]


@pytest.mark.parametrize(
    ("split", "column"), [("depth", "air_yards"), ("home", "home"), ("shotgun", "shotgun")]
)
def test_play_whose_split_is_not_recorded_is_left_out(split: str, column: str) -> None:
    unknown = one().with_columns(pl.lit(None, dtype=one().schema[column]).alias(column))
    scores = pl.concat([one(), one(), unknown])
    assert ranked(scores, by=["passer", split])["plays"].to_list() == [2]


def test_every_split_says_what_it_is() -> None:
    for split in SPLITS.values():
        assert split.definition.endswith(".")
        assert split.columns


def test_split_keeps_its_plays_and_stands_beside_a_predicate() -> None:
    scores = table(
        throws("A", [0.2, 0.4], air_yards=25, down=3),
        throws("A", [0.9], air_yards=25, down=1),
        throws("A", [0.1], air_yards=2, down=3),
    )
    rows = ranked(scores, split={"depth": "deep", "down": 3})
    assert rows.select("plays", "score").row(0) == (2, pytest.approx(0.3))
    assert ranked(scores, split={"depth": "deep"}, where="down = 1")["score"].item() == 0.9


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"depth": "long"}, "'depth' has no value 'long' here; it has short"),
        ({"coach": "Reid"}, "Cannot group or split by 'coach': choose among passer, season"),
        ({"down": 3}, "'down' needs the column 'down', which the play scores lack; they have"),
        ({"pressure": "clean"}, "'pressure' needs tracking, .* no column 'pressured_at_throw'"),
        ({"time_to_throw": "over 4 s"}, "needs tracking, .* 'dropback ingest'"),
    ],
)
def test_split_that_cannot_be_made_is_one_sentence(split: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        ranked(table(throws("A", [0.5])), split=split)


@pytest.mark.parametrize(
    ("by", "split", "minimum"),
    [
        (["passer"], {}, "nfl"),
        (["passer", "season"], {}, "nfl"),
        (["passer", "team"], {}, "nfl"),
        (["passer", "season"], {"depth": "deep"}, 15),
        (["passer", "down"], {}, 15),
        (["passer"], {"season": 2020}, "nfl"),
        (["passer", "week"], {}, 14),
        (["passer", "game", "depth"], {}, 15),
        (["season"], {"depth": "deep"}, 1),
        (["team", "down"], {}, 1),
    ],
)
def test_default_minimum(by: list[str], split: dict[str, Any], minimum: int | str) -> None:
    assert default_minimum(by, split) == minimum


TRACKED = pl.DataFrame(
    {
        "game_id": [2020091300, 2020091300, 2020091301],
        "play_id": [1, 2, 1],
        "time_to_throw_band": ["under 2.5 s", "over 4 s", "2.5 to 4 s"],
        "pressured_at_throw": [True, None, False],
    }
)


def test_tracking_is_joined_by_the_leagues_keys() -> None:
    scores = table(
        throws("A", [0.1], old_game_id="2020091300", play_id=1),
        throws("A", [0.2], old_game_id="2020091300", play_id=3),
        throws("B", [0.3], old_game_id="2020091301", game_id="2020_01_LA_SF", play_id=1),
    )
    joined = join_tracking(scores, TRACKED)
    assert joined["time_to_throw_band"].to_list() == ["under 2.5 s", None, "2.5 to 4 s"]
    assert joined.drop("time_to_throw_band", "pressured_at_throw").equals(scores)
    rows = ranked(joined, by=["pressure"])
    assert dict(rows.select("pressure", "score").iter_rows()) == {"clean": 0.3, "pressured": 0.1}


def test_tracking_of_other_games_is_refused() -> None:
    scores = table(throws("A", [0.1], old_game_id="2019091300", play_id=1))
    with pytest.raises(RequestError, match="None of the 1 play scores is among the 3 tracked"):
        join_tracking(scores, TRACKED)


@pytest.mark.parametrize("columns", [{}, {"old_game_id": None}])
def test_tracking_needs_the_leagues_game_key(columns: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="joined by old_game_id and play_id, but"):
        join_tracking(table(throws("A", [0.1], play_id=1, **columns)), TRACKED)


def test_selected_plays_keep_the_leagues_game_key(rows: Rows) -> None:
    assert select_plays(rows({})).plays["old_game_id"].to_list() == ["2020091300"]
