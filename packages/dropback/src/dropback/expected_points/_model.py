"""Fit the model of the next score, which values a situation in points before the play.

Yurko, Ventura and Horowitz (2019) define expected points as the mean of the next score of the
half over its seven classes; Carl and Baldwin (nflfastR) estimate the classes by boosted trees.
Both weight a training play down the farther off its next score and the more lopsided the game.
We follow both, and add cross-fitting: no game is valued by trees that saw it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import dropback
from dropback._files import POLARS_ERRORS, is_sealed, sealed, whole_folder
from dropback._statistics import random_generator
from dropback._xgboost import xgboost_package
from dropback.errors import ReaderError, RequestError, RunError
from dropback.expected_points._next_score import NEXT_SCORES, timeline
from dropback.storage import local_copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from dropback._arrays import Floats, Integers, Singles
    from dropback._files import AnyPath

FORMAT = 1
"""Version of the stored folder's layout and of the features' formulas."""

_POINTS = np.array(list(NEXT_SCORES.values()), dtype=float)

# Carl and Baldwin's eras, by their first seasons: contact rules of 2006, the kickoff and
# conduct rules of 2014, the catch and helmet rules of 2018.
_ERAS = (2006, 2014, 2018)

_FEATURES: dict[str, pl.Expr] = {
    "down": pl.col("down"),
    "ydstogo": pl.col("ydstogo"),
    "yardline_100": pl.col("yardline_100"),
    "goal_to_go": pl.col("goal_to_go"),
    "half_seconds_remaining": pl.col("half_seconds_remaining"),
    "home": pl.col("home"),
    "era": pl.sum_horizontal(pl.col("season") >= first for first in _ERAS),
    # Not in the sources: late in the second half many games are over before a score. The log loss
    # falls by 0.016 nats (research/expected_points.py --inputs).
    "half": pl.col("half"),
}


@dataclass(frozen=True)
class ExpectedPointsSettings:
    """How the trees are grown.

    Attributes:
        folds: Folds of games, and so models.
        rounds: Boosting rounds, each of seven trees.
        learning_rate: Weight of a round.
        depth: Greatest depth of a tree.
        min_child_weight: Smallest sum of second derivatives in a leaf.
    """

    folds: int = 2
    rounds: int = 40
    learning_rate: float = 0.2
    depth: int = 5
    min_child_weight: float = 5.0

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise RequestError(
                f"folds must be at least 2, got {self.folds}: a game is valued by a model that "
                "has not seen it."
            )
        for name in ("rounds", "learning_rate", "depth"):
            if not getattr(self, name) > 0:
                raise RequestError(f"{name} must be positive, got {getattr(self, name)}.")


@dataclass(frozen=True)
class ExpectedPoints:
    """Models of the next score, each blind to one fold of games.

    Attributes:
        settings: Settings of the fit.
        data_digest: SHA-256 of the data they were fitted on.
        seasons: Seasons that they were fitted on.
        boosters: One for each fold; booster ``k`` never saw a game of fold ``k``.
        fold_of_game: Fold of each game.
    """

    settings: ExpectedPointsSettings
    data_digest: str
    seasons: tuple[int, ...]
    boosters: tuple[Any, ...]
    fold_of_game: dict[str, int]

    def probabilities(self, situations: pl.DataFrame) -> Floats:
        """Probability of each class of `NEXT_SCORES`, shape ``(N, 7)``.

        Args:
            situations: Rows with `game_id` and the columns that `timeline` gives a snap. A game
                of the training data is predicted by the model that never saw it, another by
                the mean of all.
        """
        features = _feature_matrix(situations)
        folds = situations["game_id"].replace_strict(
            self.fold_of_game, default=-1, return_dtype=pl.Int64
        )
        result = np.empty((situations.height, len(NEXT_SCORES)))
        for fold in folds.unique():
            rows = (folds == fold).to_numpy()
            members = self.boosters if fold < 0 else (self.boosters[fold],)
            result[rows] = np.mean([_predict(m, features[rows]) for m in members], axis=0)
        return result

    def values(self, situations: pl.DataFrame) -> Floats:
        """Expected points of the team with the ball, shape ``(N,)``."""
        return np.asarray(self.probabilities(situations) @ _POINTS)


def fit_expected_points(
    play_by_play: pl.DataFrame,
    *,
    folder: AnyPath | None = None,
    settings: ExpectedPointsSettings | None = None,
    seed: int = 0,
    threads: int = 1,
    on_fold: Callable[[int], None] | None = None,
) -> ExpectedPoints:
    """Fit the model of the next score on every snap of a play-by-play.

    Args:
        play_by_play: What `read_play_by_play` returned.
        folder: Folder to store the model in; if it holds one that was fitted on the same data, that
            one is returned. None stores nothing.
        settings: Settings of the trees.
        seed: Seed of the folds.
        threads: Threads that grow a tree.
        on_fold: Called with each fold that is fitted.

    Raises:
        ReaderError: Fewer than two games per fold, or no score at all.
        RequestError: `folder` cannot be written.
    """
    settings = settings or ExpectedPointsSettings()
    training = _training_data(play_by_play)
    digest = _digest(training, settings, seed)
    if folder is not None and (Path(folder) / "expected_points.json").is_file():
        with suppress(RunError):  # damaged or of another version: fit it again
            stored = load_expected_points(folder)
            if stored.data_digest == digest:
                return stored
    fold_of_game = _folds(training, settings, seed)
    folds = training.games.replace_strict(fold_of_game, return_dtype=pl.Int64).to_numpy()
    boosters = []
    for fold in range(settings.folds):
        boosters.append(_boost(training, np.flatnonzero(folds != fold), settings, seed, threads))
        if on_fold is not None:
            on_fold(fold)
    model = ExpectedPoints(settings, digest, training.seasons, tuple(boosters), fold_of_game)
    if folder is not None:
        save_expected_points(model, folder)
    return model


def save_expected_points(model: ExpectedPoints, folder: AnyPath) -> None:
    """Write the model's folder, whole or not at all, over what it held.

    Raises:
        RequestError: The folder cannot be written.
    """
    with whole_folder(folder, overwrite=True) as aside:
        hashes = []
        for fold, booster in enumerate(model.boosters):
            content = bytes(booster.save_raw("ubj"))
            (aside / f"fold-{fold}.ubj").write_bytes(content)
            hashes.append(hashlib.sha256(content).hexdigest())
        games = sorted(model.fold_of_game)
        pl.DataFrame(
            {"game_id": games, "fold": [model.fold_of_game[game] for game in games]}
        ).write_parquet(aside / "folds.parquet")
        record = {
            "format": FORMAT,
            "code_version": dropback.__version__,
            "settings": asdict(model.settings),
            "data_digest": model.data_digest,
            "seasons": list(model.seasons),
            "boosters_sha256": hashes,
        }
        folds = (aside / "folds.parquet").read_bytes()
        record["folds_sha256"] = hashlib.sha256(folds).hexdigest()
        (aside / "expected_points.json").write_text(json.dumps(sealed(record), indent=2) + "\n")


def load_expected_points(folder: AnyPath) -> ExpectedPoints:
    """Read what `save_expected_points` wrote.

    Raises:
        RunError: The folder is not such a model, is damaged, or of another version.
    """
    xgboost = xgboost_package()
    folder = Path(local_copy(folder))
    try:
        record = _read_record(folder)
        boosters = []
        for fold, digest in enumerate(record["boosters_sha256"]):
            content = _intact(folder / f"fold-{fold}.ubj", digest)
            boosters.append(xgboost.Booster(model_file=bytearray(content)))
        content = _intact(folder / "folds.parquet", record.get("folds_sha256"))
        folds = pl.read_parquet(content, columns=["game_id", "fold"])
        return ExpectedPoints(
            settings=ExpectedPointsSettings(**record["settings"]),
            data_digest=record["data_digest"],
            seasons=tuple(record["seasons"]),
            boosters=tuple(boosters),
            fold_of_game=dict(zip(folds["game_id"], folds["fold"], strict=True)),
        )
    except RunError:
        raise
    except (*POLARS_ERRORS, Exception) as error:  # whatever damaged files cause
        raise RunError(
            f"{folder}: not a whole expected-points model ({error}): fit it again."
        ) from error


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "expected_points.json"
    record: dict[str, Any] = json.loads(path.read_text())
    if record["format"] != FORMAT:
        raise RunError(
            f"{folder}: an expected-points model of format {record['format']!r}, and this "
            f"version reads format {FORMAT}: fit it again."
        )
    # Models of dropback 0.2.0 have no seal and no digest of their folds.
    if "sha256" in record and not is_sealed(record):
        raise RunError(f"{path}: it was changed: fit it again.")
    return record


def _intact(path: Path, digest: str | None) -> bytes:
    """Content of a file whose SHA-256 is the one in the record."""
    content = path.read_bytes()
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise RunError(
            f"{path}: truncated or changed (its SHA-256 is not the one in expected_points.json): "
            "fit it again."
        )
    return content


@dataclass(frozen=True)
class _TrainingData:
    """What the trees see of each snap."""

    games: pl.Series
    seasons: tuple[int, ...]
    features: Singles
    labels: Integers
    weights: Floats


def _training_data(play_by_play: pl.DataFrame) -> _TrainingData:
    snaps = timeline(play_by_play).filter("scrimmage")
    if snaps.is_empty() or (snaps["points"] == 0).all():
        raise ReaderError(
            f"Expected points need snaps and scores to learn from, got {snaps.height} snaps"
            f"{'' if snaps.is_empty() else ' without a score'}."
        )
    return _TrainingData(
        snaps["game_id"],
        tuple(sorted(snaps["season"].unique())),
        _feature_matrix(snaps),
        snaps["next_score"].to_numpy(),
        _weights(snaps),
    )


def _weights(snaps: pl.DataFrame) -> Floats:
    """Weight of each snap in [0, 1]: less for a distant next score and for a lopsided game.

    References:
        Yurko, Ventura and Horowitz (2019), section 3.1; Carl and Baldwin's code rescales the
        sum of the two weights to [0, 1], as here.
    """

    def closeness(values: pl.Expr) -> pl.Expr:
        span = (values.max() - values.min()).clip(lower_bound=1)
        return (values.max() - values) / span

    total = closeness(pl.col("drives_to_score")) + closeness(pl.col("score_differential").abs())
    weights = snaps.select(total.alias("weight"))["weight"].to_numpy()
    low, high = weights.min(), weights.max()
    return np.asarray((weights - low) / (high - low) if high > low else np.ones(len(weights)))


def _feature_matrix(situations: pl.DataFrame) -> Singles:
    return np.ascontiguousarray(
        situations.select(
            expression.cast(pl.Float32).alias(name) for name, expression in _FEATURES.items()
        ).to_numpy()
    )


def _digest(training: _TrainingData, settings: ExpectedPointsSettings, seed: int) -> str:
    described = {"format": FORMAT, "seed": seed, "features": list(_FEATURES), **asdict(settings)}
    digest = hashlib.sha256(json.dumps(described).encode())
    digest.update("\n".join(training.games).encode())
    for values in (training.features, training.labels, training.weights):
        digest.update(values.tobytes())
    return digest.hexdigest()


def _folds(training: _TrainingData, settings: ExpectedPointsSettings, seed: int) -> dict[str, int]:
    names = sorted(training.games.unique())
    if len(names) < 2 * settings.folds:
        raise ReaderError(
            f"Expected points need at least {2 * settings.folds} games for {settings.folds} "
            f"folds, got {len(names)}: add games or seasons."
        )
    order = random_generator(seed, 3).permutation(len(names))
    return {names[game]: int(place % settings.folds) for place, game in enumerate(order)}


def _boost(
    training: _TrainingData,
    rows: Integers,
    settings: ExpectedPointsSettings,
    seed: int,
    threads: int,
) -> Any:  # noqa: ANN401  # xgboost ships no types
    xgboost = xgboost_package()

    matrix = xgboost.QuantileDMatrix(
        training.features[rows],
        training.labels[rows],
        weight=training.weights[rows],
        max_bin=128,
        nthread=threads,
    )
    parameters = {
        "objective": "multi:softprob",
        "num_class": len(NEXT_SCORES),
        "tree_method": "hist",
        "max_bin": 128,
        "max_depth": settings.depth,
        "eta": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "nthread": threads,
        "seed": seed,
    }
    return xgboost.train(parameters, matrix, num_boost_round=settings.rounds)


def _predict(booster: Any, features: Singles) -> Floats:  # noqa: ANN401
    booster.set_param({"nthread": 1})  # a second thread is of little use and waits for its core
    return np.asarray(booster.inplace_predict(features), dtype=np.float64)
