"""Score a passer's season: how good the throws were, and how well the quarterback played.

A mean of few plays is not the best estimate of anything: both scores are shrunk toward the league
by as many plays as split halves of their own plays ask for. ``docs/results/qb_score.md`` has the
criterion that chose each setting on the seasons up to 2016, and ``research/qb_score_study.py``
prints its figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback._statistics import NORMAL_90, codes
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError
from dropback.scoring._recipes import StandardScore, opponent_effects, standard_scores

if TYPE_CHECKING:
    from collections.abc import Sequence


_SNAP_COLUMNS = ("season", "season_type", "week", "posteam", "defteam", "epa", "epa_source")


@dataclass(frozen=True)
class Shrinkage:
    r"""How a passer's mean over ``n`` plays becomes an estimate, with its interval.

    .. math:: \hat\theta = \frac{1}{2} + \frac{n}{n + K} \left(\bar s - \frac{1}{2}\right),
        \qquad \operatorname{sd} = \sqrt{\frac{d\,\sigma^2}{n + K}}

    the posterior of a normal true score whose variance over passers is :math:`d \sigma^2 / K`.

    Attributes:
        plays: :math:`K`, plays of an average passer that a mean is shrunk by.
        play_sd: :math:`\sigma`, standard deviation of a play's score.
        design_effect: :math:`d`, how much more games vary than independent plays would.

    Raises:
        RequestError: A number that is not positive.
    """

    plays: float
    play_sd: float
    design_effect: float

    def __post_init__(self) -> None:
        for name in ("plays", "play_sd", "design_effect"):
            if not getattr(self, name) > 0:
                raise RequestError(f"{name} must be positive, got {getattr(self, name)}.")

    def mean(self, score: pl.Expr, plays: pl.Expr) -> pl.Expr:
        """The shrunk mean of plays whose mean is `score`."""
        return 0.5 + plays / (plays + self.plays) * (score - 0.5)

    def sd(self, plays: pl.Expr) -> pl.Expr:
        """Posterior standard deviation of the true score."""
        return self.play_sd * (self.design_effect / (plays + self.plays)).sqrt()


QUARTERBACK = StandardScore(throw_share=0.1, opponent_plays=300.0)
"""Settings of a quarterback's play scores."""

QUARTERBACK_SHRINKAGE = Shrinkage(plays=200.0, play_sd=0.2875, design_effect=1.028)
"""Settings of `qb_score`."""

PASSING_OPPONENT_PLAYS = 1000.0
"""Plays of an average defense that what a defense allows its throws is shrunk by."""

PASSING_SHRINKAGE = Shrinkage(plays=200.0, play_sd=0.2749, design_effect=1.036)
"""Settings of `passing_score`."""


def quarterback_plays(snaps: pl.DataFrame, throws: pl.DataFrame) -> pl.DataFrame:
    """Every play of a quarterback: dropbacks, scrambles and designed runs.

    Args:
        snaps: What `expected_points_added` returned.
        throws: Play scores with ``mid_cdf``, the place of a throw's yards in their distribution.

    Returns:
        One row per play: `PLAY_KEY`, ``season``, ``season_type``, ``week``, ``posteam``,
        ``defteam``, ``passer_player_id`` and ``passer_player_name`` (who threw or ran),
        ``designed_run``, ``mid_cdf`` (null without a distribution), ``epa``, ``epa_source``, and
        ``wpa`` and ``wpa_source`` where `snaps` have them. Plays without a player or an EPA are
        left out.

    Raises:
        RequestError: A season has no quarterback's run at all.
    """
    kept = snaps.filter(
        (pl.col("qb_dropback") | pl.col("qb_run"))
        & pl.col("qb_player_id").is_not_null()
        & pl.col("epa").is_not_null()
    )
    require_runs(kept)
    plays = kept.select(
        *PLAY_KEY,
        *_SNAP_COLUMNS,
        *(name for name in ("wpa", "wpa_source") if name in kept.columns),
        pl.col("qb_player_id").alias("passer_player_id"),
        pl.col("qb_player_name").alias("passer_player_name"),
        (~pl.col("qb_dropback")).alias("designed_run"),
    )
    return left_join(plays, throws.select(*PLAY_KEY, "mid_cdf"), on=PLAY_KEY)


def require_runs(snaps: pl.DataFrame) -> None:
    """Refuse snaps of a season without any run of a quarterback.

    Raises:
        RequestError: The season's rows have none, as where a source leaves runs out.
    """
    runs = snaps.group_by("season").agg(pl.col("qb_run").sum()).filter(pl.col("qb_run") == 0)
    if lost := sorted(runs["season"]):
        raise RequestError(
            "qb_score counts a quarterback's own runs, but the play-by-play of "
            f"{', '.join(map(str, lost))} has none: it needs running plays with "
            "'rusher_player_id'; passing_score needs no runs."
        )


def quarterback_scores(plays: pl.DataFrame, settings: StandardScore = QUARTERBACK) -> pl.Series:
    """Score of each play of `quarterback_plays`, one half for an average play: ``qb_score``."""
    return standard_scores(plays, settings).rename("qb_score")


def passing_scores(
    throws: pl.DataFrame, opponent_plays: float = PASSING_OPPONENT_PLAYS
) -> pl.Series:
    """Score of each throw: its mid-CDF less the season's drift and what its defense allows.

    Args:
        throws: Play scores: ``season``, ``game_id``, ``passer_player_id``, ``defteam``, and
            ``mid_cdf`` in every row.
        opponent_plays: See `opponent_effects`; infinity leaves defenses in.

    Returns:
        ``passing_score``, with a mean of one half in each season but for the defenses.
    """
    season = codes(throws["season"])
    cdf = throws["mid_cdf"].cast(pl.Float64).to_numpy()
    counts = np.bincount(season)
    centered = cdf - (np.bincount(season, cdf) / counts)[season]
    centered -= opponent_effects(
        centered,
        season=season,
        passer=codes(throws.select("season", "passer_player_id")),
        defense=codes(throws.select("season", "defteam")),
        game=codes(throws.select("game_id", "defteam")),
        ridge=opponent_plays,
    )
    return pl.Series("passing_score", 0.5 + centered)


def shrunk_seasons(
    plays: pl.DataFrame,
    name: str,
    shrinkage: Shrinkage,
    *,
    by: Sequence[str] = ("season", "passer_player_id"),
    extra: Sequence[pl.Expr] = (),
) -> pl.DataFrame:
    """One row per passer and season: the shrunk mean of a play score, with its 90 % interval.

    Args:
        plays: Play scores with the columns `by`, ``game_id``, ``posteam``,
            ``passer_player_name`` and `name`, one half for an average play.
        name: Column of the play score, and of the result.
        shrinkage: Its settings.
        by: Columns that make a row.
        extra: Further aggregates of a row's plays.

    Returns:
        `by`, ``passer_player_name`` (the last spelling), ``team`` (of most plays first, joined by
        ``/``), ``games``, ``plays``; `name`, ``<name>_low`` and ``<name>_high`` (90 % of the
        posterior of the true score), ``<name>_sd``, ``<name>_mean`` (not shrunk) and `extra`;
        ordered by `by`.
    """
    teams = (
        plays.group_by(*by, "posteam")
        .agg(pl.len().alias("n"))
        .sort(*by, "n", "posteam", descending=[*[False] * len(by), True, False])
        .group_by(by, maintain_order=True)
        .agg(pl.col("posteam").str.join("/").alias("team"))
    )
    rows = plays.group_by(by).agg(
        pl.col("passer_player_name").drop_nulls().last(),
        pl.col("game_id").n_unique().cast(pl.Int64).alias("games"),
        pl.len().cast(pl.Int64).alias("plays"),
        pl.col(name).mean().alias(f"{name}_mean"),
        *extra,
    )
    count = pl.col("plays").cast(pl.Float64)
    mean = shrinkage.mean(pl.col(f"{name}_mean"), count)
    sd = shrinkage.sd(count)
    others = [
        column for column in rows.columns if column not in {*by, "passer_player_name", "games"}
    ]
    return (
        rows.join(teams, on=list(by))
        .with_columns(
            mean.alias(name),
            (mean - NORMAL_90 * sd).alias(f"{name}_low"),
            (mean + NORMAL_90 * sd).alias(f"{name}_high"),
            sd.alias(f"{name}_sd"),
        )
        .select(
            *by,
            "passer_player_name",
            "team",
            "games",
            "plays",
            *(name, f"{name}_low", f"{name}_high", f"{name}_sd", f"{name}_mean"),
            *(column for column in others if column not in {"plays", f"{name}_mean"}),
        )
        .sort(by)
    )
