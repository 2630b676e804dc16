"""What a passer's page shows beside the scores: decisions, other numbers, results; all as CSV."""

import csv
import io

import polars as pl
import pytest

from dropback.data._games import read_games
from dropback.data._tables import Plays
from dropback.data._team_colors import TEAM_COLORS
from dropback.errors import ReaderError, RequestError
from dropback.live._library import PlayLibrary
from dropback.ranking import compare_passers, decision_board, game_log
from dropback.service._app import load_service
from dropback.service._score_table import LeaderboardQuery, ScoreTable
from dropback.workflows import read_passer_tables
from examples import service as example

GAMES = pl.DataFrame(
    {
        "game_id": ["2020_01_KC_BUF", "2020_02_KC_BUF", "2021_01_KC_BUF"],
        "season": [2020, 2020, 2021],
        "game_type": "REG",
        "week": [1, 2, 1],
        "home_team": "BUF",
        "away_team": "KC",
        "home_score": [20, 31, None],
        "away_score": [27, 10, None],
    }
)


def throws_with_decisions(plays_folder):
    """The scores' throws as decisions, one of them that of the first stored play."""
    game, play = min(PlayLibrary(plays_folder).keys)
    scores = example.scores().with_row_index("row")
    lists = {"receiver_slots": [6, 7, 8, 9, 10], "expected_yards": [5.0, 9.0, None, 1.0, 2.0],
             "target_probability": [0.2, 0.5, None, 0.2, 0.1]}  # fmt: skip
    skill = pl.col("passer_player_id").replace_strict({"00-A": 1.0, "00-B": 0.0, "00-C": -1.0})
    return scores.with_columns(
        old_game_id=pl.when(pl.col("row") == 0).then(pl.lit(str(game))).otherwise(pl.lit("7")),
        play_id=pl.when(pl.col("row") == 0).then(play).otherwise("play_id"),
        decision=skill + (pl.col("row") % 5) - 4,
        execution="play_score",
        time=pl.col("row") % 3 - 1.0,
        chosen_yards=pl.lit(5.0),
        best_yards=pl.lit(9.0),
        **{name: pl.lit(value, dtype=pl.List(pl.Float64)) for name, value in lists.items()},
    ).with_columns(pl.col("receiver_slots").cast(pl.List(pl.Int64)))


@pytest.fixture(scope="module")
def files(tmp_path_factory, plays_folder):
    """A table of decisions, a folder of seasons, a projection and games."""
    folder = tmp_path_factory.mktemp("beside")
    throws_with_decisions(plays_folder).write_parquet(folder / "decisions.parquet")
    (folder / "seasons").mkdir()
    for name, value in (("passing_score", 0.55), ("qb_score", 0.57)):
        ends = {f"{name}_low": value - 0.03, f"{name}_high": value + 0.03}
        rows = {"season": [2020], "passer_player_id": ["00-A"], name: [value], **ends}
        pl.DataFrame({**rows, "place": ["1 of 3, 2020"]}).write_parquet(
            folder / "seasons" / f"{name}.parquet"
        )
    ends = {"projection_low": -0.1, "projection_high": 0.3, "now": 0.12, "now_low": 0.0,
            "now_high": 0.2}  # fmt: skip
    pl.DataFrame(
        {"season": [2021, 2020], "week": [4, 18], "passer_player_id": "00-A", "rank": [2, 1],
         "population": 3, "projection": [0.1, 0.2], **ends}
    ).write_csv(folder / "projection.csv")  # fmt: skip
    GAMES.write_parquet(folder / "games.parquet")
    return folder


@pytest.fixture(scope="module")
def served(service, files):
    tables = read_passer_tables(
        decisions=files / "decisions.parquet", seasons=files / "seasons",
        projection=files / "projection.csv", games=files / "games.parquet",
    )  # fmt: skip
    with example.client_of(example.dataclasses.replace(service, tables=tables)) as client:
        yield client


def rows_of(answer):
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_passer_has_decisions_scores_projection_and_results(served, plays_folder):
    detail = served.get("/v1/passers/00-A/detail", params={"season": 2020}).json()
    board = decision_board(
        throws_with_decisions(plays_folder).filter(pl.col("season") == 2020), min_attempts=1
    )
    mine = board.filter(pl.col("passer_player_id") == "00-A").to_dicts()[0]
    for name in ("decision", "decision_low", "execution", "time", "decision_reliability"):
        assert detail["decision"][name] == pytest.approx(mine[name]), name
    assert detail["numbers"] == [
        {
            "season": 2020, "passer_player_id": "00-A",
            "passing_score": 0.55, "passing_score_low": pytest.approx(0.52),
            "passing_score_high": pytest.approx(0.58), "passing_score_place": "1 of 3, 2020",
            "qb_score": 0.57, "qb_score_low": pytest.approx(0.54),
            "qb_score_high": pytest.approx(0.6), "qb_score_place": "1 of 3, 2020",
        }
    ]  # fmt: skip
    # The newest of the two, by season and week.
    assert (detail["projection"]["projection"], detail["projection"]["week"]) == (0.1, 4)
    assert [game["result"] for game in detail["games"]] == ["W 27-20", "L 10-31"]
    # A game that is not final has no result, and another passer no numbers.
    later = served.get("/v1/passers/00-A/detail", params={"season": 2021}).json()
    assert [game["result"] for game in later["games"]] == [None, None]
    other = served.get("/v1/passers/00-B/detail").json()
    assert (other["numbers"], other["projection"]) == ([], None)


def test_rows_of_the_leaderboard_have_the_decisions_of_their_throws(plays_folder):
    throws = throws_with_decisions(plays_folder)
    scores = ScoreTable(example.scores(), throws)
    asked = {"by": "passer", "seasons": "2020", "split": "depth=deep", "min_attempts": "1"}
    rows = scores.leaderboard(LeaderboardQuery(**asked)).rows
    kept = throws.filter(pl.col("season") == 2020, pl.col("air_yards") >= 20)
    means = dict(kept.group_by("passer_player_id").agg(pl.col("decision").mean()).iter_rows())
    assert len(rows) == 3
    for row in rows:
        assert row["decision"] == pytest.approx(means[row["passer_player_id"]])
        assert row["decision_low"] <= row["decision"] <= row["decision_high"]
    # Of what no throw is tracked there is no number, and the ranking stands.
    none = ScoreTable(example.scores(), throws.filter(pl.col("season") == 2021))
    assert "decision" not in none.leaderboard(LeaderboardQuery(**asked)).columns


def test_a_play_has_its_decision_and_what_each_receiver_promised(served):
    first, second, *_ = sorted(
        (play["game"], play["play"]) for play in served.get("/v1/plays").json()["plays"]
    )
    found = served.get(f"/v1/plays/{first[0]}/{first[1]}").json()["decision"]
    assert (found["decision"], found["chosen_yards"], found["best_yards"]) == (-3, 5, 9)
    assert found["receivers"][1] == {
        "slot": 7, "expected_yards": 9, "target_probability": 0.5,
    }  # fmt: skip
    assert found["receivers"][2]["expected_yards"] is None
    # Decisions of A are -3 to 1, of B -4 to 0, of C -5 to -1, 24 throws each.
    assert 40 < found["decision_percentile"] < 50
    assert found["decision_sd"] == pytest.approx(1.64, abs=0.05)
    assert served.get(f"/v1/plays/{second[0]}/{second[1]}").json()["decision"] is None


def test_every_table_is_had_as_csv(served):
    log = game_log(example.scores(), "00-A", games=read_games(GAMES))
    found = rows_of(served.get("/v1/passers/00-A/detail", params={"format": "csv"}))
    assert [row["game_id"] for row in found] == log["game_id"].to_list()
    assert [row["result"] for row in found] == ["W 27-20", "L 10-31", "", ""]
    asked = {"first": "00-A", "second": "00-C", "format": "csv"}
    versus = compare_passers(example.scores(), "00-A", "00-C")
    rows = rows_of(served.get("/v1/compare", params=asked))
    assert [float(row["score"]) for row in rows] == pytest.approx(versus.rows["score"].to_list())
    rows = rows_of(served.get("/v1/compare", params={**asked, "table": "seasons"}))
    assert [row["season"] for row in rows] == ["2020", "2021"]
    assert [row["code"] for row in rows_of(served.get("/v1/teams?format=csv"))] == list(TEAM_COLORS)
    for path in ("/v1/passers", "/v1/passers/00-A", "/v1/plays", "/v1/browse", "/v1/teams",
                 "/v1/live/games", "/v1/splits"):  # fmt: skip
        answer = served.get(path, params={"format": "csv"})
        assert answer.status_code == 200, (path, answer.text)
        rows_of(answer)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"decisions": "projection.csv"}, "not a table of decisions, the columns"),
        ({"projection": "games.parquet"}, "not a table of a projection, the columns"),
        ({"seasons": "."}, "neither passing_score.parquet nor qb_score.parquet"),
        ({"games": "projection.csv"}, "game_id"),
        ({"decisions": "nothing.parquet"}, "no such file"),
    ],
)
def test_a_file_that_is_no_such_table_is_said_in_a_sentence(files, named, words):
    paths = {name: files / file for name, file in named.items()}
    with pytest.raises(ReaderError, match=words):
        read_passer_tables(**paths)


def test_decisions_in_text_have_lost_their_lists(files):
    table = pl.read_parquet(files / "decisions.parquet")
    lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List)]
    table.with_columns(pl.lit("[1]").alias(name) for name in lists).write_csv(files / "text.csv")
    with pytest.raises(ReaderError, match=r"which only \.parquet keeps"):
        read_passer_tables(decisions=files / "text.csv")


def test_a_decision_without_its_throw_is_said_with_the_column(files):
    table = pl.read_parquet(files / "decisions.parquet")
    table.with_columns(execution=pl.lit(None, pl.Float64)).write_parquet(files / "null.parquet")
    with pytest.raises(ReaderError, match=f"execution is null in {table.height} of"):
        read_passer_tables(decisions=files / "null.parquet")
    table.with_columns(decision=pl.lit("good")).write_parquet(files / "words.parquet")
    with pytest.raises(ReaderError, match=r"words\.parquet.*decision"):
        read_passer_tables(decisions=files / "words.parquet")


def test_tables_need_what_they_are_shown_beside(files, plays_folder):
    for name in ("seasons", "projection", "games", "expected_points"):
        with pytest.raises(RequestError, match=f"--{name.replace('_', '-')} is shown beside"):
            load_service(plays=plays_folder, **{name: files / name})


@pytest.mark.parametrize("name", ["decisions", "seasons", "projection"])
def test_tables_of_other_passers_are_refused_before_anything_is_served(files, tmp_path, name):
    scores = example.scores()
    rest = {n: c for n, c in Plays.columns().items() if n not in scores.columns}
    scores = scores.with_columns(pl.lit(0).cast(c.dtype).alias(n) for n, c in rest.items())
    scores.write_parquet(tmp_path / "scores.parquet")
    given = {"decisions": "decisions.parquet", "seasons": "seasons", "projection": "projection.csv"}
    named = {name: files / given[name]}
    assert load_service(scores=[tmp_path / "scores.parquet"], **named).scores is not None
    others = scores.with_columns(passer_player_id="x" + pl.col("passer_player_id"))
    others.write_parquet(tmp_path / "others.parquet")
    with pytest.raises(RequestError, match=f"--{name} has none of the passers of --scores"):
        load_service(scores=[tmp_path / "others.parquet"], **named)
