"""What the page browses: teams in their colors, plays by result, passers in detail."""

import polars as pl
import pytest

from dropback.data._team_colors import TEAM_COLORS, contrast
from dropback.data._teams import TEAM_NAMES
from dropback.ranking import compare_passers, game_log, leaderboard
from dropback.service.page._browse import BrowseQuery, PlayBrowser
from dropback.service.page._teams import teams_table
from examples import service as example
from examples.scored_plays import table, throws


def test_every_team_has_a_name_and_colors_that_stand_out(client):
    teams = client.get("/v1/teams").json()["teams"]
    assert [team["code"] for team in teams] == list(TEAM_COLORS)
    assert {team["code"]: team["name"] for team in teams} == TEAM_NAMES
    assert TEAM_NAMES["GB"] == "Green Bay Packers"
    assert TEAM_NAMES["WAS"] == "Washington Commanders"
    for team in teams:
        assert contrast(team["ink"], team["primary"]) >= 4.5, team
        assert contrast(team["light"], "#ffffff") >= 3, team
        assert contrast(team["dark"], "#131c26") >= 3, team


def test_a_passer_is_of_the_team_for_which_they_threw_most_in_a_season():
    rows = table(
        throws("00-A", [0.5] * 3, posteam="KC"),
        throws("00-A", [0.5] * 2, posteam="NE"),
        throws("00-A", [0.5], posteam="NE", season=2021),
    )
    assert teams_table(rows).passers == {"2020": {"00-A": "KC"}, "2021": {"00-A": "NE"}}
    assert teams_table(None).passers == {}


RESULTS = {
    "touchdown": {"yards": 30, "complete_pass": 1, "pass_touchdown": 1},
    "first down": {"yards": 10, "complete_pass": 1},
    "catch": {"yards": 9, "complete_pass": 1},
    "incomplete": {"yards": 0, "complete_pass": 0},
    # Not a catch, whatever the return, nor a touchdown of the defense's.
    "interception": {"yards": -20, "complete_pass": 0, "interception": 1},
    "sack": {"yards": -7, "sack": 1},
}


@pytest.fixture(scope="module")
def browser():
    """Six plays, one of each result, the first the best; the third one in another week."""
    none = {"complete_pass": 0, "pass_touchdown": 0, "interception": 0, "sack": 0}
    rows = []
    for number, (result, facts) in enumerate(RESULTS.items()):
        rows += throws(
            f"00-{number}", [0.9 - number / 10], play_id=number, ydstogo=10, defteam="BUF",
            old_game_id=None, desc=f"Núñez {result}", week=2 if number == 2 else 1,
            **{**none, **facts},
        )  # fmt: skip
    return PlayBrowser(pl.DataFrame(rows, infer_schema_length=None), None)


def plays_of(browser, **asked):
    return [play.play for play in browser.page(BrowseQuery(**asked)).plays]


def test_plays_are_kept_by_what_they_came_to(browser):
    for number, result in enumerate(RESULTS):
        assert plays_of(browser, result=result) == [number], result


def test_where_nothing_says_how_a_play_ended_its_yards_do():
    rows = throws("00-A", [0.5], play_id=0, old_game_id=None, desc="", ydstogo=10,
                  yardline_100=30, yards=30, defteam="BUF")  # fmt: skip
    for number, yards in enumerate((12, 9, 0), start=1):
        rows.append({**rows[0], "play_id": number, "yards": yards})
    found = PlayBrowser(pl.DataFrame(rows), None).page(BrowseQuery()).plays
    assert {play.play: play.result for play in found} == {
        0: "touchdown", 1: "first down", 2: "catch", 3: "incomplete",
    }  # fmt: skip


def test_plays_are_kept_by_week_team_and_words_and_ordered_by_score(browser):
    assert plays_of(browser, order="best") == [0, 1, 2, 3, 4, 5]
    assert plays_of(browser, order="worst", limit=2, offset=1) == [4, 3]
    assert plays_of(browser, week=2) == [2]
    assert len(plays_of(browser, team="Bills")) == len(plays_of(browser, team="KC")) == 6
    assert plays_of(browser, team="NE") == plays_of(browser, tracked=True) == []
    assert plays_of(browser, search="nunez sack") == [5]
    assert len(plays_of(browser, search="kansas city")) == 6
    assert plays_of(browser, passer="00-3") == [3]


def test_stored_plays_are_there_without_scores_and_their_forecasts_are_those_of_the_viewer(client):
    page = client.get("/v1/browse", params={"tracked": True}).json()
    assert page["total"] == 3
    key = page["plays"][0]["game"], page["plays"][0]["play"]
    asked = ",".join(f"{play['game']}-{play['play']}" for play in page["plays"])
    found = client.get("/v1/forecasts", params={"plays": asked}).json()["forecasts"]
    assert [(one["game"], one["play"]) for one in found] == [
        (play["game"], play["play"]) for play in page["plays"]
    ]
    viewer = client.get(f"/v1/plays/{key[0]}/{key[1]}").json()["release"]
    assert found[0]["forecast"]["mean"] == pytest.approx(viewer["mean"], abs=1e-4)
    assert found[0]["forecast"]["gain"] == pytest.approx(viewer["gain"], abs=1e-5)


def test_rows_can_be_had_as_csv(client):
    answer = client.get("/v1/browse", params={"format": "csv", "order": "best", "limit": 2})
    assert answer.headers["content-type"].startswith("text/csv")
    head, *rows = answer.text.split("\r\n")
    assert head.startswith("game,play,season,week,offense")
    assert len(rows) == 3


def test_detail_has_the_rows_of_the_leaderboard_and_each_split_ranks_within_itself(client):
    detail = client.get("/v1/passers/00-A/detail", params={"season": 2020}).json()
    scores = example.scores().filter(pl.col("season") == 2020)
    career = leaderboard(scores, by="passer", min_attempts=1, replicates=200)
    mine = career.filter(pl.col("passer_player_id") == "00-A").to_dicts()[0]
    assert detail["career"]["score"] == pytest.approx(mine["score"])
    assert (detail["career"]["rank"], detail["career"]["population"]) == (mine["rank"], 3)
    assert detail["seasons"] == [2020]
    log = game_log(scores, "00-A")
    assert [game["game_id"] for game in detail["games"]] == log["game_id"].to_list()
    splits = {split["split"]: split["rows"] for split in detail["splits"]}
    # A dozen throws: too few of any one depth, and said so; the value is there.
    assert [row["value"] for row in splits["depth"]] == ["deep", "short"]


def test_two_passers_are_compared_as_the_command_line_does(client):
    answer = client.get("/v1/compare", params={"first": "00-A", "second": "00-C"}).json()
    versus = compare_passers(example.scores(), "00-A", "00-C")
    assert answer["probability"] == pytest.approx(versus.probability)
    assert [row["passer_player_id"] for row in answer["rows"]] == ["00-A", "00-C"]
    assert answer["probability"] > 0.5


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/browse?result=fumble", 422, "or touchdown, got 'fumble'"),
        ("/v1/browse?week=0", 422, "`week` must be a whole number of at least 1."),
        ("/v1/forecasts?plays=12", 422, "A game and a play must be whole numbers, got ''."),
        ("/v1/forecasts?plays=1-2", 404, "No game 1, play 2 is stored here: /v1/plays"),
        ("/v1/forecasts?plays=" + ",".join(["1-2"] * 25), 422, "At most 24 plays"),
        ("/v1/passers/nobody/detail", 404, "No play of passer 'nobody' is scored here."),
        ("/v1/passers/00-A/detail?season=1999", 422, "No play of 1999 is scored here."),
        ("/v1/compare?first=00-A&second=00-A", 422, "Two passers must be compared"),
        ("/v1/compare?first=00-A&second=x", 404, "No play of passer 'x' is scored here."),
    ],
)
def test_what_cannot_be_browsed_is_said_in_a_sentence(client, path, status, words):
    assert words in example.problem(client.get(path), status)
