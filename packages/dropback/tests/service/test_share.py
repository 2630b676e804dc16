"""Pictures to share, what a link says of itself, and the views that other sites may show."""

import html
import re
from types import SimpleNamespace

import polars as pl
import pytest

from dropback.service._score_table import ScoreTable
from dropback.service._shown import Shown
from dropback.service.page._document import head_of
from dropback.workflows import PasserTables
from examples import service as example


def tags(page):
    """The Open Graph tags of a page."""
    found = re.findall(r'<meta property="([\w:]+)" content="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


@pytest.fixture(scope="module")
def play(client):
    return client.get("/v1/plays").json()["plays"][0]


def test_a_link_to_a_play_or_passer_says_what_it_shows_and_its_picture_is_there(client, play):
    shown = tags(client.get(f"/plays/{play['game']}/{play['play']}").text)
    assert shown["og:title"] == f"{play['passer']} to {play['target']}"
    assert shown["og:description"] == play["description"]
    assert shown["og:image"].startswith("http://127.0.0.1:")
    picture = client.get(shown["og:image"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    again = client.get(shown["og:image"], headers={"if-none-match": picture.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    passer = tags(client.get("/passers/00-A").text)
    assert passer["og:title"] == "00-A.Passer"
    assert passer["og:description"] == "Passing score, 2020-2021"
    for other in ("/", "/plays", "/plays/1/2", "/passers/nobody", "/plays/x/2"):
        assert tags(client.get(other).text) == {}, other


def test_cards_name_the_numbers_of_the_forecast(client, play):
    path = f"/v1/plays/{play['game']}/{play['play']}"
    release = client.get(path).json()["release"]
    card = client.get(f"{path}/card", params={"format": "svg", "dark": True})
    assert card.headers["content-type"] == "image/svg+xml"
    # Matplotlib writes each text as a comment above its outlines.
    words = re.findall(r"<!-- (.*?) -->", card.text)
    assert f"{release['gain']:.0%}" in words
    assert f"{release['mean']:.1f} yd" in words
    assert "Caught for a gain" in words
    assert client.get("/v1/passers/00-A/card", params={"format": "svg"}).text.count("<!-- Score")


def test_only_the_views_made_for_it_may_be_framed_by_other_sites(client, play):
    for path, framers in (
        ("/", "'none'"),
        (f"/plays/{play['game']}/{play['play']}", "'none'"),
        (f"/embed/plays/{play['game']}/{play['play']}", "*"),
        ("/embed/passers/00-A", "*"),
    ):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors {framers}"), path
        assert answer.text.count("data-embedded") == (framers == "*"), path
    assert client.get("/embed/").status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/plays/1/2/card", 404, "No game 1, play 2 is stored here"),
        ("/v1/plays/1/x/card", 422, "A game and a play must be whole numbers, got 'x'."),
        ("/v1/plays/1/2/card?format=gif", 422, "`format` must be png or svg, got 'gif'"),
        ("/v1/passers/nobody/card", 404, "No play of passer 'nobody' is scored here."),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(client, path, status, words):
    assert words in example.problem(client.get(path), status)


def test_a_name_cannot_end_the_tag():
    scores = example.scores().with_columns(passer_player_name=pl.lit('"><script>'))
    head = head_of(
        "http://here", {"passer": "00-A"}, Shown(ScoreTable(scores), None, None, PasserTables())
    )
    assert "<script" not in head
    assert tags(head)["og:title"] == '"><script>'
    assert tags(head)["og:image"] == "http://here/v1/passers/00-A/card"


def test_what_a_link_shows_is_told_to_nobody_without_a_key_where_one_is_needed(
    service, play, tmp_path
):
    locked, _key = example.keyed(service, tmp_path / "keys.json")
    paths = (f"/plays/{play['game']}/{play['play']}", "/passers/00-A", "/embed/passers/00-A")
    with example.client_of(locked) as client:
        for path in paths:
            # A visitor has no key yet when the page itself is asked for.
            assert tags(client.get(path).text) == {}, path
            assert "00-A.Passer" not in client.get(path).text
    public = example.with_access(service, keys=locked.access.keys, public=True)
    with example.client_of(public) as client:
        assert [tags(client.get(path).text) != {} for path in paths] == [True] * 3


def test_files_of_the_page_are_kept_for_good_and_packed(client):
    page = client.get("/").text
    sheet, script = re.findall(r'(?:href|src)="(/static/\w{12}/\w+/(?:base\.css|main\.js))"', page)
    for path in (sheet, script):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers.get("content-length", 0)) < len(answer.content) / 2
    # An address without a version may change: it is asked for again, and not sent again.
    plain = client.get("/static/css/base.css")
    assert plain.headers["cache-control"] == "no-cache"
    again = client.get("/static/css/base.css", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/static/nothing.js").status_code == 404


@pytest.mark.parametrize(
    ("yards", "words"), [(62, "62 (beyond)"), (12, None), (-40, "-40 (beyond)")]
)
def test_a_card_says_what_lies_beyond_it_and_what_is_nearly_sure(yards, words):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    from dropback.workflows._pictures import Look, PlayFacts, draw_play  # noqa: PLC0415

    forecast = SimpleNamespace(
        gain=0.997, first_down=0.5, touchdown=0.0004, mean=7.0, yards_to_go=10, yards_max=75,
        first_yd=0, probabilities=[0.3, *[0.01] * 70],
    )  # fmt: skip
    figure = draw_play(PlayFacts("A", "B", "KC", yards, 0.9, "dropback"), forecast, look=Look())
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert [text for text in texts if "beyond" in text] == ([words] if words else [])
    shown = {text.get_text() for text in figure.texts} | set(texts)
    assert {">99%", "50%", "<1%"} <= shown
