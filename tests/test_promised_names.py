"""The promise of docs/reference/stability.md: a listed name never disappears unnoticed."""

import json
from importlib import import_module
from pathlib import Path

import pytest

PROMISED: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "promised_names.json").read_text()
)
POLICY = Path(__file__).parents[1] / "docs" / "reference" / "stability.md"


@pytest.mark.parametrize("module", PROMISED)
def test_promised_names_are_those_that_the_module_lists(module: str) -> None:
    listed = import_module(module).__all__
    assert sorted(listed) == PROMISED[module], (
        "A name was added or removed: docs/reference/stability.md says when that may be; then "
        "change tests/promised_names.json and the changelog too."
    )
    assert all(hasattr(import_module(module), name) for name in listed)


def test_policy_names_the_modules_that_are_held_to_it() -> None:
    policy = POLICY.read_text()
    assert all(f"`{module}`" in policy for module in PROMISED)
