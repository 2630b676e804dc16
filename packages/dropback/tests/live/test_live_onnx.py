"""Live inference by ONNX Runtime: the graphs of a folder are the networks that they came from."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dropback.cli import main
from dropback.errors import RequestError, RunError
from dropback.live import PlayPredictor, Situation
from dropback.live._export import export_onnx
from examples.live_plays import networks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TrainedRun

pytest.importorskip("onnxruntime")

POOL = networks(2, levels=1)
SITUATION = Situation(line_of_scrimmage_x_yd=45.0, yards_to_goal=65, down=3, yards_to_go=4)


def made_frames(count: int, seed: int = 0) -> np.ndarray:
    """Men at random, who need not move as they say."""
    rng = np.random.default_rng(seed)
    frames = np.empty((count, 23, 6), np.float32)
    frames[..., 0] = rng.uniform(30, 70, (count, 23))
    frames[..., 1] = rng.uniform(0, 53, (count, 23))
    frames[..., 2:4] = rng.uniform(0, 9, (count, 23, 2))
    frames[..., 4:] = rng.uniform(0, 360, (count, 23, 2))
    return frames


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of two networks."""
    folder = tmp_path_factory.mktemp("onnx") / "graphs"
    export_onnx(POOL, folder)
    return folder


@pytest.fixture(scope="module")
def predictors(exported: Path) -> tuple[PlayPredictor, PlayPredictor]:
    """Torch, and ONNX Runtime."""
    return PlayPredictor(POOL, engine="torch"), PlayPredictor.load(exported)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [1, 2, 5, 13, 40])
def test_whole_plays_have_the_distributions_of_torch(predictors, frames) -> None:
    ours, theirs = (
        one.forecast(SITUATION, made_frames(frames), target_slot=8) for one in predictors
    )
    np.testing.assert_allclose(ours.cdf, theirs.cdf, rtol=0, atol=1e-5)
    assert ours.lower_threshold_yd == pytest.approx(theirs.lower_threshold_yd, abs=1e-3)
    assert ours.upper_threshold_yd == pytest.approx(theirs.upper_threshold_yd, abs=1e-3)


@pytest.mark.slow
def test_streamed_plays_have_the_distributions_of_torch_and_change_engines(predictors) -> None:
    frames = made_frames(20)
    ours, theirs = (one.start(replace(SITUATION, at_home=True)) for one in predictors)
    for number, frame in enumerate(frames[:10]):
        (one,), (other,) = ours.push(number, frame), theirs.push(number, frame)
        np.testing.assert_allclose(one.cdf, other.cdf, rtol=0, atol=1e-5)
    ours = predictors[0].resume(theirs.state())
    for number, frame in enumerate(frames[10:], 10):
        (one,), (other,) = ours.push(number, frame), theirs.push(number, frame)
        np.testing.assert_allclose(one.cdf, other.cdf, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.release(9).cdf, theirs.release(9).cdf, rtol=0, atol=1e-5)


def damaged(exported: Path, folder: Path, **changed: object) -> Path:
    """A copy of the folder with other words in its description."""
    shutil.copytree(exported, folder)
    described = json.loads((folder / "live.json").read_text()) | changed
    (folder / "live.json").write_text(json.dumps(described))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"schema_hash": "0" * 64}, "exported for columns of schema 000000000000, this version"),
        ({"frame_columns": ["x"]}, "export again, from a run of this version"),
        ({"format": 99}, "export again"),
        ({"sizes": {}}, "not what `dropback export` writes"),
    ],
)
def test_graphs_of_another_schema_are_refused(exported, tmp_path, changed, words) -> None:
    with pytest.raises(RunError, match=words):
        PlayPredictor.load(damaged(exported, tmp_path / "copy", **changed), engine="onnx")


@pytest.mark.slow
def test_a_damaged_graph_is_refused(exported, tmp_path) -> None:
    folder = damaged(exported, tmp_path / "copy")
    content = (folder / "play.onnx").read_bytes()
    (folder / "play.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="a graph is missing or damaged"):
        PlayPredictor.load(folder, engine="onnx")


@pytest.mark.slow
def test_torch_does_not_run_exported_graphs(exported) -> None:
    with pytest.raises(RunError, match="which the engine 'onnx' runs, got 'torch'"):
        PlayPredictor.load(exported, engine="torch")


@pytest.mark.slow
def test_graphs_that_differ_from_torch_are_not_written(exported, tmp_path, monkeypatch) -> None:
    other = networks(3, levels=1)[:2]
    graphs = (exported / "play.onnx").read_bytes(), (exported / "frame.onnx").read_bytes()
    traced = iter(graphs)
    monkeypatch.setattr("dropback.live._export._traced", lambda *_: next(traced))
    with pytest.raises(RunError, match="must agree with torch within 1e-05"):
        export_onnx(other, tmp_path / "graphs")
    assert not (tmp_path / "graphs").exists()


def test_without_the_runtime_the_engine_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RequestError, match=r"pip install 'dropback\[onnx\]'"):
        PlayPredictor(POOL, engine="onnx")


def test_the_command_refuses_a_run_without_a_play_network(
    trained: TrainedRun, tmp_path, monkeypatch, capsys
) -> None:
    command = ["dropback", "export", str(trained.folder), "--out", str(tmp_path / "graphs")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "train a play network" in capsys.readouterr().err
    assert not (tmp_path / "graphs").exists()
