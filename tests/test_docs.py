"""Run the code of the pages, and check that the site shows every public module."""

import importlib.util
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from documents import (
    ROOT,
    Block,
    blocks,
    check_command,
    check_python,
    command_lines,
    cron_commands,
    inline_commands,
    pages,
    quoted_paths,
    run_python,
    run_r,
    run_shell,
)
from dropback.data import _tables as tables
from examples.small_models import small_models

DOCS, PACKAGES = ROOT / "docs", ROOT / "packages"


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FORMULAS, REFERENCE = hook("formulas"), hook("api_pages")


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
    pages = REFERENCE.public_modules()
    core = {"distributions", "contrib.sklearn", "contrib.gluonts", "nn", "objectives"}
    assert {f"splicedpareto.{name}" for name in core | {"scoring_rules", "training"}} <= set(pages)
    assert "TemporalConvolution" in pages["splicedpareto.nn"]
    assert "dropback.scoring" in pages


def test_what_a_package_lists_has_one_page() -> None:
    # splicedpareto.distributions lists the Gaussian of its module `gaussian`.
    assert "splicedpareto.distributions._gaussian" not in REFERENCE.public_modules()


# Blocks that are not run, by reason. A new one is a choice, so it changes a number here.
NOT_RUN = {
    "installs": 6,
    "is output": 1,
    "needs a set of Kaggle's": 1,
    "needs an extra": 1,
    "needs machines": 8,
    "needs real tracking": 2,
    "needs the network": 1,
    "needs the real seasons": 1,
    "publishes": 1,
    "takes hours": 20,
    "takes minutes": 3,
    "waits for requests": 5,
}
PAGES = pages()
BLOCKS = [block for page in PAGES for block in blocks(page)]
# A tutorial and a package's page begin in an empty folder, as their reader does.
FROM_NOTHING = {
    page
    for page in PAGES
    if page.name in {"README.md", "index.md", "heavy_tailed_targets.md"}
    or "tutorials" in page.parts
}


def name_of(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a how-to guide takes as given: small simulated data, runs and scores."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small_models(patch)
        for line in (
            "dropback simulate pbp --out data/pbp --seasons 2018-2021 --teams 4 --weeks 4",
            "dropback train data/pbp --seasons 2018-2020 --out runs/pbp --folds 2 --epochs 1",
            "dropback score runs/pbp data/pbp --seasons 2018-2021 --out scores.parquet",
            "dropback simulate tracking --plays 240 --out data/tracking --workers 1",
            "dropback ingest data/tracking --out plays",
            "dropback train plays --out runs/tracking --folds 2 --epochs 1",
        ):
            run_shell(Block(Path(__file__), 0, "sh", line, None))
    return folder


# Those of the packages run in test_packaging.py, where only their wheels are.
RUN = [p for p in PAGES if any(not b.reason for b in blocks(p)) and p.parent.parent != PACKAGES]
# A page of each kind that takes a second or two; the others fit models for many.
QUICK = {"README.md", "heavy_tailed_targets.md", "heavy_tails.md"}


@pytest.mark.parametrize(
    "page",
    [p if p.name in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in RUN],
    ids=name_of,
)
def test_the_blocks_of_a_page_run(
    page: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_models(monkeypatch)
    folder = tmp_path / "work"
    if page in FROM_NOTHING:
        folder.mkdir()
    else:
        shutil.copytree(request.getfixturevalue("workspace"), folder)
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    printed = ""
    for block in blocks(page):
        if block.reason:
            continue
        if block.language == "text":
            assert shape(block.text) in shape(printed), f"{block.place} shows another output"
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python":
            run_python(block, names)
        elif block.language == "r":
            run_r(block)
        elif block.language == "cron":
            monkeypatch.setattr("dropback.data._nflverse._nflreadpy", downloads)
            run_shell(cron_commands(block))
        else:
            run_shell(block)
        printed = capsys.readouterr().out


def downloads(name: str) -> Callable[..., pl.DataFrame]:
    """What stands for nflreadpy: the season of 2021 in every later year, games and players."""
    plays = pl.read_parquet("data/pbp/play_by_play_2021.parquet")
    games = pl.read_parquet("data/pbp/games.parquet")

    def load(year: int) -> pl.DataFrame:
        renamed = pl.col("game_id").str.replace("2021", str(year))
        return plays.with_columns(renamed, pl.lit(year, pl.Int64).alias("season"))

    players = plays.select(
        pl.col("passer_player_id").alias("gsis_id"),
        pl.col("passer_player_name").alias("display_name"),
    )
    tables = {"load_schedules": games, "load_players": players.drop_nulls().unique("gsis_id")}
    return load if name == "load_pbp" else lambda: tables[name]


def shape(text: str) -> str:
    """Text without what another machine may print differently: digits, names, lines."""
    return re.sub(r"[\s─═-]+", " ", re.sub(r"\b[A-Z]\.\w+|\d+(\.\d+)?", "#", text)).strip()


def test_every_block_runs_or_says_why_not() -> None:
    languages = {"cron", "python", "r", "sh", "text", "toml"}
    strange = [b.place for b in BLOCKS if not b.reason and b.language not in languages]
    assert not strange
    assert Counter(b.reason for b in BLOCKS if b.reason) == NOT_RUN


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language == "sh"], ids=lambda block: block.place
)
def test_commands_could_be_parsed(block: Block) -> None:
    for words in command_lines(block.text):
        check_command(words)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_python_of_a_page_names_what_the_packages_have(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and not block.reason:
            check_python(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_sentences_exist(page: Path) -> None:
    for command in inline_commands(page):
        check_command(command.split(), whole=False)


def test_files_that_are_mentioned_exist() -> None:
    missing = [f"{path}: {name}" for path, name in quoted_paths() if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent == ROOT], ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize(
    "schema", [tables.Plays, tables.Scores, tables.StandardScores, tables.Predictions]
)
def test_every_column_of_a_table_is_explained(schema: type[tables.Plays]) -> None:
    page = (DOCS / "reference" / "tables.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", page))
    assert set(schema.column_names()) <= explained


def test_the_command_line_page_has_every_option() -> None:
    page = hook("command_line").page()
    assert "## dropback train" in page
    assert "`--epochs`" in page
