"""Estimate each snap's probability of winning, by trees that never saw the game.

Win probability added sums to the result of the game, whoever earned it, so it is shown beside the
scores and enters none of them: ``docs/results/qb_score.md`` has what it says about the other half
of a passer's games.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dropback._frames import left_join
from dropback._statistics import random_generator
from dropback._xgboost import xgboost_package
from dropback.data._outcomes import single_plays
from dropback.data._tables import PLAY_KEY
from dropback.errors import RequestError
from dropback.expected_points import timeline

OWN_SOURCE = "dropback win probability"
"""Name of our own model as the source of a table's win probability added."""

# nflverse leaves single plays without a value, whole seasons never.
_RECORDED_SHARE = 0.99
# A lead with so little left is the result: the rest is knelt or thrown away.
_OVER_SECONDS = 120

_FEATURES: dict[str, pl.Expr] = {
    "score_differential": pl.col("score_differential"),
    "game_seconds_remaining": pl.col("game_seconds_remaining"),
    # A lead in units of what a game moves in the time left (Stern 1994, a Brownian motion).
    "lead_by_time": pl.col("score_differential") / (pl.col("game_seconds_remaining") + 60).sqrt(),
    "half_seconds_remaining": pl.col("half_seconds_remaining"),
    "half": pl.col("half"),
    "yardline_100": pl.col("yardline_100"),
    "down": pl.col("down"),
    "ydstogo": pl.col("ydstogo"),
    "home": pl.col("home"),
    "receives_next_half": pl.col("receives_next_half"),
}
# More points never hurt.
_MONOTONE = ("score_differential", "lead_by_time")


@dataclass(frozen=True)
class WinProbabilitySettings:
    """How the trees are grown.

    Attributes:
        folds: Folds of games, and so models.
        rounds: Boosting rounds.
        learning_rate: Weight of a round.
        depth: Greatest depth of a tree.
        min_child_weight: Smallest sum of second derivatives in a leaf; large, because the 150
            snaps of a game have one result.
    """

    folds: int = 2
    rounds: int = 80
    learning_rate: float = 0.1
    depth: int = 5
    min_child_weight: float = 200.0

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise RequestError(
                f"folds must be at least 2, got {self.folds}: a game is valued by a model that "
                "has not seen it."
            )
        for name in ("rounds", "learning_rate", "depth", "min_child_weight"):
            if not getattr(self, name) > 0:
                raise RequestError(f"{name} must be positive, got {getattr(self, name)}.")


def recorded_wpa(play_by_play: pl.DataFrame) -> bool:
    """Whether nflverse's ``wpa`` is filled for the passes of every season of the source."""
    passes = play_by_play.filter((pl.col("play_type") == "pass") & pl.col("down").is_not_null())
    filled = passes.group_by("season").agg(pl.col("wpa").is_not_null().mean())["wpa"]
    return len(filled) > 0 and float(filled.min()) >= _RECORDED_SHARE  # type: ignore[arg-type]


def finished_games(played: pl.DataFrame) -> pl.DataFrame:
    """Result of each game that was played to its end, from its last row and nflverse's scores.

    A game has ended where its last row stands in the fourth quarter with at most two minutes left
    and a lead, or in overtime with a lead or nothing left.

    Args:
        played: What `timeline` returned.

    Returns:
        ``game_id``, ``home_won``: 1, 1/2 for a tie, 0. Other games, of a season in progress or
        broken off, are absent.
    """
    side = pl.when("home").then(1).otherwise(-1)
    last = played.group_by("game_id", maintain_order=True).agg(
        pl.coalesce(
            pl.col("home_score") - pl.col("away_score"),
            side * (pl.col("score_differential") + pl.col("points")),
        )
        .last()
        .alias("lead"),
        pl.col("qtr", "quarter_seconds_remaining").last(),
    )
    decided = pl.col("lead") != 0
    regular = (pl.col("qtr") == 4) & (pl.col("quarter_seconds_remaining") <= _OVER_SECONDS)
    extra = pl.col("qtr") > 4
    out = pl.col("quarter_seconds_remaining") <= _OVER_SECONDS
    return last.filter((regular & decided) | (extra & (decided | out))).select(
        "game_id", home_won=(pl.col("lead").sign() + 1) / 2
    )


def win_probability_added(
    play_by_play: pl.DataFrame,
    settings: WinProbabilitySettings | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
) -> pl.DataFrame:
    """How much each snap changed the probability that its team wins.

    nflverse's ``wpa`` is read where every season has it; otherwise boosted trees are fitted on the
    snaps of finished games, and each game is valued by those that did not see it. No table mixes
    both. The value after a play is that of the next snap, or the result after the last one, which
    is unknown (null) in a game without an end.

    Args:
        play_by_play: What `read_play_by_play` returned.
        settings: Settings of the trees.
        seed: Seed of the folds.
        threads: Threads that grow a tree.

    Returns:
        One row per snap: `PLAY_KEY`, ``wp`` (before the play; null where `wpa` was read), ``wpa``
        and ``wpa_source``; all null with fewer than two finished games a fold, as in the first
        days of a season.
    """
    if recorded_wpa(play_by_play):
        snaps = single_plays(play_by_play).filter(pl.col("down").is_not_null())
        return snaps.select(
            *PLAY_KEY,
            pl.lit(None, pl.Float64).alias("wp"),
            "wpa",
            pl.lit("nflverse wpa").alias("wpa_source"),
        )
    snaps = _snaps(play_by_play)
    valued = snaps.with_columns(
        wp=pl.Series(
            _probabilities(snaps, settings or WinProbabilitySettings(), seed, threads)
        ).fill_nan(None)
    )
    same = pl.col("posteam").shift(-1).over("game_id") == pl.col("posteam")
    following = pl.col("wp").shift(-1).over("game_id")
    after = pl.when(same).then(following).otherwise(1 - following)
    return valued.select(
        *PLAY_KEY,
        "wp",
        (pl.coalesce(after, "won") - pl.col("wp")).alias("wpa"),
        pl.when(pl.col("wp").is_not_null()).then(pl.lit(OWN_SOURCE)).alias("wpa_source"),
    )


def _snaps(play_by_play: pl.DataFrame) -> pl.DataFrame:
    played = timeline(play_by_play)
    # A million snaps of all columns are a gigabyte: what is not read goes first.
    read = {*PLAY_KEY, "posteam", *(n for e in _FEATURES.values() for n in e.meta.root_names())}
    snaps = played.filter("scrimmage").select(sorted(read - {"receives_next_half"}))
    rows = left_join(snaps, finished_games(played), on="game_id")
    opened = pl.col("posteam").first().over("game_id")
    won = pl.when("home").then("home_won").otherwise(1 - pl.col("home_won"))
    return rows.with_columns(
        won=won, receives_next_half=(pl.col("half") == 0) & (pl.col("posteam") != opened)
    )


def _probabilities(
    snaps: pl.DataFrame, settings: WinProbabilitySettings, seed: int, threads: int
) -> np.ndarray:
    finished = snaps.filter(pl.col("won").is_not_null())["game_id"].unique().sort()
    if len(finished) < 2 * settings.folds:
        return np.full(len(snaps), np.nan)
    xgboost = xgboost_package()

    games = snaps["game_id"].unique().sort()
    order = random_generator(seed, 5).permutation(len(games))
    fold = snaps["game_id"].replace_strict(games, order % settings.folds).to_numpy()
    features = np.ascontiguousarray(
        snaps.select(e.cast(pl.Float32).alias(name) for name, e in _FEATURES.items()).to_numpy()
    )
    won = snaps["won"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_bin": 128,
        "max_depth": settings.depth,
        "eta": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "monotone_constraints": "(" + ",".join(str(int(n in _MONOTONE)) for n in _FEATURES) + ")",
        "nthread": threads,
        "seed": seed,
    }
    found = np.empty(len(snaps))
    for left_out in range(settings.folds):
        learned = (fold != left_out) & np.isfinite(won)
        matrix = xgboost.QuantileDMatrix(
            features[learned], won[learned], max_bin=128, nthread=threads
        )
        booster = xgboost.train(parameters, matrix, num_boost_round=settings.rounds)
        inside = fold == left_out
        found[inside] = booster.inplace_predict(features[inside])
    return found
