"""Threads, garbage and slow cases of a test run: one of the first, few of the others."""

import contextlib
import gc
import os
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator

# Two test workers share two cores. A second thread of OpenMP waits spinning for a core that the
# other worker holds: steps of a small network then take twenty times as long. A second thread of
# Polars costs more than it gives on tables of tests (a tenth of the processor time of 168 tests of
# readers and updates). Set before NumPy and Polars are imported, and inherited by workers and by
# commands that tests start.
for _setting in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
):
    os.environ[_setting] = "1"

import pytest  # noqa: E402  # after the environment
import torch  # noqa: E402

torch.set_num_threads(1)

# Where it finds Numba, scoringrules compiles its kernels for three seconds in each worker. What it
# computes without is the same.
sys.modules["numba"] = None  # type: ignore[assignment]
with contextlib.suppress(ImportError):
    import scoringrules  # noqa: F401
del sys.modules["numba"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Undo what a command sets for its process, before the next test."""
    yield
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all but a sample of the cases of a long table.

    Where the first of the sample lies follows from the test's name, so that several tests over one
    table take different parts of it.
    """
    tables = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark is not None and item.get_closest_marker("slow") is None:
            tables[item.path, item.originalname, *mark.args].append(item)
    for (_, name, size), cases in tables.items():
        count = len(cases)
        first = zlib.crc32(name.encode()) % count
        kept = {(first + n * count // size) % count for n in range(size)}
        for number, case in enumerate(cases):
            if number not in kept:
                case.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Freeze what the collection makes, which makes no garbage to speak of."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
