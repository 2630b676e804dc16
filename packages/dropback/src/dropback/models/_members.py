"""Fit the networks and trees of a run as tasks, one a member, on whatever runs them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import torch

from dropback.data._tables import PlaySet
from dropback.execution import Task, run_tasks
from dropback.models._catch_point import fit_of_all, from_state, to_state
from dropback.models._model import PassModel
from dropback.models._network import build_network
from dropback.models._store import schema_of
from dropback.models._stored_plays import (
    keep_plays,
    keep_weights,
    play_set_of,
    read_kept_plays,
    read_weights,
)
from dropback.models._train import FITS_OF_ALL, Training, assign_folds
from dropback.storage import fetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback.execution import Executor, Needs
    from dropback.models._catch_point import CatchPoint
    from dropback.models._settings import ModelSettings
    from dropback.storage import WorkArea

_WEIGHTS: Final = "weights.pt"
_EPOCH: Final = "best_epoch.json"


def fit_members(
    training: Training,
    initial: PassModel | None,
    area: WorkArea,
    executor: Executor,
    needs: Needs,
    on_step: Callable[[str], None],
) -> tuple[PassModel, tuple[int, ...]]:
    """Fit all members of a model as tasks; equal to `Training.model`, byte for byte.

    Args:
        training: Plays and how to fit.
        initial: As for `train_run`.
        area: Where tasks leave the members.
        executor: Where they run.
        needs: What a task asks for.
        on_step: Called with the name of each member as it is done.

    Returns:
        The model, and the best epoch of each fold.

    Raises:
        TaskError: Some members were lost with their workers.
        RequestError: A fit diverged.
    """
    plays = keep_plays(area, training.plays, training.features)
    settings, seed, threads = training.settings, training.seed, torch.get_num_threads()
    common = (plays, settings, seed, threads)
    networks = []
    for fold in range(settings.networks):
        before = None if initial is None else initial.networks[fold % len(initial.networks)]
        name = None if before is None else keep_weights(area, before.state_dict())
        networks.append(Task(f"network {fold + 1}", fit_network, (*common, fold, name)))
    trees: list[Task] = []
    of_all: list[Task] = []
    if settings.boosted_share:
        trees = [
            Task(f"trees {fold + 1}", fit_trees, (*common, fold, ()))
            for fold in range(settings.networks)
        ]
        names = tuple(task.name for task in trees)
        of_all = [
            Task(f"trees of all {number + 1}", fit_trees, (*common, member, names), after=(*trees,))
            for number, member in enumerate(range(settings.folds, settings.folds + FITS_OF_ALL))
        ]
    tasks = [*networks, *trees, *of_all]
    for task, done in run_tasks(executor, tasks, area.store, needs=needs):
        on_step(task.label if done.fresh else f"{task.label} (kept)")
    width = 0 if settings.sequence is not None else training.schema.width
    fitted, epochs = [], []
    for task in networks:
        network = build_network(settings, width, seed=0)
        network.load_state_dict(read_weights(area.store, task.name))
        fitted.append(network.eval())
        with fetched(area.store, task.name) as folder:
            epochs.append(int(json.loads((folder / _EPOCH).read_text())))
    model = PassModel(
        settings,
        training.schema,
        PlaySet(training.plays["play_set"][0]),
        tuple(fitted),
        training.fold_of_game,
        tuple(_read_trees(area.store, task.name, training) for task in (*trees, *of_all)),
    )
    return model, tuple(epochs)


def _training(store: str, plays: str, settings: ModelSettings, seed: int, work: Path) -> Training:
    """The training of a task, of the plays in the store."""
    schema = schema_of(settings, play_set_of(store, plays))
    table, features = read_kept_plays(store, plays, schema)
    fold_of_game = assign_folds(table["game_id"].to_list(), settings.folds, seed=seed)
    return Training(table, features, schema, settings, seed, work, fold_of_game)


def fit_network(
    folder: Path,
    store: str,
    plays: str,
    settings: ModelSettings,
    seed: int,
    threads: int,
    fold: int,
    initial: str | None,
) -> None:
    """Write the weights and the best epoch of one member into `folder`."""
    torch.set_num_threads(threads)
    with TemporaryDirectory(dir=folder) as state:
        training = _training(store, plays, settings, seed, Path(state))
        before = None if initial is None else read_weights(store, initial)
        network, epoch = training.network(fold, before)
    torch.save(network.state_dict(), folder / _WEIGHTS)
    (folder / _EPOCH).write_text(json.dumps(epoch))


def fit_trees(
    folder: Path,
    store: str,
    plays: str,
    settings: ModelSettings,
    seed: int,
    threads: int,
    member: int,
    others: tuple[str, ...],
) -> None:
    """Write the trees of one fold, or with all `others` those of every game, into `folder`."""
    torch.set_num_threads(threads)
    with TemporaryDirectory(dir=folder) as state:
        training = _training(store, plays, settings, seed, Path(state))
        if others:
            known = tuple(_read_trees(store, name, training) for name in others)
            trees = fit_of_all(training.examples(), known, seed * 1000 + member)
        else:
            trees = training.fold_trees(member)
    torch.save(to_state(trees), folder / _WEIGHTS)


def _read_trees(store: str, name: str, training: Training) -> CatchPoint:
    with fetched(store, name) as folder:
        return from_state(torch.load(folder / _WEIGHTS, weights_only=True), training.schema)
