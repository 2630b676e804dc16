"""Score a play by where its yards fall in the distribution of a league-average passer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dropback.data import Scores
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError

if TYPE_CHECKING:
    import dataframely as dy

    from dropback.data import Plays, Predictions


def score_plays(
    plays: dy.DataFrame[Plays], predictions: dy.DataFrame[Predictions]
) -> dy.DataFrame[Scores]:
    """Score each play by the mid-distribution function ``F(y - 1) + P(y) / 2``.

    Yards are whole and a third of all targeted attempts end at exactly 0, so the plain CDF would
    give an average passer more than one half; the mid-CDF gives exactly one half.

    Args:
        plays: The plays and their circumstances, which become the columns to split by.
        predictions: Predictions of the same plays.

    Returns:
        One row per play, `play_score` in [0, 1].

    Raises:
        RequestError: A play has no prediction.
    """
    numbers = predictions.select(
        *PLAY_KEY, "outcome", "tracked", "fold", "median", "mean", "mid_cdf"
    )
    scored = plays.join(numbers, on=PLAY_KEY, validate="1:1", maintain_order="left")
    if scored.height < plays.height:
        raise RequestError(
            f"Each play must have a prediction, but {plays.height - scored.height} of "
            f"{plays.height} have none: predict the plays that are scored."
        )
    return Scores.validate(scored.with_columns(play_score=pl.col("mid_cdf")), cast=True)
