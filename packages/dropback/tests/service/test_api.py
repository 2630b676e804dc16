import dataclasses
import json
import shutil

import polars as pl
import pytest
from typer.testing import CliRunner

import dropback
from dropback.cli import _serve
from dropback.cli import app as cli
from dropback.errors import RequestError
from dropback.live._export import DESCRIPTION
from dropback.live._library import PlayLibrary
from dropback.service._app import Service
from dropback.service._limits import Limits
from dropback.service._score_table import LeaderboardQuery, ScoreTable, join_score_tables
from dropback.tracking import ingest
from examples import service as example
from examples.service import OPERATIONS, client_of, problem
from examples.tracking_sets import MadePlay, made_set


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        ({"min_attempts": "1"}, {"min_attempts": 1}),
        ({"by": "passer", "min_attempts": "5"}, {"by": ("passer",), "min_attempts": 5}),
        (
            {"by": "passer", "split": "depth=deep", "min_attempts": "1"},
            {"by": ("passer",), "split": {"depth": "deep"}, "min_attempts": 1},
        ),
        (
            {"by": "season", "where": "air_yards >= 20"},
            {"by": ("season",), "where": "air_yards >= 20", "min_attempts": 1},
        ),
    ],
)
def test_rows_are_those_of_the_leaderboard(client, parameters, arguments):
    expected = dropback.leaderboard(example.scores(), **arguments)
    answer = client.get("/v1/leaderboard", params=parameters).json()
    assert answer["columns"] == expected.columns
    assert answer["rows"] == expected.to_dicts()
    assert answer["total"] == expected.height


def test_of_defenses_the_one_that_allows_least_is_first_and_the_answer_says_so():
    rows = example.scores()
    other = rows.with_columns(
        pl.col("play_score", "mid_cdf") * 0.5, defteam=pl.lit("KC"), play_id=pl.col("play_id") + 999
    )
    scores = ScoreTable(pl.concat([rows, other]))
    defenses = scores.leaderboard(LeaderboardQuery(by="opponent", min_attempts="1"))
    assert defenses.better == "lower"
    assert [row["defteam"] for row in defenses.rows] == ["KC", "BUF"]
    assert [row["rank"] for row in defenses.rows] == [1, 2]
    assert defenses.rows[0]["display"] > defenses.rows[1]["display"]
    assert defenses.rows[0]["place"].startswith("1 of 2")
    assert scores.leaderboard(LeaderboardQuery(by="passer", min_attempts="1")).better == "higher"


def test_seasons_are_kept_before_anything_is_ranked(client):
    only = example.scores().filter(pl.col("season") == 2021)
    expected = dropback.leaderboard(only, by=("passer",), min_attempts=1)
    answer = client.get(
        "/v1/leaderboard", params={"by": "passer", "seasons": "2021", "min_attempts": "1"}
    )
    assert answer.json()["rows"] == expected.to_dicts()


def test_rows_come_with_the_drift_of_their_seasons():
    drift = pl.when(pl.col("season") == 2021).then(0.01).otherwise(-0.02)
    scores = example.scores().with_columns(mid_cdf=0.5 + drift, play_score=0.5 + drift)
    table = ScoreTable(scores.with_columns(season_drift=drift))
    both = table.leaderboard(LeaderboardQuery(by="season"))
    assert "2021 +0.0100" in both.drift
    assert "2020 -0.0200" in both.drift
    assert {row["season"]: row["score"] for row in both.rows} == {
        season: pytest.approx(0.5) for season in (2020, 2021)
    }
    later = table.leaderboard(LeaderboardQuery(by="season", seasons="2021")).drift
    assert "2020" not in later
    assert later.endswith("Scores are centered: the drift of each season is subtracted.")


def test_rows_come_in_the_order_asked_for_a_page_at_a_time(client):
    asked = {"by": "passer", "min_attempts": "1", "order": "score", "limit": "2", "offset": "1"}
    answer = client.get("/v1/leaderboard", params=asked).json()
    assert [row["passer_player_id"] for row in answer["rows"]] == ["00-B", "00-A"]
    assert (answer["total"], answer["offset"]) == (3, 1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"by": "shoe_size"}, "Cannot group by 'shoe_size': choose among passer, season"),
        ({"split": "depth"}, "split must be name=value"),
        ({"split": "depth=abyssal"}, "has no value 'abyssal' here; it has deep, short"),
        ({"where": "EXISTS (SELECT 1)"}, "without 'SELECT': it runs no query and reads no file"),
        ({"where": "down IN (FROM x)"}, "without 'FROM': it runs no query"),
        ({"where": "down IN ( WITH x AS (1))"}, "without 'WITH': it runs no query"),
        ({"where": "read_csv('/etc/passwd')"}, "without 'read_csv'"),
        ({"where": "replace(game_id, 'a', 'aa') = ''"}, "without replace"),
        ({"where": "x" * 501}, "a text of at most 500 letters"),
        ({"where": "(" * 200 + "1" + ")" * 200}, "does not hold for play scores"),
        ({"where": "greatest() = 1"}, "does not hold for play scores"),
        ({"min_attempts": "many"}, "min_attempts must be a share like '20%', a whole number"),
        ({"order": "charm", "min_attempts": "1"}, "Cannot order by 'charm': choose among rank"),
        ({"seasons": "20x"}, "Seasons must be years like 2021"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_refused_ranking_says_why(client, parameters, words):
    detail = problem(client.get("/v1/leaderboard", params=parameters), 422)
    assert words in detail


def test_a_parameter_given_twice_is_refused(client):
    detail = problem(client.get("/v1/leaderboard?by=passer&by=season"), 422)
    assert detail == "The parameter 'by' must be given once."


def test_a_passer_has_seasons_throws_and_calibration(client):
    answer = client.get("/v1/passers/00-A").json()
    assert [row["season"] for row in answer["seasons"]] == [2020, 2021]
    plays = example.scores().filter(pl.col("passer_player_id") == "00-A")
    scores = sorted(plays["play_score"], reverse=True)
    assert [throw["score"] for throw in answer["best"]] == scores[:10]
    assert [throw["score"] for throw in answer["worst"]] == scores[::-1][:10]
    assert sum(answer["pit"]["passer"]) == pytest.approx(1)
    counted = [round(share * 24) for share in answer["pit"]["passer"]]
    edges = answer["pit"]["edges"]
    assert counted[3] == sum(edges[3] <= score < edges[4] for score in scores)


def test_passers_are_found_by_part_of_a_name(client):
    page = client.get("/v1/passers", params={"search": "b.pass"}).json()
    assert [passer["id"] for passer in page["passers"]] == ["00-B"] or page["total"] == 1
    assert client.get("/v1/passers").json()["total"] == 3


@pytest.mark.parametrize("passer", ["nobody", "%00", "..%2F..%2Fetc%2Fpasswd", "'; --"])
def test_an_unknown_passer_is_not_found(client, passer):
    problem(client.get(f"/v1/passers/{passer}"), 404)


def test_splits_say_what_they_are_and_which_values_they_have(client):
    splits = {split["name"]: split for split in client.get("/v1/splits").json()["splits"]}
    assert splits["depth"]["values"] == ["deep", "short"]
    assert not splits["pressure"]["available"]


def test_stored_plays_are_listed_and_searched(client):
    page = client.get("/v1/plays", params={"limit": 2}).json()
    assert [play["play"] for play in page["plays"]] == [64, 65]
    assert page["total"] == 3
    assert client.get("/v1/plays", params={"search": "player6 SHORT"}).json()["total"] == 3
    assert client.get("/v1/plays", params={"search": "player6 punt"}).json()["total"] == 0
    assert client.get("/v1/plays", params={"season": 2021}).json()["total"] == 0


def test_a_stored_play_has_the_live_forecast_of_every_frame(client, service):
    answer = client.get("/v1/plays/2022091100/64").json()
    block = service.library.read(2022091100, 64)
    from dropback.live import play_contexts  # noqa: PLC0415

    live = service.predictor.start(play_contexts(block)[0])
    assert len(answer["frames"]) == len(answer["forecasts"]) == len(block.frames) == 21
    for number, frame in enumerate(block.frames):
        (forecast,) = live.push(number, frame)
        shown = answer["forecasts"][number]
        assert (shown["frame"], shown["median"]) == (number, forecast.median)
        assert shown["mean"] == pytest.approx(forecast.mean)
        assert sum(shown["probabilities"]) == pytest.approx(1, abs=1e-4)
    release = live.release(block.plays["target_slot"][0])
    assert answer["release"]["touchdown"] == pytest.approx(release.touchdown)
    assert answer["yards"] == 9
    assert answer["score"] == pytest.approx(release.score(9))
    assert answer["situation"]["seconds_left_in_half_s"] == 1800
    assert answer["situation"]["down"] == 1
    assert answer["field"]["first_down_x_yd"] == answer["field"]["line_of_scrimmage_x_yd"] + 10
    assert answer["players"][0]["role"] == "passer"


def test_yards_that_a_set_does_not_say_are_those_of_the_play_scores(service, tmp_path):
    folder = tmp_path / "highlights"
    ingest(made_set("ngs_highlights", MadePlay(play=64)).write(tmp_path / "source"), folder)
    scored = (
        example.scores()
        .head(1)
        .with_columns(old_game_id=pl.lit("2022091100"), play_id=pl.lit(64), yards=pl.lit(17))
    )
    of_both = dataclasses.replace(service, library=PlayLibrary(folder), scores=ScoreTable(scored))
    with client_of(of_both) as client:
        answer = client.get("/v1/plays/2022091100/64").json()
        assert answer["item"]["yards_gained"] is None
        assert answer["yards"] == 17
        assert 0 <= answer["score"] <= 1
        assert "highlight reel" in answer["item"]["note"]
        assert "highlight reel" in client.get("/v1").json()["notes"][0]
        throws = client.get(f"/v1/passers/{scored['passer_player_id'][0]}").json()["best"]
        assert throws[0]["stored"] == [2022091100, 64]


def test_a_stored_play_whose_files_are_damaged_shows_no_path(service, plays_folder, tmp_path):
    folder = tmp_path / "plays"
    shutil.copytree(plays_folder, folder)
    library = PlayLibrary(folder)
    for file in folder.glob("frames/*/*.parquet"):
        file.write_bytes(b"PAR1 and then nothing")
    with client_of(dataclasses.replace(service, library=library)) as client:
        detail = problem(client.get("/v1/plays/2022091100/64"), 503)
    assert detail == "The files of game 2022091100, play 64 are damaged: ingest them again."


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/plays/2022091100/1", 404),
        ("/v1/plays/x/1", 422),
        ("/v1/plays/-1/1", 422),
        ("/v1/plays/%D9%A1/1", 422),
        ("/v1/plays/99999999999999999999/1", 422),
        ("/v1/plays/..%2F..%2Fetc/passwd", 404),
        ("/etc/passwd", 404),
        ("/v1/../etc/passwd", 404),
        ("/static/..%2f..%2fapp.py", 404),
        ("/v1/leaderboard/", 404),
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem_without_paths(client, path, status):
    problem(client.get(path), status)


def test_a_method_that_a_path_does_not_take_is_refused(client):
    response = client.delete("/v1/plays")
    assert "does not take DELETE" in problem(response, 405)
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/plays"])
def test_a_head_is_answered_without_a_body(client, path):
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    whole = client.get(path).headers
    assert response.headers["content-length"] == whole["content-length"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/leaderboard", "start it with --scores"),
        ("/v1/passers/00-A", "start it with --scores"),
        ("/v1/plays", "start it with --plays"),
        ("/v1/plays/1/2", "start it with --plays"),
    ],
)
def test_what_was_not_configured_is_not_there(path, words):
    with client_of(Service()) as bare:
        assert words in problem(bare.get(path), 404)


def test_without_networks_plays_are_shown_without_forecasts_and_none_is_scored(service):
    with client_of(dataclasses.replace(service, predictor=None)) as bare:
        answer = bare.get("/v1/plays/2022091100/64").json()
        assert answer["forecasts"] == []
        assert "no tracking networks" in answer["forecast_problem"]
        assert "no tracking networks" in problem(bare.post("/v1/plays:score", json={}), 503)


def test_capabilities_say_what_is_served(client):
    answer = client.get("/v1").json()
    assert (answer["predictor"], answer["scores"], answer["plays"]) == (True, True, True)
    assert answer["outcome"] == "yards"
    assert answer["seasons"] == [2020, 2021]


def test_health_readiness_and_metrics_answer(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "store": "memory"}
    text = client.get("/metrics").text
    assert 'dropback_requests_total{route="health",status="200"}' in text
    assert "dropback_queued_plays 0.0" in text


def test_paths_make_no_series_of_their_own(client):
    for number in range(5):
        client.get(f"/nowhere/{number}")
    assert 'route="none"' in client.get("/metrics").text
    assert "nowhere" not in client.get("/metrics").text


@pytest.fixture
def keyed(service, tmp_path):
    locked, key = example.keyed(service, tmp_path / "keys.json", requests_per_s=0.001)
    with client_of(locked) as opened:
        yield opened, key


def test_without_its_key_a_service_answers_nothing_but_that_it_lives(keyed):
    client, key = keyed
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {key}"}):
        response = client.get("/v1/plays", headers=headers)
        assert "'dropback keys add'" in problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    problem(client.get("/metrics"), 401)
    assert client.get("/healthz").status_code == 200
    assert client.get("/openapi.json").status_code == 200


def test_a_key_asks_at_its_rate_and_is_told_when_to_come_back(keyed):
    client, key = keyed
    headers = {"authorization": f"Bearer {key}"}
    assert client.get("/v1", headers=headers).status_code == 200
    response = client.get("/v1", headers=headers)
    assert "'desk' allows 0.001 requests and live messages a second" in problem(response, 429)
    assert 900 < int(response.headers["retry-after"]) <= 1000


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("127.0.0.1", True),
        ("localhost:8080", True),
        ("[::1]:8080", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_on_loopback_only_loopback_names_are_answered(client, host, taken):
    response = client.get("/v1", headers={"host": host})
    assert response.status_code == (200 if taken else 421)


def test_answers_carry_headers_that_keep_a_page_to_itself(client):
    headers = client.get("/v1").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_an_unexpected_failure_shows_no_trace(service, monkeypatch):
    def fail(*_args, **_more):
        raise ValueError("/secret/path")

    with client_of(service) as client:
        monkeypatch.setattr(ScoreTable, "passers", fail)
        detail = problem(client.get("/v1/passers", params={"search": "zzz"}), 500)
    assert "secret" not in detail


def test_tables_that_share_plays_or_differ_in_outcome_are_refused():
    scores = example.scores()
    with pytest.raises(RequestError, match="Each play must be scored once"):
        join_score_tables([scores, scores])
    other = scores.with_columns(pl.col("play_id") + 1000, outcome=pl.lit("epa"))
    with pytest.raises(RequestError, match="must be of one outcome, got epa, yards"):
        join_score_tables([scores, other])


def test_other_computers_are_served_with_keys_alone(tmp_path):
    result = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--plays", str(tmp_path)])  # noqa: S104
    assert isinstance(result.exception, RequestError)
    assert "needs --keys" in str(result.exception)


def test_without_the_extra_the_commands_say_how_to_get_it(monkeypatch):
    monkeypatch.setattr("dropback.cli._serve.find_spec", lambda name: name != "uvicorn" or None)
    result = CliRunner().invoke(cli, ["serve"])
    monkeypatch.setattr("dropback.cli._serve.find_spec", lambda _: None)
    other = CliRunner().invoke(cli, ["keys", "add", "a", "--file", "keys.json"])
    assert "pip install 'dropback[service]'" in str(result.exception)
    assert "msgspec" in str(other.exception)


def test_without_onnx_runtime_a_run_is_served_by_torch_and_an_export_is_refused_later(
    monkeypatch, tmp_path
):
    assert _serve._engine(None, tmp_path) is None
    monkeypatch.setattr("dropback.cli._serve.find_spec", lambda _: None)
    assert _serve._engine(None, tmp_path) == "torch"
    (tmp_path / DESCRIPTION).touch()
    assert _serve._engine(None, tmp_path) is None
    with pytest.raises(RequestError, match="must be torch or onnx, got 'compiled'"):
        _serve._engine("compiled", tmp_path)


def test_a_service_of_nothing_is_refused():
    result = CliRunner().invoke(cli, ["serve"])
    assert "nothing to serve" in str(result.exception)


def test_a_busy_ranking_executor_says_when_to_try_again(service):
    limits = Limits(queued_rankings=0)
    with client_of(dataclasses.replace(service, limits=limits)) as client:
        response = client.get("/v1/splits")
        assert "rankings may wait at once" in problem(response, 503)
        assert response.headers["retry-after"] == "1"


def test_the_document_names_every_route_and_its_key(client, keyed):
    document = json.loads(client.get("/openapi.json").content)
    pages = [path for _, path in OPERATIONS]
    assert sorted(document["paths"]) == sorted(pages)
    paths = json.loads(keyed[0].get("/openapi.json").content)["paths"]
    assert paths["/v1/plays"]["get"]["security"] == [{"key": []}]
    assert paths["/healthz"]["get"]["security"] == []
    assert document["paths"]["/v1/plays"]["get"]["security"] == []
