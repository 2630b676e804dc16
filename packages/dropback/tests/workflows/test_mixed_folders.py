"""A run takes what it reads from a folder that holds other data too, and the rest is told."""

import shutil
from pathlib import Path

import polars as pl
import pytest

import dropback
from dropback import workflows
from dropback.errors import TrackingError
from dropback.simulation import League
from dropback.tracking import PlayTensors
from examples.simulated_plays import write_throws
from examples.trained_run import Command, TrainedRun

FILE = "play_by_play_2021.parquet"


@pytest.fixture
def mixed(tiny_league: League, tmp_path: Path) -> Path:
    """Play-by-play of a season beside tracking of which the table of plays is missing."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    tiny_league.plays.filter(pl.col("season") == 2021).write_parquet(folder / FILE)
    tiny_league.games.write_parquet(folder / "games.parquet")
    columns = [
        "gameId",
        "playId",
        "nflId",
        "frameId",
        "time",
        "x",
        "y",
        "s",
        "a",
        "dis",
        "o",
        "dir",
        "event",
        "team",
        "displayName",
    ]
    pl.DataFrame({name: ["1"] for name in columns}).write_parquet(folder / "tracking.parquet")
    (folder / ".update.lock").touch()
    return folder


@pytest.mark.parametrize("command", ["predict", "score"])
def test_a_run_of_play_by_play_reads_the_play_by_play(
    run: Command, trained: TrainedRun, mixed: Path, command: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    code, _, err = run(command, trained.folder, mixed, "--out", out)
    assert code == 0, err
    assert f"Passed over in {mixed}: tracking.parquet." in err
    alone = dropback.score(trained.run, mixed / FILE)
    assert len(pl.read_parquet(out)) == len(alone)
    assert dropback.score(trained.run, mixed).equals(alone)
    evaluated = dropback.evaluate(trained.run, str(mixed))
    assert evaluated.evaluation.plays == len(alone)


def test_without_a_run_the_sentence_names_the_way_out(mixed: Path) -> None:
    with pytest.raises(TrackingError, match=r"to take the play-by-play, name '.*play_by_play_\*'"):
        dropback.read_plays(mixed)
    assert dropback.read_plays(mixed, tracked=False).plays.height > 0
    assert dropback.read_plays(f"{mixed}/play_by_play_*").plays.height > 0


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.sample(1)
def test_a_run_of_tracking_reads_the_tracking(
    tiny_league: League, below: bool, tmp_path: Path
) -> None:
    league = write_throws(tmp_path / "league", 4, seed=2)
    for file in league.glob("play_by_play_*"):
        file.unlink()
    folder = tmp_path if below else league
    tiny_league.plays.write_parquet(folder / FILE)
    passed: list[Path] = []
    found = workflows.open_source(folder, tracked=True, on_passed_over=passed.extend)
    assert isinstance(found, PlayTensors)
    assert passed == [folder / FILE]
    assert workflows.open_source(folder, tracked=False) == folder


def test_a_folder_that_is_updated_is_play_by_play(
    trained: TrainedRun, tiny_league: League, tmp_path: Path
) -> None:
    tiny_league.plays.filter(pl.col("season") == 2021).write_parquet(tmp_path / FILE)
    done = workflows.update(tmp_path, model=trained.folder, offline=True)
    assert len(dropback.score(trained.run, tmp_path)) == len(done.store.scores())
    shutil.rmtree(tmp_path / "store")
