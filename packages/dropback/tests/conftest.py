"""Fixtures shared by all tests: threads, seeds, the folder of real data, and a trained model."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

import dropback
from dropback.cli import main
from dropback.data._play_by_play import read_play_by_play
from dropback.data._selection import Selection, select_plays
from dropback.models import ModelSettings
from dropback.simulation import League, LeagueSettings, simulate_league
from examples.cluster_fixtures import bucket, dask, s3  # noqa: F401 - fixtures
from examples.play_by_play_rows import league, rows  # noqa: F401 - fixtures
from examples.small_models import one_thread
from examples.trained_run import Command, TrainedRun
from splicedpareto.training import FitSettings

# A failure on one machine is a failure on every machine; machines that are shared are slow.
for _name, _examples in (("quick", 25), ("thorough", 100)):
    hypothesis.settings.register_profile(
        _name, derandomize=True, deadline=None, max_examples=_examples
    )
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# As the repository's own conftest, which a run of this package alone does not read.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Undo what a command sets for its process, before a test elsewhere compares two fits."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, or a skip that says what to set."""
    folder = Path(os.environ.get("DROPBACK_DATA") or "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder.resolve()}: set DROPBACK_DATA to its folder")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process: exit code, standard output, standard error."""
    one_thread(monkeypatch)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dropback", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


# Of a module: while Playwright is open, no other test could run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium that asks nobody for updates, or a skip that says what to install."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        pytest.skip("no Chromium found: install it to try the page in a browser")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-gpu",
            ],
        )
        yield opened
        opened.close()


TINY = ModelSettings(
    folds=2, width=8, blocks=1, fit=FitSettings(max_epochs=2, batch_size=128, seed=0)
)


@pytest.fixture(scope="session")
def tiny_league() -> League:
    """Two seasons of eight games."""
    return simulate_league(LeagueSettings(seasons=(2020, 2021), teams=4, weeks=4), seed=3)


def season(of: League, year: int) -> Selection:
    """Targeted attempts of one season."""
    return select_plays(read_play_by_play(of.plays, seasons=[year]))


@pytest.fixture(scope="session")
def trained(tiny_league: League, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A model of two folds trained on season 2020; tests must not change its folder."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    selection = season(tiny_league, 2020)
    run = dropback.train(selection, folder, settings=TINY)
    return TrainedRun(run, selection, season(tiny_league, 2021))
