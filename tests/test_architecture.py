"""Imports run in no circle, and neither package reads a private name of another project."""

import ast
import functools
import graphlib
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import grimp
import pytest

PACKAGES = ("splicedpareto", "dropback")
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (Path(__file__).parents[1] / "packages" / package / "src").rglob("*.py")
)
# Public by their documentation: the methods of named tuples.
PUBLIC = {"_asdict", "_fields", "_make", "_replace"}
ACCESSORS = {"getattr", "setattr", "hasattr", "delattr", "attrgetter", "methodcaller"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in {"_", *PUBLIC}


def is_ours(module: str | None) -> bool:
    return (module or "").split(".")[0] in PACKAGES


def nodes_of(tree: ast.AST) -> list[ast.AST]:
    """All nodes: to walk a tree takes longer than to parse it, so each is walked once."""
    return list(ast.walk(tree))


def definitions(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Names that a module defines: functions, classes, variables and attributes."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def foreign_names(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Names that a module binds to something of another project."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (
                (alias.asname or alias.name).split(".")[0]
                for alias in node.names
                if not is_ours(alias.name)
            )
        elif isinstance(node, ast.ImportFrom) and not node.level and not is_ours(node.module):
            yield from (alias.asname or alias.name for alias in node.names)


def private_imports(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Lines that import a private name of another project."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for alias in node.names:
                name = ".".join([*module, alias.name])
                if not is_ours(name) and any(map(is_private, name.split("."))):
                    yield node.lineno, name


def private_attributes(nodes: Sequence[ast.AST], ours: set[str]) -> Iterator[tuple[int, str]]:
    """Lines that read or set a private attribute of another project, by its name or a string."""
    foreign = set(foreign_names(nodes))
    for node in nodes:
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            root: ast.expr = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if (isinstance(root, ast.Name) and root.id in foreign) or node.attr not in ours:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ACCESSORS:
            strings = {getattr(argument, "value", "") for argument in node.args}
            if any(isinstance(s, str) and is_private(s) and s not in ours for s in strings):
                yield node.lineno, ast.unparse(node)


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imports).prepare()  # CycleError names the circle


@pytest.mark.parametrize(
    "statement",
    [
        "import torch._dynamo",
        "from scipy.stats._distn_infrastructure import rv_frozen",
        "from torch.types import _size",
        "import torch\ntorch._C._functorch",
        "from torch.distributions import Distribution\nDistribution._validate_args",
        "server._sockets",
        "getattr(server, '_sockets')",
        "setattr(server, '_sockets', [])",
    ],
)
def test_private_name_of_another_project_is_found(statement: str) -> None:
    nodes = nodes_of(ast.parse(statement))
    assert [*private_imports(nodes), *private_attributes(nodes, {"_validate_args"})]


def test_own_private_names_are_allowed() -> None:
    source = "from dropback._files import _write\nself._rows\nrow._replace(a=1)\n_"
    nodes = nodes_of(ast.parse(source))
    assert [*private_imports(nodes), *private_attributes(nodes, {"_rows"})] == []


def test_no_source_names_a_private_part_of_another_project() -> None:
    modules = {path: nodes_of(ast.parse(path.read_text())) for path in SOURCES}
    ours = {name for nodes in modules.values() for name in definitions(nodes) if is_private(name)}
    found = [
        f"{path.name}:{line}: {use}"
        for path, nodes in modules.items()
        for line, use in (*private_imports(nodes), *private_attributes(nodes, ours))
    ]
    assert found == []


def test_no_class_reads_a_private_attribute_of_its_foreign_base() -> None:
    assert [use for module in modules() for use in inherited_uses(module)] == []


def modules() -> Iterator[ModuleType]:
    for package in map(importlib.import_module, PACKAGES):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def class_sources(module: ModuleType) -> dict[str, str]:
    """Source of each class of a module, by its name; `inspect` would parse the file for each."""
    text = Path(inspect.getfile(module)).read_text()
    lines = text.splitlines()
    return {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
    }


def inherited_uses(module: ModuleType) -> Iterator[str]:
    """Uses of ``self._name`` where a base class of another project defines ``_name``."""
    classes = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__
        and any(base is not object and not is_ours(base.__module__) for base in cls.__mro__)
    ]
    sources = class_sources(module) if classes else {}
    for cls in classes:
        if cls.__name__ not in sources:  # made by a decorator
            continue
        theirs: set[str] = set()
        overridden: set[str] = set()
        for base in cls.__mro__:
            if is_ours(base.__module__):
                overridden |= vars(base).keys()
            elif base is not object:
                theirs |= {name for name in vars(base) if is_private(name)}
                theirs |= private_uses(base)
        used = set(re.findall(r"(?:self|cls|super\(\))\.(_[a-z]\w*)", sources[cls.__name__]))
        for name in sorted((theirs & used) - overridden):
            yield f"{cls.__module__}.{cls.__qualname__}: {name}"


@functools.cache
def private_uses(base: type) -> frozenset[str]:
    """Private attributes that a class reads of itself; some hundred of ours share a few bases."""
    try:
        return frozenset(re.findall(r"self\.(_[a-z]\w*)", inspect.getsource(base)))
    except (OSError, TypeError):  # compiled
        return frozenset()


def test_only_public_modules_list_what_they_promise() -> None:
    private = [path for path in SOURCES if is_private(path.stem)]
    assert private
    assert [path.name for path in private if "\n__all__ = " in path.read_text()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_on_architecture_has_a_row_for_each_layer(package: str) -> None:
    root = Path(__file__).parents[1]
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [
        each["layers"] for each in contracts["contracts"] if each.get("containers") == [package]
    ]
    named = {name for layer in layers for name in layer.split(" | ")}
    page = (root / "docs/explanation/architecture.md").read_text()
    table = page.split(f"| `{package}` | holds |", 1)[1].split("\n\n", 1)[0]
    rows = set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:])))
    # Modules of one file below the layers need no row: what all share.
    assert rows == {name for name in named if not name.startswith("_") and name != "errors"}
