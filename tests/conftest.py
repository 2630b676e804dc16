"""Fixtures shared by all tests: threads, seeds and the folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

# Two test workers share two cores: more threads a worker only make both slower.
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness, fresh for each test."""
    return torch.Generator().manual_seed(20260101)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, or a skip that says what to set."""
    folder = Path(os.environ.get("DROPBACK_DATA") or "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder.resolve()}: set DROPBACK_DATA to its folder")
    return folder
