"""Every flag and reason that the code has is explained in docs/reference/tracking_checks.md."""

import ast
from pathlib import Path

import pytest

from dropback.tracking.ingest import _quality as quality

PAGE = Path(__file__).parents[4] / "docs/reference/tracking_checks.md"
# Constants of several words that are neither flag nor reason.
OTHERS = {"play direction"}


def phrases(tree: ast.AST) -> set[str]:
    """Texts of more than one word below a node."""
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in found if isinstance(text, str) and is_phrase(text)}


def is_phrase(text: str) -> bool:
    words = text.split()
    return len(words) > 1 and all(word.strip(",'()").isalnum() for word in words)


def named_in(module: Path) -> set[str]:
    """The flags and reasons of a module, where they are whole phrases."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
            found |= phrases(node.value)
        if isinstance(node, ast.keyword) and node.arg == "reason":
            found |= phrases(node.value)
        if isinstance(node, ast.Assign) and module.name == "_problems.py":
            found |= phrases(node.value) if getattr(node.targets[0], "id", "") == "found" else set()
        # A flag and, after the mark of a cell, what it is about.
        if isinstance(node, ast.JoinedStr) and "CELL" in ast.dump(node):
            found |= phrases(node.values[0])
    return found


def test_the_page_has_every_flag_and_reason():
    if not PAGE.is_file():
        pytest.skip("the docs are not beside the package")
    modules = sorted(Path(quality.__file__).parent.glob("*.py"))
    named = {limit.reason for limit in quality.LIMITS}.union(*map(named_in, modules)) - OTHERS
    assert len(named) > 60
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert sorted(text for text in named if text not in page) == []
