"""Names that the examples in docstrings use: a simulated league, a run, a folder to write to."""

from __future__ import annotations

from typing import Any

import pytest

import dropback
from dropback.models import ModelSettings
from dropback.simulation import LeagueSettings, write_league
from splicedpareto.training import FitSettings

SURFACE = {
    "dropback",
    "dropback.data._nflverse",
    "dropback.live._predictor",
    "dropback.models._store",
    "dropback.ranking._board",
    "dropback.ranking._comparison",
    "dropback.ranking._reliability",
    "dropback.simulation._league",
    "dropback.tracking.ingest._opening",
    "dropback.tracking.ingest._pipeline",
    "dropback.workflows._plays",
    "dropback.workflows._runs",
}
"""Modules whose examples take these names."""


@pytest.fixture(scope="session")
def surface_names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two seasons of eight games, a model of the first, and an empty folder."""
    folder = tmp_path_factory.mktemp("examples")
    settings = LeagueSettings(seasons=(2020, 2021), teams=4, weeks=4)
    write_league(dropback.simulate_league(settings, seed=3), folder / "league")
    small = ModelSettings(folds=2, width=16, fit=FitSettings(max_epochs=8, batch_size=64))
    dropback.train(folder / "league", folder / "run", seasons=[2020], settings=small)
    return {
        "dropback": dropback,
        "folder": str(folder),
        "league": str(folder / "league"),
        "run": str(folder / "run"),
    }


@pytest.fixture(autouse=True)
def _examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Give the names to the examples of the surface; other tests wait for no training."""
    example = getattr(request.node, "dtest", None)
    if example is not None and example.globs["__name__"] in SURFACE:
        doctest_namespace.update(request.getfixturevalue("surface_names"))
