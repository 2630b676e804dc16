"""The promised names: present, lazily imported, typed, documented, and alike at their edges."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dropback
from dropback import workflows
from dropback.errors import RequestError, RunError
from dropback.simulation import League
from examples.trained_run import TrainedRun

PACKAGE = Path(dropback.__file__).parent


def test_editors_see_the_names_that_the_package_promises() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    names = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom)
             for alias in node.names}  # fmt: skip
    assert names == set(dropback.__all__)
    assert set(dropback.__all__) <= set(dir(dropback))
    assert "import_module" not in dir(dropback)


@pytest.mark.parametrize("name", dropback.__all__)
def test_name_is_documented_with_errors_and_an_example(name: str) -> None:
    found = getattr(dropback, name)
    assert found.__name__ == name
    doc = inspect.getdoc(found) or ""
    assert "Raises:" in doc
    assert "Example:" in doc


def test_name_that_is_not_promised_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'leaderbord'"):
        dropback.leaderbord  # type: ignore[attr-defined]  # noqa: B018


FRAMES: dict[str, tuple[Callable[[pl.DataFrame], Any], type]] = {
    "polars": (lambda frame: frame, pl.DataFrame),
    "pandas": (lambda frame: frame.to_pandas(), pd.DataFrame),
    "pyarrow": (lambda frame: frame.to_arrow(), pa.Table),
}


@pytest.mark.parametrize("library", FRAMES)
def test_predictions_and_scores_come_as_the_kind_of_frame_that_went_in(
    library: str, trained: TrainedRun, tiny_league: League
) -> None:
    convert, kind = FRAMES[library]
    plays = convert(tiny_league.plays)
    predictions = dropback.predict(trained.folder, plays, seasons=[2021])
    scores = dropback.score(trained.run, plays, seasons=[2021])
    rows = dropback.leaderboard(scores, by="passer", replicates=5)
    assert isinstance(predictions, kind)
    assert isinstance(scores, kind)
    assert isinstance(rows, kind)
    expected = dropback.score(trained.run, trained.unseen)
    given = expected["play_score"].to_numpy()
    np.testing.assert_array_equal(np.asarray(scores["play_score"]), given)
    np.testing.assert_array_equal(np.asarray(predictions["mid_cdf"]), given)


def test_selected_plays_are_not_selected_again(trained: TrainedRun) -> None:
    with pytest.raises(RequestError, match="selected already: give these options to read_plays"):
        dropback.score(trained.run, trained.unseen, seasons=[2021])
    with pytest.raises(RequestError, match="Baselines are fitted on the training plays"):
        dropback.evaluate(trained.run, trained.unseen, against=["gaussian"])
    found = dropback.evaluate(trained.run, trained.unseen)
    assert not found.out_of_fold
    assert found.evaluation.plays == len(trained.unseen.plays)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"plays": "punts"}, "plays must be targeted, attempts or dropbacks, got 'punts'"),
        ({"outcome": "wins"}, "outcome must be yards or epa, got 'wins'"),
        ({"seasons": ["2022"]}, r"Seasons must be years .*, got \['2022'\]"),
        ({"seasons": 22}, "Seasons must be years .*, got 22"),
        ({"games": "friendly"}, "games must be regular, postseason or all, got 'friendly'"),
    ],
)
def test_unknown_choices_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        dropback.read_plays(pl.DataFrame(), **wrong)


@pytest.mark.parametrize("data", [None, 3, b"league"])
def test_data_of_no_kind_are_refused(data: Any) -> None:
    words = f"must be a data frame .*, got {type(data).__name__}"
    for seasons in (None, [2021]):
        with pytest.raises(RequestError, match=words):
            dropback.read_plays(data, seasons=seasons)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"against": 3}, "must be a text with commas between them or a list of texts, got 3"),
        ({"against": ["climatology", 3]}, r"list of texts, got \['climatology', 3\]"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"seed": "a"}, "seed must be a whole number of at least 0, got 'a'"),
        ({"truth": "t.parquet"}, r"the baseline 'oracle' predicts by, .* asked for \(none\)"),
    ],
)
def test_evaluation_refuses_what_it_cannot_use(
    trained: TrainedRun, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        dropback.evaluate(trained.run, pl.DataFrame(), **wrong)


@pytest.mark.parametrize("seed", [-1, "a"])
def test_a_seed_is_refused_before_plays_are_read(
    trained: TrainedRun, seed: Any, tmp_path: Path
) -> None:
    for act in (
        lambda: dropback.train(pl.DataFrame(), tmp_path / "run", seed=seed),
        lambda: dropback.predict(trained.run, pl.DataFrame(), seed=seed),
        lambda: dropback.simulate_league(tmp_path / "league", seed=seed),
    ):
        with pytest.raises(RequestError, match="seed must be a whole number of at least 0"):
            act()
    assert not list(tmp_path.iterdir())


def test_path_that_is_no_run_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"not a run folder.*'dropback train'"):
        dropback.score(str(tmp_path), pl.DataFrame())


def test_paths_may_be_text(trained: TrainedRun, tiny_league: League, tmp_path: Path) -> None:
    folder = tmp_path / "pbp"
    folder.mkdir()
    tiny_league.plays.write_parquet(folder / "play_by_play_all.parquet")
    by_text = dropback.score(str(trained.folder), str(folder), seasons="2021")
    assert by_text.equals(dropback.score(trained.folder, folder, seasons=2021))
    assert workflows.open_source(str(folder)) == str(folder)
