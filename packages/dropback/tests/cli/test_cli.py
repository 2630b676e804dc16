"""Each command does its job; each bad input is exit code 2, one sentence, nothing half-written."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.main import get_command

import dropback
from dropback.cli import app
from dropback.simulation import League, write_league
from dropback.tracking import build_tensors
from examples.simulated_plays import write_throws
from examples.small_models import small_models
from examples.trained_run import Command, TrainedRun


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands fit small models: these tests ask what they read and write."""
    small_models(monkeypatch)


@pytest.fixture(scope="module")
def data(tiny_league: League, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny league on disk."""
    folder = tmp_path_factory.mktemp("data") / "league"
    write_league(tiny_league, folder)
    return folder


def test_main_job_runs_from_files_to_leaderboard(run: Command, data: Path, tmp_path: Path) -> None:
    out, scores, board = tmp_path / "run", tmp_path / "s.parquet", tmp_path / "board.csv"
    train = ("train", data, "--seasons", "2020", "--out", out, "--folds", 2, "--epochs", 1)
    code, _, err = run(*train)
    assert code == 0, err
    report, unseen = tmp_path / "report.json", ("--seasons", "2021")
    assert run("evaluate", out, data, *unseen, "--against", "climatology", "--json", report)[0] == 0
    assert set(json.loads(report.read_text())["metrics"]) == {"catch-point", "climatology"}
    assert len(list((tmp_path / "report-plots").glob("*.png"))) == 4
    predictions = tmp_path / "p.parquet"
    assert run("predict", out, data, *unseen, "--out", predictions)[0] == 0
    assert run("score", out, data, *unseen, "--out", scores)[0] == 0
    mid_cdf = pl.read_parquet(predictions)["mid_cdf"]
    yards = tmp_path / "yards.csv"
    code, _, told = run("yards", out, data, *unseen, "--out", yards)
    assert code == 0
    assert f"rows of {len(mid_cdf):,} plays" in " ".join(told.split())
    assert pl.read_csv(yards)["probability"].sum() == pytest.approx(len(mid_cdf))
    yards.unlink()
    assert pl.read_parquet(scores)["play_score"].to_list() == mid_cdf.to_list()
    code, shown, _ = run(
        "leaderboard", scores, "--by", "passer", "--min-attempts", 1, "--out", board
    )
    assert code == 0
    rows = pl.read_csv(board)
    assert rows["plays"].sum() == len(mid_cdf)
    assert "Mean play score by passer" in shown
    names = {"run", "report.json", "report-plots", "p.parquet", "s.parquet", "board.csv"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six games of a tracking league on disk, and their features."""
    folder = tmp_path_factory.mktemp("tracked")
    build_tensors(write_throws(folder / "league", 300, seed=2), folder / "tensors")
    return folder


@pytest.mark.slow
def test_main_job_runs_on_tracking(run: Command, tracked: Path, tmp_path: Path) -> None:
    league, tensors, out = tracked / "league", tracked / "tensors", tmp_path / "run"
    train = ("train", tensors, "--out", out, "--folds", 2, "--epochs", 1, "--threads", 1)
    code, _, err = run(*train, "--encoder", "tcn", "--prefix-share", 0.25)
    assert code == 0, err
    assert (
        json.loads((out / "run.json").read_text())["settings"]["sequence"]["prefix_share"] == 0.25
    )
    report, truth = tmp_path / "report.json", league / "truth.parquet"
    evaluation = ("evaluate", out, league, "--threads", 1, "--json", report)
    code, shown, err = run(*evaluation, "--against", "climatology,oracle", "--truth", truth)
    assert code == 0, err
    assert "closed" in shown
    assert "seconds since the snap" in shown
    assert "seconds before the release" in shown
    content = json.loads(report.read_text())
    assert set(content["metrics"]) == {"sbp-tcn", "climatology", "oracle"}
    assert set(content["seconds_since_snap"]) == {"0.5", "1", "1.5", "2", "2.5", "3"}
    assert set(content["seconds_before_release"]) == {"2", "1.5", "1", "0.5", "0"}
    scores = tmp_path / "scores.parquet"
    assert run("score", out, tensors, "--out", scores)[0] == 0
    assert run("leaderboard", scores, "--by", "passer", "--min-attempts", 1)[0] == 0
    assert pl.read_parquet(scores)["tracked"].all()
    fine = ("train", tensors, "--out", tmp_path / "on", "--init", out, "--threads", 1)
    refused(run(*fine, "--prefix-share", 0.5), "but --init brings its own settings")
    code, _, err = run(*fine, "--folds", 2, "--members", 1, "--epochs", 1, "--learning-rate", 1e-4)
    assert code == 0, err


@pytest.mark.slow
def test_plays_without_tracking_are_scored_by_a_static_run(
    run: Command, tracked: Path, tmp_path: Path
) -> None:
    league, some = tracked / "league", tmp_path / "some"
    some.mkdir()
    plays = pl.read_parquet(next(league.glob("play_by_play_*.parquet")))
    file = "tracking_week_1.parquet"
    rows = pl.read_parquet(league / file)
    kept = rows["gameId"].unique().sort()[:-1]
    rows.filter(pl.col("gameId").is_in(kept.implode())).write_parquet(some / file)
    for table in league.glob("*.csv"):
        shutil.copy(table, some)
    one = ("--epochs", 1, "--folds", 2)
    tracking, static = tmp_path / "tracking", tmp_path / "static"
    assert run("train", some, "--out", tracking, *one, "--threads", 1)[0] == 0
    (tmp_path / "pbp").mkdir()
    plays.write_parquet(tmp_path / "pbp" / "play_by_play_2022.parquet")
    assert run("train", tmp_path / "pbp", "--out", static, *one)[0] == 0
    out = tmp_path / "scores.parquet"
    beside = ("--pbp", tmp_path / "pbp", "--static", static, "--out", out)
    code, _, err = run("score", tracking, some, *beside)
    assert code == 0, err
    scores = pl.read_parquet(out)
    assert scores.height == plays.height
    assert scores.filter("tracked")["old_game_id"].n_unique() == len(kept)
    assert scores.filter(~pl.col("tracked"))["old_game_id"].n_unique() == 1
    refused(run("score", tracking, some, *beside), "scores.parquet is there already")
    again = ("--out", out, "--overwrite")
    refused(run("score", tracking, some, "--static", static, *again), "there are none")
    refused(run("score", static, some, *again), "reads play-by-play but the data are tracking")


def refused(result: tuple[int, str, str], words: str) -> None:
    code, out, err = result
    assert code == 2
    assert out == ""
    *notes, sentence = err.strip().splitlines()
    assert sentence.startswith("error: ")
    assert words in sentence
    assert "Traceback" not in "".join(notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seasons", "1930"), "no plays of season 1930"),
        (("--seasons", "soon"), "Seasons must be years"),
        (("--seasons", "2018-x"), "Seasons must be years"),
        (("--seasons", "2020", "--pbp", "more"), "play_by_play (--pbp) goes with tracking"),
        (("--seasons", "2020", "--folds", "1"), "folds must be at least 2"),
        (("--seasons", "2020", "--folds", "9"), "needs at least 18 games for 9 folds, got 8"),
        (("--seasons", "2020", "--epochs", "0"), "max_epochs must be at least 1, got 0"),
        (("--seasons", "2020", "--device", "tpu"), "device must be"),
        (
            ("--seasons", "2020", "--encoder", "tcn"),
            "but the data are play-by-play",
        ),
        (("--seasons", "2020", "--drop-players", "0.3"), "but the data are play-by-play"),
        (("--seasons", "2020", "--expected-points", "."), "the outcome is epa, and it is yards"),
    ],
)
@pytest.mark.sample(5)
def test_training_refuses_bad_options(
    run: Command, data: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    refused(run("train", data, "--out", tmp_path / "run", *options), words)
    assert list(tmp_path.iterdir()) == []


def test_training_refuses_unknown_games(run: Command, data: Path, tmp_path: Path) -> None:
    code, out, err = run("train", data, "--out", tmp_path / "run", "--games", "friendly")
    assert (code, out) == (2, "")
    assert all(word in err for word in ("'friendly'", "'regular'", "'postseason'", "'all'"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is neither tracking (tensors, canonical tables or files of a layout in"),
        (b"not parquet at all", "not a readable Parquet file"),
        (pl.col("down").cast(pl.String) + "nd", "'down' is "),
        (pl.lit(float("nan")).alias("yards_gained"), "No play is left to model"),
        (pl.col("down").alias("dawn"), "the required column 'down' is missing"),
    ],
    ids=["empty folder", "wrong file", "text for a number", "NaN outcomes", "missing column"],
)
def test_training_refuses_bad_files(
    run: Command, data: Path, tmp_path: Path, content: bytes | pl.Expr | None, words: str
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    file = folder / "play_by_play_2020.parquet"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        plays = pl.read_parquet(data / file.name).filter(pl.col("complete_pass") == 1)
        changed = plays.with_columns(content)
        (changed.drop("down") if "dawn" in changed.columns else changed).write_parquet(file)
    refused(run("train", folder, "--seasons", 2020, "--out", tmp_path / "run"), words)
    if "missing" in words:  # whatever its name
        refused(run("train", file.rename(folder / "bad.parquet"), "--out", tmp_path / "run"), words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["predict", "score", "yards"])
def test_damaged_run_is_refused(
    run: Command, data: Path, tmp_path: Path, trained: TrainedRun, command: str
) -> None:
    broken, out = shutil.copytree(trained.folder, tmp_path / "broken"), tmp_path / "out.csv"
    (broken / "weights.pt").write_bytes(b"")
    options = (data, "--seasons", 2021, "--out", out)
    refused(run(command, broken, *options), "truncated or changed")
    refused(run(command, tmp_path, *options), "not a run folder")
    refused(run("export", trained.folder), "is a run of play-by-play; a live forecast needs")
    refused(run(command, trained.folder, *options[:-1], tmp_path / "out.txt"), "ending must be")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_evaluation_refuses_bad_options(run: Command, data: Path, trained: TrainedRun) -> None:
    call = ("evaluate", trained.folder, data, "--seasons", 2021)
    refused(run(*call, "--against", "oracle"), "Unknown baseline 'oracle'")
    refused(run(*call, "--sample", 0), "sample must be at least 1 play, got 0")


def test_baselines_need_the_training_plays(
    run: Command, data: Path, tmp_path: Path, trained: TrainedRun
) -> None:
    for season in (2020, 2021):
        name = f"play_by_play_{season}.parquet"
        pl.read_parquet(data / name)[: 1200 if season == 2020 else None].write_parquet(
            tmp_path / name
        )
    call = ("evaluate", trained.folder, tmp_path, "--seasons", 2021, "--against", "climatology")
    refused(run(*call), "trained on other plays than")
    (tmp_path / "play_by_play_2020.parquet").unlink()
    refused(run(*call), "trained on, of season 2020, so the data must hold them")


def test_leaderboard_refuses_what_are_no_scores(run: Command, data: Path, tmp_path: Path) -> None:
    refused(run("leaderboard", tmp_path / "none.parquet"), "no such file")
    refused(run("leaderboard", data / "games.parquet"), "not a table of play scores")


# A former name that still works is in no help and on no page.
SHOWN = sorted(
    name
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
)


@pytest.mark.parametrize("command", SHOWN)
def test_every_command_is_documented(command: str) -> None:
    root = Path(__file__).parents[4]
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    assert any(f"dropback {command} " in page.read_text() for page in pages)


@pytest.mark.parametrize("command", SHOWN)
def test_help_of_every_command_says_what_it_does(run: Command, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"dropback {command}" in " ".join(out.split())


def environment() -> dict[str, str]:
    source = str(Path(dropback.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}


def test_module_prints_one_sentence_and_exits_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # In this process: that of another begins as the next test's.
    words = ["score", str(tmp_path), "x", "--out", "x.csv", "--seasons", "1"]
    monkeypatch.setattr(sys, "argv", ["dropback", *words])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("dropback", run_name="__main__")
    printed = capsys.readouterr()
    refused((stopped.value.code, printed.out, printed.err), "not a run folder")


def test_an_interrupted_command_says_how_to_go_on(
    run: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dropback.models._train.Training.network", interrupt)
    code, _, err = run("train", data, "--seasons", "2020", "--folds", 2, "--out", tmp_path / "run")
    assert code == 130
    assert "Run the same command again" in " ".join(err.split())
    assert not (tmp_path / "run").exists()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children that take Ctrl-C, as they do not where a shell runs the tests in the background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_training_says_so_and_leaves_no_run(data: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "dropback", "train", data, "--seasons", "2020", "--folds", "2"]
    with subprocess.Popen(  # noqa: S603  # our own program
        [*call, "--epochs", "500", "--out", tmp_path / "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        state = tmp_path / ".run.partial" / "fold-0" / "last.ckpt"
        while not state.exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run the same command again" in " ".join(err.split())
    assert not (tmp_path / "run").exists()
    assert state.is_file()
