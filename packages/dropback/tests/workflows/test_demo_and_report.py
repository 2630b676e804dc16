"""The demo on a small league, and the page it writes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dropback.cli import app
from dropback.errors import ReaderError, RequestError
from dropback.live import PlayPredictor, play_contexts
from dropback.models import ModelSettings
from dropback.simulation import LeagueSettings
from dropback.simulation.tracking import TrackingLeagueSettings
from dropback.tracking._storage import chunk_files, read_chunk
from dropback.workflows import read_evaluation
from dropback.workflows._demo import PLAY_MODEL, DemoResult, run_demo
from splicedpareto.training import FitSettings


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module", autouse=True)
def result(out: Path) -> DemoResult:
    return run_demo(
        out,
        league_settings=LeagueSettings(seasons=(2019, 2020), teams=8, weeks=6),
        model_settings=ModelSettings(folds=2, fit=FitSettings(max_epochs=4, batch_size=64)),
        tracking_settings=TrackingLeagueSettings(plays=250),
        play_settings=replace(
            PLAY_MODEL, folds=2, width=8, fit=replace(PLAY_MODEL.fit, max_epochs=1)
        ),
    )


def test_demo_writes_every_result(out: Path) -> None:
    assert sorted(path.name for path in out.iterdir()) == [
        "leaderboard.csv",
        "league",
        "play-run",
        "plays",
        "report.html",
        "report.json",
        "run",
        "scores.parquet",
    ]


def test_page_of_the_demo_shows_its_plays_frame_by_frame(out: Path) -> None:
    block = read_chunk(chunk_files(out / "plays")[0])
    play = PlayPredictor.load(out / "play-run").start(play_contexts(block)[0])
    forecasts = [play.push(n, frame) for n, frame in enumerate(block.frames[: block.offsets[1]])]
    assert [len(each) for each in forecasts] == [1] * int(block.offsets[1])
    assert pl.read_parquet(out / "scores.parquet").height > 0


def test_demo_judges_a_season_that_the_model_has_not_seen(out: Path) -> None:
    assert json.loads((out / "run" / "run.json").read_text())["seasons"] == [2019]
    assert pl.read_parquet(out / "scores.parquet")["season"].unique().to_list() == [2020]


def test_demo_ranks_true_scores_from_best(result: DemoResult) -> None:
    by_truth = result.rows.sort("true_score", descending=True)
    assert by_truth["true_rank"].to_list() == list(range(1, len(by_truth) + 1))
    spearman = pl.DataFrame({"a": result.rows["rank"], "b": result.rows["true_rank"]}).select(
        pl.corr("a", "b", method="spearman")
    )
    assert result.rank_correlation == pytest.approx(spearman.item())


def test_known_distribution_beats_the_model_and_the_model_beats_climatology(
    result: DemoResult,
) -> None:
    crps = {name: row["crps"].value for name, row in result.evaluation.metrics.items()}
    assert result.oracle_crps < crps["sbp"] < crps["climatology"]
    assert 0 < result.gap_closed < 1
    halfway = (crps["climatology"] + result.oracle_crps) / 2
    assert (result.gap_closed > 0.5) == (crps["sbp"] < halfway)


def test_page_is_self_contained_and_shows_each_passer_and_picture(
    out: Path, result: DemoResult
) -> None:
    page = (out / "report.html").read_text()
    assert page.lstrip().startswith("<!doctype html>")
    assert page.count("data:image/png;base64,") == 4
    for name in result.rows["passer_player_name"]:
        assert re.search(rf">{re.escape(name)}(<small>[^<]+</small>)?<small>true rank \d", page)


def test_demo_keeps_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        run_demo(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_report_command_makes_the_page_of_scores_and_evaluation(out: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["report", str(out / "scores.parquet"), str(out / "report.json")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(page), "--title", "A <title>"])
    assert result.exit_code == 0, result.output
    assert "<h1>A &lt;title&gt;</h1>" in page.read_text()


@pytest.mark.parametrize("content", ["{", "[]", '{"plays": 3}'])
def test_foreign_json_is_no_evaluation(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ReaderError, match=r"report\.json: not a report of 'dropback evaluate"):
        read_evaluation(path)


def test_simulate_command_writes_seasons_that_train_can_read(tmp_path: Path) -> None:
    out = tmp_path / "league"
    arguments = ["simulate", "pbp", "--seasons", "2019", "--teams", "4", "--weeks", "4"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out), "--seed", "3"])
    assert result.exit_code == 0, result.output
    assert (out / "play_by_play_2019.parquet").is_file()
    assert "of simulated play-by-play" in " ".join(result.output.split())
