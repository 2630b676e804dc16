"""Fixtures shared by the core's tests."""

import os

import hypothesis
import pytest
import torch

# A failure on one machine is a failure on every machine; machines that are shared are slow.
for _name, _examples in (("quick", 25), ("thorough", 100)):
    hypothesis.settings.register_profile(
        _name, derandomize=True, deadline=None, max_examples=_examples
    )
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# As the repository's own conftest, which a run of this package alone does not read.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness, fresh for each test."""
    return torch.Generator().manual_seed(20260101)
