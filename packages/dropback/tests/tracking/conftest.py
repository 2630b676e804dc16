"""Leave most cases of the long tables of damaged sets to the slow tests."""

import zlib
from collections import defaultdict

import pytest

KEPT = 3
"""Cases of a test that stay in the ordinary suite, where it writes and reads a set for each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all but three cases of each test, spread over its table.

    Where the first of them lies follows from the name, so that each layout is among those of some
    tests. To write and read the files of a set takes a fifth of a second a case.
    """
    tables = defaultdict(list)
    for item in items:
        if item.path.parent.name == "tracking" and "tmp_path" in item.fixturenames:
            tables[item.path, item.originalname].append(item)
    for (_, name), cases in tables.items():
        count = len(cases)
        first = zlib.crc32(name.encode()) % count
        kept = {(first + n * count // KEPT) % count for n in range(min(KEPT, count))}
        for number, case in enumerate(cases):
            if number not in kept:
                case.add_marker(pytest.mark.slow)
