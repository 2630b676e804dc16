"""From play scores to rows that rank: means, intervals, shrinkage, the display scale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dropback.bootstrap import grouped_means
from dropback.errors import RequestError
from dropback.field import QUALIFYING_ATTEMPTS_PER_TEAM_GAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["GROUPINGS", "DisplayScale", "leaderboard"]

GROUPINGS: dict[str, tuple[str, ...]] = {
    "passer": ("passer_player_id", "passer_player_name"),
    "season": ("season",),
    "week": ("week",),
    "game": ("game_id",),
    "team": ("posteam",),
}
"""What a leaderboard may be grouped by, and the columns that stand for it."""

# Attempts a passer needs: 14 a game of his team (NFL Record and Fact Book), or a number.
_NFL_RULE = "nfl"

# Polars opens the files that a subquery names while it parses, so these words are refused before,
# within quotes too: what is quoted differs between dialects.
_QUERY = re.compile(r"\b(?:select|table|values|(?:read|scan)_\w+)\b", re.IGNORECASE)


@dataclass(frozen=True)
class DisplayScale:
    """The 50-99 scale beside the mean score: linear, cut off at both ends.

    The publication shows the best of all qualified seasons of 2018-2021 at 99 and mid-table
    seasons in the mid-80s (rank 13 at 88, rank 19 at 85). A line through an average league at
    `average` and a fixed slope does the same; it is absolute, so that 90 means the same in every
    table. The best season's mean score is .5629 (Rodgers 2020, as published), which gives the
    slope; his 2019 and 2018, ranks 15 and 20 in their seasons, then show 86.0 and 85.6.
    ``benchmarks/display_scale.py`` prints these figures.

    Attributes:
        average: Display value of a mean score of exactly one half.
        slope: Display points for a mean score higher by one.
    """

    average: float = 85.0
    slope: float = 222.0

    def __call__(self, score: pl.Expr) -> pl.Expr:
        """Display value of a mean score."""
        return (self.average + self.slope * (score - 0.5)).clip(50, 99)


def leaderboard(
    scores: pl.DataFrame,
    *,
    by: Sequence[str] = ("passer", "season"),
    where: str | None = None,
    min_attempts: int | str = 1,
    replicates: int = 1000,
    seed: int = 0,
    scale: DisplayScale | None = None,
) -> pl.DataFrame:
    """Rank groups of plays by their mean score.

    Args:
        scores: Play scores, as `score_plays` gives them.
        by: Names among `GROUPINGS`.
        where: SQL predicate over the columns of `scores`; None keeps all plays.
        min_attempts: Plays a row needs after `where`, or ``"nfl"``: official attempts of 14 per
            game of the passer's team in each season, counted before `where`, so that a
            qualified passer stays qualified in a split, and over regular-season games where
            `scores` holds any.
        replicates: Bootstrap replicates over games.
        seed: Of the bootstrap.
        scale: Of the display column.

    Returns:
        One row a group, best first: rank, the grouping columns, plays, games, ``score`` (mean),
        ``score_low`` and ``score_high`` (90 % interval, games resampled within the group),
        ``score_shrunk`` (empirical Bayes among the rows that are shown, towards the mean of
        their plays), ``display``.

    Raises:
        RequestError: An unknown grouping, a predicate that is no SQL or names no column, or no
            row left.

    References:
        Shrinkage: DerSimonian and Laird (1986), eq. 8, for the variance between groups; Efron
        and Morris (1975) for the estimator.
    """
    keys = _keys(by)
    kept = _where(scores, where)
    if min_attempts == _NFL_RULE:
        kept = _of_qualified(kept, scores)
    units = _units(kept, keys)
    rows = _rows(units, keys, replicates=replicates, seed=seed)
    if min_attempts != _NFL_RULE:
        rows = rows.filter(pl.col("plays") >= _at_least_one(min_attempts))
    if rows.is_empty():
        raise RequestError(
            f"No row is left with min_attempts={min_attempts} and where={where!r}: "
            f"{kept.height} of {scores.height} plays met the predicate; ask for less."
        )
    ranked = rows.sort("score", descending=True, maintain_order=True)
    return ranked.select(
        pl.col("score").rank("min", descending=True).cast(pl.Int64).alias("rank"),
        *keys,
        "plays",
        "games",
        "score",
        "score_low",
        "score_high",
        pl.Series("score_shrunk", _shrunk(ranked)),
        (scale or DisplayScale())(pl.col("score")).alias("display"),
    )


def _keys(by: Sequence[str]) -> list[str]:
    unknown = [name for name in by if name not in GROUPINGS]
    if unknown or not by:
        raise RequestError(
            f"Cannot group by {', '.join(map(repr, unknown)) or 'nothing'}: choose among "
            f"{', '.join(GROUPINGS)}."
        )
    return [column for name in dict.fromkeys(by) for column in GROUPINGS[name]]


def _where(scores: pl.DataFrame, where: str | None) -> pl.DataFrame:
    if where is None:
        return scores
    if query := _QUERY.search(where):
        raise RequestError(
            f"The predicate {where!r} must compare columns of the play scores alone, without "
            f"{query[0]!r}: it runs no query and reads no file."
        )
    try:
        return scores.filter(pl.sql_expr(where))
    except pl.exceptions.PolarsError as error:
        raise RequestError(
            f"The predicate {where!r} does not hold for play scores "
            f"({str(error).splitlines()[0]}); their columns are {', '.join(scores.columns)}."
        ) from error


def _of_qualified(kept: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Plays of passer-seasons with 14 official attempts per team game."""
    season = ["passer_player_id", "season"]
    regular = scores.filter(pl.col("season_type") == "REG")
    qualified = (
        (scores if regular.is_empty() else regular)
        .group_by(*season, "game_id")
        .agg(pl.col("official_attempts", "team_games").max())
        .group_by(season)
        .agg(pl.col("official_attempts").sum(), pl.col("team_games").max())
        .filter(
            pl.col("official_attempts") >= QUALIFYING_ATTEMPTS_PER_TEAM_GAME * pl.col("team_games")
        )
    )
    return kept.join(qualified, on=season, how="semi")


def _at_least_one(min_attempts: int | str) -> int:
    try:
        number = int(min_attempts)
    except ValueError as error:
        raise RequestError(
            f"min_attempts must be a whole number or 'nfl', got {min_attempts!r}."
        ) from error
    return max(1, number)


def _units(kept: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The bootstrap's units: the plays of one group in one game."""
    names = [key for key in keys if key.endswith("_name")]
    identity = [key for key in keys if key not in names]
    units = (
        kept.group_by([*identity, *({"game_id"} - set(identity))])
        .agg(
            pl.col("play_score").sum().alias("sum"),
            pl.col("play_score").pow(2).sum().alias("sum_of_squares"),
            pl.len().alias("plays"),
            *(pl.col(name).max() for name in names),
        )
        .sort(*identity, *({"game_id"} - set(identity)))
    )
    return units.with_columns(
        (pl.struct(identity).rle_id()).cast(pl.Int64).alias("group"),
        # A passer is shown under one name even where game books spell it in two ways.
        *(pl.col(name).drop_nulls().last().over(identity) for name in names),
    )


def _rows(units: pl.DataFrame, keys: list[str], *, replicates: int, seed: int) -> pl.DataFrame:
    if units.is_empty():
        return pl.DataFrame(schema={"plays": pl.Int64, "score": pl.Float64})
    rows = (
        units.group_by("group", *(key for key in keys), maintain_order=True)
        .agg(
            pl.col("sum", "sum_of_squares", "plays").sum(),
            pl.col("sum").len().cast(pl.Int64).alias("games"),
        )
        .with_columns(score=pl.col("sum") / pl.col("plays"))
    )
    means = grouped_means(
        units["group"].to_numpy(),
        units["sum"].to_numpy(),
        units["plays"].to_numpy().astype(float),
        replicates=replicates,
        seed=seed,
    )
    low, high = np.quantile(means, (0.05, 0.95), axis=0)
    single = rows["games"].to_numpy() < 2
    return rows.with_columns(
        score_low=pl.Series(np.where(single, np.nan, low)).fill_nan(None),
        score_high=pl.Series(np.where(single, np.nan, high)).fill_nan(None),
        plays=pl.col("plays").cast(pl.Int64),
    )


def _shrunk(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Posterior means of the groups under a normal prior estimated from all of them."""
    plays = rows["plays"].to_numpy().astype(float)
    mean = rows["score"].to_numpy()
    total = plays.sum()
    league = float((plays * mean).sum() / total)
    # Play-to-play variance within groups, pooled; a group's mean has that over its plays.
    squares = float(rows["sum_of_squares"].sum() - (plays * mean**2).sum())
    if total == len(plays):  # one play a group: nothing tells skill from luck
        return np.full(len(plays), league)
    within = squares / (total - len(plays))
    if within <= 0 or len(plays) < 2:
        return mean
    variance = within / plays
    precision = 1 / variance
    centre = float((precision * mean).sum() / precision.sum())
    heterogeneity = float((precision * (mean - centre) ** 2).sum()) - (len(plays) - 1)
    spread = float(precision.sum() - (precision**2).sum() / precision.sum())
    between = max(0.0, heterogeneity / spread)
    trust = between / (between + variance)
    shrunk: npt.NDArray[np.float64] = league + trust * (mean - league)
    return shrunk
