"""Both engines over the same two networks."""

from pathlib import Path

import pytest

from dropback.live import PlayPredictor
from dropback.live._export import export_onnx
from examples.live_plays import networks, play_network


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of two networks."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx") / "graphs"
    export_onnx(networks(2), folder)
    return folder


# Tracing the graphs takes some twenty seconds.
@pytest.fixture(scope="session", params=["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def predictor(request: pytest.FixtureRequest) -> PlayPredictor:
    """The networks in torch, and by ONNX Runtime."""
    if request.param == "torch":
        return PlayPredictor(networks(2))
    return PlayPredictor.load(request.getfixturevalue("exported"))


@pytest.fixture(scope="session", params=["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def play_predictor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PlayPredictor:
    """A play network in torch, and by ONNX Runtime."""
    if request.param == "torch":
        return PlayPredictor([play_network()])
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("onnx") / "graphs"
    export_onnx([play_network()], folder)
    return PlayPredictor.load(folder)
