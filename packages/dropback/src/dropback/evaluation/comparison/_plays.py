"""Collect every play that a passing metric counts, with its passer and its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback._statistics import random_generator
from dropback._xgboost import xgboost_package
from dropback.data import PlaySet
from dropback.data._features import feature_matrix, feature_schema
from dropback.data._outcomes import is_official_attempt, is_repeated, yards
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError

if TYPE_CHECKING:
    import dataframely as dy

    from dropback._arrays import Integers
    from dropback.data import Plays

# The log loss of the completion model over the held-out games of 2017-2023 is .5771; three times
# the work (200 rounds at rate .1, 256 bins) gives .5761, other depths (3, 5) .5774 and .5764: no
# tuning is worth its time.
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


def passing_plays(play_by_play: pl.DataFrame, epa: pl.DataFrame | None = None) -> pl.DataFrame:
    """Attempts, sacks and quarterbacks' runs, with the counts that the metrics sum.

    nflverse's ``pass_attempt`` includes sacks, so it is not used. An *attempt* is one of
    `is_official_attempt` with a passer. A *dropback* is an attempt other than a spike, a sack or a
    scramble. A *quarterback's play* (``qb_play``) is a dropback or a designed run.

    Args:
        play_by_play: What `read_play_by_play` returned.
        epa: What `expected_points_added` returned for it, with ``wpa`` where it is known; None
            leaves both null, and designed runs out.

    Returns:
        ``game_id``, ``play_id``, ``season``, ``season_type``, ``week``, ``posteam``, ``defteam``,
        ``passer_player_id`` and ``passer_player_name`` (on a run: the runner), the 0-1
        columns ``attempt``, ``completion``, ``touchdown``, ``interception``, ``sack``,
        ``dropback``, ``qb_play``, the yards ``passing_yards`` and ``sack_yards`` (lost, positive),
        ``epa`` and ``wpa`` (null where unknown). A play read twice is one row.
    """
    sack = pl.col("sack").fill_null(0) == 1
    passed = pl.col("play_type").is_in(["pass", "qb_spike"])
    spike = (pl.col("qb_spike").fill_null(0) == 1) | (pl.col("play_type") == "qb_spike")
    scramble = (pl.col("qb_scramble").fill_null(0) == 1) & (pl.col("play_type") == "run")
    attempt = is_official_attempt()
    complete = attempt & (pl.col("complete_pass") == 1)
    if epa is None:
        epa = play_by_play.select(*PLAY_KEY, epa=pl.lit(None, dtype=pl.Float64))
    if "qb_run" not in epa.columns:
        epa = epa.with_columns(qb_run=pl.lit(value=False))
    if "wpa" not in epa.columns:
        epa = epa.with_columns(wpa=pl.lit(None, dtype=pl.Float64))
    valued = epa.select(*PLAY_KEY, "epa", "qb_run", "wpa").unique(PLAY_KEY, keep="first")
    ran = pl.col("qb_run").fill_null(value=False)
    dropback = (passed & ~spike) | scramble
    counted = (
        left_join(play_by_play.drop("epa", "wpa", strict=False), valued, on=PLAY_KEY)
        .filter(
            (passed | scramble | ran)
            & (pl.col("two_point_attempt").fill_null(0) == 0)
            & pl.col("down").is_not_null()
        )
        .filter(~is_repeated(pl.lit(value=True)))
        .select(
            "game_id",
            "play_id",
            "season",
            "season_type",
            "week",
            "posteam",
            "defteam",
            *(
                pl.when(scramble | ran)
                .then(f"rusher_player_{part}")
                .otherwise(f"passer_player_{part}")
                .alias(f"passer_player_{part}")
                for part in ("id", "name")
            ),
            _count(attempt, "attempt"),
            _count(complete, "completion"),
            _count(attempt & (pl.col("pass_touchdown") == 1), "touchdown"),
            _count(attempt & (pl.col("interception") == 1), "interception"),
            _count(passed & sack, "sack"),
            _count(dropback, "dropback"),
            _count(dropback | ran, "qb_play"),
            pl.when(complete).then(yards()).fill_null(0).alias("passing_yards"),
            pl.when(passed & sack).then(-pl.col("yards_gained")).fill_null(0).alias("sack_yards"),
            "epa",
            "wpa",
        )
    )
    return counted.filter(pl.col("passer_player_id").is_not_null())


def _count(condition: pl.Expr, name: str) -> pl.Expr:
    return condition.fill_null(value=False).cast(pl.Int64).alias(name)


def completion_over_expected(
    plays: dy.DataFrame[Plays], *, folds: int = 5, seed: int = 0
) -> pl.DataFrame:
    """Completion (1 or 0) minus its probability, for each targeted attempt.

    The probability is that of boosted trees on the features of the score's network (situation,
    depth, direction; neither passer nor receiver). Games are dealt to folds within their season
    and each play is predicted by the model fitted without its fold, never by one that saw it.

    Returns:
        ``game_id``, ``play_id``, ``completion_over_expected`` in [-1, 1].

    Raises:
        RequestError: Fewer games than folds.
    """
    xgboost = xgboost_package()

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


def _folds(plays: pl.DataFrame, folds: int, seed: int) -> Integers:
    """Deal the games of each season to folds in random order; return the fold of each play."""
    games = plays.select("season", "game_id").unique().sort("season", "game_id")
    if len(games) < folds:
        raise RequestError(
            f"A completion model over {folds} folds needs as many games, got {len(games)}: "
            "give more weeks."
        )
    order = random_generator(seed).random(len(games))
    dealt = games.with_columns(pl.Series("order", order)).sort("season", "order")
    numbered = dealt.with_columns((pl.int_range(pl.len()) % folds).alias("dealt"))
    return (
        plays.select("game_id")
        .join(numbered, on="game_id", maintain_order="left")["dealt"]
        .to_numpy()
        .astype(np.int64)
    )
