"""A run is trained on disjoint games, appears whole or not at all, and is trusted only intact."""

import errno
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from dropback.errors import RequestError, RunError
from dropback.models import ModelSettings
from dropback.models._model import PassModel
from dropback.models._predict import predict_plays
from dropback.models._store import Run, load_run, read_record
from dropback.models._train import assign_folds, split_fold, train_run
from examples.trained_run import TrainedRun
from splicedpareto.training import DivergedError

GAMES = [f"2020_{week:02}_{team}" for week in range(1, 13) for team in "abcd" for _ in range(3)]


def same_weights(one: PassModel, other: PassModel) -> bool:
    return all(
        torch.equal(a, b)
        for left, right in zip(one.networks, other.networks, strict=True)
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_of_equal_size_and_cover_all_games(folds: int) -> None:
    dealt = assign_folds(GAMES, folds, seed=1)
    assert set(dealt) == set(GAMES)
    sizes = np.bincount(list(dealt.values()), minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_folds_depend_on_the_seed_and_not_on_the_order_of_games() -> None:
    dealt = assign_folds(GAMES, 5, seed=1)
    assert assign_folds(GAMES[::-1], 5, seed=1) == dealt
    assert assign_folds(GAMES, 5, seed=2) != dealt


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("fold", [0, 4])
def test_split_shares_no_game_and_leaves_no_play_out(share: float, fold: int) -> None:
    dealt = assign_folds(GAMES, 5, seed=1)
    split = split_fold(GAMES, dealt, fold, ModelSettings(folds=5, validation_share=share), 1)
    parts = (split.training, split.validation, split.held_out)
    assert sorted(np.concatenate(parts)) == list(range(len(GAMES)))
    games = [{GAMES[row] for row in rows} for rows in parts]
    assert all(games)
    assert sum(map(len, games)) == len(set(GAMES))
    assert games[2] == {game for game, of in dealt.items() if of == fold}


def test_too_few_games_are_refused() -> None:
    with pytest.raises(RequestError, match="needs at least 10 games for 5 folds, got 9"):
        assign_folds([str(game) for game in range(9)], 5, seed=0)


class Killed(Exception):  # noqa: N818  # stands for a process that dies
    """Stands for a process that dies."""


def test_killed_training_goes_on_to_the_same_run(trained: TrainedRun, tmp_path: Path) -> None:
    out, seen = tmp_path / "run", []

    def die(fold: int, epoch: int, _loss: float) -> None:
        if (fold, epoch) == (1, 1):
            raise Killed

    with pytest.raises(Killed):
        train(trained, out, on_epoch=die)
    assert not out.exists()
    run = train(trained, out, on_epoch=lambda f, e, _l: seen.append((f, e)))
    assert seen == [(1, 1)]
    assert same_weights(run.model, trained.model)
    assert run.record == trained.record
    assert list(tmp_path.iterdir()) == [out]


def test_other_settings_start_anew(trained: TrainedRun, tmp_path: Path) -> None:
    out, seen = tmp_path / "run", []
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "job.json").write_bytes(b"\xff not ours")
    one_epoch = replace(trained.model.settings.fit, max_epochs=1)
    settings = replace(trained.model.settings, width=4, fit=one_epoch)
    train(trained, out, settings=settings, seed=1, on_epoch=lambda f, e, _l: seen.append((f, e)))
    assert seen == [(0, 0), (1, 0)]


def test_taken_folder_is_refused_before_any_work(trained: TrainedRun) -> None:
    with pytest.raises(RequestError, match="is not empty: name another folder, or pass --over"):
        train(trained, trained.folder)


def train(trained: TrainedRun, out: Path, **more: Any) -> Run:
    """Train as the run was, but for what differs."""
    settings = {"settings": trained.model.settings, "seed": 0}
    return train_run(trained.selection.plays, out, **settings | more)


def copy_of(trained: TrainedRun, folder: Path) -> Path:
    return Path(shutil.copytree(trained.folder, folder / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("when", ["checkpoint", "weights"])
def test_full_disk_leaves_the_former_run_and_a_state_to_go_on_from(
    trained: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    out = copy_of(trained, tmp_path)
    before = contents(out)
    write, suffix = Path.write_bytes, {"checkpoint": ".writing", "weights": ".pt"}[when]

    def full(path: Path, content: bytes) -> int:
        if path.suffix == suffix:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(RequestError, match="could not be written: No space left on device; tr"):
            train(trained, out, overwrite=True)
    assert contents(out) == before
    run = train(trained, out, overwrite=True)
    assert same_weights(run.model, trained.model)
    assert list(tmp_path.iterdir()) == [out]


def test_divergence_is_one_sentence(
    trained: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise DivergedError("The loss became nan in epoch 1.")

    monkeypatch.setattr("dropback.models._train.fit", diverge)
    with pytest.raises(RequestError, match="Fold 0: The loss became nan in epoch 1"):
        train(trained, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with CUDA")
def test_missing_cuda_device_is_one_sentence(trained: TrainedRun, tmp_path: Path) -> None:
    cuda = replace(trained.model.settings, fit=replace(trained.model.settings.fit, device="cuda"))
    with pytest.raises(RequestError, match="device is 'cuda' and this machine has none"):
        train(trained, tmp_path / "run", settings=cuda)


def test_loaded_run_is_the_one_that_was_written(trained: TrainedRun) -> None:
    loaded = load_run(str(trained.folder))
    model, record = loaded.model, loaded.record
    assert record == trained.record == read_record(trained.folder)
    assert same_weights(model, trained.model)
    assert (model.settings, model.schema, model.fold_of_game) == (
        trained.model.settings,
        trained.model.schema,
        trained.model.fold_of_game,
    )
    plays = trained.unseen.plays
    assert predict_plays(model, plays).equals(predict_plays(trained.model, plays))
    report = json.loads((trained.folder / "report.json").read_text())
    assert report["plays"] == len(trained.selection.plays)


def test_weights_are_loaded_without_running_code(
    trained: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, load = [], torch.load
    monkeypatch.setattr(
        torch, "load", lambda *a, **k: asked.append(k.get("weights_only")) or load(*a, **k)
    )
    load_run(trained.folder)
    assert asked == [True]


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("run.json", "missing", "not a run folder, it has no run.json"),
        ("weights.pt", "missing", "the run is incomplete"),
        ("folds.parquet", "missing", "the run is incomplete"),
        ("run.json", "truncated", "the run is damaged, not readable as JSON"),
        ("weights.pt", "truncated", "the run is damaged, this file is truncated or changed"),
        ("folds.parquet", "truncated", "the run is damaged, this file is truncated or changed"),
        ("folds.parquet", "another table", "the run is damaged, this file is truncated"),
    ],
)
def test_damaged_file_is_named(
    trained: TrainedRun, tmp_path: Path, name: str, damage: str, words: str
) -> None:
    path = copy_of(trained, tmp_path) / name
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[:-200])
    elif damage == "another table":
        pl.DataFrame({"x": [1]}).write_parquet(path)
    with pytest.raises(RunError, match=words):
        load_run(path.parent)


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (table := tmp_path / "scores.csv").write_text("a,b")
    with pytest.raises(
        RunError, match=r"scores\.csv: not a run folder, it has no run\.json; train"
    ):
        load_run(table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 3}, "a run of format 3, and .* reads format 4: train it again with 'dropback "),
        ({"format": 99}, "a run of format 99, and dropback .* reads format 4: train it again with"),
        ({"feature_digest": "0", "feature_names": ["old"]}, "on other features than those.*old"),
        ({"feature_digest": "0"}, "on other features than those.*other formulas"),
        ({"play_set": "punts"}, "missing, unknown or out of range.*punts"),
        ({"settings": {"fit": {}, "wings": 2}}, "missing, unknown or out of range.*wings"),
        ({"settings": {"fit": {}, "folds": 1}}, "out of range.*folds must be at least 2"),
        ({"settings": {"fit": {"max_epochs": 0}}}, "out of range.*max_epochs must be at least 1"),
        ({"settings": {"fit": {}, "width": 9}}, "its files do not fit one another"),
        ({"settings": {"fit": {}, "width": "8"}}, "its files do not fit one another"),
        ({"settings": {"fit": {}, "dropout": 1e999}}, "its files do not fit one another"),
        ({"feature_names": 3}, "missing, unknown or out of range"),
        ({"files_sha256": ..., "weights_sha256": None}, "truncated or changed"),
        ({"seed": ...}, "'seed'"),  # left out
    ],
)
def test_record_that_contradicts_the_run_is_refused(
    trained: TrainedRun, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = copy_of(trained, tmp_path) / "run.json"
    record = json.loads(path.read_text()) | change | {"sha256": ...}  # as of version 0.2.0
    path.write_text(json.dumps({name: value for name, value in record.items() if value is not ...}))
    with pytest.raises(RunError, match=f"(?s){words}"):
        load_run(path.parent)


def test_a_number_that_became_text_is_damage(trained: TrainedRun, tmp_path: Path) -> None:
    path = copy_of(trained, tmp_path) / "run.json"
    path.write_text(path.read_text().replace('"width": 8', '"width": "8"'))
    for read in (load_run, read_record):
        with pytest.raises(RunError, match=r"the run is damaged, run\.json was changed: copy"):
            read(path.parent)


@pytest.mark.parametrize("name", ["run.json", "weights.pt", "folds.parquet"])
def test_no_damage_of_a_file_is_more_than_a_sentence(
    trained: TrainedRun, tmp_path: Path, name: str
) -> None:
    path = copy_of(trained, tmp_path) / name
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(len(content), size=40):
        cut, changed = content[:place], bytearray(content)
        changed[place] ^= 1 << random.integers(8)
        for damaged in (cut, changed, cut + content[place + 3 :], cut + b'"x"' + content[place:]):
            path.write_bytes(damaged)
            try:
                record = load_run(path.parent).record
            except RunError as error:
                assert re.search("damaged|format", str(error))  # noqa: PT017  # of those that fail
            else:
                assert record == trained.record  # only a space or the seal's name was hit


@pytest.mark.parametrize("text", ["[1, 2]", '{"name": "package"}', "3"])
def test_foreign_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match="a run of format None"):
        load_run(tmp_path)
