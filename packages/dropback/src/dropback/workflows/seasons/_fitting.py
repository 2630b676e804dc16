"""Plan which model scores which season, always one that learned from other games, and fit it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import polars as pl
import torch

from dropback._frames import validated
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._selection import FIRST_SEASON_WITH_RECEIVERS
from dropback.data._tables import Plays, PlaySet
from dropback.execution import Task
from dropback.models._model import PassModel
from dropback.models._predict import predict_plays
from dropback.models._train import Training, assign_folds
from dropback.storage import fetched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dropback.data._tables import Outcome
    from dropback.models import ModelSettings


PLAYS_FILE: Final = "plays.parquet"
PREDICTIONS_FILE: Final = "predictions.parquet"
WEIGHTS_FILE: Final = "weights.pt"

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


def fit_task(
    fit: Fit, tables: Mapping[int, str], settings: ModelSettings, seed: int, before: Task | None
) -> Task:
    """The task of one fit.

    Args:
        fit: What to fit and score.
        tables: Name in the store of each season's plays.
        settings: Of the network.
        seed: Of folds, weights and predictions.
        before: The task whose weights it starts from.
    """
    needed = tuple(tables[season] for season in sorted({*fit.learns, *fit.scores}))
    initial = None if before is None else before.name
    return Task(
        fit.name,
        fit_and_predict,
        (fit, needed, settings, seed, initial),
        after=() if before is None else (before,),
    )


@one_thread()
def fit_and_predict(
    folder: Path,
    store: str,
    fit: Fit,
    tables: Sequence[str],
    settings: ModelSettings,
    seed: int,
    initial: str | None,
) -> None:
    """Write ``predictions.parquet`` and ``weights.pt`` of one fit into `folder`."""
    with ExitStack() as held:
        files = [held.enter_context(fetched(store, name)) / PLAYS_FILE for name in tables]
        plays = pl.concat(pl.read_parquet(file) for file in files)
        weights = None
        if initial is not None:
            path = held.enter_context(fetched(store, initial)) / WEIGHTS_FILE
            weights = torch.load(path, weights_only=True)
    plays = plays.filter(pl.col(fit.outcome.value).is_not_null())
    learned = validated(Plays, plays.filter(pl.col("season").is_in(fit.learns)))
    scored = validated(Plays, plays.filter(pl.col("season").is_in(fit.scores)))
    fold_of_game = assign_folds(learned["game_id"].to_list(), settings.folds, seed=seed)
    if fit.fold is not None:
        held_out = [game for game, fold in fold_of_game.items() if fold == fit.fold]
        scored = Plays.validate(scored.filter(pl.col("game_id").is_in(held_out)))
    schema = feature_schema(fit.play_set)
    # A fold without games: the network learns from every game of its seasons.
    fold = settings.folds if fit.fold is None else fit.fold
    with TemporaryDirectory(dir=folder) as state:
        training = Training(
            learned,
            feature_matrix(learned, schema),
            schema,
            settings,
            seed,
            Path(state),
            fold_of_game,
        )
        network, _ = training.network(fold, weights)
    torch.save(network.state_dict(), folder / WEIGHTS_FILE)
    model = PassModel(settings, schema, fit.play_set, (network,), {})
    predictions = predict_plays(model, scored, seed=seed).with_columns(
        pl.lit(fit.fold, dtype=pl.Int64).alias("fold")
    )
    predictions.write_parquet(folder / PREDICTIONS_FILE)
