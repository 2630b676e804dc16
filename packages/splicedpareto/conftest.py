"""Seed the examples of docstrings as the tests."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded_random_state() -> Iterator[None]:
    """A random state of each test's own, whatever ran before."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        yield
