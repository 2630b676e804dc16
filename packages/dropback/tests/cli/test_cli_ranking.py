"""The commands of play scores: what they print and write, and the sentences that refuse."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dropback.cli import app
from dropback.data import select_plays
from dropback.data._table_files import read_table
from dropback.data._tables import Scores
from dropback.errors import DropbackError, ReaderError
from dropback.workflows import read_scores
from examples.play_by_play_rows import Rows


@pytest.fixture(scope="module")
def scores(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play scores of two seasons: 12 passers, 10 games of 30 attempts, half of them tracked."""
    passer, game, play = (part.ravel() for part in np.indices((12, 20, 30)))
    plays = rows(
        *(
            {
                "game_id": f"{2020 + g // 10}_{g % 10 + 1:02}_{p}",
                "old_game_id": f"{2020090000 + 100 * p + g}",
                "play_id": n,
                "season": 2020 + g // 10,
                "week": g % 10 + 1,
                "posteam": f"T{p:02}",
                "home_team": f"T{p:02}" if g % 2 == 0 else "BUF",
                "passer_player_id": f"00-{p:07}",
                "passer_player_name": f"{chr(65 + p)}.Quarterback",
                "qtr": n % 4 + 1,
                "score_differential": n % 20 - 10,
                "down": n % 3 + 1,
                "air_yards": n % 25,
            }
            for p, g, n in np.stack([passer, game, play], axis=1).tolist()
        )
    )
    score = np.random.default_rng(2).normal(0.4 + 0.02 * passer, 0.25).clip(0, 1)
    numbers = {"median": 5.0, "mean": 5.0, "mid_cdf": 0.5, "play_score": score}
    table = select_plays(plays).plays.with_columns(**numbers)
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    table.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def tracking(scores: Path) -> Path:
    """A folder as `dropback ingest` makes it, of the first season's plays."""
    plays = pl.read_parquet(scores).filter(pl.col("season") == 2020)
    keys = plays.select(pl.col("old_game_id").cast(pl.Int64).alias("game_id"), "play_id")
    folder = scores.parent / "plays"
    for name, table in (
        ("plays", keys),
        (
            "splits",
            keys.with_columns(
                time_to_throw_band=pl.lit("2.5 to 4 s"), pressured_at_throw=pl.col("play_id") < 10
            ),
        ),
    ):
        path = folder / name / "season=2020" / "week1-000.parquet"
        path.parent.mkdir(parents=True)
        table.write_parquet(path)
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def printed(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_leaderboard_prints_each_number_with_what_is_uncertain(scores: Path) -> None:
    text = printed("leaderboard", scores, "--by", "passer", "--split", "season=2021")
    heading, _, *lines = [line for line in text.splitlines() if line.strip()]
    assert heading.strip() == "Mean play score by passer, season=2021"
    assert max(len(line) for line in lines) <= 80
    assert "…" not in text
    first, second = lines[2].split(), lines[3].split()
    assert first[:3] == ["1", "L.Quarterback", "300"]
    assert second[0].startswith("1–")
    assert second[1] == "10"
    score, low, high = float(first[3]), *map(float, second[2].split("–"))
    assert low < score < high


def test_leaderboard_names_the_population_of_its_ranks_and_which_end_is_better(
    scores: Path,
) -> None:
    text = printed("leaderboard", scores, "--by", "passer", "--split", "season=2021")
    assert "Ranks are of 12, 2021, season=2021." in " ".join(text.split())
    text = printed("leaderboard", scores, "--by", "opponent")
    heading, columns = [line for line in text.splitlines() if line.strip(" ─")][:2]
    assert heading.strip() == "Mean play score by opponent, allowed: the lowest is first"
    assert "allowed" in columns


@pytest.fixture
def drifting(scores: Path, tmp_path: Path) -> Path:
    """The play scores of `scores`, turned: season 2020 drifts by .02, 2021 by -.02."""
    drift = pl.when(pl.col("season") == 2020).then(0.02).otherwise(-0.02)
    centered = pl.col("play_score").mean().over("season") - pl.col("play_score") + 0.5 + drift
    drifting = tmp_path / "drifting.parquet"
    pl.read_parquet(scores).with_columns(
        mid_cdf=centered, play_score=centered, season_drift=drift
    ).write_parquet(drifting)
    return drifting


@pytest.mark.parametrize(
    ("command", "seasons"),
    [
        (("games", "Lou Quarterback", "--seasons", "2021"), {2021}),
        (("compare", "L.Quarterback", "A.Quarterback"), {2020, 2021}),
        (("chart", "tiers"), {2020, 2021}),
        (("chart", "scatter"), {2020, 2021}),
        (("chart", "trend", "L.Quarterback"), {2020, 2021}),
        (("chart", "passer", "L.Quarterback"), {2020, 2021}),
    ],
)
@pytest.mark.sample(2)
def test_every_table_of_scores_comes_with_the_drift_of_its_seasons(
    drifting: Path, tmp_path: Path, command: tuple[str, ...], seasons: set[int]
) -> None:
    at = 2 if command[0] == "chart" else 1
    out = ("--out", tmp_path / "chart.svg") if command[0] == "chart" else ()
    text = " ".join(printed(*command[:at], drifting, *command[at:], *out).split())
    found = {year for year, sign in ((2020, "+"), (2021, "-")) if f"{year} {sign}0.0200 (" in text}
    assert found == seasons
    assert "Scores are centered: the drift of each season is subtracted." in text


def test_leaderboard_says_by_how_much_each_season_is_off(drifting: Path, tmp_path: Path) -> None:
    arguments = ("leaderboard", drifting, "--by", "season", "--out", tmp_path / "rows.csv")
    text = " ".join(printed(*arguments).split())
    assert "2020 +0.0200 (" in text
    assert "2021 -0.0200 (" in text
    assert "Scores are centered: the drift of each season is subtracted." in text
    rows = pl.read_csv(tmp_path / "rows.csv").sort("season")
    assert rows.select("score", "drift").rows() == [
        (pytest.approx(0.5), pytest.approx(0.02)),
        (pytest.approx(0.5), pytest.approx(-0.02)),
    ]
    text = " ".join(printed(*arguments, "--no-center", "--overwrite").split())
    assert "2020 +0.0200 (" in text
    assert "Scores are not centered: compare passers within a season" in text
    raw = pl.read_csv(tmp_path / "rows.csv").sort("season")
    assert raw["score"].to_list() == [pytest.approx(0.52), pytest.approx(0.48)]


def test_leaderboard_writes_all_columns_with_ids(scores: Path, tmp_path: Path) -> None:
    for name in ("rows.csv", "rows.parquet", "rows.xlsx"):
        printed("leaderboard", scores, "--by", "passer,depth", "--out", tmp_path / name)
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.xlsx"):
        assert rows.columns == read_table(tmp_path / name).columns
    again = invoke("leaderboard", scores, "--by", "depth", "--out", tmp_path / "rows.csv")
    assert "rows.csv is there already" in str(again.exception)
    assert {"passer_player_id", "depth", "rank_low", "probability_best"} < set(rows.columns)
    # 15 attempts by default in a split, not the league's rule.
    assert rows["plays"].min() >= 15  # type: ignore[operator]  # a number
    assert set(rows["depth"]) == {"short", "middle", "deep"}


def test_leaderboard_takes_the_reliable_minimum(scores: Path) -> None:
    assert "L.Quarterback" in printed("leaderboard", scores, "--min-attempts", "reliable")


def test_leaderboard_joins_tracking(scores: Path, tracking: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    options = ("--tracking", tracking, "--out", out, "--overwrite")
    printed("leaderboard", scores, "--by", "season,pressure", *options)
    rows = pl.read_csv(out)
    assert sorted(rows.select("season", "pressure", "plays").rows()) == [
        (2020, "clean", 12 * 10 * 20),
        (2020, "pressured", 12 * 10 * 10),
    ]
    text = printed("leaderboard", scores, "--split", "time_to_throw=2.5 to 4 s", *options)
    assert "time_to_throw=2.5 to 4 s" in text


def test_leaderboard_keeps_what_is_asked_for(scores: Path, tmp_path: Path) -> None:
    roster = tmp_path / "players.csv"
    roster.write_text("gsis_id,display_name,position\n00-0000011,Lou Quarterback,QB\n")
    options = ("--week", "3-6", "--seasons", "2021", "--home", "--roster", roster)
    out = tmp_path / "rows.json"
    text = printed("leaderboard", scores, "--by", "passer", *options, "--out", out)
    assert "Mean play score by passer, season 2021, weeks 3-6, at home" in text
    row = read_table(out).filter(passer_player_id="00-0000011").select("full_name", "team", "plays")
    assert row.rows() == [("Lou Quarterback", "T11", 60)]
    assert "11 of 12 rows are of players whom the roster does not know." in text


def test_games_lists_every_game_of_a_passer(scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "games.csv"
    text = printed("games", scores, "Lou Quarterback", "--seasons", "2021", "--out", out)
    assert "Games of L.Quarterback, season 2021" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "No results: name a table of games with --games." in text
    assert read_table(out).height == 10
    assert re.search(r"2021 +2 +at BUF +30 +0\.\d{3} +0\.\d\d-0\.\d\d +\d\d", text)
    assert "Best throw, 2021 week" in text


def test_compare_says_who_is_better_with_which_probability(scores: Path, tmp_path: Path) -> None:
    out = tmp_path / "two.csv"
    text = printed("compare", scores, "L.Quarterback", "A.Quarterback", "--out", out)
    sentence = " ".join(text.split())
    assert "L.Quarterback is better than A.Quarterback with probability above 0.99" in sentence
    assert "learned among 12 passers." in sentence
    assert "By season" in text
    first, second = read_table(out, types={})["probability_better"]
    assert first + second == pytest.approx(1)


def test_reliability_prints_the_minimum_and_draws(scores: Path, tmp_path: Path) -> None:
    curve, plot = tmp_path / "curve.csv", tmp_path / "curve.svg"
    text = printed("reliability", scores, "--out", curve, "--plot", plot)
    assert "Reliability, 24 passer-seasons" in text
    assert "Minimum for reliability 0.5: " in text
    assert pl.read_csv(curve).columns == ["attempts", "reliability", "low", "high"]
    assert "<svg" in plot.read_text()


def test_report_command_names_its_size(scores: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert " MB." in printed("report", scores, "--out", page)
    assert "<option>2021</option><option>2020</option><option>Careers</option>" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("leaderboard", "--split", "depth"), "split must be name=value"),
        (("leaderboard", "--split", "depth=abyss"), "'depth' has no value 'abyss' here; it has"),
        (("leaderboard", "--by", "passer,pressure"), "needs tracking"),
        (("leaderboard", "--where", "max(air_yards) = 30"), "one play at a time, without max"),
        (("leaderboard", "--out", "rows.txt"), "ending must be"),
        (("leaderboard", "--tracking", "nowhere"), "nowhere must hold canonical plays"),
        (("reliability", "--plot", "curve.jpg"), "picture's ending must be .png or .svg"),
        (("reliability", "--target", "1"), "reliability must be in"),
        (
            ("report", "--out", "x.html", "--comparison", "nowhere"),
            "nowhere: holds no readable comparison.md",
        ),
        (("leaderboard", "--team", "XYZ"), "No play has the team 'XYZ'; there are"),
        (("leaderboard", "--week", "x"), "Weeks must be numbers from 1"),
        (("leaderboard", "--roster", "none.csv"), "none.csv: no such file"),
        (("games", "Nobody"), "No passer 'Nobody' is among the 12"),
        (("games", "Quarterback"), "'Quarterback' means 12 passers"),
        (("games", "00-0000001", "--games", "no.csv"), "no.csv: no such file"),
        (("compare", "A.Quarterback", "Abe Quarterback"), "both are 00-0000000"),
        (("compare", "A.Quarterback", "B.Quarterback", "--out", "x.txt"), "ending must be"),
        (("chart", "tiers", "--out", "x.jpg"), "picture's ending must be .png or .svg"),
        (("chart", "tiers", "--out", "x.png", "--logos", "nowhere"), "nowhere: no such folder"),
        (("chart", "scatter", "--out", "x.png", "--against", "epa"), "against one of plays, got"),
        (("chart", "trend", "Nobody", "--out", "x.png"), "No passer 'Nobody'"),
        (("chart", "game", "A.Quarterback", "--week", "17", "--out", "x.png"), "of week 17"),
        (("chart", "passer", "Quarterback", "--out", "x.png"), "'Quarterback' means 12 passers"),
        (("report", "--out", "x.html", "--min-attempts", "9999"), "No row is left"),
    ],
)
@pytest.mark.sample(10)
def test_bad_requests_are_one_sentence(
    scores: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    place = 2 if arguments[0] == "chart" else 1
    result = invoke(*arguments[:place], scores, *arguments[place:])
    assert isinstance(result.exception, DropbackError)
    assert words in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_scores_need_the_columns_that_are_never_null(scores: Path, tmp_path: Path) -> None:
    path = tmp_path / "less.parquet"
    table = pl.read_parquet(scores)
    assert set(Scores.column_names()) - set(table.columns)  # some that may be null are absent
    table.write_csv(tmp_path / "scores.csv")
    assert read_scores(tmp_path / "scores.csv").equals(read_scores(scores))
    table.drop("down", "posteam").write_parquet(path)
    with pytest.raises(ReaderError, match="the columns posteam, down are missing"):
        read_scores(path)


def test_import_of_the_package_loads_no_library() -> None:
    code = "import dropback, sys; print({'polars', 'torch', 'scipy', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own
    assert done.stdout.strip() == "set()"
