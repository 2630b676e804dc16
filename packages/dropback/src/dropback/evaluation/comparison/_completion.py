"""Completion percentage over expected, with a completion model of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.data._features import feature_matrix, feature_schema
from dropback.data._tables import PLAY_KEY, PlaySet
from dropback.errors import RequestError

if TYPE_CHECKING:
    import dataframely as dy
    import numpy.typing as npt

    from dropback.data._tables import Plays

__all__ = ["completion_over_expected"]

# The log loss over the held-out games of 2017-2023 is .5771; three times the work (200 rounds at
# rate .1, 256 bins) gives .5761, other depths (3, 5) .5774 and .5764: nothing asks for tuning.
_ROUNDS = 60
_MOST_BINS = 64
_PARAMETERS = {
    "objective": "binary:logistic",
    "max_depth": 4,
    "eta": 0.2,
    "max_bin": _MOST_BINS,
    "subsample": 0.8,
    "min_child_weight": 20,
}


def completion_over_expected(
    plays: dy.DataFrame[Plays], *, folds: int = 5, seed: int = 0
) -> pl.DataFrame:
    """Completion (1 or 0) minus its probability, for each targeted attempt.

    The probability is that of boosted trees on the features of the score's network (situation,
    depth, direction; neither passer nor receiver). Games are dealt to folds within their season
    and each play is predicted by the model fitted without its fold, never by one that saw it.

    Args:
        plays: Targeted attempts, as `select_plays` returns them.
        folds: Number of folds.
        seed: Of the folds and the trees.

    Returns:
        ``game_id``, ``play_id``, ``completion_over_expected`` in [-1, 1].

    Raises:
        RequestError: Fewer games than folds.
    """
    import xgboost  # noqa: PLC0415  # half a second that other metrics need not wait for

    fold = _folds(plays, folds, seed)
    features = feature_matrix(plays, feature_schema(PlaySet.TARGETED))
    completed = plays["complete_pass"].to_numpy().astype(float)
    expected = np.empty(len(plays))
    for left_out in range(folds):
        inside = fold == left_out
        booster = xgboost.train(
            {**_PARAMETERS, "seed": seed},
            xgboost.QuantileDMatrix(features[~inside], completed[~inside], max_bin=_MOST_BINS),
            num_boost_round=_ROUNDS,
        )
        expected[inside] = booster.inplace_predict(features[inside])
    return plays.select(*PLAY_KEY, pl.Series("completion_over_expected", completed - expected))


def _folds(plays: pl.DataFrame, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold of each play: games in random order within their season, dealt in turn."""
    games = plays.select("season", "game_id").unique().sort("season", "game_id")
    if len(games) < folds:
        raise RequestError(
            f"A completion model over {folds} folds needs as many games, got {len(games)}: "
            "give more weeks."
        )
    order = np.random.default_rng(seed).random(len(games))
    dealt = games.with_columns(pl.Series("order", order)).sort("season", "order")
    numbered = dealt.with_columns((pl.int_range(pl.len()) % folds).alias("dealt"))
    return (
        plays.select("game_id")
        .join(numbered, on="game_id", maintain_order="left")["dealt"]
        .to_numpy()
        .astype(np.int64)
    )
