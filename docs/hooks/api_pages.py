"""Add one page of reference for each public module while the site is built."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

PACKAGES = Path(__file__).parents[2] / "packages"


def public_modules(packages: Path = PACKAGES) -> dict[str, set[str]]:
    """Public modules and the names in their `__all__`.

    A module whose names its package lists too is left to the package's page.
    """
    names = {}
    for path in sorted(packages.glob("*/src/**/*.py")):
        parts = (
            path.relative_to(packages / path.relative_to(packages).parts[0] / "src")
            .with_suffix("")
            .parts
        )
        module = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in module):
            names[".".join(module)] = set(_listed(path))
    return {
        module: listed
        for module, listed in names.items()
        if listed and not listed <= names.get(module.rpartition(".")[0], set())
    }


def _listed(path: Path) -> Iterator[str]:
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in statement.targets
        ):
            yield from ast.literal_eval(statement.value)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages in the navigation, a group a package, where it says ``Python: []``."""
    groups: dict[str, list[dict[str, str]]] = {}
    for module in public_modules():
        package, _, name = module.partition(".")
        groups.setdefault(package, []).append({name or package: f"reference/api/{module}.md"})
    entries = [{package: pages} for package, pages in groups.items()]
    for section in config.nav or []:
        for item in section.get("Reference", []):
            if "Python" in item:
                item["Python"] = entries
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for module in public_modules():
        content = f"# {module}\n\n::: {module}\n"
        files.append(File.generated(config, f"reference/api/{module}.md", content=content))
    return files
