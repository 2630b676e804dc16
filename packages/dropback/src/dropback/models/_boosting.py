"""Gradient boosting by XGBoost, stopped early on validation games."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    import numpy.typing as npt

    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix

_MOST_ROUNDS = 3000


def boost(
    training: tuple[FeatureMatrix, npt.NDArray[Any]],
    validation: tuple[FeatureMatrix, npt.NDArray[Any]],
    *,
    seed: int,
    patience: int = 50,
    **parameters: object,
) -> Any:  # noqa: ANN401  # xgboost ships no types
    """Boost trees until the validation loss has not fallen for `patience` rounds.

    Args:
        training: Features and labels to learn from.
        validation: Features and labels to stop by.
        seed: Seed of the subsamples.
        patience: Rounds.
        **parameters: XGBoost's own.
    """
    import xgboost  # noqa: PLC0415  # half a second that only these baselines need

    learned = xgboost.QuantileDMatrix(*training)
    return xgboost.train(
        {"tree_method": "hist", "nthread": torch.get_num_threads(), "seed": seed, **parameters},
        learned,
        num_boost_round=_MOST_ROUNDS,
        evals=[(xgboost.QuantileDMatrix(*validation, ref=learned), "validation")],
        early_stopping_rounds=patience,
        verbose_eval=False,
    )


def boosted(booster: Any, features: FeatureMatrix) -> Floats:  # noqa: ANN401
    """Predictions of the best round, shape ``(N,)`` or, of `K` classes, ``(N, K)``."""
    best = (0, booster.best_iteration + 1)
    return np.asarray(booster.inplace_predict(features, iteration_range=best), dtype=np.float64)
