"""A sample of a long table stays in the ordinary suite, and the same one in each run."""

from collections.abc import Callable
from pathlib import Path

import pytest


class Case:
    """What the hook asks of a case."""

    def __init__(self, name: str, *marks: pytest.MarkDecorator) -> None:
        self.path, self.originalname = Path(__file__), name
        self.marks = [mark.mark for mark in marks]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next((mark for mark in self.marks if mark.name == name), None)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks.append(mark.mark)


@pytest.fixture
def ordinary(pytestconfig: pytest.Config) -> Callable[[list[Case]], list[int]]:
    """The numbers of the cases that are not slow, by the hook of this run."""
    root = str(Path(__file__).parents[1] / "conftest.py")
    found = pytestconfig.pluginmanager.get_plugins()
    (hooks,) = [plugin for plugin in found if getattr(plugin, "__file__", None) == root]

    def call(cases: list[Case]) -> list[int]:
        hooks.pytest_collection_modifyitems(cases)
        return [n for n, case in enumerate(cases) if case.get_closest_marker("slow") is None]

    return call


@pytest.mark.parametrize(("count", "size", "kept"), [(10, 3, 3), (3, 3, 3), (2, 5, 2), (7, 1, 1)])
def test_as_many_cases_stay_as_were_asked_for(count: int, size: int, kept: int, ordinary) -> None:
    def table() -> list[Case]:
        return [Case("test_a", pytest.mark.sample(size)) for _ in range(count)]

    assert len(ordinary(table())) == kept
    assert ordinary(table()) == ordinary(table())


def test_the_sample_is_spread_over_what_is_not_slow_already(ordinary) -> None:
    cases = [
        Case("test_a", pytest.mark.sample(2), *([pytest.mark.slow] if number < 4 else []))
        for number in range(12)
    ]
    first, second = ordinary(cases)
    assert first >= 4
    assert second - first == 4


def test_a_test_without_the_mark_and_another_table_are_left_alone(ordinary) -> None:
    cases = [Case("test_a"), *(Case(name, pytest.mark.sample(1)) for name in ("test_b", "test_c"))]
    assert ordinary(cases) == [0, 1, 2]
