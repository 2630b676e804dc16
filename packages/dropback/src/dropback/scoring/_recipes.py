"""Score plays by the published recipe, or by the standardized one.

The published recipe is the mean CDF of the yards, which is stable from year to year and only
loosely tied to winning; expected points added are the reverse. A play's standardized score is a
fixed mixture of both, less what its defense usually allows. ``docs/explanation/score.md``
gives the reasons and ``research/score_study.py`` the evidence for each setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import validated
from dropback._statistics import FEWEST_CENTERED, codes, standardized
from dropback.data import Scores
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Floats, Integers
    from dropback.data import Plays, Predictions

# Standard deviation of a uniform variable: the standardized score spreads as the plain one does.
_UNIFORM_SD = 12**-0.5


def score_plays(
    plays: dy.DataFrame[Plays], predictions: dy.DataFrame[Predictions]
) -> dy.DataFrame[Scores]:
    """Score each play by the mid-distribution function ``F(y - 1) + P(y) / 2``.

    Yards are whole and a third of all targeted attempts end at exactly 0, so the plain CDF would
    give an average passer more than one half; the mid-CDF gives exactly one half.

    A season that the model has not seen is not quite like those that it has: `season_drift` says
    by how much the mean score of the season's plays is off, so that rankings can take it out.

    Args:
        plays: The plays and their circumstances, which become the columns to split by.
        predictions: Predictions of the same plays.

    Returns:
        One row per play, `play_score` in [0, 1], and its season's drift (see `season_drift`).

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
    scored = scored.with_columns(play_score=pl.col("mid_cdf"), season_drift=season_drift("mid_cdf"))
    return validated(Scores, scored)


def season_drift(column: str) -> pl.Expr:
    """Mean of a mid-CDF over each season's plays less one half; 0 for seasons below 2,500 plays."""
    mean = pl.col(column).mean().over("season")
    return (
        pl.when(pl.len().over("season") >= FEWEST_CENTERED).then(mean - 0.5).otherwise(pl.lit(0.0))
    )


@dataclass(frozen=True)
class StandardScore:
    """Settings of the standardized score.

    Attributes:
        throw_share: Weight of the throw (mid-CDF of its yards) against the value of the dropback
            (expected points added), both in standard deviations of the season's plays.
        opponent_plays: Plays of a league-average defense that the estimate of a defense is
            shrunk by; infinity leaves defenses out.

    Raises:
        RequestError: A setting outside its range.
    """

    throw_share: float = 0.15
    opponent_plays: float = 100.0

    def __post_init__(self) -> None:
        if not 0 <= self.throw_share <= 1:
            raise RequestError(f"throw_share must be in [0, 1], got {self.throw_share}.")
        if not self.opponent_plays > 0:
            raise RequestError(f"opponent_plays must be positive, got {self.opponent_plays}.")


def standard_scores(plays: pl.DataFrame, settings: StandardScore | None = None) -> pl.Series:
    r"""Standardized score of each dropback, one half for a league-average passer.

    With ``u`` the mid-CDF of the yards and ``v`` the expected points added, in standard deviations
    from the season's mean (over throws with a prediction, and over all dropbacks):

    .. math:: s_i = \lambda \frac{u_i}{c} + (1 - \lambda) v_i - d_{j(i)}

    ``u`` is 0 without a prediction (a sack, a throw-away), ``c`` the season's share of dropbacks
    that have one, ``d`` what the defense allows beyond the average in its *other* games
    (`opponent_effects`). The result is ``1/2 + s / sqrt(12)`` with ``s`` in standard deviations.

    Args:
        plays: One row per dropback: ``season``, ``game_id``, ``passer_player_id``, ``defteam``,
            ``mid_cdf`` (null without a prediction), ``epa``.
        settings: Defaults are those chosen on the seasons up to 2016.

    Raises:
        RequestError: A dropback without `epa`.
    """
    chosen = settings or StandardScore()
    missing = plays["epa"].null_count()
    if missing:
        raise RequestError(
            f"Each dropback needs its expected points added, but {missing} of {plays.height} "
            "have a null 'epa': score the play-by-play of these plays."
        )
    season = codes(plays["season"])
    cdf = plays["mid_cdf"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    thrown = np.isfinite(cdf)
    value = standardized(plays["epa"].to_numpy(), season)
    share = np.bincount(season, thrown) / np.bincount(season)
    throw = standardized(cdf, season, thrown) / np.where(share > 0, share, 1.0)[season]
    mixed = chosen.throw_share * throw + (1 - chosen.throw_share) * value
    mixed -= opponent_effects(
        mixed,
        season=season,
        passer=codes(plays.select("season", "passer_player_id")),
        defense=codes(plays.select("season", "defteam")),
        game=codes(plays.select("game_id", "defteam")),
        ridge=chosen.opponent_plays,
    )
    return pl.Series("play_score", 0.5 + _UNIFORM_SD * standardized(mixed, season))


def opponent_effects(
    values: Floats,
    *,
    season: Integers,
    passer: Integers,
    defense: Integers,
    game: Integers,
    ridge: float,
) -> Floats:
    """What each play's defense allows beyond the average, measured in its other games.

    Passers and defenses are crossed random effects of one season, each shrunk as if by `ridge`
    plays of an average one, solved by alternation. The game of the play itself is left out of
    its defense's effect, so that a passer's own good game does not count as a weak defense.

    Args:
        values: Play values, shape ``(N,)``.
        season: Season codes from 0; the effects are about the season's mean.
        passer: Integers of passer and season.
        defense: Integers of defense and season.
        game: Integers of game and defense.
        ridge: Plays to shrink by; infinity gives zeros.

    Returns:
        Shape ``(N,)``, in units of `values`.

    References:
        Henderson (1975), "Best linear unbiased estimation and prediction", for the equations.
    """
    if np.isinf(ridge):
        return np.zeros(len(values))
    centered = values - _means(values, season)[season]
    allowed = np.zeros(defense.max() + 1)
    # Errors shrink by a factor of 10 a round on real seasons; ten rounds leave 1e-9.
    for _ in range(10):
        own = _means(centered - allowed[defense], passer, ridge)
        residual = centered - own[passer]
        allowed = _means(residual, defense, ridge)
    sums, plays = np.bincount(defense, residual), np.bincount(defense)
    game_sums, game_plays = np.bincount(game, residual), np.bincount(game)
    others: Floats = (sums[defense] - game_sums[game]) / (plays[defense] - game_plays[game] + ridge)
    return others


def _means(values: Floats, group: Integers, ridge: float = 0.0) -> Floats:
    return np.bincount(group, values) / (np.bincount(group) + ridge)
