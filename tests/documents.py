"""Read the code blocks of the documentation, run them, and check commands that are not run."""

import ast
import functools
import importlib
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import click
import pytest
import typer.main
from markdown_it import MarkdownIt

from dropback.cli import app
from dropback.models.baselines import BASELINES, TRACKING_BASELINES

ROOT = Path(__file__).parents[1]
REASON = re.compile(r"<!-- not run: (.+?) -->")
# Pages that quote commands of hours, with the figures that they print.
RESULTS = ROOT / "docs" / "results"
OURS = {"dropback", "splicedpareto"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: The file.
        line: Line of its opening fence, from 1.
        language: The word behind the fence.
        text: Its lines.
        reason: Why it is not run; None where it is.
    """

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """The pages whose blocks are run or accounted for."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")]
    return [*top, *sorted(ROOT.glob("packages/*/README.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, each with the reason in the comment before it."""
    found = []
    reason = "takes hours" if RESULTS in page.parents else None
    given = reason
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block" and (match := REASON.search(token.content)):
            given = match[1]
        elif token.type == "fence":
            assert token.map is not None
            found.append(Block(page, token.map[0] + 1, token.info.strip(), token.content, given))
            given = reason
        elif token.type not in {"list_item_open", "paragraph_open"} and token.nesting == 1:
            given = reason
    return found


def inline_commands(page: Path) -> list[str]:
    """Code spans that quote a command."""
    quoted = re.compile(r"(dropback [a-z]|python (research|benchmarks)/|make [a-z])")
    return [
        child.content
        for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
        for child in token.children or ()
        if child.type == "code_inline" and quoted.match(child.content)
    ]


def command_lines(text: str) -> list[list[str]]:
    """The commands of a shell block: comments dropped, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [words for row in joined.splitlines() if (words := shlex.split(row, comments=True))]


@functools.cache
def cli() -> click.Command:
    """The whole command line; it takes a quarter of a second to build."""
    return typer.main.get_command(app)


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words after ``dropback`` name, and its arguments."""
    command = cli()
    rest = list(words)
    while isinstance(getattr(command, "commands", None), dict):
        name = rest.pop(0) if rest else ""
        inner = command.commands  # type: ignore[attr-defined]
        assert name in inner, f"dropback has no command {name!r}, but {', '.join(inner)}"
        command = inner[name]
    return command, rest


def check_command(words: list[str], *, whole: bool = True) -> None:
    """Fail where a quoted command could not be parsed.

    Args:
        words: The words of one command line.
        whole: Whether its required arguments are there, or it is a fragment in a sentence.
    """
    program, *rest = words
    if program == "dropback":
        check_dropback(rest, whole=whole)
    elif program == "python" and rest[0].endswith(".py"):
        source = (ROOT / rest[0]).read_text(encoding="utf-8")
        unknown = [word for word in option_names(rest) if f'"{word}"' not in source]
        assert not unknown, f"{rest[0]} has no {unknown}"
    elif program == "make":
        rules = re.findall(r"^(?:\.PHONY:(.*)|([a-z-]+):)", (ROOT / "Makefile").read_text(), re.M)
        assert rest[0] in " ".join(" ".join(rule) for rule in rules).split(), rest[0]
    elif program == "pip":
        for requirement in rest[1:]:
            check_extras(requirement)


def option_names(words: list[str]) -> list[str]:
    return [word.split("=")[0] for word in words if word.startswith("--")]


def check_dropback(words: list[str], *, whole: bool) -> None:
    """Fail where ``dropback`` has no such command, option or baseline."""
    command, arguments = find_command(words)
    if whole:
        command.make_context("dropback", list(arguments))
    options = {name for parameter in command.params for name in parameter.opts}
    assert options.issuperset(option_names(arguments)), f"options are {options}"
    for option, value in pairwise(arguments):
        if option == "--against" and command.name == "evaluate":
            assert (BASELINES | TRACKING_BASELINES).keys() >= set(value.split(",")), value


def check_extras(requirement: str) -> None:
    """Fail where a requirement names a package or an extra that is not ours."""
    match = re.fullmatch(r"(\w+)(?:\[(.+)\])?", requirement)
    assert match is not None, requirement
    metadata = ROOT / "packages" / match[1] / "pyproject.toml"
    extras = tomllib.loads(metadata.read_text())["project"]["optional-dependencies"]
    unknown = set(match[2].split(",") if match[2] else ()) - set(extras)
    assert not unknown, f"{match[1]} has no extras {unknown}"


def run_shell(block: Block) -> None:
    """Run the ``dropback`` commands of a block in this process, in the working folder."""
    for words in command_lines(block.text):
        if words[0] == "pip":
            check_command(words)
            continue
        assert words[0] == "dropback", f"{block.place}: only dropback is run, got {words[0]}"
        cli().main(words[1:], "dropback", standalone_mode=False)


# Five fields of time, the folder, and the command.
CRON = re.compile(r"(?:[\d*/,-]+ +){5}cd \S+ && \S*?(dropback .+)")


def cron_commands(block: Block) -> Block:
    """The commands of a crontab, without their times and folders, as a shell block."""
    lines = [row for row in block.text.splitlines() if not re.match(r"#|[A-Z]+=|$", row)]
    found = [CRON.fullmatch(row) for row in lines]
    assert all(found), f"{block.place}: not lines of a crontab"
    commands = "\n".join(match[1] for match in found if match)
    return Block(block.page, block.line, "sh", commands, block.reason)


def run_r(block: Block) -> None:
    """Run a block of R in the working folder, or skip the page and say what to install."""
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed: apt install r-base-core r-cran-rsqlite")
    script = Path("block.R")
    script.write_text(block.text, encoding="utf-8")
    done = subprocess.run([program, script], capture_output=True, text=True, check=False)  # noqa: S603  # our own page
    assert done.returncode == 0, f"{block.place}: {done.stderr}"


def run_python(block: Block, names: dict[str, object]) -> None:
    """Run a block in the names of its page, with line numbers of the page."""
    tree = ast.parse(block.text, block.place)
    ast.increment_lineno(tree, block.line)
    exec(compile(tree, str(block.page), "exec"), names)  # noqa: S102  # that is the test


def check_python(block: Block) -> None:
    """Fail where a block is no Python, or names what a package of ours does not have."""
    tree = ast.parse(block.text, block.place)
    modules: dict[str, ModuleType] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] in OURS:
                    module = importlib.import_module(name.name)
                    modules[name.asname or name.name] = module
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = importlib.import_module(str(node.module))
            absent = [name.name for name in node.names if not hasattr(module, name.name)]
            assert not absent, f"{block.place}: {node.module} has no {', '.join(absent)}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            assert module is None or hasattr(module, node.attr), f"{block.place}: {node.attr}"


def quoted_paths() -> Iterator[tuple[Path, str]]:
    """Files of this repository that sources and pages mention."""
    suffixes = {".py", ".md", ".toml", ".yml"}
    folders_here = "docs|research|benchmarks|notebooks|packages"
    pattern = re.compile(rf"\b(?:{folders_here})/[\w/-]+\.(?:md|py|svg|ipynb)\b")
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in {"site", "demo"}]
        for name in files:
            path = Path(folder, name)
            if path.suffix in suffixes:
                for match in pattern.finditer(path.read_text(encoding="utf-8")):
                    yield path, match[0]
