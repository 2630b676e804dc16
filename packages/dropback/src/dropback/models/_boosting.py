"""Gradient boosting by XGBoost, stopped early on validation games."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dropback._xgboost import xgboost_package

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt
    from torch import Tensor

    from dropback._arrays import Floats
    from dropback.data._features import FeatureMatrix

    Labeled: TypeAlias = tuple[FeatureMatrix, npt.NDArray[Any]]

_MOST_ROUNDS = 3000


def boost(
    training: Labeled,
    stop: Labeled | int,
    *,
    seed: int,
    patience: int = 50,
    margins: tuple[Floats, Floats | None] | None = None,
    **parameters: object,
) -> Any:  # noqa: ANN401  # xgboost ships no types
    """Boost trees until a loss has not fallen for some rounds, and keep the best.

    Args:
        training: Features and labels to learn from.
        stop: Features and labels whose loss decides; or the number of rounds.
        seed: Seed of the subsamples.
        patience: Rounds without a lower loss.
        margins: Predictions, before their link, to boost from: of those to learn from and of those
            that decide, where plays do; None starts from a constant.
        **parameters: XGBoost's own.
    """
    xgboost = xgboost_package()

    from_here, stop_here = margins or (None, None)
    learned = xgboost.QuantileDMatrix(*training, base_margin=from_here)
    settings = {"tree_method": "hist", "nthread": torch.get_num_threads(), "seed": seed}
    if isinstance(stop, int):
        return xgboost.train(settings | parameters, learned, num_boost_round=stop)
    booster = xgboost.train(
        settings | parameters,
        learned,
        num_boost_round=_MOST_ROUNDS,
        evals=[(xgboost.QuantileDMatrix(*stop, ref=learned, base_margin=stop_here), "validation")],
        early_stopping_rounds=patience,
        verbose_eval=False,
    )
    return booster[: booster.best_iteration + 1]


def boosted(booster: Any, features: FeatureMatrix, margins: Floats | None = None) -> Floats:  # noqa: ANN401
    """Predictions, shape ``(N,)`` or, of `K` classes, ``(N, K)``.

    Args:
        booster: What `boost` returned.
        features: Of the plays.
        margins: Where `boost` had margins, those of these plays.
    """
    return np.asarray(booster.inplace_predict(features, base_margin=margins), dtype=np.float64)


def to_tensor(booster: Any) -> Tensor:  # noqa: ANN401
    """The trees in XGBoost's binary form of JSON, shape ``(bytes,)``."""
    return torch.frombuffer(bytearray(booster.save_raw("ubj")), dtype=torch.uint8)


def from_tensor(content: Tensor) -> Any:  # noqa: ANN401
    """The trees that `to_tensor` wrote; no code of the content runs."""
    xgboost = xgboost_package()

    booster = xgboost.Booster({"nthread": torch.get_num_threads()})
    booster.load_model(bytearray(content.numpy().tobytes()))
    return booster
