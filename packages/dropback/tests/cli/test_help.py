"""Every help has an example that could be run; a slip of the pen names the nearest word."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer.main

import dropback
from dropback import workflows
from dropback._choices import parse_seasons
from dropback.cli import _runs, app
from dropback.data._tables import Outcome
from dropback.errors import DropbackError
from dropback.models import PLAY_NETWORKS, ModelSettings
from dropback.models._settings import settings_for
from examples.scored_plays import table, throws
from examples.trained_run import Command


def commands(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
    for name, each in (inner or {}).items():
        yield from commands(each, *words, name)


# A former name, whose help is that of the present one.
ALIASES = {"compare-metrics": "bakeoff"}
COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_could_be_run(name: str) -> None:
    text = " ".join((COMMANDS[name].help or "").split())
    examples = re.findall(r"`(dropback [^`]+)`", text[text.index("Example") :])
    called = ALIASES.get(name, name)
    own = [example for example in examples if example.startswith(f"dropback {called} ")]
    assert own, f"no example of dropback {name}"
    for example in own:
        words = shlex.split(example.removeprefix(f"dropback {called} "))
        COMMANDS[name].make_context("dropback", words)


def test_help_keeps_what_stands_in_angle_brackets(run: Command) -> None:
    _, out, _ = run("fetch", "pbp", "--help")
    assert "play_by_play_<season>.parquet" in out
    for name, command in COMMANDS.items():
        for text in (command.help, *(each.help for each in command.params)):
            bare = re.sub(r"`[^`]*`", "", text or "")
            assert not re.search(r"<\w+>", bare), f"{name}: Markdown drops {bare!r}"


def test_the_version_and_completion_are_there(
    run: Command, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--version")[1].strip() == f"dropback {dropback.__version__}"
    monkeypatch.setenv("_DROPBACK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "dropback lead")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        typer.main.get_command(app).main([], "dropback")
    assert capsys.readouterr().out.split() == ["leaderboard"]


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("trian",), "train"),
        (("fetch", "pbb"), "pbp"),
        (("train", "x", "--out", "y", "--sesons", "2020"), "--seasons"),
        (("train", "x", "--out", "y", "--outcome", "yard"), "yards"),
        (("train", "x", "--out", "y", "--plays", "dropback"), "dropbacks"),
        (("score", "x", "y", "--out", "z.parqet"), ".parquet"),
        (("reliability", "x", "--plot", "z.pgn"), ".png"),
        (("seasons", "x", "--out", "y", "--seasons", "2020", "--outcomes", "yard"), "yards"),
        (("fetch", "pbp", "curent", "--out", "x"), "current"),
        (("ingest", "x", "--format", "ngs_higlights"), "ngs_highlights"),
    ],
)
def test_a_slip_of_the_pen_names_the_nearest_word(
    run: Command, words: tuple[str, ...], near: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    code, _, err = run(*words)
    assert code == 2
    # In a box, in which older versions of Typer break lines.
    said = " ".join(err.replace("│", " ").split())
    assert re.search(rf"(Did you mean|Possible options).*{re.escape(near)}", said)


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda scores: dropback.leaderboard(scores, by="paser"), "passer"),
        (lambda scores: dropback.leaderboard(scores, split="dept=deep"), "depth"),
        (lambda scores: dropback.leaderboard(scores, split="depth=shrt"), "short"),
        (lambda scores: dropback.leaderboard(scores, min_attempts="nlf"), "nfl"),
        (lambda _: dropback.read_plays(".", plays="target"), "targeted"),
        (lambda _: dropback.read_plays(".", games="reglar"), "regular"),
        (lambda _: dropback.read_plays(".", outcome="yard"), "yards"),
        (lambda _: parse_seasons("lates"), "latest"),
        (lambda _: workflows.require_table_path(Path("a.cvs")), ".csv"),
    ],
)
def test_a_wrong_choice_in_python_names_the_nearest_too(call: Any, near: str) -> None:
    with pytest.raises(DropbackError, match=rf"Did you mean '{re.escape(near)}'\?$"):
        call(table(throws("A", [0.5, 0.6])))


# These keep what they have done, and go on.
RESUMED = {"ingest", "features", "fetch pbp"}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_writes_a_file_asks_before_it_replaces_one(name: str) -> None:
    options = {word for each in COMMANDS[name].params for word in each.opts}
    if options & {"--out", "--json", "--html", "--plots"} and name not in RESUMED:
        assert "--overwrite" in options


@pytest.mark.parametrize(
    "words",
    [
        ("plot", "x", "--game", "1", "--play", "1", "--out", "TAKEN"),
        ("check", "x", "--out", "TAKEN"),
        ("check", "x", "--html", "TAKEN"),
        ("evaluate", "x", "y", "--json", "TAKEN"),
        ("evaluate", "x", "y", "--plots", "FOLDER"),
        ("export", "x", "--out", "FOLDER"),
        ("bakeoff", "x", "--pbp", "y", "--games", "z", "--seasons", "2020", "--out", "FOLDER"),
    ],
    ids=lambda words: " ".join(words[::5]),
)
def test_a_file_that_is_there_stays(run: Command, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "comparison.md").write_text("kept")
    places = {"TAKEN": tmp_path / "comparison.md", "FOLDER": tmp_path}
    code, _, err = run(*(places.get(word, word) for word in words))
    assert (code, "pass --overwrite to replace it" in " ".join(err.split())) == (2, True), err
    # With --overwrite it goes on, to what else is wrong.
    code, _, err = run(*(places.get(word, word) for word in words), "--overwrite")
    assert (code, "--overwrite" in err) == (2, False)
    assert (tmp_path / "comparison.md").read_text() == "kept"


@pytest.mark.parametrize(
    ("told", "asked", "many", "threads"),
    [
        ("", None, False, 1),
        ("", None, True, 5),
        ("3", None, True, 3),
        ("3", None, False, 3),
        ("3", 2, True, 2),
        ("0", None, True, 5),
        ("x", None, True, 5),
    ],
)
def test_threads_are_those_asked_for_else_those_that_the_environment_allows(
    told: str, asked: int | None, many: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "_TOLD", told)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)))
    _runs.use_threads(asked, many=many)
    assert torch.get_num_threads() == threads


def test_defaults_of_training_stand_in_help_and_guide_as_they_are() -> None:
    """Not typer's own: they hang on the data."""
    plain, throws = ModelSettings(), settings_for("targeted", Outcome.YARDS)
    networks, tcn = PLAY_NETWORKS["set"], PLAY_NETWORKS["tcn"]
    helps = {parameter.name: parameter.help for parameter in COMMANDS["train"].params}
    assert (
        f"default {throws.fit.max_epochs} ({plain.fit.max_epochs} without trees), with tracking "
        f"{networks.fit.max_epochs} (tcn: {tcn.fit.max_epochs})" in helps["epochs"]
    )
    assert (
        f"default {throws.fit.learning_rate}, with tracking {networks.fit.learning_rate} "
        f"(tcn: {tcn.fit.learning_rate})" in helps["learning_rate"]
    )
    share, of_tcn = networks.sequence.prefix_share, tcn.sequence.prefix_share
    assert f"default {share} (tcn: {of_tcn})" in helps["prefix_share"]
    guide = Path(__file__).parents[4] / "docs/how-to/train_on_tracking.md"
    if guide.is_file():  # none beside a package built from its sources
        assert f"({share}; with `tcn` {of_tcn})" in guide.read_text()
