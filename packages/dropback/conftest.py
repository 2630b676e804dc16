"""Make the names that examples in docstrings use: a simulated league, a run, a folder."""

from __future__ import annotations

import numpy as np
import pytest

import dropback
from dropback.models import PLAY_NETWORK, ModelSettings
from dropback.models._network import build_network
from dropback.simulation.tracking import (
    TrackingLeagueSettings,
    simulate_tracking_league,
    write_tracking_league,
)
from dropback.tracking._schema import FRAME_QUANTITIES, SLOTS
from splicedpareto.training import FitSettings

USES = {
    "dropback": "run_names",
    "dropback.data._nflverse": "run_names",
    "dropback.data._table_files": "run_names",
    "dropback.live._predictor": "network_names",
    "dropback.models._store": "run_names",
    "dropback.ranking._board": "run_names",
    "dropback.ranking._comparison": "run_names",
    "dropback.ranking._games": "run_names",
    "dropback.ranking._reliability": "run_names",
    "dropback.ranking._versus": "run_names",
    "dropback.tracking._dataset": "tracking_names",
    "dropback.tracking.ingest._opening": "tracking_names",
    "dropback.tracking.ingest._pipeline": "tracking_names",
    "dropback.workflows._boards": "run_names",
    "dropback.workflows._leagues": "run_names",
    "dropback.workflows._plays": "run_names",
    "dropback.workflows._evaluation": "run_names",
    "dropback.workflows._runs": "run_names",
}
"""Modules whose examples take names, and the fixture that has them."""


@pytest.fixture(scope="session")
def run_names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Two seasons of eight games, a model of the first, and a folder to write to."""
    folder = tmp_path_factory.mktemp("examples")
    dropback.simulate_league(folder / "league", seasons=(2020, 2021), teams=4, weeks=4, seed=3)
    small = ModelSettings(folds=2, width=16, fit=FitSettings(max_epochs=8, batch_size=64))
    dropback.train(folder / "league", folder / "run", seasons=[2020], settings=small)
    return {"folder": str(folder), **{name: str(folder / name) for name in ("league", "run")}}


@pytest.fixture(scope="session")
def tracking_names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Tracking of two games, and a folder to write to."""
    folder = tmp_path_factory.mktemp("tracking")
    league = simulate_tracking_league(TrackingLeagueSettings(plays=60), seed=3)
    write_tracking_league(league, folder / "tracking")
    return {"folder": str(folder), "tracking": str(folder / "tracking")}


@pytest.fixture(scope="session")
def network_names() -> dict[str, object]:
    """An untrained play network, and a frame without players."""
    frame = np.zeros((SLOTS, len(FRAME_QUANTITIES)), np.float32)
    return {"network": build_network(PLAY_NETWORK, 0, seed=1).eval(), "frame": frame}


@pytest.fixture(autouse=True)
def _examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, object]) -> None:
    """Give the names to the examples that take them; other tests wait for no training."""
    example = getattr(request.node, "dtest", None)
    if example is not None and (fixture := USES.get(example.globs["__name__"])) is not None:
        doctest_namespace.update(dropback=dropback, **request.getfixturevalue(fixture))
