import pytest

from examples.tracking_sets import MadePlay, made_set


@pytest.fixture
def make_set():
    return made_set


@pytest.fixture
def make_play():
    return MadePlay
