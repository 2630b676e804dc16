import dataclasses

import pytest

from dropback.live import PlayPredictor
from dropback.live._library import PlayLibrary
from dropback.service._app import Service
from dropback.service._score_table import ScoreTable
from dropback.tracking import ingest
from examples import service as example
from examples.tracking_sets import MadePlay, made_set


@pytest.fixture(scope="session")
def networks():
    return PlayPredictor([example.network(7, std=0.3)])


@pytest.fixture(scope="session")
def plays_folder(tmp_path_factory):
    """Three stored plays of a set that says it is a highlight reel, and none of a week."""
    folder = tmp_path_factory.mktemp("stored")
    plays = [MadePlay(play=number) for number in (64, 65, 66)]
    ingest(made_set("bdb_2025", *plays).write(folder / "source"), folder / "plays")
    return folder / "plays"


@pytest.fixture(scope="session")
def service(networks, plays_folder):
    return Service(
        scores=ScoreTable(example.scores()), library=PlayLibrary(plays_folder), predictor=networks
    )


@pytest.fixture(scope="session")
def client(service):
    with example.client_of(service) as opened:
        yield opened


@pytest.fixture(scope="session")
def address(service):
    """A listening service with short time limits."""
    hasty = dataclasses.replace(service, limits=example.SHORT_LIMITS)
    with example.listening(hasty) as found:
        yield found
