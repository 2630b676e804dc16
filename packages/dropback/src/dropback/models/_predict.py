"""Predict plays by a model: the distribution of each in numbers, one row a play."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import polars as pl
import torch

from dropback._frames import validated
from dropback._statistics import random_generator
from dropback.data._features import feature_matrix
from dropback.data._outcomes import YARDS_HIGHEST, YARDS_LOWEST
from dropback.data._tables import Outcome, Predictions
from dropback.errors import RunError
from dropback.models._grid import YARDS
from dropback.models._model import whole_yard_distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    import dataframely as dy
    import numpy.typing as npt
    from torch.distributions import Distribution

    from dropback._arrays import Floats, Integers
    from dropback.data._tables import Plays
    from dropback.models._model import Predictor
    from dropback.models._network import PlayInputs

    # Rows of a chunk, numbers of each, and its quantiles, shape (9, n).
    Part: TypeAlias = tuple[Integers, dict[str, npt.NDArray[Any]], npt.NDArray[Any]]

T = TypeVar("T")

QUANTILE_LEVELS = {
    "q01": 0.01,
    "q05": 0.05,
    "q10": 0.10,
    "q25": 0.25,
    "q50": 0.50,
    "q75": 0.75,
    "q90": 0.90,
    "q95": 0.95,
    "q99": 0.99,
}
_LEVELS = np.array(list(QUANTILE_LEVELS.values()))

# Plays whose probabilities are held at once: 1 MB in float32. A season takes 1.2 times as long by
# chunks of 512, because each operator of torch costs some microseconds to start.
_CHUNK = 2048


# Nats.
_MOST_LOG_SCORE: Final = float(-np.log(np.finfo(np.float32).smallest_subnormal, dtype=np.float64))


def predict_plays(
    model: Predictor,
    plays: dy.DataFrame[Plays],
    *,
    features: PlayInputs | None = None,
    seed: int = 0,
) -> dy.DataFrame[Predictions]:
    """Predict each play, and locate its outcome in the prediction.

    A play of a training game is predicted by the network that never saw that game, any other
    play by all networks together.

    Args:
        model: A trained model, or a baseline.
        plays: The plays, of the set the model was trained on.
        features: Tracking of the plays; None takes the columns of play-by-play.
        seed: Seed of the randomized PIT.

    Raises:
        RunError: The plays are of another set, without the outcome that is predicted, or were
            seen by every network.
    """
    require_predictable(model, plays)
    if features is None:
        features = feature_matrix(plays, model.schema)

    def part(chunk: int) -> list[Part]:
        return predict_parts(model, plays, features, seed=seed, first=chunk, last=chunk + 1)

    parts = list(chain.from_iterable(each_in_a_thread(part, count_chunks(model, plays))))
    return join_parts(model, plays, parts, tracked=not isinstance(features, np.ndarray))


def each_in_a_thread(part: Callable[[int], T], chunks: int) -> list[T]:
    """A result of each chunk, by its number, several at a time on as many threads as torch has.

    Threads that share each operator wait for each other some thousand times a chunk. On two cores
    with four other programs a season took 55 to 60 s of processor time and 150 s by the clock so,
    and 14 s and 39 s by a thread for each chunk.
    """
    threads = torch.get_num_threads()
    if min(threads, chunks) == 1:
        return [part(chunk) for chunk in range(chunks)]
    torch.set_num_threads(1)  # what threads take that are started from here on
    try:
        with ThreadPoolExecutor(min(threads, chunks)) as pool:
            return list(pool.map(part, range(chunks)))
    finally:
        torch.set_num_threads(threads)


def require_predictable(model: Predictor, plays: dy.DataFrame[Plays]) -> dy.DataFrame[Plays]:
    """The plays, which a model can predict.

    Raises:
        RunError: They are of another set, without the outcome that is predicted, or were seen by
            every network.
    """
    sets = plays["play_set"].unique().to_list()
    if sets != [model.play_set.value]:
        raise RunError(
            f"The model was trained on {model.play_set.value!r} plays, but these plays are "
            f"{', '.join(map(repr, sorted(sets)))}: use a model trained on the same set."
        )
    if (lacking := plays[model.outcome.value].null_count()) > 0:
        raise RunError(
            f"The model predicts {model.outcome.value!r}, which {lacking} of {len(plays)} plays "
            "lack: select them for that outcome."
        )
    if (seen := int((fold_of_plays(model, plays) >= model.members).sum())) > 0:
        raise RunError(
            f"Every network of the model was trained on {seen} of the {len(plays)} plays: leave "
            "those games out, or train with a network for each fold."
        )
    return plays


def count_chunks(model: Predictor, plays: dy.DataFrame[Plays]) -> int:
    """Number of chunks that `plays` are predicted in."""
    return len(model_chunks(model, plays))


def predict_parts(
    model: Predictor,
    plays: dy.DataFrame[Plays],
    features: PlayInputs,
    *,
    seed: int,
    first: int,
    last: int,
) -> list[Part]:
    """Numbers of the plays of chunks `first` to `last`, that one left out."""

    def distribution_of(rows: Integers, fold: int) -> Distribution:
        return model.predict_distribution(features[rows], None if fold < 0 else fold)

    chunks = model_chunks(model, plays)[first:last]
    if model.outcome is Outcome.EPA:
        return _continuous_parts(plays, distribution_of, chunks)
    return _whole_yard_parts(plays, distribution_of, chunks, seed)


def join_parts(
    model: Predictor, plays: dy.DataFrame[Plays], parts: Sequence[Part], *, tracked: bool
) -> dy.DataFrame[Predictions]:
    """Predictions of all plays from the parts of all their chunks.

    Args:
        model: What predicted them.
        plays: The plays.
        parts: Of every chunk, in any order.
        tracked: Whether the distributions are of the plays' tracking.
    """
    tracked = tracked and model.outcome is not Outcome.EPA
    return _predictions(plays, model.outcome, fold_of_plays(model, plays), parts, tracked=tracked)


def model_chunks(model: Predictor, plays: pl.DataFrame) -> list[tuple[Integers, int]]:
    """Rows that are predicted together, and the fold that they are held out of, -1 for none."""
    folds = fold_of_plays(model, plays)
    order = folds if model.outcome is Outcome.EPA else plays["yards_min"].to_numpy()
    return list(_chunks(folds, order))


def yard_mean(cdf: Floats) -> Floats:
    """Expected yards, shape ``(n,)``, from a CDF at `YARDS`, ``(n, 211)``."""
    # E[Y] = highest - sum of F below it.
    return np.asarray(YARDS_HIGHEST - cdf[:, :-1].sum(axis=1))


def yard_quantiles(cdf: Floats) -> Integers:
    """Fewest yards at which the CDF reaches each of `QUANTILE_LEVELS`, shape ``(9, n)``.

    Args:
        cdf: At `YARDS`, shape ``(n, 211)``.
    """
    below = (cdf < _LEVELS[:, None, None]).sum(axis=-1)
    return np.asarray(YARDS[np.minimum(below, len(YARDS) - 1)])


def cdf_around(cdf: Floats, yards: Integers) -> tuple[Floats, Floats]:
    """Probability of less than, and of at most, `yards`; their mean is the mid-CDF.

    Args:
        cdf: At `YARDS`, shape ``(n, 211)``.
        yards: Whole yards of each distribution, shape ``(n,)``.
    """
    distribution, at = np.arange(len(cdf)), yards - YARDS_LOWEST
    return np.where(at > 0, cdf[distribution, np.maximum(at - 1, 0)], 0.0), cdf[distribution, at]


def fold_of_plays(model: Predictor, plays: pl.DataFrame) -> Integers:
    """Fold of each play's game, -1 where the game was not in training."""
    games = plays["game_id"]
    return (
        games.replace_strict(model.fold_of_game, default=-1, return_dtype=pl.Int64).to_numpy()
        if model.fold_of_game
        else np.full(len(games), -1, dtype=np.int64)
    )


def summarize_distributions(
    plays: pl.DataFrame,
    distribution_of: Callable[[Integers, int], Distribution],
    *,
    folds: Integers,
    seed: int,
    tracked: bool = False,
) -> dy.DataFrame[Predictions]:
    """Numbers of the whole-yard distribution of each play.

    Args:
        plays: The plays, with `yards`, `yards_min` and `yards_max`.
        distribution_of: Latent distribution, batch shape ``(n,)``, of rows that share a fold.
        folds: Fold of each play.
        seed: Seed of the randomized PIT.
        tracked: Whether the distributions are of the plays' tracking.
    """
    chunks = list(_chunks(folds, plays["yards_min"].to_numpy()))
    parts = _whole_yard_parts(plays, distribution_of, chunks, seed)
    return _predictions(plays, Outcome.YARDS, folds, parts, tracked=tracked)


def _whole_yard_parts(
    plays: pl.DataFrame,
    distribution_of: Callable[[Integers, int], Distribution],
    chunks: Sequence[tuple[Integers, int]],
    seed: int,
) -> list[Part]:
    yards, low, high = (plays[name].to_numpy() for name in ("yards", "yards_min", "yards_max"))
    uniform = random_generator(seed).random(len(plays))
    parts: list[Part] = []
    with torch.inference_mode():
        for rows, fold in chunks:
            distribution = whole_yard_distribution(
                distribution_of(rows, fold), low[rows], high[rows]
            )
            cdf = cdf_on_field(distribution, int(low[rows].min()), int(high[rows].max()))
            observed = yards[rows]
            below, upto = cdf_around(cdf, observed)
            numbers = {
                "mean": yard_mean(cdf),
                "pit": below + uniform[rows] * (upto - below),
                "mid_cdf": (below + upto) / 2,
                # CRPS = sum of (F - step)^2 over whole yards.
                "crps": ((cdf - (observed[:, None] <= YARDS)) ** 2).sum(axis=1),
                "log_score": _log_score(distribution, torch.from_numpy(observed).float()),
            }
            parts.append((rows, numbers, yard_quantiles(cdf)))
    return parts


def _continuous_parts(
    plays: pl.DataFrame,
    distribution_of: Callable[[Integers, int], Distribution],
    chunks: Sequence[tuple[Integers, int]],
) -> list[Part]:
    epa = torch.from_numpy(plays["epa"].to_numpy().astype(np.float32))
    levels = torch.tensor(list(QUANTILE_LEVELS.values()))[:, None]
    parts: list[Part] = []
    with torch.inference_mode():
        for rows, fold in chunks:
            distribution, observed = distribution_of(rows, fold), epa[torch.from_numpy(rows)]
            cdf = distribution.cdf(observed).clamp(0, 1).numpy()
            numbers = {
                "mean": distribution.mean.numpy(),
                "pit": cdf,
                "mid_cdf": cdf,
                "crps": distribution.crps(observed).clamp(min=0).numpy(),  # type: ignore[attr-defined]  # all ours
                "log_score": _log_score(distribution, observed),
            }
            parts.append((rows, numbers, distribution.icdf(levels).numpy()))
    return parts


def _log_score(distribution: Distribution, observed: torch.Tensor) -> Floats:
    """Minus the log of a probability or density, at most that of the least positive float32.

    A network of an epoch or two may give an outcome no probability that float32 holds: its
    prediction is bad, and so is told by a score, not by the failure of the whole training.
    """
    log_score: Floats = -distribution.log_prob(observed).numpy()
    return np.where(log_score == np.inf, _MOST_LOG_SCORE, log_score)


def cdf_on_field(distribution: Distribution, low: int, high: int) -> Floats:
    """CDF at `YARDS`, shape ``(n, 211)``, of plays that all end from `low` to `high` yards."""
    first, end = low - YARDS_LOWEST, high - YARDS_LOWEST + 1
    inside = distribution.cdf(torch.from_numpy(YARDS[first:end]).to(torch.float32)[:, None])
    cdf = np.ones((inside.shape[1], len(YARDS)))
    cdf[:, :first] = 0.0
    cdf[:, first:end] = inside.T.numpy()
    return cdf


def _chunks(folds: Integers, order: Integers) -> Iterator[tuple[Integers, int]]:
    """Rows that share a fold, a few at a time in the given order, and the fold.

    Plays from near the same yard line can gain about the same yards: together they need the CDF at
    a little more than half of all outcomes.
    """
    for fold in np.unique(folds):
        in_fold = np.flatnonzero(folds == fold)
        in_fold = in_fold[np.argsort(order[in_fold], kind="stable")]
        for rows in np.array_split(in_fold, -(-len(in_fold) // _CHUNK)):
            yield rows, int(fold)


def _predictions(
    plays: pl.DataFrame, outcome: Outcome, folds: Integers, parts: Sequence[Part], *, tracked: bool
) -> dy.DataFrame[Predictions]:
    """Join the numbers of all chunks in the order of the plays."""
    place = np.argsort(np.concatenate([rows for rows, _, _ in parts]))
    quantiles = np.concatenate([levels for _, _, levels in parts], axis=1, dtype=np.float64)
    columns = dict(zip(QUANTILE_LEVELS, quantiles, strict=True))
    columns["median"] = columns["q50"]
    for name in parts[0][1]:
        columns[name] = np.concatenate([numbers[name] for _, numbers, _ in parts], dtype=np.float64)
    keys = ("game_id", "play_id", "season", "week", "passer_player_id", "play_set")
    return validated(
        Predictions,
        plays.select(
            *keys,
            pl.lit(tracked).alias("tracked"),
            pl.Series("fold", folds).replace(-1, None),
            pl.lit(outcome.value).alias("outcome"),
            pl.col(outcome.value).alias("observed"),
        ).with_columns(pl.Series(name, values[place]) for name, values in columns.items()),
    )
