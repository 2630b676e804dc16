"""The whole distribution of each play: a row for every yard that it may gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from dropback.data._features import feature_matrix
from dropback.data._tables import Outcome
from dropback.errors import RunError
from dropback.models._grid import YARDS
from dropback.models._model import whole_yard_distribution
from dropback.models._predict import (
    cdf_on_field,
    each_in_a_thread,
    model_chunks,
    require_predictable,
)

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Integers
    from dropback.data._tables import Plays
    from dropback.models._model import Predictor
    from dropback.models._network import PlayInputs

_KEYS = ("game_id", "play_id", "season", "week", "passer_player_id")
_PLACE = "place of the play"


def yard_probabilities(
    model: Predictor, plays: dy.DataFrame[Plays], features: PlayInputs | None = None
) -> pl.DataFrame:
    """Probability of each whole yard that each play may gain, and of at most so many.

    Args:
        model: A trained model of yards.
        plays: As for `predict_plays`; their outcomes are not looked at.
        features: Tracking of the plays; None takes the columns of play-by-play.

    Returns:
        The keys of the play, ``yards`` from its ``yards_min`` to its ``yards_max``, which is a
        touchdown, ``probability`` and ``cdf``; in the order of the plays, then of the yards.

    Raises:
        RunError: As for `predict_plays`; or a model of expected points.
    """
    require_predictable(model, plays)
    if model.outcome is not Outcome.YARDS:
        raise RunError(
            f"Probabilities of whole yards need a model of yards, and this one predicts "
            f"{model.outcome.value!r}: train a run with --outcome yards."
        )
    inputs = feature_matrix(plays, model.schema) if features is None else features
    low, high = (plays[name].to_numpy() for name in ("yards_min", "yards_max"))
    chunks = model_chunks(model, plays)

    def of_chunk(chunk: int) -> pl.DataFrame:
        rows, fold = chunks[chunk]
        with torch.inference_mode():
            latent = model.predict_distribution(inputs[rows], None if fold < 0 else fold)
            whole = whole_yard_distribution(latent, low[rows], high[rows])
            cdf = cdf_on_field(whole, int(low[rows].min()), int(high[rows].max()))
        return _long(rows, cdf, low[rows], high[rows])

    found = pl.concat(each_in_a_thread(of_chunk, len(chunks))).sort(_PLACE, "yards")
    keys = plays.select(_KEYS)[found[_PLACE]]
    return keys.hstack(found.drop(_PLACE))


def _long(rows: Integers, cdf: np.ndarray, low: Integers, high: Integers) -> pl.DataFrame:
    """A row for each play and yard that it may gain, of the CDF at `YARDS`, ``(n, 211)``."""
    play, yard = np.nonzero((low[:, None] <= YARDS) & (high[:, None] >= YARDS))
    # Rounding may let a CDF fall by a last digit.
    probability = np.diff(cdf, axis=1, prepend=0.0).clip(min=0.0)
    return pl.DataFrame(
        {
            _PLACE: rows[play],
            "yards": YARDS[yard].astype(np.int64),
            "probability": probability[play, yard],
            "cdf": cdf[play, yard],
        }
    )
