"""Both engines over the same networks."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from dropback.live import PlayPredictor
from dropback.live._export import export_onnx
from examples.live_plays import networks, play_network
from splicedpareto.nn import DistributionNetwork


class Evaluated(NamedTuple):
    """A predictor, and the networks whose forecasts it gives."""

    predictor: PlayPredictor
    pool: list[DistributionNetwork]


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
