"""Gradient boosting by XGBoost, stopped early on validation games."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix

_MOST_ROUNDS = 3000


@dataclass(frozen=True)
class Labeled:
    """Rows for trees to learn from, or to stop by.

    Attributes:
        features: Shape ``(N, F)``.
        labels: Shape ``(N,)``.
        weights: How much each row counts, shape ``(N,)``; None where all count the same.
    """

    features: FeatureMatrix
    labels: npt.NDArray[Any]
    weights: Floats | None = None


def boost(
    training: Labeled,
    validation: Labeled,
    *,
    seed: int,
    patience: int = 50,
    **parameters: object,
) -> Any:  # noqa: ANN401  # xgboost ships no types
    """Boost trees until the validation loss has not fallen for `patience` rounds; keep the best.

    Args:
        training: Rows to learn from.
        validation: Rows to stop by.
        seed: Seed of the subsamples.
        patience: Rounds.
        **parameters: XGBoost's own.
    """
    import xgboost  # noqa: PLC0415  # half a second that only trees need

    learned = xgboost.QuantileDMatrix(training.features, training.labels, weight=training.weights)
    stops = xgboost.QuantileDMatrix(
        validation.features, validation.labels, weight=validation.weights, ref=learned
    )
    booster = xgboost.train(
        {"tree_method": "hist", "nthread": torch.get_num_threads(), "seed": seed, **parameters},
        learned,
        num_boost_round=_MOST_ROUNDS,
        evals=[(stops, "validation")],
        early_stopping_rounds=patience,
        verbose_eval=False,
    )
    return booster[: booster.best_iteration + 1]


def boosted(booster: Any, features: FeatureMatrix) -> Floats:  # noqa: ANN401
    """Predictions, shape ``(N,)`` or, of `K` classes, ``(N, K)``."""
    return np.asarray(booster.inplace_predict(features), dtype=np.float64)


def to_tensor(booster: Any) -> Tensor:  # noqa: ANN401
    """The trees in XGBoost's binary form of JSON, shape ``(bytes,)``."""
    return torch.frombuffer(bytearray(booster.save_raw("ubj")), dtype=torch.uint8)


def from_tensor(content: Tensor) -> Any:  # noqa: ANN401
    """The trees that `to_tensor` wrote; no code of the content runs."""
    import xgboost  # noqa: PLC0415

    booster = xgboost.Booster({"nthread": torch.get_num_threads()})
    booster.load_model(bytearray(content.numpy().tobytes()))
    return booster
