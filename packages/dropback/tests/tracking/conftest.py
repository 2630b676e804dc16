"""Keep one case of each table of damaged sets in the ordinary suite."""

from collections import Counter

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """To write and read the files of a set takes a fifth of a second a case; pairs stay."""
    reading = [
        item
        for item in items
        if item.path.parent.name == "tracking" and "tmp_path" in item.fixturenames
    ]
    cases = Counter((item.path, item.originalname) for item in reading)
    for item in reading:
        if cases[item.path, item.originalname] > 2:
            item.add_marker(pytest.mark.sample(1))
