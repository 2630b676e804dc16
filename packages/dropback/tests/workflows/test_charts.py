"""Charts: where things are, that nothing collides or leaves the page, and what they look like."""

import os
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from PIL import Image

from dropback.data._team_colors import LEAST_CONTRAST, TEAM_COLORS, contrast, team_color
from dropback.data._teams import TEAMS
from dropback.errors import ReaderError, RequestError
from dropback.ranking import PlayFilter, leaderboard
from dropback.workflows import passing_board, player_games
from dropback.workflows._charts import game_card, passer_card, season_board
from dropback.workflows._pictures import (
    Images,
    Look,
    draw_scatter,
    draw_tiers,
    draw_trend,
    moving_mean,
)
from dropback.workflows._pictures._boards import tiers
from dropback.workflows._pictures._labels import place_labels
from examples.scored_plays import table, throws

REFERENCES = Path(__file__).parent / "reference_charts"
CODES = sorted(TEAMS)
LOOKS = [Look(), Look(dark=True, phone=True)]


def league(passers: int, weeks: int = 2, plays: int = 8) -> pl.DataFrame:
    """Passers of many teams; names from short to very long; two of equal plays and scores."""
    generator = np.random.default_rng(11)
    rows = []
    for number in range(passers):
        surname = "Longname-Hyphenated" if number % 7 == 3 else "Short"
        name = f"{chr(65 + number % 26)}.{surname}{number}"
        for week in range(1, weeks + 1):
            seed = np.random.default_rng(1) if number in {4, 5} else generator
            scores = (seed.uniform(0, 1, plays) * (0.7 + 0.6 * number / max(passers, 2))).clip(0, 1)
            fixed = {
                "passer_player_name": name,
                "posteam": CODES[number % 32],
                "defteam": CODES[(number + 1) % 32],
                "game_id": f"2020_{week:02}_{number}",
                "week": week,
            }
            game = throws(f"00-{number:03}", scores.tolist(), **fixed)
            rows.append([{**play, **situation(n)} for n, play in enumerate(game)])
    return table(*rows).with_columns(mid_cdf=pl.col("play_score"))


def situation(n: int) -> dict[str, Any]:
    quarter = n % 5 + 1
    return {
        "play_id": n,
        "qtr": quarter,
        "home": True,
        "game_seconds_remaining": max(3600 - 900 * (quarter - 1) - 60 * n, 0),
        "half_seconds_remaining": 900 - 60 * n
        if quarter in {2, 4}
        else 600
        if quarter > 4
        else 1500,
        "down": n % 4 + 1,
        "ydstogo": 10,
        "goal_to_go": n == 3,
        "air_yards": 6 * n - 3,
        "complete_pass": n % 2 == 0,
        "interception": n == 5,
        "pass_touchdown": n == 6,
        "yards": 3 * n,
        "desc": f"(1:0{n % 10}) (Shotgun) Throw {n} " + "with a long story " * (n % 4),
    }


SCORES = league(12)
BOARD = passing_board(SCORES, by="passer", min_attempts=1).with_columns(
    any_a=5 + 10 * (pl.col("score") - 0.5), full_name=pl.lit("Full ") + pl.col("passer_player_name")
)


def charts(look: Look) -> dict[str, Figure]:
    """One of each chart."""
    found = [player_games(SCORES, f"00-00{n}") for n in (3, 7, 9)]
    logs = {player.name: log for player, log in found}
    only = PlayFilter(weeks=2)
    return {
        "tiers": draw_tiers(BOARD, title="Tiers", subtitle="2020", look=look),
        "scatter": draw_scatter(BOARD, against="any_a", title="Score and ANY/A", look=look),
        "trend": draw_trend(logs, title="Game by game", look=look),
        "passer": passer_card(SCORES, "00-003", look=look),
        "game": game_card(SCORES, "00-003", only=only, look=look),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, bool], Figure]:
    return {(name, look.dark): figure for look in LOOKS for name, figure in charts(look).items()}


def texts(figure: Figure) -> list[tuple[str, Any]]:
    """Each text that is shown, with its box in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    artists = figure.findobj(mpl.text.Text)
    shown = [artist for artist in artists if artist.get_visible() and artist.get_text().strip()]
    boxes = [(artist.get_text(), artist.get_window_extent(renderer)) for artist in shown]
    # Matplotlib makes ticks beyond the ends of an axis and does not draw them.
    ticks = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels()
        if not min(axis.get_view_interval())
        <= label_place(axis, label)
        <= max(axis.get_view_interval())
    }
    return [box for artist, box in zip(shown, boxes, strict=True) if id(artist) not in ticks]


def label_place(axis: Any, label: Any) -> float:
    return label.get_position()[0 if axis.axis_name == "x" else 1]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    found = []
    for (one, box), (other, second) in combinations(texts(figure), 2):
        wide = min(box.x1, second.x1) - max(box.x0, second.x0)
        high = min(box.y1, second.y1) - max(box.y0, second.y0)
        if wide > 1 and high > 0.3 * min(box.height, second.height):
            found.append((one, other))
    return found


@pytest.mark.parametrize("name", ["tiers", "scatter", "trend", "passer", "game"])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.sample(3)
def test_no_text_collides_or_leaves_the_page(
    drawn: dict[tuple[str, bool], Figure], name: str, *, dark: bool
) -> None:
    figure = drawn[name, dark]
    width, height = figure.bbox.width, figure.bbox.height
    outside = [
        text
        for text, box in texts(figure)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    assert outside == []
    assert overlaps(figure) == []


@pytest.mark.parametrize(
    ("passers", "look"),
    [(1, LOOKS[0]), (40, LOOKS[0]), (40, LOOKS[1])],
    ids=["one", "page", "phone"],
)
@pytest.mark.sample(1)
def test_boards_of_any_size_are_drawn(passers: int, look: Look) -> None:
    """One passer, a pair, 40 with very long names: every name is there, once, in order."""
    rows = leaderboard(league(passers, weeks=2, plays=3), by="passer", min_attempts=1)
    rows = rows.with_columns(any_a=pl.col("score"), team=pl.lit("KC"))
    figure = draw_tiers(rows, title="A title " * 12, look=look)
    assert overlaps(figure) == []
    names = [text for text, _ in texts(figure) if "." in text and text[0].isalpha()]
    shrunk = rows.sort("score_shrunk", descending=True, maintain_order=True)
    assert [
        n.rstrip("…") in full for n, full in zip(names, shrunk["passer_player_name"], strict=False)
    ]
    scatter = draw_scatter(rows, against="any_a", title="T", look=look)
    assert overlaps(scatter) == []


@pytest.mark.parametrize("name", ["tiers", "scatter", "trend", "passer", "game"])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.sample(4)
def test_chart_looks_as_its_reference(
    drawn: dict[tuple[str, bool], Figure], name: str, *, dark: bool
) -> None:
    """Against small pictures; set DROPBACK_REFERENCES=write to make them anew, and look at them."""
    path = REFERENCES / f"{name}-{'dark-phone' if dark else 'light'}.png"
    # Another version places and smooths text otherwise, by up to 23 of 255.
    with Image.open(path) as reference:
        drawn_with = reference.info["Software"]
    if f"version{mpl.__version__}," not in drawn_with:
        pytest.skip(f"the reference was drawn with {drawn_with}, this is {mpl.__version__}")
    picture = small(drawn[name, dark])
    if os.environ.get("DROPBACK_REFERENCES") == "write":
        imsave(path, picture)
    expected = (255 * imread(path)[..., :3]).astype(int)
    assert picture.shape == expected.shape
    assert difference(picture, expected) < 3


def test_passer_card_says_who_is_ranked(drawn: dict[tuple[str, bool], Figure]) -> None:
    """A passer of 16 plays is ranked among those of as many, which all twelve have."""
    foot = " ".join(text for text, _ in texts(drawn["passer", False])).replace("\n", " ")
    assert "Ranked: the 12 passers with at least 16 plays. dropback: where" in foot


def test_reference_tells_charts_apart(drawn: dict[tuple[str, bool], Figure]) -> None:
    """A team's color, or one passer's score, is enough to fail the comparison."""
    expected = small(drawn["tiers", False])
    changed = BOARD.with_columns(team=pl.lit("GB"))
    assert difference(small(draw_tiers(changed, title="Tiers", subtitle="2020")), expected) > 3
    first = pl.int_range(pl.len()) == 0
    moved = BOARD.with_columns(
        pl.when(first).then(0.9).otherwise(pl.col("score_shrunk")).alias("score_shrunk")
    )
    assert difference(small(draw_tiers(moved, title="Tiers", subtitle="2020")), expected) > 3


def small(figure: Figure) -> np.ndarray:
    buffer = BytesIO()
    figure.savefig(buffer, dpi=45, format="png")
    buffer.seek(0)
    return (255 * imread(buffer)[..., :3]).astype(np.uint8)


def difference(picture: np.ndarray, expected: np.ndarray) -> float:
    """Root mean square, of levels 0 to 255."""
    if picture.shape != expected.shape:
        return float("inf")
    return float(np.sqrt(np.mean((picture.astype(float) - expected.astype(float)) ** 2)))


def test_tiers_end_where_their_first_is_surely_better() -> None:
    """sd .01 each: 90 % needs 1.2816 * .01 * sqrt(2) = .01812 between the first and the next."""
    means = [0.55, 0.5320, 0.5318, 0.5140, 0.5136]
    rows = pl.DataFrame({"score_shrunk": means[::-1], "shrunk_sd": [0.01] * 5})
    assert tiers(rows).rows() == [
        (0.55, 0.01, 1), (0.532, 0.01, 1), (0.5318, 0.01, 2), (0.514, 0.01, 2), (0.5136, 0.01, 3),
    ]  # fmt: skip


def test_tiers_of_defenses_begin_with_the_lowest() -> None:
    rows = pl.DataFrame({"score_shrunk": [0.5, 0.4], "shrunk_sd": [0.01] * 2, "better": "lower"})
    assert tiers(rows)["score_shrunk"].to_list() == [0.4, 0.5]
    assert tiers(rows)["tier"].to_list() == [1, 2]
    board = leaderboard(SCORES, by="opponent", min_attempts=1)
    figure = draw_tiers(board, title="Defenses")
    order = board.sort("score_shrunk")["defteam"].to_list()
    assert [text for text, _ in texts(figure) if text in order] == order


@pytest.mark.parametrize(("name", "average"), [("qb_score", 0.5), ("projection", 0.0)])
def test_tables_of_seasons_are_drawn_by_their_own_measure(
    name: str, average: float, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.csv"
    value = [average + 0.02, average - 0.01, average + 0.05]
    columns = {
        f"{name}_{end}": [v + by for v in value] for end, by in (("low", -0.02), ("high", 0.02))
    }
    rows = pl.DataFrame(
        {
            "passer_player_id": ["a", "b", "c"],
            "passer_player_name": ["A.One", "B.Two", "C.Three"],
            "team": ["KC", "NYJ/SF", "BUF"],
            "season": [2022] * 3,
            name: value,
            **columns,
            f"{name}_sd": [0.012] * 3,
        }
    )
    if name == "qb_score":
        rows = rows.with_columns(pl.Series("qualified", [True, True, False]))
    rows.write_csv(path)
    board, measure = season_board(path, PlayFilter(seasons=2022)) or (None, None)
    assert board is not None
    assert measure is not None
    figure = draw_tiers(board, title="Seasons", measure=measure)
    shown = [text for text, _ in texts(figure)]
    assert [text for text in shown if "." in text and text[0] in "ABC" and text[1] == "."] == (
        ["A.One", "B.Two"] if name == "qb_score" else ["C.Three", "A.One", "B.Two"]
    )
    assert (".520" if name == "qb_score" else "+0.020") in shown
    with pytest.raises(RequestError, match="holds seasons of passers, no plays: --seasons and"):
        season_board(path, PlayFilter(weeks=3))
    with pytest.raises(RequestError, match="None of 3 plays is left of season 2019"):
        season_board(path, PlayFilter(seasons=2019))


def test_file_of_plays_is_no_table_of_seasons(tmp_path: Path) -> None:
    SCORES.write_parquet(tmp_path / "scores.parquet")
    assert season_board(tmp_path / "scores.parquet", PlayFilter()) is None


def test_moving_mean_weighs_plays_and_adds_variances() -> None:
    """Standard errors .1 and .05 of 10 and 30 plays: sqrt((10 * .1)^2 + (30 * .05)^2) / 40."""
    half = 1.6448536269514722 * np.array([0.1, 0.05, 0.1])
    score = np.array([0.4, 0.6, 0.5])
    log = pl.DataFrame({"plays": [10, 30, 10], "score": score, "score_low": score - half})
    found = moving_mean(log, games=2)
    np.testing.assert_allclose(found["mean"], [0.4, 22 / 40, 23 / 40])
    error = np.sqrt((10 * 0.1) ** 2 + (30 * 0.05) ** 2) / 40
    np.testing.assert_allclose(found["mean_high"][1] - found["mean"][1], 1.6448536269514722 * error)


points = st.tuples(st.floats(0, 400), st.floats(0, 300), st.integers(1, 20))


@settings(max_examples=30)
@given(st.lists(points, min_size=1, max_size=25))
def test_labels_never_collide(cloud: list[tuple[float, float, int]]) -> None:
    x, y = (np.array([point[axis] for point in cloud], float) for axis in (0, 1))
    sizes = [(5.0 * point[2], 9.0) for point in cloud]
    places = place_labels(x, y, sizes, width=400, height=300, radius=4)
    assert places == place_labels(x, y, sizes, width=400, height=300, radius=4)
    boxes = [
        (p.x - w / 2, p.y - h / 2, p.x + w / 2, p.y + h / 2)
        for p, (w, h) in zip(places, sizes, strict=True)
        if p is not None
    ]
    for box in boxes:
        assert min(box[:2]) >= 0
        assert box[2] <= 400
        assert box[3] <= 300
        near = np.hypot(x - x.clip(box[0], box[2]), y - y.clip(box[1], box[3]))
        assert near.min() >= 4
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart


def test_labels_of_a_crowd_all_find_a_place() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(200, 40, 40), generator.normal(150, 35, 40)
    places = place_labels(x, y, [(50, 9)] * 40, width=400, height=300, radius=4)
    assert None not in places
    far = [np.hypot(p.x - a, p.y - b) for p, a, b in zip(places, x, y, strict=True) if p]
    assert np.median(far) < 60


def test_every_team_stands_out_from_both_grounds() -> None:
    assert set(TEAM_COLORS) == set(TEAMS)
    for ground in ("#ffffff", "#14171a"):
        for team in (*TEAM_COLORS, None, "XYZ"):
            assert contrast(team_color(team, ground)[0], ground) >= LEAST_CONTRAST
    # W3C's examples of contrast against white.
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#ff0000", "#ffffff") == pytest.approx(4.0, abs=0.005)


def test_color_that_does_not_stand_out_is_mixed() -> None:
    """Both of Atlanta's colors are dark: on dark its red is lightened, and stays red."""
    color, _ = team_color("ATL", "#14171a")
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    assert red > 150 > max(green, blue)


def test_logos_and_headshots_come_from_the_user_s_folders(tmp_path: Path) -> None:
    for folder, name in (("logos", CODES[3]), ("faces", "00-003")):
        (tmp_path / folder).mkdir()
        imsave(tmp_path / folder / f"{name}.png", np.full((4, 6, 3), 0.5))
    images = Images(tmp_path / "logos", tmp_path / "faces")
    assert len(passer_card(SCORES, "00-003", images=images).findobj(mpl.image.AxesImage)) == 2
    assert len(passer_card(SCORES, "00-004", images=images).findobj(mpl.image.AxesImage)) == 0
    # A roster names a file; an address is passed over, as nothing is fetched.
    for headshot, pictures in ((str(tmp_path / "faces" / "00-003.png"), 1), ("https://x.y/z", 0)):
        roster = pl.DataFrame(
            {"gsis_id": ["00-003"], "display_name": ["Dee Long"], "headshot": [headshot]}
        )
        card = game_card(SCORES, "Dee Long", roster=roster)
        assert len(card.findobj(mpl.image.AxesImage)) == pictures
    for draw in (draw_tiers, lambda rows, **more: draw_scatter(rows, against="any_a", **more)):
        figure = draw(BOARD, title="Logos", images=images)
        assert len(figure.findobj(mpl.image.AxesImage)) == 1
    (tmp_path / "logos" / f"{CODES[4]}.png").write_bytes(b"no picture")
    with pytest.raises(ReaderError, match=rf"{CODES[4]}\.png: not a readable picture"):
        images.logo(CODES[4])
    with pytest.raises(ReaderError, match="nowhere: no such folder of pictures"):
        Images(tmp_path / "nowhere").logo("KC")


def test_game_card_tells_the_throws_and_the_last_game_where_several_are_kept() -> None:
    notes: list[str] = []
    figure = game_card(SCORES, "00-003", throws=2, on_note=notes.append)
    shown = [text for text, _ in texts(figure)]
    assert notes == ["Of 2 games that are kept the last is drawn; name one by its week."]
    assert any("2020 week 2" in text for text in shown)
    own = SCORES.filter(passer_player_id="00-003", week=2).sort("play_score", descending=True)
    for play in own["play_id"].to_list()[:2] + own["play_id"].to_list()[-2:]:
        assert any(text.startswith(f"Throw {play} ") or text == f"Throw {play}" for text in shown)
    assert "OT" in shown
    assert "star: touchdown, cross: interception" in shown


def test_passer_without_the_plays_that_are_kept_is_one_sentence() -> None:
    with pytest.raises(RequestError, match=r"00-003.* has no play that is kept \(AZ|ARI\)"):
        passer_card(SCORES, "00-003", only=PlayFilter(team="ARI"))


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ("epa_per_dropback", "against one of any_a, plays, got 'epa_per_dropback'"),
        ("desc", "'desc'"),
    ],
)
def test_scatter_needs_a_metric_that_is_there(against: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        draw_scatter(BOARD, against=against, title="")


def test_trend_shows_one_to_four_passers() -> None:
    log = player_games(SCORES, "00-003")[1]
    with pytest.raises(RequestError, match="1 to 4 passers, got 5"):
        draw_trend({str(n): log for n in range(5)}, title="")
