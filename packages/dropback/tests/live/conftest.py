"""Both engines over the same two networks."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from dropback.live import PlayPredictor
from dropback.live._export import export_onnx
from examples.live_plays import networks, play_network
from splicedpareto.nn import DistributionNetwork


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of two networks."""
    return shared_export(tmp_path_factory, "tcn", networks(2))


def shared_export(
    factory: pytest.TempPathFactory, name: str, pool: Sequence[DistributionNetwork]
) -> Path:
    """The graphs of networks, traced once for all processes of a test run."""
    pytest.importorskip("onnxruntime")
    # A process of pytest-xdist has a folder of its own in that of the run.
    base = factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = run / f"onnx-{name}"
    with FileLock(run / f"onnx-{name}.lock"):
        if not folder.exists():
            export_onnx(pool, folder)
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
    return PlayPredictor.load(shared_export(tmp_path_factory, "set", [play_network()]))
