"""Both packages build, hold what they need, install into an empty environment and run there."""

import functools
import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path

import grimp
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("splicedpareto", "dropback")
DATA_FORMATS = {".arrow", ".csv", ".gz", ".npy", ".npz", ".parquet", ".pt", ".xlsx", ".zip"}

# Imports every public module of a package, from which only declared projects can be imported.
IMPORT_ALL = """
import importlib, json, pkgutil, sys

package, declared = sys.argv[1], {*sys.argv[1:], *sys.stdlib_module_names}

class OnlyDeclared:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        importer = frame.f_globals.get("__name__", "").split(".")[0]
        if importer == package and name.split(".")[0] not in declared:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyDeclared())
failed = {}
top = importlib.import_module(package)
for info in pkgutil.walk_packages(top.__path__, package + ".", onerror=lambda name: None):
    if "._" not in info.name:
        try:
            importlib.import_module(info.name)
        except ImportError as error:
            failed[info.name] = str(error)
json.dump({"file": top.__file__, "failed": failed}, sys.stdout)
"""

# Runs command lines of dropback one after the other, with few trees and one fit of them all.
RUN_COMMANDS = """
for line in {}:
    import shlex, typer.main, dropback.cli, dropback.models._boosting, dropback.models._train
    dropback.models._boosting._MOST_ROUNDS, dropback.models._train.FITS_OF_ALL = 5, 1
    command = typer.main.get_command(dropback.cli.app)
    command.main(shlex.split(line)[1:], "dropback", standalone_mode=False)
"""

# dropback's own environment and examples take half a minute; the core's show that both are right.
BY_NAME = ["splicedpareto", pytest.param("dropback", marks=pytest.mark.slow)]


@dataclass(frozen=True)
class Built:
    """The archives of one package, their files relative to its root, and its metadata."""

    name: str
    wheel: Path
    sdist: Path

    @property
    def wheel_files(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    @property
    def sdist_files(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            files = (member.name for member in archive if member.isfile())
            return {name.partition("/")[2] for name in files}

    @property
    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as archive:
            (path,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
            return message_from_string(archive.read(path).decode())

    def requirements(self, *extras: str) -> set[str]:
        """Projects that the package itself declares, its own extras resolved."""
        found = set()
        for line in self.metadata.get_all("Requires-Dist", []):
            match = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?[^;]*(?:;(.*))?", line)
            assert match is not None
            project, its_extras, marker = match.groups()
            extra = re.search(r"extra == '([\w-]+)'", (marker or "").replace('"', "'"))
            if extra is None or extra[1] in extras:
                found.add(project.lower())
                if project == self.name:
                    found |= self.requirements(*its_extras.split(","))
        return found - {self.name}

    @property
    def extras(self) -> list[str]:
        """Extras for users."""
        return [e for e in self.metadata.get_all("Provides-Extra", []) if e not in {"dev", "test"}]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Each package as a source archive, and as the wheel that is built from that archive."""
    out = tmp_path_factory.mktemp("dist")
    for name in PACKAGES:
        folder = ROOT / "packages" / name
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
        run([*command, str(folder)], cwd=out)
    return {
        name: Built(name, next(out.glob(f"{name}-*.whl")), next(out.glob(f"{name}-*.tar.gz")))
        for name in PACKAGES
    }


@pytest.fixture(scope="module")
def python(archives: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with both wheels and, by path, the other projects of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    program = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(program), "install", "--quiet"]
    wheels = [str(built.wheel) for built in archives.values()]
    # Only modules that are imported are compiled, at their first import.
    options = ("--no-compile", "--no-deps", "--no-index", "--disable-pip-version-check")
    run([*command, *options, *wheels], cwd=folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    # A folder that is named so does not read the .pth files in it: no editable package leaks in.
    (site_packages / "others.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    return program


def run(command: list[str], cwd: Path) -> str:
    hidden = {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PIP_FIND_LINKS"}
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["PATH"] = f"{Path(command[0]).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(  # noqa: S603 - commands of this file and of our READMEs
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def source_files(name: str) -> set[str]:
    """Files of a package's source folder, relative to it."""
    source = ROOT / "packages" / name / "src"
    files = (path for path in source.rglob("*") if path.is_file())
    return {
        str(path.relative_to(source))
        for path in files
        if "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_archives_hold_the_whole_package_and_its_license(
    name: str, archives: dict[str, Built]
) -> None:
    built, source = archives[name], source_files(name)
    wheel, sdist = built.wheel_files, built.sdist_files
    assert {file for file in wheel if not re.match(r"[^/]+\.dist-info/", file)} == source
    assert {f"src/{file}" for file in source} <= sdist
    assert f"{name}/py.typed" in wheel
    assert [file for file in wheel if file.endswith("/licenses/LICENSE")]
    assert {"LICENSE", "README.md", "pyproject.toml"} <= sdist
    assert [file for file in sdist if file.startswith("tests/")]


def test_dropback_ships_its_templates_page_and_column_maps(archives: dict[str, Built]) -> None:
    suffixes = {Path(file).suffix for file in archives["dropback"].wheel_files}
    assert {".css", ".html", ".j2", ".js", ".pyi", ".svg", ".toml"} <= suffixes


@pytest.mark.parametrize("name", PACKAGES)
def test_archives_hold_no_data(name: str, archives: dict[str, Built]) -> None:
    files = archives[name].wheel_files | archives[name].sdist_files
    assert [file for file in files if Path(file).suffix in DATA_FORMATS] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_every_import_is_declared(name: str, archives: dict[str, Built]) -> None:
    built = archives[name]
    declared = modules(built.requirements(*built.extras))
    graph = grimp.build_graph(name, include_external_packages=True, cache_dir=None)
    used = {module for module in graph.modules if graph.is_module_squashed(module)}
    assert len(used) > 20
    assert used - sys.stdlib_module_names <= declared


@functools.cache
def installed() -> Mapping[str, list[str]]:
    """Projects that bring each module; it takes a second to read what all of them say."""
    return importlib.metadata.packages_distributions()


def modules(projects: set[str]) -> set[str]:
    """Top-level modules of projects; of one that is not installed, the one of its name."""

    def normalized(project: str) -> str:
        return re.sub(r"[-_.]+", "-", project).lower()

    wanted = {normalized(project): project for project in projects}
    owned = [
        (module, normalized(owner)) for module, owners in installed().items() for owner in owners
    ]
    found = {module for module, owner in owned if owner in wanted}
    # A checkout of ours is not among the installed.
    absent = wanted.keys() - ({owner for _, owner in owned} - set(PACKAGES))
    return found | {wanted[name] for name in absent}


@pytest.mark.slow  # each package has a test_extras.py of its own
@pytest.mark.parametrize("name", PACKAGES)
def test_without_extras_a_public_module_imports_or_names_its_extra(
    name: str, archives: dict[str, Built], python: Path, tmp_path: Path
) -> None:
    declared = sorted(modules(archives[name].requirements()))
    report = json.loads(run([str(python), "-c", IMPORT_ALL, name, *declared], cwd=tmp_path))
    assert Path(report["file"]).is_relative_to(python.parents[1])
    extras = "|".join(archives[name].extras)
    unexplained = {
        module: message
        for module, message in report["failed"].items()
        if not re.search(rf"pip install '{name}\[({extras})\]'", message)
    }
    assert unexplained == {}


@pytest.mark.parametrize("name", BY_NAME)
def test_readme_examples_run_where_only_the_wheels_are(
    name: str, python: Path, tmp_path: Path
) -> None:
    text = (ROOT / "packages" / name / "README.md").read_text()
    blocks = re.findall(r"(<!-- not run.*?-->\n)?```(sh|python)\n(.*?)```", text, flags=re.DOTALL)
    runnable = [(language, code) for skipped, language, code in blocks if not skipped]
    assert runnable
    shell = "".join(code for language, code in runnable if language == "sh").splitlines()
    # The first command by its script, the others in one process: each imports torch for seconds.
    for program, *words in map(shlex.split, shell[:1]):
        run([str(python.with_name(program)), *words], cwd=tmp_path)
    code = "\n".join(code for language, code in runnable if language == "python")
    run([str(python), "-W", "error", "-c", RUN_COMMANDS.format(shell[1:]) + code], cwd=tmp_path)
