"""The site shows every public module, and its formulas without a script."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs"


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FORMULAS, PAGES = hook("formulas"), hook("api_pages")


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("of scale :math:`\\sigma\n> 0`.", "of scale $\\sigma > 0$."),
        (".. math:: a = b", "\n$$\na = b\n$$\n\n"),
        ("A.\n\n.. math::\n    a\n      + b\n\nC", "A.\n\n\n$$\na\n  + b\n$$\n\n\nC"),
        ("  .. math:: a\n      b\n\n  C", "\n  $$\n  a\nb\n  $$\n\n\n  C"),
    ],
)
def test_sphinx_formulas_become_markdown(docstring: str, expected: str) -> None:
    def words(text: str) -> list[str]:
        return text.split()

    assert words(FORMULAS.with_dollars(docstring)) == words(expected)


def test_marked_formulas_become_mathml() -> None:
    page = FORMULAS.with_mathml(
        'is <span class="arithmatex">\\(x &lt; 1\\)</span>, <div class="arithmatex">\\[y\\]</div>'
    )
    assert re.findall(r'display="(\w+)"', page) == ["inline", "block"]
    assert "<mi>x</mi><mo>&#x0003C;</mo><mn>1</mn>" in page
    assert "arithmatex" not in page


def test_reference_has_a_page_for_what_the_core_promises() -> None:
    pages = PAGES.public_modules()
    core = {"distributions", "contrib.sklearn", "contrib.gluonts", "nn", "objectives"}
    assert {f"splicedpareto.{name}" for name in core | {"scoring_rules", "training"}} <= set(pages)
    assert "TemporalConvolution" in pages["splicedpareto.nn"]
    assert "dropback.scoring" in pages


def test_what_a_package_lists_has_one_page() -> None:
    # splicedpareto.distributions lists the Gaussian of its module `gaussian`.
    assert "splicedpareto.distributions._gaussian" not in PAGES.public_modules()
