"""Center play scores: measure each season's drift over a table, and subtract it in one place."""

from __future__ import annotations

import polars as pl

from dropback._statistics import FEWEST_CENTERED
from dropback.errors import RequestError

SCORE = "play_score"
DRIFT = "season_drift"


def with_measured_drift(scores: pl.DataFrame) -> pl.DataFrame:
    """The play scores with the drift of each season as a whole, however they were scored.

    A drift that all plays of a season share was measured over that season. Weeks that were scored
    apart and put together have none, or several: there it is measured over the plays of the season
    in `scores`, where they are 2,500 or more with a mid-CDF.

    Args:
        scores: All play scores of the seasons, before any is left out. Without the column
            ``season_drift`` they stay as they are: they need no center, or have one of their own.
    """
    if not {DRIFT, "season", "mid_cdf"} <= set(scores.columns):
        return scores
    placed = pl.col("mid_cdf").is_not_null().sum().over("season")
    shared = (pl.col(DRIFT).n_unique().over("season") == 1) & (pl.col(DRIFT) != 0)
    measured = pl.col("mid_cdf").mean().over("season") - 0.5
    return scores.with_columns(
        pl.when(~shared.fill_null(value=False) & (placed >= FEWEST_CENTERED))
        .then(measured)
        .otherwise(DRIFT)
        .alias(DRIFT)
    )


def centered(scores: pl.DataFrame) -> pl.DataFrame:
    """The play scores less their season's drift; what was subtracted is in ``season_drift``, or 0.

    Raises:
        RequestError: A drift that is no number.
    """
    if DRIFT not in scores.columns:
        return scores.with_columns(pl.lit(0.0).alias(DRIFT))
    drift = scores[DRIFT].cast(pl.Float64)
    good = drift.is_finite().fill_null(value=False)
    if not good.all():
        bad = scores.filter(~good)
        raise RequestError(
            f"{DRIFT} must be a finite number in every play, but is {bad[DRIFT][0]} in "
            f"{bad.height} of {scores.height} plays, first in game {bad['game_id'][0]}."
        )
    return scores.with_columns(drift.alias(DRIFT), pl.col(SCORE).cast(pl.Float64) - drift)
