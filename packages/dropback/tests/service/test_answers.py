"""Answers as they are kept, compressed, written as tables, and found by names."""

import csv
import io

import polars as pl
import pytest
from msgspec import Struct

from dropback._search import keep_found, matches, search_column, searchable
from dropback.live.feeds._messages import LivePlaysResponse
from dropback.service._app import Service
from dropback.service._score_table import LeaderboardQuery, ScoreTable
from dropback.service._tables import csv_of
from examples import service as example
from examples.served_page import league


@pytest.mark.parametrize(
    "path",
    ["/v1/leaderboard?by=passer&min_attempts=1", "/v1/passers/00-A", "/v1/plays/2022091100/64"],
)
def test_an_answer_is_asked_for_again_by_its_tag(client, path):
    first = client.get(path)
    tag = first.headers["etag"]
    again = client.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    other = client.get(path, headers={"if-none-match": 'W/"other"'})
    assert (other.status_code, other.json()) == (200, first.json())


def test_answers_are_compressed_where_the_client_takes_it(client):
    path = "/v1/leaderboard?by=passer&min_attempts=1"
    plain = client.get(path, headers={"accept-encoding": "identity"})
    packed = client.get(path, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"].lower() == "accept-encoding"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    script = client.get("/static/js/main.js", headers={"accept-encoding": "gzip"})
    assert script.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/leaderboard?by=passer&min_attempts=1", "rows"),
        ("/v1/passers?limit=2", "passers"),
        ("/v1/passers/00-B?", "seasons"),
        ("/v1/plays?limit=2", "plays"),
    ],
)
def test_each_table_is_given_as_csv(client, path, field):
    rows = client.get(path).json()[field]
    answer = client.get(f"{path}&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(table) == len(rows) > 0
    for name, value in rows[-1].items():
        shown = "" if value is None else " ".join(value) if isinstance(value, list) else str(value)
        assert table[-1][name] == shown


def test_a_text_that_a_spreadsheet_would_run_is_quoted():
    class Answer(Struct):
        rows: list[dict[str, object]]

    found = csv_of(Answer([{"name": "=1+1", "score": -0.5, "note": "a,b"}])).decode()
    assert found == 'name,score,note\r\n\'=1+1,-0.5,"a,b"\r\n'
    assert csv_of(LivePlaysResponse([], 0, 0)) == b"\r\n"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("patrick mahomes", ["P.Mahomes"]),
        ("mahomes", ["P.Mahomes"]),
        ("kc", ["P.Mahomes"]),
        ("Mahomes KC", ["P.Mahomes"]),
        ("nunez", ["J.Núñez"]),
        ("núñez", ["J.Núñez"]),
        ("o'brien", ["K.O’Brien"]),
        ("obrien", ["K.O’Brien"]),
        ("kevin o’brien", ["K.O’Brien"]),
        ("aj mccarron", ["A.J.McCarron"]),
        ("p.mah", ["P.Mahomes"]),
        ("josh mahomes", []),
        ("mahomes buf", []),
        ("00-0033873", ["P.Mahomes"]),
        ("", ["P.Mahomes", "J.Núñez", "K.O’Brien", "A.J.McCarron"]),
    ],
)
def test_names_are_found_as_people_write_them(search, found):
    table = pl.DataFrame(
        {
            "name": ["P.Mahomes", "J.Núñez", "K.O’Brien", "A.J.McCarron"],
            "team": ["KC", "LA", "BUF", None],
            "id": ["00-0033873", "00-1", "00-2", "00-3"],
        }
    )
    table = table.with_columns(search_column(table, "name", "team", "id"))
    assert keep_found(table, search)["name"].to_list() == found


def test_a_full_name_is_found_in_full_and_by_its_parts():
    text = searchable("Tua Tagovailoa MIA")
    assert matches("tua", text)
    assert matches("TAGOVAILOA mia", text)
    assert not matches("tim tagovailoa", text)


def test_passers_and_plays_are_found_by_team(client):
    passers = client.get("/v1/passers", params={"search": "pass kc"}).json()
    assert passers["total"] == 3
    assert passers["passers"][0]["teams"] == ["KC"]
    assert client.get("/v1/plays", params={"search": "al player0 ari"}).json()["total"] == 3


def test_the_first_board_is_there_before_it_is_asked_for(monkeypatch):
    asked = []
    board = ScoreTable.leaderboard

    def counted(self, query):
        asked.append(query)
        return board(self, query)

    monkeypatch.setattr(ScoreTable, "leaderboard", counted)
    with example.client_of(Service(scores=ScoreTable(league({(1, 1)})))) as client:
        first = {"by": "passer,season", "seasons": "2022", "limit": 1000}
        for _ in range(3):
            assert client.get("/v1/leaderboard", params=first).status_code == 200
    assert asked.count(LeaderboardQuery(seasons="2022", limit=1000)) == 1


def test_a_first_board_without_rows_is_told_to_who_asks_for_it():
    with example.client_of(Service(scores=ScoreTable(example.scores()))) as client:
        assert "No row is left" in example.problem(client.get("/v1/leaderboard"), 422)
