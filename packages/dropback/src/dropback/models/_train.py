"""Train a pass model on plays: one network for each fold of games; interruptions resume."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import TensorDataset

import dropback
from dropback._files import whole_file
from dropback._statistics import random_generator
from dropback.data._features import feature_matrix
from dropback.data._tables import Outcome, PlaySet
from dropback.errors import RequestError
from dropback.models._catch_point import fit_hazard, fit_of_all, from_state, to_state
from dropback.models._examples import Examples
from dropback.models._model import PassModel
from dropback.models._network import (
    PlayInputs,
    build_network,
    catch_points,
    needs_air_yards,
    network_columns,
    network_inputs,
    observed_targets,
    require_players,
    training_objective,
    validation_objective,
)
from dropback.models._store import Run, RunRecord, data_digest, schema_of, weights_digest, write_run
from dropback.storage import local_copy, put_output, require_new_output, work_area
from splicedpareto.training import DivergedError, SequenceDataset, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    import dataframely as dy
    from torch import Tensor

    from dropback._arrays import Integers
    from dropback._files import AnyPath
    from dropback.data._features import FeatureSchema
    from dropback.data._tables import Plays
    from dropback.models._catch_point import CatchPoint
    from dropback.models._settings import ModelSettings
    from dropback.storage import WorkArea
    from splicedpareto.nn import DistributionNetwork

    FitModel: TypeAlias = Callable[
        ["Training", PassModel | None, WorkArea], tuple[PassModel, tuple[int, ...]]
    ]


FITS_OF_ALL = 2
"""Fits of trees on all games, for games that are not in training."""


@dataclass(frozen=True)
class FoldSplit:
    """Rows of the plays that one fold's network learns from, stops by, and never sees."""

    training: Integers
    validation: Integers
    held_out: Integers


def assign_folds(games: Sequence[str], folds: int, *, seed: int) -> dict[str, int]:
    """Assign the games at random to folds of equal size.

    Raises:
        RequestError: Fewer than two games a fold: one to hold out, one to stop by.
    """
    names = sorted(set(games))
    require_games(len(names), folds)
    order = random_generator(seed, 1).permutation(len(names))
    return {names[game]: int(place % folds) for place, game in enumerate(order)}


def require_games(games: int, folds: int) -> None:
    """Require enough games for the folds.

    Raises:
        RequestError: Fewer than two games a fold: one to hold out, one to stop by.
    """
    if games < 2 * folds:
        raise RequestError(
            f"Training needs at least {2 * folds} games for {folds} folds, got {games}: "
            "add seasons or use fewer folds."
        )


def require_trainable(
    features: PlayInputs, schema: FeatureSchema, settings: ModelSettings, games: int
) -> None:
    """Require what a training needs of its plays, before anything is fitted or written.

    Args:
        features: What the networks take of the plays.
        schema: Its columns.
        settings: What is to be fitted.
        games: Number of games of the plays.

    Raises:
        RequestError: Too few games for the folds, or a play without air yards where the settings
            need them.
    """
    if needs_air_yards(settings):
        catch_points(features, schema)
    require_games(games, settings.folds)


def split_fold(
    games: Sequence[str],
    fold_of_game: dict[str, int],
    fold: int,
    settings: ModelSettings,
    seed: int,
) -> FoldSplit:
    """Rows of one fold; whole games stay together, and every model of a run gets this split."""
    folds = np.array([fold_of_game[game] for game in games])
    others = sorted(game for game, own in fold_of_game.items() if own != fold)
    # At least one game to learn from and one to stop by.
    size = min(max(1, round(settings.validation_share * len(others))), len(others) - 1)
    chosen = random_generator(seed, 2, fold).choice(len(others), size, replace=False)
    stops = {others[index] for index in chosen}
    validates = np.fromiter((game in stops for game in games), dtype=bool, count=len(folds))
    seen = folds != fold
    return FoldSplit(
        np.flatnonzero(seen & ~validates),
        np.flatnonzero(seen & validates),
        np.flatnonzero(~seen),
    )


def train_run(
    plays: dy.DataFrame[Plays],
    out: AnyPath,
    *,
    settings: ModelSettings,
    seed: int,
    games: str = "regular",
    features: PlayInputs | None = None,
    initial: PassModel | None = None,
    overwrite: bool = False,
    on_epoch: Callable[[int, int, float], None] | None = None,
    complete: Callable[[PassModel, Path], None] | None = None,
    fit_model: FitModel | None = None,
) -> Run:
    """Train a model and write its run folder, whole or not at all.

    The state of training is kept in a folder beside `out` until the run is complete. The same call
    resumes from it; other settings or data start from the beginning.

    Args:
        plays: Training plays of one set.
        out: The run folder, path or URL, to write.
        settings: What and how to fit.
        seed: Seed of folds, initial weights and fits.
        games: Which games `plays` hold, for the record.
        features: Tracking of the plays; None takes the columns of play-by-play.
        initial: A model whose networks are trained further, in turn; None takes new weights.
        overwrite: Replace what `out` holds.
        on_epoch: Called with fold, epoch and validation loss after each epoch.
        complete: Writes more files into the run folder, before it is moved to `out`.
        fit_model: Fits the members elsewhere, as `fit_members` does; None fits them here, one
            after the other, and keeps each epoch.

    Raises:
        RequestError: `out` is taken, too few games, or the fit diverged.
    """
    require_new_output(out, overwrite=overwrite)
    play_set = PlaySet(plays["play_set"][0])
    schema = schema_of(settings, play_set)
    if features is None:
        features = feature_matrix(plays, schema)
    digest = data_digest(features, plays[settings.outcome.value].to_numpy())
    # Before the working folder is made, so that a refusal leaves none behind.
    require_trainable(features, schema, settings, plays["game_id"].n_unique())
    fold_of_game = assign_folds(plays["game_id"].to_list(), settings.folds, seed=seed)
    with work_area(out, "training") as area:
        work = area.folder
        training = Training(plays, features, schema, settings, seed, work, fold_of_game, on_epoch)
        if fit_model is None:
            _keep_or_empty(work, settings, digest, seed, initial)
            model, best_epochs = training.model(initial)
        else:
            model, best_epochs = fit_model(training, initial, area)
        record = RunRecord(
            settings=settings,
            feature_names=schema.names,
            feature_digest=schema.digest,
            play_set=play_set.value,
            seasons=tuple(sorted(plays["season"].unique())),
            games=games,
            plays=len(plays),
            data_digest=digest,
            code_version=dropback.__version__,
            seed=seed,
            best_epochs=best_epochs,
            outcome_source=plays["epa_source"][0] if settings.outcome is Outcome.EPA else None,
            longest_frames=(
                None if isinstance(features, np.ndarray) else int(features.lengths.max())
            ),
        )
        finished = work / "run"
        shutil.rmtree(finished, ignore_errors=True)
        finished.mkdir()
        write_run(finished, model, record)
        if complete is not None:
            complete(model, finished)
        put_output(finished, out, overwrite=overwrite)
    return Run(Path(local_copy(out)), model, record)


@dataclass(frozen=True)
class Training:
    """Plays that networks are fitted on, and how.

    Attributes:
        plays: Training plays of one set.
        features: Their features.
        schema: Names and order of the features.
        settings: What and how to fit.
        seed: Seed of initial weights, validation games and fits.
        work: Folder for the state of the fits, which the same fit resumes from.
        fold_of_game: Fold of every game.
        on_epoch: Called with fold, epoch and validation loss after each epoch.
    """

    plays: dy.DataFrame[Plays]
    features: PlayInputs
    schema: FeatureSchema
    settings: ModelSettings
    seed: int
    work: Path
    fold_of_game: dict[str, int]
    on_epoch: Callable[[int, int, float], None] | None = None

    def model(self, initial: PassModel | None = None) -> tuple[PassModel, tuple[int, ...]]:
        """Fit one network for each fold.

        Args:
            initial: As for `train_run`.

        Returns:
            The model, and the best epoch of each fold.
        """
        networks, best_epochs = [], []
        for fold in range(self.settings.networks):
            start = None if initial is None else initial.networks[fold % len(initial.networks)]
            state = None if start is None else start.state_dict()
            network, epoch = self.network(fold, state)
            networks.append(network)
            best_epochs.append(epoch)
        play_set = PlaySet(self.plays["play_set"][0])
        model = PassModel(
            self.settings,
            self.schema,
            play_set,
            tuple(networks),
            self.fold_of_game,
            self.boosted() if self.settings.boosted_share else (),
        )
        return model, tuple(best_epochs)

    def boosted(self) -> tuple[CatchPoint, ...]:
        """Fit the trees that never see a fold, for each fold, then those of all games."""
        settings = self.settings
        trees: list[CatchPoint] = [
            self._trees(f"{fold}", partial(self.fold_trees, fold))
            for fold in range(settings.networks)
        ]
        seeds = range(settings.folds, settings.folds + FITS_OF_ALL)
        of_all = partial(fit_of_all, self.examples(), tuple(trees))
        return (
            *trees,
            *(
                self._trees(f"all-{seed}", partial(of_all, self.seed * 1000 + seed))
                for seed in seeds
            ),
        )

    def examples(self) -> Examples:
        """The plays as trees take them."""
        return Examples(self.plays, np.asarray(self.features), self.schema, self.settings.outcome)

    def fold_trees(self, fold: int) -> CatchPoint:
        """Fit the trees that never see a fold."""
        games, examples = self.plays["game_id"].to_list(), self.examples()
        split = split_fold(games, self.fold_of_game, fold, self.settings, self.seed)
        return fit_hazard(
            examples[split.training], examples[split.validation], self.seed * 1000 + fold
        )

    def _trees(self, name: str, fit: Callable[[], CatchPoint]) -> CatchPoint:
        """The trees of a fit, or those that a former call kept."""
        path = self.work / f"boosted-{name}.pt"
        if not path.is_file():
            trees = fit()
            with whole_file(path) as aside:
                torch.save(to_state(trees), aside)
        # Read back in any case, so that a run that was interrupted writes the same bytes.
        return from_state(torch.load(path, weights_only=True), self.schema)

    def network(
        self, fold: int, initial: Mapping[str, Tensor] | None = None
    ) -> tuple[DistributionNetwork, int]:
        """Fit the network that never sees one fold of the games.

        Args:
            fold: The fold it never sees; a fold without games gives a network of all games.
            initial: State of a network to train further, its standardization of the inputs
                included; None takes new weights.

        Returns:
            The network, and its best epoch.

        Raises:
            RequestError: The device is ``cuda`` and there is none, or the fit diverged.
        """
        plays, settings = self.plays, self.settings
        features = network_columns(self.features, self.schema)
        if settings.fit.device == "cuda" and not torch.cuda.is_available():
            raise RequestError("device is 'cuda' and this machine has none: use 'cpu' or 'auto'.")
        games = plays["game_id"].to_list()
        split = split_fold(games, self.fold_of_game, fold, settings, self.seed)
        require_players(features, settings)
        network = build_network(
            settings,
            0 if settings.sequence is not None else features.shape[1],  # type: ignore[union-attr]
            seed=self.seed * 1000 + fold,
            inputs=features[split.training],
        )
        if initial is not None:
            try:
                network.load_state_dict(initial)
            except RuntimeError as error:
                raise RequestError(
                    "The run to start from has networks of another shape "
                    f"({str(error).splitlines()[-1].strip()}): train with its settings."
                ) from error
        targets = observed_targets(plays, settings.outcome)
        datasets = [
            self._dataset(features[rows], tuple(target[rows] for target in targets), learns=learns)
            for rows, learns in ((split.training, True), (split.validation, False))
        ]
        try:
            result = fit(
                network,
                *datasets,
                inputs=(1 if settings.sequence is None else 3) + network.head.takes_origin,
                objective=training_objective(settings),
                validation_objective=validation_objective(settings),
                settings=settings.fit,
                folder=self.work / f"fold-{fold}",
                on_epoch=None if self.on_epoch is None else partial(self.on_epoch, fold),
            )
        except DivergedError as error:
            raise RequestError(f"Fold {fold}: {error}") from error
        return network, result.best_epoch

    def _dataset(
        self, features: PlayInputs, targets: tuple[Tensor, ...], *, learns: bool
    ) -> TensorDataset | SequenceDataset:
        """Inputs and targets as `fit` takes them; only training plays are mirrored."""
        sequence = self.settings.sequence
        if sequence is None or isinstance(features, np.ndarray):
            return TensorDataset(*network_inputs(features, self.settings, self.schema), *targets)
        if sequence.encoder == "set":
            targets = (*targets, features.target_places())
        return features.dataset(
            targets,
            # In validation too: the best epoch is judged by the distributions that are trained.
            prefix_share=sequence.prefix_share,
            mirror=sequence.mirror and learns,
            # A set has no order, and where the target stands in it must not change.
            reorder=sequence.encoder != "set",
            player_dropout=sequence.player_dropout if learns else 0.0,
        )


def _keep_or_empty(
    work: Path, settings: ModelSettings, digest: str, seed: int, initial: PassModel | None
) -> None:
    """Empty the working folder unless it holds the state of the same job."""
    job = json.dumps(
        {
            "settings": asdict(settings),
            "data_digest": digest,
            "seed": seed,
            "initial": None if initial is None else weights_digest(initial.networks),
            "code_version": dropback.__version__,
        }
    ).encode()
    marker = work / "job.json"
    if not (marker.is_file() and marker.read_bytes() == job):
        shutil.rmtree(work)
        work.mkdir()
        marker.write_bytes(job)
