"""Fixtures shared by the core's tests."""

import hypothesis
import pytest
import torch

# A failure on one machine is a failure on every machine; machines that are shared are slow.
hypothesis.settings.register_profile("reproducible", derandomize=True, deadline=None)
hypothesis.settings.load_profile("reproducible")

# As the repository's own conftest, which a run of this package alone does not read.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness, fresh for each test."""
    return torch.Generator().manual_seed(20260101)
