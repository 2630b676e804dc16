"""Keep the garbage collector off what lives as long as the tests: modules and collected tests."""

import gc
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Freeze what the collection makes, which makes no garbage to speak of."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
