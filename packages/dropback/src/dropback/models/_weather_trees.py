"""Correct what happens to the ball by the weather: a few small trees on those of the throw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from dropback.models._boosting import boost, boosted

if TYPE_CHECKING:
    from dropback._arrays import Flags, Floats, Integers
    from dropback.data._features import FeatureMatrix, FeatureSchema

# research/weather_study.py chose them on 2019 and 2020: from the probabilities of the fit they take
# .0036 and .0027 yards off the CRPS. As columns of its own trees the weather takes nothing off it.
_TREES: Final[dict[str, Any]] = {
    "grow_policy": "lossguide",
    "max_depth": 0,
    "max_leaves": 8,
    "eta": 0.05,
    "min_child_weight": 100,
    "subsample": 0.8,
}


class Told(NamedTuple):
    """Plays, and what a fit that does not know the weather tells of them.

    Attributes:
        columns: What it is corrected by, shape ``(N, C)``.
        results: What happened to each ball, shape ``(N,)``.
        shares: Probability of each thing that may happen, shape ``(N, 3)``.
    """

    columns: FeatureMatrix
    results: Integers
    shares: Floats


def fit_correction(learned: Told, stop: Told | int, seed: int) -> Any | None:  # noqa: ANN401
    """Boost a few small trees from what a fit says happens to the ball.

    Args:
        learned: Plays that the fit was learned from.
        stop: Plays to stop by; or the number of rounds.
        seed: Seed of the subsamples.

    Returns:
        The trees; None without plays to learn from or to stop by, or without rounds.
    """
    if not len(learned.results) or not (len(stop.results) if isinstance(stop, Told) else stop):
        return None
    stop_margins = np.log(stop.shares) if isinstance(stop, Told) else None
    return boost(
        (learned.columns, learned.results),
        (stop.columns, stop.results) if isinstance(stop, Told) else stop,
        seed=seed,
        margins=(np.log(learned.shares), stop_margins),
        objective="multi:softprob",
        num_class=learned.shares.shape[1],
        **_TREES,
    )


def corrected(trees: Any, columns: FeatureMatrix, shares: Floats) -> Floats:  # noqa: ANN401
    """Probability of each thing that may happen, corrected by `fit_correction`, shape ``(N, 3)``.

    Args:
        trees: What `fit_correction` returned.
        columns: As there.
        shares: Probabilities by the fit that was corrected.
    """
    return boosted(trees, columns, np.log(shares)) if len(shares) else shares


def weather_columns(features: FeatureMatrix, schema: FeatureSchema) -> FeatureMatrix:
    """Air yards, and roof, wind, temperature, rain and snow, shape ``(N, 6)``."""
    # Wind is one thing for a screen and another for a throw of 40 yards.
    air_yards = features[:, schema.names.index("air_yards")]
    return np.column_stack([air_yards, schema.weather(features)])


def weather_is_known(features: FeatureMatrix, schema: FeatureSchema) -> Flags:
    """Whether roof and wind or temperature of each play are known, shape ``(N,)``."""
    weather = schema.weather(features)
    if not weather.shape[1]:
        return np.zeros(len(features), dtype=bool)
    roof, wind, temperature = np.isfinite(weather[:, :3]).T
    return np.asarray(roof & (wind | temperature))
