"""Keep three cases of each table of damaged sets in the ordinary suite."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """To write and read the files of a set takes a fifth of a second a case."""
    for item in items:
        if item.path.parent.name == "tracking" and "tmp_path" in item.fixturenames:
            item.add_marker(pytest.mark.sample(3))
