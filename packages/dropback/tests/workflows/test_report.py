"""The page: what it shows, that it needs nothing else, and that its buttons work in a browser."""

import base64
import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError, RequestError
from dropback.ranking import game_log, leaderboard
from dropback.workflows._report import (
    Boards,
    passer_boards,
    read_comparison,
    read_projection,
    write_report,
)
from examples.scored_plays import table, throws


def league() -> pl.DataFrame:
    """Two seasons of eight games; 12 passers, one of them new in 2021, one with few attempts."""
    generator = np.random.default_rng(1)
    rows = []
    for season in (2020, 2021):
        for number in range(12 if season == 2021 else 11):
            name = "A.Same" if number < 2 else f"{'BCDEFGHIJK'[number - 2]}.<Q>"
            for week in range(1, 9 if number else 2):
                scores = generator.uniform(0, 1, 20) * (0.9 + 0.02 * number)
                game = {"game_id": f"{season}_{week:02}_{number}", "season": season, "week": week}
                fixed = {
                    "passer_player_name": name,
                    "team_games": 8,
                    "posteam": f"T{number}",
                    "defteam": f"T{(number + 1) % 12}",
                    "home": week % 2 == 0,
                    **game,
                }
                plays = throws(f"00-{number:02}", scores.tolist(), **fixed)
                rows.append([{**play, "play_id": n} for n, play in enumerate(plays)])
    return table(*rows)


@pytest.fixture(scope="module")
def boards() -> Boards:
    return passer_boards(league())


@pytest.fixture(scope="module")
def page(boards: Boards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    comparison = folder / "comparison"
    comparison.mkdir()
    (comparison / "comparison.md").write_text(
        "Seasons 2020-2021.\n\n| r with | wins |\n|---|---|\n"
        "| **Score** | .61 |\n| <b>PFF</b> | .5 |\n"
    )
    (comparison / "comparison.png").write_bytes(b"raster")
    path = folder / "page.html"
    write_report(
        path,
        title="A <title>",
        paragraphs=["Beware & read."],
        boards=boards,
        comparison=read_comparison(comparison),
    )
    return path


def test_every_season_the_careers_and_all_seasons_are_there(boards: Boards) -> None:
    assert list(boards.tables) == ["2021", "2020", "Careers", "All seasons"]
    assert [len(rows) for rows in boards.tables.values()] == [11, 10, 11, 21]
    assert boards.seasons is not None
    # The passer of one game has 20 attempts a season: too few to draw.
    assert boards.seasons.height == 21
    assert boards.seasons["qualified"].all()


def test_one_season_needs_no_careers() -> None:
    boards = passer_boards(league().filter(pl.col("season") == 2020))
    assert list(boards.tables) == ["2020"]


def test_page_says_by_how_much_each_season_is_off(tmp_path: Path) -> None:
    scores = league().with_columns(mid_cdf=pl.lit(0.51))
    path = tmp_path / "page.html"
    write_report(path, title="Drift", boards=passer_boards(scores))
    text = path.read_text()
    assert "2020 +0.0100 (+0.0100 to +0.0100), 2021 +0.0100" in text
    assert "Scores are not centered: compare passers within a season" in text


def test_season_without_a_qualified_passer_is_not_offered() -> None:
    scores = league().with_columns(
        official_attempts=pl.when(pl.col("season") == 2020).then(5).otherwise(20)
    )
    assert list(passer_boards(scores).tables) == ["2021"]


def test_page_fetches_nothing(page: Path) -> None:
    text = page.read_text()
    assert text.lstrip().startswith("<!doctype html>")
    sources = re.findall(r"(?:src|href)=\"([^\"]*)\"", text)
    assert sources
    assert {re.match(r"data:|#", source) is None for source in sources} == {False}
    assert not re.search(r"@import|url\(\s*['\"]?http|fetch\(|XMLHttpRequest", text)


def test_page_escapes_what_it_shows(page: Path) -> None:
    text = page.read_text()
    assert "<h1>A &lt;title&gt;</h1>" in text
    assert "Beware &amp; read." in text
    assert "B.&lt;Q&gt;</a>" in text
    assert "<Q>" not in text


def test_pictures_of_seasons_are_json_that_cannot_end_the_script(page: Path) -> None:
    inside = re.search(r"id=\"charts\">(.*?)</script>", page.read_text(), re.DOTALL)
    assert inside is not None
    charts = json.loads(inside[1])
    assert len(charts) == 11
    svg, words = charts["00-01"]
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert re.fullmatch(
        r"Mean play score by season\. 2020: 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\); 2021: .*", words
    )
    assert "<!" not in inside[1]


def script(page: Path, name: str) -> Any:
    inside = re.search(rf'id="{name}">(.*?)</script>', page.read_text(), re.DOTALL)
    assert inside is not None
    assert "<!" not in inside[1]
    return json.loads(inside[1])


def test_tiers_of_every_season_are_packed_pictures(page: Path, boards: Boards) -> None:
    pictures = script(page, "tier-pictures")
    assert list(pictures) == ["2021", "2020", "Careers"]
    packed, words = pictures["2020"]
    picture = gzip.decompress(base64.b64decode(packed)).decode()
    assert picture.startswith("<svg")
    for name, shrunk in boards.tables["2020"].select("passer_player_name", "score_shrunk").rows():
        assert escape(name) in picture
        assert f"{name} {shrunk:.3f}" in words


def test_game_logs_are_those_of_the_ranking(page: Path) -> None:
    logs = script(page, "logs")
    assert len(logs) == 11
    games = logs["00-03"]
    assert [game[:7] for game in games[:2]] == [
        [2020, 1, "T3", "T4", "away", None, 20],
        [2020, 2, "T3", "T4", "home", None, 20],
    ]
    own = game_log(league(), "00-03").row(0, named=True)
    assert games[0][7:10] == pytest.approx(
        [own["score"], own["score_low"], own["score_high"]], abs=6e-4
    )


def test_projection_is_a_table(boards: Boards, tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "rank": [1],
            "passer_player_name": ["A.<Q>"],
            "now": [0.125],
            "projection": [0.1],
            "projection_low": [-0.05],
            "else": ["not shown"],
        }
    )
    rows.write_csv(tmp_path / "projection.csv")
    path = tmp_path / "page.html"
    write_report(
        path, title="P", boards=boards, projection=read_projection(tmp_path / "projection.csv")
    )
    text = path.read_text()
    assert "<h2>Projection</h2>" in text
    assert re.findall(r'<td class="text">\s*A.&lt;Q&gt;</td><td>0.125</td><td>0.1</td>', text)
    assert "not shown" not in text
    rows.drop("projection").write_csv(tmp_path / "other.csv")
    with pytest.raises(ReaderError, match=r"other\.csv: a projection must .* 'projection'"):
        read_projection(tmp_path / "other.csv")


def test_quarterback_scores_are_those_of_who_qualified_under_full_names(
    boards: Boards, tmp_path: Path
) -> None:
    rows = pl.DataFrame(
        {
            "season": [2020, 2021, 2021],
            "rank": [1, 1, None],
            "passer_player_name": ["A.First", "B.Next", "C.Hardly"],
            "full_name": ["Ann First", None, "Cy Hardly"],
            "team": ["KC", "LA", "SF"],
            "plays": [500, 510, 9],
            "qb_score": [0.53, 0.54321, 0.51],
            "qb_score_low": [0.5, 0.52, 0.45],
            "qb_score_high": [0.56, 0.57, 0.57],
            "epa_per_play": [0.12, 0.2, 0.0],
            "qualified": [True, True, False],
        }
    )
    path = tmp_path / "page.html"
    write_report(path, title="Q", boards=boards, qb_score=rows)
    inside = re.search(r'id="qb-score">(.*?)<h2', path.read_text(), re.DOTALL)
    assert inside is not None
    assert re.findall(r'data-season="(\d+)"( hidden)?', inside[1]) == [
        ("2021", ""),
        ("2020", " hidden"),
    ]
    cells = re.findall(r"<td.*?>\s*(.*?)</td>", inside[1])
    assert cells[:8] == ["1", "B.Next", "LA", "510", "0.5432", "0.52", "0.57", "0.2"]
    assert ("Ann First" in cells, "Cy Hardly" in cells) == (True, False)


def test_page_shows_full_names_with_team_and_position(tmp_path: Path) -> None:
    roster = pl.DataFrame(
        {"player_id": ["00-05"], "full_name": ["Ed Full"], "position": ["QB"]},
    ).with_columns(team=pl.lit(None, pl.String), headshot=pl.lit(None, pl.String))
    path = tmp_path / "page.html"
    write_report(path, title="N", boards=passer_boards(league(), roster=roster))
    assert ">Ed Full</a><small>T5 QB</small>" in path.read_text()
    tiers = script(path, "tier-pictures")
    assert "Ed Full" in tiers["2021"][1]


def test_page_of_eighteen_seasons_stays_below_three_megabytes(page: Path) -> None:
    """By the size of each part here, and how often the real seasons 2006-2023 have it."""
    text = page.read_text()
    rows = re.findall(r"<tr data-search.*?</tr>", text, re.DOTALL)
    sizes = {
        name: len(json.dumps(script(page, name), ensure_ascii=False))
        for name in ("logs", "charts", "tier-pictures")
    }
    games = sum(map(len, script(page, "logs").values()))
    # 590 passer-seasons qualify, of 146 passers with 9,410 games; 18 pictures of 33 passers.
    size = len(text) - sum(map(len, rows)) - sum(sizes.values())
    size += sum(map(len, rows)) / len(rows) * (2 * 590 + 146)
    size += sizes["charts"] / 11 * 146 + sizes["logs"] / games * 9_410
    size += sizes["tier-pictures"] / 32 * 590
    # Careers here last two seasons at most, so that this is .56 MB less than the real 2.50 MB.
    assert 1e6 < size < 2.4e6


def test_comparison_is_shown_with_its_tables_and_picture(page: Path) -> None:
    text = page.read_text()
    assert "<p>Seasons 2020-2021.</p>" in text
    assert "<td><strong>Score</strong></td>\n<td>.61</td>" in text
    assert "<td>&lt;b&gt;PFF&lt;/b&gt;</td>" in text
    assert 'src="data:image/png;base64,cmFzdGVy"' in text


def test_comparison_prefers_the_picture_that_stays_sharp(tmp_path: Path) -> None:
    (tmp_path / "comparison.md").write_text("Nothing.")
    assert read_comparison(tmp_path).picture == ""
    (tmp_path / "comparison.png").write_bytes(b"raster")
    (tmp_path / "comparison.svg").write_text("<svg/>")
    assert read_comparison(tmp_path).picture.startswith("data:image/svg+xml;base64,")


def test_folder_that_is_no_comparison_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"comparison\.md .* with 'dropback bakeoff'"):
        read_comparison(tmp_path)


def test_page_without_a_ranking_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="at least one ranking"):
        write_report(tmp_path / "page.html", title="", boards=Boards({}))
    assert not list(tmp_path.iterdir())


def test_page_of_one_ranking_alone_has_no_empty_parts(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    rows = leaderboard(league(), by=("passer",), min_attempts=1, replicates=5)
    write_report(path, title="Plain", boards=Boards({"All": rows}))
    headings = re.findall(r"<h2.*?>(.*?)</h2>", path.read_text())
    assert headings == ["Passers"]


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desk", "phone"])
def opened(browser: Any, page: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    tab.goto(page.as_uri())
    yield tab
    context.close()
    assert wrong == []


def column(tab: Any, place: int) -> list[str]:
    return tab.eval_on_selector_all(
        "#board tbody:not([hidden]) tr:not([hidden])",
        f"rows => rows.map(row => row.cells[{place}].dataset.v)",
    )


@pytest.mark.browser
@pytest.mark.sample(1)
def test_page_sorts_searches_chooses_and_draws(opened: Any, boards: Boards) -> None:
    newest = boards.tables["2021"]
    assert column(opened, 0) == [str(rank) for rank in newest["rank"]]
    heads = opened.locator("#board thead th")
    # Numbers start from the greatest, and a second press turns them.
    for expected in (sorted(newest["score_shrunk"], reverse=True), sorted(newest["score_shrunk"])):
        heads.nth(3).locator("button").click()
        assert [float(value) for value in column(opened, 3)] == pytest.approx(expected)
    assert heads.nth(3).get_attribute("aria-sort") == "ascending"
    assert heads.nth(0).get_attribute("aria-sort") is None
    # By keyboard; names from A.
    heads.nth(1).locator("button").focus()
    opened.keyboard.press("Enter")
    assert column(opened, 1) == sorted(newest["passer_player_name"])
    # The last row has no next: unknown comes last, whichever way.
    for _ in range(2):
        heads.nth(8).locator("button").click()
        assert column(opened, 8)[-1] == ""

    opened.locator("#season").select_option("All seasons")
    assert len(column(opened, 0)) == 21
    opened.locator("#search").fill("b.<Q>")
    assert column(opened, 1) == ["B.<Q>", "B.<Q>"]
    assert opened.locator("#count").inner_text() == "2 rows"

    assert opened.locator("#passer").input_value() == newest["passer_player_id"][0]
    first = opened.locator("#chart").get_attribute("src")
    opened.locator("#board tbody:not([hidden]) tr:not([hidden]) a").first.click()
    assert opened.locator("#passer").input_value() == "00-02"
    assert opened.locator("#chart").get_attribute("src") != first
    # The first passer's games of the season that is shown, then of another.
    games = opened.locator("#log tbody tr")
    assert opened.locator("#log-season").input_value() == "2021"
    assert games.count() == 8
    assert games.first.inner_text().split()[:4] == ["1", "at", "T3", "20"]
    opened.locator("#log-season").select_option("2020")
    assert games.count() == 8
    # Hundreds of seasons are no picture; a season's tiers are unpacked and drawn.
    assert opened.locator("#tiers").is_hidden()
    opened.locator("#season").select_option("2020")
    tiers = opened.locator("#tiers img")
    tiers.wait_for(state="visible")
    opened.wait_for_function("document.querySelector('#tiers img').naturalWidth > 0")
    assert "best first: " in (tiers.get_attribute("alt") or "")
    assert "2020: 0." in (opened.locator("#chart").get_attribute("alt") or "")
    assert opened.evaluate("document.getElementById('chart').decode().then(() => true)")
    # Wide tables scroll in themselves: the page is never wider than the screen.
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # On a dark page no picture is a white sheet.
    opened.emulate_media(color_scheme="dark")
    for picture in (tiers, opened.locator(".layers")):
        shown = plt.imread(io.BytesIO(picture.screenshot()))[..., :3]
        assert np.median(shown) < 0.15
