"""Formulas as MathML, which browsers show without a script: the site works offline.

Docstrings write them as Sphinx does, pages between dollar signs.
"""

from __future__ import annotations

import html
import re
import textwrap

import griffe
from latex2mathml.converter import convert

_ROLE = re.compile(r":math:`([^`]+)`")
# The directive's own line, then every deeper one and the blank ones between such.
_DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. math::(?P<first>[^\n]*)(?:\n|\Z)"
    r"(?P<rest>(?:(?P=indent) +[^\n]*\n?|[ ]*\n(?=(?P=indent) ))*)",
    re.MULTILINE,
)
_MARKED = re.compile(
    r'<(span|div) class="arithmatex">(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])</\1>', re.DOTALL
)


def with_dollars(docstring: str) -> str:
    """Rewrite Sphinx's ``:math:`` and ``.. math::`` as ``$`` and ``$$``."""

    def display(match: re.Match[str]) -> str:
        body = (match["first"] + "\n" + textwrap.dedent(match["rest"])).strip()
        formula = f"\n$$\n{body}\n$$\n\n"
        return textwrap.indent(formula, match["indent"])

    inline = _ROLE.sub(lambda match: f"${' '.join(match[1].split())}$", docstring)
    return _DIRECTIVE.sub(display, inline)


def with_examples(docstring: str) -> str:
    """Title examples as griffe knows them: under another title a doctest is read as Markdown."""
    return re.sub(r"^( *)Example:$", r"\1Examples:", docstring, flags=re.MULTILINE)


def with_mathml(page: str) -> str:
    """Replace marked formulas in a page's HTML."""

    def formula(match: re.Match[str]) -> str:
        kind = "inline" if match[1] == "span" else "block"
        return str(convert(html.unescape(match[2]).strip(), display=kind))

    return _MARKED.sub(formula, page)


def on_page_content(page_html: str, **_: object) -> str:
    """Called by MkDocs with each page."""
    return with_mathml(page_html)


class SphinxMath(griffe.Extension):
    """Rewrite formulas and examples of every docstring before Markdown sees them."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called by griffe with each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = with_examples(with_dollars(obj.docstring.value))

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Called by griffe with each package, whose docstring a stub file hides until now."""
        self.on_object(obj=pkg)
