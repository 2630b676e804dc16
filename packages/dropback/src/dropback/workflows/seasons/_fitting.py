"""Plan which model scores which season, always one that learned from other games, and fit it."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import polars as pl
import torch

import dropback
from dropback._files import whole_file
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS
from dropback.data._tables import Plays, PlaySet
from dropback.models._model import PassModel
from dropback.models._predict import predict_plays
from dropback.models._store import data_digest
from dropback.models._train import Training, assign_folds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import dataframely as dy

    from dropback.data._tables import Outcome
    from dropback.models import ModelSettings


HISTORY_SEASONS = 3
"""Seasons that a model learns from: the three before the one that it scores."""


@dataclass(frozen=True)
class Fit:
    """One network to fit, and the plays that it scores.

    Attributes:
        outcome: What it predicts.
        play_set: Of its plays.
        learns: Seasons that it learns from.
        scores: Seasons that it scores: a later one, or the same where a fold is held out.
        fold: The fold of games that it never sees and alone scores; None scores all.
        starts_from: The fit, of earlier seasons alone, whose weights it starts from.
    """

    outcome: Outcome
    play_set: PlaySet
    learns: tuple[int, ...]
    scores: tuple[int, ...]
    fold: int | None
    starts_from: Fit | None = None

    @property
    def name(self) -> str:
        """For files and progress."""
        fold = "" if self.fold is None else f"-fold-{self.fold}"
        return f"{self.outcome.value}-{self.play_set.value}-{span(self.scores)}{fold}"


def span(seasons: Sequence[int]) -> str:
    """``2009-2011``, or ``2012``."""
    return f"{seasons[0]}-{seasons[-1]}" if len(seasons) > 1 else f"{seasons[0]}"


def kinds_of(seasons: Sequence[int], plays: PlaySet) -> dict[PlaySet, tuple[int, ...]]:
    """Seasons by what their plays are: before 2009 targeted attempts are not recorded."""
    ordered = sorted(seasons)
    if plays is not PlaySet.TARGETED:
        return {plays: tuple(ordered)}
    early = tuple(season for season in ordered if season < FIRST_SEASON_WITH_RECEIVERS)
    later = tuple(ordered[len(early) :])
    return {
        kind: group
        for kind, group in ((PlaySet.ATTEMPTS, early), (PlaySet.TARGETED, later))
        if group
    }


def plan_fits(
    seasons: Sequence[int], *, plays: PlaySet, outcomes: Sequence[Outcome], folds: int
) -> tuple[Fit, ...]:
    """Every network that scoring the seasons takes.

    Of each kind of plays, the first three seasons are scored out of fold among themselves; each
    later one by a network of the three seasons of its kind before it, which starts from the weights
    of the network before: in a quarter of the time it predicts better than one with new weights
    (``research/rolling_fits.py``), and what it starts from has seen earlier seasons alone.

    Args:
        seasons: To score.
        plays: Which plays.
        outcomes: What they are judged by.
        folds: Folds of games of the first three seasons.

    Example:
        >>> from dropback.data._tables import Outcome
        >>> fits = plan_fits(
        ...     range(2009, 2013), plays=PlaySet.TARGETED, outcomes=[Outcome.YARDS], folds=2
        ... )
        >>> for fit in fits:
        ...     print(fit.scores, fit.learns, fit.fold)
        (2009, 2010, 2011) (2009, 2010, 2011) 0
        (2009, 2010, 2011) (2009, 2010, 2011) 1
        (2012,) (2009, 2010, 2011) None
    """
    fits: list[Fit] = []
    for outcome in outcomes:
        for kind, group in kinds_of(seasons, plays).items():
            first = group[:HISTORY_SEASONS]
            held_out = [Fit(outcome, kind, first, first, fold) for fold in range(folds)]
            fits += held_out
            before = held_out[0]
            for at in range(HISTORY_SEASONS, len(group)):
                learns = group[at - HISTORY_SEASONS : at]
                before = Fit(outcome, kind, learns, (group[at],), None, starts_from=before)
                fits.append(before)
    return tuple(fits)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: two networks at a time use two cores better than one on both.

    Sums on more threads round otherwise, so a fit must not depend on how many its process has.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class FitOutput:
    """Files of a fit.

    Attributes:
        predictions: Parquet of the plays that it scores.
        weights: The network's state.
        cpu_seconds: Processor time of the fit, 0 where both files existed already.
    """

    predictions: Path
    weights: Path
    cpu_seconds: float


@one_thread()
def fit_and_predict(
    fit: Fit,
    plays_file: Path,
    work: Path,
    settings: ModelSettings,
    seed: int,
    initial: Path | None = None,
) -> FitOutput:
    """Write the predictions and the weights of one fit, unless they exist already."""
    began = time.process_time()
    needed = sorted({*fit.learns, *fit.scores})
    scan = pl.scan_parquet(plays_file).filter(
        pl.col("season").is_in(needed) & pl.col(fit.outcome.value).is_not_null()
    )
    plays = scan.collect()
    learned = Plays.validate(plays.filter(pl.col("season").is_in(fit.learns)), cast=True)
    scored = Plays.validate(plays.filter(pl.col("season").is_in(fit.scores)), cast=True)
    fold_of_game = assign_folds(learned["game_id"].to_list(), settings.folds, seed=seed)
    if fit.fold is not None:
        held_out = [game for game, fold in fold_of_game.items() if fold == fit.fold]
        scored = Plays.validate(scored.filter(pl.col("game_id").is_in(held_out)))
    schema = feature_schema(fit.play_set)
    features = feature_matrix(learned, schema)
    # The name of the file before holds the digest of its own job.
    before = None if initial is None else initial.name
    digest = _job_digest(fit, settings, seed, before, features, learned, scored)
    path = work / f"{fit.name}-{digest[:16]}.parquet"
    weights = path.with_suffix(".pt")
    if path.is_file() and weights.is_file():
        return FitOutput(path, weights, 0.0)
    # A fold without games: the network learns from every game of its seasons.
    fold = settings.folds if fit.fold is None else fit.fold
    state = path.with_suffix("")
    training = Training(learned, features, schema, settings, seed, state, fold_of_game)
    weights_before = None if initial is None else torch.load(initial, weights_only=True)
    network, _ = training.network(fold, weights_before)
    with whole_file(weights) as aside:
        torch.save(network.state_dict(), aside)
    model = PassModel(settings, schema, fit.play_set, (network,), {})
    predictions = predict_plays(model, scored, seed=seed).with_columns(
        pl.lit(fit.fold, dtype=pl.Int64).alias("fold")
    )
    with whole_file(path) as aside:
        predictions.write_parquet(aside)
    shutil.rmtree(state, ignore_errors=True)
    return FitOutput(path, weights, time.process_time() - began)


def _job_digest(
    fit: Fit,
    settings: ModelSettings,
    seed: int,
    before: str | None,
    features: object,
    learned: dy.DataFrame[Plays],
    scored: dy.DataFrame[Plays],
) -> str:
    described = {
        "fit": [fit.name, fit.learns],
        "settings": asdict(settings),
        "seed": seed,
        "before": before,
        "code_version": dropback.__version__,
        "learned": data_digest(features, learned[fit.outcome.value].to_numpy()),  # type: ignore[arg-type]
    }
    digest = hashlib.sha256(json.dumps(described).encode())
    scored_features = feature_matrix(scored, feature_schema(fit.play_set))
    digest.update(data_digest(scored_features, scored[fit.outcome.value].to_numpy()).encode())
    for table in (learned, scored):
        digest.update("\n".join(table["game_id"]).encode())
    return digest.hexdigest()
