"""Pictures to share, what a link says of itself, and the views that other sites may show."""

import html
import re

import polars as pl
import pytest

from dropback.service._rankings import ScoreTable
from dropback.service._share import head_of
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
        ("/v1/plays/1/2/card", 404, "No game 1, play 2 with a forecast is served here."),
        ("/v1/plays/1/x/card", 422, "A game and a play must be whole numbers."),
        ("/v1/plays/1/2/card?format=gif", 422, "Invalid enum value 'gif'"),
        ("/v1/passers/nobody/card", 404, "No play of passer 'nobody' is scored here."),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(client, path, status, words):
    assert words in example.problem(client.get(path), status)


def test_a_name_cannot_end_the_tag():
    scores = example.scores().with_columns(passer_player_name=pl.lit('"><script>'))
    head = head_of("http://here", {"passer": "00-A"}, ScoreTable(scores), None)
    assert "<script" not in head
    assert tags(head)["og:title"] == '"><script>'
    assert tags(head)["og:image"] == "http://here/v1/passers/00-A/card"
