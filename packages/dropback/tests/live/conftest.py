"""Both engines over the same networks."""

import itertools
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from filelock import FileLock

from dropback.live import PlayPredictor
from dropback.live._export import export_onnx
from dropback.models._grid import YARDS
from examples.live_plays import networks, play_network
from splicedpareto.nn import DistributionNetwork

# Of the graphs that torch exports.
EXPORTED_IR = 10


class Evaluated(NamedTuple):
    """A predictor, and the networks whose forecasts it gives."""

    predictor: PlayPredictor
    pool: list[DistributionNetwork]


def plain_graph(name: str) -> Any:
    """A graph that gives the same distribution whatever it is told, in place of a traced one."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415  # an extra

    def number(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)

    history = [helper.make_node("Identity", ["history"], ["history_after"])]
    given = ["columns", "begun" if name == "play" else "history", "static", "scored"]
    ramp = numpy_helper.from_array(np.linspace(0, 1, len(YARDS), dtype=np.float32), "ramp")
    made = ["cdf", "history_after"] if name == "frame" else ["cdf"]
    nodes = [helper.make_node("Max", ["scored", "ramp"], ["cdf"]), *history[: len(made) - 1]]
    graph = helper.make_graph(nodes, name, [*map(number, given)], [*map(number, made)], [ramp])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=EXPORTED_IR
    )


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of plain graphs: tracing those of a network takes most of a minute."""
    pytest.importorskip("onnxruntime")
    names = itertools.cycle(("play", "frame", "release"))
    monkeypatch.setattr("dropback.live._export._traced", lambda _: None)
    monkeypatch.setattr("dropback.live._export._followed", lambda *_: plain_graph(next(names)))


@pytest.fixture
def plain(
    untraced: None,  # noqa: ARG001  # what it makes is of it
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """The folder of an export whose graphs are plain: all that is read but their numbers."""
    folder = tmp_path / "plain"
    with monkeypatch.context() as patch:
        patch.setattr("dropback.live._export._compare", lambda *_: None)
        export_onnx([play_network()], folder)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of a play network, traced once for all processes of a test run."""
    pytest.importorskip("onnxruntime")
    # A process of pytest-xdist has a folder of its own in that of the run.
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = run / "onnx"
    with FileLock(run / "onnx.lock"):
        if not folder.exists():
            export_onnx([play_network()], folder)
    return folder


# Tracing the graphs takes most of a minute.
@pytest.fixture(
    scope="session",
    params=["convolutions", "play network", pytest.param("onnx", marks=pytest.mark.slow)],
)
def evaluated(request: pytest.FixtureRequest) -> Evaluated:
    """Networks of both kinds in torch, and the play network by ONNX Runtime."""
    if request.param == "convolutions":
        pool = networks(2)
        return Evaluated(PlayPredictor(pool), pool)
    pool = [play_network()]
    if request.param == "play network":
        return Evaluated(PlayPredictor(pool), pool)
    return Evaluated(PlayPredictor.load(request.getfixturevalue("exported")), pool)
