"""Live inference by ONNX Runtime: the graphs of a folder are the networks that they came from."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dropback.errors import RequestError, RunError
from dropback.live import PlayPredictor
from dropback.live._engines import FrameGraph, Graph, NetworkPool, OnnxEvaluator
from dropback.live._export import _followed, _simplified, _traced, export_onnx
from dropback.models._frame_columns import FRAME_COLUMNS
from dropback.tracking.tensors._features import STATIC_COLUMNS
from examples.live_plays import networks, play_network
from examples.trained_run import Command, TrainedRun

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def damaged(exported: Path, folder: Path, **changed: object) -> Path:
    """A copy of the folder with other words in its description."""
    shutil.copytree(exported, folder)
    described = json.loads((folder / "live.json").read_text()) | changed
    (folder / "live.json").write_text(json.dumps(described))
    return folder


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"schema_hash": "0" * 64}, "exported for columns of schema 000000000000, this version"),
        ({"frame_columns": ["x"]}, "export again, from a run of this version"),
        ({"format": 1}, "exported in format 1, this version reads 4: export again"),
        ({"sizes": {}}, "not what `dropback export` writes"),
    ],
)
def test_graphs_of_another_schema_are_refused(plain, tmp_path, changed, words) -> None:
    with pytest.raises(RunError, match=words):
        PlayPredictor.load(damaged(plain, tmp_path / "copy", **changed), engine="onnx")


def test_a_damaged_graph_is_refused(plain, tmp_path) -> None:
    folder = damaged(plain, tmp_path / "copy")
    content = (folder / "play.onnx").read_bytes()
    (folder / "play.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="a graph is missing or damaged"):
        PlayPredictor.load(folder, engine="onnx")


def test_torch_does_not_run_exported_graphs(plain) -> None:
    with pytest.raises(RunError, match="which the engine 'onnx' runs, got 'torch'"):
        PlayPredictor.load(plain, engine="torch")


@pytest.mark.usefixtures("untraced")
def test_graphs_that_differ_from_torch_are_not_written(tmp_path) -> None:
    with pytest.raises(RunError, match=r"must agree with torch within 1e-05, got .* in 'cdf'"):
        export_onnx([play_network()], tmp_path / "graphs")
    assert not (tmp_path / "graphs").exists()


class LookUp(Graph):
    """All that is rewritten of a graph: a place in a table, columns put back, a softplus."""

    inputs = ("columns", "history", "static")
    outputs = ("raw",)
    table = torch.tensor([0.1, 0.4, 0.9])

    def forward(self, columns, history, static):
        place = (static[:, :2] < 0).sum(dim=-1)
        first, second = torch.nn.functional.softplus(20 * history[:, :2]).unbind(-1)
        column = (first.unsqueeze(-1) - second.unsqueeze(-1)) + history[:, 2].unsqueeze(-1)
        return columns[:, :5] + column * self.table[place][:, None]

    def example(self, plays, generator):
        sizes = len(FRAME_COLUMNS), 3, len(STATIC_COLUMNS)
        return tuple(torch.randn(plays, size, generator=generator) for size in sizes)


class Last(Graph):
    """What follows it."""

    inputs = ("raw", "scored")
    outputs = ("cdf",)

    def forward(self, raw, scored):
        return torch.maximum(raw.sigmoid(), scored)

    def example(self, plays, generator):
        return torch.randn(plays, 5, generator=generator), torch.zeros(plays, 5)


def test_a_traced_graph_and_what_follows_it_are_one_that_gives_torchs_numbers() -> None:
    pool = NetworkPool(networks(1))
    first, last = LookUp(pool), Last(pool)
    merged = _followed(_traced(first), _traced(last))
    graph = _simplified(merged)
    before, after = ({node.op_type for node in g.graph.node} for g in (merged, graph))
    assert {"GatherND", "Greater", "Squeeze"} <= before
    assert not {"GatherND", "Greater", "Where", "Squeeze"} & after
    generator = torch.Generator().manual_seed(1)
    inputs = *first.example(7, generator), torch.randint(2, (7, 5), generator=generator).float()
    (found,) = OnnxEvaluator({"play": graph.SerializeToString()}).run(
        "play", *map(np.asarray, inputs)
    )
    expected = last(first(*inputs[:3]), inputs[3])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_pooled_convolutions_are_exported_as_torch_evaluates_them(tmp_path, monkeypatch) -> None:
    # One graph of three, each of which takes seconds; others differ by what play networks share.
    monkeypatch.setattr("dropback.live._export.graphs_of", lambda pool: {"frame": FrameGraph(pool)})
    export_onnx(networks(2, levels=1), tmp_path / "graphs")
    assert (tmp_path / "graphs" / "frame.onnx").is_file()


def run_of(networks) -> SimpleNamespace:
    settings = SimpleNamespace(sequence="as of a play network")
    return SimpleNamespace(model=SimpleNamespace(networks=networks, settings=settings))


@pytest.fixture
def play_run(tmp_path, monkeypatch) -> Path:
    """A folder that loads as a run of the play network."""
    monkeypatch.setattr("dropback.live._predictor.load_run", lambda _: run_of([play_network()]))
    return tmp_path


def test_a_run_without_graphs_says_how_to_export_them(play_run) -> None:
    assert (
        PlayPredictor.load(play_run).digest == PlayPredictor.load(play_run, engine="torch").digest
    )
    with pytest.raises(RunError, match="has no exported graphs: run `dropback export"):
        PlayPredictor.load(play_run, engine="onnx")


def test_a_run_is_evaluated_by_its_graphs_while_they_are_of_its_weights(
    plain, play_run, monkeypatch
) -> None:
    shutil.copytree(plain, play_run / "graphs")
    monkeypatch.setattr("dropback.live._predictor.TorchEvaluator", None)
    assert PlayPredictor.load(play_run).digest == PlayPredictor.load(plain).digest
    monkeypatch.setattr("dropback.live._predictor.load_run", lambda _: run_of([play_network(1)]))
    with pytest.raises(RunError, match="exported from other weights than those of the run"):
        PlayPredictor.load(play_run)


def test_without_the_runtime_an_export_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RequestError, match=r"pip install 'dropback\[onnx\]'"):
        export_onnx(networks(1), tmp_path / "graphs")


def test_the_command_refuses_a_run_without_a_play_network(
    trained: TrainedRun, tmp_path: Path, run: Command
) -> None:
    code, _, said = run("export", trained.folder, "--out", tmp_path / "graphs")
    assert code == 2
    assert "needs one trained on tracking" in said
    assert not (tmp_path / "graphs").exists()
